-- The tables for sessions and revocations. PostgreSQL 13 or later.
--
-- `PostgresStore::migrate` runs this with the configured schema and prefix in place of the words `tollgate` and dot. It can
-- be run by hand as it stands, in one transaction (`psql --single-transaction`), where that schema exists.
--
-- Times are seconds since the epoch, of 64 bits without a sign, which is more than `bigint` has. Text of users is kept as bytes of UTF-8: it may hold a NUL, and it must not change
-- with the encoding or collation of the database. `convert_from(subject, 'UTF8')` shows it.

CREATE TABLE tollgate.migrations (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tollgate.sessions (
    id bytea PRIMARY KEY CHECK (octet_length(id) = 16),
    subject bytea NOT NULL,
    revision bigint NOT NULL,
    expires_at numeric(20, 0) NOT NULL CHECK (expires_at >= 0),
    data bytea NOT NULL
);

-- By hash, for a subject may be longer than an entry of a B-tree.
CREATE INDEX ON tollgate.sessions USING hash (subject);
CREATE INDEX ON tollgate.sessions (expires_at);

-- A key may be longer than an entry of a B-tree, too: its digest is what is unique.
CREATE TABLE tollgate.revocations (
    digest bytea PRIMARY KEY GENERATED ALWAYS AS (sha256(key)) STORED,
    key bytea NOT NULL,
    issued_before numeric(20, 0) NOT NULL CHECK (issued_before >= 0),
    expires_at numeric(20, 0) NOT NULL CHECK (expires_at >= 0)
);

CREATE INDEX ON tollgate.revocations (expires_at);

-- One row: where the revocations stand. Whoever revokes changes it first, so that they come one after the other, and are
-- committed in the order of their numbers. Half of its page stays free, so that the row is updated in place.
CREATE TABLE tollgate.revocation_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint NOT NULL,
    sequence numeric(20, 0) NOT NULL CHECK (sequence >= 0)
) WITH (fillfactor = 50);

INSERT INTO tollgate.revocation_head (epoch, sequence)
VALUES (('x' || replace(gen_random_uuid()::text, '-', ''))::bit(64)::bigint, 0);

INSERT INTO tollgate.migrations (version) VALUES (1);

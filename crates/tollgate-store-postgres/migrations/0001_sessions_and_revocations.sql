-- The tables for sessions and revocations. PostgreSQL 13 or later.
--
-- `PostgresStore::migrate` runs this with the configured schema and prefix in place of `tollgate`. It
-- can be run by hand, in one transaction (`psql --single-transaction`), if that schema exists.
--
-- Times are in seconds since the epoch, as unsigned 64-bit numbers, which exceed `bigint`. Text of
-- users is stored as bytes of UTF-8: it may contain a NUL, and must not depend on the encoding or
-- collation of the database. `convert_from(subject, 'UTF8')` shows it.

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

-- A hash index, as a subject may be too long for a B-tree.
CREATE INDEX ON tollgate.sessions USING hash (subject);
CREATE INDEX ON tollgate.sessions (expires_at);

-- A key may be too long for a B-tree too, so its digest is unique.
CREATE TABLE tollgate.revocations (
    digest bytea PRIMARY KEY GENERATED ALWAYS AS (sha256(key)) STORED,
    key bytea NOT NULL,
    issued_before numeric(20, 0) NOT NULL CHECK (issued_before >= 0),
    expires_at numeric(20, 0) NOT NULL CHECK (expires_at >= 0)
);

CREATE INDEX ON tollgate.revocations (expires_at);

-- One row: the position of the revocations. Every writer updates it first, so that writers are
-- serialised and commit in the order of their numbers. Half of its page stays free for updates in
-- place.
CREATE TABLE tollgate.revocation_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint NOT NULL,
    sequence numeric(20, 0) NOT NULL CHECK (sequence >= 0)
) WITH (fillfactor = 50);

INSERT INTO tollgate.revocation_head (epoch, sequence)
VALUES (('x' || replace(gen_random_uuid()::text, '-', ''))::bit(64)::bigint, 0);

INSERT INTO tollgate.migrations (version) VALUES (1);

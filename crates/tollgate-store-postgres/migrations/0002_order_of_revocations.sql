-- The order of the revocations, so that instances can read the changes after a position.
--
-- The column has no default: a version of the store that does not know it cannot revoke any more,
-- so that no revocation escapes the order. Replace such instances soon after this migration.

ALTER TABLE tollgate.revocations ADD COLUMN sequence numeric(20, 0) NOT NULL DEFAULT 0 CHECK (sequence >= 0);
ALTER TABLE tollgate.revocations ALTER COLUMN sequence DROP DEFAULT;

CREATE INDEX ON tollgate.revocations (sequence);

INSERT INTO tollgate.migrations (version) VALUES (2);

-- The budgets of failed logins: when each is full again. The keys are keyed hashes. Losing the table
-- logs nobody out, so that it is not logged: after a crash of the server it is empty.

CREATE UNLOGGED TABLE tollgate.attempts (
    key bytea PRIMARY KEY CHECK (octet_length(key) = 16),
    expires_at numeric(20, 0) NOT NULL CHECK (expires_at >= 0),
    step numeric(20, 0) NOT NULL,
    most numeric(20, 0) NOT NULL,
    given_back boolean NOT NULL,
    taken boolean NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX ON tollgate.attempts (expires_at);

INSERT INTO tollgate.migrations (version) VALUES (3);

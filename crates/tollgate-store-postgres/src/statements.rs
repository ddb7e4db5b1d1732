//! The SQL statements, with the names of the tables.

/// The schema of the tables and the prefix of their names.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) schema: String,
    pub(crate) prefix: String,
}

impl Names {
    /// The maximum length of both together. An identifier has at most 63 bytes, and the rest is
    /// needed.
    pub(crate) const LONGEST: usize = 40;

    /// Returns the name of a table. The schema is quoted, as it may be a keyword. No prefix turns a
    /// table name into one.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("\"{}\".{}{name}", self.schema, self.prefix)
    }

    /// Returns the channel of the announcements.
    pub(crate) fn channel(&self) -> String {
        format!("{}.{}revocations", self.schema, self.prefix)
    }

    /// Replaces the names in a migration.
    pub(crate) fn localize(&self, sql: &str) -> String {
        sql.replace("tollgate.", &self.table(""))
    }
}

// The session of a statement may have any settings and any search path, such as those of another
// client of a pooler. So every name, operator and type is qualified, or a keyword; `EXTRACT`,
// `GREATEST`, `unnest` of several arrays and casts do not depend on the search path.
const EQ: &str = "OPERATOR(pg_catalog.=)";
const GT: &str = "OPERATOR(pg_catalog.>)";
const LE: &str = "OPERATOR(pg_catalog.<=)";
const CONCAT: &str = "OPERATOR(pg_catalog.||)";
const PLUS: &str = "OPERATOR(pg_catalog.+)";

/// A random epoch, created by the server.
const EPOCH: &str = "('x' OPERATOR(pg_catalog.||) pg_catalog.replace(\
    pg_catalog.gen_random_uuid()::pg_catalog.text, '-', ''))::bit(64)::bigint";

/// Makes the commit of the statement durable, if by the defaults of the role or the database it is
/// not, and lets the server warn if it is not. It applies to this transaction.
const DURABLY: &str = "CASE WHEN pg_catalog.current_setting('synchronous_commit') \
    OPERATOR(pg_catalog.=) ANY (ARRAY['off', 'local']) \
    THEN pg_catalog.set_config('synchronous_commit', 'on', true) END, \
    CASE WHEN pg_catalog.current_setting('client_min_messages') OPERATOR(pg_catalog.=) 'error' \
    THEN pg_catalog.set_config('client_min_messages', 'warning', true) END";

/// The timeline and the start of the server. With the stored epoch, they identify the history that
/// a position belongs to: both change when a standby is promoted or a backup is restored.
const HISTORY: &str = "(SELECT CASE WHEN pg_catalog.pg_is_in_recovery() \
    THEN (SELECT timeline_id::pg_catalog.text FROM pg_catalog.pg_control_checkpoint()) \
    ELSE pg_catalog.substr(\
    pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) END), \
    (SELECT pg_catalog.pg_postmaster_start_time())";

/// Returns the time up to which entries have ended, for the caller's time in this parameter: the
/// later of the caller's and the server's clock, but at most two hours after the caller's. It is
/// written as `max(min(caller, server), caller - 7200)`.
fn ends(now: &str) -> String {
    format!(
        "GREATEST(LEAST({now}, EXTRACT(epoch FROM pg_catalog.now())::numeric), \
         {now} OPERATOR(pg_catalog.-) 7200::numeric)"
    )
}

/// All statements.
#[derive(Debug)]
pub(crate) struct Statements {
    pub(crate) insert: String,
    pub(crate) load: String,
    pub(crate) replace: String,
    pub(crate) confirm: String,
    pub(crate) of_subject: String,
    pub(crate) forget: String,
    pub(crate) charge: String,
    pub(crate) revoke: String,
    pub(crate) hint: &'static str,
    pub(crate) find: String,
    pub(crate) find_with_session: String,
    pub(crate) entries: String,
    pub(crate) changes: String,
    pub(crate) head: String,
    pub(crate) begin: String,
    pub(crate) clock: &'static str,
    pub(crate) purge_sessions: String,
    pub(crate) purge_revocations: String,
    pub(crate) purge_attempts: String,
}

impl Statements {
    pub(crate) fn new(names: &Names) -> Self {
        let sessions = names.table("sessions");
        let revocations = names.table("revocations");
        let head = names.table("revocation_head");
        let attempts = names.table("attempts");
        // A revocation with an unreadable end has not ended.
        let live = |now: &str| format!("(r.expires_at {GT} {} OR r.expires_at IS NULL)", ends(now));
        Self {
            insert: format!(
                "INSERT INTO {sessions} AS s (id, subject, revision, expires_at, data) \
                 VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (id) DO UPDATE SET subject = excluded.subject, \
                 revision = excluded.revision, expires_at = excluded.expires_at, \
                 data = excluded.data WHERE s.expires_at {LE} $6 RETURNING {DURABLY}"
            ),
            load: format!(
                "SELECT id, subject, revision, expires_at, data FROM {sessions} \
                 WHERE id {EQ} $1 AND expires_at {GT} $2"
            ),
            replace: format!(
                "UPDATE {sessions} SET revision = $2, expires_at = $3, data = $4 \
                 WHERE id {EQ} $1 AND revision {EQ} $5 AND expires_at {GT} $6 RETURNING {DURABLY}"
            ),
            // The row is written again, so that the commit waits for all commits before it.
            confirm: format!(
                "UPDATE {sessions} SET revision = revision \
                 WHERE id {EQ} $1 AND revision {EQ} $2 AND expires_at {GT} $3 RETURNING {DURABLY}"
            ),
            of_subject: format!(
                "SELECT id, subject, revision, expires_at, data FROM {sessions} \
                 WHERE subject {EQ} $1 AND expires_at {GT} $2 LIMIT $3"
            ),
            // Locked in one order, so that two callers do not deadlock.
            forget: format!(
                "WITH old AS (\
                   SELECT id FROM {sessions} WHERE subject {EQ} $1 ORDER BY id FOR UPDATE\
                 ) \
                 DELETE FROM {sessions} AS s USING old WHERE s.id {EQ} old.id RETURNING {DURABLY}"
            ),
            charge: charge(&attempts),
            // The head is updated first, and the entries are read from it. Two callers wait for
            // each other at the head, never at an entry, where they could deadlock. An expired
            // entry is not extended.
            revoke: format!(
                "WITH head AS (\
                   INSERT INTO {head} AS h (epoch, sequence) VALUES ({EPOCH}, 1) \
                   ON CONFLICT (one) DO UPDATE SET sequence = h.sequence {PLUS} 1::numeric \
                   RETURNING epoch, sequence\
                 ), kept AS (\
                   INSERT INTO {revocations} AS r (key, issued_before, expires_at, sequence) \
                   SELECT e.key, e.issued_before, e.expires_at, head.sequence \
                   FROM head, unnest($1, $2, $3) AS e (key, issued_before, expires_at) \
                   ON CONFLICT (digest) DO UPDATE SET sequence = excluded.sequence, \
                   issued_before = CASE WHEN r.expires_at {GT} {ends} \
                     THEN GREATEST(r.issued_before, excluded.issued_before) \
                     ELSE excluded.issued_before END, \
                   expires_at = CASE WHEN r.expires_at {GT} {ends} \
                     THEN GREATEST(r.expires_at, excluded.expires_at) \
                     ELSE excluded.expires_at END\
                 ) \
                 SELECT {DURABLY} FROM head",
                ends = ends("$4")
            ),
            // It need not be durable.
            hint: "SELECT pg_catalog.pg_notify($1, ''), \
                   pg_catalog.set_config('synchronous_commit', 'off', true)",
            find: format!(
                "SELECT r.key, r.issued_before, r.expires_at FROM {revocations} AS r \
                 WHERE r.digest {EQ} ANY (SELECT pg_catalog.sha256(k.key) \
                 FROM pg_catalog.unnest($1) AS k (key)) AND {}",
                live("$2")
            ),
            // The columns of the session and of an entry. Without any, one row has no entry.
            find_with_session: format!(
                "SELECT s.id, s.subject, s.revision, s.expires_at, s.data, \
                 r.digest IS NULL, r.key, r.issued_before, r.expires_at \
                 FROM {sessions} AS s LEFT JOIN {revocations} AS r ON r.digest {EQ} ANY (ARRAY[\
                 pg_catalog.sha256($3), pg_catalog.sha256($4 {CONCAT} s.subject), \
                 pg_catalog.sha256($5 {CONCAT} s.subject)]) AND {} \
                 WHERE s.id {EQ} $1 AND s.expires_at {GT} $2",
                live("$2")
            ),
            // The head and the entries or changes, as of one moment. Without any, one row has no
            // entry.
            entries: format!(
                "SELECT h.epoch, h.sequence, {HISTORY}, r.digest IS NULL, r.key, r.issued_before, \
                 r.expires_at \
                 FROM {head} AS h LEFT JOIN {revocations} AS r ON {}",
                live("$1")
            ),
            changes: format!(
                "SELECT h.epoch, h.sequence, {HISTORY}, r.digest IS NULL, r.key, r.issued_before, \
                 r.expires_at \
                 FROM {head} AS h LEFT JOIN {revocations} AS r ON r.sequence {GT} $2 AND {}",
                live("$1")
            ),
            head: format!("SELECT epoch, sequence, {HISTORY} FROM {head}"),
            // If the head was removed, a new sequence begins.
            begin: format!(
                "INSERT INTO {head} AS h (epoch, sequence) VALUES ({EPOCH}, 0) \
                 ON CONFLICT (one) DO NOTHING"
            ),
            clock: "SELECT pg_catalog.floor(\
                    EXTRACT(epoch FROM pg_catalog.clock_timestamp())::numeric)::bigint",
            purge_sessions: purge(&sessions, "id"),
            purge_revocations: purge(&revocations, "digest"),
            purge_attempts: purge(&attempts, "key"),
        }
    }
}

/// Returns a statement that charges budgets by the rule of `AttemptCharge::apply`. Rows are locked
/// in the order of their keys, so that two callers cannot deadlock. `step` and `most` are stored,
/// because the update sees only columns. The commit need not be durable.
fn charge(attempts: &str) -> String {
    let latest = format!("($5 {PLUS} excluded.most)");
    let there = format!("LEAST(GREATEST(a.expires_at, $5), {latest})");
    let taken = format!("(excluded.given_back OR {there} {PLUS} excluded.step {LE} {latest})");
    format!(
        "INSERT INTO {attempts} AS a (key, expires_at, step, most, given_back, taken) \
         SELECT c.key, CASE WHEN c.given_back THEN $5 ELSE $5 {PLUS} c.step END, c.step, c.most, \
         c.given_back, true \
         FROM unnest($1, $2, $3, $4) AS c (key, step, most, given_back) ORDER BY c.key \
         ON CONFLICT (key) DO UPDATE SET taken = {taken}, \
         expires_at = CASE WHEN excluded.given_back \
           THEN GREATEST({there} OPERATOR(pg_catalog.-) excluded.step, $5) \
           WHEN {taken} THEN {there} {PLUS} excluded.step ELSE {there} END, \
         step = excluded.step, most = excluded.most, given_back = excluded.given_back \
         RETURNING key, taken, expires_at OPERATOR(pg_catalog.-) $5, \
         pg_catalog.set_config('synchronous_commit', 'off', true)"
    )
}

/// Returns a statement that removes a batch of expired rows and returns their number. It skips rows
/// that another instance is removing or changing.
fn purge(table: &str, key: &str) -> String {
    let ends = ends("$1");
    format!(
        "WITH old AS (\
           SELECT {key} FROM {table} WHERE expires_at {LE} {ends} ORDER BY expires_at LIMIT $2 \
           FOR UPDATE SKIP LOCKED\
         ), gone AS (\
           DELETE FROM {table} AS t USING old WHERE t.{key} {EQ} old.{key} \
           AND t.expires_at {LE} {ends} RETURNING true\
         ) SELECT pg_catalog.count(*) FROM gone"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_get_the_configured_names() {
        let names = Names {
            schema: "auth".to_owned(),
            prefix: "web_".to_owned(),
        };
        assert_eq!(
            names.localize("CREATE TABLE tollgate.sessions ("),
            "CREATE TABLE \"auth\".web_sessions ("
        );
        assert_eq!(names.channel(), "auth.web_revocations");
    }
}

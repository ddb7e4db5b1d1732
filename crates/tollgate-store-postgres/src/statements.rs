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

/// A random epoch, created by the server.
const EPOCH: &str = "('x' || replace(gen_random_uuid()::text, '-', ''))::bit(64)::bigint";

/// All statements.
#[derive(Debug)]
pub(crate) struct Statements {
    pub(crate) insert: String,
    pub(crate) load: String,
    pub(crate) replace: String,
    pub(crate) of_subject: String,
    pub(crate) revoke: String,
    pub(crate) hint: &'static str,
    pub(crate) find: String,
    pub(crate) entries: String,
    pub(crate) changes: String,
    pub(crate) head: String,
    pub(crate) begin: String,
    pub(crate) purge_sessions: String,
    pub(crate) purge_revocations: String,
}

impl Statements {
    pub(crate) fn new(names: &Names) -> Self {
        let sessions = names.table("sessions");
        let revocations = names.table("revocations");
        let head = names.table("revocation_head");
        Self {
            insert: format!(
                "INSERT INTO {sessions} AS s (id, subject, revision, expires_at, data) \
                 VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (id) DO UPDATE SET subject = excluded.subject, revision = excluded.revision, \
                 expires_at = excluded.expires_at, data = excluded.data WHERE s.expires_at <= $6 \
                 RETURNING true"
            ),
            load: format!(
                "SELECT id, subject, revision, expires_at, data FROM {sessions} \
                 WHERE id = $1 AND expires_at > $2"
            ),
            replace: format!(
                "UPDATE {sessions} SET revision = $2, expires_at = $3, data = $4 \
                 WHERE id = $1 AND revision = $5 AND expires_at > $6 RETURNING true"
            ),
            of_subject: format!(
                "SELECT id, subject, revision, expires_at, data FROM {sessions} \
                 WHERE subject = $1 AND expires_at > $2 LIMIT $3"
            ),
            // The head is updated first, and the entries are read from it. Two callers wait for
            // each other at the head, never at an entry, where they could deadlock. An expired
            // entry is not extended.
            revoke: format!(
                "WITH head AS (\
                   INSERT INTO {head} AS h (epoch, sequence) VALUES ({EPOCH}, 1) \
                   ON CONFLICT (one) DO UPDATE SET sequence = h.sequence + 1 RETURNING epoch, sequence\
                 ), kept AS (\
                   INSERT INTO {revocations} AS r (key, issued_before, expires_at, sequence) \
                   SELECT e.key, e.issued_before, e.expires_at, head.sequence \
                   FROM head, unnest($1::bytea[], $2::numeric[], $3::numeric[]) AS e (key, issued_before, expires_at) \
                   ON CONFLICT (digest) DO UPDATE SET sequence = excluded.sequence, \
                   issued_before = CASE WHEN r.expires_at > $4::numeric \
                     THEN greatest(r.issued_before, excluded.issued_before) ELSE excluded.issued_before END, \
                   expires_at = CASE WHEN r.expires_at > $4::numeric \
                     THEN greatest(r.expires_at, excluded.expires_at) ELSE excluded.expires_at END\
                 ) \
                 SELECT epoch, sequence FROM head"
            ),
            hint: "SELECT pg_notify($1, '')",
            find: format!(
                "SELECT key, issued_before, expires_at FROM {revocations} \
                 WHERE digest IN (SELECT sha256(k.key) FROM unnest($1::bytea[]) AS k (key)) \
                 AND expires_at > $2"
            ),
            entries: format!(
                "SELECT key, issued_before, expires_at FROM {revocations} WHERE expires_at > $1"
            ),
            // The head and its changes, as of one moment. Without changes, one row has no entry.
            changes: format!(
                "SELECT h.epoch, h.sequence, r.key, r.issued_before, r.expires_at FROM {head} AS h \
                 LEFT JOIN {revocations} AS r ON r.sequence > $1 AND r.expires_at > $2"
            ),
            head: format!("SELECT epoch, sequence FROM {head}"),
            // If the head was removed, a new sequence begins.
            begin: format!(
                "INSERT INTO {head} AS h (epoch, sequence) VALUES ({EPOCH}, 0) \
                 ON CONFLICT (one) DO UPDATE SET sequence = h.sequence RETURNING epoch, sequence"
            ),
            purge_sessions: purge(&sessions, "id"),
            purge_revocations: purge(&revocations, "digest"),
        }
    }
}

/// Returns a statement that removes a batch of expired rows and returns their number. It skips rows
/// that another instance is removing or changing.
fn purge(table: &str, key: &str) -> String {
    format!(
        "WITH old AS (\
           SELECT {key} FROM {table} WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 \
           FOR UPDATE SKIP LOCKED\
         ), gone AS (\
           DELETE FROM {table} AS t USING old WHERE t.{key} = old.{key} AND t.expires_at <= $1 RETURNING true\
         ) SELECT count(*) FROM gone"
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

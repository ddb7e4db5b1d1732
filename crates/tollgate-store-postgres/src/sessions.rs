//! The session store: one row per session, one statement per operation.

use tokio_postgres::types::Type;
use tollgate_session::{
    AttemptCharge, AttemptLevel, SessionId, SessionStore, StoreFuture, StoredSession,
};

use crate::column::{self, Number, Private};
use crate::pool::Use::Sessions;
use crate::store::PostgresStore;

impl SessionStore for PostgresStore {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let rows = self
                .shared
                .pool
                .write(
                    Sessions,
                    &self.shared.statements.insert,
                    &[
                        (&session.id.as_bytes().as_slice(), Type::BYTEA),
                        (&Private(session.subject.as_bytes()), Type::BYTEA),
                        (&column::of_bits(session.revision), Type::INT8),
                        (&Number(session.expires_at), Type::NUMERIC),
                        (&Private(session.data.as_slice()), Type::BYTEA),
                        (&Number(now), Type::NUMERIC),
                    ],
                )
                .await?;
            self.purge_in_passing(now).await;
            Ok(!rows.is_empty())
        })
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        Box::pin(async move {
            let rows = self
                .shared
                .pool
                .read(
                    Sessions,
                    &self.shared.statements.load,
                    &[
                        (&id.as_bytes().as_slice(), Type::BYTEA),
                        (&Number(now), Type::NUMERIC),
                    ],
                )
                .await?;
            rows.first().map(column::session).transpose()
        })
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let rows = self
                .shared
                .pool
                .write(
                    Sessions,
                    &self.shared.statements.replace,
                    &[
                        (&session.id.as_bytes().as_slice(), Type::BYTEA),
                        (&column::of_bits(session.revision), Type::INT8),
                        (&Number(session.expires_at), Type::NUMERIC),
                        (&Private(session.data.as_slice()), Type::BYTEA),
                        (&column::of_bits(expected), Type::INT8),
                        (&Number(now), Type::NUMERIC),
                    ],
                )
                .await?;
            Ok(!rows.is_empty())
        })
    }

    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        Box::pin(async move {
            let rows = self
                .shared
                .pool
                .read(
                    Sessions,
                    &self.shared.statements.of_subject,
                    &[
                        (&Private(subject.as_bytes()), Type::BYTEA),
                        (&Number(now), Type::NUMERIC),
                        (&i64::try_from(most).unwrap_or(i64::MAX), Type::INT8),
                    ],
                )
                .await?;
            column::readable(&rows)
        })
    }

    /// Writes the row again, unchanged. The commit waits for a synchronous standby, which then has
    /// all earlier commits too. A statement that was cancelled while it waited for the standby is
    /// visible without this.
    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let rows = self
                .shared
                .pool
                .write(
                    Sessions,
                    &self.shared.statements.confirm,
                    &[
                        (&session.id.as_bytes().as_slice(), Type::BYTEA),
                        (&column::of_bits(session.revision), Type::INT8),
                        (&Number(now), Type::NUMERIC),
                    ],
                )
                .await?;
            Ok(!rows.is_empty())
        })
    }

    fn forget<'a>(&'a self, subject: &'a str, _: u64) -> StoreFuture<'a, usize> {
        Box::pin(async move {
            let sql = &self.shared.statements.forget;
            let subject = Private(subject.as_bytes());
            let rows = self
                .shared
                .pool
                .write(Sessions, sql, &[(&subject, Type::BYTEA)])
                .await?;
            Ok(rows.len())
        })
    }

    fn charge<'a>(
        &'a self,
        charges: &'a [AttemptCharge],
        now: u64,
    ) -> StoreFuture<'a, Option<Vec<AttemptLevel>>> {
        Box::pin(async move { self.charge_all(charges, now).await.map(Some) })
    }
}

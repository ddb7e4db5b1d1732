//! The session store: one row per session, one statement per operation.

use tollgate_session::{SessionId, SessionStore, StoreFuture, StoredSession};

use crate::column::{self, Number, Private};
use crate::store::PostgresStore;

impl SessionStore for PostgresStore {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let rows = self
                .shared
                .pool
                .write(
                    &self.shared.statements.insert,
                    &[
                        &session.id.as_bytes().as_slice(),
                        &Private(session.subject.as_bytes()),
                        &column::of_bits(session.revision),
                        &Number(session.expires_at),
                        &Private(session.data.as_slice()),
                        &Number(now),
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
                    &self.shared.statements.load,
                    &[&id.as_bytes().as_slice(), &Number(now)],
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
                    &self.shared.statements.replace,
                    &[
                        &session.id.as_bytes().as_slice(),
                        &column::of_bits(session.revision),
                        &Number(session.expires_at),
                        &Private(session.data.as_slice()),
                        &column::of_bits(expected),
                        &Number(now),
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
                    &self.shared.statements.of_subject,
                    &[
                        &Private(subject.as_bytes()),
                        &Number(now),
                        &i64::try_from(most).unwrap_or(i64::MAX),
                    ],
                )
                .await?;
            rows.iter().map(column::session).collect()
        })
    }
}

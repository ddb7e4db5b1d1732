//! The continuation hook: the question to the service before a session goes on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::timeout;
use tollgate_core::BoxFuture;

use super::Sessions;
use super::store_access::invalid;
use crate::continuation::{
    Continuation, ContinuationReason, ContinuedSession, SessionUpdate, Verdict,
};
use crate::error::{SessionError, SessionErrorKind};
use crate::event::SessionEventKind;
use crate::id::SessionId;
use crate::issuer::{ACTOR_CLAIM, AccessToken, are_roles, is_scope};
use crate::refresh::Record;
use crate::sync::{Mutex, MutexGuard};

pub(super) type Ask = Box<dyn Fn(ContinuedSession) -> BoxFuture<Continuation> + Send + Sync>;

/// The hook, and the calls of it that have not returned.
pub(super) struct Hook {
    ask: Ask,
    limit: Duration,
    calls: Mutex<HashMap<Key, Call>>,
}

/// A session in one revision. The answer about it counts for no other.
type Key = (SessionId, u64, ContinuationReason);

/// The answer that all callers wait for, and their number.
type Call = (Arc<OnceCell<Continuation>>, usize);

/// A permission to go on, for the session in one revision.
pub(super) struct Permission {
    revision: u64,
    /// The reason of the call.
    pub(super) reason: ContinuationReason,
    update: SessionUpdate,
}

impl Permission {
    /// Returns whether nothing was written since the hook was asked.
    pub(super) const fn is_for(&self, record: &Record) -> bool {
        self.revision == record.revision
    }
}

/// A caller that waits for an answer. If it is dropped, another one asks again.
struct Waiting<'h> {
    hook: &'h Hook,
    key: Key,
    answer: Arc<OnceCell<Continuation>>,
}

impl Hook {
    pub(super) fn new(ask: Ask, limit: Duration) -> Self {
        Self {
            ask,
            limit,
            calls: Mutex::default(),
        }
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<Key, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, key: Key) -> Waiting<'_> {
        let mut calls = self.calls();
        let (answer, callers) = calls.entry(key).or_default();
        *callers += 1;
        Waiting {
            hook: self,
            key,
            answer: Arc::clone(answer),
        }
    }

    /// Returns the answer about a session. Concurrent callers share one call of the hook.
    async fn answer(&self, session: ContinuedSession, revision: u64) -> Continuation {
        let waiting = self.join((session.id, revision, session.reason));
        let answer = waiting.answer.get_or_init(|| self.call(session));
        answer.await.clone()
    }

    async fn call(&self, session: ContinuedSession) -> Continuation {
        let unavailable = |why: String| Continuation(Verdict::Unavailable(why.into()));
        let mut asking = pin!(async { (self.ask)(session).await });
        let caught = std::future::poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| asking.as_mut().poll(context)));
            polled.unwrap_or_else(|_| {
                Poll::Ready(unavailable("the continuation hook panicked".to_owned()))
            })
        });
        let late = |_| {
            let limit = self.limit;
            unavailable(format!(
                "no answer of the continuation hook within {limit:?}"
            ))
        };
        timeout(self.limit, caught).await.unwrap_or_else(late)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut calls = self.hook.calls();
        let Entry::Occupied(mut call) = calls.entry(self.key) else {
            return;
        };
        let (answer, callers) = call.get_mut();
        if Arc::ptr_eq(answer, &self.answer) {
            *callers -= 1;
            // An answer is only for those who waited for it.
            if *callers == 0 || answer.initialized() {
                call.remove();
            }
        }
    }
}

impl Sessions {
    /// Asks the hook whether the session goes on. Returns `None` if it has ended it.
    pub(super) async fn ask(
        &self,
        record: Record,
        reason: ContinuationReason,
    ) -> Result<Option<Permission>, SessionError> {
        let Some(hook) = &self.0.hook else {
            return Err(invalid("there is no continuation hook"));
        };
        let Record {
            id, revision, body, ..
        } = record;
        let session = ContinuedSession {
            id,
            subject: record.subject,
            roles: body.roles_with(self.0.issuer.role_claim()),
            claims: body.claims,
            login_scope: body.login_scope.unwrap_or_else(|| body.scope.clone()),
            scope: body.scope,
            device: body.device,
            created_at: body.created_at,
            auth_time: body.auth_time,
            actor: body.actor.map(|actor| actor.sub),
            reason,
        };
        match hook.answer(session, revision).await.0 {
            Verdict::Keep(update) => {
                self.check_update(&update)?;
                Ok(Some(Permission {
                    revision,
                    reason,
                    update,
                }))
            }
            Verdict::End => {
                if let Some(record) = self.bounded(self.end(&id)).await? {
                    self.notify(SessionEventKind::Ended, &record);
                }
                Ok(None)
            }
            Verdict::Unavailable(why) => Err(SessionError::new(SessionErrorKind::Unavailable, why)),
        }
    }

    /// Changes the record as the hook has answered. Returns the record before, if it differs.
    pub(super) fn permit(
        &self,
        record: &mut Record,
        permission: Option<&Permission>,
    ) -> Result<Option<Record>, SessionError> {
        match permission {
            Some(permission) if permission.update != SessionUpdate::default() => {
                let before = record.clone();
                record.apply(&permission.update, self.0.issuer.role_claim())?;
                Ok((!before.body.says_as(&record.body)).then_some(before))
            }
            _ => Ok(None),
        }
    }

    /// Refuses an update that no token can carry.
    pub(super) fn check_update(&self, update: &SessionUpdate) -> Result<(), SessionError> {
        let refuse = |what: String| Err(SessionError::new(SessionErrorKind::Misconfigured, what));
        let role_claim = self.0.issuer.role_claim();
        let reserved = |name: &&String| {
            AccessToken::is_registered_claim(name)
                || [role_claim, ACTOR_CLAIM].contains(&name.as_str())
        };
        if let Some(name) = update.claims.keys().find(reserved) {
            return refuse(format!("the update sets the claim {name:?} of the issuer"));
        }
        if !are_roles(update.roles.as_deref().unwrap_or_default()) {
            return refuse("a role of the update is empty, or it has too many".to_owned());
        }
        let scope = update.scope.as_deref().unwrap_or_default();
        if !is_scope(scope) || !is_scope(&update.granted) {
            return refuse("the scope of the update is not a list of scope tokens".to_owned());
        }
        Ok(())
    }
}

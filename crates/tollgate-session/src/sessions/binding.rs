//! Sessions that are bound to a browser by a cookie with a secret.

use zeroize::Zeroizing;

use super::Sessions;
use super::store_access::{Loaded, unreadable};
use crate::error::SessionError;
use crate::id::SessionId;
use crate::refresh::{Binding, Unreadable};

/// The credentials of the session that a browser had before a login. They are not verified yet.
#[derive(Default)]
pub(crate) struct Former {
    pub(crate) binding: Option<Binding>,
    pub(crate) access_token: Option<Zeroizing<String>>,
}

impl Sessions {
    /// Returns the sessions of the binding and of the access token that are genuine. One may have
    /// just ended, which has to be confirmed. One that cannot be read is not that of a binding.
    pub(super) async fn sessions_of(
        &self,
        former: &Former,
    ) -> Result<Vec<SessionId>, SessionError> {
        let mut found = Vec::new();
        if let Some(binding) = &former.binding
            && self.is_bound(binding).await? == Ok(true)
        {
            found.push(binding.session);
        }
        if let Some(token) = &former.access_token
            && let Ok(principal) = self.0.verifier.verify(token)
            && let Some(Ok(session)) = principal.session_id().map(str::parse)
            && !found.contains(&session)
            && !matches!(self.find(&session, self.now()).await?, Loaded::Missing)
        {
            found.push(session);
        }
        Ok(found)
    }

    /// Ends the session of a binding. Returns `false` if there is none, it has ended, or the secret
    /// is wrong.
    pub(crate) async fn logout_bound(&self, binding: &Binding) -> Result<bool, SessionError> {
        self.bounded(async {
            let bound = match self.is_bound(binding).await? {
                Ok(bound) => bound,
                // It cannot be used, so its end does no harm.
                Err(Unreadable::Malformed) => true,
                Err(why) => return Err(unreadable(why)),
            };
            Ok(bound && self.log_out(&binding.session).await?)
        })
        .await
    }

    async fn is_bound(&self, binding: &Binding) -> Result<Result<bool, Unreadable>, SessionError> {
        Ok(match self.find(&binding.session, self.now()).await? {
            Loaded::Missing => Ok(false),
            Loaded::Found(record, _) => Ok(record.body.is_bound_to(Some(binding))),
            Loaded::Unreadable(why, _) => Err(why),
        })
    }
}

//! Sessions that are bound to a browser by a cookie with a secret.

use zeroize::Zeroizing;

use super::Sessions;
use crate::error::SessionError;
use crate::id::SessionId;
use crate::refresh::Binding;

/// The credentials of the session that a browser had before a login. They are not verified yet.
#[derive(Default)]
pub(crate) struct Former {
    pub(crate) binding: Option<Binding>,
    pub(crate) access_token: Option<Zeroizing<String>>,
}

impl Sessions {
    /// Returns the sessions of the binding and of the access token that are genuine and have not
    /// ended.
    pub(super) async fn sessions_of(
        &self,
        former: &Former,
    ) -> Result<Vec<SessionId>, SessionError> {
        let mut found = Vec::new();
        if let Some(binding) = &former.binding
            && self.is_bound(binding).await?
        {
            found.push(binding.session);
        }
        if let Some(token) = &former.access_token
            && let Ok(principal) = self.0.verifier.verify(token)
            && let Some(Ok(session)) = principal.session_id().map(str::parse)
            && !found.contains(&session)
            && let Some(record) = self.load(&session, self.now()).await?
            && record.body.ended_at.is_none()
        {
            found.push(session);
        }
        Ok(found)
    }

    /// Ends the session of a binding. Returns `false` if there is none, it has ended, or the secret
    /// is wrong.
    pub(crate) async fn logout_bound(&self, binding: &Binding) -> Result<bool, SessionError> {
        self.bounded(async {
            Ok(self.is_bound(binding).await? && self.log_out(&binding.session).await?)
        })
        .await
    }

    async fn is_bound(&self, binding: &Binding) -> Result<bool, SessionError> {
        let record = self.load(&binding.session, self.now()).await?;
        Ok(record.is_some_and(|record| {
            record.body.ended_at.is_none() && record.body.is_bound_to(Some(binding))
        }))
    }
}

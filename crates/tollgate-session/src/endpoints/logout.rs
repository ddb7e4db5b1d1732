//! Logout.

use std::future::Future;

use serde_json::json;
use tollgate_core::{Answer, EndpointRequest, Principal};

use super::grant::RefreshBody;
use super::refused::{self, Refused};
use super::{SessionEndpoints, answers, decide, session_of, subject_of};
use crate::cookies::PresentedCookies;
use crate::error::{SessionError, SessionErrorKind};
use crate::id::SessionId;

impl SessionEndpoints {
    /// Ends the session of the access token and that of the refresh token, or of the binding
    /// cookie. One of them suffices. With cookies, a client without a live session gets the
    /// response of a successful logout.
    pub(super) async fn log_out(&self, request: &EndpointRequest) -> Result<Answer, Refused> {
        self.prove_origin(request)?;
        let mut body = RefreshBody::of(request)?;
        let cookies = self.cookies_for(request);
        let in_content = body.token(cookies)?;
        // The binding cookie alone identifies the session. The refresh cookies, which a sibling
        // domain can plant, do not count.
        let presented = cookies.map(|cookies| cookies.presented(request));
        let ambiguous = presented.as_ref().is_some_and(|cookies| cookies.ambiguous);
        let binding = presented.and_then(PresentedCookies::into_binding);
        let token = in_content;
        let (session, refusal) = match decide(&self.0.ending_gate, request).await {
            Ok(authentication) => {
                let user = authentication.principal();
                (
                    user.and_then(|user| Some((session_of(user)?, user.clone()))),
                    None,
                )
            }
            // The access token is valid but its CSRF token is missing. The refresh cookie must not
            // bypass that.
            Err(refusal) if refusal.rejection().status() == 403 => {
                return Err(refusal.into());
            }
            Err(refusal) => (None, Some(refusal)),
        };
        if session.is_none() && ambiguous {
            return Err(refused::malformed());
        }
        if session.is_none() && token.is_none() && binding.is_none() {
            return match refusal {
                // The credentials have expired or are missing: the browser deletes the cookies.
                Some(refusal) if cookies.is_some() && refusal.rejection().status() == 401 => {
                    Ok(self.cleared(request, answers::empty(204)))
                }
                Some(refusal) => Err(refusal.into()),
                None => Err(refused::malformed()),
            };
        }
        let sessions = self.0.sessions.clone();
        run_to_completion(async move {
            if let Some((session, user)) = session {
                sessions.logout_presented(&session, &user).await?;
            }
            if let Some(binding) = binding {
                sessions.logout_bound(&binding).await?;
            }
            if let Some(token) = token {
                // The response does not reveal whether the session existed (RFC 7009 section 2.2).
                sessions.logout_by_refresh_token(&token).await?;
            }
            Ok(())
        })
        .await?;
        Ok(self.cleared(request, answers::empty(204)))
    }

    pub(super) async fn log_out_device(
        &self,
        request: &EndpointRequest,
        id: SessionId,
    ) -> Result<Answer, Refused> {
        let user = self.user(request).await?;
        if session_of(&user) != Some(id) {
            without_actor(&user)?;
        }
        let subject = subject_of(&user)?.to_owned();
        let sessions = self.0.sessions.clone();
        if !run_to_completion(async move { sessions.logout_device(&subject, &id).await }).await? {
            let detail = "There is no such session";
            return Err(Refused::new(404, "no_such_session", None, detail));
        }
        let done = answers::empty(204);
        Ok(if session_of(&user) == Some(id) {
            self.cleared(request, done)
        } else {
            done
        })
    }

    pub(super) async fn log_out_others(
        &self,
        request: &EndpointRequest,
    ) -> Result<Answer, Refused> {
        let user = self.user(request).await?;
        without_actor(&user)?;
        let subject = subject_of(&user)?.to_owned();
        // Without a `sid` the token does not identify the session to keep.
        let keep = session_of(&user).ok_or_else(refused::malformed)?;
        let sessions = self.0.sessions.clone();
        let ended =
            run_to_completion(async move { sessions.logout_others(&subject, &keep).await }).await?;
        Ok(answers::of_json(&json!({ "ended": ended })))
    }

    pub(super) async fn log_out_all(&self, request: &EndpointRequest) -> Result<Answer, Refused> {
        let user = self.user(request).await?;
        without_actor(&user)?;
        let subject = subject_of(&user)?.to_owned();
        let sessions = self.0.sessions.clone();
        let ended = run_to_completion(async move { sessions.logout_all(&subject).await }).await?;
        Ok(self.cleared(request, answers::of_json(&json!({ "ended": ended }))))
    }

    /// Adds the fields that delete the cookies, if the request came by cookie.
    fn cleared(&self, request: &EndpointRequest, answer: Answer) -> Answer {
        match self.cookies_for(request) {
            Some(cookies) => answers::with(answer, &cookies.clear()),
            None => answer,
        }
    }
}

/// Refuses an actor, who must not end the sessions of the user.
fn without_actor(user: &Principal) -> Result<(), Refused> {
    match user.actor() {
        Ok(None) => Ok(()),
        _ => Err(refused::impersonated()),
    }
}

/// Runs the future to completion even if the client disconnects, as the end of a session is not
/// cancel-safe.
pub(super) async fn run_to_completion<T: Send + 'static>(
    ending: impl Future<Output = Result<T, SessionError>> + Send + 'static,
) -> Result<T, Refused> {
    let ended = match tokio::spawn(ending).await {
        Ok(ended) => ended,
        Err(_) => Err(SessionError::new(
            SessionErrorKind::Unavailable,
            "the task that ends the session was cancelled",
        )),
    };
    ended.map_err(|error| Refused::from(&error))
}

//! The sessions of a user.

use serde::Serialize;
use serde_json::Value;
use tollgate_core::{Answer, EndpointRequest};

use super::refused::Refused;
use super::{SessionEndpoints, answers, session_of, subject_of};
use crate::sessions::SessionInfo;

#[derive(Serialize)]
struct Current<'a> {
    session: Option<String>,
    subject: &'a str,
    scope: String,
    expires_at: Option<u64>,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<Value>,
}

#[derive(Serialize)]
struct Devices {
    sessions: Vec<SessionInfo>,
}

impl SessionEndpoints {
    /// Returns the session of the access token. A reloaded page gets its CSRF token here, which
    /// other sites cannot read.
    pub(super) async fn session(&self, request: &EndpointRequest) -> Result<Answer, Refused> {
        let user = self.user(request).await?;
        let now = self.0.sessions.issuer().clock().now();
        let expires_at = user.expires_at();
        let scopes: Vec<_> = user.scopes().collect();
        Ok(answers::of_json(&Current {
            session: session_of(&user).map(|session| session.to_string()),
            subject: subject_of(&user)?,
            scope: scopes.join(" "),
            expires_at,
            expires_in: expires_at.map_or(0, |end| end.saturating_sub(now)),
            actor: user
                .actor()
                .ok()
                .flatten()
                .map(|actor| actor.subject().to_owned()),
            csrf_token: self.cookies().and_then(|_| user.claim("csrf")),
        }))
    }

    pub(super) async fn devices(&self, request: &EndpointRequest) -> Result<Answer, Refused> {
        let user = self.user(request).await?;
        let current = session_of(&user);
        let sessions = self
            .0
            .sessions
            .devices(subject_of(&user)?, current.as_ref())
            .await
            .map_err(|error| Refused::from(&error))?;
        Ok(answers::of_json(&Devices { sessions }))
    }
}

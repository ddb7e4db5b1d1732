//! Login and refresh (RFC 6749 sections 5 and 6).

use serde::Deserialize;
use tollgate_core::{Answer, EndpointRequest};

use super::answers;
use super::content::ContentType;
use super::login::LoginRequest;
use super::logout::run_to_completion;
use super::refused::{self, Refused};
use super::{SessionEndpoints, device, report};
use crate::cookies::CookieTransport;
use crate::error::SessionError;
use crate::event::EventTransport;
use crate::sessions::RefreshRequest;

/// The optional content of a refresh. Other members are ignored (RFC 6749 section 3.2).
#[derive(Default, Deserialize)]
pub(super) struct RefreshBody {
    grant_type: Option<String>,
    refresh_token: Option<String>,
    scope: Option<String>,
}

impl RefreshBody {
    /// Reads the content of a request, which may be empty. An empty value counts as missing (RFC
    /// 6749 section 3.2).
    pub(super) fn of(request: &EndpointRequest) -> Result<Self, Refused> {
        // Browsers name a type, such as `text/plain`, even for an empty string.
        if request.content.is_empty() {
            return Ok(Self::default());
        }
        let Some(content_type) = ContentType::of(request)? else {
            return Ok(Self::default());
        };
        let mut body: Self = content_type.read(&request.content)?;
        for text in [
            &mut body.grant_type,
            &mut body.refresh_token,
            &mut body.scope,
        ] {
            text.take_if(|text| text.is_empty());
        }
        Ok(body)
    }

    /// Takes the refresh token. With cookies there must be none.
    pub(super) fn token(
        &mut self,
        cookies: Option<&CookieTransport>,
    ) -> Result<Option<String>, Refused> {
        match (cookies, self.refresh_token.take()) {
            (Some(_), Some(_)) => Err(refused::malformed()),
            (_, token) => Ok(token),
        }
    }
}

impl SessionEndpoints {
    pub(super) async fn log_in(&self, request: &EndpointRequest) -> Result<Answer, Refused> {
        // Login CSRF: otherwise another site can log the user in to an attacker's account and read
        // the data that the user enters there.
        self.prove_origin(request)?;
        let content_type = ContentType::of(request)?;
        let device = device::of(request, self.0.proxies);
        if device.address.is_none() {
            self.0.without_address.call_once(|| {
                tracing::warn!(
                    target: "tollgate",
                    proxies = self.0.proxies,
                    "no address of the client: with axum, serve the router by \
                     `into_make_service_with_connect_info::<SocketAddr>()`; behind proxies, set \
                     `trust_forwarded_for` to their number"
                );
            });
        }
        let cookies = self.cookies_for(request).cloned();
        let former = cookies.as_ref().map(|cookies| cookies.presented(request));
        let request = LoginRequest {
            request: request.clone(),
            content_type,
            device: device.clone(),
        };
        let transport = match &cookies {
            Some(_) => EventTransport::Cookie,
            None => EventTransport::Json,
        };
        let refused = |refused: &Refused| report::login_refused(self, transport, refused, &device);
        let pending = self.begin_attempt(&request).await.inspect_err(refused)?;
        let outcome = (self.0.login)(request).await;
        let known = self.end_attempt(pending, &outcome).await;
        let login = outcome.map_err(|failure| failure.0).inspect_err(refused)?;
        let login = login.seen_from(&device);
        let sessions = self.0.sessions.clone();
        if let (Some(cookies), Some(former)) = (cookies, former) {
            // It ends the former session, which must not be left half done.
            let login = async move {
                let (tokens, mut edits) = cookies.begin(&sessions, login, former).await?;
                let known = known.and_then(|token| cookies.set_device(&token, &tokens));
                if let Some(line) = known {
                    edits.push("set-cookie", line);
                }
                Ok::<_, SessionError>((tokens, edits))
            };
            let (tokens, edits) = run_to_completion(login).await?;
            return Ok(answers::in_cookies(&tokens, &edits));
        }
        let tokens = sessions.login(login).await;
        let tokens = tokens.map_err(|error| Refused::from(&error))?;
        Ok(answers::in_json(&tokens))
    }

    pub(super) async fn refresh(&self, request: &EndpointRequest) -> Result<Answer, Refused> {
        self.prove_origin(request)?;
        let mut body = RefreshBody::of(request)?;
        let form = matches!(ContentType::of(request), Ok(Some(kind)) if kind.is_form());
        let cookies = self.cookies_for(request);
        let in_content = body.token(cookies)?;
        match body.grant_type.as_deref() {
            Some("refresh_token") => {}
            Some(_) => {
                let code = "unsupported_grant_type";
                let detail = "The only grant is a refresh token";
                return Err(Refused::new(400, code, Some(code), detail));
            }
            // A form is an OAuth request, where `grant_type` is required (RFC 6749 section 6).
            None if form && cookies.is_none() => return Err(refused::malformed()),
            None => {}
        }
        let wanted = RefreshRequest {
            scope: body.scope,
            device: device::of(request, self.0.proxies),
        };
        // A failure does not delete the cookies: a concurrent request may have just set new ones.
        let sessions = &self.0.sessions;
        let answer = if let Some(cookies) = cookies {
            let refreshed = cookies.refresh(sessions, wanted, request).await;
            // Afterwards, so that a cookie of another session is logged in any case.
            if refreshed.is_err() && !cookies.has_refresh(request) {
                let detail = "There is no refresh token: log in";
                let error = Some("invalid_grant");
                return Err(Refused::new(400, "missing_refresh_token", error, detail));
            }
            refreshed.map(|(tokens, edits)| answers::in_cookies(&tokens, &edits))
        } else {
            let token = in_content.ok_or_else(|| {
                let detail = "There is no refresh token";
                let error = Some("invalid_request");
                Refused::new(400, "missing_refresh_token", error, detail)
            })?;
            let refreshed = sessions.refresh(&token, wanted).await;
            refreshed.map(|tokens| answers::in_json(&tokens))
        };
        answer.map_err(|error| Refused::from(&error))
    }
}

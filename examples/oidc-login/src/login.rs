//! Login at an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0 section 3.1,
//! RFC 7636).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use openidconnect::core::{CoreAuthenticationFlow, CoreErrorResponseType};
use openidconnect::url::Url;
use openidconnect::{
    AuthorizationCode, CsrfToken, LogoutRequest, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, RequestTokenError, Scope, TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use tollgate::axum::RequestHead;
use tollgate::extend::{Clock as _, Step, SystemClock};
use tollgate::oidc::presets::has_nonce;
use tollgate::session::{CookieTransport, Login, Sessions};
use tollgate::{Algorithm, Claims, ConfigError, Gate, Key, SigningKey, Source, Verifier};

use crate::options::PROGRAM;
use crate::page::Failure;
use crate::provider::{Discovery, Provider};

/// The cookie with the login attempt. `__Host-` prevents other hosts, including subdomains, from
/// setting it. `Lax` lets the browser send it with the redirect from the provider.
const COOKIE: &str = "__Host-login";
const COOKIE_ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// Maximum duration of a login attempt, in seconds.
const ATTEMPT_LIFETIME: u64 = 600;

/// The state for logins.
pub(crate) struct SignIn {
    pub(crate) discovery: Arc<Discovery>,
    /// Verifies ID tokens with the provider's current keys.
    pub(crate) id_tokens: Verifier,
    /// Signs login attempts.
    pub(crate) attempts: SigningKey,
    pub(crate) sessions: Sessions,
    pub(crate) cookies: CookieTransport,
    /// The start page.
    pub(crate) home: Url,
}

/// A login attempt: a token that the service issues to itself, in a cookie. The server therefore
/// stores nothing for abandoned logins. The token is signed but not encrypted, because the browser
/// may read it.
#[derive(Serialize, Deserialize, Claims)]
pub(crate) struct Attempt {
    iss: Url,
    aud: String,
    iat: u64,
    exp: u64,
    /// Returned by the provider. It binds the response to this browser.
    state: String,
    /// Returned in the ID token. It prevents the replay of an ID token from another login.
    nonce: String,
    /// Proves that the client that redeems the code also requested it.
    pkce_verifier: String,
    /// The page to open after the login.
    return_to: Url,
}

const ATTEMPT: &str = "login-attempt";

/// Builds a gate that accepts a provider response only with a valid attempt cookie.
pub(crate) fn attempt_gate(home: &Url, key: Key) -> Result<Gate, ConfigError> {
    let verifier = Verifier::builder()
        .issuer(home.as_str())
        .audience(ATTEMPT)
        .algorithms([Algorithm::HS256])
        .max_lifetime(Duration::from_secs(ATTEMPT_LIFETIME))
        .key(key)
        .build()?;
    Gate::builder(verifier)
        .source(Source::cookie(COOKIE))
        .on_rejection(|rejection, answer| {
            answer.set("content-type", "text/html; charset=utf-8");
            answer.body =
                Failure::page("This login took too long, or began in another browser.").into();
            eprintln!("{PROGRAM}: no attempt to log in: {rejection}");
        })
        .build()
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    return_to: Option<String>,
}

/// `GET /login`: redirects the browser to the provider.
pub(crate) async fn begin(
    State(sign_in): State<Arc<SignIn>>,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Failure> {
    let provider = sign_in.provider().await?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let (url, state, nonce) = provider
        .client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("profile".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let now = SystemClock.now();
    let attempt = Attempt {
        iss: sign_in.home.clone(),
        aud: ATTEMPT.to_owned(),
        iat: now,
        exp: now + ATTEMPT_LIFETIME,
        state: state.into_secret(),
        nonce: nonce.secret().clone(),
        pkce_verifier: verifier.into_secret(),
        return_to: own_page(
            &sign_in.home,
            wanted.return_to.as_deref().unwrap_or_default(),
        ),
    };
    let attempt = sign_in
        .attempts
        .encode(&attempt)
        .map_err(Failure::internal)?;
    let cookie = format!("{COOKIE}={attempt}; {COOKIE_ATTRIBUTES}; Max-Age={ATTEMPT_LIFETIME}");
    Ok(redirect(&url, [(SET_COOKIE, cookie)]))
}

/// Returns the requested page if it belongs to this site, else the start page. The URL is absolute:
/// the path of `/.//evil.example` is `//evil.example`, which alone refers to another site.
fn own_page(home: &Url, wanted: &str) -> Url {
    match home.join(wanted) {
        // Compared as text: `blob:` URLs have the same origin, and a URL such as `//bank.example@`
        // plus this host looks like another site.
        Ok(page) if page.as_str().starts_with(home.as_str()) && page.as_str().len() <= 512 => page,
        _ => home.clone(),
    }
}

/// The parameters of the provider's redirect (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207). A
/// duplicate parameter is refused.
#[derive(Deserialize)]
pub(crate) struct Callback {
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// `GET /callback`: handles the redirect from the provider.
pub(crate) async fn finish(
    State(sign_in): State<Arc<SignIn>>,
    attempt: Attempt,
    Query(callback): Query<Callback>,
    request: Parts,
) -> Result<Response, Failure> {
    if verify_slices_are_equal(callback.state.as_bytes(), attempt.state.as_bytes()).is_err() {
        // The attempt cookie stays: a link from an attacker must not end the login.
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "This answer is to another login.",
        ));
    }
    let mut response = match sign_in.log_in(&request, attempt, callback).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    };
    // An attempt is used once, whatever the result.
    let cleared = HeaderValue::try_from(format!("{COOKIE}=; {COOKIE_ATTRIBUTES}; Max-Age=0"));
    response
        .headers_mut()
        .append(SET_COOKIE, cleared.map_err(Failure::internal)?);
    Ok(response)
}

/// The claims that the login reads. The verifier has checked the others.
#[derive(Deserialize)]
struct User {
    sub: String,
    name: Option<String>,
    auth_time: Option<u64>,
}

impl SignIn {
    async fn log_in(
        &self,
        request: &Parts,
        attempt: Attempt,
        callback: Callback,
    ) -> Result<Response, Failure> {
        let provider = self.provider().await?;
        // Prevents a mix-up attack, where another provider passes off its response as this
        // provider's.
        match &callback.iss {
            Some(issuer) if *issuer == **self.discovery.issuer => {}
            None if !provider.sends_issuer => {}
            _ => {
                return Err(Failure::new(
                    StatusCode::BAD_REQUEST,
                    "This answer is from another provider.",
                ));
            }
        }
        let (Some(code), None) = (callback.code, callback.error) else {
            return Err(Failure::new(
                StatusCode::FORBIDDEN,
                "The provider did not log you in.",
            ));
        };
        let id_token = self
            .exchange(&provider, code, attempt.pkce_verifier)
            .await?;
        let user = self.verify(&id_token, &attempt.nonce).await?;
        // Ends the session that this browser had, if any.
        let login = self.session_of(user);
        let (_, cookies) = self
            .cookies
            .log_in(&self.sessions, login, &RequestHead::from(request))
            .await
            .map_err(Failure::internal)?;
        let mut response = redirect(&attempt.return_to, []).into_response();
        for (name, value) in cookies.iter() {
            let name = HeaderName::try_from(name).map_err(Failure::internal)?;
            let value = HeaderValue::from_bytes(value).map_err(Failure::internal)?;
            response.headers_mut().append(name, value);
        }
        Ok(response)
    }

    async fn provider(&self) -> Result<Provider, Failure> {
        self.discovery
            .provider()
            .await
            .ok_or_else(Failure::no_provider)
    }

    /// Exchanges the code for an ID token.
    async fn exchange(
        &self,
        provider: &Provider,
        code: String,
        verifier: String,
    ) -> Result<String, Failure> {
        let tokens = provider
            .client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(Failure::internal)?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request_async(&self.discovery.http)
            .await
            .map_err(|problem| {
                eprintln!("{PROGRAM}: the code could not be exchanged: {problem}");
                match problem {
                    RequestTokenError::Request(_) => Failure::no_provider(),
                    RequestTokenError::ServerResponse(told)
                        if *told.error() == CoreErrorResponseType::InvalidGrant =>
                    {
                        Failure::new(
                            StatusCode::BAD_REQUEST,
                            "The provider does not know this login.",
                        )
                    }
                    _ => Failure::no_trust(),
                }
            })?;
        let id_token = tokens.id_token().ok_or_else(Failure::no_trust)?;
        Ok(id_token.to_string())
    }

    /// Verifies the ID token and checks that it belongs to this login.
    ///
    /// `openidconnect` could verify it too, but with the keys fetched along with the metadata.
    /// After a key rotation, logins would fail until the metadata expires. tollgate fetches new
    /// keys on demand, with a rate limit.
    async fn verify(&self, id_token: &str, nonce: &str) -> Result<User, Failure> {
        let verified = match self.id_tokens.begin(id_token) {
            Step::Ready(verified) => verified,
            Step::Pending(verification) => verification.await,
        };
        let id_token = verified.map_err(Failure::untrusted)?;
        if !has_nonce(&id_token, nonce) {
            eprintln!("{PROGRAM}: the ID token is of another login");
            return Err(Failure::no_trust());
        }
        id_token.claims().map_err(Failure::untrusted)
    }

    /// Identifies the user by `iss` and `sub`, which the provider never reassigns. An e-mail
    /// address is not an identifier: it can change, move to another person, or be claimed at
    /// another provider.
    fn session_of(&self, user: User) -> Login {
        let subject = format!("{}#{}", &**self.discovery.issuer, user.sub); // an issuer has no `#`
        let login = Login::new(subject).auth_time(user.auth_time.unwrap_or(0)); // an absent `auth_time` counts as old
        match user.name {
            Some(name) => login.claim("name", name.chars().take(100).collect::<String>()),
            None => login,
        }
    }
}

/// `GET /provider-logout`: redirects to the logout page of the provider, which asks for
/// confirmation.
pub(crate) async fn provider_logout(
    State(sign_in): State<Arc<SignIn>>,
) -> Result<impl IntoResponse, Failure> {
    let provider = sign_in.provider().await?;
    let Some(end_session) = provider.end_session else {
        return Ok(redirect(&sign_in.home, []));
    };
    let url = LogoutRequest::from(end_session)
        .set_client_id(sign_in.discovery.client_id.clone())
        .set_post_logout_redirect_uri(PostLogoutRedirectUrl::from_url(sign_in.home.clone()))
        .http_get_url();
    Ok(redirect(&url, []))
}

fn redirect<const N: usize>(
    url: &Url,
    fields: [(HeaderName, String); N],
) -> impl IntoResponse + use<N> {
    let fields = axum::response::AppendHeaders(fields);
    (StatusCode::SEE_OTHER, [(LOCATION, url.to_string())], fields)
}

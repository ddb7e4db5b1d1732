//! An identity provider in memory.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tollgate_core::{BoxFuture, SigningKey};
use tollgate_oidc::{Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse};

/// A scripted [`Fetch`] that records its requests. Clones share their state.
///
/// A URL without a script returns 404. A request with the `ETag` of the response returns 304.
///
/// ```
/// use tollgate::Algorithm;
/// use tollgate::oidc::{Fetch, FetchErrorKind, FetchRequest};
/// use tollgate_testkit::{FakeProvider, keys};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tollgate::oidc::FetchError> {
/// const JWKS: &str = "https://id.example.com/jwks.json";
/// let provider = FakeProvider::new();
/// provider.publish(JWKS, &[keys::signing(Algorithm::ES256)]);
/// assert_eq!(provider.get(FetchRequest::new(JWKS)).await?.status, 200);
///
/// provider.fail(JWKS, FetchErrorKind::Unreachable);
/// assert!(provider.get(FetchRequest::new(JWKS)).await.is_err());
/// assert_eq!(provider.count(JWKS), 2);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct FakeProvider {
    began: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    requests: Vec<ProviderRequest>,
    hanging: Vec<Waker>,
    given_up: usize,
}

#[derive(Clone)]
enum Reply {
    Answer(FetchResponse),
    Failure(FetchErrorKind),
    Hang,
}

/// A request to a [`FakeProvider`].
///
/// ```
/// # use std::time::Duration;
/// # use tollgate::oidc::{Fetch, FetchRequest};
/// # use tollgate_testkit::FakeProvider;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let provider = FakeProvider::new();
/// tokio::time::sleep(Duration::from_secs(60)).await;
/// let _ = provider.get(FetchRequest::new("https://id.example.com/")).await;
/// assert_eq!(provider.requests()[0].at, Duration::from_secs(60));
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProviderRequest {
    /// The request.
    pub request: FetchRequest,
    /// The time since the provider was created, by tokio's clock.
    pub at: Duration,
}

impl FakeProvider {
    /// Creates a provider that answers every request with 404.
    ///
    /// ```
    /// use tollgate_testkit::FakeProvider;
    ///
    /// assert!(FakeProvider::new().requests().is_empty());
    /// ```
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            state: Arc::default(),
        }
    }

    /// Publishes the public keys of these signing keys as the JWK Set at `url` (RFC 7517 section
    /// 5), without caching headers. HMAC secrets are omitted.
    ///
    /// ```
    /// # use tollgate::Algorithm;
    /// # use tollgate::oidc::{Fetch, FetchRequest};
    /// # use tollgate_testkit::{FakeProvider, keys};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let provider = FakeProvider::new();
    /// provider.publish("https://a.example/jwks",
    ///     &[keys::signing(Algorithm::ES256).with_kid("2031-01")]);
    /// let set = provider.get(FetchRequest::new("https://a.example/jwks")).await.unwrap();
    /// assert!(String::from_utf8_lossy(&set.content).contains("2031-01"));
    /// # }
    /// ```
    pub fn publish(&self, url: &str, keys: &[SigningKey]) {
        self.answer(url, FetchResponse::new(200, Self::jwk_set(keys)));
    }

    /// Returns the JSON of the set that [`publish`](Self::publish) publishes.
    ///
    /// ```
    /// # use tollgate_testkit::FakeProvider;
    /// assert_eq!(FakeProvider::jwk_set(&[]), r#"{"keys":[]}"#);
    /// ```
    pub fn jwk_set(keys: &[SigningKey]) -> String {
        let keys: Vec<Value> = keys.iter().filter_map(SigningKey::public_jwk).collect();
        json!({ "keys": keys }).to_string()
    }

    /// Publishes the metadata of an issuer (`OpenID` Connect Discovery 1.0 section 4) with its set
    /// at `jwks_uri`.
    ///
    /// ```
    /// # use tollgate::oidc::{Fetch, FetchRequest};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let provider = FakeProvider::new();
    /// provider.describe("https://a.example", "https://a.example/jwks");
    /// let url = "https://a.example/.well-known/openid-configuration";
    /// assert_eq!(provider.get(FetchRequest::new(url)).await.unwrap().status, 200);
    /// # }
    /// ```
    pub fn describe(&self, issuer: &str, jwks_uri: &str) {
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let metadata = json!({ "issuer": issuer, "jwks_uri": jwks_uri });
        self.answer(
            &format!("{base}/.well-known/openid-configuration"),
            FetchResponse::new(200, metadata.to_string()),
        );
    }

    /// Responds to every request for `url` with `response` from now on, including pending ones.
    ///
    /// ```
    /// # use tollgate::oidc::{Fetch, FetchRequest, FetchResponse};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let provider = FakeProvider::new();
    /// provider.answer("https://a.example/", FetchResponse::new(500, "")
    ///     .with_header("etag", "\"1\""));
    /// let mut request = FetchRequest::new("https://a.example/");
    /// assert_eq!(provider.get(request.clone()).await.unwrap().status, 500);
    /// request.headers.push(("if-none-match", "\"1\"".to_owned()));
    /// assert_eq!(provider.get(request).await.unwrap().status, 304);
    /// # }
    /// ```
    pub fn answer(&self, url: &str, response: FetchResponse) {
        self.set(url, Reply::Answer(response));
    }

    /// Fails every request for `url` from now on, including pending ones.
    ///
    /// ```
    /// # use tollgate::oidc::{Fetch, FetchErrorKind, FetchRequest};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let provider = FakeProvider::new();
    /// provider.fail("https://a.example/", FetchErrorKind::TimedOut);
    /// let error = provider.get(FetchRequest::new("https://a.example/")).await.unwrap_err();
    /// assert_eq!(error.kind(), FetchErrorKind::TimedOut);
    /// # }
    /// ```
    pub fn fail(&self, url: &str, kind: FetchErrorKind) {
        self.set(url, Reply::Failure(kind));
    }

    /// Keeps every request for `url` pending from now on, until a response or a failure is set.
    ///
    /// ```
    /// # use tollgate::oidc::{Fetch, FetchRequest, FetchResponse};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let provider = FakeProvider::new();
    /// provider.hang("https://a.example/");
    /// let request = tokio::spawn(provider.get(FetchRequest::new("https://a.example/")));
    /// tokio::task::yield_now().await;
    /// assert!(!request.is_finished());
    /// provider.answer("https://a.example/", FetchResponse::new(200, "{}"));
    /// assert_eq!(request.await.unwrap().unwrap().status, 200);
    /// # }
    /// ```
    pub fn hang(&self, url: &str) {
        self.set(url, Reply::Hang);
    }

    /// The requests so far, in order.
    ///
    /// ```
    /// # use tollgate::oidc::{Fetch, FetchRequest};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let provider = FakeProvider::new();
    /// let _ = provider.get(FetchRequest::new("https://a.example/")).await;
    /// assert_eq!(provider.requests()[0].request.url, "https://a.example/");
    /// # }
    /// ```
    pub fn requests(&self) -> Vec<ProviderRequest> {
        self.lock().requests.clone()
    }

    /// The number of requests for `url`.
    ///
    /// ```
    /// # use tollgate_testkit::FakeProvider;
    /// assert_eq!(FakeProvider::new().count("https://a.example/"), 0);
    /// ```
    pub fn count(&self, url: &str) -> usize {
        let state = self.lock();
        let of = state.requests.iter().filter(|got| got.request.url == url);
        of.count()
    }

    /// The number of requests that were dropped before a response.
    ///
    /// ```
    /// # use tollgate::oidc::{Fetch, FetchRequest};
    /// # use tollgate_testkit::FakeProvider;
    /// let provider = FakeProvider::new();
    /// drop(provider.get(FetchRequest::new("https://a.example/")));
    /// assert_eq!(provider.given_up(), 1);
    /// ```
    pub fn given_up(&self) -> usize {
        self.lock().given_up
    }

    fn set(&self, url: &str, reply: Reply) {
        let hanging = {
            let mut state = self.lock();
            state.replies.insert(url.to_owned(), reply);
            std::mem::take(&mut state.hanging)
        };
        hanging.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeProvider")
            .field("requests", &self.lock().requests.len())
            .finish_non_exhaustive()
    }
}

impl Fetch for FakeProvider {
    fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        self.lock().requests.push(ProviderRequest {
            request: request.clone(),
            at: self.began.elapsed(),
        });
        Box::pin(Exchange {
            provider: self.clone(),
            request,
            answered: false,
        })
    }
}

struct Exchange {
    provider: FakeProvider,
    request: FetchRequest,
    answered: bool,
}

impl Future for Exchange {
    type Output = Result<FetchResponse, FetchError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let provider = self.provider.clone();
        let mut state = provider.lock();
        let outcome = match state.replies.get(&self.request.url) {
            None => Ok(FetchResponse::new(404, "")),
            Some(Reply::Answer(response)) => Ok(conditional(&self.request, response)),
            Some(Reply::Failure(kind)) => {
                Err(FetchError::new(*kind, "the provider is scripted to fail"))
            }
            Some(Reply::Hang) => {
                state.hanging.push(context.waker().clone());
                return Poll::Pending;
            }
        };
        self.answered = true;
        Poll::Ready(outcome)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.answered {
            self.provider.lock().given_up += 1;
        }
    }
}

/// Returns 304 if the client has the response already (RFC 9110 section 13.1.2).
fn conditional(request: &FetchRequest, response: &FetchResponse) -> FetchResponse {
    let has = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("if-none-match"));
    let mut response = response.clone();
    if has.is_some_and(|(_, tag)| response.header("etag") == Some(tag)) {
        response.status = 304;
        response.content = Vec::new();
    }
    response
}

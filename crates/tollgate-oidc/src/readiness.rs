//! The readiness endpoint.

use serde::Serialize;
use tollgate_core::{Answer, BoxFuture, Endpoint, EndpointRequest, RequestView};

use crate::remote::RemoteKeys;
use crate::status::{Readiness, Status};
use crate::tenants::Tenants;

/// An endpoint for a readiness probe: 200 while every key source can serve, else 503. It answers
/// `GET` and `HEAD` at any path and never contacts a provider.
///
/// An endpoint without a source answers 503, so that a missing source is noticed at rollout.
///
/// ```
/// use tollgate::extend::{Endpoint, EndpointRequest};
/// use tollgate::oidc::{ReadinessEndpoint, RemoteJwks};
/// # use tollgate::Algorithm;
/// # use tollgate_testkit::{FakeProvider, keys};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # const JWKS: &str = "https://id.example.com/jwks.json";
/// # let provider = FakeProvider::new();
/// # provider.publish(JWKS, &[keys::signing(Algorithm::ES256)]);
/// let keys = RemoteJwks::new(JWKS).fetch(provider).connect().await?;
/// let ready = ReadinessEndpoint::new().keys("id", keys.clone());
///
/// let answer = ready.respond(EndpointRequest::new("GET", "/")).await;
/// assert_eq!((answer.status, &answer.body[..]), (200, &br#"{"status":"ready"}"#[..]));
///
/// let answer = ready.respond(EndpointRequest::new("POST", "/")).await;
/// assert_eq!((answer.status, answer.header("allow")), (405, Some(&b"GET, HEAD"[..])));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReadinessEndpoint {
    sources: Vec<(String, RemoteKeys)>,
    tenants: Vec<(String, Tenants)>,
    fail_when_stale: bool,
    detailed: bool,
}

impl ReadinessEndpoint {
    /// Creates an endpoint without sources.
    ///
    /// ```
    /// # use tollgate::extend::{Endpoint, EndpointRequest};
    /// # use tollgate::oidc::ReadinessEndpoint;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let answer = ReadinessEndpoint::new().respond(EndpointRequest::new("GET", "/")).await;
    /// assert_eq!(answer.status, 503);
    /// # }
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds these keys, under a name for the [details](Self::detailed).
    ///
    /// ```
    /// # use tollgate::extend::{Endpoint, EndpointRequest};
    /// # use tollgate::oidc::{ReadinessEndpoint, RemoteJwks};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let provider = FakeProvider::new();
    /// let keys = RemoteJwks::new("https://id.example.com/jwks.json").fetch(provider).lazy()?;
    /// // The first keys have not come yet.
    /// let ready = ReadinessEndpoint::new().keys("id", keys);
    /// assert_eq!(ready.respond(EndpointRequest::new("GET", "/")).await.status, 503);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn keys(mut self, name: impl Into<String>, keys: RemoteKeys) -> Self {
        self.sources.push((name.into(), keys));
        self
    }

    /// Adds these tenants, under a name for the [details](Self::detailed), which count them. They
    /// are always ready: an outage of one tenant's provider must not stop the service for the
    /// others.
    ///
    /// ```
    /// # use tollgate::extend::{Endpoint, EndpointRequest};
    /// # use tollgate::oidc::{ReadinessEndpoint, Tenants};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let provider = FakeProvider::new();
    /// let tenants = Tenants::builder(|_| None).keys(|oidc| oidc.fetch(provider)).build()?;
    /// let ready = ReadinessEndpoint::new().tenants("customers", tenants);
    /// assert_eq!(ready.respond(EndpointRequest::new("GET", "/")).await.status, 200);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn tenants(mut self, name: impl Into<String>, tenants: Tenants) -> Self {
        self.tenants.push((name.into(), tenants));
        self
    }

    /// Answers 503 also while keys are [stale](Readiness::Stale). An outage of the provider then
    /// stops a service that could still run for [`stale_if_error`](crate::Oidc::stale_if_error).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::extend::{Endpoint, EndpointRequest};
    /// # use tollgate::Algorithm;
    /// # use tollgate::oidc::{FetchErrorKind, ReadinessEndpoint, RemoteJwks};
    /// # use tollgate_testkit::{FakeProvider, keys};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # const JWKS: &str = "https://id.example.com/jwks.json";
    /// # let provider = FakeProvider::new();
    /// # provider.publish(JWKS, &[keys::signing(Algorithm::ES256)]);
    /// let keys = RemoteJwks::new(JWKS).fetch(provider.clone()).connect().await?;
    /// let ready = ReadinessEndpoint::new().keys("id", keys);
    /// provider.fail(JWKS, FetchErrorKind::Unreachable);
    /// tokio::time::sleep(Duration::from_secs(660)).await; // fresh for 10 minutes
    ///
    /// let get = || EndpointRequest::new("GET", "/");
    /// assert_eq!(ready.respond(get()).await.status, 200);
    /// assert_eq!(ready.fail_when_stale().respond(get()).await.status, 503);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn fail_when_stale(mut self) -> Self {
        self.fail_when_stale = true;
        self
    }

    /// Adds the status of each source to the response: its keys with `kid` and last use, ages, and
    /// the last error. It contains no secret, but is not meant for a public probe.
    ///
    /// Durations are in seconds, times in seconds since the epoch.
    ///
    /// ```
    /// # use tollgate::extend::{Endpoint, EndpointRequest};
    /// # use tollgate::Algorithm;
    /// # use tollgate::oidc::{ReadinessEndpoint, RemoteJwks};
    /// # use tollgate_testkit::{FakeProvider, keys};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # const JWKS: &str = "https://id.example.com/jwks.json";
    /// # let provider = FakeProvider::new();
    /// # provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("2031-01")]);
    /// # let keys = RemoteJwks::new(JWKS).fetch(provider).jitter(|| 0.0).connect().await?;
    /// let ready = ReadinessEndpoint::new().keys("id", keys).detailed();
    /// let answer = ready.respond(EndpointRequest::new("GET", "/")).await;
    /// let body: serde_json::Value = serde_json::from_slice(&answer.body)?;
    /// let id = &body["sources"][0];
    /// assert_eq!(id["readiness"], "ready");
    /// assert_eq!((&id["age"], &id["next_refresh"]), (&0.into(), &480.into()));
    /// assert_eq!(id["keys"][0]["kid"], "2031-01");
    /// assert_eq!(id["keys"][0]["last_used"], serde_json::Value::Null);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn detailed(mut self) -> Self {
        self.detailed = true;
        self
    }

    fn answer(&self, request: &EndpointRequest) -> Answer {
        if !matches!(request.method(), "GET" | "HEAD") {
            let mut refused = Answer::new(405);
            refused.set("allow", "GET, HEAD");
            return refused;
        }
        let sources: Vec<(&str, Status)> = self
            .sources
            .iter()
            .map(|(name, keys)| (&name[..], keys.status()))
            .collect();
        let watching = !(self.sources.is_empty() && self.tenants.is_empty());
        let ready = watching
            && sources
                .iter()
                .all(|(_, status)| self.suffices(status.readiness));
        let report = Report {
            status: if ready { "ready" } else { "unavailable" },
            sources: self.detailed.then(|| {
                sources
                    .iter()
                    .map(|(name, status)| Source::new(name, status))
                    .collect()
            }),
            tenants: self.detailed.then(|| {
                let tenants = self.tenants.iter();
                tenants
                    .map(|(name, tenants)| Census::new(name, tenants))
                    .collect()
            }),
        };
        let body = serde_json::to_vec(&report).unwrap_or_default();
        let mut answer = Answer::new(if ready { 200 } else { 503 });
        answer.set("cache-control", "no-store");
        answer.set("content-type", "application/json");
        answer.set("x-content-type-options", "nosniff");
        if request.method() == "HEAD" {
            answer.set("content-length", body.len().to_string());
        } else {
            answer.body = body;
        }
        answer
    }

    const fn suffices(&self, readiness: Readiness) -> bool {
        match readiness {
            Readiness::Ready => true,
            Readiness::Stale => !self.fail_when_stale,
            Readiness::Unavailable => false,
        }
    }
}

impl Endpoint for ReadinessEndpoint {
    fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
        let answer = self.answer(&request);
        Box::pin(std::future::ready(answer))
    }

    fn content_limit(&self) -> usize {
        0
    }
}

#[derive(Serialize)]
struct Report<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<Source<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenants: Option<Vec<Census<'a>>>,
}

#[derive(Serialize)]
struct Source<'a> {
    name: &'a str,
    #[serde(rename = "source")]
    whose: &'a str,
    readiness: &'static str,
    last_success: Option<u64>,
    age: Option<u64>,
    next_refresh: Option<u64>,
    expires_in: Option<u64>,
    consecutive_failures: u32,
    last_error: Option<String>,
    fetches: u64,
    keys: Vec<Key<'a>>,
    skipped: &'a [String],
}

#[derive(Serialize)]
struct Key<'a> {
    kid: Option<&'a str>,
    algorithms: Vec<&'static str>,
    last_used: Option<u64>,
}

impl<'a> Source<'a> {
    fn new(name: &'a str, status: &'a Status) -> Self {
        let seconds = |time: std::time::Duration| time.as_secs();
        let keys = status.keys.iter().map(|key| Key {
            kid: key.kid.as_deref(),
            algorithms: key
                .algorithms
                .iter()
                .map(|algorithm| algorithm.as_str())
                .collect(),
            last_used: key.last_used,
        });
        Self {
            name,
            whose: &status.source,
            readiness: status.readiness.as_str(),
            last_success: status.last_success,
            age: status.age.map(seconds),
            next_refresh: status.next_refresh.map(seconds),
            expires_in: status.expires_in.map(seconds),
            consecutive_failures: status.consecutive_failures,
            last_error: status.last_error.as_ref().map(ToString::to_string),
            fetches: status.fetches,
            keys: keys.collect(),
            skipped: &status.skipped,
        }
    }
}

/// The number of tenants by readiness. The tenants are not listed: there may be a thousand.
#[derive(Serialize)]
struct Census<'a> {
    name: &'a str,
    kept: usize,
    proven: usize,
    ready: usize,
    stale: usize,
    unavailable: usize,
}

impl<'a> Census<'a> {
    fn new(name: &'a str, tenants: &Tenants) -> Self {
        let all = tenants.status();
        let that_are = |readiness| {
            all.iter()
                .filter(|tenant| tenant.keys.readiness == readiness)
                .count()
        };
        Self {
            name,
            kept: all.len(),
            proven: all.iter().filter(|tenant| tenant.proven).count(),
            ready: that_are(Readiness::Ready),
            stale: that_are(Readiness::Stale),
            unavailable: that_are(Readiness::Unavailable),
        }
    }
}

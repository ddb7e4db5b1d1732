//! A service with tenants and their providers.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate_core::{
    Algorithm, IssuerSource, Principal, Rejection, SigningKey, Step, TrustedIssuer, Unavailable,
    Verifier,
};
use tollgate_oidc::{Tenants, TenantsBuilder};
use tollgate_testkit::{FakeClock, FakeProvider, Mint, keys};

pub(crate) const ALGORITHM: Algorithm = Algorithm::ES256;

pub(crate) const COOL_DOWN: Duration = Duration::from_secs(10);

/// The state behind the rule for tenants, which tests change.
#[derive(Default)]
pub(crate) struct Book {
    /// The audiences other than `orders-api`.
    pub(crate) audiences: HashMap<String, String>,
    pub(crate) withdrawn: HashSet<String>,
}

#[derive(Clone)]
pub(crate) struct House {
    pub(crate) clock: FakeClock,
    pub(crate) provider: FakeProvider,
    pub(crate) tenants: Tenants,
    pub(crate) verifier: Verifier,
    pub(crate) book: Arc<Mutex<Book>>,
    /// The number of calls of the rule.
    pub(crate) asked: Arc<AtomicUsize>,
}

impl House {
    /// Uses a rule that accepts every issuer below `example`.
    pub(crate) fn open() -> Self {
        Self::with(|tenants| tenants)
    }

    pub(crate) fn with(more: impl FnOnce(TenantsBuilder) -> TenantsBuilder) -> Self {
        let book = Arc::new(Mutex::new(Book::default()));
        let read = Arc::clone(&book);
        let rule = move |issuer: &str| {
            let host = issuer.strip_prefix("https://")?.split('/').next()?;
            let book = read.lock().unwrap();
            if !host.ends_with(".example") || book.withdrawn.contains(issuer) {
                return None;
            }
            let audience = book
                .audiences
                .get(issuer)
                .map_or("orders-api", |audience| audience);
            Some(TrustedIssuer::new(issuer).audience(audience))
        };
        Self::ruled(rule, book, more)
    }

    pub(crate) fn ruled(
        rule: impl Fn(&str) -> Option<TrustedIssuer> + Send + Sync + 'static,
        book: Arc<Mutex<Book>>,
        more: impl FnOnce(TenantsBuilder) -> TenantsBuilder,
    ) -> Self {
        let clock = FakeClock::ticking();
        let provider = FakeProvider::new();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let builder = Tenants::builder(move |issuer| {
            count.fetch_add(1, Ordering::Relaxed);
            rule(issuer)
        });
        let (fetch, wall) = (provider.clone(), clock.clone());
        let builder = builder.keys(|oidc| {
            oidc.fetch(fetch)
                .clock(wall)
                .jitter(|| 0.0)
                .cool_down(COOL_DOWN)
        });
        let tenants = more(builder).build().unwrap();
        let verifier = Verifier::builder()
            .issuer_source(tenants.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        Self {
            clock,
            provider,
            tenants,
            verifier,
            book,
            asked,
        }
    }

    /// The same service with these tenants.
    pub(crate) fn of(tenants: Tenants, other: Self) -> Self {
        let verifier = Verifier::builder()
            .issuer_source(tenants.clone())
            .clock(other.clock.clone())
            .build()
            .unwrap();
        Self {
            tenants,
            verifier,
            ..other
        }
    }

    /// Publishes the genuine key.
    pub(crate) fn publish(&self, issuer: &str) {
        self.publish_keys(issuer, &[keys::signing(ALGORITHM)]);
    }

    pub(crate) fn publish_keys(&self, issuer: &str, keys: &[SigningKey]) {
        let jwks = format!("{issuer}/jwks");
        self.provider.describe(issuer, &jwks);
        self.provider.publish(&jwks, keys);
    }

    pub(crate) fn token(&self, issuer: &str) -> String {
        self.token_by(keys::signing(ALGORITHM), issuer)
    }

    /// Returns a token by another key with the genuine key's `kid`.
    pub(crate) fn forged(&self, issuer: &str) -> String {
        self.token_by(Self::strangers_key(), issuer)
    }

    pub(crate) fn strangers_key() -> SigningKey {
        keys::stranger(ALGORITHM).with_kid(keys::kid(ALGORITHM))
    }

    pub(crate) fn token_by(&self, key: SigningKey, issuer: &str) -> String {
        Mint::new(key, &self.clock)
            .token()
            .claim("iss", issuer)
            .build()
    }

    pub(crate) async fn present(&self, token: &str) -> Result<Principal, Rejection> {
        match self.verifier.begin(token) {
            Step::Ready(outcome) => outcome,
            Step::Pending(pending) => pending.await,
        }
    }

    /// Queries like the verifier when a token names this issuer, and returns `true` if it is
    /// trusted.
    pub(crate) fn named(&self, issuer: &str) -> Result<bool, Unavailable> {
        self.tenants.issuer(issuer).map(|found| found.is_some())
    }

    pub(crate) fn audience(&self, issuer: &str, audience: &str) {
        let mut book = self.book.lock().unwrap();
        book.audiences
            .insert(issuer.to_owned(), audience.to_owned());
    }

    pub(crate) fn withdraw(&self, issuer: &str) {
        self.book
            .lock()
            .unwrap()
            .withdrawn
            .insert(issuer.to_owned());
    }

    pub(crate) fn accept_again(&self, issuer: &str) {
        self.book.lock().unwrap().withdrawn.remove(issuer);
    }

    /// Returns the fetched URLs.
    pub(crate) fn fetched(&self) -> Vec<String> {
        let requests = self.provider.requests();
        requests.into_iter().map(|got| got.request.url).collect()
    }

    /// Returns the starts of retrievals for each issuer, by the requests for its metadata.
    pub(crate) fn beginnings(&self) -> HashMap<String, Vec<Duration>> {
        let mut beginnings: HashMap<String, Vec<Duration>> = HashMap::new();
        for got in self.provider.requests() {
            if let Some(issuer) = got
                .request
                .url
                .strip_suffix("/.well-known/openid-configuration")
            {
                beginnings
                    .entry(issuer.to_owned())
                    .or_default()
                    .push(got.at);
            }
        }
        beginnings
    }

    pub(crate) fn assert_cool_downs(&self) {
        for (issuer, times) in self.beginnings() {
            for pair in times.windows(2) {
                assert!(pair[1] >= pair[0] + COOL_DOWN, "{issuer}: {times:?}");
            }
        }
    }
}

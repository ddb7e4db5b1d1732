//! Where keys are, and how they are to be kept: the two beginnings of [`RemoteKeys`].

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::Clock;

use crate::error::OidcError;
use crate::event::Event;
use crate::fetch::Fetch;
use crate::remote::RemoteKeys;
use crate::settings::{Location, Settings};
use crate::timer::Timer;

/// The keys of an issuer that publishes metadata about itself: `OpenID` Connect Discovery 1.0 section 4, RFC 8414.
#[derive(Clone, Debug)]
pub struct Oidc(pub(crate) Settings);

/// The keys of a JWK Set (RFC 7517 section 5) at a URL that you know.
#[derive(Clone, Debug)]
pub struct RemoteJwks(pub(crate) Settings);

impl Oidc {
    /// By the issuer's identifier, which must be `issuer` in its metadata, byte for byte.
    pub fn discover(issuer: impl Into<String>) -> Self {
        Self(Settings::new(Location::Issuer(issuer.into())))
    }

    /// Takes the issuer's metadata from this URL, for a provider that does not publish it where the issuer's name leads.
    /// `issuer` in it must still be the issuer's identifier, byte for byte. The origin of this URL is then what counts as the
    /// issuer's own.
    ///
    /// ```
    /// use tollgate_oidc::Oidc;
    ///
    /// // What Microsoft Entra says of all its tenants together: the issuer's identifier is a template there.
    /// let common = Oidc::discover("https://login.microsoftonline.com/{tenantid}/v2.0")
    ///     .metadata_url("https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration");
    /// assert!(format!("{common:?}").contains("/common/v2.0/"));
    /// ```
    #[must_use]
    pub fn metadata_url(mut self, url: impl Into<String>) -> Self {
        self.0.metadata_url = Some(url.into());
        self
    }

    /// Requires the set to be on the issuer's own origin (scheme, host and port).
    #[must_use]
    pub fn require_same_origin(mut self) -> Self {
        self.0.same_origin = true;
        self
    }

    /// Lets the issuer name a host whose address is not public, for a set on another host than its own.
    #[must_use]
    pub fn dangerously_allow_private_addresses(mut self) -> Self {
        self.0.private_addresses = true;
        self
    }
}

impl RemoteJwks {
    /// By its URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self(Settings::new(Location::Jwks(url.into())))
    }
}

macro_rules! keeping_methods {
    ($type:ident) => {
        impl $type {
            /// Allows `http` for other hosts than loopback ones: whoever is on the way can then replace the keys.
            #[must_use]
            pub fn dangerously_allow_plain_http(mut self) -> Self {
                self.0.plain_http = true;
                self
            }

            /// How long one exchange may take, and a request that waits for it: 5 s unless set.
            #[must_use]
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.0.timeout = timeout;
                self
            }

            /// How long keys are fresh where the answer does not say (RFC 9111 section 4.2): 10 minutes unless set.
            #[must_use]
            pub fn default_life(mut self, life: Duration) -> Self {
                self.0.default_life = life;
                self
            }

            /// How short and how long keys may be fresh, whatever the answer says: 1 minute to 1 hour unless set. A key that
            /// was withdrawn stops working at the end of the longest life at the latest.
            #[must_use]
            pub fn life(mut self, bounds: RangeInclusive<Duration>) -> Self {
                self.0.life = bounds;
                self
            }

            /// How long after their life keys are still used, while no newer ones can be fetched: 1 hour unless set. Then
            /// requests get a 503.
            #[must_use]
            pub fn stale_if_error(mut self, most: Duration) -> Self {
                self.0.stale_if_error = most;
                self
            }

            /// The least time between the beginnings of two fetches, whatever is the reason for them and whether or not they
            /// fail: 10 s unless set.
            #[must_use]
            pub fn cool_down(mut self, cool_down: Duration) -> Self {
                self.0.cool_down = cool_down;
                self
            }

            /// How long a `kid` that was looked for and not found is not looked for again: 1 minute unless set.
            #[must_use]
            pub fn negative_life(mut self, life: Duration) -> Self {
                self.0.negative_life = life;
                self
            }

            /// Fetches with this client instead of `HttpClient`.
            #[must_use]
            pub fn fetch(mut self, fetch: impl Fetch) -> Self {
                self.0.fetch = Some(Arc::new(fetch));
                self
            }

            /// Goes by this timer instead of the operating system's.
            #[must_use]
            pub fn timer(mut self, timer: impl Timer) -> Self {
                self.0.timer = Arc::new(timer);
                self
            }

            /// Takes the wall-clock time of [`Status`](crate::Status) from `clock`.
            #[must_use]
            pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
                self.0.clock = Arc::new(clock);
                self
            }

            /// Takes chance, from 0 to below 1, from `jitter`.
            #[must_use]
            pub fn jitter(mut self, jitter: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
                self.0.jitter = Arc::new(jitter);
                self
            }

            /// Tells `hook` of everything that happens. It is called where it happens and must not block.
            #[must_use]
            pub fn on_event(mut self, hook: impl Fn(&Event) + Send + Sync + 'static) -> Self {
                self.0.on_event = Some(Arc::new(hook));
                self
            }

            /// Fetches the keys and keeps them fresh from then on: to fail fast.
            ///
            /// # Errors
            /// An [`OidcError`] for a configuration that cannot be, and where the first fetch fails.
            pub async fn connect(self) -> Result<RemoteKeys, OidcError> {
                RemoteKeys::connect(self.0).await
            }

            /// Starts without keys, and fetches them in the background: until the first have come, requests get a 503.
            ///
            /// # Errors
            /// An [`OidcError`] for a configuration that cannot be, and outside of a tokio runtime.
            pub fn lazy(self) -> Result<RemoteKeys, OidcError> {
                RemoteKeys::lazy(self.0)
            }
        }
    };
}

keeping_methods!(Oidc);
keeping_methods!(RemoteJwks);

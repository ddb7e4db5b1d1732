//! The service without a framework: sessions, their endpoints, and gates for the routes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tollgate_core::{Algorithm, Gate, GateBuilder, Principal};
use tollgate_session::{
    CookieTransport, Issuer, Login, LoginFailure, LoginRequest, NoRandomness, Random, Reading,
    RefreshKey, RenewalTransport, SessionEndpoints, Sessions, SlidingRenewal, Transport,
};
use tollgate_testkit::{FakeClock, keys};

use crate::store::Store;

/// The maximum age of the revocation replica at `/stale`.
pub(crate) const STALE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) clock: FakeClock,
    pub(crate) store: Store,
    pub(crate) sessions: Sessions,
    pub(crate) endpoints: SessionEndpoints,
    transport: Transport,
    /// The endpoints at `/second` and their cookies.
    pub(crate) second: Option<(SessionEndpoints, CookieTransport)>,
}

/// A deterministic random source, so that two services issue the same tokens.
#[derive(Default)]
struct Counted(AtomicU64);

impl Random for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for chunk in bytes.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
            let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
            chunk.copy_from_slice(&spread[..chunk.len()]);
        }
        Ok(())
    }
}

pub(crate) async fn log_in(request: LoginRequest) -> Result<Login, LoginFailure> {
    let sent: BTreeMap<String, String> = request.read()?;
    match sent.get("password").map(String::as_str) {
        Some("lovelace") => Ok(Login::new("ada")
            .scope("orders:read orders:write")
            .claim("tenant", "acme")),
        Some("hopper") => Ok(Login::new("grace")),
        Some("again and again") => Err(LoginFailure::too_many_attempts(Duration::from_secs(30))),
        _ => Err(LoginFailure::refused()),
    }
}

impl Service {
    /// Creates the service. Must be called within a tokio runtime.
    pub(crate) fn new(transport: &Transport) -> Self {
        let clock = FakeClock::new();
        // Its signatures are deterministic.
        let issuer = Issuer::builder("https://id.example.com")
            .audience("orders-api")
            .signing_key(keys::signing(Algorithm::EdDSA))
            .random(Counted::default())
            .clock(clock.clone())
            .build()
            .unwrap();
        let store = Store::new();
        let sessions = Sessions::builder(issuer, store.clone())
            .refresh_key(RefreshKey::new(1, [7; 32]))
            .build()
            .unwrap();
        let mut endpoints =
            SessionEndpoints::builder(sessions.clone(), transport.clone()).login(log_in);
        if matches!(transport, Transport::Cookie(_)) {
            endpoints = endpoints.resume("/login");
        }
        let endpoints = endpoints.build().unwrap();
        Self {
            clock,
            store,
            sessions,
            endpoints,
            transport: transport.clone(),
            second: None,
        }
    }

    /// Creates the service with cookies at `/auth`, and with other cookies at `/second`.
    pub(crate) fn with_two_accounts() -> Self {
        let service = Self::new(&Self::cookies());
        let cookies = CookieTransport::builder()
            .access_name("second-access")
            .refresh_name("second-refresh")
            .binding_name("second-session")
            .path("/second")
            .build()
            .unwrap();
        let transport = Transport::Cookie(cookies.clone());
        let endpoints = SessionEndpoints::builder(service.sessions.clone(), transport);
        let endpoints = endpoints.login(log_in).build().unwrap();
        Self {
            second: Some((endpoints, cookies)),
            ..service
        }
    }

    pub(crate) fn cookies() -> Transport {
        Transport::Cookie(CookieTransport::builder().build().unwrap())
    }

    fn builder(&self) -> GateBuilder {
        match &self.transport {
            Transport::Cookie(cookies) => cookies
                .apply(self.sessions.gate())
                .login_redirect(cookies.login_redirect("/login")),
            _ => self.sessions.gate(),
        }
    }

    /// The gate of `/orders`: a logged-in user, with a sliding token.
    pub(crate) fn sliding(&self) -> Gate {
        let transport = match &self.transport {
            Transport::Cookie(cookies) => RenewalTransport::Cookie(cookies.clone()),
            _ => RenewalTransport::Header,
        };
        let renewal = SlidingRenewal::new(self.sessions.clone(), transport)
            .paths(|path| path != "/orders/poll");
        self.builder().renewal(renewal).build().unwrap()
    }

    /// The gate of `/account`: a user with a recent password login.
    pub(crate) fn fresh(&self) -> Gate {
        let fresh = Duration::from_secs(300);
        self.builder()
            .max_authentication_age(fresh)
            .build()
            .unwrap()
    }

    /// The gate of `/closed`, `/stale` and `/open`.
    pub(crate) fn reading(&self, reading: Reading) -> Gate {
        let check = self.sessions.revocations().reading(reading);
        self.builder().revocation(check).build().unwrap()
    }

    pub(crate) fn readings() -> [(&'static str, Reading); 3] {
        [
            ("/closed", Reading::FailClosed),
            ("/stale", Reading::StaleIfError(STALE)),
            ("/open", Reading::DangerousFailOpen),
        ]
    }
}

/// Returns the handler's response text for a caller.
pub(crate) fn greeting(user: &Principal) -> String {
    let claim = |name| user.claim(name).map(|claim| claim.to_string());
    format!("{:?} of {:?}", claim("sub"), claim("tenant"))
}

//! The sessions of a service.

mod actor;
mod attempt;
mod binding;
mod builder;
mod data;
mod export;
mod forget;
mod hook;
mod info;
mod login;
mod logout;
mod refresh;
mod renewal;
mod store_access;
mod tokens;
mod update;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{Gate, GateBuilder, Verifier};

use crate::attempts::AttemptMemory;
use crate::event::{SessionEvent, SessionEventKind};
use crate::issuer::Issuer;
use crate::refresh::{Record, Rules};
use crate::revocation::{RevocationStore, Revocations};
use crate::store::SessionStore;

pub use attempt::{LoginAttempt, PendingLogin, TooManyAttempts};
pub use builder::SessionsBuilder;
pub use data::SessionData;
pub use export::{ExportedRevocation, ExportedSession, SubjectExport};
pub use info::SessionInfo;
pub use login::Login;
pub use refresh::RefreshRequest;
pub use tokens::{Renewed, Tokens};

pub(crate) use binding::Former;
pub(crate) use tokens::Bound;

/// A handle that begins, continues, lists and ends sessions in any store. Clones share their state.
///
/// See [`guarantees`](crate::guarantees) for the tested guarantees.
///
/// ```
/// use tollgate::{Algorithm, SigningKey};
/// use tollgate::session::{Issuer, Login, MemoryStore};
/// use tollgate::session::{RefreshKey, RefreshRequest, SessionErrorKind, Sessions};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01"))
///     .build()?;
/// let sessions = Sessions::builder(issuer, MemoryStore::default())
///     .refresh_key(RefreshKey::generate(1)?)
///     .build()?;
///
/// let first = sessions.login(Login::new("u-7").scope("orders:read")).await?;
/// let second = sessions.refresh(&first.refresh_token, RefreshRequest::default()).await?;
/// assert_ne!(first.refresh_token, second.refresh_token);
///
/// // The response was lost: the old token returns the same successor in the grace period.
/// let again = sessions.refresh(&first.refresh_token, RefreshRequest::default()).await?;
/// assert_eq!(again.refresh_token, second.refresh_token);
///
/// assert!(sessions.logout(&second.session).await?);
/// let over = sessions.refresh(&second.refresh_token, RefreshRequest::default()).await;
/// assert_eq!(over.unwrap_err().kind(), SessionErrorKind::Invalid);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

/// A callback for events.
type Listener = Box<dyn Fn(&SessionEvent) + Send + Sync>;

struct Inner {
    issuer: Issuer,
    verifier: Verifier,
    store: Arc<dyn SessionStore>,
    revocations: Revocations,
    rules: Rules,
    revoke_former_access: bool,
    most: usize,
    most_revocations: usize,
    timeout: Duration,
    on_event: Vec<Listener>,
    hook: Option<hook::Hook>,
    /// The budgets of login attempts, while the store keeps none.
    attempts: AttemptMemory,
}

impl Sessions {
    /// Creates a builder. `issuer` signs the access tokens, `store` keeps the sessions and
    /// revocations.
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// let sessions = Sessions::builder(issuer, MemoryStore::default())
    ///     .refresh_key(RefreshKey::generate(1)?)
    ///     .build()?;
    /// assert_eq!(sessions.issuer().name(), "https://id.example.com");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(issuer: Issuer, store: impl SessionStore + RevocationStore) -> SessionsBuilder {
        SessionsBuilder::new(issuer, store)
    }

    /// The issuer of the access tokens.
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// The revocations of access tokens. To end a session, so that it cannot be refreshed either,
    /// use [`logout`](Self::logout).
    ///
    /// ```
    /// # use tollgate::{Algorithm, SigningKey};
    /// # use tollgate::session::{Issuer, MemoryStore, RefreshKey, Sessions};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).build()?;
    /// # let builder = Sessions::builder(issuer, MemoryStore::default())
    /// #     .refresh_key(RefreshKey::generate(1)?);
    /// let sessions = builder.build()?;
    /// sessions.revocations().revoke_key("2030-12").await?;
    /// assert_eq!(sessions.revocations().status().entries, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    /// Creates a builder of a gate for the access tokens. It has the issuer's verifier and a
    /// revocation check that [fails closed](crate::Reading::FailClosed). The default source is the
    /// `Authorization` field.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// let gate = sessions.gate().build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// let mut request = EndpointRequest::new("GET", "/orders");
    /// let credential = format!("Bearer {}", tokens.access_token);
    /// request.headers.push(("authorization".to_owned(), credential.into_bytes()));
    /// let admits = async || gate.begin(&request).await.is_ok();
    /// assert!(admits().await);
    /// sessions.logout(&tokens.session).await?;
    /// assert!(!admits().await);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gate(&self) -> GateBuilder {
        Gate::builder(self.0.verifier.clone()).revocation(self.0.revocations.clone())
    }

    /// Reports an event of a session.
    fn notify(&self, kind: SessionEventKind, record: &Record) {
        self.notify_of(|now| SessionEvent::of(kind, record, now));
    }

    /// Reports an event, which is created only if there is a callback.
    pub(crate) fn notify_of(&self, event: impl FnOnce(u64) -> SessionEvent) {
        if !self.0.on_event.is_empty() {
            let event = event(self.now());
            for on_event in &self.0.on_event {
                // The request is done, and another callback may write the audit log.
                if catch_unwind(AssertUnwindSafe(|| on_event(&event))).is_err() {
                    let event = event.kind().name();
                    tracing::error!(target: "tollgate", event, "a callback of `on_event` panicked");
                }
            }
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("issuer", &self.0.issuer)
            .field("rules", &self.0.rules)
            .finish_non_exhaustive()
    }
}

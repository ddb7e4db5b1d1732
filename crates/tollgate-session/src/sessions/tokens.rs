//! The tokens that are returned to the client.

use std::fmt;

use zeroize::Zeroizing;

use crate::id::SessionId;

/// The tokens of a login or a refresh, with their lifetimes.
///
/// `Debug` shows neither token.
///
/// ```
/// use tollgate::SigningKey;
/// # use tollgate::session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11"))
///     .build()?;
/// let sessions = Sessions::builder(issuer, MemoryStore::default())
///     .refresh_key(RefreshKey::generate(1)?)
///     .build()?;
/// let tokens = sessions.login(Login::new("u-7")).await?;
/// assert_eq!((tokens.expires_in, tokens.refresh_expires_in), (15 * 60, 7 * 24 * 3600));
/// assert!(!format!("{tokens:?}").contains(&tokens.refresh_token));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// The access token: a JWT (RFC 9068).
    pub access_token: String,
    /// The lifetime of the access token, in seconds.
    pub expires_in: u64,
    /// The refresh token. It can be used once.
    pub refresh_token: String,
    /// The lifetime of the refresh token, in seconds, unless activity moves the idle timeout.
    pub refresh_expires_in: u64,
    /// The time until the absolute timeout of the session, in seconds: an upper bound of
    /// [`refresh_expires_in`](Self::refresh_expires_in).
    pub session_expires_in: u64,
    /// The scope of the access token, separated by spaces (RFC 6749 section 3.3).
    pub scope: String,
    /// The session ID. Not a secret.
    pub session: SessionId,
    /// The CSRF token that a page sends as `x-csrf-token`, if the [login](crate::Login::with_csrf)
    /// requested one.
    pub csrf: Option<String>,
    pub(crate) bound: Bound,
    pub(crate) browser_session: bool,
}

/// The binding of a session to a browser.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The session was not begun by cookie.
    No,
    /// The browser has the binding cookie.
    Kept,
    /// The login created this value of the binding cookie.
    New(Zeroizing<String>),
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_in", &self.expires_in)
            .field("refresh_expires_in", &self.refresh_expires_in)
            .field("session_expires_in", &self.session_expires_in)
            .field("scope", &self.scope)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// An access token that replaces another one of the same session.
///
/// `Debug` does not show it.
///
/// ```
/// # use std::sync::atomic::{AtomicU64, Ordering};
/// # use tollgate::SigningKey;
/// # use tollgate::session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
/// # static NOW: AtomicU64 = AtomicU64::new(1_700_000_000);
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
/// #     .signing_key(SigningKey::hs256([7; 32])?.with_kid("2026-11"))
/// #     .clock(|| NOW.load(Ordering::Relaxed)).build()?;
/// # let sessions = Sessions::builder(issuer, MemoryStore::default())
/// #     .refresh_key(RefreshKey::generate(1)?).build()?;
/// let tokens = sessions.login(Login::new("u-7")).await?;
/// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
/// NOW.fetch_add(600, Ordering::Relaxed); // ten minutes pass
/// let renewed = sessions.renew(&principal).await?.ok_or("the session has ended")?;
/// assert_eq!(renewed.expires_in, 15 * 60);
/// assert!(!format!("{renewed:?}").contains(&renewed.access_token));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewed {
    /// The access token: a JWT (RFC 9068).
    pub access_token: String,
    /// The lifetime of the access token, in seconds.
    pub expires_in: u64,
    pub(crate) browser_session: bool,
}

impl fmt::Debug for Renewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewed")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

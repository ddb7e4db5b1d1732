//! From where a session is used.

use serde::{Deserialize, Serialize};

use crate::id::SessionId;
use crate::refresh::Record;

/// What is known of the device that logs in or refreshes. All of it is what the client says of itself, and good for a list
/// that its user recognises it in, and for nothing else.
///
/// Each text is cut after 256 bytes.
///
/// ```
/// use tollgate_session::Device;
///
/// let device = Device {
///     user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)".to_owned()),
///     address: Some("203.0.113.7".to_owned()),
///     name: Some("the laptop".to_owned()),
/// };
/// assert_ne!(device, Device::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// `User-Agent` (RFC 9110 section 10.1.5).
    pub user_agent: Option<String>,
    /// The address of the client.
    pub address: Option<String>,
    /// What the user or the app calls it.
    pub name: Option<String>,
}

impl Device {
    /// How many bytes of each text are kept.
    const MOST: usize = 256;

    /// As it is kept.
    pub(crate) fn cut(mut self) -> Self {
        for text in [&mut self.user_agent, &mut self.address, &mut self.name]
            .into_iter()
            .flatten()
        {
            text.truncate(text.floor_char_boundary(Self::MOST));
        }
        self
    }

    /// With what `newer` knows in place of what was known.
    pub(crate) fn updated(&self, newer: Self) -> Self {
        let newer = newer.cut();
        Self {
            user_agent: newer.user_agent.or_else(|| self.user_agent.clone()),
            address: newer.address.or_else(|| self.address.clone()),
            name: newer.name.or_else(|| self.name.clone()),
        }
    }
}

/// One session in the list of a user's devices.
///
/// ```
/// # use tollgate_core::{Algorithm, SigningKey};
/// # use tollgate_session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
/// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01")).clock(|| 1_700_000_000).build()?;
/// # let builder = Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?);
/// # let sessions = builder.build()?;
/// sessions.login(Login::new("u-7")).await?;
/// let device = &sessions.devices("u-7", None).await?[0];
/// assert_eq!((device.created_at, device.last_seen), (1_700_000_000, 1_700_000_000));
/// assert_eq!(device.expires_at, 1_700_000_000 + 30 * 24 * 3600);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its name.
    pub id: SessionId,
    /// When it began, in seconds since the epoch.
    pub created_at: u64,
    /// When it was last refreshed or renewed, in seconds since the epoch.
    pub last_seen: u64,
    /// As in [`Device`].
    pub user_agent: Option<String>,
    /// As in [`Device`].
    pub address: Option<String>,
    /// As in [`Device`].
    pub name: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it ends, whatever is done, in seconds since the epoch.
    pub expires_at: u64,
}

impl SessionInfo {
    pub(super) fn of(record: Record, current: Option<&SessionId>) -> Self {
        let Record { id, body, .. } = record;
        Self {
            id,
            created_at: body.created_at,
            last_seen: body.last_seen,
            user_agent: body.device.user_agent,
            address: body.device.address,
            name: body.device.name,
            current: current == Some(&id),
            expires_at: body.cap,
        }
    }
}

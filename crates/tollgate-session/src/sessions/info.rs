//! The entries of a user's list of sessions.

use serde::Serialize;

use crate::id::SessionId;
use crate::refresh::Record;

/// A session in the list of a user's devices.
///
/// ```
/// # use tollgate::{Algorithm, SigningKey};
/// # use tollgate::session::{Issuer, Login, MemoryStore, RefreshKey, Sessions};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let issuer = Issuer::builder("https://id.example.com").audience("orders-api")
/// #     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01"))
/// #         .clock(|| 1_700_000_000).build()?;
/// # let builder = Sessions::builder(issuer, MemoryStore::default())
/// #     .refresh_key(RefreshKey::generate(1)?);
/// # let sessions = builder.build()?;
/// sessions.login(Login::new("u-7")).await?;
/// let device = &sessions.devices("u-7", None).await?[0];
/// assert_eq!((device.created_at, device.last_seen), (1_700_000_000, 1_700_000_000));
/// assert_eq!(device.expires_at, 1_700_000_000 + 30 * 24 * 3600);
/// // For a page or a response of the application, as `GET /sessions` sends it.
/// let json = serde_json::to_value(device)?;
/// assert_eq!(json["id"], device.id.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The session ID.
    pub id: SessionId,
    /// The time of the login, in seconds since the epoch.
    pub created_at: u64,
    /// The time of the last refresh or renewal, in seconds since the epoch.
    pub last_seen: u64,
    /// The user agent of the [`Device`](crate::Device).
    pub user_agent: Option<String>,
    /// The address of the [`Device`](crate::Device).
    pub address: Option<String>,
    /// The name of the [`Device`](crate::Device).
    pub name: Option<String>,
    /// `true` if it is the session of the caller.
    pub current: bool,
    /// The absolute timeout, in seconds since the epoch.
    pub expires_at: u64,
    /// The actor (`sub`) who uses this session as the user, if the login had
    /// [one](crate::Login::actor).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
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
            actor: body.actor.map(|actor| actor.sub),
        }
    }
}

//! Session events.

mod audit;
mod stream;

use std::fmt;

use crate::device::Device;
use crate::id::SessionId;
use crate::refresh::Record;

pub use audit::{AuditRecord, PseudonymKey};
pub use stream::{EventStream, event_stream};

/// The kind of a [`SessionEvent`].
///
/// ```
/// use tollgate::session::SessionEventKind;
///
/// assert_eq!(SessionEventKind::ReuseDetected.name(), "reuse_detected");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEventKind {
    /// A session began.
    LoggedIn,
    /// The login function of the [`SessionEndpoints`](crate::SessionEndpoints) refused a login. The
    /// event has no session and no subject.
    LoginRefused {
        /// The reason.
        reason: LoginRefusal,
    },
    /// A refresh token was exchanged for its successor.
    Refreshed,
    /// The previous refresh token was presented again within the grace period, and the same
    /// successor was returned.
    Repeated {
        /// `true` if the device differs from that of the first request: a user agent, an address or
        /// a name that the request has and the session does not. An owner's address may change; a
        /// thief within the grace period is seen here alone.
        other_device: bool,
    },
    /// The previous refresh token was presented again after the grace period, and the same
    /// successor was returned, because it had not been presented. The owner has lost the response,
    /// or one of two clients is a thief. Notify the user if this is not rare.
    RepeatedLate {
        /// As in [`Repeated`](Self::Repeated).
        other_device: bool,
    },
    /// A refresh was refused: the token is malformed, forged or expired, the session has ended, or
    /// the scope was not granted. The session is the one that the token names, perhaps without
    /// right. The event has no subject, and the device of the request.
    RefreshRefused,
    /// A used refresh token was presented again, by its owner or by a thief. The session was ended
    /// (RFC 9700 section 4.14.2). The device is that of the request. Notify the user.
    ReuseDetected,
    /// An access token was renewed by activity.
    Renewed,
    /// The user has authenticated again.
    Reauthenticated,
    /// A session was ended by a logout.
    LoggedOut,
    /// A session was ended by the [continuation hook](crate::SessionsBuilder::on_continue), or as
    /// the session of its actor is over.
    Ended,
    /// The roles, claims or scope of a session were changed by
    /// [`Sessions::update`](crate::Sessions::update).
    Updated,
    /// A session was ended because the user reached the maximum number of sessions.
    Evicted,
    /// All data of the user was removed by [`Sessions::forget`](crate::Sessions::forget). The event
    /// has no session.
    Forgotten,
}

impl SessionEventKind {
    /// The name, as in an audit log: `logged_in`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoggedIn => "logged_in",
            Self::LoginRefused { .. } => "login_refused",
            Self::Refreshed => "refreshed",
            Self::Repeated { .. } => "repeated",
            Self::RepeatedLate { .. } => "repeated_late",
            Self::RefreshRefused => "refresh_refused",
            Self::ReuseDetected => "reuse_detected",
            Self::Renewed => "renewed",
            Self::Reauthenticated => "reauthenticated",
            Self::LoggedOut => "logged_out",
            Self::Ended => "ended",
            Self::Updated => "updated",
            Self::Evicted => "evicted",
            Self::Forgotten => "forgotten",
        }
    }
}

/// The reason of a refused login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoginRefusal {
    /// The credentials are wrong (401).
    Credentials,
    /// There were too many attempts (429).
    TooManyAttempts,
    /// The request is malformed (400, 415).
    Malformed,
    /// Another refusal of the service, such as a second factor that is missing.
    Other,
}

impl LoginRefusal {
    /// The name, as in an audit log: `too_many_attempts`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::TooManyAttempts => "too_many_attempts",
            Self::Malformed => "malformed",
            Self::Other => "other",
        }
    }

    /// Returns the reason of a response; `None` if it is no refusal.
    pub(crate) const fn of(status: u16) -> Option<Self> {
        Some(match status {
            400 | 415 => Self::Malformed,
            401 => Self::Credentials,
            429 => Self::TooManyAttempts,
            402..500 => Self::Other,
            _ => return None,
        })
    }
}

/// The transport of a session's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventTransport {
    /// Cookies of a browser.
    Cookie,
    /// An app that keeps the tokens itself.
    Json,
}

/// An event in the life of a session, reported by the instance that caused it, after it happened.
/// [`SessionsBuilder::on_event`](crate::SessionsBuilder::on_event) gets it;
/// [`event_stream`] makes a stream of it.
///
/// `Debug` shows neither the subject nor the device. For an audit log, choose between
/// [`in_plain_text`](Self::in_plain_text) and [`with_pseudonym`](Self::with_pseudonym).
///
/// ```
#[doc = include_str!("../../doc/builder.md")]
/// let (heard, events) = std::sync::mpsc::channel();
/// let sessions = builder
///     .refresh_key(key)
///     .on_event(move |event| {
///         let _ = heard.send(event.clone());
///     })
///     .build()?;
/// sessions.login(Login::new("u-7")).await?;
/// let event = events.recv()?;
/// assert_eq!((event.kind(), event.subject()), (SessionEventKind::LoggedIn, Some("u-7")));
/// assert!(!format!("{event:?}").contains("u-7"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SessionEvent {
    pub(crate) kind: SessionEventKind,
    pub(crate) at: u64,
    pub(crate) session: Option<SessionId>,
    pub(crate) subject: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) device: Device,
    pub(crate) transport: Option<EventTransport>,
}

impl SessionEvent {
    pub(crate) fn new(kind: SessionEventKind, at: u64) -> Self {
        Self {
            kind,
            at,
            session: None,
            subject: None,
            actor: None,
            device: Device::default(),
            transport: None,
        }
    }

    /// Creates an event of a session, with the device that the store has.
    pub(crate) fn of(kind: SessionEventKind, record: &Record, at: u64) -> Self {
        Self {
            kind,
            at,
            session: Some(record.id),
            subject: Some(record.subject.clone()),
            actor: record.body.actor_subject().map(str::to_owned),
            device: record.body.device.clone(),
            transport: Some(if record.body.binding.is_some() {
                EventTransport::Cookie
            } else {
                EventTransport::Json
            }),
        }
    }

    pub(crate) fn with_device(mut self, device: &Device) -> Self {
        self.device = device.clone().cut();
        self
    }

    /// The kind.
    pub const fn kind(&self) -> SessionEventKind {
        self.kind
    }

    /// The time, in seconds since the epoch, by the clock of the issuer.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// The session, if there is one.
    pub const fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// The user (`sub`), if it is known.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The actor (`sub`) who uses the session as the user, if the login had
    /// [one](crate::Login::actor).
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// The device, as far as it is known. All of it comes from the client.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The transport of the tokens, if it is known.
    pub const fn transport(&self) -> Option<EventTransport> {
        self.transport
    }
}

impl fmt::Debug for SessionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEvent")
            .field("kind", &self.kind)
            .field("at", &self.at)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

//! Session events.

use std::fmt;

use crate::id::SessionId;

/// An event in the life of a session, reported by the instance that caused it, after it happened.
///
/// `Debug` shows the session ID and not the subject.
///
/// ```
/// use tollgate::session::{SessionEvent, SessionId};
///
/// let session = SessionId::new([7; 16]);
/// let event = SessionEvent::ReuseDetected { session, subject: "u-7".to_owned() };
/// assert_eq!(event.subject(), "u-7");
/// assert!(!format!("{event:?}").contains("u-7"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A session began.
    LoggedIn {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
    },
    /// A refresh token was exchanged for its successor.
    Refreshed {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
    },
    /// The previous refresh token was presented again within the grace period, and the same
    /// successor was returned.
    Repeated {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
        /// `true` if the device differs from that of the first request: a user agent, an address or
        /// a name that the request has and the session does not. An owner's address may change; a
        /// thief within the grace period is seen here alone.
        other_device: bool,
    },
    /// The previous refresh token was presented again after the grace period, and the same
    /// successor was returned, because it had not been presented. The owner has lost the response,
    /// or one of two clients is a thief. Notify the user if this is not rare.
    RepeatedLate {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
        /// As in [`Repeated`](Self::Repeated).
        other_device: bool,
    },
    /// A used refresh token was presented again, by its owner or by a thief. The session was ended
    /// (RFC 9700 section 4.14.2). Notify the user.
    ReuseDetected {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
    },
    /// An access token was renewed, by activity or after the user authenticated again.
    Renewed {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
    },
    /// A session was ended by a logout.
    LoggedOut {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
    },
    /// A session was ended by the [continuation hook](crate::SessionsBuilder::on_continue).
    Ended {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
    },
    /// The roles, claims or scope of a session were changed by
    /// [`Sessions::update`](crate::Sessions::update).
    Updated {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
    },
    /// A session was ended because the user reached the maximum number of sessions.
    Evicted {
        /// The session.
        session: SessionId,
        /// The user (`sub`).
        subject: String,
    },
}

impl SessionEvent {
    /// The session.
    pub const fn session(&self) -> SessionId {
        self.parts().1
    }

    /// The user (`sub`).
    pub fn subject(&self) -> &str {
        self.parts().2
    }

    const fn parts(&self) -> (&'static str, SessionId, &String) {
        match self {
            Self::LoggedIn { session, subject } => ("LoggedIn", *session, subject),
            Self::Refreshed { session, subject } => ("Refreshed", *session, subject),
            Self::Repeated {
                session, subject, ..
            } => ("Repeated", *session, subject),
            Self::RepeatedLate {
                session, subject, ..
            } => ("RepeatedLate", *session, subject),
            Self::ReuseDetected { session, subject } => ("ReuseDetected", *session, subject),
            Self::Renewed { session, subject } => ("Renewed", *session, subject),
            Self::LoggedOut { session, subject } => ("LoggedOut", *session, subject),
            Self::Ended { session, subject } => ("Ended", *session, subject),
            Self::Updated { session, subject } => ("Updated", *session, subject),
            Self::Evicted { session, subject } => ("Evicted", *session, subject),
        }
    }
}

impl fmt::Debug for SessionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, session, _) = self.parts();
        f.debug_struct(name)
            .field("session", &session)
            .finish_non_exhaustive()
    }
}

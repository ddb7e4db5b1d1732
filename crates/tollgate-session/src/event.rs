//! What a service may want to hear of its sessions.

use std::fmt;

use crate::id::SessionId;

/// Something happened to a session. It is told once it has happened, by the instance that did it.
///
/// `Debug` shows the session and not whose it is.
///
/// ```
/// use tollgate_session::{SessionEvent, SessionId};
///
/// let event = SessionEvent::ReuseDetected { session: SessionId::new([7; 16]), subject: "u-7".to_owned() };
/// assert_eq!(event.subject(), "u-7");
/// assert!(!format!("{event:?}").contains("u-7"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A session has begun.
    LoggedIn {
        /// Which one.
        session: SessionId,
        /// Whose it is.
        subject: String,
    },
    /// A refresh token was exchanged for its successor.
    Refreshed {
        /// Which session's.
        session: SessionId,
        /// Whose it is.
        subject: String,
    },
    /// The previous refresh token came again within the grace window, and the same successor was given out again.
    Repeated {
        /// Which session's.
        session: SessionId,
        /// Whose it is.
        subject: String,
    },
    /// A refresh token was used after its time, by its owner or by a thief: the session was ended (RFC 9700 section 4.14.2).
    /// The user should be told.
    ReuseDetected {
        /// Which session's.
        session: SessionId,
        /// Whose it was.
        subject: String,
    },
    /// An access token was renewed by activity, or after the user authenticated again.
    Renewed {
        /// Which session's.
        session: SessionId,
        /// Whose it is.
        subject: String,
    },
    /// A session was ended by a logout.
    LoggedOut {
        /// Which one.
        session: SessionId,
        /// Whose it was.
        subject: String,
    },
    /// A session was ended to make room for a new one of the same subject.
    Evicted {
        /// Which one.
        session: SessionId,
        /// Whose it was.
        subject: String,
    },
}

impl SessionEvent {
    /// Which session it is about.
    ///
    /// ```
    /// # use tollgate_session::{SessionEvent, SessionId};
    /// let session = SessionId::new([7; 16]);
    /// assert_eq!(SessionEvent::Evicted { session, subject: "u-7".to_owned() }.session(), session);
    /// ```
    pub const fn session(&self) -> SessionId {
        self.parts().1
    }

    /// Whose session it is (`sub`).
    ///
    /// ```
    /// # use tollgate_session::{SessionEvent, SessionId};
    /// let session = SessionId::new([7; 16]);
    /// assert_eq!(SessionEvent::LoggedIn { session, subject: "u-7".to_owned() }.subject(), "u-7");
    /// ```
    pub fn subject(&self) -> &str {
        self.parts().2
    }

    const fn parts(&self) -> (&'static str, SessionId, &String) {
        match self {
            Self::LoggedIn { session, subject } => ("LoggedIn", *session, subject),
            Self::Refreshed { session, subject } => ("Refreshed", *session, subject),
            Self::Repeated { session, subject } => ("Repeated", *session, subject),
            Self::ReuseDetected { session, subject } => ("ReuseDetected", *session, subject),
            Self::Renewed { session, subject } => ("Renewed", *session, subject),
            Self::LoggedOut { session, subject } => ("LoggedOut", *session, subject),
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

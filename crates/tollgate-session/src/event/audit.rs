//! The records of an audit log.

use std::fmt;

use aws_lc_rs::hmac;
use serde::Serialize;

use super::{EventTransport, SessionEvent, SessionEventKind};
use crate::device::Device;

/// A secret key for the pseudonyms of an audit log: see [`SessionEvent::with_pseudonym`].
///
/// ```
/// use tollgate::session::PseudonymKey;
///
/// let key = PseudonymKey::new(&[7; 32]);
/// assert_eq!(key.of("u-7"), key.of("u-7"));
/// assert_ne!(key.of("u-7"), PseudonymKey::new(&[8; 32]).of("u-7"));
/// ```
#[derive(Clone)]
pub struct PseudonymKey(hmac::Key);

impl PseudonymKey {
    /// Creates a key from 32 random bytes. It must differ from every other key of the service.
    /// A holder of the key can test which user a pseudonym belongs to.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Returns the pseudonym of a subject: 22 characters of base64url, the same each time. It is
    /// the first half of HMAC-SHA256 (RFC 2104), so that no table of subjects reverses it without
    /// the key.
    pub fn of(&self, subject: &str) -> String {
        let tag = hmac::sign(&self.0, subject.as_bytes());
        let (half, _) = tag.as_ref().split_at(16);
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(half)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(..)")
    }
}

/// A record of an audit log, for any format of serde. It has these members, without those that are
/// unknown:
///
/// | member | value |
/// |---|---|
/// | `at` | the time, in seconds since the epoch |
/// | `event` | the [name](SessionEventKind::name) of the kind |
/// | `reason` | the reason of a refused login |
/// | `other_device` | of a repeated refresh: whether the device differs |
/// | `session` | the session ID |
/// | `subject` | the user; or `pseudonym` |
/// | `actor` | the actor who acts as the user; or `actor_pseudonym` |
/// | `transport` | `cookie` or `json` |
/// | `user_agent`, `address`, `name` | the device; not with a pseudonym |
#[derive(Serialize)]
#[must_use]
pub struct AuditRecord<'a> {
    at: u64,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_device: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pseudonym: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_pseudonym: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl fmt::Debug for AuditRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditRecord")
            .field("at", &self.at)
            .field("event", &self.event)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl SessionEvent {
    /// Returns a record with the subject in plain text and the device: personal data, which
    /// [`Sessions::forget`](crate::Sessions::forget) does not reach.
    pub fn in_plain_text(&self) -> AuditRecord<'_> {
        let Device {
            user_agent,
            address,
            name,
        } = &self.device;
        AuditRecord {
            subject: self.subject(),
            actor: self.actor(),
            user_agent: user_agent.as_deref(),
            address: address.as_deref(),
            name: name.as_deref(),
            ..self.record()
        }
    }

    /// Returns a record with a pseudonym in place of the subject and without the device. All
    /// records of a subject have the same pseudonym.
    pub fn with_pseudonym(&self, key: &PseudonymKey) -> AuditRecord<'_> {
        AuditRecord {
            pseudonym: self.subject().map(|subject| key.of(subject)),
            actor_pseudonym: self.actor().map(|actor| key.of(actor)),
            ..self.record()
        }
    }

    fn record(&self) -> AuditRecord<'_> {
        let (reason, other_device) = match self.kind {
            SessionEventKind::LoginRefused { reason } => (Some(reason.name()), None),
            SessionEventKind::Repeated { other_device }
            | SessionEventKind::RepeatedLate { other_device } => (None, Some(other_device)),
            _ => (None, None),
        };
        AuditRecord {
            at: self.at,
            event: self.kind.name(),
            reason,
            other_device,
            session: self.session.map(|session| session.to_string()),
            subject: None,
            pseudonym: None,
            actor: None,
            actor_pseudonym: None,
            transport: self.transport.map(|transport| match transport {
                EventTransport::Cookie => "cookie",
                EventTransport::Json => "json",
            }),
            user_agent: None,
            address: None,
            name: None,
        }
    }
}

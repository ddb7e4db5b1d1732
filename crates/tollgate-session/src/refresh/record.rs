//! The stored state of a session.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use base64_simd::{Out, URL_SAFE_NO_PAD};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::binding::Binding;
use super::key::RefreshKeys;
use super::token::{RefreshToken, decode};
use crate::continuation::SessionUpdate;
use crate::device::Device;
use crate::error::{SessionError, SessionErrorKind};
use crate::id::SessionId;
use crate::issuer::{AccessToken, LONGEST_ACCESS, LONGEST_LEEWAY, add_scopes, are_roles, is_scope};
use crate::store::StoredSession;

/// The longest duration of an operation, in seconds: the largest store timeout.
const LONGEST_OPERATION: u64 = 60;

/// A reason why a stored session cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The record is damaged.
    Malformed,
    /// A newer version of this crate wrote the record.
    Newer,
}

/// The part of the content that all versions have.
#[derive(Deserialize)]
struct Version {
    v: u64,
}

impl Unreadable {
    fn of(data: &[u8]) -> Self {
        let content = serde_json::from_slice(data);
        if content.is_ok_and(|Version { v }| v > u64::from(Body::VERSION)) {
            Self::Newer
        } else {
            Self::Malformed
        }
    }
}

/// A decoded session.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: SessionId,
    pub(crate) subject: String,
    pub(crate) revision: u64,
    /// Boxed, because it is large and records are moved between futures.
    pub(crate) body: Box<Body>,
}

/// The content of [`StoredSession::data`], as JSON. Times are in seconds since the epoch.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) struct Body {
    #[serde(rename = "v")]
    pub(crate) version: u8,
    pub(crate) created_at: u64,
    /// The absolute timeout, fixed at login.
    pub(crate) cap: u64,
    /// The idle timeout. Use of the session moves it, never past the cap.
    pub(crate) idle_until: u64,
    pub(crate) last_seen: u64,
    pub(crate) auth_time: u64,
    /// The time of the logout, or of another end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<u64>,
    pub(crate) salt: Bytes,
    /// The generation of the refresh token. The login creates generation 1.
    pub(crate) generation: u64,
    pub(crate) current: Sealed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Sealed>,
    pub(crate) rotated_at: u64,
    /// The late repeat of the current generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) late: Option<Late>,
    /// The times when the generations before the previous one were last to be repeated, the newest
    /// first: those within the grace period, at most [`EARLIER`](Self::EARLIER).
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "runs")]
    pub(crate) earlier: Vec<u64>,
    /// The last rotation by a re-authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step_up: Option<StepUp>,
    /// The access token that was issued last.
    pub(crate) access: Access,
    /// The access token that the last refresh replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) former: Option<Access>,
    /// The times of all access tokens of the session. See [`Body::issued`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) issued: Option<Issued>,
    /// The scope of the session.
    pub(crate) scope: String,
    /// The scope that the login granted, once the session's has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) login_scope: Option<String>,
    /// The idle timeout that the login asked for, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idle: Option<u64>,
    /// Whether the cookies end with the browser.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) browser_session: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) csrf: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) claims: Map<String, Value>,
    #[serde(default)]
    pub(crate) device: Device,
    /// The hash of the secret in the binding cookie. A session that was not begun by cookie has
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) binding: Option<Bytes>,
    /// The data of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Data>,
    /// The actor who acts as the user, if one has begun the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<Actor>,
}

/// The actor of a session: its `sub` and `sid` in the claim `act` (RFC 8693 section 4.1).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Actor {
    pub(crate) sub: String,
    pub(crate) sid: String,
    /// The end of the actor's session, once it was read. It is never stored.
    #[serde(skip)]
    pub(crate) until: Option<u64>,
}

impl Actor {
    pub(crate) fn new(sub: String, sid: &SessionId) -> Self {
        Self {
            sub,
            sid: sid.to_string(),
            until: None,
        }
    }

    pub(crate) fn claim(&self) -> Value {
        json!({"sub": self.sub, "sid": self.sid})
    }
}

/// The data of the application. `null` is kept, so that a version is never used twice.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Data {
    pub(crate) version: u64,
    pub(crate) value: Value,
}

/// A verifier for a refresh token. In a store, it cannot be used to create the token.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Sealed {
    /// SHA-256 of the secret. The secret has 256 random bits, so a slow hash is not needed.
    hash: Bytes,
    /// The number of the key that the secret was derived from.
    pub(crate) key: u32,
    /// The secret, if this operation derived it. It is never stored.
    #[serde(skip)]
    secret: Option<Zeroizing<[u8; 32]>>,
}

#[cfg(test)]
impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        (self.hash, self.key) == (other.hash, other.key)
    }
}

#[cfg(test)]
impl Eq for Sealed {}

impl Sealed {
    pub(crate) fn new(secret: Zeroizing<[u8; 32]>, key: u32) -> Self {
        Self {
            hash: Bytes(sha256(&secret)),
            key,
            secret: Some(secret),
        }
    }

    pub(crate) fn is(&self, token: &RefreshToken) -> bool {
        let hash = sha256(&token.secret);
        constant_time::verify_slices_are_equal(&self.hash.0, &hash).is_ok() && self.key == token.key
    }
}

pub(super) fn sha256(secret: &[u8; 32]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, secret).as_ref());
    hash
}

/// The claims that distinguish an access token from others of its session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Access {
    pub(crate) jti: String,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) scope: String,
    /// The `auth_time` of the token; `None` for that of the session, in a record of an earlier
    /// version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auth_time: Option<u64>,
}

/// A repeat after the grace period: the generation that was returned again, and its time.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Late {
    pub(crate) generation: u64,
    pub(crate) at: u64,
}

/// A rotation by a re-authentication: the generation that it created, and its time.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct StepUp {
    pub(crate) generation: u64,
    pub(crate) at: u64,
}

/// Bounds of all access tokens that any instance has issued for a session.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Issued {
    /// The latest `iat`.
    pub(crate) last: u64,
    /// The latest `exp`.
    pub(crate) until: u64,
}

/// An array of 32 bytes, serialised as base64url.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Bytes(pub(crate) [u8; 32]);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; 43];
        serializer.serialize_str(URL_SAFE_NO_PAD.encode_as_str(&self.0, Out::from_slice(&mut text)))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(BytesVisitor)
    }
}

/// Reads the text without a copy of it.
struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("32 bytes of base64url")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
        let bytes = decode(text).ok_or_else(|| E::custom("not 32 bytes of base64url"))?;
        Ok(Bytes(*bytes))
    }
}

/// Times as pairs of a time and its count, because many may be the same second.
mod runs {
    use std::iter::repeat_n;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Body;

    pub(super) fn serialize<S: Serializer>(
        times: &[u64],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let runs = times.chunk_by(|one, next| one == next);
        serializer.collect_seq(runs.filter_map(|run| Some((run.first()?, run.len()))))
    }

    pub(super) fn deserialize<'de, D>(deserializer: D) -> Result<Vec<u64>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let runs: Vec<(u64, usize)> = Vec::deserialize(deserializer)?;
        if runs.iter().any(|(_, count)| *count > Body::EARLIER) {
            return Err(D::Error::custom("too many times"));
        }
        Ok(runs
            .into_iter()
            .flat_map(|(at, count)| repeat_n(at, count))
            .collect())
    }
}

impl Body {
    pub(crate) const VERSION: u8 = 1;
    /// The largest size of a body in a store after the login, in bytes.
    const MOST: usize = 16 * 1024;
    /// The largest size that an update may give to the roles, claims and scope of a session with
    /// cookies, in bytes: a cookie has 4096, with signature, base64 and attributes.
    const MOST_IN_COOKIE: usize = 2 * 1024;
    /// The size that later writes may add, in bytes: the previous token, the former access token,
    /// the device and the times of rotations.
    const GROWTH: usize = 4 * 1024;
    /// The largest size of the data of the application, in bytes.
    const MOST_DATA: usize = 4 * 1024;
    /// The largest number of [`earlier`](Self::earlier) rotations.
    pub(crate) const EARLIER: usize = 64;
    /// The latest time that is plausible, in the year 36,812.
    const LATEST: u64 = 1 << 40;

    pub(crate) const fn is_live(&self, now: u64) -> bool {
        self.ended_at.is_none() && now < self.idle_until && now < self.cap
    }

    /// The bounds of the access tokens. A record of an earlier version has none: its tokens live at
    /// most as long as any issuer permits.
    pub(crate) fn issued(&self) -> Issued {
        let last = self.access.issued_at.max(self.last_seen);
        let until = last.saturating_add(LONGEST_ACCESS.as_secs()).min(self.cap);
        self.issued.unwrap_or(Issued {
            last,
            until: until.max(self.access.expires_at),
        })
    }

    /// The time of the late repeat of the current generation.
    pub(crate) fn repeated_late_at(&self) -> Option<u64> {
        let late = self.late?;
        (late.generation == self.generation).then_some(late.at)
    }

    /// Returns whether the session can be used: a damaged record that is still JSON must not fail
    /// later, in the middle of an operation.
    fn is_plausible(&self) -> bool {
        let access = &self.access;
        let longest = LONGEST_ACCESS.as_secs();
        let lives = |from: u64, to: u64| from < to && to - from <= longest && to < Self::LATEST;
        let issued = self.issued();
        self.generation > 0
            && self.idle_until.max(self.cap) < Self::LATEST
            && self.last_seen.max(self.created_at) < Self::LATEST
            && self.rotated_at.max(self.auth_time) < Self::LATEST
            && self.earlier.len() <= Self::EARLIER
            && lives(access.issued_at, access.expires_at)
            && lives(issued.last, issued.until)
            // Else its revocation would refuse the other sessions of the user too, without end.
            && issued.until <= self.cap
            && self
                .former
                .as_ref()
                .is_none_or(|former| lives(former.issued_at, former.expires_at))
            && !access.jti.is_empty()
            && self.client_id.as_deref() != Some("")
            && [&self.scope, &access.scope]
                .into_iter()
                .chain(&self.login_scope)
                .all(|scope| is_scope(scope))
            && are_roles(&self.roles)
            && self.actor.as_ref().is_none_or(|actor| !actor.sub.is_empty())
            && !self
                .claims
                .keys()
                .any(|name| AccessToken::is_registered_claim(name))
    }

    /// Changes the roles, claims and scope. Older claims may have the roles, too.
    fn apply(&mut self, update: &SessionUpdate, role_claim: &str) {
        if let Some(roles) = &update.roles {
            self.roles.clone_from(roles);
            self.claims.remove(role_claim);
        }
        if update.all_claims {
            self.claims.clear();
        }
        for (name, value) in &update.claims {
            if value.is_null() {
                self.claims.remove(name);
            } else {
                self.claims.insert(name.clone(), value.clone());
            }
        }
        let of_login = self.login_scope.as_ref().unwrap_or(&self.scope);
        let mut scope = match &update.scope {
            Some(scope) => within(scope, of_login),
            None => self.scope.clone(),
        };
        add_scopes(&mut scope, &update.granted);
        if scope != self.scope {
            // From now on, tokens with another scope than the session's may be presented.
            self.login_scope
                .get_or_insert(std::mem::replace(&mut self.scope, scope));
        }
    }

    /// The actor (`sub`), if one acts as the user.
    pub(crate) fn actor_subject(&self) -> Option<&str> {
        self.actor.as_ref().map(|actor| &*actor.sub)
    }

    /// Returns whether the roles, claims and scope are the same.
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        (&self.roles, &self.claims, &self.scope) == (&other.roles, &other.claims, &other.scope)
    }

    /// Returns the roles of the tokens. A record of an earlier version may have them in the claims.
    pub(crate) fn roles_with(&self, role_claim: &str) -> Vec<String> {
        let text = |role: &Value| role.as_str().map(str::to_owned);
        match self.claims.get(role_claim) {
            Some(claim) if self.roles.is_empty() => match claim {
                Value::Array(roles) => roles.iter().filter_map(text).collect(),
                Value::Object(roles) => roles.keys().cloned().collect(),
                other => text(other).into_iter().collect(),
            },
            _ => self.roles.clone(),
        }
    }

    /// Returns the body as a login would have stored it: without what [`GROWTH`](Self::GROWTH) is
    /// for.
    fn at_login(&self) -> Self {
        Self {
            previous: None,
            late: None,
            earlier: Vec::new(),
            step_up: None,
            former: None,
            device: Device::default(),
            ..self.clone()
        }
    }

    /// Replaces the access token.
    pub(crate) fn issue(&mut self, access: Access) {
        let before = self.issued();
        self.issued = Some(Issued {
            last: before.last.max(access.issued_at),
            until: before.until.max(access.expires_at),
        });
        self.access = access;
    }

    /// Returns whether the session is bound to this binding. A session without a binding accepts
    /// none, and a bound session accepts nothing else than its own.
    pub(crate) fn is_bound_to(&self, binding: Option<&Binding>) -> bool {
        match (&self.binding, binding) {
            (Some(kept), Some(binding)) => {
                constant_time::verify_slices_are_equal(&kept.0, &binding.hash().0).is_ok()
            }
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("generation", &self.generation)
            .field("rotated_at", &self.rotated_at)
            .field("idle_until", &self.idle_until)
            .field("cap", &self.cap)
            .field("ended_at", &self.ended_at)
            .finish_non_exhaustive()
    }
}

impl Record {
    /// Reads the session that a store returned for `id`.
    pub(crate) fn read(stored: &StoredSession, id: &SessionId) -> Result<Self, Unreadable> {
        // As one text, which is cheaper to check than each of its strings.
        let text = std::str::from_utf8(&stored.data).ok();
        // Before it is read, as its lists can take much more memory than their text.
        let text = text.filter(|text| text.len() <= Body::MOST + Body::GROWTH);
        match text.and_then(|text| serde_json::from_str::<Box<Body>>(text).ok()) {
            Some(body)
                if body.version == Body::VERSION
                    && body.is_plausible()
                    && stored.id == *id
                    && !stored.subject.is_empty() =>
            {
                Ok(Self {
                    id: stored.id,
                    subject: stored.subject.clone(),
                    revision: stored.revision,
                    body,
                })
            }
            _ => Err(Unreadable::of(&stored.data)),
        }
    }

    /// Returns the successor of a session that cannot be read: an ended one, without its content.
    pub(crate) fn tombstone(stored: &StoredSession, id: SessionId, now: u64) -> Self {
        let nothing = || Bytes([0; 32]);
        Self {
            id,
            subject: stored.subject.clone(),
            revision: stored.revision.wrapping_add(1),
            body: Box::new(Body {
                version: Body::VERSION,
                created_at: now,
                cap: now.saturating_add(1),
                idle_until: now,
                last_seen: now,
                auth_time: now,
                ended_at: Some(now),
                salt: nothing(),
                generation: 1,
                current: Sealed {
                    hash: nothing(),
                    key: 0,
                    secret: None,
                },
                previous: None,
                rotated_at: now,
                late: None,
                earlier: Vec::new(),
                step_up: None,
                access: Access {
                    jti: "none".to_owned(),
                    issued_at: now,
                    expires_at: now.saturating_add(1),
                    scope: String::new(),
                    auth_time: None,
                },
                former: None,
                issued: None,
                scope: String::new(),
                login_scope: None,
                idle: None,
                browser_session: false,
                client_id: None,
                csrf: None,
                roles: Vec::new(),
                claims: Map::new(),
                device: Device::default(),
                binding: None,
                data: None,
                actor: None,
            }),
        }
    }

    /// Returns the next revision, with this data of the application. It has room for later writes.
    pub(crate) fn with_data(&self, value: Value) -> Result<Self, SessionError> {
        check_size(&serialised(&value)?, Body::MOST_DATA)?;
        let mut next = self.with(self.body.clone());
        let version = self.body.data.as_ref().map_or(0, |data| data.version);
        next.body.data = Some(Data {
            version: version.wrapping_add(1),
            value,
        });
        check_size(&serialised(&next.body.at_login())?, Body::MOST)?;
        // A value that is nested too deeply can be written, and not be read.
        let read = Self::read(&next.write()?, &next.id);
        read.map(|_| next).map_err(|_| {
            SessionError::new(SessionErrorKind::TooLarge, "the data is nested too deeply")
        })
    }

    /// Changes the roles, claims and scope. The record then has room for later writes.
    pub(crate) fn apply(
        &mut self,
        update: &SessionUpdate,
        role_claim: &str,
    ) -> Result<(), SessionError> {
        let facts = |body: &Body| serialised(&(&body.roles, &body.claims, &body.scope));
        let before = facts(&self.body)?;
        self.body.apply(update, role_claim);
        let after = facts(&self.body)?;
        // Browsers drop a longer cookie, and the client would not get its refresh token.
        if self.body.binding.is_some() && after.len() > before.len() {
            check_size(&after, Body::MOST_IN_COOKIE)?;
        }
        if after == before {
            return Ok(());
        }
        check_size(&serialised(&self.body.at_login())?, Body::MOST)
    }

    /// Serialises the session for a store.
    pub(crate) fn write(&self) -> Result<StoredSession, SessionError> {
        let data = serialised(&self.body)?;
        let most = if self.revision > 1 {
            Body::MOST + Body::GROWTH
        } else {
            Body::MOST
        };
        // The end of a session must not fail.
        if self.body.ended_at.is_none() {
            check_size(&data, most)?;
        }
        // An ended session is treated as a missing one. It is kept for a logout that is repeated
        // after an error: it must find the end of the session to confirm it.
        let expires_at = if let Some(ended_at) = self.body.ended_at {
            ended_at.saturating_add(LONGEST_OPERATION)
        } else {
            // An operation that extends the session now must fail once a logout finds nothing more
            // to end. A logout needs the record as long as a token may be accepted, which may be
            // longer than the session after its timeouts were shortened.
            let tokens = self.body.issued().until;
            let tokens = tokens.saturating_add(LONGEST_LEEWAY.as_secs());
            let end = self.body.idle_until.max(tokens);
            end.saturating_add(LONGEST_OPERATION)
        };
        Ok(StoredSession {
            id: self.id,
            subject: self.subject.clone(),
            revision: self.revision,
            expires_at,
            data,
        })
    }

    /// Derives the current refresh token; `None` if its key is missing, or another key has its
    /// number.
    pub(crate) fn refresh_token(&self, keys: &RefreshKeys) -> Option<RefreshToken> {
        let body = &self.body;
        let key = keys.of_id(body.current.key)?;
        let known = body.current.secret.clone();
        let is_known = known.is_some();
        let derive = || key.derive(&self.id, body.generation, &body.salt.0);
        let token = RefreshToken {
            session: self.id,
            generation: body.generation,
            key: key.id(),
            secret: known.unwrap_or_else(derive),
        };
        (is_known || body.current.is(&token)).then_some(token)
    }

    /// Returns the next revision, with another body.
    pub(crate) fn with(&self, body: Box<Body>) -> Self {
        Self {
            id: self.id,
            subject: self.subject.clone(),
            revision: self.revision.wrapping_add(1),
            body,
        }
    }
}

fn serialised(body: &impl Serialize) -> Result<Vec<u8>, SessionError> {
    let misfit = |_| {
        SessionError::new(
            SessionErrorKind::Misconfigured,
            "the session cannot be serialised",
        )
    };
    let mut data = Vec::with_capacity(1024);
    serde_json::to_writer(&mut data, body).map_err(misfit)?;
    Ok(data)
}

fn check_size(data: &[u8], most: usize) -> Result<(), SessionError> {
    if data.len() > most {
        return Err(SessionError::new(
            SessionErrorKind::TooLarge,
            format!(
                "the session, its claims or its data have {} bytes, more than {most}",
                data.len()
            ),
        ));
    }
    Ok(())
}

/// Returns the scopes that are in both lists.
pub(crate) fn within(scope: &str, held: &str) -> String {
    let both = scope
        .split(' ')
        .filter(|scope| !scope.is_empty() && held.split(' ').any(|held| held == *scope));
    both.collect::<Vec<_>>().join(" ")
}

//! The keys between two phase changes.

use std::sync::Arc;

use aws_lc_rs::digest;
use serde_json::{Value, json};
use tollgate_core::{KeySet, SigningKey};

use super::schedule::Schedule;

/// A snapshot of the schedule, computed once per phase change.
pub(super) struct Snapshot {
    pub(super) schedule: Arc<Schedule>,
    /// The first second of the snapshot.
    from: u64,
    /// The first second after the snapshot.
    pub(super) until: u64,
    pub(super) keys: Arc<KeySet>,
    pub(super) signing: Option<SigningKey>,
    /// The serialised JWK Set (RFC 7517 section 5).
    pub(super) jwks: Vec<u8>,
    /// The entity-tag of the JWK Set (RFC 9110 section 8.8.3), with quotes.
    pub(super) etag: String,
}

impl Snapshot {
    pub(super) fn of(schedule: Arc<Schedule>, now: u64) -> Self {
        let (from, until) = schedule.span(now);
        let keys = schedule
            .published(now)
            .map(SigningKey::verifying_key)
            .collect();
        // An HMAC secret has no public half, so it is not in the set.
        let public: Vec<Value> = schedule
            .published(now)
            .filter_map(SigningKey::public_jwk)
            .collect();
        let jwks = json!({ "keys": public }).to_string().into_bytes();
        let digest = digest::digest(&digest::SHA256, &jwks);
        let etag = format!(
            "\"{}\"",
            base64_simd::URL_SAFE_NO_PAD.encode_to_string(&digest.as_ref()[..16])
        );
        Self {
            from,
            until,
            keys: Arc::new(keys),
            signing: schedule.signing(now).cloned(),
            jwks,
            etag,
            schedule,
        }
    }

    pub(super) const fn holds_at(&self, now: u64) -> bool {
        self.from <= now && now < self.until
    }
}

//! The keys as they stand between two phase changes.

use std::sync::Arc;

use aws_lc_rs::digest;
use serde_json::{Value, json};
use tollgate_core::{KeySet, SigningKey};

use super::schedule::Schedule;

/// Everything that a request needs of the schedule, worked out once for each phase change.
pub(super) struct Snapshot {
    pub(super) schedule: Arc<Schedule>,
    /// It holds from this second …
    from: u64,
    /// … until before this one.
    pub(super) until: u64,
    pub(super) keys: Arc<KeySet>,
    pub(super) signing: Option<SigningKey>,
    /// The JWK Set (RFC 7517 section 5), as it is sent.
    pub(super) jwks: Vec<u8>,
    /// Its entity-tag (RFC 9110 section 8.8.3), quotes included.
    pub(super) etag: String,
}

impl Snapshot {
    pub(super) fn of(schedule: Arc<Schedule>, now: u64) -> Self {
        let (from, until) = schedule.span(now);
        let keys = schedule.published(now).map(SigningKey::verifying_key).collect();
        // A secret has no public half, and so no place in the set.
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

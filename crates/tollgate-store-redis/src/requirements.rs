//! The requirements that a server must meet: its version, and that it evicts nothing.
//!
//! All keys have an expiry, so every policy other than `noeviction` may evict sessions and
//! revocations. An evicted revocation makes a revoked token acceptable, without an error.

use std::sync::atomic::{AtomicBool, Ordering};

use redis::Value;
use tollgate_session::{StoreError, StoreErrorKind};

use crate::failure::too_old;

/// The requirements of a store, shared by its connections.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    eviction_allowed: bool,
    /// `true` after the first warning about an unknown policy.
    warned: AtomicBool,
}

impl Requirements {
    pub(crate) fn new(eviction_allowed: bool) -> Self {
        Self {
            eviction_allowed,
            warned: AtomicBool::new(false),
        }
    }

    /// Returns an error if the answer to `INFO server` names a version that is too old.
    pub(crate) fn version(info: &Value) -> Result<(), StoreError> {
        let major = field(info, "redis_version:")
            .and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        match major {
            Some(major) if major < 7 => Err(too_old()),
            _ => Ok(()),
        }
    }

    /// Returns an error if the answer to `INFO memory` names a policy that evicts keys. Logs a
    /// warning, once, if it names none.
    pub(crate) fn eviction(&self, info: &Value) -> Result<(), StoreError> {
        match field(info, "maxmemory_policy:") {
            Some("noeviction") => Ok(()),
            Some(policy) => {
                let known = policy.len() <= 30
                    && policy
                        .bytes()
                        .all(|byte| byte == b'-' || byte.is_ascii_lowercase());
                let policy = if known { policy } else { "unknown" };
                if self.eviction_allowed {
                    if !self.warned.swap(true, Ordering::Relaxed) {
                        tracing::warn!(target: "tollgate", policy,
                            "the server may evict sessions and revocations");
                    }
                    return Ok(());
                }
                let detail = format!(
                    "the server evicts sessions and revocations: `maxmemory-policy` is \
                     `{policy}`, set `noeviction`"
                );
                Err(StoreError::new(StoreErrorKind::Unavailable, detail))
            }
            None => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(target: "tollgate",
                        "`maxmemory-policy` is unknown, because `INFO memory` is not readable; \
                         any policy other than `noeviction` evicts sessions and revocations");
                }
                Ok(())
            }
        }
    }
}

/// Returns the value of a line of `INFO`.
fn field<'i>(info: &'i Value, name: &str) -> Option<&'i str> {
    let text = match info {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?,
        Value::VerbatimString { text, .. } => text,
        _ => return None,
    };
    text.lines().find_map(|line| line.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn only_noeviction_and_an_unknown_policy_are_accepted() {
        let policy = |policy: &str| info(&format!("# Memory\r\nmaxmemory_policy:{policy}\r\n"));
        let strict = Requirements::default();
        assert!(strict.eviction(&policy("noeviction")).is_ok());
        assert!(strict.eviction(&info("# Memory\r\n")).is_ok());
        assert!(strict.eviction(&Value::Nil).is_ok());
        for evicting in ["allkeys-lru", "volatile-ttl", "volatile-lfu", "", "x y"] {
            let error = strict.eviction(&policy(evicting)).unwrap_err();
            assert!(error.to_string().contains("noeviction"), "{error}");
            assert!(Requirements::new(true).eviction(&policy(evicting)).is_ok());
        }
    }

    #[test]
    fn versions_before_7_are_refused() {
        let version = |version: &str| info(&format!("redis_version:{version}\r\n"));
        for old in ["6.2.14", "5.0.0", "255"] {
            let refused = Requirements::version(&version(old)).is_err();
            assert_eq!(refused, old != "255", "{old}");
        }
        for new in ["7.0.15", "8.2.0", "10.0", "unknown", ""] {
            assert!(Requirements::version(&version(new)).is_ok(), "{new}");
        }
    }
}

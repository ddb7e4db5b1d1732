//! The names of the keys. Keys that change together share a hash tag, and so a slot of a cluster.

use std::fmt::Write as _;

use tollgate_session::{AttemptKey, SessionId};

/// The keys of a namespace. The hash tag of each key is the name up to the closing brace. Sessions
/// are spread over a cluster; the keys of the revocations stay together.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    namespace: String,
}

impl Keys {
    pub(crate) const LONGEST_NAMESPACE: usize = 64;

    /// Returns `None` unless the namespace is 1 to 64 letters, digits, `.`, `_` and `-`. With a
    /// brace or a colon, the keys of two namespaces could collide.
    pub(crate) fn new(namespace: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        ((1..=Self::LONGEST_NAMESPACE).contains(&namespace.len()) && namespace.bytes().all(allowed))
            .then(|| Self {
                namespace: namespace.to_owned(),
            })
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The key of a session.
    pub(crate) fn session(&self, id: &SessionId) -> String {
        format!("{{{}:session:{id}}}", self.namespace)
    }

    /// The key of the index of a subject's sessions.
    pub(crate) fn subject(&self, subject: &str) -> String {
        let mut key = format!("{{{}:subject:", self.namespace);
        for byte in subject.bytes() {
            if byte.is_ascii_alphanumeric() || b"._-@".contains(&byte) {
                key.push(char::from(byte));
            } else {
                write!(key, "%{byte:02X}").expect("a string takes everything");
            }
        }
        key.push('}');
        key
    }

    /// The key of a budget of login attempts.
    pub(crate) fn attempts(&self, key: &AttemptKey) -> String {
        let mut text = format!("{{{}:attempts:", self.namespace);
        for byte in key.as_bytes() {
            write!(text, "{byte:02x}").expect("a string takes everything");
        }
        text.push('}');
        text
    }

    /// The key of the revocations.
    pub(crate) fn entries(&self) -> String {
        format!("{{{}:revocations}}:entries", self.namespace)
    }

    /// The key of the revocations by their end.
    pub(crate) fn endings(&self) -> String {
        format!("{{{}:revocations}}:endings", self.namespace)
    }

    /// The key of the revocations by the sequence of their last change.
    pub(crate) fn order(&self) -> String {
        format!("{{{}:revocations}}:order", self.namespace)
    }

    /// The key of the position in the sequence of revocations.
    pub(crate) fn position(&self) -> String {
        format!("{{{}:revocations}}:position", self.namespace)
    }

    /// The channel of the hints.
    pub(crate) fn channel(&self) -> String {
        format!("{}:revocations", self.namespace)
    }
}

/// Returns the slot of a key in a cluster, 0 to 16383: CRC16 (XMODEM) of its hash tag.
/// <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags>
pub(crate) fn slot(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty())
        .unwrap_or(key);
    let crc = tag.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            (crc << 1) ^ (if crc & 0x8000 == 0 { 0 } else { 0x1021 })
        })
    });
    crc % 16_384
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_equal_those_of_redis() {
        // The answers of `CLUSTER KEYSLOT`.
        assert_eq!(slot("123456789"), 0x31C3);
        assert_eq!(slot("foo"), 12_182);
        assert_eq!(slot("{user1000}.following"), slot("user1000"));
        assert_eq!(slot("foo{}{bar}"), slot("foo{}{bar}"));
        assert_ne!(slot("foo{}{bar}"), slot("bar"));
    }

    #[test]
    fn keys_of_revocations_share_a_slot() {
        let keys = Keys::new("a").unwrap();
        assert_eq!(slot(&keys.entries()), slot(&keys.endings()));
        assert_eq!(slot(&keys.entries()), slot(&keys.position()));
        assert_eq!(slot(&keys.entries()), slot(&keys.order()));
    }

    #[test]
    fn ambiguous_namespaces_are_refused() {
        for odd in ["", "a:b", "a{b", "a}b", "a b", "ä", &"a".repeat(65)] {
            assert!(Keys::new(odd).is_none(), "{odd}");
        }
        assert!(Keys::new("Tollgate_1.eu-west").is_some());
    }

    #[test]
    fn subjects_cannot_leave_the_hash_tag() {
        let keys = Keys::new("a").unwrap();
        assert_eq!(keys.subject("u}7"), "{a:subject:u%7D7}");
        assert_ne!(keys.subject("%7D"), keys.subject("}"));
        assert_eq!(keys.subject(""), "{a:subject:}");
    }
}

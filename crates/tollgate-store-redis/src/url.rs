//! The URLs of servers.

use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo};
use tollgate_core::{ConfigError, ConfigErrorKind};

use crate::address::Address;

/// The parts of a URL.
#[derive(Clone)]
pub(crate) struct Url {
    pub(crate) address: Address,
    /// User, password and database.
    pub(crate) settings: RedisConnectionInfo,
    /// The scheme is `rediss` or `valkeys`.
    pub(crate) encrypted: bool,
}

impl Url {
    /// Parses a URL. The error does not quote it, because it may contain a password.
    ///
    /// # Errors
    /// [`ConfigError`] for another form than
    /// `redis[s]://user:password@host:port/database` or `unix:///path`.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let malformed = || {
            ConfigError::new(
                ConfigErrorKind::InvalidText,
                "a URL must have the form `redis://user:password@host:port/database`, or \
                 `rediss://` for TLS",
            )
        };
        // A fragment of `rediss` would switch the verification of certificates off.
        let (scheme, rest) = text
            .split_once(':')
            .filter(|(_, rest)| !rest.contains('#'))
            .ok_or_else(malformed)?;
        let encrypted = matches!(scheme, "rediss" | "valkeys");
        let plain = if encrypted { "redis" } else { scheme };
        let info = format!("{plain}:{rest}")
            .into_connection_info()
            .map_err(|_| malformed())?;
        match info.addr() {
            ConnectionAddr::Tcp(..) | ConnectionAddr::Unix(_) => {}
            _ => return Err(malformed()),
        }
        Ok(Self {
            address: Address::of(&info),
            settings: info.redis_settings().clone().set_skip_set_lib_name(),
            encrypted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_encryption() {
        for (text, encrypted) in [
            ("redis://h", false),
            ("valkey://h", false),
            ("rediss://h", true),
            ("valkeys://h", true),
            ("unix:///run/redis.sock", false),
        ] {
            assert_eq!(Url::parse(text).unwrap().encrypted, encrypted, "{text}");
        }
        let url = Url::parse("rediss://user:pa%3Ass@h:7/3").unwrap();
        assert_eq!(url.address.to_string(), "h:7");
        assert_eq!(url.settings.username(), Some("user"));
        assert_eq!(url.settings.password(), Some("pa:ss"));
        assert_eq!(url.settings.db(), 3);
    }

    #[test]
    fn other_forms_are_refused_without_a_quote() {
        for text in [
            "",
            "h",
            "http://user:hunter2@h",
            "redis://user:hunter2@h/x",
            "rediss://user:hunter2@h#insecure",
            "REDISS://user:hunter2@h#insecure",
        ] {
            let error = Url::parse(text).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
        }
    }
}

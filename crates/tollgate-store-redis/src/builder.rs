//! The configuration of a store.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};
use tollgate_core::{ConfigError, ConfigErrorKind};

use crate::keys::Keys;
use crate::operation::Wait;
use crate::requirements::Requirements;
use crate::servers::Servers;
use crate::store::{RedisStore, random};

impl RedisStore {
    /// Creates a builder for one server. The URL is `redis://user:password@host:port/database` or
    /// `unix:///path`.
    ///
    /// ```
    /// use tollgate::stores::redis::RedisStore;
    ///
    /// assert!(RedisStore::builder("redis://127.0.0.1").build().is_ok());
    /// assert!(RedisStore::builder("127.0.0.1").build().is_err());
    /// ```
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new([url], false)
    }

    /// Creates a builder for a cluster. The URLs of some nodes suffice; the other nodes are
    /// discovered. All nodes use the user and the password of the first.
    ///
    /// ```
    /// use tollgate::stores::redis::RedisStore;
    ///
    /// let nodes = ["redis://127.0.0.1:7000", "redis://127.0.0.1:7001"];
    /// assert!(RedisStore::cluster(nodes).build().is_ok());
    /// assert!(RedisStore::cluster([""; 0]).build().is_err(), "at least one node is required");
    /// let store = RedisStore::cluster(["redis://127.0.0.1/1"]).build();
    /// assert!(store.is_err(), "a cluster has one database");
    /// ```
    pub fn cluster(urls: impl IntoIterator<Item = impl AsRef<str>>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(urls, true)
    }
}

/// A builder of a [`RedisStore`].
///
/// ```
/// use std::time::Duration;
/// use tollgate::stores::redis::RedisStore;
///
/// let store = RedisStore::builder("redis://tollgate:s3cret@127.0.0.1")
///     .namespace("shop")
///     .timeout(Duration::from_millis(500))
///     .wait_replicas(1, Duration::from_millis(200))
///     .build()?;
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[must_use]
pub struct RedisStoreBuilder {
    servers: Vec<Result<ConnectionInfo, WrongUrl>>,
    cluster: bool,
    namespace: String,
    timeout: Duration,
    wait: Option<Wait>,
    plain_tcp: bool,
    eviction: bool,
}

impl fmt::Debug for RedisStoreBuilder {
    /// Omits the servers: their URLs contain passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("cluster", &self.cluster)
            .field("namespace", &self.namespace)
            .field("timeout", &self.timeout)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

impl RedisStoreBuilder {
    fn new(urls: impl IntoIterator<Item = impl AsRef<str>>, cluster: bool) -> Self {
        Self {
            servers: urls.into_iter().map(|url| server(url.as_ref())).collect(),
            cluster,
            namespace: "tollgate".to_owned(),
            timeout: Duration::from_millis(800),
            wait: None,
            plain_tcp: false,
            eviction: false,
        }
    }

    /// Sets the prefix of all keys: 1 to 64 letters, digits, `.`, `_` and `-`. Default: `tollgate`.
    /// Stores with different namespaces share no data.
    ///
    /// ```
    /// # use tollgate::stores::redis::RedisStore;
    /// assert!(RedisStore::builder("redis://127.0.0.1").namespace("a:b").build().is_err());
    /// ```
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            ..self
        }
    }

    /// Sets the timeout of an operation, including connecting and retries. Default: 800 ms. Range:
    /// 10 ms to 60 s.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::stores::redis::RedisStore;
    /// assert!(RedisStore::builder("redis://127.0.0.1").timeout(Duration::ZERO).build().is_err());
    /// ```
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Makes every write wait until this number of replicas have it (`WAIT`), at most for
    /// `timeout`, in addition to the timeout of the operation. If they do not have it in time, the
    /// operation fails as `Unavailable`, but it was executed and may last. The replicas are those
    /// of one master; in a cluster mostly one.
    ///
    /// Without this, writes that were acknowledged just before a failover may be lost. See the
    /// documentation of the crate.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::stores::redis::RedisStore;
    /// let builder = || RedisStore::builder("redis://127.0.0.1");
    /// let store = builder().wait_replicas(0, Duration::from_secs(1)).build();
    /// assert!(store.is_err(), "at least one replica is required");
    /// assert!(builder().wait_replicas(1, Duration::from_secs(1)).build().is_ok());
    /// ```
    pub fn wait_replicas(self, replicas: u32, timeout: Duration) -> Self {
        Self {
            wait: Some(Wait { replicas, timeout }),
            ..self
        }
    }

    /// Allows unencrypted connections to other machines. An attacker on the network can read the
    /// password, and read and change all data. Use it only on a private network, or with encryption
    /// by other means.
    ///
    /// ```
    /// # use tollgate::stores::redis::RedisStore;
    /// let builder = || RedisStore::builder("redis://redis.internal");
    /// assert!(builder().build().is_err());
    /// assert!(builder().dangerous_plain_tcp().build().is_ok());
    /// ```
    pub fn dangerous_plain_tcp(self) -> Self {
        Self {
            plain_tcp: true,
            ..self
        }
    }

    /// Allows a server whose `maxmemory-policy` evicts keys when memory is short. An evicted
    /// revocation makes a revoked token acceptable, and an evicted session logs its user out,
    /// without an error.
    ///
    /// Without this, every operation fails as `Unavailable` while the policy of a server that is
    /// used is another than `noeviction`, whether `maxmemory` is set or not. The store reads the
    /// policy at each connection and then every second (`INFO memory`). If it may not read it, it
    /// logs a warning.
    ///
    /// ```
    /// # use tollgate::stores::redis::RedisStore;
    /// let store = RedisStore::builder("redis://127.0.0.1").dangerous_allow_eviction().build();
    /// assert!(store.is_ok());
    /// ```
    pub fn dangerous_allow_eviction(self) -> Self {
        Self {
            eviction: true,
            ..self
        }
    }

    /// Creates the store. It connects at the first operation, which must run within a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`ConfigError`] if:
    ///
    /// - there is no server, or a URL is invalid;
    /// - a server is on another machine, without
    ///   [`dangerous_plain_tcp`](Self::dangerous_plain_tcp);
    /// - a value is out of range.
    ///
    /// ```
    /// # use tollgate::stores::redis::RedisStore;
    /// let error = RedisStore::builder("rediss://127.0.0.1").build().unwrap_err();
    /// assert!(error.to_string().contains("TLS"));
    /// ```
    pub fn build(self) -> Result<RedisStore, ConfigError> {
        let refused = |kind, message: &str| Err(ConfigError::new(kind, message));
        let Some(keys) = Keys::new(&self.namespace) else {
            return refused(
                ConfigErrorKind::InvalidText,
                "`namespace` must be 1 to 64 letters, digits, `.`, `_` and `-`",
            );
        };
        // The message does not quote the URL, which may contain a password.
        let servers = match self.servers.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(servers) => servers,
            Err(WrongUrl::Malformed) => {
                return refused(
                    ConfigErrorKind::InvalidText,
                    "a URL must have the form `redis://user:password@host:port/database`",
                );
            }
            Err(WrongUrl::Encrypted) => {
                return refused(
                    ConfigErrorKind::Contradiction,
                    "TLS is not supported: use a local proxy that encrypts",
                );
            }
        };
        if servers.is_empty() {
            return refused(ConfigErrorKind::InvalidText, "at least one URL is required");
        }
        for server in &servers {
            match server.addr() {
                ConnectionAddr::Tcp(host, _) if self.plain_tcp || is_local(host) => {}
                ConnectionAddr::Tcp(..) => {
                    return refused(
                        ConfigErrorKind::Contradiction,
                        "the server is on another machine: set `dangerous_plain_tcp`",
                    );
                }
                ConnectionAddr::Unix(_) if !self.cluster => {}
                _ => {
                    return refused(
                        ConfigErrorKind::Contradiction,
                        "the nodes of a cluster require TCP URLs",
                    );
                }
            }
            if self.cluster && server.redis_settings().db() != 0 {
                return refused(
                    ConfigErrorKind::Contradiction,
                    "a cluster supports only database 0",
                );
            }
        }
        let sensible = Duration::from_millis(10)..=Duration::from_secs(60);
        if !sensible.contains(&self.timeout) {
            return refused(
                ConfigErrorKind::OutOfRange,
                "`timeout` must be between 10 ms and 60 s",
            );
        }
        if let Some(wait) = self.wait
            && (wait.replicas == 0 || !sensible.contains(&wait.timeout))
        {
            return refused(
                ConfigErrorKind::OutOfRange,
                "`wait_replicas` requires at least one replica and a timeout \
                 between 10 ms and 60 s",
            );
        }
        let instance = random()
            .map_err(|error| ConfigError::new(ConfigErrorKind::OutOfRange, error.to_string()))?;
        Ok(RedisStore::new(
            keys,
            Servers::new(
                servers,
                self.cluster,
                self.timeout,
                Requirements::new(self.eviction),
            ),
            self.timeout,
            self.wait,
            instance,
        ))
    }
}

/// The reason why a URL is refused.
#[derive(Clone, Copy)]
enum WrongUrl {
    Malformed,
    Encrypted,
}

fn server(url: &str) -> Result<ConnectionInfo, WrongUrl> {
    let scheme = url.split(':').next().unwrap_or_default();
    if matches!(scheme, "rediss" | "valkeys") {
        return Err(WrongUrl::Encrypted);
    }
    url.into_connection_info().map_err(|_| WrongUrl::Malformed)
}

fn is_local(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let url = "redis://user:hunter2@127.0.0.1:1/0";
        let builder = RedisStore::builder(url);
        assert!(!format!("{builder:?}").contains("hunter2"));
        assert!(!format!("{:?}", builder.build().unwrap()).contains("hunter2"));
        for wrong in [
            "http://user:hunter2@127.0.0.1",
            "redis://user:hunter2@127.0.0.1/x",
            "rediss://user:hunter2@127.0.0.1",
            "redis://user:hunter2@example.com",
        ] {
            let error = RedisStore::builder(wrong).build().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{wrong}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for host in ["localhost", "127.0.0.1", "127.8.9.1", "::1"] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}

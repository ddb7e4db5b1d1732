//! How a store is configured.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};
use tollgate_core::{ConfigError, ConfigErrorKind};

use crate::keys::Keys;
use crate::operation::Wait;
use crate::servers::Servers;
use crate::store::{RedisStore, random};

impl RedisStore {
    /// On one server, by its URL: `redis://user:password@host:port/database`, or `unix:///path`.
    ///
    /// ```
    /// use tollgate_store_redis::RedisStore;
    ///
    /// assert!(RedisStore::builder("redis://127.0.0.1").build().is_ok());
    /// assert!(RedisStore::builder("127.0.0.1").build().is_err());
    /// ```
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new([url], false)
    }

    /// On a cluster, by the URLs of some of its nodes, from which the others are learnt. All nodes take the user and the
    /// password of the first.
    ///
    /// ```
    /// use tollgate_store_redis::RedisStore;
    ///
    /// assert!(RedisStore::cluster(["redis://127.0.0.1:7000", "redis://127.0.0.1:7001"]).build().is_ok());
    /// assert!(RedisStore::cluster([""; 0]).build().is_err(), "one node at least");
    /// assert!(RedisStore::cluster(["redis://127.0.0.1/1"]).build().is_err(), "a cluster has one database");
    /// ```
    pub fn cluster(urls: impl IntoIterator<Item = impl AsRef<str>>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(urls, true)
    }
}

/// A [`RedisStore`] to be.
///
/// ```
/// use std::time::Duration;
/// use tollgate_store_redis::RedisStore;
///
/// let store = RedisStore::builder("redis://tollgate:s3cret@127.0.0.1")
///     .namespace("shop")
///     .timeout(Duration::from_millis(500))
///     .wait_replicas(1, Duration::from_millis(200))
///     .build()?;
/// # Ok::<(), tollgate_core::ConfigError>(())
/// ```
#[must_use]
pub struct RedisStoreBuilder {
    servers: Vec<Result<ConnectionInfo, WrongUrl>>,
    cluster: bool,
    namespace: String,
    timeout: Duration,
    wait: Option<Wait>,
    plain_tcp: bool,
}

impl fmt::Debug for RedisStoreBuilder {
    /// Without the servers: their URLs have passwords.
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
        }
    }

    /// What all keys begin with: `tollgate` unless said otherwise. 1 to 64 letters, digits, `.`, `_` and `-`. Stores of
    /// different namespaces have nothing in common.
    ///
    /// ```
    /// # use tollgate_store_redis::RedisStore;
    /// assert!(RedisStore::builder("redis://127.0.0.1").namespace("a:b").build().is_err());
    /// ```
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            ..self
        }
    }

    /// How long an operation may take, connecting and repeated attempts included: 800 ms unless said otherwise. From 10 ms to
    /// a minute.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_store_redis::RedisStore;
    /// assert!(RedisStore::builder("redis://127.0.0.1").timeout(Duration::ZERO).build().is_err());
    /// ```
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Has every write wait until this number of replicas have it (`WAIT`), for `timeout` at the most, which comes on top of
    /// that of the operation. Where they have not by then, the operation fails as `Unavailable`, though it was done and may
    /// last. The replicas are those of one master: in a cluster, mostly one.
    ///
    /// Without this, what was acknowledged in the moment before a failover may be lost; see the crate's documentation.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_store_redis::RedisStore;
    /// let builder = || RedisStore::builder("redis://127.0.0.1");
    /// assert!(builder().wait_replicas(0, Duration::from_secs(1)).build().is_err(), "that is no wait");
    /// assert!(builder().wait_replicas(1, Duration::from_secs(1)).build().is_ok());
    /// ```
    pub fn wait_replicas(self, replicas: u32, timeout: Duration) -> Self {
        Self {
            wait: Some(Wait { replicas, timeout }),
            ..self
        }
    }

    /// Speaks to servers on other machines, although nothing is encrypted: whoever sits in between reads the password, and
    /// reads and changes what is said. For a network that is private to the two, or encrypted otherwise.
    ///
    /// ```
    /// # use tollgate_store_redis::RedisStore;
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

    /// The store. It connects when it is first used, within a tokio runtime.
    ///
    /// # Errors
    /// If there is no server, one that cannot be, one on another machine without
    /// [saying so](Self::dangerous_plain_tcp), or a value is out of its range.
    ///
    /// ```
    /// # use tollgate_store_redis::RedisStore;
    /// let error = RedisStore::builder("rediss://127.0.0.1").build().unwrap_err();
    /// assert!(error.to_string().contains("TLS"));
    /// ```
    pub fn build(self) -> Result<RedisStore, ConfigError> {
        let refused = |kind, message: &str| Err(ConfigError::new(kind, message));
        let Some(keys) = Keys::new(&self.namespace) else {
            return refused(
                ConfigErrorKind::InvalidText,
                "a namespace is 1 to 64 letters, digits, `.`, `_` and `-`",
            );
        };
        // Not told which: it may hold a password.
        let servers = match self.servers.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(servers) => servers,
            Err(WrongUrl::Malformed) => {
                return refused(
                    ConfigErrorKind::InvalidText,
                    "a server's URL is not of the form `redis://user:password@host:port/database`",
                );
            }
            Err(WrongUrl::Encrypted) => {
                return refused(
                    ConfigErrorKind::Contradiction,
                    "TLS is not spoken: put a proxy that does beside the service",
                );
            }
        };
        if servers.is_empty() {
            return refused(ConfigErrorKind::InvalidText, "no node of the cluster is named");
        }
        for server in &servers {
            match server.addr() {
                ConnectionAddr::Tcp(host, _) if self.plain_tcp || is_local(host) => {}
                ConnectionAddr::Tcp(..) => {
                    return refused(
                        ConfigErrorKind::Contradiction,
                        "a server on another machine is not encrypted: say `dangerous_plain_tcp`",
                    );
                }
                ConnectionAddr::Unix(_) if !self.cluster => {}
                _ => {
                    return refused(
                        ConfigErrorKind::Contradiction,
                        "a cluster's nodes are reached by TCP",
                    );
                }
            }
            if self.cluster && server.redis_settings().db() != 0 {
                return refused(ConfigErrorKind::Contradiction, "a cluster has no database but 0");
            }
        }
        let sensible = Duration::from_millis(10)..=Duration::from_secs(60);
        if !sensible.contains(&self.timeout) {
            return refused(
                ConfigErrorKind::OutOfRange,
                "the timeout is from 10 ms to a minute",
            );
        }
        if let Some(wait) = self.wait
            && (wait.replicas == 0 || !sensible.contains(&wait.timeout))
        {
            return refused(
                ConfigErrorKind::OutOfRange,
                "replicas are waited for from 10 ms to a minute, and there is one at least",
            );
        }
        let instance =
            random().map_err(|error| ConfigError::new(ConfigErrorKind::OutOfRange, error.to_string()))?;
        Ok(RedisStore::new(
            keys,
            Servers::new(servers, self.cluster, self.timeout),
            self.timeout,
            self.wait,
            instance,
        ))
    }
}

/// Why a URL is not one of a server.
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
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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

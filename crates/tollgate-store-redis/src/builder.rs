//! The configuration of a store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{ConfigError, ConfigErrorKind};

use crate::access::{Access, Encryption};
use crate::keys::Keys;
use crate::operation::Wait;
use crate::requirements::Requirements;
use crate::servers::{Deployment, Servers, Topology};
use crate::store::{RedisStore, random};
#[cfg(feature = "tls")]
use crate::tls::{Certificates, Tls};
use crate::url::Url;

impl RedisStore {
    /// Creates a builder for one server. The URL is `redis://user:password@host:port/database`,
    /// `rediss://` for TLS, or `unix:///path`.
    ///
    /// ```
    /// use tollgate::stores::redis::RedisStore;
    ///
    /// assert!(RedisStore::builder("redis://127.0.0.1").build().is_ok());
    /// assert!(RedisStore::builder("127.0.0.1").build().is_err());
    /// ```
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new([url], Kind::Single)
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
        RedisStoreBuilder::new(urls, Kind::Cluster)
    }

    /// Creates a builder for the master that Sentinels watch. It has the URLs of some Sentinels,
    /// and that of the servers: its host is the name of the master, and its user, password, database
    /// and scheme are those of the servers.
    ///
    /// The store asks the Sentinels when it connects and after a failure, and uses a server only if
    /// it is a master (`ROLE`). Certificates must be those of the addresses that the Sentinels name.
    ///
    /// ```
    /// use tollgate::stores::redis::RedisStore;
    ///
    /// let sentinels = ["redis://127.0.0.1:26379", "redis://127.0.0.1:26380"];
    /// let store = RedisStore::sentinel(sentinels, "redis://tollgate:s3cret@orders/2").build();
    /// assert!(store.is_ok());
    /// assert!(RedisStore::sentinel([""; 0], "redis://orders").build().is_err());
    /// ```
    pub fn sentinel(
        sentinels: impl IntoIterator<Item = impl AsRef<str>>,
        master: &str,
    ) -> RedisStoreBuilder {
        RedisStoreBuilder::new(sentinels, Kind::Sentinel(Url::parse(master)))
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
    urls: Vec<Result<Url, ConfigError>>,
    kind: Kind,
    namespace: String,
    timeout: Duration,
    wait: Option<Wait>,
    plain_tcp: bool,
    eviction: bool,
    #[cfg(feature = "tls")]
    certificates: Certificates,
}

enum Kind {
    Single,
    Cluster,
    /// With the URL of the master.
    Sentinel(Result<Url, ConfigError>),
}

impl fmt::Debug for RedisStoreBuilder {
    /// Omits the servers: their URLs contain passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("namespace", &self.namespace)
            .field("timeout", &self.timeout)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

impl RedisStoreBuilder {
    fn new(urls: impl IntoIterator<Item = impl AsRef<str>>, kind: Kind) -> Self {
        Self {
            urls: urls
                .into_iter()
                .map(|url| Url::parse(url.as_ref()))
                .collect(),
            kind,
            namespace: "tollgate".to_owned(),
            timeout: Duration::from_millis(800),
            wait: None,
            plain_tcp: false,
            eviction: false,
            #[cfg(feature = "tls")]
            certificates: Certificates::default(),
        }
    }

    /// Sets the root certificates of the servers with `rediss://`, in PEM. Default: those of the
    /// system, which are then not used. Requires the feature `redis-tls`.
    ///
    /// ```
    /// # use tollgate::stores::redis::RedisStore;
    /// let store = RedisStore::builder("rediss://redis.internal").tls_roots("no certificate");
    /// assert!(store.build().is_err());
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls_roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.roots = Some(pem.into());
        self
    }

    /// Sets the certificate chain and the private key of the client, both in PEM, for servers that
    /// require them (`tls-auth-clients yes`). Requires the feature `redis-tls`.
    ///
    /// ```
    /// # use tollgate::stores::redis::RedisStore;
    /// let store = RedisStore::builder("rediss://redis.internal");
    /// assert!(store.tls_client_certificate("no certificate", "no key").build().is_err());
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls_client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.certificates.client = Some((chain.into(), key.into()));
        self
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
    /// - a server is on another machine, without `rediss://` and without
    ///   [`dangerous_plain_tcp`](Self::dangerous_plain_tcp);
    /// - a URL has `rediss://`, and the feature `redis-tls` is not enabled;
    /// - an option about encryption concerns no server, or a certificate cannot be read;
    /// - a value is out of range.
    ///
    /// ```
    /// # use tollgate::stores::redis::RedisStore;
    /// let error = RedisStore::builder("redis://redis.example.com").build().unwrap_err();
    /// assert!(error.to_string().contains("dangerous_plain_tcp"));
    /// ```
    pub fn build(self) -> Result<RedisStore, ConfigError> {
        let Some(keys) = Keys::new(&self.namespace) else {
            return Err(ConfigError::new(
                ConfigErrorKind::InvalidText,
                "`namespace` must be 1 to 64 letters, digits, `.`, `_` and `-`",
            ));
        };
        let sensible = Duration::from_millis(10)..=Duration::from_secs(60);
        if !sensible.contains(&self.timeout) {
            return Err(ConfigError::new(
                ConfigErrorKind::OutOfRange,
                "`timeout` must be between 10 ms and 60 s",
            ));
        }
        if let Some(wait) = self.wait
            && (wait.replicas == 0 || !sensible.contains(&wait.timeout))
        {
            return Err(ConfigError::new(
                ConfigErrorKind::OutOfRange,
                "`wait_replicas` requires at least one replica and a timeout \
                 between 10 ms and 60 s",
            ));
        }
        let (timeout, wait) = (self.timeout, self.wait);
        let requirements = Requirements::new(self.eviction);
        let servers = Servers::new(self.deployment()?, timeout, requirements);
        let instance = random()
            .map_err(|error| ConfigError::new(ConfigErrorKind::OutOfRange, error.to_string()))?;
        Ok(RedisStore::new(keys, servers, timeout, wait, instance))
    }

    fn deployment(self) -> Result<Deployment, ConfigError> {
        let refused =
            |message: &str| Err(ConfigError::new(ConfigErrorKind::Contradiction, message));
        let urls = self.urls.iter().cloned().collect::<Result<Vec<_>, _>>()?;
        let Some(first) = urls.first() else {
            let message = "at least one URL is required";
            return Err(ConfigError::new(ConfigErrorKind::InvalidText, message));
        };
        let named = match &self.kind {
            Kind::Sentinel(master) => master.clone()?,
            Kind::Single | Kind::Cluster => first.clone(),
        };
        let several = !matches!(self.kind, Kind::Single);
        if several && urls.iter().chain([&named]).any(|url| url.address.port == 0) {
            return refused("the nodes of a cluster and Sentinels require TCP URLs");
        }
        if several && urls.iter().any(|url| url.settings.db() != 0) {
            return refused("a cluster and a Sentinel have only database 0");
        }
        if urls.iter().any(|url| url.encrypted != first.encrypted) {
            return refused("all URLs require the same scheme");
        }
        let (any_plain, any_tls) = (
            !(first.encrypted && named.encrypted),
            first.encrypted || named.encrypted,
        );
        if self.plain_tcp && !any_plain {
            return refused("`dangerous_plain_tcp` and `rediss://` exclude each other");
        }
        let tls = self.tls(any_tls)?;
        let encryption = |url: &Url| match (&tls, self.plain_tcp) {
            (Some(tls), _) if url.encrypted => tls.clone(),
            (_, true) => Encryption::Plain,
            (_, false) => Encryption::Local,
        };
        let access = |url: &Url| {
            Arc::new(Access {
                settings: url.settings.clone(),
                encryption: encryption(url),
            })
        };
        let seeds: Vec<_> = urls
            .iter()
            .map(|url| (url.address.clone(), access(url)))
            .collect();
        if seeds
            .iter()
            .any(|(address, access)| !access.admits(address))
        {
            return refused(
                "the server is on another machine: use `rediss://`, or set `dangerous_plain_tcp`",
            );
        }
        Ok(Deployment {
            topology: match self.kind {
                Kind::Single => Topology::Single,
                Kind::Cluster => Topology::Cluster,
                Kind::Sentinel(_) => Topology::Sentinel(named.address.host.clone()),
            },
            seeds,
            named: access(&named),
        })
    }

    #[cfg(feature = "tls")]
    fn tls(&self, needed: bool) -> Result<Option<Encryption>, ConfigError> {
        if needed {
            return Ok(Some(Encryption::Tls(Tls::new(&self.certificates)?)));
        }
        if self.certificates.roots.is_some() || self.certificates.client.is_some() {
            return Err(ConfigError::new(
                ConfigErrorKind::Contradiction,
                "certificates require `rediss://`",
            ));
        }
        Ok(None)
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "the same signature as with the feature")]
    fn tls(&self, needed: bool) -> Result<Option<Encryption>, ConfigError> {
        if needed {
            return Err(ConfigError::new(
                ConfigErrorKind::Contradiction,
                "`rediss://` requires the feature `redis-tls`",
            ));
        }
        Ok(None)
    }
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
            "rediss://user:hunter2@127.0.0.1#insecure",
            "redis://user:hunter2@example.com",
        ] {
            let error = RedisStore::builder(wrong).build().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{wrong}");
        }
    }
}

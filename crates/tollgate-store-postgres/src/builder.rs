//! The configuration of a store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};
use tollgate_core::{ConfigError, ConfigErrorKind};

use crate::connection::{By, Dial, Dialer};
use crate::pool::{Pool, Times};
use crate::statements::{Names, Statements};
use crate::store::{PostgresStore, Shared};

impl PostgresStore {
    /// Creates a builder. `config` is a parsed URL or list of pairs with the server and the role.
    ///
    /// ```
    /// use tollgate::stores::postgres::PostgresStore;
    ///
    /// let config = "host=localhost user=app password=hunter2 dbname=app".parse()?;
    /// let store = PostgresStore::builder(config).schema("auth").build()?;
    /// assert!(!format!("{store:?}").contains("hunter2"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(config: Config) -> PostgresStoreBuilder {
        PostgresStoreBuilder::new(config)
    }
}

/// A builder of a [`PostgresStore`].
///
/// ```
/// use std::time::Duration;
/// use tollgate::stores::postgres::PostgresStore;
///
/// let store = PostgresStore::builder("postgres://app@localhost/app".parse()?)
///     .schema("public")
///     .table_prefix("auth_")
///     .max_connections(8)
///     .statement_timeout(Duration::from_millis(500))
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PostgresStoreBuilder {
    config: Config,
    dial: Option<Arc<dyn Dial>>,
    plain_tcp: bool,
    pool: Option<deadpool_postgres::Pool>,
    max_connections: Option<usize>,
    connect_timeout: Duration,
    statement_timeout: Duration,
    snapshot_timeout: Duration,
    names: Names,
}

impl PostgresStoreBuilder {
    fn new(config: Config) -> Self {
        Self {
            config,
            dial: None,
            plain_tcp: false,
            pool: None,
            max_connections: None,
            connect_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(1),
            snapshot_timeout: Duration::from_secs(10),
            names: Names {
                schema: "tollgate".to_owned(),
                prefix: String::new(),
            },
        }
    }

    /// Connects only by TLS, with this connector (for instance of `tokio-postgres-rustls`). A
    /// server without TLS is refused, even with `sslmode=prefer`.
    ///
    /// ```
    /// use tollgate::stores::postgres::{PostgresStore, tokio_postgres::NoTls};
    ///
    /// // Use a TLS connector here. `NoTls` fails at every connection.
    /// let store = PostgresStore::builder("postgres://app@db.example.com/app".parse()?)
    ///     .tls(NoTls).build();
    /// assert!(store.is_ok());
    /// # Ok::<(), tollgate::stores::postgres::tokio_postgres::Error>(())
    /// ```
    #[must_use]
    pub fn tls<T>(mut self, connector: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.dial = Some(Arc::new(By(connector)));
        self
    }

    /// Allows connections to another machine without TLS. An attacker on the network can read and
    /// change all data. Use it only on a private network, or with encryption by other means.
    ///
    /// ```
    /// use tollgate::stores::postgres::PostgresStore;
    ///
    /// let builder = || Ok::<_, tollgate::stores::postgres::tokio_postgres::Error>(
    ///     PostgresStore::builder("postgres://app@db.internal/app".parse()?)
    /// );
    /// assert!(builder()?.build().is_err());
    /// assert!(builder()?.dangerous_plain_tcp().build().is_ok());
    /// # Ok::<(), tollgate::stores::postgres::tokio_postgres::Error>(())
    /// ```
    #[must_use]
    pub const fn dangerous_plain_tcp(mut self) -> Self {
        self.plain_tcp = true;
        self
    }

    /// Uses this pool instead of an own one. The connections of the feeds and for the positions of
    /// the revocations are made from the configuration.
    ///
    /// The timeouts apply as well, and an abandoned statement is cancelled and keeps its object of
    /// the pool until the server has answered or closed the connection. The store cannot notice in
    /// this pool that an administrator cancelled a write which waited for a synchronous standby.
    ///
    /// ```
    /// use tollgate::stores::postgres::deadpool_postgres::{Manager, Pool};
    /// use tollgate::stores::postgres::{PostgresStore, tokio_postgres::{Config, NoTls}};
    ///
    /// let config: Config = "postgres://app@localhost/app".parse()?;
    /// let pool = Pool::builder(Manager::new(config.clone(), NoTls)).build()?;
    /// let store = PostgresStore::builder(config).pool(pool).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pool(mut self, pool: deadpool_postgres::Pool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Sets the maximum number of connections of the store's own pool. Default: 16. The positions
    /// of the revocations use one more, and so does each open feed.
    ///
    /// Sessions leave two of them to revocations, and revocations leave one to reads of
    /// revocations, if there are that many. A connection counts until the server has closed it,
    /// also if the caller of its statement has left.
    ///
    /// ```
    /// use tollgate::stores::postgres::PostgresStore;
    ///
    /// let config = "postgres://app@localhost/app".parse()?;
    /// assert!(PostgresStore::builder(config).max_connections(0).build().is_err());
    /// # Ok::<(), tollgate::stores::postgres::tokio_postgres::Error>(())
    /// ```
    #[must_use]
    pub const fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = Some(most);
        self
    }

    /// Sets the timeout for a free or new connection. Default: 1 second.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::stores::postgres::PostgresStore;
    ///
    /// let config = "postgres://app@localhost/app".parse()?;
    /// assert!(PostgresStore::builder(config).connect_timeout(Duration::ZERO).build().is_err());
    /// # Ok::<(), tollgate::stores::postgres::tokio_postgres::Error>(())
    /// ```
    #[must_use]
    pub const fn connect_timeout(mut self, bound: Duration) -> Self {
        self.connect_timeout = bound;
        self
    }

    /// Sets the timeout for the answer to a statement. Default: 1 second. The store then asks the
    /// server to cancel the statement.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::stores::postgres::PostgresStore;
    ///
    /// let config = "postgres://app@localhost/app".parse()?;
    /// let builder = PostgresStore::builder(config);
    /// assert!(builder.statement_timeout(Duration::from_secs(3600)).build().is_err());
    /// # Ok::<(), tollgate::stores::postgres::tokio_postgres::Error>(())
    /// ```
    #[must_use]
    pub const fn statement_timeout(mut self, bound: Duration) -> Self {
        self.statement_timeout = bound;
        self
    }

    /// Sets the timeout for a snapshot of all revocations. Default: 10 seconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::stores::postgres::PostgresStore;
    ///
    /// let config = "postgres://app@localhost/app".parse()?;
    /// let builder = PostgresStore::builder(config);
    /// assert!(builder.snapshot_timeout(Duration::from_secs(30)).build().is_ok());
    /// # Ok::<(), tollgate::stores::postgres::tokio_postgres::Error>(())
    /// ```
    #[must_use]
    pub const fn snapshot_timeout(mut self, bound: Duration) -> Self {
        self.snapshot_timeout = bound;
        self
    }

    /// Sets the schema of the tables: lower-case letters, digits and `_`. Default: `tollgate`.
    ///
    /// ```
    /// use tollgate::stores::postgres::PostgresStore;
    ///
    /// let config = "postgres://app@localhost/app".parse()?;
    /// let store = PostgresStore::builder(config).schema("a\"; DROP TABLE users; --").build();
    /// assert!(store.is_err());
    /// # Ok::<(), tollgate::stores::postgres::tokio_postgres::Error>(())
    /// ```
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.names.schema = schema.into();
        self
    }

    /// Sets the prefix of the table names: lower-case letters, digits and `_`. Default: empty.
    ///
    /// ```
    /// use tollgate::stores::postgres::PostgresStore;
    ///
    /// let config = "postgres://app@localhost/app".parse()?;
    /// let store = PostgresStore::builder(config).schema("public").table_prefix("auth_").build();
    /// assert!(store.is_ok());
    /// # Ok::<(), tollgate::stores::postgres::tokio_postgres::Error>(())
    /// ```
    #[must_use]
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.names.prefix = prefix.into();
        self
    }

    /// Creates the store. It connects at the first operation.
    ///
    /// # Errors
    /// [`ConfigError`] if:
    ///
    /// - a name has an invalid character or is too long;
    /// - a timeout is zero or above ten minutes;
    /// - both `max_connections` and `pool` are set;
    /// - a server on another machine would be used without TLS.
    ///
    /// ```
    /// use tollgate::stores::postgres::PostgresStore;
    ///
    /// let error = PostgresStore::builder("postgres://app@db.example.com/app".parse()?)
    ///     .build().unwrap_err();
    /// assert!(error.to_string().contains("`tls`"));
    /// # Ok::<(), tollgate::stores::postgres::tokio_postgres::Error>(())
    /// ```
    pub fn build(mut self) -> Result<PostgresStore, ConfigError> {
        self.check()?;
        if self.dial.is_some() {
            self.config.ssl_mode(SslMode::Require);
        }
        if self.config.get_application_name().is_none() {
            self.config.application_name("tollgate");
        }
        self.bound_tcp();
        let dial = self.dial.take().unwrap_or_else(|| Arc::new(By(NoTls)));
        let times = Times {
            connect: self.connect_timeout,
            statement: self.statement_timeout,
        };
        let most = match &self.pool {
            Some(pool) => pool.status().max_size,
            None => self.max_connections.unwrap_or(16),
        };
        let dialer = Dialer::new(dial, self.config);
        Ok(PostgresStore {
            shared: Arc::new(Shared {
                pool: Pool::new(dialer.clone(), self.pool, most, times),
                polls: Pool::new(dialer.clone(), None, 1, times),
                statements: Statements::new(&self.names),
                names: self.names,
                snapshot_timeout: self.snapshot_timeout,
                dialer,
                connect_timeout: self.connect_timeout,
                purged_at: AtomicU64::new(0),
                hinting: AtomicU8::new(0),
                feeding: Arc::new(Semaphore::new(1)),
            }),
        })
    }

    /// Sets the bounds after which TCP closes a connection whose other side is gone. They are
    /// longer than a stall of a link, after which the connection goes on: its slot must not be
    /// given to another one before.
    fn bound_tcp(&mut self) {
        let config = &mut self.config;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(self.connect_timeout);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(20));
        }
        // The default of `tokio_postgres`.
        if config.get_keepalives_idle() == Duration::from_secs(2 * 60 * 60) {
            config.keepalives_idle(Duration::from_secs(10));
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(Duration::from_secs(5));
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(2);
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |kind, message: &str| Err(ConfigError::new(kind, message));
        let Names { schema, prefix } = &self.names;
        if !is_name(schema) || !(prefix.is_empty() || is_name(prefix)) {
            return refuse(
                ConfigErrorKind::InvalidText,
                "`schema` and `table_prefix`: lower-case letters, digits and `_`, no digit first",
            );
        }
        if schema.len() + prefix.len() > Names::LONGEST {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "`schema` and `table_prefix` must have at most 40 bytes together",
            );
        }
        let bounds = [
            self.connect_timeout,
            self.statement_timeout,
            self.snapshot_timeout,
        ];
        if bounds
            .iter()
            .any(|bound| bound.as_millis() == 0 || *bound > Duration::from_secs(600))
        {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "a timeout must be between 1 ms and 10 minutes",
            );
        }
        if self.max_connections == Some(0) {
            return refuse(
                ConfigErrorKind::OutOfRange,
                "`max_connections` must be above zero",
            );
        }
        if self.max_connections.is_some() && self.pool.is_some() {
            return refuse(
                ConfigErrorKind::Contradiction,
                "`max_connections` and `pool` exclude each other",
            );
        }
        if self.dial.is_none() && self.config.get_ssl_mode() == SslMode::Require {
            return refuse(
                ConfigErrorKind::Contradiction,
                "`sslmode=require` requires a connector: set `tls`",
            );
        }
        if self.dial.is_none() && !self.plain_tcp && !is_local(&self.config) {
            return refuse(
                ConfigErrorKind::Contradiction,
                "the server is on another machine: set `tls` or `dangerous_plain_tcp`",
            );
        }
        if self.dial.is_some() && self.plain_tcp {
            return refuse(
                ConfigErrorKind::Contradiction,
                "`tls` and `dangerous_plain_tcp` exclude each other",
            );
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoreBuilder")
            .field("names", &self.names)
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .finish_non_exhaustive()
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Returns whether the connection stays on this machine. An address takes precedence over a host
/// name.
fn is_local(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(std::net::IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(
        build: impl FnOnce(PostgresStoreBuilder) -> PostgresStoreBuilder,
    ) -> ConfigErrorKind {
        let config = "postgres://app@localhost/app".parse().unwrap();
        build(PostgresStore::builder(config))
            .build()
            .unwrap_err()
            .kind()
    }

    #[test]
    fn names_have_only_lower_case_letters_digits_and_underscores() {
        for name in ["", "a b", "A", "1a", "a\"", "a;", "ä", "a.b"] {
            assert_eq!(
                refused(|b| b.schema(name)),
                ConfigErrorKind::InvalidText,
                "{name}"
            );
        }
        assert_eq!(
            refused(|b| b.table_prefix("x'")),
            ConfigErrorKind::InvalidText
        );
        assert_eq!(
            refused(|b| b.schema("a".repeat(41))),
            ConfigErrorKind::OutOfRange
        );
    }

    #[test]
    fn contradictions_are_refused() {
        assert_eq!(
            refused(|b| b.tls(NoTls).dangerous_plain_tcp()),
            ConfigErrorKind::Contradiction
        );
        assert_eq!(
            refused(|b| b.max_connections(0)),
            ConfigErrorKind::OutOfRange
        );
        assert_eq!(
            refused(|b| b.snapshot_timeout(Duration::ZERO)),
            ConfigErrorKind::OutOfRange
        );
    }

    #[test]
    fn another_machine_requires_tls_or_dangerous_plain_tcp() {
        for (config, local) in [
            ("host=localhost", true),
            ("host=127.0.0.1", true),
            ("host=::1", true),
            ("host=/run/postgresql", true),
            ("host=localhost hostaddr=192.0.2.1", false),
            ("host=db.example.com", false),
            ("host=localhost,db.example.com", false),
            ("host=localhost.example.com", false),
        ] {
            let config: Config = format!("{config} user=app").parse().unwrap();
            assert_eq!(
                PostgresStore::builder(config.clone()).build().is_ok(),
                local,
                "{config:?}"
            );
            assert!(PostgresStore::builder(config).tls(NoTls).build().is_ok());
        }
        let required: Config = "host=localhost user=app sslmode=require".parse().unwrap();
        assert!(PostgresStore::builder(required).build().is_err());
    }
}

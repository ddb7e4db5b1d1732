//! The real stores of a run, each with a second server that takes over.

use std::sync::{Arc, Mutex, PoisonError};

use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::tokio_postgres::Config;
use tollgate_tests::servers::{PgBouncer, Postgres, Redis, Scratch, eventually};

use crate::instance::Address;

/// The kinds of store, by their names on the command line. The longest runs are first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Redb,
    Redis,
    Postgres,
    PgBouncer,
}

impl StoreKind {
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("postgres", Self::Postgres),
        ("redis", Self::Redis),
        ("redb", Self::Redb),
        ("pgbouncer", Self::PgBouncer),
    ];
}

/// A store that is running. It ends on drop.
pub(crate) enum Store {
    /// A file that one process opens.
    Redb(Scratch),
    /// A master and a replica, which acknowledges every write.
    Redis { master: Redis, replica: Redis },
    /// A primary, with a synchronous standby or behind a pooler.
    Postgres {
        primary: Postgres,
        standby: Option<Postgres>,
        pooler: Option<PgBouncer>,
        /// The URL of the primary, for observers.
        url: Arc<Mutex<String>>,
    },
}

impl Store {
    /// Starts the servers. Outside CI, returns `None` if a program is missing.
    pub(crate) async fn start(kind: StoreKind) -> Option<Self> {
        Some(match kind {
            StoreKind::Redb => Self::Redb(Scratch::new("chaos")),
            StoreKind::Redis => {
                let (master, replica) = (redis()?, redis()?);
                follow(&replica, &master);
                Self::Redis { master, replica }
            }
            StoreKind::Postgres | StoreKind::PgBouncer => {
                let primary = Postgres::start()?;
                migrate(&primary.url()).await;
                primary.sql("CREATE TABLE users (name text)");
                let url = Arc::new(Mutex::new(primary.url()));
                let (mut standby, mut pooler) = (None, None);
                if kind == StoreKind::PgBouncer {
                    let settings = ["default_pool_size = 10", "server_login_retry = 1"];
                    pooler = Some(PgBouncer::start(&primary, "transaction", &settings)?);
                } else {
                    standby = Some(primary.standby(STANDBY));
                    require_standby(&primary);
                }
                Self::Postgres {
                    primary,
                    standby,
                    pooler,
                    url,
                }
            }
        })
    }

    /// The number of instances that share the store.
    pub(crate) fn instances(&self) -> usize {
        if matches!(self, Self::Redb(_)) { 1 } else { 3 }
    }

    /// The URL that a client uses. None for redb.
    fn url(&self) -> Option<String> {
        match self {
            Self::Redb(_) => None,
            Self::Redis { master, .. } => Some(master.url()),
            Self::Postgres {
                primary, pooler, ..
            } => Some(pooler.as_ref().map_or(primary.url(), PgBouncer::url)),
        }
    }

    /// The port of the server in charge, or of its pooler.
    pub(crate) fn port(&self) -> Option<u16> {
        let url = self.url()?;
        let (_, rest) = url.rsplit_once(':')?;
        rest.split('/').next()?.parse().ok()
    }

    /// The address of the store behind a link on this port.
    pub(crate) fn address(&self, instance: usize, link: u16) -> Address {
        let own = self.port().map(|port| format!("127.0.0.1:{port}"));
        let through = |url: String| {
            let own = own.unwrap_or_default();
            url.replace(&own, &format!("127.0.0.1:{link}"))
        };
        match self {
            Self::Redb(scratch) => Address::Redb(scratch.path().join("sessions.redb")),
            Self::Redis { master, .. } => Address::Redis(through(master.url())),
            Self::Postgres { .. } => {
                let url = through(self.url().unwrap_or_default());
                Address::Postgres(format!("{url}?application_name=instance-{instance}"))
            }
        }
    }

    /// Kills the server in charge and starts it again, with its data.
    pub(crate) fn restart(&mut self) {
        match self {
            Self::Redb(_) => {}
            Self::Redis { master, replica } => {
                master.restart();
                until_followed(replica, master);
            }
            Self::Postgres {
                primary, standby, ..
            } => {
                primary.restart();
                if standby.is_some() {
                    require_standby(primary);
                }
            }
        }
    }

    /// Freezes the server in charge, or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        match (self, frozen) {
            (Self::Redis { master, .. }, true) => master.pause(),
            (Self::Redis { master, .. }, false) => master.resume(),
            (Self::Postgres { primary, .. }, true) => primary.pause(),
            (Self::Postgres { primary, .. }, false) => primary.resume(),
            (Self::Redb(_), _) => {}
        }
    }

    /// Freezes the second server, or lets it go on.
    pub(crate) fn freeze_second(&self, frozen: bool) {
        match (self, frozen) {
            (Self::Redis { replica, .. }, true) => replica.pause(),
            (Self::Redis { replica, .. }, false) => replica.resume(),
            (Self::Postgres { standby, .. }, true) => standby.iter().for_each(Postgres::pause),
            (Self::Postgres { standby, .. }, false) => standby.iter().for_each(Postgres::resume),
            (Self::Redb(_), _) => {}
        }
    }

    /// Kills the server in charge, and the second one takes over. If that is `behind`, it is killed
    /// too: a frozen process has received more than it has executed.
    pub(crate) fn promote(&mut self, behind: bool) {
        match self {
            Self::Redis { master, replica } => {
                master.stop();
                if behind {
                    replica.restart();
                }
                replica.command(&["REPLICAOF", "NO", "ONE"]);
                std::mem::swap(master, replica);
            }
            Self::Postgres {
                primary,
                standby,
                url,
                ..
            } => {
                primary.stop();
                if let Some(mut standby) = standby.take() {
                    if behind {
                        standby.restart();
                    }
                    standby.promote();
                    *primary = standby;
                    *url.lock().unwrap_or_else(PoisonError::into_inner) = primary.url();
                }
            }
            Self::Redb(_) => {}
        }
    }

    /// Starts a second server beside the one that has taken over.
    pub(crate) fn complete(&mut self) {
        match self {
            Self::Redis { master, replica } => {
                replica.restart();
                follow(replica, master);
            }
            Self::Postgres {
                primary, standby, ..
            } => {
                *standby = Some(primary.standby(STANDBY));
                require_standby(primary);
            }
            Self::Redb(_) => {}
        }
    }
}

const STANDBY: &str = "standby";

/// Makes each commit wait for the standby, and waits until it follows.
fn require_standby(primary: &Postgres) {
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
    primary.sql("SELECT pg_reload_conf()");
    eventually("the standby is synchronous", || {
        primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync"
    });
}

/// A server that loses nothing when its process is killed.
fn redis() -> Option<Redis> {
    Redis::start_with(&[
        "--appendonly",
        "yes",
        "--appendfsync",
        "everysec",
        "--repl-diskless-sync-delay",
        "0",
        "--repl-ping-replica-period",
        "1",
    ])
}

fn follow(replica: &Redis, master: &Redis) {
    replica.command(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    until_followed(replica, master);
}

fn until_followed(replica: &Redis, master: &Redis) {
    eventually("the replica follows", || {
        replica
            .command(&["INFO", "replication"])
            .contains("master_link_status:up")
            && master
                .command(&["INFO", "replication"])
                .contains("state=online")
    });
}

async fn migrate(url: &str) {
    let config: Config = url.parse().expect("the URL is well-formed");
    let store = PostgresStore::builder(config).build().expect("a store");
    store.migrate().await.expect("the migration succeeds");
}

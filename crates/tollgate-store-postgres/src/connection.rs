//! Connections with or without TLS.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{
    AsyncMessage, CancelToken, Client, Config, Connection, Error, Row, SimpleQueryMessage, Socket,
    Statement,
};

/// The parameters of a statement with their types.
pub(crate) type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A new connection: the client, and the half that must be driven.
pub(crate) type Dialed = Result<(Client, Box<dyn Wire>), Error>;

/// A connector with its type erased.
pub(crate) trait Dial: Send + Sync {
    fn dial<'a>(&'a self, config: &'a Config) -> BoxFuture<'a, Dialed>;

    /// Asks the server to cancel the statement of a connection.
    fn cancel(&self, of: CancelToken) -> BoxFuture<'_, Result<(), Error>>;
}

/// The half of a connection that communicates with the server and must be driven.
pub(crate) trait Wire: Send {
    fn poll_message(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, Error>>>;
}

impl<S, T> Wire for Connection<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    T: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn poll_message(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, Error>>> {
        Self::poll_message(self, context)
    }
}

/// A connector by TLS.
pub(crate) struct By<T>(pub(crate) T);

impl<T> Dial for By<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn dial<'a>(&'a self, config: &'a Config) -> BoxFuture<'a, Dialed> {
        let tls = self.0.clone();
        Box::pin(async move {
            let (client, connection) = config.connect(tls).await?;
            Ok((client, Box::new(connection) as Box<dyn Wire>))
        })
    }

    fn cancel(&self, of: CancelToken) -> BoxFuture<'_, Result<(), Error>> {
        let tls = self.0.clone();
        Box::pin(async move { of.cancel_query(tls).await })
    }
}

/// Connections by one configuration.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) dial: Arc<dyn Dial>,
    config: Config,
    /// The same with a setting of the session, which a server applies and a pooler does not.
    marked: Config,
    /// A pooler was found.
    pooled: Arc<AtomicBool>,
}

impl Dialer {
    pub(crate) fn new(dial: Arc<dyn Dial>, config: Config) -> Self {
        let mut marked = config.clone();
        let options = config.get_options().unwrap_or_default();
        marked.options(format!("{options} -c tollgate.direct=on").trim());
        Self {
            dial,
            config,
            marked,
            pooled: Arc::default(),
        }
    }

    /// Returns whether a pooler was found, which may give each statement another session.
    pub(crate) fn is_pooled(&self) -> bool {
        self.pooled.load(Ordering::Relaxed)
    }

    fn found_pooler(&self) {
        if !self.pooled.swap(true, Ordering::Relaxed) {
            tracing::info!(target: "tollgate",
                "a connection pooler is in use: no prepared statements, no notifications");
        }
    }

    /// Connects.
    pub(crate) async fn dial(&self) -> Dialed {
        if !self.is_pooled() {
            match self.dial.dial(&self.marked).await {
                Err(error) if refuses_mark(&error) => self.found_pooler(),
                connected => return connected,
            }
        }
        self.dial.dial(&self.config).await
    }

    /// Returns whether the connection has a session of the server to itself.
    pub(crate) async fn is_direct(&self, client: &Client) -> Result<bool, Error> {
        if self.is_pooled() {
            return Ok(false);
        }
        let mark = "SELECT pg_catalog.current_setting('tollgate.direct', true)";
        let answer = client.simple_query(mark).await?;
        let direct = answer.iter().any(
            |message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("on")),
        );
        if !direct {
            self.found_pooler();
        }
        Ok(direct)
    }
}

/// Returns whether the other side refuses settings of the session, as `PgBouncer` does.
fn refuses_mark(error: &Error) -> bool {
    let answer = error.as_db_error();
    answer.is_some_and(|answer| answer.message().contains("startup parameter"))
}

/// A connection for statements.
pub(crate) enum Link {
    /// A connection of the store, with the task that drives it.
    Own {
        client: Client,
        driver: AbortHandle,
        /// The server has sent a warning.
        warned: Arc<AtomicBool>,
        /// The prepared statements by their text, if the session is not shared.
        prepared: Option<Mutex<HashMap<String, Statement>>>,
    },
    /// A connection of the pool that the user configured.
    Given(deadpool_postgres::Object),
}

impl Link {
    pub(crate) async fn open(dialer: &Dialer) -> Result<Self, Error> {
        let (client, mut wire) = dialer.dial().await?;
        let warned = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&warned);
        let driver = tokio::spawn(async move {
            // The client reports to its user how the connection ended.
            while let Some(Ok(message)) = poll_fn(|context| wire.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message
                    && *notice.code() == SqlState::WARNING
                {
                    flag.store(true, Ordering::Release);
                }
            }
        });
        let driver = driver.abort_handle();
        let direct = dialer.is_direct(&client).await?;
        Ok(Self::Own {
            client,
            driver,
            warned,
            prepared: direct.then(Mutex::default),
        })
    }

    /// Executes a statement. It is prepared once in a session that is not shared, and otherwise
    /// sent with its parameters, in one round trip too.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Error> {
        let Self::Own {
            client,
            prepared: Some(prepared),
            ..
        } = self
        else {
            return self.query_typed(sql, parameters).await;
        };
        let lock = || prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(sql).cloned();
        let statement = if let Some(statement) = known {
            statement
        } else {
            let types: Vec<Type> = parameters.iter().map(|(_, kind)| kind.clone()).collect();
            let statement = client.prepare_typed(sql, &types).await?;
            lock().insert(sql.to_owned(), statement.clone());
            statement
        };
        let values: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
        client.query(&statement, &values).await
    }

    /// Forgets earlier warnings.
    pub(crate) fn expect_no_warning(&self) {
        if let Self::Own { warned, .. } = self {
            warned.store(false, Ordering::Release);
        }
    }

    /// Returns whether the server sent a warning since. The only one about a write is that it is
    /// committed, but not on a synchronous standby.
    pub(crate) fn was_warned(&self) -> bool {
        matches!(self, Self::Own { warned, .. } if warned.load(Ordering::Acquire))
    }

    /// Closes the connection, whatever is pending.
    pub(crate) fn close(self) {
        match self {
            Self::Own { driver, .. } => driver.abort(),
            Self::Given(object) => drop(deadpool_postgres::Object::take(object)),
        }
    }
}

impl Deref for Link {
    type Target = Client;

    fn deref(&self) -> &Client {
        match self {
            Self::Own { client, .. } => client,
            Self::Given(object) => object,
        }
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut Client {
        match self {
            Self::Own { client, .. } => client,
            Self::Given(object) => object,
        }
    }
}

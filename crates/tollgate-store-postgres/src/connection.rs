//! Connections for statements and for listening, with or without TLS.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, Socket};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A new connection: the client, and the half that must be driven.
pub(crate) type Dialed = Result<(Client, Box<dyn Wire>), Error>;

/// A connector with its type erased.
pub(crate) trait Dial: Send + Sync {
    fn dial<'a>(&'a self, config: &'a Config) -> BoxFuture<'a, Dialed>;
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
}

/// The connector of the pool.
pub(crate) struct Dialer {
    pub(crate) dial: Arc<dyn Dial>,
    pub(crate) settings: String,
}

impl Connect for Dialer {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let config = config.clone();
        Box::pin(async move {
            let (client, mut wire) = self.dial.dial(&config).await?;
            let driver = tokio::spawn(async move {
                // The client reports to its user how the connection ended.
                while let Some(Ok(_)) = poll_fn(|context| wire.poll_message(context)).await {}
            });
            match client.batch_execute(&self.settings).await {
                Ok(()) => Ok((client, driver)),
                Err(error) => {
                    driver.abort();
                    Err(error)
                }
            }
        })
    }
}

/// Returns the settings of a session for statements. They override the defaults of the server, the
/// database and the role.
///
/// The statements are written for this isolation level. Without `synchronous_commit`, an
/// acknowledged rotation could be lost. A stricter setting is kept.
pub(crate) fn settings(statement_timeout: Duration) -> String {
    format!(
        "SET statement_timeout = {}; \
         SET default_transaction_isolation = 'read committed'; \
         SET search_path = pg_catalog, pg_temp; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') = 'off'",
        statement_timeout.as_millis().max(1)
    )
}

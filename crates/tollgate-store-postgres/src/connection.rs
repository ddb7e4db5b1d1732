//! A connection, for statements or for listening, with or without TLS.

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

/// A connection that was made: the half that is asked, and the half that must be driven meanwhile.
pub(crate) type Dialed = Result<(Client, Box<dyn Wire>), Error>;

/// Makes connections: what is left of a TLS connector once its type is forgotten.
pub(crate) trait Dial: Send + Sync {
    fn dial<'a>(&'a self, config: &'a Config) -> BoxFuture<'a, Dialed>;
}

/// The half of a connection that speaks with the server, and must be driven.
pub(crate) trait Wire: Send {
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>>;
}

impl<S, T> Wire for Connection<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    T: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>> {
        Self::poll_message(self, context)
    }
}

/// Connections by this TLS connector.
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

/// Makes the connections of the pool.
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
                // How it ends is told by the client to whoever uses it.
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

/// What a session for statements needs to be told, whatever the defaults of the server, the database or the role are.
///
/// The isolation is that which the statements are written for. A commit that the server does not write down before it
/// answers would make an acknowledged rotation one that can be lost; a setting that demands more is left alone.
pub(crate) fn settings(statement_timeout: Duration) -> String {
    format!(
        "SET statement_timeout = {}; \
         SET default_transaction_isolation = 'read committed'; \
         SET search_path = pg_catalog, pg_temp; \
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        statement_timeout.as_millis().max(1)
    )
}

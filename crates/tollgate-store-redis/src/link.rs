//! The connection to one server. It is made on demand, and again after a loss.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, Pipeline, Value};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, timeout};

/// A connection that many callers share.
#[derive(Debug)]
pub(crate) struct Link {
    client: Client,
    state: Mutex<State>,
    /// Held while connecting.
    connecting: tokio::sync::Mutex<()>,
    /// The number of failed attempts to connect.
    failed: AtomicU64,
    patience: Duration,
}

#[derive(Default)]
struct State {
    /// The connection and its number.
    connection: Option<(u64, MultiplexedConnection)>,
    made: u64,
    last_failure: Option<Failure>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Creates a link without a connection. A connection that does not answer within `patience`
    /// counts as lost.
    pub(crate) fn new(client: Client, patience: Duration) -> Self {
        Self {
            client,
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            failed: AtomicU64::new(0),
            patience,
        }
    }

    /// Sends the commands and returns their answers, none of which is an error.
    pub(crate) async fn send(
        &self,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let (number, mut connection) = self.connection(deadline).await?;
        let mut unanswered = Unanswered {
            link: self,
            number,
            since: Instant::now(),
        };
        let answer = timeout_at(
            deadline,
            connection.send_packed_commands(commands, 0, commands.len()),
        )
        .await;
        let Ok(answer) = answer else {
            self.forget(number);
            unanswered.since = Instant::now();
            return Err(Failure::Final(timeout("no answer within the timeout")));
        };
        unanswered.since = Instant::now();
        let values = match answer {
            Ok(values) => values,
            Err(error) => {
                let failure = Failure::of_connection(&error);
                self.forget(number);
                return Err(failure);
            }
        };
        for value in &values {
            if let Value::ServerError(error) = value {
                let failure = Failure::of_answer(error);
                // The server was a master and is now a replica. Its name may resolve to the new
                // master.
                if matches!(failure, Failure::Later(_)) {
                    self.forget(number);
                }
                return Err(failure);
            }
        }
        Ok(values)
    }

    /// Opens a dedicated connection for a subscription.
    pub(crate) async fn listen(&self, channel: &str, deadline: Instant) -> Result<PubSub, Failure> {
        let connect = async {
            let mut ear = self
                .client
                .get_async_pubsub()
                .await
                .map_err(|error| Failure::of_connecting(&error))?;
            ear.subscribe(channel)
                .await
                .map_err(|error| Failure::of_connecting(&error))?;
            Ok(ear)
        };
        timeout_at(deadline, connect)
            .await
            .unwrap_or(Err(Failure::Unreached(timeout("connecting timed out"))))
    }

    async fn connection(&self, deadline: Instant) -> Result<(u64, MultiplexedConnection), Failure> {
        if let Some(connection) = self.state().connection.clone() {
            return Ok(connection);
        }
        let before = self.failed.load(Ordering::Acquire);
        let Ok(_only) = timeout_at(deadline, self.connecting.lock()).await else {
            return Err(Failure::Unreached(timeout("connecting timed out")));
        };
        {
            let state = self.state();
            if let Some(connection) = state.connection.clone() {
                return Ok(connection);
            }
            // Callers that waited for a failed attempt do not connect again, so that they do not
            // wait for each other.
            if let Some(failure) = &state.last_failure
                && self.failed.load(Ordering::Acquire) != before
            {
                return Err(failure.clone());
            }
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            // The deadline is enforced here.
            .set_response_timeout(None);
        let made = match timeout_at(
            deadline,
            self.client
                .get_multiplexed_async_connection_with_config(&config),
        )
        .await
        {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Failure::of_connecting(&error)),
            Err(_) => Err(Failure::Unreached(timeout("connecting timed out"))),
        };
        let mut state = self.state();
        match made {
            Ok(connection) => {
                state.made += 1;
                let connection = (state.made, connection);
                state.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(failure) => {
                state.last_failure = Some(failure.clone());
                self.failed.fetch_add(1, Ordering::Release);
                Err(failure)
            }
        }
    }

    /// Drops the connection, unless it was replaced already. The next caller connects again.
    fn forget(&self, number: u64) {
        let mut state = self.state();
        if matches!(state.connection, Some((current, _)) if current == number) {
            state.connection = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guard that detects callers that give up before the deadline. A connection that stays silent
/// may be dead, and impatient callers alone would keep it forever.
struct Unanswered<'l> {
    link: &'l Link,
    number: u64,
    since: Instant,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.since.elapsed() >= self.link.patience / 2 {
            self.link.forget(self.number);
        }
    }
}

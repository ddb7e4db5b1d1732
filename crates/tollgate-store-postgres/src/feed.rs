//! The subscription: a dedicated connection that only listens.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tollgate_session::{RevocationFeed, StoreError, StoreErrorKind, StoreFuture};

use crate::connection::Wire;
use crate::failure::Failure;
use crate::store::Shared;

/// The interval of checks whether the server is alive. A connection that only listens would not
/// notice a loss.
const PULSE: Duration = Duration::from_secs(1);

/// The receiving end.
pub(crate) struct Feed {
    hints: watch::Receiver<()>,
    /// The task that drives the connection. It ends with the reason why it failed.
    driver: JoinHandle<StoreError>,
    ended: Option<StoreError>,
}

impl Feed {
    /// Connects and subscribes before it returns.
    pub(crate) async fn begin(shared: &Shared) -> Result<Self, StoreError> {
        let bound = shared.pool.connect_timeout;
        let begin = async {
            let (client, wire) = shared
                .dial
                .dial(&shared.config)
                .await
                .map_err(Failure::from)?;
            let (send, hints) = watch::channel(());
            let client = Arc::new(client);
            let driver = tokio::spawn(drive(
                Arc::clone(&client),
                wire,
                shared.names.channel(),
                send,
                bound,
            ));
            // If the next step fails or hangs, dropping the feed stops the driver.
            let feed = Self {
                hints,
                driver,
                ended: None,
            };
            client
                .batch_execute(&format!("LISTEN \"{}\"", shared.names.channel()))
                .await
                .map_err(Failure::from)?;
            Ok::<_, Failure>(feed)
        };
        match timeout(bound, begin).await {
            Ok(feed) => feed.map_err(|failure| failure.error),
            Err(_) => Err(StoreError::new(
                StoreErrorKind::Timeout,
                "connecting for a feed failed",
            )),
        }
    }

    async fn hint(&mut self) -> Result<(), StoreError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        if self.hints.changed().await.is_ok() {
            return Ok(());
        }
        let error = (&mut self.driver).await.unwrap_or_else(|_| {
            StoreError::new(StoreErrorKind::Unavailable, "the runtime is shutting down")
        });
        self.ended = Some(error.clone());
        Err(error)
    }
}

impl RevocationFeed for Feed {
    fn next(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(self.hint())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Turns notifications into hints until the connection fails or the server does not answer. Any
/// role that can connect can write to the channel, so the payload is not read.
async fn drive(
    client: Arc<Client>,
    mut wire: Box<dyn Wire>,
    channel: String,
    hints: watch::Sender<()>,
    bound: Duration,
) -> StoreError {
    let mut listening = pin!(async move {
        loop {
            match poll_fn(|context| wire.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(notice))) if notice.channel() == channel => {
                    hints.send_replace(());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Failure::from(error).error,
                None => {
                    return StoreError::new(
                        StoreErrorKind::Unavailable,
                        "the server closed the connection",
                    );
                }
            }
        }
    });
    let mut asking = pin!(async move {
        loop {
            sleep(PULSE).await;
            match timeout(bound, client.simple_query("")).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Failure::from(error).error,
                Err(_) => {
                    return StoreError::new(
                        StoreErrorKind::Timeout,
                        "the server of the feed does not answer",
                    );
                }
            }
        }
    });
    // Notifications that arrived are forwarded before the silence is reported.
    poll_fn(|context| match listening.as_mut().poll(context) {
        Poll::Pending => asking.as_mut().poll(context),
        ended @ Poll::Ready(_) => ended,
    })
    .await
}

//! The feeds: a dedicated connection that only listens, or polls if a pooler is in between.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tollgate_session::{
    Position, RevocationFeed, RevocationStore, StoreError, StoreErrorKind, StoreFuture,
};

use crate::connection::Wire;
use crate::failure::Failure;
use crate::pool::{HOPELESS, TERMINATE, connect_timeout};
use crate::store::{PostgresStore, Shared};

/// The interval of checks whether the server is alive. A connection that only listens would not
/// notice a loss. Also the interval of polls.
const PULSE: Duration = Duration::from_secs(1);

/// Subscribes before it returns.
pub(crate) async fn open(store: &PostgresStore) -> Result<Box<dyn RevocationFeed>, StoreError> {
    if !store.shared.dialer.is_pooled()
        && let Some(listener) = listen(&store.shared).await?
    {
        return Ok(Box::new(listener));
    }
    Ok(Box::new(Poller {
        at: store.position().await?,
        store: store.clone(),
        ended: None,
    }))
}

/// Gives a hint when the position has changed.
struct Poller {
    store: PostgresStore,
    at: Position,
    ended: Option<StoreError>,
}

impl RevocationFeed for Poller {
    fn next(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            if let Some(error) = &self.ended {
                return Err(error.clone());
            }
            loop {
                sleep(PULSE).await;
                match self.store.position().await {
                    Ok(at) if at == self.at => {}
                    Ok(at) => {
                        self.at = at;
                        return Ok(());
                    }
                    Err(error) => {
                        self.ended = Some(error.clone());
                        return Err(error);
                    }
                }
            }
        })
    }
}

/// The receiving end of a subscription. If it is dropped, its connection is closed.
struct Listener {
    /// Changes with each hint, and holds the reason after the subscription has ended.
    hints: watch::Receiver<Option<StoreError>>,
}

impl RevocationFeed for Listener {
    fn next(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let runs = self.hints.borrow().is_some() || self.hints.changed().await.is_ok();
            match &*self.hints.borrow() {
                Some(error) => Err(error.clone()),
                None if runs => Ok(()),
                None => Err(shutting_down()),
            }
        })
    }
}

fn shutting_down() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the runtime is shutting down")
}

/// Connects and subscribes; `None` if a pooler is in between, whose sessions cannot listen.
///
/// Only one connection at a time begins or ends, so that attempts do not add up while the server
/// does not answer.
async fn listen(shared: &Arc<Shared>) -> Result<Option<Listener>, StoreError> {
    let (send, listening) = oneshot::channel();
    let task = Arc::clone(shared);
    let subscribing = async {
        let changing = Arc::clone(&shared.feeding).acquire_owned().await;
        tokio::spawn(async move {
            let begun = timeout(HOPELESS, subscribe(&task)).await;
            let _ = send.send(begun.unwrap_or_else(|_| Err(connect_timeout().into())));
            drop(changing);
        });
        listening.await
    };
    match timeout(shared.connect_timeout, subscribing).await {
        Ok(Ok(begun)) => begun.map_err(|failure| failure.error),
        Ok(Err(_)) => Err(shutting_down()),
        Err(_) => Err(connect_timeout()),
    }
}

async fn subscribe(shared: &Shared) -> Result<Option<Listener>, Failure> {
    let (client, wire) = shared.dialer.dial().await?;
    let (send, hints) = watch::channel(None);
    let client = Arc::new(client);
    // If a later step fails or hangs, dropping the listener stops the driver.
    let listener = Listener { hints };
    let driver = Driver {
        client: Arc::clone(&client),
        channel: shared.names.channel(),
        hints: send,
        feeding: Arc::clone(&shared.feeding),
        bound: shared.connect_timeout,
    };
    tokio::spawn(driver.run(wire));
    if !shared.dialer.is_direct(&client).await? {
        return Ok(None);
    }
    client
        .batch_execute(&format!("LISTEN \"{}\"", shared.names.channel()))
        .await?;
    Ok(Some(listener))
}

/// The task of a connection.
struct Driver {
    client: Arc<Client>,
    channel: String,
    hints: watch::Sender<Option<StoreError>>,
    feeding: Arc<Semaphore>,
    bound: Duration,
}

impl Driver {
    /// Turns notifications into hints until the connection fails, the server does not answer, or
    /// the listener is dropped. Then waits until the server has closed the connection.
    async fn run(self, mut wire: Box<dyn Wire>) {
        let ended = {
            let (mut listening, mut asking) = (pin!(self.listen(&mut wire)), pin!(self.ask()));
            let mut dropped = pin!(self.hints.closed());
            // Notifications that arrived are forwarded before the silence is reported.
            poll_fn(|context| {
                if let Poll::Ready(error) = listening.as_mut().poll(context) {
                    return Poll::Ready(Err(error));
                }
                if dropped.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Ok(shutting_down()));
                }
                asking.as_mut().poll(context).map(Ok)
            })
            .await
        };
        let permit: Option<OwnedSemaphorePermit> = self.feeding.clone().try_acquire_owned().ok();
        match ended {
            // The connection has ended.
            Err(error) => drop(self.hints.send_replace(Some(error))),
            Ok(error) => {
                self.hints.send_replace(Some(error));
                let (mut closing, mut end) = (
                    pin!(self.listen(&mut wire)),
                    pin!(self.client.batch_execute(TERMINATE)),
                );
                let mut asked = false;
                let closed = poll_fn(|context| {
                    asked = asked || end.as_mut().poll(context).is_ready();
                    closing.as_mut().poll(context)
                });
                let _ = timeout(HOPELESS, closed).await;
            }
        }
        drop(permit);
    }

    /// Forwards notifications until the connection ends. Any role that can connect can write to the
    /// channel, so the payload is not read.
    async fn listen(&self, wire: &mut Box<dyn Wire>) -> StoreError {
        loop {
            match poll_fn(|context| wire.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(notice)))
                    if notice.channel() == self.channel =>
                {
                    self.hints.send_if_modified(|ended| ended.is_none());
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
    }

    /// Asks the server for an answer every second until there is none.
    async fn ask(&self) -> StoreError {
        loop {
            sleep(PULSE).await;
            match timeout(self.bound, self.client.simple_query("")).await {
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
    }
}

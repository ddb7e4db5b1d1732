//! The subscription to the channel of revocations.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::Value;
use redis::aio::PubSub;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tollgate_session::{RevocationFeed, StoreFuture};

use crate::failure::unavailable;

/// The interval of pings on an idle connection.
const PULSE: Duration = Duration::from_secs(2);

/// A subscription. One task receives the messages, so that a flood of them is not kept, and pings
/// the server, because a connection that died silently would never fail.
pub(crate) struct Feed {
    hints: watch::Receiver<()>,
    task: AbortHandle,
}

impl Feed {
    /// Listens at `ear`. The connection counts as lost if it does not answer within `patience`.
    ///
    /// Any client that may publish can write to the channel, from any database, so the messages are
    /// not read.
    pub(crate) fn new(ear: PubSub, patience: Duration) -> Self {
        let (mut mouth, mut messages) = ear.split();
        let (sender, hints) = watch::channel(());
        let task = tokio::spawn(async move {
            let pulse = async {
                loop {
                    tokio::time::sleep(PULSE).await;
                    let answer = tokio::time::timeout(patience, mouth.ping::<Value>()).await;
                    if !matches!(answer, Ok(Ok(_))) {
                        break;
                    }
                }
            };
            let listening = async {
                while messages.next().await.is_some() {
                    sender.send_replace(());
                }
            };
            futures_util::future::select(std::pin::pin!(listening), std::pin::pin!(pulse)).await;
        });
        Self {
            hints,
            task: task.abort_handle(),
        }
    }
}

impl RevocationFeed for Feed {
    fn next(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let hint = self.hints.changed().await;
            hint.map_err(|_| unavailable("connection lost"))
        })
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

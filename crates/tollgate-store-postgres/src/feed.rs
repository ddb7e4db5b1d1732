//! The subscription: a dedicated connection that only listens.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tollgate_session::{
    Announcement, Position, Revocation, RevocationFeed, StoreError, StoreErrorKind, StoreFuture,
};

use crate::column;
use crate::connection::Wire;
use crate::failure::Failure;
use crate::store::Shared;

/// The maximum number of pending notices. A listener that falls further behind gets an error and
/// takes a snapshot.
const WAITING: usize = 1024;
/// The interval of checks whether the server is alive. A connection that only listens would not
/// notice a loss.
const PULSE: Duration = Duration::from_secs(1);

/// The text of a notification: `epoch sequence entries`.
pub(crate) struct Notice;

impl Notice {
    /// The placeholder for entries that are too large. It is not valid base64.
    const TOO_MUCH: &'static str = "*";
    /// A notification must be shorter than 8000 bytes. The two numbers and the spaces take at most
    /// 42.
    const LONGEST: usize = 7999 - 42;

    /// Encodes the entries, the part that the server does not add.
    pub(crate) fn payload<'a>(entries: impl IntoIterator<Item = &'a Revocation>) -> String {
        let bytes = Revocation::encode(entries);
        if URL_SAFE_NO_PAD.encoded_length(bytes.len()) > Self::LONGEST {
            Self::TOO_MUCH.to_owned()
        } else {
            URL_SAFE_NO_PAD.encode_to_string(bytes)
        }
    }

    /// Parses a notification. Any role that can connect can write to the channel, so the text may
    /// be malformed.
    fn parse(text: &str) -> Result<Announcement, StoreError> {
        let parse = || {
            let mut parts = text.splitn(3, ' ');
            let epoch: i64 = parts.next()?.parse().ok()?;
            let sequence: u64 = parts.next()?.parse().ok()?;
            let entries = match parts.next()? {
                Self::TOO_MUCH => None,
                entries => {
                    let bytes = URL_SAFE_NO_PAD.decode_to_vec(entries).ok()?;
                    Some(Revocation::decode(&bytes).ok()?)
                }
            };
            Some(Announcement {
                position: Position {
                    epoch: column::bits(epoch),
                    sequence,
                },
                entries,
            })
        };
        parse()
            .ok_or_else(|| column::corrupt("malformed notification on the channel of revocations"))
    }
}

/// The receiving end.
pub(crate) struct Feed {
    notices: mpsc::Receiver<String>,
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
            let (send, notices) = mpsc::channel(WAITING);
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
                notices,
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

    async fn announcement(&mut self) -> Result<Announcement, StoreError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        let outcome = match self.notices.recv().await {
            Some(text) => Notice::parse(&text),
            None => Err((&mut self.driver).await.unwrap_or_else(|_| {
                StoreError::new(StoreErrorKind::Unavailable, "the runtime is shutting down")
            })),
        };
        if let Err(error) = &outcome {
            self.ended = Some(error.clone());
        }
        outcome
    }
}

impl RevocationFeed for Feed {
    fn next(&mut self) -> StoreFuture<'_, Announcement> {
        Box::pin(self.announcement())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Forwards notifications until the connection fails, the server does not answer, or the listener
/// is too slow.
async fn drive(
    client: Arc<Client>,
    mut wire: Box<dyn Wire>,
    channel: String,
    notices: mpsc::Sender<String>,
    bound: Duration,
) -> StoreError {
    let mut listening = pin!(async move {
        loop {
            match poll_fn(|context| wire.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(notice))) if notice.channel() == channel => {
                    if notices.try_send(notice.payload().to_owned()).is_err() {
                        return StoreError::new(StoreErrorKind::Full, "the listener is too slow");
                    }
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

#[cfg(test)]
mod tests {
    use tollgate_session::{RevocationKey, RevocationKind};

    use super::*;

    fn entry(value: &str) -> Revocation {
        Revocation {
            key: RevocationKey::new(RevocationKind::Token, "https://id.example.com", value),
            before: Revocation::ALL,
            expires_at: 1_700_000_000,
        }
    }

    #[test]
    fn a_notice_contains_the_revoked_entries() {
        let entries = [entry("a"), entry("b\0'; --")];
        let heard = Notice::parse(&format!("-1 42 {}", Notice::payload(&entries))).unwrap();
        assert_eq!(
            heard.position,
            Position {
                epoch: u64::MAX,
                sequence: 42
            }
        );
        assert_eq!(heard.entries.unwrap(), entries);
    }

    #[test]
    fn an_empty_notice_differs_from_a_truncated_one() {
        let nothing = Notice::parse(&format!("1 2 {}", Notice::payload([]))).unwrap();
        assert_eq!(nothing.entries, Some(Vec::new()));
        let much = entry(&"x".repeat(8000));
        let much = Notice::parse(&format!("1 2 {}", Notice::payload([&much]))).unwrap();
        assert_eq!(much.entries, None);
    }

    #[test]
    fn no_payload_exceeds_the_limit_of_the_server() {
        for length in 5800..6000 {
            let payload = Notice::payload([&entry(&"x".repeat(length))]);
            let text = format!("{} {} {payload}", i64::MIN, i64::MAX);
            assert!(text.len() < 8000, "{length}");
        }
        assert_ne!(
            Notice::payload([&entry(&"x".repeat(5800))]),
            Notice::TOO_MUCH
        );
    }

    #[test]
    fn a_malformed_notification_is_corrupt() {
        for text in [
            "",
            " ",
            "1 2",
            "1 -2 ",
            "1 x ",
            "1 2 @@",
            "1 2 AAAA",
            "99999999999999999999 1 ",
        ] {
            let error = Notice::parse(text).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{text}");
        }
    }
}

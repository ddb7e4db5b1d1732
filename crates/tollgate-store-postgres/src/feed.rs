//! An ear at the channel: a connection of its own that listens and does nothing else.

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

/// Notices that wait to be taken, at the most. A listener that is further behind is told so, and takes a snapshot.
const WAITING: usize = 1024;
/// How often the server is asked whether it is still there: a connection that only listens would never find out.
const PULSE: Duration = Duration::from_secs(1);

/// The text of a notification: `epoch sequence entries`.
pub(crate) struct Notice;

impl Notice {
    /// In place of entries that are too many. It is no base64.
    const TOO_MUCH: &'static str = "*";
    /// A notification must be shorter than 8000 bytes; the two numbers and the blanks take 42 at the most.
    const LONGEST: usize = 7999 - 42;

    /// The part of it that the server does not know.
    pub(crate) fn payload<'a>(entries: impl IntoIterator<Item = &'a Revocation>) -> String {
        let bytes = Revocation::encode(entries);
        if URL_SAFE_NO_PAD.encoded_length(bytes.len()) > Self::LONGEST {
            Self::TOO_MUCH.to_owned()
        } else {
            URL_SAFE_NO_PAD.encode_to_string(bytes)
        }
    }

    /// What was announced. Whoever can connect to the database can write to the channel, so it may be anything.
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
        parse().ok_or_else(|| column::corrupt("a notification on the channel of revocations is malformed"))
    }
}

/// The listening end.
pub(crate) struct Feed {
    notices: mpsc::Receiver<String>,
    /// Drives the connection, and ends with the reason why it could not any longer.
    driver: JoinHandle<StoreError>,
    ended: Option<StoreError>,
}

impl Feed {
    /// Connects, and listens before it returns.
    pub(crate) async fn begin(shared: &Shared) -> Result<Self, StoreError> {
        let bound = shared.pool.connect_timeout;
        let begin = async {
            let (client, wire) = shared.dial.dial(&shared.config).await.map_err(Failure::from)?;
            let (send, notices) = mpsc::channel(WAITING);
            let client = Arc::new(client);
            let driver = tokio::spawn(drive(
                Arc::clone(&client),
                wire,
                shared.names.channel(),
                send,
                bound,
            ));
            // Should the next step fail or never end, the driver is stopped with the feed.
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
                "no connection to listen by could be made",
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

/// Passes on what is announced, until the connection fails, the server does not answer, or the listener is too slow.
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
                        return StoreError::new(StoreErrorKind::Full, "the listener is too far behind");
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Failure::from(error).error,
                None => return StoreError::new(StoreErrorKind::Unavailable, "the server hung up"),
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
                        "the server that is listened to is silent",
                    );
                }
            }
        }
    });
    // What came is taken before the silence is noted.
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
    fn a_notice_says_what_was_revoked() {
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
    fn a_notice_of_nothing_and_one_of_too_much_are_two_things() {
        let nothing = Notice::parse(&format!("1 2 {}", Notice::payload([]))).unwrap();
        assert_eq!(nothing.entries, Some(Vec::new()));
        let much = entry(&"x".repeat(8000));
        let much = Notice::parse(&format!("1 2 {}", Notice::payload([&much]))).unwrap();
        assert_eq!(much.entries, None);
    }

    #[test]
    fn no_payload_is_beyond_what_the_server_takes() {
        for length in 5800..6000 {
            let payload = Notice::payload([&entry(&"x".repeat(length))]);
            let text = format!("{} {} {payload}", i64::MIN, i64::MAX);
            assert!(text.len() < 8000, "{length}");
        }
        assert_ne!(Notice::payload([&entry(&"x".repeat(5800))]), Notice::TOO_MUCH);
    }

    #[test]
    fn rubbish_is_corrupt() {
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

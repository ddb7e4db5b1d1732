//! The subscription to the channel of revocations.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::Stream as _;
use redis::Value;
use redis::aio::{PubSub, PubSubStream};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tollgate_session::{
    Announcement, Position, Revocation, RevocationFeed, StoreError, StoreFuture,
};

use crate::failure::{corrupt, unavailable};
use crate::store::number;

/// The largest announcement with entries, in bytes. Every subscriber has a buffer in the server and
/// is disconnected when it overflows.
const MOST: usize = 256 * 1024;
/// The interval of pings on an idle connection.
const PULSE: Duration = Duration::from_secs(2);
/// The first byte of a message with entries, and of one without.
const TOLD: u8 = b'+';
const UNTOLD: u8 = b'-';

/// Encodes the message that is published after the position.
pub(crate) fn message(entries: &[Revocation]) -> Vec<u8> {
    let encoded = Revocation::encode(entries);
    if encoded.len() > MOST {
        return vec![UNTOLD];
    }
    [&[TOLD][..], &encoded].concat()
}

/// Decodes a message.
fn announcement(message: &[u8]) -> Result<Announcement, StoreError> {
    let parts = || {
        let (epoch, rest) = message.split_at_checked(20)?;
        let (sequence, rest) = rest.split_at_checked(20)?;
        let (told, entries) = rest.split_first()?;
        Some((epoch, sequence, *told, entries))
    };
    let (epoch, sequence, told, entries) = parts().ok_or_else(malformed)?;
    Ok(Announcement {
        position: Position {
            epoch: number(epoch)?,
            sequence: number(sequence)?,
        },
        entries: match told {
            TOLD => Some(Revocation::decode(entries)?),
            UNTOLD if entries.is_empty() => None,
            _ => return Err(malformed()),
        },
    })
}

fn malformed() -> StoreError {
    corrupt("malformed announcement")
}

/// A subscription. A task pings the server, because a connection that died silently would never
/// fail.
pub(crate) struct Feed {
    messages: PubSubStream,
    dead: oneshot::Receiver<()>,
    over: bool,
    pulse: AbortHandle,
}

impl Feed {
    /// Listens at `ear`. The connection counts as lost if it does not answer within `patience`.
    pub(crate) fn new(ear: PubSub, patience: Duration) -> Self {
        let (mut mouth, messages) = ear.split();
        let (stopped, dead) = oneshot::channel();
        let pulse = tokio::spawn(async move {
            loop {
                tokio::time::sleep(PULSE).await;
                let answer = tokio::time::timeout(patience, mouth.ping::<Value>()).await;
                if !matches!(answer, Ok(Ok(_))) {
                    break;
                }
            }
            let _ = stopped.send(());
        });
        Self {
            messages,
            dead,
            over: false,
            pulse: pulse.abort_handle(),
        }
    }
}

impl RevocationFeed for Feed {
    fn next(&mut self) -> StoreFuture<'_, Announcement> {
        Box::pin(std::future::poll_fn(|context| {
            let lost = || unavailable("connection lost");
            if self.over {
                return Poll::Ready(Err(lost()));
            }
            // Messages received before the end still count.
            let heard = match Pin::new(&mut self.messages).poll_next(context) {
                Poll::Ready(Some(message)) => announcement(message.get_payload_bytes()),
                Poll::Ready(None) => Err(lost()),
                Poll::Pending => match Pin::new(&mut self.dead).poll(context) {
                    Poll::Ready(_) => Err(lost()),
                    Poll::Pending => return Poll::Pending,
                },
            };
            self.over = heard.is_err();
            Poll::Ready(heard)
        }))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.pulse.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::digits;
    use tollgate_session::{RevocationKey, RevocationKind};

    fn entry(value: &str) -> Revocation {
        Revocation {
            key: RevocationKey::new(RevocationKind::Token, "i", value),
            before: Revocation::ALL,
            expires_at: 7,
        }
    }

    #[test]
    fn announcements_round_trip() {
        let entries = [entry("a"), entry("b")];
        let said = [digits(5), digits(6), message(&entries)].concat();
        let heard = announcement(&said).unwrap();
        assert_eq!(
            heard.position,
            Position {
                epoch: 5,
                sequence: 6
            }
        );
        assert_eq!(heard.entries.unwrap(), entries);
        let much = [digits(5), digits(6), message(&[entry(&"a".repeat(MOST))])].concat();
        assert_eq!(announcement(&much).unwrap().entries, None);
    }

    #[test]
    fn a_malformed_announcement_is_refused() {
        let position = [digits(5), digits(6)].concat();
        for malformed in [
            &b""[..],
            b"hello",
            &position,
            &[&position[..], b"x"].concat(),
            &[&position[..], b"-x"].concat(),
            &[&position[..], b"+x"].concat(),
            &[b'x'; 41],
        ] {
            assert!(announcement(malformed).is_err());
        }
    }
}

//! A proxy that counts the round trips between a store and its server.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::yield_now;

/// The time in which operations in the background end.
const BACKGROUND: Duration = Duration::from_millis(60);
/// The time in which a busy kernel delivers what was sent.
const DELIVERY: Duration = Duration::from_millis(2);
/// The number of turns of the other tasks, after which they have sent everything for which they
/// need no answer. The tasks share one thread with the proxy, so this does not depend on the load.
/// The runtime reads the sockets every 61 turns.
const TURNS: usize = 61 * 40;

type Sent = (Arc<Mutex<OwnedWriteHalf>>, Vec<u8>);

/// Everything that clients send without an answer in between is one round trip, on any connection.
/// Requires the runtime of a single thread.
pub(crate) struct Rounds {
    port: u16,
    counted: Arc<AtomicUsize>,
}

impl Rounds {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counted = Arc::new(AtomicUsize::new(0));
        let (sent, sending) = mpsc::unbounded_channel();
        tokio::spawn(deliver(sending, Arc::clone(&counted)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(pass(client, server, sent.clone()));
            }
        });
        Self { port, counted }
    }

    /// Returns the URL with the port of the proxy.
    pub(crate) fn url(&self, url: &str, port: u16) -> String {
        url.replace(&format!(":{port}"), &format!(":{}", self.port))
    }

    /// Waits for `work` and counts its round trips.
    pub(crate) async fn of<T>(&self, work: impl Future<Output = T>) -> (usize, T) {
        // All background tasks have ended.
        let mut before = self.counted.load(Ordering::SeqCst);
        loop {
            tokio::time::sleep(BACKGROUND).await;
            let counted = self.counted.load(Ordering::SeqCst);
            if counted == before {
                break;
            }
            before = counted;
        }
        let done = work.await;
        (self.counted.load(Ordering::SeqCst) - before, done)
    }
}

async fn pass(client: TcpStream, server: TcpStream, sent: mpsc::UnboundedSender<Sent>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let to_server = Arc::new(Mutex::new(to_server));
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
        let _ = sent.send((Arc::clone(&to_server), buffer[..length].to_vec()));
    }
}

async fn deliver(mut sending: mpsc::UnboundedReceiver<Sent>, counted: Arc<AtomicUsize>) {
    while let Some(first) = sending.recv().await {
        let mut round = vec![first];
        for _ in 0..TURNS {
            yield_now().await;
        }
        tokio::time::sleep(DELIVERY).await;
        while let Ok(next) = sending.try_recv() {
            round.push(next);
        }
        counted.fetch_add(1, Ordering::SeqCst);
        for (server, bytes) in round {
            let _ = server.lock().await.write_all(&bytes).await;
        }
    }
}

//! Servers with scripted behaviour.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The behaviour of a server after it has read the head of a request.
#[derive(Clone)]
pub(super) enum Behaviour {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends the first, and then the second repeatedly until the client closes or 50 MB are sent.
    Flood(Vec<u8>, Vec<u8>),
    /// Sends these bytes and then nothing.
    Hang(Vec<u8>),
    /// Sends these bytes, and then one more every 20 ms.
    Drip(Vec<u8>),
    /// Resets the connection.
    Reset,
}

pub(super) const FLOOD: usize = 50_000_000;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
}

impl Server {
    pub(super) async fn start(behaviour: Behaviour) -> Self {
        Self::on("127.0.0.1:0", behaviour).await
    }

    pub(super) async fn on(address: &str, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            sent: Arc::default(),
        };
        let (requests, sent) = (Arc::clone(&server.requests), Arc::clone(&server.sent));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                requests.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(respond(stream, behaviour.clone(), Arc::clone(&sent)));
            }
        });
        server
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The number of connections so far.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// The number of bytes of a flood that the operating system took.
    pub(super) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

async fn respond(mut stream: TcpStream, behaviour: Behaviour, sent: Arc<AtomicUsize>) {
    if let Behaviour::Reset = behaviour {
        // A close with unread bytes is a reset.
        let _ = stream.readable().await;
        return;
    }
    read_head(&mut stream).await;
    // In many tests the client closes the connection.
    let _ = match behaviour {
        Behaviour::Bytes(bytes) => stream.write_all(&bytes).await,
        Behaviour::Flood(first, again) => flood(&mut stream, &first, &again, &sent).await,
        Behaviour::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending().await
        }
        Behaviour::Drip(bytes) => drip(&mut stream, &bytes).await,
        Behaviour::Reset => Ok(()),
    };
    let _ = stream.shutdown().await;
}

/// Reads the head of a `GET`; for any other input, only the first byte.
pub(super) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.first().is_none_or(|first| *first == b'G') {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    head
}

async fn flood(
    stream: &mut TcpStream,
    first: &[u8],
    again: &[u8],
    sent: &AtomicUsize,
) -> std::io::Result<()> {
    stream.write_all(first).await?;
    while sent.load(Ordering::SeqCst) < FLOOD {
        stream.write_all(again).await?;
        sent.fetch_add(again.len(), Ordering::SeqCst);
    }
    Ok(())
}

async fn drip(stream: &mut (impl AsyncWrite + Unpin), first: &[u8]) -> std::io::Result<()> {
    stream.write_all(first).await?;
    loop {
        stream.write_all(b" ").await?;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

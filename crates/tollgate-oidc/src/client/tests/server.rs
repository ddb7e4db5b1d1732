//! Servers that do what a test says, byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with each connection, once it has read the head of a request.
#[derive(Clone)]
pub(super) enum Behaviour {
    /// Answers with these bytes, and ends.
    Bytes(Vec<u8>),
    /// Answers with the first, and then with the second over and over until nobody takes it any more, or 50 MB are sent.
    Flood(Vec<u8>, Vec<u8>),
    /// Answers with these bytes, and is silent from then on.
    Hang(Vec<u8>),
    /// Answers with these bytes, and then with one more every 20 ms.
    Drip(Vec<u8>),
    /// Breaks the connection.
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

    /// How many connections were made so far.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// How many bytes of a flood the operating system took.
    pub(super) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

async fn respond(mut stream: TcpStream, behaviour: Behaviour, sent: Arc<AtomicUsize>) {
    if let Behaviour::Reset = behaviour {
        // With bytes that were not read, a close is a reset.
        let _ = stream.readable().await;
        return;
    }
    read_head(&mut stream).await;
    // That the other side goes away is what many tests are about.
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

/// Reads the head of a `GET`; of what is something else, no more than the first byte.
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

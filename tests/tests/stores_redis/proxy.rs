//! A proxy between the store and the server that injects connection faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The treatment of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Cuts the connection before the next response. Later responses pass.
    CutOnce,
    /// Silences existing connections for ever. Connections opened later, in another mode, work.
    Swallow,
}

/// A proxy that forwards data according to its mode.
pub(crate) struct Proxy {
    pub(crate) url: String,
    mode: watch::Sender<Mode>,
    pub(crate) cuts: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let (mode, modes) = watch::channel(Mode::Pass);
        let cuts = Arc::new(AtomicUsize::new(0));
        let (setting, counter) = (mode.clone(), cuts.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::spawn(pass(
                    client,
                    server,
                    modes.clone(),
                    setting.clone(),
                    counter.clone(),
                ));
            }
        });
        Self { url, mode, cuts }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn pass(
    client: TcpStream,
    server: TcpStream,
    mode: watch::Receiver<Mode>,
    setting: watch::Sender<Mode>,
    cuts: Arc<AtomicUsize>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
        let now = *mode.borrow();
        match now {
            Mode::Pass => {
                if to_client.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
            Mode::CutOnce => {
                setting.send_replace(Mode::Pass);
                cuts.fetch_add(1, Ordering::SeqCst);
                break;
            }
            Mode::Swallow => std::future::pending().await,
        }
    }
    there.abort();
}

//! A TCP proxy between an instance and its store, with faults of the network.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Both directions are late by this.
    Delay(Duration),
    /// Bytes wait. They are delivered when the mode changes, even if their sender has given up:
    /// writes land late.
    Stall,
    /// Requests pass, answers are lost. Such a connection never carries an answer again.
    DropAnswers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    mode: Mode,
    /// A connection ends when this changes.
    cuts: u32,
}

/// The proxy of one instance. Its tasks end with the runtime.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) port: u16,
    target: Arc<AtomicU16>,
    state: watch::Sender<State>,
}

impl Link {
    pub(crate) async fn open(target: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let target = Arc::new(AtomicU16::new(target));
        let (state, states) = watch::channel(State {
            mode: Mode::Pass,
            cuts: 0,
        });
        let to = target.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(join(client, to.load(Ordering::SeqCst), states.clone()));
            }
        });
        Ok(Self {
            port,
            target,
            state,
        })
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.state.send_modify(|state| state.mode = mode);
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Leads to another server. Ends all connections, as a failover does.
    pub(crate) fn aim(&self, target: u16) {
        self.target.store(target, Ordering::SeqCst);
        self.cut();
    }
}

async fn join(client: TcpStream, target: u16, mut states: watch::Receiver<State>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else {
        return;
    };
    let cuts = states.borrow().cuts;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, states.clone(), false);
    let back = pump(from_server, to_client, states.clone(), true);
    tokio::select! {
        _ = states.wait_for(|state| state.cuts != cuts) => {}
        _ = async { tokio::join!(there, back) } => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut states: watch::Receiver<State>,
    answers: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut lost = false;
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        let mode = states.borrow().mode;
        match mode {
            Mode::Delay(time) => tokio::time::sleep(time).await,
            Mode::Stall => drop(states.wait_for(|state| state.mode != Mode::Stall).await),
            Mode::DropAnswers if answers => lost = true,
            Mode::Pass | Mode::DropAnswers => {}
        }
        if read == 0 {
            let _ = to.shutdown().await;
            return;
        }
        if !lost && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

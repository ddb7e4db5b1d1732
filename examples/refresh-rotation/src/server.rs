//! Serves an app with time limits, until Ctrl-C or SIGTERM.
//!
//! `axum::serve` waits for a client without a limit, both for the header of a request and after a
//! stop. This file sets these limits with hyper.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::{Extension, Router};
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

/// The time limit of the header of a request, and of an idle connection.
const HEADER: Duration = Duration::from_secs(10);
/// The time limit of a request, with the content that a handler reads.
const REQUEST: Duration = Duration::from_secs(30);
/// The time limit of open requests after a stop. Docker ends a process after 10 seconds.
const STOP: Duration = Duration::from_secs(5);

/// Serves until Ctrl-C or SIGTERM. Then no connection is accepted, and open requests have `STOP` to
/// end.
pub(crate) async fn serve(listener: TcpListener, app: Router) -> io::Result<()> {
    let app = app.layer(from_fn(async |request: Request, next: Next| {
        let response = timeout(REQUEST, next.run(request)).await;
        response.map_err(|_| StatusCode::REQUEST_TIMEOUT)
    }));
    let mut http = Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER);
    let connections = GracefulShutdown::new();
    let mut stopped = pin!(stopped()?);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => break,
        };
        let Ok((stream, peer)) = accepted else {
            sleep(Duration::from_millis(100)).await; // for instance too many open files
            continue;
        };
        // As `into_make_service_with_connect_info` does for `axum::serve`.
        let service = TowerToHyperService::new(app.clone().layer(Extension(ConnectInfo(peer))));
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connections.watch(connection));
    }
    drop(listener);
    let _ = timeout(STOP, connections.shutdown()).await; // a slow client loses its connection
    Ok(())
}

/// Waits for Ctrl-C (SIGINT) or SIGTERM.
#[cfg(unix)]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

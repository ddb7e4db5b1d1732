//! A shop on axum: pages without scripts for browsers, JSON for programs, at the same paths.
//!
//! `sessions.rs` configures tollgate, `web.rs` has the routes, `handlers.rs` what they do. The
//! other files are the users' table, the goods, the pages and the options.

mod accounts;
mod handlers;
mod options;
mod pages;
mod sessions;
mod shop;
mod web;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

use crate::accounts::Problem;
use crate::sessions::Shop;

#[tokio::main]
async fn main() -> Result<(), Problem> {
    // tollgate logs the reason of each refusal.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let Some(options) = options::read()? else {
        return Ok(());
    };
    let listener = TcpListener::bind(options.listen).await?;
    let other = TcpListener::bind(options.front_end).await?;
    let address = listener.local_addr()?;
    // By name: browsers accept `Secure` cookies from `localhost` without TLS.
    let url = format!("http://localhost:{}", address.port());
    let front_end = format!("http://localhost:{}", other.local_addr()?.port());
    let shop = Shop::open(&options, &front_end).await?;
    let page = web::front_end(pages::front_end(&url));
    let welcome = include_str!("../templates/welcome.txt")
        .replace("{address}", &address.to_string())
        .replace("{url}", &url)
        .replace("{front_end}", &front_end);
    std::io::stdout().write_all(welcome.as_bytes())?;
    // Time limits for slow clients are in `server.rs` of the example `quickstart`. The list of
    // devices shows the address of the connection.
    let shop = web::routes(Arc::new(shop)).into_make_service_with_connect_info::<SocketAddr>();
    let shop = axum::serve(listener, shop).with_graceful_shutdown(stopped());
    let page = axum::serve(other, page).with_graceful_shutdown(stopped());
    tokio::try_join!(shop.into_future(), page.into_future())?;
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        tokio::select! {
            _ = interrupted => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = interrupted.await;
}

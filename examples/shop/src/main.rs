//! A shop on axum: pages without scripts for browsers, JSON for programs, at the same paths.
//!
//! `sessions.rs` configures tollgate, `web.rs` has the routes, `handlers.rs` what they do. The
//! other files are the users' table, the goods, the pages, the keys and the options.

mod accounts;
mod handlers;
mod keys;
mod options;
mod pages;
mod sessions;
mod shop;
mod web;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::accounts::Problem;
use crate::handlers::Shop;
use crate::options::{Options, PROGRAM};
use crate::sessions::Auth;
use crate::shop::Stock;

async fn serve(options: Options) -> Result<(), Problem> {
    let listener = TcpListener::bind(options.listen).await?;
    let other = TcpListener::bind(options.front_end).await?;
    // By name: browsers accept `Secure` cookies from `localhost` without TLS.
    let url = |port: u16| format!("http://localhost:{port}");
    let address = listener.local_addr()?;
    let front_end = url(other.local_addr()?.port());
    let (accounts, sessions) = sessions::open(&options).await?;
    let auth = Auth::new(accounts.clone(), sessions, &options, &front_end)?;
    let shop = Shop {
        accounts,
        auth,
        stock: Stock::open()?,
    };
    // The list of devices shows the address of the connection.
    let shop = web::routes(Arc::new(shop)).into_make_service_with_connect_info::<SocketAddr>();
    let page = web::front_end(&url(address.port()));
    std::io::stdout().write_all(pages::welcome(address, &front_end).as_bytes())?;
    // Limits for slow clients are in `server.rs` of the example `quickstart`.
    let stopped = async || drop(tokio::signal::ctrl_c().await);
    tokio::try_join!(
        axum::serve(listener, shop)
            .with_graceful_shutdown(stopped())
            .into_future(),
        axum::serve(other, page)
            .with_graceful_shutdown(stopped())
            .into_future(),
    )?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    // tollgate logs the reason of each refusal.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let options = match options::read() {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{PROGRAM}: {problem}\nTry `--help`.");
            return ExitCode::from(2);
        }
    };
    if let Err(problem) = serve(options).await {
        eprintln!("{PROGRAM}: {problem}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

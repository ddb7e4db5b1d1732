//! A shop on actix-web: pages without scripts for browsers, JSON for programs, at the same paths.
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
use std::process::ExitCode;

use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use crate::accounts::Problem;
use crate::handlers::Shop;
use crate::options::{Options, PROGRAM};
use crate::sessions::Auth;
use crate::shop::Stock;

async fn serve(options: Options) -> Result<(), Problem> {
    let listener = std::net::TcpListener::bind(options.listen)?;
    let other = std::net::TcpListener::bind(options.front_end)?;
    // By name: browsers accept `Secure` cookies from `localhost` without TLS.
    let url = |port: u16| format!("http://localhost:{port}");
    let address = listener.local_addr()?;
    let own = url(address.port());
    let front_end = url(other.local_addr()?.port());
    let (accounts, sessions) = sessions::open(&options).await?;
    let auth = Auth::new(accounts.clone(), sessions, &options, &front_end)?;
    let shop = Data::new(Shop {
        accounts,
        auth,
        stock: Stock::open()?,
    });
    let app = move || {
        App::new()
            .configure(|config| web::routes(config, &shop))
            .wrap(from_fn(web::refusals_as_pages))
            .wrap(web::cors(shop.auth.user.clone()))
    };
    let page = move || App::new().configure(|config| web::front_end(config, &own));
    let shop = HttpServer::new(app).listen(listener)?.run();
    let page = HttpServer::new(page).listen(other)?.run();
    std::io::stdout().write_all(pages::welcome(address, &front_end).as_bytes())?;
    tokio::try_join!(shop, page)?; // until Ctrl-C or SIGTERM
    Ok(())
}

#[actix_web::main]
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

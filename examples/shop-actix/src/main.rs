//! A shop on actix-web: pages without scripts for browsers, JSON for programs, at the same paths.
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
use std::net::TcpListener;

use actix_web::web::Data;
use actix_web::{App, HttpServer};

use crate::accounts::Problem;
use crate::sessions::Shop;

#[actix_web::main]
async fn main() -> Result<(), Problem> {
    // tollgate logs the reason of each refusal.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let Some(options) = options::read()? else {
        return Ok(());
    };
    let listener = TcpListener::bind(options.listen)?;
    let other = TcpListener::bind(options.front_end)?;
    let address = listener.local_addr()?;
    // By name: browsers accept `Secure` cookies from `localhost` without TLS.
    let url = format!("http://localhost:{}", address.port());
    let front_end = format!("http://localhost:{}", other.local_addr()?.port());
    let shop = Shop::open(&options, &front_end).await?;
    let shop = Data::new(shop);
    let app = move || {
        App::new()
            .configure(|config| web::routes(config, &shop))
            .wrap(web::cors(shop.user.clone()))
    };
    let page = pages::front_end(&url);
    let page = move || App::new().configure(|config| web::front_end(config, &page));
    let welcome = include_str!("../templates/welcome.txt")
        .replace("{address}", &address.to_string())
        .replace("{url}", &url)
        .replace("{front_end}", &front_end);
    std::io::stdout().write_all(welcome.as_bytes())?;
    let shop = HttpServer::new(app).listen(listener)?.run();
    let page = HttpServer::new(page).listen(other)?.run();
    tokio::try_join!(shop, page)?; // until Ctrl-C or SIGTERM
    Ok(())
}

//! The configuration of tollgate: sessions, endpoints and gates.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tollgate::session::{
    Continuation, ContinuedSession, CookieTransport, Issuer, Login, LoginFailure, LoginRequest,
    RenewalTransport, SessionEndpoints, Sessions, SlidingRenewal, Transport,
};
use tollgate::stores::postgres::PostgresStore;
use tollgate::stores::postgres::deadpool_postgres::{Manager, Pool};
use tollgate::stores::postgres::tokio_postgres::{Config, NoTls};
use tollgate::stores::redb::RedbStore;
use tollgate::{ConfigError, Gate};

use crate::accounts::{Accounts, Problem};
use crate::keys;
use crate::options::{Options, PROGRAM};

/// The parts of tollgate that the routes need.
pub(crate) struct Auth {
    pub(crate) sessions: Sessions,
    pub(crate) cookies: CookieTransport,
    /// Login, refresh, resume and logout.
    pub(crate) endpoints: Arc<SessionEndpoints>,
    /// For everyone. It reads who the user is.
    pub(crate) visitor: Gate,
    /// For users.
    pub(crate) user: Gate,
    /// For users who have entered their password a short time ago.
    pub(crate) fresh: Gate,
}

/// Opens the stores of users and of sessions.
pub(crate) async fn open(options: &Options) -> Result<(Accounts, Sessions), Problem> {
    std::fs::create_dir_all(&options.data)?;
    let (signing_key, refresh_key) = keys::keys(&options.data)?;
    let issuer = Issuer::builder("https://shop.example.com")
        .audience("shop")
        .signing_key(signing_key)
        .build()?;
    let (accounts, sessions) = if let Some(url) = &options.postgres {
        let config: Config = url.parse()?;
        // One pool for both. `NoTls` is for a server on this machine.
        let pool = Pool::builder(Manager::new(config.clone(), NoTls)).build()?;
        let store = PostgresStore::builder(config).pool(pool.clone()).build()?;
        store.migrate().await?;
        (
            Accounts::connect(pool).await?,
            Sessions::builder(issuer, store),
        )
    } else {
        let accounts = Accounts::open(&options.data.join("users.redb")).await?;
        let store = RedbStore::open(options.data.join("sessions.redb"))?;
        (accounts, Sessions::builder(issuer, store))
    };
    let users = accounts.clone();
    let sessions = sessions
        .refresh_key(refresh_key)
        // Asks the table each time a session goes on: a former clerk is a customer from then on.
        .on_continue(move |session: ContinuedSession| {
            let users = users.clone();
            async move {
                let user = users.find(session.subject()).await?;
                Ok::<_, Problem>(match user {
                    Some(user) => Continuation::keep().roles([user.role]),
                    None => Continuation::end(),
                })
            }
        })
        .build()?;
    Ok((accounts, sessions))
}

impl Auth {
    pub(crate) fn new(
        accounts: Accounts,
        sessions: Sessions,
        options: &Options,
        front_end: &str,
    ) -> Result<Self, ConfigError> {
        let cookies = CookieTransport::builder().path("/auth").build()?;
        // Cookies for browsers, bearer tokens for programs.
        let transport = Transport::Both(cookies.clone());
        let trusted = front_end.to_owned();
        let endpoints = SessionEndpoints::builder(sessions.clone(), transport.clone())
            .login(move |request| log_in(accounts.clone(), request))
            .gate(move |gate| gate.trusted_origin(&trusted))
            .resume("/login")
            .build()?;
        // Users stay logged in while they are active, for a week without a visit, and for a month.
        let gate = || {
            let by = RenewalTransport::Both(cookies.clone());
            transport
                .apply(sessions.gate())
                .trusted_origin(front_end)
                .login_redirect(cookies.login_redirect("/login"))
                .renewal(SlidingRenewal::new(sessions.clone(), by))
        };
        Ok(Self {
            visitor: gate().optional().build()?,
            user: gate().build()?,
            fresh: gate().max_authentication_age(options.fresh).build()?,
            endpoints: Arc::new(endpoints),
            sessions,
            cookies,
        })
    }
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

/// Authenticates the user, by a form or by JSON.
async fn log_in(accounts: Accounts, request: LoginRequest) -> Result<Login, LoginFailure> {
    let Credentials { user, password } = request.read()?;
    match accounts.authenticate(&user, password).await {
        Ok(Some(user)) => Ok(Login::new(user.name).role(user.role)),
        Ok(None) => Err(LoginFailure::refused()),
        Err(problem) => {
            eprintln!("{PROGRAM}: {problem}");
            Err(LoginFailure::unavailable(Duration::from_secs(5)))
        }
    }
}

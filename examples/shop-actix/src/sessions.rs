//! The configuration of tollgate: sessions, endpoints and gates.

use serde::Deserialize;
use tollgate::session::{
    Continuation, ContinuedSession, CookieTransport, Issuer, Login, LoginFailure, LoginRequest,
    RefreshKey, RenewalTransport, SessionEndpoints, Sessions, SlidingRenewal, Transport,
};
use tollgate::stores::postgres::PostgresStore;
use tollgate::stores::redb::RedbStore;
use tollgate::{Algorithm, Gate, SigningKey};

use crate::accounts::{Accounts, Problem};
use crate::options::Options;
use crate::pages;

pub(crate) struct Shop {
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) transport: Transport,
    /// Login, refresh, resume and logout.
    pub(crate) endpoints: SessionEndpoints,
    /// For everyone. It reads who the user is.
    pub(crate) visitor: Gate,
    /// For users.
    pub(crate) user: Gate,
    /// For users who have entered their password a short time ago.
    pub(crate) fresh: Gate,
}

impl Shop {
    pub(crate) async fn open(options: &Options, front_end: &str) -> Result<Self, Problem> {
        let (accounts, sessions) = open_stores(options).await?;
        let cookies = CookieTransport::builder().path("/auth").build()?;
        // Cookies for browsers, bearer tokens for programs.
        let transport = Transport::Both(cookies.clone());
        let (users, trusted) = (accounts.clone(), front_end.to_owned());
        let endpoints = SessionEndpoints::builder(sessions.clone(), transport.clone())
            .login(move |request| log_in(users.clone(), request))
            .gate(move |gate| gate.trusted_origin(&trusted))
            .resume("/login")
            .build()?;
        // Users stay logged in while they are active, for a week without a visit, and for a month.
        let gate = || {
            let by = RenewalTransport::Both(cookies.clone());
            let redirect = cookies.login_redirect("/login").step_up("/account/confirm");
            transport
                .apply(sessions.gate())
                .trusted_origin(front_end)
                .login_redirect(redirect)
                .on_rejection(pages::refused)
                .renewal(SlidingRenewal::new(sessions.clone(), by))
        };
        Ok(Self {
            visitor: gate().optional().build()?,
            user: gate().build()?,
            fresh: gate().max_authentication_age(options.fresh).build()?,
            accounts,
            sessions,
            transport,
            endpoints,
        })
    }
}

async fn open_stores(options: &Options) -> Result<(Accounts, Sessions), Problem> {
    let data = &options.data;
    std::fs::create_dir_all(data)?;
    // The first start creates the files. A real service loads its keys from a secret store.
    let signing_key = SigningKey::load_or_generate(Algorithm::ES256, data.join("signing.key"))?;
    let refresh_key = RefreshKey::load_or_generate(1, data.join("refresh.key"))?;
    let issuer = Issuer::builder("https://shop.example.com")
        .audience("shop")
        .signing_key(signing_key)
        .build()?;
    let sessions = if let Some(url) = &options.postgres {
        // Without TLS, which is for a server on this machine.
        let store = PostgresStore::builder(url.parse()?).build()?;
        store.migrate().await?;
        Sessions::builder(issuer, store)
    } else {
        let store = RedbStore::open(data.join("sessions.redb"))?;
        Sessions::builder(issuer, store)
    };
    let accounts = Accounts::open(&data.join("users.redb")).await?;
    let users = accounts.clone();
    let sessions = sessions
        .refresh_key(refresh_key)
        // Asks the table each time a session goes on: a former admin is a customer from then on.
        .on_continue(move |session: ContinuedSession| {
            let role = users.role(session.subject());
            async move {
                Ok::<_, Problem>(match role? {
                    Some(role) => Continuation::keep().roles([role]),
                    None => Continuation::end(),
                })
            }
        })
        .build()?;
    Ok((accounts, sessions))
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

/// Authenticates the user, by a form or by JSON.
async fn log_in(accounts: Accounts, request: LoginRequest) -> Result<Login, LoginFailure> {
    let Credentials { user, password } = request.read()?;
    let role = accounts.authenticate(&user, password).await?;
    let role = role.ok_or_else(LoginFailure::refused)?;
    Ok(Login::new(user).role(role))
}

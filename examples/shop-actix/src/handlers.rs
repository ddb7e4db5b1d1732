//! The handlers. They are the same on axum and on actix-web.

use serde::Deserialize;
use serde_json::json;
use tollgate::ReturnTo;
use tollgate::extend::{Answer, SourceKind};
use tollgate::session::SessionUpdate;

use crate::accounts::{Accounts, ROLES};
use crate::pages::{Call, Outcome, Reply};
use crate::sessions::Auth;
use crate::shop::{Stock, total};
use crate::web::{Input, Path, Query};

pub(crate) struct Shop {
    pub(crate) accounts: Accounts,
    pub(crate) auth: Auth,
    pub(crate) stock: Stock,
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    good: String,
}

#[derive(Deserialize)]
pub(crate) struct Password {
    password: String,
    return_to: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct NewRole {
    role: String,
}

/// The query of the login page.
#[derive(Deserialize)]
pub(crate) struct Next {
    return_to: Option<String>,
    /// The code of a refused login.
    error: Option<String>,
}

/// The page after a login: one of this shop, never of another site.
fn page_after(return_to: Option<String>) -> String {
    let page = return_to.and_then(ReturnTo::parse);
    page.map_or_else(|| "/".to_owned(), |page| page.to_string())
}

pub(crate) async fn catalogue(call: Call) -> Outcome {
    call.page("catalogue", json!({ "goods": call.shop.stock.goods }))
}

pub(crate) async fn cart(call: Call) -> Outcome {
    let lines = call.shop.stock.cart(call.user()?);
    call.page("cart", json!({ "lines": lines, "cents": total(&lines) }))
}

pub(crate) async fn add_to_cart(call: Call, Input(choice): Input<Choice>) -> Outcome {
    call.done(call.shop.stock.add(call.user()?, &choice.good), "/cart")
}

pub(crate) async fn orders(call: Call) -> Outcome {
    let own = (!call.is_staff()).then_some(call.user()?);
    call.page("orders", json!({ "orders": call.shop.stock.orders(own) }))
}

pub(crate) async fn order(call: Call) -> Outcome {
    call.done(call.shop.stock.order(call.user()?), "/orders")
}

/// Only for clerks: see the routes.
pub(crate) async fn ship(call: Call, number: Path<usize>) -> Outcome {
    call.done(call.shop.stock.ship(*number), "/orders")
}

/// The forms of this page are those of the session endpoints.
pub(crate) async fn account(call: Call) -> Outcome {
    let (sessions, current) = (&call.shop.auth.sessions, call.session());
    let devices = sessions.devices(call.user()?, current.as_ref()).await?;
    let now = call.caller()?.verified_at();
    let devices = devices.into_iter().map(|device| {
        json!({
            "id": device.id.to_string(),
            "browser": device.user_agent,
            "address": device.address,
            "minutes_ago": now.saturating_sub(device.last_seen) / 60,
            "is_current": device.current,
        })
    });
    call.page("account", json!({ "devices": devices.collect::<Vec<_>>() }))
}

pub(crate) async fn login_page(call: Call, Query(next): Query<Next>) -> Outcome {
    let message = match next.error.as_deref() {
        None => "",
        Some("wrong_credentials") => "The name or the password is wrong.",
        Some(_) => "The login failed. Try again in a moment.",
    };
    let return_to = page_after(next.return_to);
    call.page(
        "login",
        json!({ "message": message, "return_to": return_to }),
    )
}

pub(crate) async fn confirm_page(call: Call, Query(next): Query<Next>) -> Outcome {
    call.page(
        "confirm",
        json!({ "return_to": page_after(next.return_to) }),
    )
}

/// Step-up: the new tokens say that the user has just entered the password.
pub(crate) async fn confirm(call: Call, Input(given): Input<Password>) -> Outcome {
    let return_to = page_after(given.return_to);
    let auth = &call.shop.auth;
    if call
        .shop
        .accounts
        .authenticate(call.user()?, given.password)
        .await?
        .is_none()
    {
        let page = json!({ "message": "The password is wrong.", "return_to": return_to });
        return call.page_of_status(403, "confirm", page);
    }
    let tokens = auth.sessions.reauthenticated(call.caller()?).await;
    let tokens = tokens.map_err(|error| Reply(error.answer()))?; // logged out in the meantime
    if call.caller()?.source() == Some(SourceKind::Cookie) {
        let Reply(mut answer) = call.done(Some(()), &return_to)?;
        for (field, value) in auth.cookies.set(&tokens)?.iter() {
            answer.append(field.to_owned(), value);
        }
        return Ok(Reply(answer));
    }
    let mut answer = Answer::new(200);
    answer.set("content-type", "application/json");
    answer.set("cache-control", "no-store");
    answer.body = serde_json::to_vec(&json!({
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "refresh_expires_in": tokens.refresh_expires_in,
    }))?;
    Ok(Reply(answer))
}

pub(crate) async fn password_page(call: Call) -> Outcome {
    call.page("password", json!({}))
}

/// Only shortly after a login or a confirmation: see the routes. Logs the other devices out.
pub(crate) async fn change_password(call: Call, Input(new): Input<Password>) -> Outcome {
    if new.password.chars().count() < 8 {
        let page = json!({ "message": "The password needs at least 8 characters." });
        return call.page_of_status(400, "password", page);
    }
    let user = call.user()?;
    call.shop.accounts.set_password(user, new.password).await?;
    let current = call.session().ok_or("a token has no session")?;
    call.shop
        .auth
        .sessions
        .logout_others(user, &current)
        .await?;
    call.done(Some(()), "/account")
}

pub(crate) async fn admin(call: Call) -> Outcome {
    let mut users = Vec::new();
    for user in call.shop.accounts.all().await? {
        let devices = call
            .shop
            .auth
            .sessions
            .devices(&user.name, None)
            .await?
            .len();
        users.push(json!({ "name": user.name, "role": user.role, "devices": devices }));
    }
    call.page("admin", json!({ "roles": ROLES, "users": users }))
}

/// Changes the table first, which the hook of the sessions reads, then the sessions.
pub(crate) async fn change_role(
    call: Call,
    user: Path<String>,
    Input(new): Input<NewRole>,
) -> Outcome {
    let Shop { accounts, auth, .. } = &*call.shop;
    if !ROLES.contains(&&*new.role) || accounts.find(&user).await?.is_none() {
        return call.done(None, "/admin");
    }
    accounts.set_role(&user, &new.role).await?;
    auth.sessions
        .update(&user, SessionUpdate::new().roles([new.role]))
        .await?;
    call.done(Some(()), "/admin")
}

pub(crate) async fn end_sessions(call: Call, user: Path<String>) -> Outcome {
    call.shop.auth.sessions.logout_all(&user).await?;
    call.done(Some(()), "/admin")
}

//! The handlers. They are the same on axum and on actix-web.

use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate::ReturnTo;
use tollgate::session::{LoginAttempt, LoginThrottle, SessionUpdate};

use crate::accounts::ROLES;
use crate::pages::{Call, Outcome};
use crate::shop::{Cart, GOODS, bill};
use crate::web::{Input, Path, Query};

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

/// The query of the pages that ask for the password. Their forms send `return_to` back.
#[derive(Deserialize, Serialize)]
pub(crate) struct Next {
    return_to: Option<String>,
    /// The code of a refused login.
    error: Option<String>,
}

pub(crate) async fn catalogue(call: Call) -> Outcome {
    call.page(200, "catalogue", json!({ "goods": *GOODS }))
}

pub(crate) async fn cart(call: Call) -> Outcome {
    let cart = call.shop.sessions.data::<Cart>(&call.session()?).await?;
    call.page(200, "cart", bill(&cart.value.unwrap_or_default()))
}

pub(crate) async fn add_to_cart(call: Call, Input(choice): Input<Choice>) -> Outcome {
    if !GOODS.iter().any(|good| good.id == choice.good) {
        return call.impossible();
    }
    let add = |cart: &mut Cart| {
        let count = cart.entry(choice.good.clone()).or_default();
        *count = (*count + 1).min(99);
    };
    let session = call.session()?;
    call.shop.sessions.update_data(&session, add).await?;
    Ok(call.done("/cart"))
}

/// Empties the cart. This shop forgets the order.
pub(crate) async fn order(call: Call) -> Outcome {
    let session = call.session()?;
    call.shop
        .sessions
        .update_data(&session, Cart::clear)
        .await?;
    call.page(200, "order", json!({}))
}

/// The forms of this page are those of the session endpoints.
pub(crate) async fn account(call: Call) -> Outcome {
    let (user, session) = (call.user()?, call.session()?);
    let devices = call.shop.sessions.devices(user, Some(&session)).await?;
    let now = call.caller()?.verified_at();
    call.page(200, "account", json!({ "devices": devices, "now": now }))
}

pub(crate) async fn login_page(call: Call, Query(next): Query<Next>) -> Outcome {
    call.page(200, "login", next)
}

pub(crate) async fn confirm_page(call: Call, Query(next): Query<Next>) -> Outcome {
    call.page(200, "confirm", next)
}

/// Step-up: the new tokens say that the user has just entered the password.
pub(crate) async fn confirm(call: Call, Input(given): Input<Password>) -> Outcome {
    let (shop, user) = (&call.shop, call.user()?);
    let return_to = given.return_to;
    // Counted with the logins: a stolen session must not be a way to guess the password.
    let attempt = LoginAttempt::new().name(user);
    let attempt = match call.address {
        Some(address) => attempt.address(address),
        None => attempt,
    };
    let refused = |status, message| {
        let page = json!({ "message": message, "return_to": return_to });
        call.page(status, "confirm", page)
    };
    let throttle = LoginThrottle::default();
    let Ok(attempt) = shop.sessions.attempt(&throttle, attempt).await else {
        return refused(429, "There were too many attempts. Try again later.");
    };
    let known = shop.accounts.authenticate(user, given.password).await?;
    if known.is_none() {
        return refused(403, "The password is wrong.");
    }
    attempt.succeeded().await;
    let tokens = shop.sessions.reauthenticated(call.caller()?).await?;
    let mut answer = shop.transport.answer(&tokens)?;
    if call.is_html {
        // To a page of this shop, never of another site.
        let page = return_to.and_then(ReturnTo::parse);
        let page = page.map_or_else(|| "/".to_owned(), |page| page.to_string());
        answer.status = 303;
        answer.set("location", page);
    }
    Ok(answer)
}

pub(crate) async fn password_page(call: Call) -> Outcome {
    call.page(200, "password", json!({}))
}

/// Only shortly after a login or a confirmation: see the routes. Logs the other devices out.
pub(crate) async fn change_password(call: Call, Input(new): Input<Password>) -> Outcome {
    if new.password.chars().count() < 8 {
        let page = json!({ "message": "The password needs at least 8 characters." });
        return call.page(400, "password", page);
    }
    let (shop, user, session) = (&call.shop, call.user()?, call.session()?);
    shop.accounts.set_password(user, new.password).await?;
    shop.sessions.logout_others(user, &session).await?;
    Ok(call.done("/account"))
}

pub(crate) async fn admin(call: Call) -> Outcome {
    let mut users = Vec::new();
    for (name, role) in call.shop.accounts.all()? {
        let devices = call.shop.sessions.devices(&name, None).await?.len();
        users.push(json!({ "name": name, "role": role, "devices": devices }));
    }
    call.page(200, "admin", json!({ "roles": ROLES, "users": users }))
}

/// Changes the table first, which the hook of the sessions reads, then the sessions.
pub(crate) async fn change_role(
    call: Call,
    user: Path<String>,
    Input(new): Input<NewRole>,
) -> Outcome {
    let shop = &call.shop;
    if !ROLES.contains(&&*new.role) || shop.accounts.role(&user)?.is_none() {
        return call.impossible();
    }
    shop.accounts.set_role(&user, &new.role)?;
    let update = SessionUpdate::new().roles([new.role]);
    shop.sessions.update(&user, update).await?;
    Ok(call.done("/admin"))
}

pub(crate) async fn end_sessions(call: Call, user: Path<String>) -> Outcome {
    call.shop.sessions.logout_all(&user).await?;
    Ok(call.done("/admin"))
}

//! The facts that a login request is counted by.

use std::net::IpAddr;

use base64_simd::STANDARD;
use serde_json::{Map, Value};
use tollgate_core::RequestView;

use super::SessionEndpoints;
use super::content::Unreadable;
use super::login::{LoginFailure, LoginRequest};
use super::refused::Refused;
use crate::sessions::{Login, LoginAttempt, PendingLogin, TooManyAttempts};

/// The members of the content that are read as user names.
const MEMBERS: [&str; 5] = ["username", "user", "email", "login", "name"];

/// Returns the names that the request contains. A login function may read any of them, so that the
/// attempt counts for all.
fn names(request: &LoginRequest) -> Vec<String> {
    let content = request.read::<Map<String, Value>>().unwrap_or_default();
    let known = |name: &str| MEMBERS.iter().any(|known| name.eq_ignore_ascii_case(known));
    let members = content.into_iter().filter(|(name, _)| known(name));
    let in_content = members.filter_map(|(_, value)| match value {
        Value::String(name) => Some(name),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let lines = request.request().header("authorization");
    in_content.chain(lines.filter_map(basic)).collect()
}

/// Returns the user of Basic credentials (RFC 7617).
fn basic(line: &[u8]) -> Option<String> {
    let (scheme, rest) = line.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = STANDARD.decode_to_vec(rest.trim_ascii()).ok()?;
    let user = decoded.split(|byte| *byte == b':').next()?;
    Some(String::from_utf8_lossy(user).into_owned())
}

/// Returns the attempt, without its device token.
///
/// A private peer that adds `X-Forwarded-For` is a proxy that was not declared. Its address would
/// be a budget that all users share, so the address counts as unknown.
fn attempt_of(request: &LoginRequest, names: Vec<String>, proxies: usize) -> LoginAttempt {
    let attempt = names.iter().fold(LoginAttempt::new(), LoginAttempt::name);
    let address = request.device().address.as_deref();
    let Some(address) = address.and_then(|address| address.parse::<IpAddr>().ok()) else {
        return attempt;
    };
    let forwarded = ["x-forwarded-for", "forwarded"]
        .iter()
        .any(|name| request.request().header(name).next().is_some());
    if proxies == 0 && forwarded && is_private(address) {
        return attempt;
    }
    attempt.address(address)
}

impl SessionEndpoints {
    /// Counts the attempt, before the login function is called.
    pub(super) async fn begin_attempt(
        &self,
        request: &LoginRequest,
    ) -> Result<Option<PendingLogin>, Refused> {
        let Some(throttle) = &self.0.throttle else {
            return Ok(None);
        };
        let names = match &self.0.login_name {
            Some(name) => name(request).into_iter().collect(),
            None => names(request),
        };
        let mut attempt = attempt_of(request, names, self.0.proxies);
        if let Some(token) = self.cookies().and_then(|it| it.device(request.request())) {
            attempt = attempt.device(token);
        }
        let pending = self.0.sessions.attempt(throttle, attempt).await;
        let refused = |it: TooManyAttempts| LoginFailure::too_many_attempts(it.retry_after()).0;
        pending.map(Some).map_err(refused)
    }

    /// Gives the attempt back, unless the credentials were wrong. Returns the token of the device
    /// after a success.
    pub(super) async fn end_attempt(
        &self,
        pending: Option<PendingLogin>,
        outcome: &Result<Login, LoginFailure>,
    ) -> Option<String> {
        let pending = pending?;
        match outcome {
            Ok(_) => pending.succeeded().await,
            Err(failure) => {
                // A service may answer wrong credentials with a 400 of its own.
                let unread = [Unreadable::Malformed, Unreadable::Type].map(Refused::from);
                if failure.0.answer.status >= 500 || unread.contains(&failure.0) {
                    pending.withdrawn().await;
                }
                None
            }
        }
    }
}

const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

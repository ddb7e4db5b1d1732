//! The facts that a login request is counted by.

use std::net::IpAddr;

use base64_simd::STANDARD_NO_PAD;
use serde_json::{Map, Value};
use tollgate_core::RequestView;

use super::SessionEndpoints;
use super::content::Unreadable;
use super::login::{LoginFailure, LoginRequest};
use super::refused::{self, Refused};
use crate::sessions::{Login, LoginAttempt, PendingLogin, TooManyAttempts};

/// The members of the content that are read as user names. Their case, `_` and `-` do not count.
const MEMBERS: [&str; 8] = [
    "username",
    "user",
    "email",
    "login",
    "name",
    "identifier",
    "mail",
    "phone",
];

/// Returns `true` if a member has this name, in any spelling.
fn is_spelled(member: &str, known: &str) -> bool {
    let letters = member.bytes().filter(|byte| !b"_-".contains(byte));
    letters
        .map(|byte| byte.to_ascii_lowercase())
        .eq(known.bytes())
}

/// Returns the names that the request contains. A login function may read any of them, so that the
/// attempt counts for all.
///
/// # Errors
/// The request is malformed if a member is there in two spellings, or a header field twice. It
/// could hide a name among others, or count for many users at once.
fn names(request: &LoginRequest) -> Result<Vec<String>, Refused> {
    let content = request.read::<Map<String, Value>>().unwrap_or_default();
    let mut names = Vec::new();
    for known in MEMBERS {
        let mut values = content.iter().filter(|(name, _)| is_spelled(name, known));
        match (values.next(), values.next()) {
            (Some((_, Value::String(name))), None) => names.push(name.clone()),
            (Some((_, Value::Number(number))), None) => names.push(number.to_string()),
            (_, Some(_)) => return Err(refused::malformed()),
            _ => {}
        }
    }
    let mut lines = request.request().header("authorization");
    names.extend(lines.next().and_then(basic));
    match lines.next() {
        Some(_) => Err(refused::malformed()),
        None => Ok(names),
    }
}

/// Returns the user of Basic credentials (RFC 7617), in every spelling that a decoder may accept.
fn basic(line: &[u8]) -> Option<String> {
    let (scheme, rest) = line.trim_ascii().split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let rest = rest.trim_ascii().iter().filter(|byte| **byte != b'=');
    let standard = rest.map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => *byte,
    });
    let standard: Vec<u8> = standard.collect();
    let decoded = STANDARD_NO_PAD.decode_to_vec(standard).ok()?;
    let user = decoded.split(|byte| *byte == b':').next()?;
    Some(String::from_utf8_lossy(user).into_owned())
}

/// Returns the attempt, without its device token.
///
/// A private peer that adds `X-Forwarded-For` is a proxy that was not declared. Its address would
/// be a budget that all users share, so the address counts as unknown.
fn attempt_of(request: &LoginRequest, names: &[String], proxies: usize) -> LoginAttempt {
    let attempt = names.iter().fold(LoginAttempt::new(), LoginAttempt::name);
    let address = request.device().address.as_deref();
    let Some(address) = address.and_then(|address| address.parse::<IpAddr>().ok()) else {
        return attempt;
    };
    let forwarded = ["x-forwarded-for", "forwarded", "x-real-ip"]
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
            None => names(request)?,
        };
        let mut attempt = attempt_of(request, &names, self.0.proxies);
        if let Some(cookies) = self.cookies() {
            let tokens = cookies.devices(request.request());
            attempt = tokens.fold(attempt, LoginAttempt::device);
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
            // RFC 6598: the addresses behind a carrier's NAT, which clouds use inside.
            let shared = matches!(address.octets(), [100, 64..=127, ..]);
            shared || address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

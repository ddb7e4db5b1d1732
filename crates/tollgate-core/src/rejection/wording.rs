//! The texts for the client for each kind of rejection, as constants. They name the error of the
//! client, and reveal nothing about keys or rules.

use std::borrow::Cow;

use crate::rejection::RejectionKind as Kind;

/// The part of an answer that depends on the kind.
pub(crate) struct Wording {
    pub(crate) status: u16,
    /// The member `code`, for programs. Kinds with the same description have the same code.
    pub(crate) code: &'static str,
    /// RFC 6750 section 3.1, RFC 9470 section 3.
    pub(crate) error: Option<&'static str>,
    pub(crate) description: &'static str,
    /// The parameters of the challenge (RFC 6750 section 3) after the realm.
    pub(crate) parameters: &'static str,
    /// The problem document (RFC 9457 section 3) with the OAuth error. It is complete if the
    /// rejection itself adds no member.
    pub(crate) problem: &'static str,
}

/// RFC 9457 section 4.2.1: the title of "about:blank" is the status phrase.
#[rustfmt::skip]
macro_rules! title {
    (400) => { "Bad Request" };
    (401) => { "Unauthorized" };
    (403) => { "Forbidden" };
    (404) => { "Not Found" };
    (405) => { "Method Not Allowed" };
    (408) => { "Request Timeout" };
    (409) => { "Conflict" };
    (413) => { "Content Too Large" };
    (415) => { "Unsupported Media Type" };
    (429) => { "Too Many Requests" };
    (500) => { "Internal Server Error" };
    (503) => { "Service Unavailable" };
}

macro_rules! before_code {
    ($status:tt) => {
        concat!(
            r#"{"type":"about:blank","title":""#,
            title!($status),
            r#"","status":"#,
            $status,
            r#","code":"#
        )
    };
}

macro_rules! wording {
    ($status:tt, $code:literal, $description:literal) => {{
        const { assert!(is_plain($description) && is_plain($code)) };
        &Wording {
            status: $status,
            code: $code,
            error: None,
            description: $description,
            parameters: "",
            problem: concat!(
                before_code!($status),
                "\"",
                $code,
                "\",\"detail\":\"",
                $description,
                "\"}"
            ),
        }
    }};
    ($status:tt, $code:literal, $description:literal, $error:literal) => {{
        const { assert!(is_plain($description) && is_plain($code) && is_plain($error)) };
        &Wording {
            status: $status,
            code: $code,
            error: Some($error),
            description: $description,
            parameters: concat!(
                ", error=\"",
                $error,
                "\", error_description=\"",
                $description,
                "\""
            ),
            problem: concat!(
                before_code!($status),
                "\"",
                $code,
                "\",\"detail\":\"",
                $description,
                "\",\"error\":\"",
                $error,
                "\"}"
            ),
        }
    }};
}

/// Returns the texts for a kind.
#[rustfmt::skip]
pub(crate) const fn of(kind: Kind) -> &'static Wording {
    match kind {
        Kind::MissingCredential => {
            wording!(401, "missing_credential", "Authentication is required")
        }
        Kind::MultipleCredentials => wording!(400, "multiple_credentials",
            "The request carries more than one access token", "invalid_request"),
        Kind::MalformedCredential => wording!(400, "malformed_credential",
            "The credential is malformed", "invalid_request"),
        Kind::CrossSite => {
            wording!(403, "cross_site", "A cookie needs a same-origin request here")
        }
        Kind::InvalidCsrfToken => wording!(403, "invalid_csrf_token",
            "A cookie needs the CSRF token of its session here"),
        Kind::UnknownOriginalRequest => wording!(403, "unknown_original_request",
            "The original request is not known here"),
        Kind::TooLarge => wording!(401, "token_too_large", "The access token is too large",
            "invalid_token"),
        Kind::MalformedToken | Kind::MalformedHeader | Kind::MalformedClaims => wording!(401,
            "malformed_token", "The access token is malformed", "invalid_token"),
        Kind::UnfitClaims => wording!(401, "unfit_claims",
            "The access token does not have the claims that this resource needs",
            "invalid_token"),
        Kind::Expired => wording!(401, "token_expired", "The access token expired",
            "invalid_token"),
        Kind::NotYetValid => wording!(401, "token_not_yet_valid",
            "The access token is not valid yet", "invalid_token"),
        Kind::WrongAudience => wording!(401, "wrong_audience",
            "The access token is for another audience", "invalid_token"),
        Kind::Revoked => wording!(401, "token_revoked", "The access token was revoked",
            "invalid_token"),
        Kind::UnsupportedExtension
        | Kind::WrongType
        | Kind::WrongAlgorithm
        | Kind::UnknownKey
        | Kind::BadSignature
        | Kind::MissingClaim
        | Kind::TooOld
        | Kind::LifetimeTooLong
        | Kind::UntrustedIssuer
        | Kind::WrongClaim
        | Kind::UnprovenBinding => wording!(401, "invalid_token", "The access token is invalid",
            "invalid_token"),
        Kind::InsufficientScope => wording!(403, "insufficient_scope",
            "The access token does not grant this request", "insufficient_scope"),
        Kind::AuthenticationTooOld => wording!(401, "authentication_too_old",
            "More recent authentication is required", "insufficient_user_authentication"),
        Kind::Unavailable => wording!(503, "unavailable",
            "Authentication is not available at the moment"),
        Kind::Misconfigured => wording!(500, "misconfigured",
            "The server failed to authenticate the request"),
    }
}

/// Returns `true` if a text needs no escaping in a challenge (RFC 6750 section 3: %x20-21 / %x23-5B
/// / %x5D-7E), in a JSON string, and in `grpc-message`, which escapes the percent sign.
const fn is_plain(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        if !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\' | b'%') {
            return false;
        }
        rest = after;
    }
    true
}

/// Returns the start of the problem document of a status, up to the value of `code`.
pub(crate) fn before_code(status: u16) -> Cow<'static, str> {
    macro_rules! any_of {
        ($($known:tt)*) => {
            match status {
                $($known => Cow::Borrowed(before_code!($known)),)*
                _ => format!(r#"{{"type":"about:blank","title":"Error","status":{status},"code":"#).into(),
            }
        };
    }
    any_of!(400 401 403 404 405 408 409 413 415 429 500 503)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_needs_escaping_is_not_plain() {
        for text in ["", " !#[]~", "The access token expired"] {
            assert!(is_plain(text), "{text:?}");
        }
        for text in ["\"", "\\", "%", "a\n", "\u{7f}", "é"] {
            assert!(!is_plain(text), "{text:?}");
        }
    }
}

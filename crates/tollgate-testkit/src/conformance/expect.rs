//! The expected responses, written down from the standards.
//!
//! Nothing here calls the code under test, so every changed response shows as a difference.

use std::fmt::Write as _; // into a `String`, which cannot fail

use tollgate_core::RejectionKind as Kind;

use super::fixtures::START;

/// A response, compared byte by byte.
///
/// ```
/// use tollgate_testkit::conformance;
///
/// let cases = conformance::cases();
/// let case = cases.iter()
///     .find(|case| case.name == "sources: no credential").expect("it is in the table");
/// let [expect] = &case.expect[..] else { panic!("one answer will do") };
/// assert_eq!(expect.status, 401);
/// assert!(
///     expect.headers.contains(&("www-authenticate".into(), b"Bearer realm=\"api\"".to_vec())),
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The status code.
    pub status: u16,
    /// All fields, names in lower case, sorted; without `content-length` and `date`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The content.
    pub body: Vec<u8>,
    /// The kind of the rejection in the response's extensions.
    pub rejection: Option<Kind>,
}

impl Expect {
    pub(super) fn new(
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
        rejection: Option<Kind>,
    ) -> Self {
        let mut headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect();
        headers.sort();
        Self {
            status,
            headers,
            body: body.into(),
            rejection,
        }
    }

    /// Adds a field.
    pub(super) fn with(mut self, (name, value): (&str, &str)) -> Self {
        self.headers
            .push((name.to_owned(), value.as_bytes().to_vec()));
        self.headers.sort();
        self
    }

    /// Removes a field.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(got, _)| got != name);
        self
    }

    /// Expects the content of a handler.
    pub(super) fn written(body: &str) -> Self {
        Self::new(
            200,
            &[("content-type", "text/plain; charset=utf-8")],
            body,
            None,
        )
    }
}

/// Expects the response to an anonymous request that the handler accepts.
pub(super) fn anonymous() -> Vec<Expect> {
    vec![Expect::written("anonymous\n")]
}

/// Expects the content of `Handler::Claims`.
pub(super) fn shopper(sub: &str, tenant: &str) -> Vec<Expect> {
    vec![Expect::written(&format!(
        "shopper={sub}\ntenant={tenant}\n"
    ))]
}

/// The lines of [`echo`](super::echo). Default: those of the mint's token in the `Authorization`
/// field.
#[derive(Clone)]
pub(super) struct Seen([(&'static str, String); 15]);

/// Returns the facts of the mint's HS256 token.
pub(super) fn seen() -> Seen {
    let facts = [
        ("subject", "u-7"),
        ("issuer", "https://id.example.com"),
        ("audiences", "orders-api"),
        ("client", "-"),
        ("id", "-"),
        ("scopes", "-"),
        ("roles", "-"),
        ("issued", "1700000000"),
        ("not before", "-"),
        ("expires", "1700000900"),
        ("type", "JWT"),
        ("algorithm", "HS256"),
        ("key id", "test-hs256"),
        ("key", "test-hs256"),
        ("source", "bearer"),
    ];
    debug_assert_eq!(START, 1_700_000_000);
    Seen(facts.map(|(name, value)| (name, value.to_owned())))
}

impl Seen {
    pub(super) fn but(mut self, name: &str, value: &str) -> Self {
        let fact = self.0.iter_mut().find(|(fact, _)| *fact == name);
        value.clone_into(&mut fact.expect("one of the facts").1);
        self
    }

    /// Sets another algorithm and the `kid` of its test key.
    pub(super) fn by(self, algorithm: &str) -> Self {
        let kid = format!("test-{}", algorithm.to_ascii_lowercase());
        self.but("algorithm", algorithm)
            .but("key id", &kid)
            .but("key", &kid)
    }
}

impl From<Seen> for Vec<Expect> {
    fn from(seen: Seen) -> Self {
        let mut lines = String::new();
        for (name, value) in &seen.0 {
            let _ = writeln!(lines, "{name}={value}");
        }
        vec![Expect::written(&lines)]
    }
}

/// A rejection: RFC 6750 section 3, RFC 9457 section 3, and for gRPC a trailers-only response.
#[derive(Clone)]
pub(super) struct Refused {
    kind: Kind,
    status: u16,
    title: &'static str,
    error: Option<&'static str>,
    detail: &'static str,
    scope: Option<&'static str>,
    max_age: Option<&'static str>,
    /// The escaped text between the quotes.
    realm: &'static str,
    retry_after: Option<&'static str>,
    grpc: Option<&'static str>,
}

fn refused(kind: Kind, status: u16, error: Option<&'static str>, detail: &'static str) -> Refused {
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => unreachable!("no other status is in the table"),
    };
    Refused {
        kind,
        status,
        title,
        error,
        detail,
        scope: None,
        max_age: None,
        realm: "api",
        retry_after: None,
        grpc: None,
    }
}

impl Refused {
    /// Sets the escaped realm.
    pub(super) const fn realm(mut self, escaped: &'static str) -> Self {
        self.realm = escaped;
        self
    }

    /// Expects a gRPC response with this `status`.
    pub(super) const fn grpc(mut self, status: &'static str) -> Self {
        self.grpc = Some(status);
        self
    }

    fn challenge(&self) -> String {
        let mut challenge = format!("Bearer realm=\"{}\"", self.realm);
        if let Some(error) = self.error {
            let _ = write!(
                challenge,
                ", error=\"{error}\", error_description=\"{}\"",
                self.detail
            );
        }
        if let Some(scope) = self.scope {
            let _ = write!(challenge, ", scope=\"{scope}\"");
        }
        if let Some(seconds) = self.max_age {
            let _ = write!(challenge, ", max_age=\"{seconds}\"");
        }
        challenge
    }

    fn problem(&self) -> String {
        let mut problem = format!(
            r#"{{"type":"about:blank","title":"{}","status":{},"code":"{}","detail":"{}""#,
            self.title,
            self.status,
            self.kind.code(),
            self.detail
        );
        if let Some(error) = self.error {
            let _ = write!(problem, r#","error":"{error}""#);
        }
        if let Some(scope) = self.scope {
            let _ = write!(problem, r#","scope":"{scope}""#);
        }
        if let Some(seconds) = self.max_age {
            let _ = write!(problem, r#","max_age":{seconds}"#);
        }
        problem + "}"
    }

    pub(super) fn expect(&self) -> Expect {
        let challenge = self.challenge();
        let mut headers = vec![("cache-control", "no-store")];
        if matches!(self.status, 400 | 401) || self.error == Some("insufficient_scope") {
            headers.push(("www-authenticate", &challenge));
        }
        if let Some(seconds) = self.retry_after {
            headers.push(("retry-after", seconds));
        }
        match self.grpc {
            None => {
                headers.push(("content-type", "application/problem+json"));
                Expect::new(self.status, &headers, self.problem(), Some(self.kind))
            }
            Some(status) => {
                headers.push(("content-type", "application/grpc"));
                headers.push(("grpc-status", status));
                headers.push(("grpc-message", self.detail));
                Expect::new(200, &headers, "", Some(self.kind))
            }
        }
    }
}

impl From<Refused> for Vec<Expect> {
    fn from(refused: Refused) -> Self {
        vec![refused.expect()]
    }
}

/// Accepts any of the rejections, because the order of the checks is not fixed.
pub(super) fn any_of(refused: impl IntoIterator<Item = Refused>) -> Vec<Expect> {
    refused
        .into_iter()
        .map(|refused| refused.expect())
        .collect()
}

/// Expects the rejection of a request without a credential. "The resource server SHOULD NOT include
/// an error code" (RFC 6750 section 3.1).
pub(super) fn no_credential() -> Refused {
    refused(
        Kind::MissingCredential,
        401,
        None,
        "Authentication is required",
    )
}

/// Expects the rejection of a request that "uses more than one method for including an access
/// token" (RFC 6750 section 3.1).
pub(super) fn two_credentials() -> Refused {
    refused(
        Kind::MultipleCredentials,
        400,
        Some("invalid_request"),
        "The request carries more than one access token",
    )
}

/// Expects the rejection of a request that "is otherwise malformed" (RFC 6750 section 3.1).
pub(super) fn malformed_credential() -> Refused {
    refused(
        Kind::MalformedCredential,
        400,
        Some("invalid_request"),
        "The credential is malformed",
    )
}

/// Expects the rejection of a request that may be forged. The token is not the cause, so there is
/// no challenge.
pub(super) fn cross_site() -> Refused {
    refused(
        Kind::CrossSite,
        403,
        None,
        "A cookie needs a same-origin request here",
    )
}

/// Expects the rejection of a cookie without the CSRF token of its session.
pub(super) fn no_csrf_token() -> Refused {
    refused(
        Kind::InvalidCsrfToken,
        403,
        None,
        "A cookie needs the CSRF token of its session here",
    )
}

/// The proxy is at fault, or there is none. No credential helps, so there is no challenge.
pub(super) fn unknown_original() -> Refused {
    refused(
        Kind::UnknownOriginalRequest,
        403,
        None,
        "The original request is not known here",
    )
}

fn invalid_token(kind: Kind, detail: &'static str) -> Refused {
    refused(kind, 401, Some("invalid_token"), detail)
}

/// Expects the rejection of an invalid token. The response does not contain the reason.
pub(super) fn invalid(kind: Kind) -> Refused {
    invalid_token(kind, "The access token is invalid")
}

pub(super) fn bad_signature() -> Refused {
    invalid(Kind::BadSignature)
}

pub(super) fn wrong_algorithm() -> Refused {
    invalid(Kind::WrongAlgorithm)
}

pub(super) fn unknown_key() -> Refused {
    invalid(Kind::UnknownKey)
}

pub(super) fn missing_claim() -> Refused {
    invalid(Kind::MissingClaim)
}

pub(super) fn wrong_type() -> Refused {
    invalid(Kind::WrongType)
}

pub(super) fn unsupported() -> Refused {
    invalid(Kind::UnsupportedExtension)
}

pub(super) fn untrusted_issuer() -> Refused {
    invalid(Kind::UntrustedIssuer)
}

/// Expects `MalformedToken`, `MalformedHeader` or `MalformedClaims`.
pub(super) fn malformed(kind: Kind) -> Refused {
    invalid_token(kind, "The access token is malformed")
}

pub(super) fn malformed_token() -> Refused {
    malformed(Kind::MalformedToken)
}

pub(super) fn malformed_header() -> Refused {
    malformed(Kind::MalformedHeader)
}

pub(super) fn malformed_claims() -> Refused {
    malformed(Kind::MalformedClaims)
}

/// Expects the rejection of claims that do not fit the handler's type. Another token of the same
/// kind would not help, so the description is not that of an expired token.
pub(super) fn unfit() -> Refused {
    invalid_token(
        Kind::UnfitClaims,
        "The access token does not have the claims that this resource needs",
    )
}

pub(super) fn too_large() -> Refused {
    invalid_token(Kind::TooLarge, "The access token is too large")
}

pub(super) fn expired() -> Refused {
    invalid_token(Kind::Expired, "The access token expired")
}

pub(super) fn not_yet_valid() -> Refused {
    invalid_token(Kind::NotYetValid, "The access token is not valid yet")
}

pub(super) fn wrong_audience() -> Refused {
    invalid_token(
        Kind::WrongAudience,
        "The access token is for another audience",
    )
}

/// Expects the rejection of a revoked token: "The access token provided is expired, revoked,
/// malformed, or invalid for other reasons" (RFC 6750 section 3.1).
pub(super) fn revoked() -> Refused {
    invalid_token(Kind::Revoked, "The access token was revoked")
}

/// Expects the challenge of RFC 9470 section 3, with the maximum age in seconds.
pub(super) fn authentication_too_old(max_age: &'static str) -> Refused {
    Refused {
        max_age: Some(max_age),
        ..refused(
            Kind::AuthenticationTooOld,
            401,
            Some("insufficient_user_authentication"),
            "More recent authentication is required",
        )
    }
}

/// Expects `insufficient_scope`, which "MAY include the "scope" attribute with the scope necessary"
/// (RFC 6750 section 3.1).
pub(super) fn insufficient(scope: Option<&'static str>) -> Refused {
    Refused {
        scope,
        ..refused(
            Kind::InsufficientScope,
            403,
            Some("insufficient_scope"),
            "The access token does not grant this request",
        )
    }
}

/// Expects 503 (RFC 9110 section 15.6.4). The request is not the cause.
pub(super) fn unavailable(retry_after: &'static str) -> Refused {
    Refused {
        retry_after: Some(retry_after),
        ..refused(
            Kind::Unavailable,
            503,
            None,
            "Authentication is not available at the moment",
        )
    }
}

/// Expects 500: the service is misconfigured.
pub(super) fn misconfigured() -> Refused {
    refused(
        Kind::Misconfigured,
        500,
        None,
        "The server failed to authenticate the request",
    )
}

//! Presets of providers whose tokens arrive in a header of their own, and JWT-SVIDs.

use tollgate_core::{Algorithm, Gate, RejectionKind, Source, TrustedIssuer, Verifier};
use tollgate_oidc::presets;

use super::case::{Case, Request, bearer, case, get, post};
use super::expect::{
    Seen, cross_site, invalid, malformed_claims, missing_claim, no_credential, seen,
    two_credentials, untrusted_issuer, wrong_algorithm, wrong_audience,
};
use super::fixtures::{gate, token_by};
use crate::clock::FakeClock;
use crate::keys;
use crate::mint::TokenBuilder;

const ACCESS: &str = "https://example.cloudflareaccess.com";
const IAP: &str = "https://cloud.google.com/iap";
const TAG: &str = "32eafc7626e737d9e3b3ec1b3ee6d0b8";
const BACKEND: &str = "/projects/123456789/global/backendServices/987654321";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cloudflare();
    cases.extend(iap());
    cases.extend(spiffe());
    cases
}

fn trusting(issuer: TrustedIssuer, algorithm: Algorithm, header: Option<&str>) -> Gate {
    let issuer = issuer.key(keys::verifying(algorithm));
    let verifier = Verifier::builder().clock(FakeClock::new()).trust(issuer);
    gate(verifier, |gate| match header {
        Some(name) => gate.source(Source::header_of_proxy(name)),
        None => gate,
    })
}

/// The proxy finds its own cookie in these requests, and adds the header.
fn caused_by_another_site(header: &'static str, user: &TokenBuilder) -> [Request; 3] {
    let unsafe_method = || post().with(header, user.build());
    [
        unsafe_method().with("Sec-Fetch-Site", "cross-site"),
        unsafe_method().with("Origin", "https://evil.example"),
        get()
            .with(header, user.build())
            .with("Upgrade", "websocket")
            .with("Sec-Fetch-Site", "cross-site"),
    ]
}

fn cloudflare() -> Vec<Case> {
    let rules = presets::cloudflare_access("example", TAG).rules();
    let header = presets::CLOUDFLARE_ACCESS_HEADER;
    let gate = trusting(rules, Algorithm::RS256, Some(header));
    let claims = |token: TokenBuilder| {
        let token = token.claim("iss", ACCESS).claim("aud", [TAG]);
        token.claim("type", "app")
    };
    let user = || claims(token_by(Algorithm::RS256));
    let with = |token: &TokenBuilder| get().with(header, token.build());
    let facts = || {
        let facts = seen().by("RS256").but("issuer", ACCESS);
        facts.but("audiences", TAG).but("source", "proxy header")
    };
    let refused =
        |name: &str, token: TokenBuilder, expect| case(name, gate.clone(), with(&token), expect);
    vec![
        case(
            "Cloudflare Access: a user",
            gate.clone(),
            with(&user()),
            facts(),
        ),
        case(
            "Cloudflare Access: a service has no subject",
            gate.clone(),
            with(&user().subject("").claim("common_name", "e367826f.access")),
            facts().but("subject", "-"),
        ),
        case(
            "Cloudflare Access: the token elsewhere is not read",
            gate.clone(),
            [
                bearer(user().build()),
                get().with("Cookie", format!("CF_Authorization={}", user().build())),
                get().with("Cf-Access-Token", user().build()),
            ],
            no_credential(),
        ),
        case(
            "Cloudflare Access: two header fields",
            gate.clone(),
            with(&user()).with(header, user().build()),
            two_credentials(),
        ),
        case(
            "Cloudflare Access: a request that another site causes",
            gate.clone(),
            caused_by_another_site(header, &user()),
            cross_site(),
        ),
        refused(
            "Cloudflare Access: another application of the team",
            user().claim("aud", ["another-application"]),
            wrong_audience(),
        ),
        refused(
            "Cloudflare Access: another team",
            user().claim("iss", "https://evil.cloudflareaccess.com"),
            untrusted_issuer(),
        ),
        refused(
            "Cloudflare Access: the global session token",
            user().claim("type", "org"),
            invalid(RejectionKind::WrongClaim),
        ),
    ]
}

fn iap() -> Vec<Case> {
    let rules = presets::google_iap(BACKEND).rules();
    let header = presets::GOOGLE_IAP_HEADER;
    let gate = trusting(rules, Algorithm::ES256, Some(header));
    let token = |algorithm| {
        let token = token_by(algorithm).claim("iss", IAP).claim("aud", BACKEND);
        let token = token.claim("email", "ada@example.com");
        token.subject("accounts.google.com:118133858486581853996")
    };
    let user = || token(Algorithm::ES256);
    let with = |token: &TokenBuilder| get().with(header, token.build());
    let facts: Seen = seen()
        .by("ES256")
        .but("issuer", IAP)
        .but("audiences", BACKEND);
    let facts = facts.but("source", "proxy header");
    vec![
        case(
            "Identity-Aware Proxy: a user",
            gate.clone(),
            with(&user()),
            facts.but("subject", "accounts.google.com:118133858486581853996"),
        ),
        case(
            "Identity-Aware Proxy: a request that another site causes",
            gate.clone(),
            caused_by_another_site(header, &user()),
            cross_site(),
        ),
        case(
            "Identity-Aware Proxy: unsigned headers are not read",
            gate.clone(),
            [
                get().with("X-Goog-Authenticated-User-Email", "ada@example.com"),
                bearer(user().build()),
            ],
            no_credential(),
        ),
        case(
            "Identity-Aware Proxy: another project and another backend",
            gate.clone(),
            [
                with(&user().claim(
                    "aud",
                    "/projects/666666666/global/backendServices/987654321",
                )),
                with(&user().claim("aud", "/projects/123456789/apps/shop")),
                with(&user().claim("aud", [BACKEND, "/projects/6/apps/evil"])),
            ],
            wrong_audience(),
        ),
        case(
            "Identity-Aware Proxy: another algorithm",
            gate.clone(),
            with(&token(Algorithm::RS256)),
            wrong_algorithm(),
        ),
        case(
            "Identity-Aware Proxy: an ID token of Google",
            gate,
            with(&user().claim("iss", "https://accounts.google.com")),
            untrusted_issuer(),
        ),
    ]
}

fn spiffe() -> Vec<Case> {
    let rules = TrustedIssuer::spiffe("example.org").audience("orders");
    let gate = trusting(rules, Algorithm::ES256, None);
    let svid = |id: &str| -> Request {
        let token = token_by(Algorithm::ES256).without_claim("iss");
        bearer(token.claim("aud", ["orders"]).subject(id).build())
    };
    let id = "spiffe://example.org/ns/prod/sa/billing";
    vec![
        case(
            "JWT-SVID: a workload",
            gate.clone(),
            svid(id),
            seen()
                .by("ES256")
                .but("issuer", "spiffe://example.org")
                .but("audiences", "orders")
                .but("subject", id),
        ),
        case(
            "JWT-SVID: another trust domain",
            gate.clone(),
            [
                svid("spiffe://example.net/ns/prod/sa/billing"),
                svid("spiffe://example.org.evil.example/billing"),
            ],
            untrusted_issuer(),
        ),
        case(
            "JWT-SVID: another spelling",
            gate.clone(),
            [
                svid("spiffe://example.org/billing/"),
                svid("spiffe://example.org/%62illing"),
                svid("spiffe://EXAMPLE.org/billing"),
                svid("spiffe://example.org"),
                svid("u-7"),
            ],
            malformed_claims(),
        ),
        case("JWT-SVID: no subject", gate, svid(""), missing_claim()),
    ]
}

//! The responses to rejections (RFC 6750 section 3, RFC 9110 section 11.6.1, RFC 9457).

use tollgate_core::policy::scope;
use tollgate_core::{Algorithm, Answer, Rejection, RejectionKind};

use super::case::{Case, bearer, bearers, case, get};
use super::expect::{
    Expect, bad_signature, expired, insufficient, malformed_credential, no_credential, seen,
};
use super::fixtures::{gate, token, usual, usual_gate};
use crate::keys;

const EXPIRED_FIELDS: [(&str, &str); 3] = [
    ("cache-control", "no-store"),
    ("content-type", "application/problem+json"),
    (
        "www-authenticate",
        "Bearer realm=\"api\", error=\"invalid_token\", \
         error_description=\"The access token expired\"",
    ),
];
const EXPIRED_BODY: &str = concat!(
    r#"{"type":"about:blank","title":"Unauthorized","status":401,"code":"token_expired","#,
    r#""detail":"The access token expired","error":"invalid_token"}"#,
);
const INSUFFICIENT_CHALLENGE: &str = concat!(
    r#"Bearer realm="api", error="insufficient_scope", "#,
    r#"error_description="The access token does not grant this request", "#,
    r#"scope="orders:read orders:write""#,
);
const INSUFFICIENT_BODY: &str = concat!(
    r#"{"type":"about:blank","title":"Forbidden","status":403,"code":"insufficient_scope","#,
    r#""detail":"The access token does not grant this request","#,
    r#""error":"insufficient_scope","scope":"orders:read orders:write"}"#,
);

pub(super) fn cases() -> Vec<Case> {
    let realm = |realm: &str| gate(usual(), |gate| gate.realm(realm));
    let old = || bearer(token().expires_in(-60).build());
    let hooked = |hook: fn(&Rejection, &mut Answer)| gate(usual(), |gate| gate.on_rejection(hook));
    let kind = Some(RejectionKind::Expired);
    vec![
        case(
            "a whole refusal, byte by byte",
            usual_gate(),
            old(),
            vec![Expect::new(401, &EXPIRED_FIELDS, EXPIRED_BODY, kind)],
        ),
        case(
            "a whole insufficient_scope response, byte by byte",
            usual_gate(),
            bearer(token().build()),
            vec![Expect::new(
                403,
                &[
                    EXPIRED_FIELDS[0],
                    EXPIRED_FIELDS[1],
                    ("www-authenticate", INSUFFICIENT_CHALLENGE),
                ],
                INSUFFICIENT_BODY,
                Some(RejectionKind::InsufficientScope),
            )],
        )
        .policy(scope("orders:read") & scope("orders:write")),
        case(
            "a custom realm",
            realm("orders"),
            get(),
            no_credential().realm("orders"),
        ),
        case(
            "a custom realm, with an error",
            realm("orders"),
            old(),
            expired().realm("orders"),
        ),
        case(
            "a realm is escaped",
            realm(r#"a "quoted" \realm\"#),
            [get()],
            no_credential().realm(r#"a \"quoted\" \\realm\\"#),
        ),
        case(
            "a realm cannot terminate its string",
            realm(r#"x", error="none"#),
            old(),
            expired().realm(r#"x\", error=\"none"#),
        ),
        case(
            "an empty realm",
            realm(""),
            get(),
            no_credential().realm(""),
        ),
        case(
            "a realm in 400 and 403",
            realm("r"),
            get().with("Authorization", "Bearer \""),
            malformed_credential().realm("r"),
        ),
        case(
            "a realm in insufficient_scope",
            realm("r"),
            bearer(token().build()),
            insufficient(Some("a")).realm("r"),
        )
        .policy(scope("a")),
        case(
            "a hook replaces the body",
            hooked(|rejection, answer| {
                answer.set("Content-Type", "text/plain");
                answer.body = format!("go away: {}", rejection.status()).into_bytes();
            }),
            old(),
            vec![Expect::new(
                401,
                &[
                    ("cache-control", "no-store"),
                    ("content-type", "text/plain"),
                    EXPIRED_FIELDS[2],
                ],
                "go away: 401",
                kind,
            )],
        ),
        case(
            "a hook replaces the challenge and the status, and adds a field",
            hooked(|rejection, answer| {
                answer.status = 404;
                answer.set("WWW-Authenticate", "Bearer realm=\"other\"");
                answer.set("x-kind", format!("{:?}", rejection.kind()));
            }),
            old(),
            vec![Expect::new(
                404,
                &[
                    EXPIRED_FIELDS[0],
                    EXPIRED_FIELDS[1],
                    ("www-authenticate", "Bearer realm=\"other\""),
                    ("x-kind", "Expired"),
                ],
                EXPIRED_BODY,
                kind,
            )],
        ),
        case(
            "a hook removes everything",
            hooked(|_, answer| *answer = Answer::new(403)),
            old(),
            vec![Expect::new(403, &[], "", kind)],
        ),
        case(
            "invalid HTTP fields of a hook are not sent",
            hooked(|_, answer| {
                answer.set("x-broken", "a\r\nSet-Cookie: admin=1");
                answer.set("x-null", "a\0b");
                answer.set("x broken", "a");
                answer.set("x-fine", "a");
            }),
            old(),
            vec![Expect::new(
                401,
                &[
                    EXPIRED_FIELDS[0],
                    EXPIRED_FIELDS[1],
                    EXPIRED_FIELDS[2],
                    ("x-fine", "a"),
                ],
                EXPIRED_BODY,
                kind,
            )],
        ),
        case(
            "a hook is not called for an accepted request",
            hooked(|_, answer| answer.status = 500),
            bearer(token().build()),
            seen(),
        ),
        case(
            "a hook is called for a route's refusal",
            hooked(|rejection, answer| {
                *answer = Answer::new(418);
                answer.body = rejection.scope().unwrap_or_default().as_bytes().to_vec();
            }),
            bearer(token().build()),
            vec![Expect::new(
                418,
                &[],
                "a",
                Some(RejectionKind::InsufficientScope),
            )],
        )
        .policy(scope("a")),
        case(
            "no response contains the token",
            usual_gate(),
            bearers([
                token()
                    .claim("aud", "\"><script>")
                    .signed_by(&keys::stranger(Algorithm::HS256))
                    .build(),
                token()
                    .kid("test-hs256")
                    .signed_by(&keys::stranger(Algorithm::HS256))
                    .build(),
            ]),
            bad_signature(),
        ),
    ]
}

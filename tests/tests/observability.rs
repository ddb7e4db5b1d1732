//! The facts for operators, the same on every framework: the caller in the response, events of
//! refusals, spans and metrics.

#[path = "observability/actix.rs"]
mod actix;
#[path = "observability/axum.rs"]
mod axum;
#[path = "observability/log.rs"]
mod log;
#[path = "observability/recorder.rs"]
mod recorder;

use tollgate_core::policy::scope;
use tollgate_core::{
    Gate, GateBuilder, IssuerSource, Key, PreparedIssuer, Principal, RevocationCheck, SigningKey,
    Source, Standing, Step, TrustedIssuer, Unavailable, Verifier,
};

use log::Log;
use recorder::Counts;

const ISSUER: &str = "https://id.example.com";

fn gate(change: impl FnOnce(GateBuilder) -> GateBuilder) -> Gate {
    let verifier = Verifier::builder()
        .issuer(ISSUER)
        .audience("orders-api")
        .key(Key::hs256([7; 32]).expect("a long secret"))
        .clock(|| 1_700_000_000)
        .build()
        .expect("a valid verifier");
    change(Gate::builder(verifier))
        .build()
        .expect("a valid gate")
}

fn token(subject: &str, scope: &str) -> String {
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": "orders-api", "exp": 1_700_000_900, "sub": subject, "scope": scope,
    });
    let key = SigningKey::hs256([7; 32]).expect("a long secret");
    key.encode(&claims).expect("claims that can be written")
}

/// An app of one framework. An outer layer reads the caller from the response.
///
/// | path | condition |
/// |---|---|
/// | `/orders/{id}` | a principal |
/// | `/admin/{id}` | `require(scope("admin"))` |
/// | `/scoped/{id}` | the extractor `Scoped<OrdersRead>` |
trait App {
    /// Sends a request through at most two gates, the inner one first.
    fn ask(&mut self, gates: &[&Gate], method: &str, path: &str, token: Option<&str>) -> Seen;
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    /// The subject that the outer layer found; empty for an anonymous request.
    caller: Option<String>,
}

fn caller(principal: Option<&Principal>) -> String {
    let subject = principal.and_then(Principal::subject);
    subject.unwrap_or_default().to_owned()
}

fn seen(status: u16, caller: impl Into<Option<&'static str>>) -> Seen {
    Seen {
        status,
        caller: caller.into().map(str::to_owned),
    }
}

fn on_every_framework(test: impl Fn(&mut dyn App)) {
    test(&mut axum::Axum::new());
    test(&mut actix::Actix::new());
}

/// A revocation check that waits.
struct Slow(Standing);

impl RevocationCheck for Slow {
    fn check(&self, _: &Principal) -> Step<Result<Standing, Unavailable>> {
        let standing = self.0;
        Step::pending(async move {
            tokio::task::yield_now().await;
            Ok(standing)
        })
    }
}

#[test]
fn an_outer_layer_sees_the_caller() {
    let plain = gate(|gate| gate);
    let optional = gate(GateBuilder::optional);
    let guarded = gate(|gate| gate.require(scope("a")));
    let slow = gate(|gate| gate.revocation(Slow(Standing::Good)));
    let slow_guarded = gate(|gate| gate.revocation(Slow(Standing::Good)).require(scope("a")));
    let revoked = gate(|gate| gate.revocation(Slow(Standing::Revoked)));
    let good = token("u-7", "orders:read");
    on_every_framework(|app| {
        for (gate, path, token, expected) in [
            (&plain, "/orders/1", Some(&*good), seen(200, "u-7")),
            (&slow, "/orders/1", Some(&*good), seen(200, "u-7")),
            (&plain, "/admin/1", Some(&*good), seen(403, "u-7")),
            (&plain, "/scoped/1", Some(&*good), seen(200, "u-7")),
            (
                &plain,
                "/scoped/1",
                Some(&*token("u-8", "")),
                seen(403, "u-8"),
            ),
            // Refused by the policy of the gate.
            (&guarded, "/orders/1", Some(&*good), seen(403, "u-7")),
            (&slow_guarded, "/orders/1", Some(&*good), seen(403, "u-7")),
            // Admitted, and without a caller.
            (&optional, "/open", None, seen(200, "")),
            (&optional, "/orders/1", None, seen(401, "")),
            // Not recognised.
            (&plain, "/orders/1", None, seen(401, None)),
            (&plain, "/orders/1", Some("nonsense"), seen(401, None)),
            (&revoked, "/orders/1", Some(&*good), seen(401, None)),
        ] {
            assert_eq!(
                app.ask(&[gate], "GET", path, token),
                expected,
                "{path} {token:?}"
            );
        }
    });
}

#[test]
fn the_inner_of_two_gates_counts() {
    let plain = gate(|gate| gate);
    let by_cookie = gate(|gate| gate.source(Source::cookie("access")).optional());
    let guarded = gate(|gate| gate.require(scope("a")));
    let good = token("u-7", "");
    on_every_framework(|app| {
        for (gates, expected) in [
            ([&by_cookie, &plain], seen(200, "")),
            ([&plain, &by_cookie], seen(200, "u-7")),
            // The outer gate admitted the caller whom the inner one refuses, or the other way
            // round.
            ([&guarded, &by_cookie], seen(403, "u-7")),
            ([&by_cookie, &guarded], seen(403, "u-7")),
        ] {
            assert_eq!(app.ask(&gates, "GET", "/open", Some(&good)), expected);
        }
        let counts = Counts::default();
        metrics::with_local_recorder(&counts, || {
            app.ask(&[&by_cookie, &plain], "GET", "/open", Some(&good))
        });
        let expected = [
            format!("accepted {ISSUER} bearer"),
            "anonymous unknown none".to_owned(),
        ];
        assert_eq!(counts.of("tollgate_decisions_total"), expected);
    });
}

#[test]
fn refusals_name_method_and_route() {
    let plain = gate(|gate| gate);
    let guarded = gate(|gate| gate.require(scope("a")));
    let revoked = gate(|gate| gate.revocation(Slow(Standing::Revoked)));
    let good = token("u-7", "");
    on_every_framework(|app| {
        for (gate, method, path, token, status, route) in [
            (&plain, "GET", "/orders/1", None, 401, "/orders/{id}"),
            (
                &plain,
                "DELETE",
                "/orders/1",
                Some("x"),
                401,
                "/orders/{id}",
            ),
            (
                &guarded,
                "GET",
                "/orders/1",
                Some(&*good),
                403,
                "/orders/{id}",
            ),
            (
                &revoked,
                "GET",
                "/orders/1",
                Some(&*good),
                401,
                "/orders/{id}",
            ),
            (&plain, "GET", "/admin/1", Some(&*good), 403, "/admin/{id}"),
            (
                &plain,
                "POST",
                "/scoped/1",
                Some(&*good),
                403,
                "/scoped/{id}",
            ),
        ] {
            let log = Log::default();
            let seen = log.during(|| app.ask(&[gate], method, path, token));
            assert_eq!(seen.status, status);
            let text = log.text();
            assert_eq!(text.matches("request refused").count(), 1, "{text}");
            assert!(text.contains(&format!("method=\"{method}\"")), "{text}");
            assert!(text.contains(&format!("route=\"{route}\"")), "{text}");
        }
        // A server error of an app that is assembled incorrectly.
        for path in ["/orders/1", "/admin/1"] {
            let log = Log::default();
            assert_eq!(log.during(|| app.ask(&[], "GET", path, None)).status, 500);
            let text = log.text();
            assert_eq!(text.matches("cannot authenticate").count(), 1, "{text}");
            assert!(text.contains("method=\"GET\""), "{text}");
            assert!(
                text.contains(&format!("route=\"{}{{id}}\"", &path[..path.len() - 1])),
                "{text}"
            );
        }
        // An accepted request has no event.
        let log = Log::default();
        log.during(|| app.ask(&[&plain], "GET", "/orders/1", Some(&good)));
        assert_eq!(log.text(), "");
    });
}

#[test]
fn an_unknown_route_and_a_long_method_are_bounded() {
    let plain = gate(|gate| gate);
    on_every_framework(|app| {
        let log = Log::default();
        let method = "M".repeat(5000);
        log.during(|| app.ask(&[&plain], &method, "/nowhere/at/all", None));
        let text = log.text();
        assert!(
            text.contains("request refused") && !text.contains("route="),
            "{text}"
        );
        assert!(text.len() < 600, "{text}");
    });
}

#[test]
fn the_span_of_a_request_has_subject_and_issuer() {
    let recording = gate(GateBuilder::record_in_span);
    let guarded = gate(|gate| gate.record_in_span().require(scope("a")));
    let slow = gate(|gate| gate.record_in_span().revocation(Slow(Standing::Good)));
    let silent = gate(|gate| gate);
    on_every_framework(|app| {
        let spans = |app: &mut dyn App, gate: &Gate, subject: &str| {
            let log = Log::default();
            log.during(|| app.ask(&[gate], "GET", "/orders/1", Some(&token(subject, ""))));
            log.spans()
        };
        let expected = format!("enduser.id=\"u-7\" issuer=\"{ISSUER}\"");
        for gate in [&recording, &guarded, &slow] {
            let spans = spans(app, gate, "u-7");
            assert!(spans.contains(&expected), "{spans}");
        }
        assert!(!spans(app, &silent, "u-7").contains("u-7"));

        let hostile = format!("a\nb\u{1b}[2J{}", "x".repeat(5000));
        let text = spans(app, &recording, &hostile);
        assert!(text.contains("enduser.id=\"a"), "{text}");
        assert!(
            !text.contains('\u{1b}') && text.lines().count() == 1,
            "{text}"
        );
        assert!(text.len() < 800, "{text}");

        let log = Log::default();
        log.during(|| app.ask(&[&recording], "GET", "/orders/1", None));
        assert!(!log.spans().contains("enduser.id"), "{}", log.spans());
    });
}

#[test]
fn a_gate_counts_each_request_once_and_a_later_refusal_once_more() {
    let plain = gate(|gate| gate);
    let guarded = gate(|gate| gate.require(scope("a")));
    let optional = gate(|gate| gate.optional().pass_preflight());
    let slow = gate(|gate| gate.revocation(Slow(Standing::Revoked)));
    let good = token("u-7", "orders:read");
    let accepted = &*format!("accepted {ISSUER} bearer");
    let insufficient = &*format!("insufficient_scope {ISSUER} bearer");
    on_every_framework(|app| {
        for (gate, path, token, expected) in [
            (&plain, "/orders/1", Some(&*good), &[accepted][..]),
            (&plain, "/scoped/1", Some(&*good), &[accepted]),
            (&plain, "/admin/1", Some(&*good), &[accepted, insufficient]),
            (&guarded, "/orders/1", Some(&*good), &[insufficient]),
            (&optional, "/open", None, &["anonymous unknown none"]),
            (&plain, "/open", None, &["missing_credential unknown none"]),
            (
                &plain,
                "/open",
                Some("x"),
                &["malformed_token unknown bearer"],
            ),
            (
                &slow,
                "/open",
                Some(&*good),
                &[&*format!("revoked {ISSUER} bearer")],
            ),
        ] {
            let counts = Counts::default();
            metrics::with_local_recorder(&counts, || app.ask(&[gate], "GET", path, token));
            assert_eq!(counts.of("tollgate_decisions_total"), expected, "{path}");
        }
    });
}

/// One issuer that a source finds.
struct Found(PreparedIssuer);

impl IssuerSource for Found {
    fn issuer(&self, name: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
        Ok((name == "https://acme.example").then(|| self.0.clone()))
    }
}

#[test]
fn labels_are_configured_and_never_invented() {
    let key = |byte| SigningKey::hs256([byte; 32]).expect("a long secret");
    let issuer = |name: &str, byte| {
        let issuer = TrustedIssuer::new(name).audience("orders-api");
        issuer.key(key(byte).verifying_key())
    };
    let acme = issuer("https://acme.example", 3).prepare();
    let several = Verifier::builder()
        .trust(issuer("https://a.example", 1))
        .trust(issuer("https://b.example", 2))
        .issuer_source(Found(acme.expect("a valid issuer")))
        .clock(|| 1_700_000_000)
        .build()
        .expect("a valid verifier");
    let any = Verifier::builder()
        .dangerous_any_issuer()
        .audience("orders-api")
        .key(key(1).verifying_key())
        .clock(|| 1_700_000_000)
        .build()
        .expect("a valid verifier");
    let several = Gate::builder(several)
        .source(Source::bearer())
        .source(Source::cookie("access"))
        .build()
        .expect("a valid gate");
    let any = Gate::from(any);
    let ask =
        |gate: &Gate, method: &str, field: &str, before: &str, issuer: &str, byte, exp: u64| {
            let claims = serde_json::json!({"iss": issuer, "aud": "orders-api", "exp": exp});
            let token = key(byte)
                .encode(&claims)
                .expect("claims that can be written");
            let request = http::Request::builder().method(method).uri("/");
            let request = request.header(field, format!("{before}{token}")).body(());
            let request = request.expect("a valid request");
            let counts = Counts::default();
            metrics::with_local_recorder(&counts, || {
                // Twice, the second time perhaps with a cached token.
                for _ in 0..2 {
                    drop(gate.decide(&tollgate_tower::RequestHead::from(&request)));
                }
            });
            counts.of("tollgate_decisions_total")
        };
    let (new, old) = (1_700_000_900, 1_600_000_000);
    let bearer = |gate: &Gate, issuer: &str, byte, exp| {
        ask(gate, "GET", "authorization", "Bearer ", issuer, byte, exp)
    };
    let cookie = |method: &str, byte| {
        ask(
            &several,
            method,
            "cookie",
            "access=",
            "https://b.example",
            byte,
            new,
        )
    };
    for (counted, expected) in [
        (
            bearer(&several, "https://a.example", 1, new),
            "accepted https://a.example bearer",
        ),
        (
            bearer(&several, "https://a.example", 1, old),
            "expired https://a.example bearer",
        ),
        (
            bearer(&several, "https://a.example", 9, new),
            "bad_signature https://a.example bearer",
        ),
        (
            bearer(&several, "https://evil.example", 9, new),
            "untrusted_issuer unknown bearer",
        ),
        (
            bearer(&several, "https://acme.example", 3, new),
            "accepted tenants bearer",
        ),
        (
            bearer(&several, "https://acme.example", 3, old),
            "expired tenants bearer",
        ),
        (
            bearer(&any, "https://evil.example", 1, new),
            "accepted any bearer",
        ),
        (
            bearer(&any, "https://evil.example", 9, new),
            "bad_signature any bearer",
        ),
        (cookie("GET", 2), "accepted https://b.example cookie"),
        (cookie("POST", 2), "cross_site unknown cookie"),
    ] {
        assert_eq!(counted, [expected; 2]);
    }
}

//! The tokens that an entry matches.

use serde_json::json;
use tollgate_core::{Algorithm, ConfigErrorKind, Gate, Key, SigningKey, Verifier};
use tollgate_session::{Revocation, RevocationKind};

use super::*;

const NOW: u64 = FakeClock::START;

#[tokio::test(start_paused = true)]
async fn a_token_is_revoked_by_any_of_its_names_and_no_other() {
    let store = Scripted::new();
    let revocations = in_sync(&store).await;
    let token = |jti: &str, sid: &str, sub: &str| {
        principal_with(&[
            ("jti", jti.into()),
            ("sid", sid.into()),
            ("sub", sub.into()),
        ])
    };
    revocations.revoke_token("a", NOW + 900).await.unwrap();
    revocations.revoke_session("b").await.unwrap();
    revocations
        .revoke_subject("c", Revocation::ALL)
        .await
        .unwrap();
    let cases = [
        (token("a", "x", "x"), Verdict::Revoked),
        (token("x", "b", "x"), Verdict::Revoked),
        (token("x", "x", "c"), Verdict::Revoked),
        (token("b", "c", "a"), Verdict::Good),
        (token("c", "a", "b"), Verdict::Good),
        (token("", "", ""), Verdict::Good),
        (principal_with(&[]), Verdict::Good),
    ];
    for (principal, wanted) in cases {
        assert_eq!(
            at_once(&revocations, &principal),
            Some(wanted),
            "{principal:?}"
        );
    }
    let elsewhere = principal_with(&[("iss", "https://other.example".into()), ("jti", "a".into())]);
    assert_eq!(
        at_once(&revocations, &elsewhere),
        Some(Verdict::Good),
        "another issuer's"
    );
}

#[tokio::test(start_paused = true)]
async fn before_excludes_its_own_second() {
    let store = Scripted::new();
    let revocations = in_sync(&store).await;
    revocations.revoke_subject("u-7", NOW).await.unwrap();
    let issued = |at: serde_json::Value| principal_with(&[("iat", at)]);
    assert_eq!(
        at_once(&revocations, &issued(json!(NOW - 1))),
        Some(Verdict::Revoked)
    );
    assert_eq!(
        at_once(&revocations, &issued(json!(NOW))),
        Some(Verdict::Good)
    );
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .key(keys::verifying(Algorithm::HS256))
        .clock(FakeClock::new())
        .build()
        .unwrap();
    let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    let undated = verifier
        .verify(mint.token().without_claim("iat").build())
        .unwrap();
    assert_eq!(
        at_once(&revocations, &undated),
        Some(Verdict::Revoked),
        "a token without `iat` may have been issued at any time"
    );
}

#[tokio::test(start_paused = true)]
async fn a_revoked_key_counts_with_and_without_kid() {
    let store = Scripted::new();
    let revocations = in_sync(&store).await;
    let verifier = |key: Key| {
        let builder = Verifier::builder()
            .dangerous_any_issuer()
            .dangerous_any_audience()
            .key(key);
        builder.clock(FakeClock::new()).build().unwrap()
    };
    let key = || Key::hs256([7; 32]).unwrap();
    let mint = Mint::new(SigningKey::hs256([7; 32]).unwrap(), &FakeClock::new());
    revocations.revoke_key("k1").await.unwrap();

    let named = mint.token().kid("k1").build();
    let unnamed = mint.token().without_header("kid").build();
    for (key, token) in [
        (key().with_kid("k1"), &named),
        (key().with_kid("k1"), &unnamed),
        (key(), &named),
    ] {
        let principal = verifier(key).verify(token).unwrap();
        assert_eq!(at_once(&revocations, &principal), Some(Verdict::Revoked));
    }
    let other = verifier(key().with_kid("k2"))
        .verify(mint.token().kid("k2").build())
        .unwrap();
    assert_eq!(at_once(&revocations, &other), Some(Verdict::Good));
}

#[tokio::test(start_paused = true)]
async fn an_entry_expires_to_the_second_by_the_given_clock() {
    let store = Scripted::new();
    let clock = FakeClock::new();
    let revocations = Revocations::builder(store.clone(), Mint::ISSUER)
        .clock(clock.clone())
        .access_lifetime(Duration::from_secs(900))
        .leeway(Duration::from_secs(60))
        .build()
        .unwrap();
    until_in_sync(&revocations).await;
    revocations.revoke_session("a").await.unwrap();
    revocations.revoke_token("b", NOW + 100).await.unwrap();
    let (by_session, by_token) = (of_session("a"), principal_with(&[("jti", "b".into())]));
    clock.set(NOW + 159);
    assert_eq!(at_once(&revocations, &by_token), Some(Verdict::Revoked));
    clock.set(NOW + 160);
    assert_eq!(at_once(&revocations, &by_token), Some(Verdict::Good));
    clock.set(NOW + 959);
    assert_eq!(at_once(&revocations, &by_session), Some(Verdict::Revoked));
    clock.set(NOW + 960);
    assert_eq!(at_once(&revocations, &by_session), Some(Verdict::Good));
    sleep(Duration::from_secs(20)).await;
    assert_eq!(
        revocations.status().entries,
        0,
        "expired entries are removed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_false_positive_of_the_filter_refuses_no_token() {
    let store = Scripted::new();
    let revocations = Revocations::builder(store.clone(), Mint::ISSUER)
        .max_entries(2_000)
        .clock(FakeClock::new())
        .build()
        .unwrap();
    until_in_sync(&revocations).await;
    let entries: Vec<_> = (0..2_000)
        .map(|number| {
            revocations.entry(
                RevocationKind::Session,
                &format!("gone-{number}"),
                Revocation::ALL,
            )
        })
        .collect();
    revocations.revoke(&entries).await.unwrap();
    // Enough names for several false positives of the filter.
    for number in 0..2_000 {
        let good = of_session(&format!("good-{number}"));
        assert_eq!(at_once(&revocations, &good), Some(Verdict::Good));
    }
    for number in [0, 999, 1_999] {
        let gone = of_session(&format!("gone-{number}"));
        assert_eq!(at_once(&revocations, &gone), Some(Verdict::Revoked));
    }
    assert_eq!(store.script().finds, 0);
}

const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";
const OLD_TEMPLATE: &str = "https://sts.example/{tenantid}/";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_TENANT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

fn filled(template: &str, tenant: &str) -> String {
    template.replace("{tenantid}", tenant)
}

/// Trusts an issuer with an alias, and two tenants with two templates.
fn verifier_with_aliases() -> Verifier {
    let rules = |issuer: &str, alias: &str| {
        tollgate_core::TrustedIssuer::new(issuer)
            .issuer_alias(alias)
            .audience(Mint::AUDIENCE)
            .key(keys::verifying(Algorithm::HS256))
    };
    Verifier::builder()
        .trust(rules("https://accounts.example", "accounts.example"))
        .trust(rules(TEMPLATE, OLD_TEMPLATE).tenants([TENANT, OTHER_TENANT]))
        .clock(FakeClock::new())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_revocation_applies_to_every_name_of_its_issuer() {
    let [new, old] = [TEMPLATE, OLD_TEMPLATE].map(|template| filled(template, TENANT));
    let names = [
        ("https://accounts.example", "accounts.example"),
        ("accounts.example", "https://accounts.example"),
        (&new, &old),
        (&old, &new),
        (TEMPLATE, &old),
        (OLD_TEMPLATE, &new),
    ];
    let other_tenant = filled(OLD_TEMPLATE, OTHER_TENANT);
    let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    let token = |issuer: &str| {
        let tenant = [TENANT, OTHER_TENANT]
            .into_iter()
            .find(|tenant| issuer.contains(tenant));
        let token = mint.token().claim("iss", issuer).claim("jti", "a");
        let token = token.claim("tid", tenant);
        verifier_with_aliases().verify(token.build()).unwrap()
    };
    for (revoked, used) in names {
        let store = Scripted::new();
        let revocations = Revocations::builder(store.clone(), revoked)
            .clock(FakeClock::new())
            .build()
            .unwrap();
        until_in_sync(&revocations).await;
        revocations.revoke_token("a", NOW + 900).await.unwrap();
        let gate = Gate::builder(verifier_with_aliases()).revocation(revocations.clone());
        assert!(gate.build().is_ok(), "{revoked}");
        let verdict = |issuer: &str| at_once(&revocations, &token(issuer));
        assert_eq!(verdict(used), Some(Verdict::Revoked), "{revoked}, {used}");
        if !revoked.contains('{') {
            assert_eq!(verdict(revoked), Some(Verdict::Revoked), "{revoked}");
            assert_eq!(verdict(&other_tenant), Some(Verdict::Good), "{revoked}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_refuses_revocations_of_an_issuer_that_it_does_not_trust() {
    let unlisted = filled(TEMPLATE, "99999999-2222-3333-4444-555555555555");
    for issuer in [
        "https://accounts.example/",
        "http://accounts.example",
        &unlisted,
    ] {
        let build = || {
            Revocations::builder(Scripted::new(), issuer)
                .build()
                .unwrap()
        };
        let gate = Gate::builder(verifier_with_aliases()).revocation(build());
        let problem = gate.build().unwrap_err();
        assert_eq!(problem.kind(), ConfigErrorKind::Contradiction, "{issuer}");
        let reading = build().reading(tollgate_session::Reading::DangerousFailOpen);
        let gate = Gate::builder(verifier_with_aliases()).revocation(std::sync::Arc::new(reading));
        assert!(gate.build().is_err(), "{issuer}");

        let anyone = Verifier::builder()
            .dangerous_any_issuer()
            .dangerous_any_audience();
        let anyone = anyone
            .key(keys::verifying(Algorithm::HS256))
            .build()
            .unwrap();
        assert!(Gate::builder(anyone).revocation(build()).build().is_ok());
    }
}

//! Requests to a key source, and the result for the token.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tollgate_core::{
    Algorithm, Principal, Rejection, RejectionKind as Kind, SigningKey, Step, Unavailable, Verifier,
};

use super::source::{Script, Scripted, set};
use super::{NOW, anyone, claims, down, es256, token, wait, within};

type Outcome = Result<Principal, Rejection>;

fn by(sources: &[&Scripted]) -> Verifier {
    let builder = sources.iter().fold(anyone(), |builder, source| {
        builder.key_source((*source).clone())
    });
    builder.build().unwrap()
}

/// Returns the outcome of a verification that must wait.
fn waited(verifier: &Verifier, token: &str) -> Outcome {
    match verifier.begin(token) {
        Step::Pending(verification) => wait(verification),
        Step::Ready(outcome) => panic!("decided at once: {outcome:?}"),
    }
}

/// Returns the outcome of a verification that must not wait.
fn at_once(verifier: &Verifier, token: &str) -> Outcome {
    match verifier.begin(token) {
        Step::Ready(outcome) => outcome,
        Step::Pending(_) => panic!("the verification waits"),
    }
}

/// Returns the kind of a refusal, and its `Retry-After` in seconds.
fn refused(outcome: &Outcome) -> (Kind, Option<u64>) {
    let rejection = outcome.as_ref().unwrap_err();
    (
        rejection.kind(),
        rejection.retry_after().map(|after| after.as_secs()),
    )
}

/// A token without `kid` fits all keys, so a second attempt would double its signatures.
#[test]
fn no_key_is_tried_again_after_a_fetch_that_brought_nothing_new() {
    let [old, new, foreign] = ["old", "new", "foreign"].map(es256);
    let forged = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .encode(&claims())
        .unwrap();
    let same = set(&[&old]);
    for (after, reads) in [(same.clone(), 1), (set(&[&old, &new]), 2)] {
        for token in [&forged, &token(&foreign)] {
            let source =
                Scripted::new(Ok(same.clone()), Script::Pending(Ok(after.clone()), Ok(())));
            let outcome = waited(&by(&[&source]), token);
            assert!(matches!(
                refused(&outcome).0,
                Kind::BadSignature | Kind::UnknownKey
            ));
            assert_eq!(source.reads(), reads);
        }
    }
    // A fetch that fails brings nothing new either.
    for token in [&forged, &token(&foreign)] {
        let down = Err(Unavailable::new(Duration::from_secs(9)));
        let source = Scripted::new(Ok(same.clone()), Script::Pending(Ok(same.clone()), down));
        let outcome = waited(&by(&[&source]), token);
        assert_eq!(refused(&outcome), (Kind::Unavailable, Some(9)));
        assert_eq!(source.reads(), 1);
    }
}

/// The time to retry is that of the source after the wait.
#[test]
fn a_source_without_keys_is_read_again_after_a_fetch() {
    let after = |seconds| Err(Unavailable::new(Duration::from_secs(seconds)));
    let source = Scripted::new(after(3), Script::Pending(after(4), Ok(())));
    let outcome = waited(&by(&[&source]), &token(&es256("new")));
    assert_eq!(refused(&outcome), (Kind::Unavailable, Some(4)));
}

#[test]
fn each_reaction_of_a_source_to_an_unknown_key() {
    let (old, new) = (es256("old"), es256("new"));
    let has = || Ok(set(&[&old]));
    let both = || Ok(set(&[&old, &new]));
    let unknown = Some((Kind::UnknownKey, None));
    let unavailable = |seconds| Some((Kind::Unavailable, Some(seconds)));
    for (name, source, waits, wanted) in [
        (
            "none",
            Scripted::new(has(), Script::Pointless),
            false,
            unknown,
        ),
        (
            "cannot tell",
            Scripted::new(has(), Script::Unavailable(down(7))),
            false,
            unavailable(7),
        ),
        (
            "brings it",
            Scripted::new(has(), Script::Pending(both(), Ok(()))),
            true,
            None,
        ),
        (
            "brings others",
            Scripted::new(has(), Script::Pending(has(), Ok(()))),
            true,
            unknown,
        ),
        (
            "fails",
            Scripted::new(has(), Script::Pending(has(), Err(down(9)))),
            true,
            unavailable(9),
        ),
        (
            "fails, and has the key",
            Scripted::new(has(), Script::Pending(both(), Err(down(9)))),
            true,
            None,
        ),
        (
            "loses its keys",
            Scripted::new(has(), Script::Pending(Err(down(11)), Ok(()))),
            true,
            unavailable(11),
        ),
        (
            "is unavailable, and recovers",
            Scripted::new(Err(down(3)), Script::Pending(both(), Ok(()))),
            true,
            None,
        ),
        (
            "is unavailable, and stays so",
            Scripted::new(Err(down(3)), Script::Pending(Err(down(4)), Err(down(5)))),
            true,
            unavailable(5),
        ),
        (
            "is unavailable, and has nothing newer",
            Scripted::new(Err(down(3)), Script::Pointless),
            false,
            unavailable(3),
        ),
    ] {
        let verifier = by(&[&source]);
        let decide = if waits { waited } else { at_once };
        let outcome = decide(&verifier, &token(&new));
        assert_eq!(
            outcome.as_ref().err().map(|_| refused(&outcome)),
            wanted,
            "{name}"
        );
        if let Ok(principal) = outcome {
            assert_eq!(principal.subject(), Some("u-7"), "{name}");
            assert_eq!(principal.key().kid(), Some("new"), "{name}");
        }
        assert_eq!(
            source.asked_for(),
            [(Some("new".to_owned()), Algorithm::ES256)],
            "{name}"
        );
        assert_eq!(source.waits(), 0, "{name}");
    }
}

#[test]
fn a_caller_that_cannot_wait_gets_a_retry_and_the_source_is_queried() {
    let (old, new) = (es256("old"), es256("new"));
    let source = Scripted::rotating(&[&old], &[&new]);
    let outcome = by(&[&source]).verify(token(&new));
    assert_eq!(refused(&outcome), (Kind::Unavailable, Some(1)));
    assert_eq!((source.asked(), source.waits()), (1, 0));
}

/// No key could make these tokens valid, so the source is not queried.
#[test]
fn no_source_is_queried_without_need() {
    let (known, stranger) = (es256("known"), es256("known"));
    let source = Scripted::rotating(&[&known], &[]);
    let only_es256 = anyone()
        .key_source(source.clone())
        .algorithms([Algorithm::ES256])
        .build()
        .unwrap();
    let every = by(&[&source]);
    let secret = SigningKey::hs256([7; 32]).unwrap();
    let other = |algorithm| {
        SigningKey::generate(algorithm)
            .unwrap()
            .with_kid("nobody's")
    };
    let crit = known
        .encode_header(
            &json!({"alg": "ES256", "kid": "x", "crit": ["x"], "x": 1}),
            &claims(),
        )
        .unwrap();
    let profile = anyone()
        .key_source(source.clone())
        .typ("at+jwt")
        .build()
        .unwrap();
    for (name, verifier, token, wanted) in [
        ("its own key", &every, token(&known), None),
        (
            "a bad signature with a known `kid`",
            &every,
            token(&stranger),
            Some(Kind::BadSignature),
        ),
        (
            "a secret",
            &every,
            token(&secret),
            Some(Kind::WrongAlgorithm),
        ),
        (
            "a secret with an unknown `kid`",
            &every,
            token(&secret.clone().with_kid("nobody's")),
            Some(Kind::WrongAlgorithm),
        ),
        (
            "a disallowed algorithm",
            &only_es256,
            token(&other(Algorithm::EdDSA)),
            Some(Kind::WrongAlgorithm),
        ),
        (
            "an unexpected type",
            &profile,
            token(&es256("nobody's")),
            Some(Kind::WrongType),
        ),
        (
            "an extension",
            &every,
            crit,
            Some(Kind::UnsupportedExtension),
        ),
        (
            "no token",
            &every,
            "a.b.c".to_owned(),
            Some(Kind::MalformedToken),
        ),
        (
            "an empty `kid`, which names no key",
            &every,
            token(&es256("")),
            Some(Kind::UnknownKey),
        ),
        (
            "an invalid signature",
            &every,
            format!("{}~", token(&es256("nobody's"))),
            Some(Kind::MalformedToken),
        ),
    ] {
        let outcome = at_once(verifier, &token);
        assert_eq!(
            outcome.err().map(|rejection| rejection.kind()),
            wanted,
            "{name}"
        );
        assert_eq!(source.asked(), 0, "{name}");
    }
}

#[test]
fn a_source_is_queried_if_another_key_could_verify() {
    let known = es256("known");
    let nameless = SigningKey::generate(Algorithm::ES256).unwrap();
    let eddsa = SigningKey::generate(Algorithm::EdDSA).unwrap();
    for (name, has, by, asked) in [
        ("an unknown `kid`", &known, &es256("new"), Some("new")),
        ("no `kid`, and no suitable key", &known, &nameless, None),
        (
            "a known `kid`, for another algorithm",
            &known,
            &eddsa.clone().with_kid("known"),
            Some("known"),
        ),
        (
            "a key without a `kid`",
            &nameless,
            &es256("new"),
            Some("new"),
        ),
    ] {
        let source = Scripted::rotating(&[has], &[has, by]);
        let principal = waited(&self::by(&[&source]), &token(by)).expect(name);
        assert_eq!(principal.subject(), Some("u-7"), "{name}");
        assert_eq!(
            source.asked_for(),
            [(asked.map(str::to_owned), by.algorithm())],
            "{name}"
        );
    }
}

#[test]
fn a_fitting_key_without_a_kid_suffices() {
    let nameless = SigningKey::generate(Algorithm::ES256).unwrap();
    let source = Scripted::rotating(&[&nameless], &[]);
    assert!(at_once(&by(&[&source]), &token(&nameless.with_kid("any"))).is_ok());
    assert_eq!(source.asked(), 0);
}

#[test]
fn a_key_that_arrives_under_its_kid_and_does_not_fit_ends_the_search() {
    let (old, new, stranger) = (es256("old"), es256("new"), es256("new"));
    for says in [Ok(()), Err(down(9))] {
        let script = Script::Pending(Ok(set(&[&new])), says);
        let source = Scripted::new(Ok(set(&[&old])), script);
        let outcome = waited(&by(&[&source]), &token(&stranger));
        assert_eq!(refused(&outcome), (Kind::BadSignature, None));
        assert_eq!(source.asked(), 1);
        assert_eq!(source.used(), []);
    }
}

#[test]
fn the_source_is_queried_once_per_token() {
    let source = Scripted::rotating(&[], &[]);
    let verifier = by(&[&source]);
    for times in 1..=3 {
        let outcome = waited(&verifier, &token(&es256("nobody's")));
        assert_eq!(outcome.unwrap_err().status(), 401);
        assert_eq!(source.asked(), times);
    }
}

#[test]
fn claims_are_checked_when_the_key_arrives() {
    let (old, new) = (es256("old"), es256("new"));
    let source = || Scripted::rotating(&[&old], &[&new]);
    let kind = |member: &str, value: serde_json::Value| {
        let mut claims = claims();
        claims[member] = value;
        let builder = Verifier::builder()
            .issuer("https://id.example.com")
            .audience("api");
        let verifier = builder.clock(|| NOW).key_source(source()).build().unwrap();
        waited(&verifier, &new.encode(&claims).unwrap())
            .err()
            .map(|it| it.kind())
    };
    assert_eq!(kind("sub", json!("u-8")), None);
    assert_eq!(kind("exp", json!(NOW - 60)), Some(Kind::Expired));
    assert_eq!(kind("aud", json!("other")), Some(Kind::WrongAudience));
}

/// Such a token is refused with any key, so misdirected tokens never cause a fetch.
#[test]
fn no_key_is_fetched_for_another_issuers_token() {
    let (old, new) = (es256("old"), es256("new"));
    for (member, value, wanted) in [
        ("iss", json!("https://evil.example"), Kind::UntrustedIssuer),
        (
            "iss",
            json!("https://id.example.com/"),
            Kind::UntrustedIssuer,
        ),
        ("iss", json!(null), Kind::MissingClaim),
        (
            "iss",
            json!(["https://id.example.com"]),
            Kind::MalformedClaims,
        ),
    ] {
        let source = Scripted::rotating(&[&old], &[&new]);
        let builder = Verifier::builder()
            .issuer("https://id.example.com")
            .audience("api");
        let verifier = builder
            .clock(|| NOW)
            .key_source(source.clone())
            .build()
            .unwrap();
        let mut claims = claims();
        claims[member] = value;
        let outcome = at_once(&verifier, &new.encode(&claims).unwrap());
        assert_eq!(outcome.unwrap_err().kind(), wanted, "{claims}");
        claims.as_object_mut().unwrap().remove(member);
        let outcome = at_once(&verifier, &new.encode(&claims).unwrap());
        assert_eq!(outcome.unwrap_err().kind(), Kind::MissingClaim);
        assert_eq!(source.asked(), 0);
    }
}

/// The time of the second check counts: waiting does not extend `exp`.
#[test]
fn a_token_that_expires_while_it_waits_is_refused() {
    let (old, new) = (es256("old"), es256("new"));
    let source = Scripted::rotating(&[&old], &[&new]);
    let time = std::sync::Arc::new(AtomicU64::new(NOW));
    let clock = std::sync::Arc::clone(&time);
    let verifier = anyone()
        .key_source(source)
        .leeway(Duration::ZERO)
        .clock(move || clock.load(Ordering::SeqCst))
        .build()
        .unwrap();
    let Step::Pending(verification) = verifier.begin(token(&new)) else {
        panic!("the key is missing")
    };
    time.store(NOW + 60, Ordering::SeqCst);
    assert_eq!(refused(&wait(verification)), (Kind::Expired, None));
}

#[test]
fn one_of_two_sources_may_fail_while_the_other_is_queried() {
    let (old, new) = (es256("old"), es256("new"));
    let unreachable = || Scripted::new(Err(down(30)), Script::Unavailable(down(30)));

    let rotating = Scripted::rotating(&[&old], &[&new]);
    let principal = waited(&by(&[&unreachable(), &rotating]), &token(&new)).unwrap();
    assert_eq!(principal.key().kid(), Some("new"));
    assert_eq!(rotating.used().len(), 1);

    // The key is missing in one source and may be in the other.
    let barren = Scripted::rotating(&[&old], &[&old]);
    for sources in [[&unreachable(), &barren], [&barren, &unreachable()]] {
        let outcome = waited(&by(&sources), &token(&new));
        assert_eq!(refused(&outcome), (Kind::Unavailable, Some(30)));
    }
}

/// Each source is queried once, concurrently, and a failure of one does not affect the keys of the
/// other.
#[test]
fn two_sources_are_queried_concurrently() {
    let new = es256("new");
    for failing_first in [true, false] {
        let failing = Scripted::new(Ok(set(&[])), Script::Pending(Ok(set(&[])), Err(down(9))));
        let bringing = Scripted::rotating(&[], &[&new]);
        let sources = if failing_first {
            [&failing, &bringing]
        } else {
            [&bringing, &failing]
        };
        let Step::Pending(verification) = by(&sources).begin(token(&new)) else {
            panic!("the key is missing")
        };
        assert_eq!((failing.waits(), bringing.waits()), (1, 1));
        assert!(within(3, verification).unwrap().is_ok());
        assert_eq!((failing.asked(), bringing.asked()), (1, 1));
        assert_eq!((failing.waits(), bringing.waits()), (0, 0));
    }
}

#[test]
fn one_failed_source_makes_the_result_unavailable() {
    let barren = || Scripted::rotating(&[], &[]);
    let failing = || Scripted::new(Ok(set(&[])), Script::Pending(Ok(set(&[])), Err(down(9))));
    for sources in [[&barren(), &failing()], [&failing(), &barren()]] {
        let outcome = waited(&by(&sources), &token(&es256("new")));
        assert_eq!(refused(&outcome), (Kind::Unavailable, Some(9)));
    }
}

/// A source that could not check for the key makes the result unavailable, even if another source
/// was awaited.
#[test]
fn one_undecided_source_makes_the_result_unavailable() {
    let old = es256("old");
    let barren = || Scripted::rotating(&[&old], &[&old]);
    let out_of_date = || Scripted::new(Ok(set(&[&old])), Script::Unavailable(down(9)));
    for sources in [[&barren(), &out_of_date()], [&out_of_date(), &barren()]] {
        let outcome = waited(&by(&sources), &token(&es256("new")));
        assert_eq!(refused(&outcome), (Kind::Unavailable, Some(9)));
    }
}

#[test]
fn dropping_a_pending_verification_is_cancel_safe() {
    let new = es256("new");
    let source = Scripted::rotating(&[], &[&new]);
    let verifier = by(&[&source]);
    let verification = verifier.begin(token(&new));
    assert!(matches!(verification, Step::Pending(_)));
    assert_eq!(source.waits(), 1);
    drop(verifier); // the verification owns its data
    drop(verification);
    assert_eq!((source.waits(), source.asked()), (0, 1));
}

#[test]
fn a_pending_verification_shows_no_token() {
    let new = es256("new");
    let token = token(&new);
    let source = Scripted::rotating(&[], &[]);
    let verification = by(&[&source]).begin(&token);
    let shown = format!("{verification:?}");
    assert!(
        token.split('.').all(|part| !shown.contains(part)),
        "{shown}"
    );
    let Step::Pending(verification) = verification else {
        panic!("the key is missing")
    };
    let rejection = wait(verification).unwrap_err();
    let shown = format!("{rejection:?} {rejection}");
    assert!(
        token.split('.').all(|part| !shown.contains(part)),
        "{shown}"
    );
}

/// Reported to the source of the key, with the verifier's time, and not for refused tokens.
#[test]
fn the_use_of_a_key_is_reported() {
    let (first, second, fixed) = (es256("first"), es256("second"), es256("fixed"));
    let (ours, theirs) = (
        Scripted::new(Ok(set(&[&first])), Script::Pointless),
        Scripted::new(Ok(set(&[&second])), Script::Pointless),
    );
    let verifier = anyone()
        .key(fixed.verifying_key())
        .key_source(ours.clone())
        .key_source(theirs.clone())
        .build()
        .unwrap();
    let told = || (ours.used(), theirs.used());
    for key in [&fixed, &es256("first"), &es256("nobody's")] {
        let _ = verifier.verify(token(key));
        assert_eq!(told(), (vec![], vec![]), "{:?}", key.kid());
    }
    let mut expired = claims();
    expired["exp"] = json!(NOW - 60);
    assert!(verifier.verify(first.encode(&expired).unwrap()).is_err());
    assert_eq!(told(), (vec![], vec![]));

    assert!(verifier.verify(token(&first)).is_ok());
    let used = |key: &SigningKey| vec![(key.kid().map(str::to_owned), NOW)];
    assert_eq!(told(), (used(&first), vec![]));
    assert!(verifier.verify(token(&second)).is_ok());
    assert_eq!(told(), (used(&first), used(&second)));
}

#[test]
fn the_use_of_an_awaited_key_is_reported_once() {
    let new = es256("new");
    let source = Scripted::rotating(&[], &[&new]);
    assert!(waited(&by(&[&source]), &token(&new)).is_ok());
    assert_eq!(source.used(), [(Some("new".to_owned()), NOW)]);
}

/// Two requests wait for the same key with the same token: the first to resume verifies it for
/// both.
#[test]
fn a_resumed_verification_may_find_the_token_in_the_cache() {
    let new = es256("new");
    let source = Scripted::rotating(&[], &[&new]);
    let verifier = by(&[&source]);
    let token = token(&new);
    let (Step::Pending(one), Step::Pending(other)) =
        (verifier.begin(&token), verifier.begin(&token))
    else {
        panic!("the key is missing");
    };
    assert_eq!((source.asked(), source.waits()), (2, 2));
    let counts = || {
        let status = verifier.token_cache_status().unwrap();
        (status.misses, status.hits)
    };
    assert_eq!(counts(), (0, 0));
    assert_eq!(wait(other).unwrap().subject(), Some("u-7"));
    assert_eq!(counts(), (1, 0));
    assert_eq!(wait(one).unwrap().subject(), Some("u-7"));
    assert_eq!(counts(), (1, 1));
    assert_eq!((source.asked(), source.waits()), (2, 0));
}

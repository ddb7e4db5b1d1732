//! Issuer sources, and key sources that name their issuer.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tollgate_core::{
    ConfigErrorKind, IssuerSource, KeySet, KeySource, PreparedIssuer, RejectionKind as Kind,
    SigningKey, Step, TrustedIssuer, Unavailable, Verifier, VerifierBuilder,
};

use super::source::{Script, Scripted, set};
use super::{NOW, down, es256, wait};

const LISTED: &str = "https://listed.example";
const ACME: &str = "https://acme.example";

/// An issuer source that accepts every name and records it.
#[derive(Clone)]
struct Always(
    Result<Option<PreparedIssuer>, Unavailable>,
    Arc<Mutex<Vec<String>>>,
);

impl Always {
    fn new(answer: Result<Option<PreparedIssuer>, Unavailable>) -> Self {
        Self(answer, Arc::default())
    }

    fn knowing(issuer: &str, key: &SigningKey) -> Self {
        Self::new(Ok(Some(prepared(issuer, key))))
    }

    fn asked(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }
}

impl IssuerSource for Always {
    fn issuer(&self, issuer: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
        self.1.lock().unwrap().push(issuer.to_owned());
        self.0.clone()
    }
}

fn trusted(issuer: &str, key: &SigningKey) -> TrustedIssuer {
    TrustedIssuer::new(issuer)
        .audience("api")
        .key(key.verifying_key())
}

fn prepared(issuer: &str, key: &SigningKey) -> PreparedIssuer {
    trusted(issuer, key).prepare().unwrap()
}

fn builder() -> VerifierBuilder {
    Verifier::builder().clock(|| NOW)
}

fn asking(sources: &[&Always]) -> VerifierBuilder {
    let add = |builder: VerifierBuilder, source: &&Always| builder.issuer_source((*source).clone());
    sources.iter().fold(builder(), add)
}

fn claims(issuer: impl Into<Value>) -> Value {
    json!({ "iss": issuer.into(), "aud": "api", "sub": "u-7", "exp": NOW + 60 })
}

fn token(issuer: impl Into<Value>, key: &SigningKey) -> String {
    key.encode(&claims(issuer)).unwrap()
}

fn kind(verifier: &Verifier, token: impl AsRef<[u8]>) -> Option<Kind> {
    verifier
        .verify(token)
        .err()
        .map(|rejection| rejection.kind())
}

#[test]
fn an_issuer_under_another_name_is_not_used() {
    let key = es256("k");
    let lying = Always::knowing("https://evil.example", &key);
    let verifier = asking(&[&lying]).build().unwrap();
    for issuer in [ACME, "https://evil.example/", "https://EVIL.example"] {
        assert_eq!(
            kind(&verifier, token(issuer, &key)),
            Some(Kind::UntrustedIssuer),
            "{issuer}"
        );
    }
    assert_eq!(kind(&verifier, token("https://evil.example", &key)), None);

    // The next source is still queried.
    let honest = Always::knowing(ACME, &key);
    let verifier = asking(&[&lying, &honest]).build().unwrap();
    assert_eq!(kind(&verifier, token(ACME, &key)), None);
}

#[test]
fn the_keys_and_rules_of_the_found_issuer_apply() {
    let (key, other) = (es256("k"), es256("k"));
    let verifier = asking(&[&Always::knowing(ACME, &key)]).build().unwrap();
    assert_eq!(
        kind(&verifier, token(ACME, &other)),
        Some(Kind::BadSignature)
    );
    let mut elsewhere = claims(ACME);
    elsewhere["aud"] = json!("other");
    assert_eq!(
        kind(&verifier, key.encode(&elsewhere).unwrap()),
        Some(Kind::WrongAudience)
    );
}

#[test]
fn listed_issuers_take_precedence_over_sources() {
    let (listed, theirs) = (es256("k"), es256("k"));
    let usurper = Always::knowing(LISTED, &theirs);
    for builder in [
        asking(&[&usurper]).trust(trusted(LISTED, &listed)),
        asking(&[&usurper])
            .issuer(LISTED)
            .audience("api")
            .key(listed.verifying_key()),
    ] {
        let verifier = builder.build().unwrap();
        assert_eq!(kind(&verifier, token(LISTED, &listed)), None);
        assert_eq!(
            kind(&verifier, token(LISTED, &theirs)),
            Some(Kind::BadSignature)
        );
        assert_eq!(usurper.asked(), Vec::<String>::new());
    }
}

#[test]
fn an_unlisted_issuer_is_looked_up() {
    let (listed, acme) = (es256("k"), es256("k"));
    let source = Always::knowing(ACME, &acme);
    let verifier = asking(&[&source])
        .trust(trusted(LISTED, &listed))
        .build()
        .unwrap();
    assert_eq!(kind(&verifier, token(ACME, &acme)), None);
    assert_eq!(source.asked(), [ACME]);
    assert_eq!(
        kind(&verifier, token(ACME, &listed)),
        Some(Kind::BadSignature)
    );
    assert_eq!(
        kind(&verifier, token(LISTED, &acme)),
        Some(Kind::BadSignature)
    );
}

/// A token without a readable issuer does not reach a source.
#[test]
fn without_a_readable_issuer_no_source_is_queried() {
    let key = es256("k");
    let source = Always::knowing(ACME, &key);
    let verifier = asking(&[&source]).build().unwrap();
    let nameless = key
        .encode(&json!({ "aud": "api", "exp": NOW + 60 }))
        .unwrap();
    assert_eq!(kind(&verifier, nameless), Some(Kind::MissingClaim));
    for issuer in [
        json!(7),
        json!({}),
        json!([ACME]),
        json!({ "iss": ACME }),
        json!(true),
    ] {
        assert_eq!(
            kind(&verifier, token(issuer.clone(), &key)),
            Some(Kind::MalformedClaims),
            "{issuer}"
        );
    }
    for garbage in ["", "a.b", "a.b.c"] {
        assert!(kind(&verifier, garbage).is_some());
    }
    assert_eq!(source.asked(), Vec::<String>::new());
}

#[test]
fn any_other_name_reaches_the_source_unchanged() {
    let key = es256("k");
    let source = Always::new(Ok(None));
    let verifier = asking(&[&source]).build().unwrap();
    let names = [
        "",
        " ",
        "\u{0}",
        "../../etc",
        "https://acme.example/",
        "\u{202e}x",
        &"x".repeat(3000),
    ];
    for name in names {
        let rejection = verifier.verify(token(name, &key)).unwrap_err();
        assert_eq!(rejection.kind(), Kind::UntrustedIssuer);
        assert!(
            rejection.to_string().len() < 1000,
            "the logged value is truncated"
        );
        assert!(!rejection.to_string().contains('\u{0}'));
    }
    assert_eq!(source.asked(), names);
}

#[test]
fn sources_are_queried_in_order_until_one_knows_or_fails() {
    let key = es256("k");
    let nobody = || Always::new(Ok(None));
    let knowing = || Always::knowing(ACME, &key);
    let unreachable = || Always::new(Err(down(8)));
    let asked = |sources: &[&Always]| {
        sources
            .iter()
            .map(|it| it.asked().len())
            .collect::<Vec<_>>()
    };
    let outcome = |sources: &[&Always]| {
        let verified = asking(sources).build().unwrap().verify(token(ACME, &key));
        let refused = verified.err();
        refused.map(|it| (it.kind(), it.retry_after().map(|after| after.as_secs())))
    };
    let [first, second, third] = [nobody(), knowing(), knowing()];
    assert_eq!(outcome(&[&first, &second, &third]), None);
    assert_eq!(asked(&[&first, &second, &third]), [1, 1, 0]);

    // It is unknown whether the first source has the issuer, and with which keys.
    let [first, second] = [unreachable(), knowing()];
    assert_eq!(
        outcome(&[&first, &second]),
        Some((Kind::Unavailable, Some(8)))
    );
    assert_eq!(asked(&[&first, &second]), [1, 0]);

    let [first, second] = [knowing(), unreachable()];
    assert_eq!(outcome(&[&first, &second]), None);
    assert_eq!(
        outcome(&[&nobody(), &unreachable()]),
        Some((Kind::Unavailable, Some(8)))
    );
}

#[test]
fn the_keys_of_a_found_issuer_can_be_awaited() {
    let key = es256("new");
    let source = Scripted::rotating(&[], &[&key]);
    let issuer = TrustedIssuer::new(ACME)
        .audience("api")
        .key_source(source.clone());
    let verifier = asking(&[&Always::new(Ok(Some(issuer.prepare().unwrap())))])
        .build()
        .unwrap();
    let Step::Pending(verification) = verifier.begin(token(ACME, &key)) else {
        panic!("the key is missing")
    };
    assert_eq!(wait(verification).unwrap().issuer(), Some(ACME));
    assert_eq!(source.asked(), 1);
    assert_eq!(source.used(), [(Some("new".to_owned()), NOW)]);
}

/// An issuer that is trusted at the first lookup, and not at the second.
#[test]
fn an_issuer_withdrawn_during_a_wait_is_refused() {
    struct Once(Mutex<Option<PreparedIssuer>>);

    impl IssuerSource for Once {
        fn issuer(&self, _: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
            Ok(self.0.lock().unwrap().take())
        }
    }

    let key = es256("new");
    let keys = Scripted::rotating(&[], &[&key]);
    let issuer = TrustedIssuer::new(ACME).audience("api").key_source(keys);
    let once = Once(Mutex::new(Some(issuer.prepare().unwrap())));
    let verifier = builder().issuer_source(once).build().unwrap();
    let Step::Pending(verification) = verifier.begin(token(ACME, &key)) else {
        panic!("the key is missing")
    };
    assert_eq!(
        wait(verification).unwrap_err().kind(),
        Kind::UntrustedIssuer
    );
}

#[test]
fn build_and_prepare_refuse_contradictory_options() {
    use ConfigErrorKind as Config;
    let key = es256("k");
    let source = || Always::new(Ok(None));
    let refused = |builder: VerifierBuilder| builder.build().unwrap_err().kind();
    let anyone = || {
        asking(&[&source()])
            .dangerous_any_issuer()
            .dangerous_any_audience()
            .key(key.verifying_key())
    };
    assert_eq!(refused(anyone()), Config::Contradiction);
    // A source replaces the builder's own issuer, but does not complete it.
    assert!(asking(&[&source()]).build().is_ok());
    assert_eq!(
        refused(asking(&[&source()]).audience("api")),
        Config::MissingIssuer
    );
    assert_eq!(
        refused(asking(&[&source()]).issuer(LISTED).audience("api")),
        Config::MissingKey
    );
    assert_eq!(refused(builder()), Config::MissingIssuer);

    let issuer = || TrustedIssuer::new(ACME).key(key.verifying_key());
    assert!(issuer().audience("api").prepare().is_ok());
    assert_eq!(
        issuer().prepare().unwrap_err().kind(),
        Config::MissingAudience
    );
    let keyless = TrustedIssuer::new(ACME).audience("api").prepare();
    assert_eq!(keyless.unwrap_err().kind(), Config::MissingKey);
    let nameless = TrustedIssuer::new("")
        .audience("api")
        .key(key.verifying_key());
    assert_eq!(nameless.prepare().unwrap_err().kind(), Config::InvalidText);
}

#[test]
fn debug_of_an_issuer_contains_no_key() {
    let secret = SigningKey::hs256([0x41; 32]).unwrap();
    let shown = format!("{:?}", prepared(ACME, &secret));
    assert!(shown.contains(ACME), "{shown}");
    assert!(
        !shown.contains("AAAA") && !shown.contains("65, 65"),
        "{shown}"
    );
}

/// A key source that names its issuer.
struct Of(&'static str);

impl KeySource for Of {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Ok(Arc::default())
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.0)
    }
}

#[test]
fn keys_of_one_issuer_are_refused_for_another() {
    let unknown = || Scripted::new(Ok(set(&[])), Script::Pointless);
    let own = |source: &'static str| {
        builder()
            .issuer(ACME)
            .audience("api")
            .key_source(Of(source))
    };
    let listed = |source: &'static str| {
        let issuer = TrustedIssuer::new(ACME)
            .audience("api")
            .key_source(Of(source));
        builder().trust(issuer)
    };
    let found = |source: &'static str| {
        let issuer = TrustedIssuer::new(ACME)
            .audience("api")
            .key_source(Of(source));
        issuer.prepare().map(drop)
    };
    for theirs in [LISTED, "", "https://acme.example/", "https://ACME.example"] {
        for error in [
            own(theirs).build().unwrap_err(),
            listed(theirs).build().unwrap_err(),
            own(ACME).key_source(Of(theirs)).build().unwrap_err(),
            own(theirs).key_source(unknown()).build().unwrap_err(),
            found(theirs).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ConfigErrorKind::Contradiction, "{theirs}");
        }
    }
    assert!(own(ACME).build().is_ok());
    assert!(own(ACME).key_source(unknown()).build().is_ok());
    assert!(listed(ACME).build().is_ok());
    assert!(found(ACME).is_ok());
    // An `Arc` forwards the issuer of its source.
    let shared = builder()
        .issuer(ACME)
        .audience("api")
        .key_source(Arc::new(Of(LISTED)));
    assert_eq!(
        shared.build().unwrap_err().kind(),
        ConfigErrorKind::Contradiction
    );
    // An explicit `dangerous` option disables the check.
    assert!(
        builder()
            .dangerous_any_issuer()
            .audience("api")
            .key_source(Of(LISTED))
            .build()
            .is_ok()
    );
}

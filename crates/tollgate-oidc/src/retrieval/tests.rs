//! Tests of retrievals with scripted responses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate_core::{BoxFuture, KeyErrorKind, KeySet};

use super::{Retrieved, Retriever};
use crate::error::OidcErrorKind;
use crate::fetch::{Addresses, Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse};
use crate::settings::{Location, Settings};

const ISSUER: &str = "https://id.example.com";
const METADATA: &str = "https://id.example.com/.well-known/openid-configuration";
const JWKS: &str = "https://id.example.com/jwks";
const MOVED: &str = "https://id.example.com/v2/jwks";
/// The public keys of the first two tests of RFC 8032 section 7.1.
const ONE: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const TWO: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}]}"#;

/// Answers by URL and records the requests.
#[derive(Clone, Default)]
struct Provider {
    answers: Arc<Mutex<HashMap<String, Option<FetchResponse>>>>,
    requests: Arc<Mutex<Vec<FetchRequest>>>,
}

impl Provider {
    fn at(&self, url: &str, answer: FetchResponse) -> &Self {
        self.answers
            .lock()
            .unwrap()
            .insert(url.to_owned(), Some(answer));
        self
    }

    fn hang(&self, url: &str) {
        self.answers.lock().unwrap().insert(url.to_owned(), None);
    }

    /// Returns the URLs since the last call.
    fn asked(&self) -> Vec<String> {
        let requests: Vec<_> = self.requests.lock().unwrap().drain(..).collect();
        requests.into_iter().map(|request| request.url).collect()
    }

    fn last(&self) -> FetchRequest {
        self.requests.lock().unwrap().last().unwrap().clone()
    }

    fn last_etag(&self) -> Option<String> {
        let headers = self.last().headers;
        let mut etags = headers
            .into_iter()
            .filter(|(name, _)| *name == "if-none-match");
        etags.next().map(|(_, etag)| etag)
    }
}

impl Fetch for Provider {
    fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        let answer = self.answers.lock().unwrap().get(&request.url).cloned();
        self.requests.lock().unwrap().push(request);
        Box::pin(async move {
            match answer {
                None => Ok(FetchResponse::new(404, "")),
                Some(Some(answer)) => Ok(answer),
                Some(None) => std::future::pending().await,
            }
        })
    }
}

fn settings(location: Location, provider: &Provider) -> Settings {
    Settings {
        fetch: Some(Arc::new(provider.clone())),
        ..Settings::new(location)
    }
}

fn of_issuer(provider: &Provider) -> Retriever {
    Retriever::new(&settings(Location::Issuer(ISSUER.to_owned()), provider)).unwrap()
}

fn of_set(provider: &Provider) -> Retriever {
    Retriever::new(&settings(Location::Jwks(JWKS.to_owned()), provider)).unwrap()
}

fn metadata(jwks_uri: &str) -> FetchResponse {
    let json =
        serde_json::json!({"issuer": ISSUER, "jwks_uri": jwks_uri, "claims_supported": ["sub"]});
    FetchResponse::new(200, json.to_string())
}

fn provider() -> Provider {
    let provider = Provider::default();
    provider
        .at(METADATA, metadata(JWKS))
        .at(JWKS, FetchResponse::new(200, ONE));
    provider
}

async fn keys(retriever: &mut Retriever) -> KeySet {
    match retriever.retrieve().await.unwrap() {
        Retrieved::Changed(fresh) => fresh.found,
        other => panic!("{other:?}"),
    }
}

async fn kid(retriever: &mut Retriever) -> String {
    keys(retriever).await.keys()[0].kid().unwrap().to_owned()
}

async fn unchanged(retriever: &mut Retriever) -> Option<Duration> {
    match retriever.retrieve().await.unwrap() {
        Retrieved::Unchanged(fresh) => fresh.life,
        other => panic!("{other:?}"),
    }
}

async fn error(retriever: &mut Retriever) -> OidcErrorKind {
    retriever.retrieve().await.unwrap_err().kind()
}

#[tokio::test(start_paused = true)]
async fn the_metadata_is_fetched_before_the_set() {
    let provider = provider();
    let mut retriever = of_issuer(&provider);
    assert_eq!(kid(&mut retriever).await, "1");
    let request = provider.last();
    assert_eq!(request.content_limit, 1 << 20);
    assert_eq!(request.timeout, Duration::from_secs(5));
    assert_eq!(request.addresses, Addresses::Any);
    assert!(
        request
            .headers
            .contains(&("accept-encoding", "identity".to_owned()))
    );
    assert_eq!(provider.asked(), [METADATA, JWKS]);

    // The metadata is cached for its life.
    unchanged(&mut retriever).await;
    assert_eq!(provider.asked(), [JWKS]);
    tokio::time::advance(Duration::from_secs(600)).await;
    unchanged(&mut retriever).await;
    assert_eq!(provider.asked(), [METADATA, JWKS]);
}

#[tokio::test(start_paused = true)]
async fn the_stated_life_of_metadata_is_bounded() {
    for (said, life) in [
        ("max-age=300", 300),
        ("max-age=1", 60),
        ("no-store", 60),
        ("max-age=86400", 3600),
    ] {
        let provider = provider();
        provider.at(METADATA, metadata(JWKS).with_header("cache-control", said));
        let mut retriever = of_issuer(&provider);
        keys(&mut retriever).await;
        provider.asked();
        tokio::time::advance(Duration::from_millis(life * 1000 - 2)).await;
        unchanged(&mut retriever).await;
        assert_eq!(provider.asked(), [JWKS], "{said}");
        tokio::time::advance(Duration::from_millis(2)).await;
        unchanged(&mut retriever).await;
        assert_eq!(provider.asked(), [METADATA, JWKS], "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn both_well_known_locations_are_tried() {
    for (issuer, openid, oauth) in [
        (
            "https://a.example",
            "https://a.example/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://a.example/",
            "https://a.example/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://a.example/t/1",
            "https://a.example/t/1/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server/t/1",
        ),
        (
            "https://a.example/t/1/",
            "https://a.example/t/1/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server/t/1",
        ),
        (
            "https://a.example:8443/%7Bt%7D",
            "https://a.example:8443/%7Bt%7D/.well-known/openid-configuration",
            "https://a.example:8443/.well-known/oauth-authorization-server/%7Bt%7D",
        ),
    ] {
        let provider = Provider::default();
        let mut retriever =
            Retriever::new(&settings(Location::Issuer(issuer.to_owned()), &provider)).unwrap();
        assert_eq!(error(&mut retriever).await, OidcErrorKind::UnexpectedStatus);
        assert_eq!(provider.asked(), [openid, oauth], "{issuer}");

        let jwks = format!("{}/jwks", issuer.trim_end_matches('/'));
        let json = serde_json::json!({"issuer": issuer, "jwks_uri": jwks}).to_string();
        provider
            .at(oauth, FetchResponse::new(200, json))
            .at(&jwks, FetchResponse::new(200, ONE));
        assert_eq!(kid(&mut retriever).await, "1");
        assert_eq!(provider.asked(), [openid, oauth, &jwks], "{issuer}");
    }
    // Only a 404 leads to the other URL.
    for status in [204, 400, 401, 403, 410, 500, 503] {
        let provider = provider();
        provider.at(METADATA, FetchResponse::new(status, ""));
        assert_eq!(
            error(&mut of_issuer(&provider)).await,
            OidcErrorKind::UnexpectedStatus
        );
        assert_eq!(provider.asked(), [METADATA]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_configured_metadata_url_is_the_only_one() {
    const ELSEWHERE: &str = "https://meta.example.net/common/config?v=2";
    const KEYS: &str = "https://meta.example.net/keys";
    let provider = provider();
    let settings = Settings {
        metadata_url: Some(ELSEWHERE.to_owned()),
        ..settings(Location::Issuer(ISSUER.to_owned()), &provider)
    };
    let mut retriever = Retriever::new(&settings).unwrap();
    assert_eq!(error(&mut retriever).await, OidcErrorKind::UnexpectedStatus);
    assert_eq!(provider.asked(), [ELSEWHERE]);
    // Its origin counts as the issuer's own; the issuer is still checked.
    provider
        .at(ELSEWHERE, metadata(KEYS))
        .at(KEYS, FetchResponse::new(200, ONE));
    assert_eq!(kid(&mut retriever).await, "1");
    assert_eq!(provider.last().addresses, Addresses::Any);
    provider.at(
        ELSEWHERE,
        FetchResponse::new(
            200,
            format!(r#"{{"issuer":"{ELSEWHERE}","jwks_uri":"{KEYS}"}}"#),
        ),
    );
    assert_eq!(
        error(&mut Retriever::new(&settings).unwrap()).await,
        OidcErrorKind::IssuerMismatch
    );
    let insecure = Settings {
        metadata_url: Some("http://meta.example.net/".to_owned()),
        ..settings
    };
    assert_eq!(
        Retriever::new(&insecure).err().unwrap().kind(),
        OidcErrorKind::InsecureUrl
    );
}

#[tokio::test(start_paused = true)]
async fn the_issuer_in_the_metadata_is_compared_exactly() {
    for of in [
        "https://id.example.com/",
        "https://ID.example.com",
        "https://id.example.com:443",
        "https://id.example.com ",
        "http://id.example.com",
        "https://id.example.org",
        "",
    ] {
        let provider = provider();
        let json = serde_json::json!({"issuer": of, "jwks_uri": JWKS}).to_string();
        provider.at(METADATA, FetchResponse::new(200, json));
        assert_eq!(
            error(&mut of_issuer(&provider)).await,
            OidcErrorKind::IssuerMismatch,
            "{of:?}"
        );
        assert_eq!(provider.asked(), [METADATA]);
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_metadata_is_refused() {
    let good = metadata(JWKS).content;
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend_from_slice(&good);
    let mut trailed = good.clone();
    trailed.extend_from_slice(b"{}");
    let broken = [
        &b""[..],
        b"null",
        b"[]",
        b"\"https://id.example.com\"",
        b"<!doctype html><title>Sign in</title>",
        br#"{"issuer": "https://id.example.com"}"#,
        br#"{"jwks_uri": "https://id.example.com/jwks"}"#,
        br#"{"issuer": ["https://id.example.com"], "jwks_uri": "https://id.example.com/jwks"}"#,
        br#"{"issuer": "https://id.example.com", "jwks_uri": null}"#,
        br#"{"issuer": "https://id.example.com", "jwks_uri": 7}"#,
        br#"{"issuer": "https://id.example.com", "issuer": "https://id.example.com", "jwks_uri": "https://id.example.com/jwks"}"#,
        br#"{"issuer": "https://id.example.com", "iss\u0075er": "https://id.example.org", "jwks_uri": "https://id.example.com/jwks"}"#,
        br#"{"issuer": "https://id.example.com", "jwks_uri": "https://id.example.com/jwks", "x": [{"y": 1, "y": 1}]}"#,
        br#"{"issuer": "https://id.example.com", "jwks_uri": "https://a.example/", "jwks_\u0075ri": "https://id.example.com/jwks"}"#,
        br#"{"a": 1, "a": 1, "issuer": "https://id.example.com", "jwks_uri": "https://id.example.com/jwks"}"#,
        b"{\"a\": \"\xff\", \"issuer\": \"https://id.example.com\", \"jwks_uri\": \"https://id.example.com/jwks\"}",
        &marked,
        &trailed,
    ];
    for content in broken {
        let provider = provider();
        provider.at(METADATA, FetchResponse::new(200, content));
        let text = String::from_utf8_lossy(content);
        assert_eq!(
            error(&mut of_issuer(&provider)).await,
            OidcErrorKind::Malformed,
            "{text}"
        );
        assert_eq!(provider.asked(), [METADATA]);
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_sets_are_refused() {
    use OidcErrorKind::{Malformed, NoUsableKey, TooLarge, UnexpectedStatus};
    let many = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 129].join(","));
    let unusable = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 128].join(","));
    let large = format!("{ONE}{}", " ".repeat(1 << 20));
    let marked = format!("\u{feff}{ONE}");
    let secret = r#"{"keys":[{"kty":"oct","k":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"}]}"#;
    let ok = |content: &str| FetchResponse::new(200, content);
    for (answer, kind) in [
        (ok(""), Malformed),
        (ok("<!doctype html><title>Sign in</title>"), Malformed),
        (ok("[]"), Malformed),
        (ok(r#"{"keys":{}}"#), Malformed),
        (ok(r#"{"keys":[],"keys":[]}"#), Malformed),
        (ok(&marked), Malformed),
        (ok(&many), Malformed),
        (ok(r#"{"keys":[]}"#), NoUsableKey),
        (ok(&unusable), NoUsableKey),
        (ok(secret), NoUsableKey),
        (ok(&large), TooLarge),
        (ok(ONE).with_header("content-encoding", "gzip"), Malformed),
        (
            ok(ONE)
                .with_header("content-encoding", "identity")
                .with_header("content-encoding", "br"),
            Malformed,
        ),
        (
            ok(ONE).with_header("content-encoding", b"\xff".to_vec()),
            Malformed,
        ),
        (FetchResponse::new(204, ONE), UnexpectedStatus),
        (FetchResponse::new(203, ONE), UnexpectedStatus),
        (FetchResponse::new(206, ONE), UnexpectedStatus),
        (FetchResponse::new(300, ONE), UnexpectedStatus),
        (FetchResponse::new(304, ""), UnexpectedStatus),
        (FetchResponse::new(404, ONE), UnexpectedStatus),
        (FetchResponse::new(500, ONE), UnexpectedStatus),
        (FetchResponse::new(503, ONE), UnexpectedStatus),
    ] {
        let provider = provider();
        let mut retriever = of_set(&provider);
        assert_eq!(kid(&mut retriever).await, "1");
        provider.at(JWKS, answer.clone());
        assert_eq!(error(&mut retriever).await, kind, "{answer:?}");
        // The cached state stays.
        provider.at(JWKS, ok(ONE));
        unchanged(&mut retriever).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_map_of_kid_to_certificate_is_a_set() {
    let provider = provider();
    let pem = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    let map = serde_json::json!({"k1": pem, "k2": "no certificate"});
    provider.at(JWKS, FetchResponse::new(200, map.to_string()));
    let set = keys(&mut of_set(&provider)).await;
    assert_eq!((set.keys()[0].kid(), set.skipped().len()), (Some("k1"), 1));
    // Without a usable certificate it is an error of the provider, not a map.
    for other in [r#"{"error": "overloaded"}"#, r#"{"k1": "AAAA"}"#, "{}"] {
        provider.at(JWKS, FetchResponse::new(200, other));
        let kind = error(&mut of_set(&provider)).await;
        assert_eq!(kind, OidcErrorKind::Malformed, "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn unusable_members_are_skipped_with_a_reason() {
    let provider = provider();
    let set = r#"{"keys":[
        {"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"oct","kid":"2","k":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"},
        {"kty":"OKP","crv":"Ed25519","kid":"3","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AA"},
        7
    ]}"#;
    provider.at(JWKS, FetchResponse::new(200, set));
    let set = keys(&mut of_set(&provider)).await;
    assert_eq!(set.len(), 1);
    let skipped: Vec<_> = set
        .skipped()
        .iter()
        .map(|skipped| (skipped.index, skipped.error.kind()))
        .collect();
    assert_eq!(
        skipped,
        [
            (1, KeyErrorKind::PublishedSecret),
            (2, KeyErrorKind::PrivateKey),
            (3, KeyErrorKind::Malformed)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_set_is_requested_with_its_validator() {
    for etag in ["\"1\"", "W/\"1\"", "\"\""] {
        let provider = provider();
        let mut retriever = of_set(&provider);
        let tagged = FetchResponse::new(200, ONE)
            .with_header("etag", etag)
            .with_header("cache-control", "max-age=100");
        provider.at(JWKS, tagged);
        keys(&mut retriever).await;
        assert_eq!(provider.last_etag(), None);

        // Facts that a 304 does not state stay as they were (RFC 9111 section 4.3.4).
        provider.at(JWKS, FetchResponse::new(304, ""));
        assert_eq!(
            unchanged(&mut retriever).await,
            Some(Duration::from_secs(100))
        );
        assert_eq!(provider.last_etag().as_deref(), Some(etag));
        provider.at(
            JWKS,
            FetchResponse::new(304, "")
                .with_header("cache-control", "max-age=50")
                .with_header("etag", "\"2\""),
        );
        assert_eq!(
            unchanged(&mut retriever).await,
            Some(Duration::from_secs(50))
        );
        assert_eq!(provider.last_etag().as_deref(), Some(etag));

        // A failure has no validator, and the last one is kept.
        provider.at(
            JWKS,
            FetchResponse::new(500, "").with_header("etag", "\"3\""),
        );
        assert_eq!(error(&mut retriever).await, OidcErrorKind::UnexpectedStatus);
        assert_eq!(provider.last_etag().as_deref(), Some("\"2\""));
        provider.at(
            JWKS,
            FetchResponse::new(200, "{}").with_header("etag", "\"3\""),
        );
        assert_eq!(error(&mut retriever).await, OidcErrorKind::Malformed);
        provider.at(JWKS, FetchResponse::new(200, TWO));
        assert_eq!(kid(&mut retriever).await, "2");
        assert_eq!(provider.last_etag().as_deref(), Some("\"2\""));

        // The new set has none.
        unchanged(&mut retriever).await;
        assert_eq!(provider.last_etag(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_validator_is_not_sent() {
    for etag in [
        "",
        "1",
        "\"1",
        "1\"",
        "w/\"1\"",
        "\"a\"b\"",
        "\"a b\"",
        "\"\u{e9}\"",
        "\"1\", \"2\"",
        "\"a\r\nb\"",
    ] {
        let provider = provider();
        let mut retriever = of_set(&provider);
        provider.at(JWKS, FetchResponse::new(200, ONE).with_header("etag", etag));
        keys(&mut retriever).await;
        unchanged(&mut retriever).await;
        assert_eq!(provider.last_etag(), None, "{etag:?}");
    }
    let provider = provider();
    let mut retriever = of_set(&provider);
    let twice = FetchResponse::new(200, ONE)
        .with_header("etag", "\"1\"")
        .with_header("etag", "\"1\"");
    provider.at(JWKS, twice);
    keys(&mut retriever).await;
    unchanged(&mut retriever).await;
    assert_eq!(provider.last_etag(), None);
}

#[tokio::test(start_paused = true)]
async fn a_moved_set_is_requested_without_a_validator() {
    let provider = provider();
    let mut retriever = of_issuer(&provider);
    provider.at(
        JWKS,
        FetchResponse::new(200, ONE).with_header("etag", "\"1\""),
    );
    keys(&mut retriever).await;
    tokio::time::advance(Duration::from_secs(600)).await;
    provider.at(METADATA, metadata(MOVED)).at(
        MOVED,
        FetchResponse::new(304, "").with_header("etag", "\"1\""),
    );
    assert_eq!(error(&mut retriever).await, OidcErrorKind::UnexpectedStatus);
    assert_eq!(provider.last_etag(), None);
    provider.at(
        MOVED,
        FetchResponse::new(200, ONE).with_header("etag", "\"1\""),
    );
    unchanged(&mut retriever).await;
    unchanged(&mut retriever).await;
    assert_eq!(provider.last_etag().as_deref(), Some("\"1\""));
}

#[tokio::test(start_paused = true)]
async fn metadata_is_fetched_again_after_a_missing_set() {
    let provider = provider();
    let mut retriever = of_issuer(&provider);
    keys(&mut retriever).await;
    provider.at(JWKS, FetchResponse::new(410, ""));
    assert_eq!(error(&mut retriever).await, OidcErrorKind::UnexpectedStatus);
    provider.asked();
    provider
        .at(METADATA, metadata(MOVED))
        .at(MOVED, FetchResponse::new(200, TWO));
    assert_eq!(kid(&mut retriever).await, "2");
    assert_eq!(provider.asked(), [METADATA, MOVED]);
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_longer_than_the_timeout() {
    let provider = provider();
    let mut retriever = of_issuer(&provider);
    for hanging in [METADATA, JWKS] {
        provider.hang(hanging);
        let before = tokio::time::Instant::now();
        assert_eq!(error(&mut retriever).await, OidcErrorKind::TimedOut);
        let took = before.elapsed();
        assert!(
            took >= Duration::from_secs(5) && took < Duration::from_millis(5100),
            "{took:?}"
        );
        provider.at(METADATA, metadata(JWKS));
    }
    // A dropped retrieval leaves the state unchanged.
    provider.at(JWKS, FetchResponse::new(200, ONE));
    keys(&mut retriever).await;
    provider.hang(JWKS);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), retriever.retrieve())
            .await
            .is_err()
    );
    provider.asked();
    provider.at(JWKS, FetchResponse::new(200, ONE));
    unchanged(&mut retriever).await;
    assert_eq!(provider.asked(), [JWKS]);
}

#[tokio::test(start_paused = true)]
async fn redirects_do_not_extend_the_timeout() {
    struct Slow;
    impl Fetch for Slow {
        fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
            Box::pin(async move {
                tokio::time::sleep(request.timeout.min(Duration::from_secs(2))).await;
                Ok(FetchResponse::new(302, "").with_header("location", "/next"))
            })
        }
    }
    let settings = Settings {
        fetch: Some(Arc::new(Slow)),
        ..Settings::new(Location::Jwks(JWKS.to_owned()))
    };
    let before = tokio::time::Instant::now();
    assert_eq!(
        error(&mut Retriever::new(&settings).unwrap()).await,
        OidcErrorKind::TimedOut
    );
    assert!(before.elapsed() < Duration::from_millis(5100));
}

#[tokio::test(start_paused = true)]
async fn redirects_stay_on_the_origin() {
    use OidcErrorKind::{InvalidUrl, Redirected, UnexpectedStatus};
    for (location, kind) in [
        ("https://evil.example/jwks", Redirected),
        ("//evil.example/jwks", Redirected),
        ("https://id.example.com:8443/jwks", Redirected),
        ("http://id.example.com/jwks", Redirected),
        ("https://id.example.com./jwks", Redirected),
        ("https://id.example.com.evil.example/", Redirected),
        ("https://evil.example\\@id.example.com/", InvalidUrl),
        ("\\\\evil.example\\jwks", InvalidUrl),
        ("https://user@id.example.com/moved", InvalidUrl),
        ("https://@id.example.com/moved", InvalidUrl),
        ("/moved#1", InvalidUrl),
        ("/mov\ted", InvalidUrl),
        ("file:///etc/passwd", InvalidUrl),
        ("data:application/json,{}", InvalidUrl),
        ("https://", InvalidUrl),
    ] {
        let provider = provider();
        provider
            .at(
                JWKS,
                FetchResponse::new(302, "").with_header("location", location),
            )
            .at("https://id.example.com/moved", FetchResponse::new(200, ONE));
        assert_eq!(error(&mut of_set(&provider)).await, kind, "{location}");
        assert_eq!(provider.asked(), [JWKS], "{location}");
    }
    // No `location`, or two.
    let provider = provider();
    provider.at(JWKS, FetchResponse::new(302, ONE));
    assert_eq!(error(&mut of_set(&provider)).await, UnexpectedStatus);
    let twice = FetchResponse::new(302, ONE)
        .with_header("location", "/a")
        .with_header("location", "/b");
    provider.at(JWKS, twice);
    assert_eq!(error(&mut of_set(&provider)).await, UnexpectedStatus);
}

#[tokio::test(start_paused = true)]
async fn three_redirects_are_followed() {
    for status in [301, 302, 303, 307, 308] {
        let provider = provider();
        for (from, to) in [
            ("jwks", "/1"),
            ("1", "2"),
            ("2", "https://id.example.com/3"),
            ("3", "/a//b@c"),
        ] {
            let url = format!("https://id.example.com/{from}");
            provider.at(
                &url,
                FetchResponse::new(status, "").with_header("location", to),
            );
        }
        assert_eq!(
            error(&mut of_set(&provider)).await,
            OidcErrorKind::Redirected
        );
        assert_eq!(provider.asked().len(), 4);

        provider.at("https://id.example.com/3", FetchResponse::new(200, ONE));
        assert_eq!(kid(&mut of_set(&provider)).await, "1");
        provider.at(
            "https://id.example.com/2",
            FetchResponse::new(status, "").with_header("location", "/a//b@c"),
        );
        provider.at(
            "https://id.example.com/a//b@c",
            FetchResponse::new(200, TWO),
        );
        assert_eq!(kid(&mut of_set(&provider)).await, "2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_validator_applies_to_its_url_only() {
    let provider = provider();
    let to = |path: &str| FetchResponse::new(302, "").with_header("location", path);
    let tagged = |content| FetchResponse::new(200, content).with_header("etag", "\"1\"");
    provider
        .at(JWKS, to("/a"))
        .at("https://id.example.com/a", tagged(ONE));
    let mut retriever = of_set(&provider);
    keys(&mut retriever).await;
    unchanged(&mut retriever).await;
    assert_eq!(provider.last_etag().as_deref(), Some("\"1\""));
    // Another document with the same validator.
    provider
        .at(JWKS, to("/b"))
        .at("https://id.example.com/b", tagged(TWO));
    assert_eq!(kid(&mut retriever).await, "2");
    assert_eq!(provider.last_etag(), None);
    provider.at("https://id.example.com/b", FetchResponse::new(304, ""));
    unchanged(&mut retriever).await;
}

#[tokio::test(start_paused = true)]
async fn an_issuer_may_name_only_public_hosts() {
    use OidcErrorKind::{InsecureUrl, InvalidUrl, PrivateAddress};
    const FOREIGN: &str = "https://keys.example.net/jwks";
    let provider = provider();
    provider
        .at(METADATA, metadata(FOREIGN))
        .at(FOREIGN, FetchResponse::new(200, ONE));
    keys(&mut of_issuer(&provider)).await;
    assert_eq!(provider.last().addresses, Addresses::Public);
    for (jwks_uri, kind) in [
        ("http://id.example.com/jwks", InsecureUrl),
        ("http://localhost/jwks", InsecureUrl),
        ("https://localhost/jwks", PrivateAddress),
        ("https://localhost./jwks", PrivateAddress),
        ("https://a.LocalHost/jwks", PrivateAddress),
        ("https://db.internal/jwks", PrivateAddress),
        ("https://printer.local./jwks", PrivateAddress),
        ("https://nas.home.arpa/jwks", PrivateAddress),
        ("https://127.0.0.1/jwks", PrivateAddress),
        ("https://127.1/jwks", PrivateAddress),
        ("https://2130706433/jwks", PrivateAddress),
        ("https://0x7f000001/jwks", PrivateAddress),
        ("https://0177.0.0.1/jwks", PrivateAddress),
        ("https://127.0.0.1./jwks", PrivateAddress),
        ("https://0/jwks", PrivateAddress),
        ("https://%31%32%37.0.0.1/jwks", PrivateAddress),
        ("https://169.254.169.254/latest/meta-data/", PrivateAddress),
        ("https://10.0.0.1/jwks", PrivateAddress),
        ("https://100.64.0.1/jwks", PrivateAddress),
        ("https://[::1]/jwks", PrivateAddress),
        ("https://[::]/jwks", PrivateAddress),
        ("https://[::ffff:7f00:1]/jwks", PrivateAddress),
        ("https://[::ffff:169.254.169.254]/jwks", PrivateAddress),
        ("https://[64:ff9b::a00:1]/jwks", PrivateAddress),
        ("https://[2002:a00:1::]/jwks", PrivateAddress),
        ("https://[fd00:ec2::254]/jwks", PrivateAddress),
        ("https://[fe80::1]/jwks", PrivateAddress),
        ("https://user:secret@keys.example.net/jwks", InvalidUrl),
        ("https://@keys.example.net/jwks", InvalidUrl),
        ("https://keys.example.net/jwks#", InvalidUrl),
        ("ftp://keys.example.net/jwks", InvalidUrl),
        ("https:keys.example.net/jwks", InvalidUrl),
        ("https:///keys.example.net/jwks", InvalidUrl),
        ("https:\\\\keys.example.net/jwks", InvalidUrl),
        (" https://keys.example.net/jwks", InvalidUrl),
        ("https://keys.example.net/jw ks", InvalidUrl),
        ("https://k\u{e9}ys.example.net/jwks", InvalidUrl),
        ("/jwks", InvalidUrl),
        ("jwks", InvalidUrl),
        ("", InvalidUrl),
    ] {
        provider.at(METADATA, metadata(jwks_uri));
        provider.asked();
        let error = of_issuer(&provider).retrieve().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{jwks_uri}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(provider.asked(), [METADATA], "{jwks_uri}");
    }
    let long = format!("{JWKS}?{}", "a".repeat(2048));
    provider.at(METADATA, metadata(&long));
    assert_eq!(error(&mut of_issuer(&provider)).await, InvalidUrl);
}

#[tokio::test(start_paused = true)]
async fn dangerous_options_disable_their_checks() {
    let provider = provider();
    let base = settings(Location::Issuer(ISSUER.to_owned()), &provider);
    provider.at(METADATA, metadata("https://10.0.0.1/jwks"));
    provider.at("https://10.0.0.1/jwks", FetchResponse::new(200, ONE));
    let private = Settings {
        private_addresses: true,
        ..base.clone()
    };
    keys(&mut Retriever::new(&private).unwrap()).await;
    assert_eq!(provider.last().addresses, Addresses::Any);

    provider.at(METADATA, metadata("http://keys.example.net/jwks"));
    provider.at("http://keys.example.net/jwks", FetchResponse::new(200, ONE));
    let plain = Settings {
        plain_http: true,
        ..base.clone()
    };
    keys(&mut Retriever::new(&plain).unwrap()).await;
    assert_eq!(provider.last().addresses, Addresses::Public);
    assert_eq!(
        error(&mut Retriever::new(&private).unwrap()).await,
        OidcErrorKind::InsecureUrl
    );

    // An additional rule is stricter.
    let same = Settings {
        same_origin: true,
        ..base
    };
    for (jwks_uri, kind) in [
        (
            "https://keys.example.net/jwks",
            OidcErrorKind::ForeignOrigin,
        ),
        (
            "https://id.example.com:8443/jwks",
            OidcErrorKind::ForeignOrigin,
        ),
        ("http://id.example.com/jwks", OidcErrorKind::ForeignOrigin),
    ] {
        provider.at(METADATA, metadata(jwks_uri));
        assert_eq!(error(&mut Retriever::new(&same).unwrap()).await, kind);
    }
    provider.at(METADATA, metadata("https://ID.example.com:443/jwks"));
    keys(&mut Retriever::new(&same).unwrap()).await;
}

#[test]
fn urls_of_the_configuration_are_checked() {
    use OidcErrorKind::{InsecureUrl, InvalidUrl, PrivateAddress};
    let provider = Provider::default();
    let try_both = |text: &str, change: &dyn Fn(&mut Settings)| {
        let mut kinds = [
            Location::Issuer(text.to_owned()),
            Location::Jwks(text.to_owned()),
        ]
        .map(|location| {
            let mut settings = settings(location, &provider);
            change(&mut settings);
            Retriever::new(&settings).map_or_else(|error| Some(error.kind()), |_| None)
        });
        assert_eq!(kinds[0], kinds[1], "{text}");
        kinds[0].take()
    };
    for (text, kind) in [
        ("https://id.example.com/a", None),
        ("HTTPS://ID.EXAMPLE.COM", None),
        ("https://10.0.0.1", None),
        ("https://keycloak", None),
        ("http://localhost:3000", None),
        ("http://127.0.0.1:3000", None),
        ("http://127.255.0.1", None),
        ("http://[::1]:3000/a", None),
        ("http://id.example.com", Some(InsecureUrl)),
        ("http://localhost.example.com", Some(InsecureUrl)),
        ("http://a.localhost", Some(InsecureUrl)),
        ("http://127.0.0.1.example.com", Some(InsecureUrl)),
        ("http://10.0.0.1", Some(InsecureUrl)),
        ("http://0.0.0.0", Some(InsecureUrl)),
        ("http://[::ffff:127.0.0.1]", Some(InsecureUrl)),
        ("http://localhost@id.example.com", Some(InvalidUrl)),
        ("https://user:secret@id.example.com", Some(InvalidUrl)),
        ("https://id.example.com#a", Some(InvalidUrl)),
        ("https://id.example.com:99999", Some(InvalidUrl)),
        ("https://id.exam ple.com", Some(InvalidUrl)),
        ("https://id.example.com\n", Some(InvalidUrl)),
        ("https://", Some(InvalidUrl)),
        ("https://?a", Some(InvalidUrl)),
        ("ws://id.example.com", Some(InvalidUrl)),
        ("id.example.com", Some(InvalidUrl)),
        ("", Some(InvalidUrl)),
    ] {
        assert_eq!(try_both(text, &|_| {}), kind, "{text}");
        let public_https = text.starts_with("https://id.example.com/") || text.starts_with("HTTPS");
        let supplied = try_both(text, &|settings| settings.issuer_supplied = true);
        match kind {
            None if public_https || text == "https://keycloak" => {
                assert_eq!(supplied, None, "{text}");
            }
            None if text.starts_with("https") => {
                assert_eq!(supplied, Some(PrivateAddress), "{text}");
            }
            None => assert_eq!(supplied, Some(InsecureUrl), "{text}"),
            kind => assert_eq!(supplied, kind, "{text}"),
        }
        let plain = try_both(text, &|settings| settings.plain_http = true);
        assert_eq!(plain, kind.filter(|kind| *kind != InsecureUrl), "{text}");
    }
    let query = settings(
        Location::Issuer("https://id.example.com?a".to_owned()),
        &provider,
    );
    assert_eq!(Retriever::new(&query).err().unwrap().kind(), InvalidUrl);
    let query = settings(
        Location::Jwks("https://id.example.com?a".to_owned()),
        &provider,
    );
    assert!(Retriever::new(&query).is_ok());
}

/// A client that cannot connect.
struct Down;
impl Fetch for Down {
    fn get(&self, _: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        Box::pin(async {
            Err(FetchError::new(
                FetchErrorKind::Unreachable,
                "connection refused",
            ))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn errors_name_the_url_without_its_query() {
    let provider = Provider::default();
    let url = "https://id.example.com/jwks?key=secret".to_owned();
    let mut retriever = Retriever::new(&settings(Location::Jwks(url), &provider)).unwrap();
    let error = retriever.retrieve().await.unwrap_err().to_string();
    assert_eq!(error, "https://id.example.com/jwks: unexpected status 404");
    assert_eq!(provider.asked(), ["https://id.example.com/jwks?key=secret"]);

    let settings = Settings {
        fetch: Some(Arc::new(Down)),
        ..Settings::new(Location::Jwks(JWKS.to_owned()))
    };
    let error = Retriever::new(&settings)
        .unwrap()
        .retrieve()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), OidcErrorKind::Unreachable);
    assert_eq!(
        error.to_string(),
        "https://id.example.com/jwks: connection refused"
    );
}

#[test]
fn retrievals_are_send() {
    fn crosses<T: Send>(_: &T) {}
    let mut retriever = of_set(&Provider::default());
    crosses(&retriever);
    crosses(&retriever.retrieve());
}

#[tokio::test(start_paused = true)]
async fn after_an_empty_set_the_metadata_is_fetched_past_caches() {
    let provider = provider();
    let mut retriever = of_issuer(&provider);
    assert_eq!(kid(&mut retriever).await, "1");
    provider.at(JWKS, FetchResponse::new(200, r#"{"keys":[]}"#));
    for _ in 0..2 {
        let _ = error(&mut retriever).await;
    }
    let requests = provider.requests.lock().unwrap();
    let of_metadata: Vec<_> = requests
        .iter()
        .filter(|asked| asked.url == METADATA)
        .collect();
    let no_cache = |asked: &FetchRequest| {
        asked
            .headers
            .contains(&("cache-control", "no-cache".to_owned()))
    };
    assert_eq!(of_metadata.len(), 2);
    assert!(!no_cache(of_metadata[0]) && no_cache(of_metadata[1]));
}

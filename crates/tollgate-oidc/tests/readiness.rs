//! The readiness endpoint while keys arrive, age, expire and return.
#![allow(clippy::unwrap_used)]

mod time;

use std::time::Duration;

use serde_json::{Value, json};
use time::{pass, settled};
use tollgate_core::{Algorithm, Answer, Endpoint, EndpointRequest, Step, TrustedIssuer, Verifier};
use tollgate_oidc::{
    FetchErrorKind, FetchResponse, ReadinessEndpoint, RemoteJwks, RemoteKeys, Tenants,
};
use tollgate_testkit::{FakeClock, FakeProvider, Mint, keys};

const JWKS: &str = "https://id.example.com/jwks.json";
const OTHER: &str = "https://other.example.com/jwks.json";

struct House {
    clock: FakeClock,
    provider: FakeProvider,
}

impl House {
    fn open() -> Self {
        let provider = FakeProvider::new();
        for url in [JWKS, OTHER] {
            provider.publish(url, &[keys::signing(Algorithm::ES256).with_kid("2031-01")]);
        }
        Self {
            clock: FakeClock::ticking(),
            provider,
        }
    }

    fn source(&self, url: &str) -> RemoteJwks {
        RemoteJwks::new(url)
            .fetch(self.provider.clone())
            .clock(self.clock.clone())
            .jitter(|| 0.0)
    }

    async fn keys(&self, url: &str) -> RemoteKeys {
        self.source(url).connect().await.unwrap()
    }
}

async fn get(endpoint: &ReadinessEndpoint) -> Answer {
    endpoint.respond(EndpointRequest::new("GET", "/")).await
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_answer_follows_the_keys_through_an_outage() {
    let house = House::open();
    let keys = house.source(JWKS).lazy().unwrap();
    let lenient = ReadinessEndpoint::new().keys("id", keys.clone());
    let strict = lenient.clone().fail_when_stale();
    let statuses = async || (get(&lenient).await.status, get(&strict).await.status);

    assert_eq!(statuses().await, (503, 503));
    settled().await;
    assert_eq!(statuses().await, (200, 200));

    house.provider.fail(JWKS, FetchErrorKind::Unreachable);
    pass(Duration::from_secs(599)).await;
    assert_eq!(statuses().await, (200, 200));
    pass(Duration::from_secs(2)).await;
    assert_eq!(statuses().await, (200, 503));
    pass(Duration::from_secs(3598)).await;
    assert_eq!(statuses().await, (200, 503));
    pass(Duration::from_secs(2)).await;
    assert_eq!(statuses().await, (503, 503));

    house
        .provider
        .publish(JWKS, &[keys::signing(Algorithm::ES256)]);
    pass(Duration::from_secs(600)).await;
    assert_eq!(statuses().await, (200, 200));
}

#[tokio::test(start_paused = true)]
async fn one_unavailable_source_fails_the_probe() {
    let house = House::open();
    house.provider.fail(OTHER, FetchErrorKind::TimedOut);
    let endpoint = ReadinessEndpoint::new()
        .keys("id", house.keys(JWKS).await)
        .keys("other", house.source(OTHER).lazy().unwrap())
        .detailed();
    settled().await;
    let answer = get(&endpoint).await;
    assert_eq!(answer.status, 503);
    let body = body(&answer);
    assert_eq!(body["status"], "unavailable");
    let readiness = |n: usize| body["sources"][n]["readiness"].as_str().unwrap();
    assert_eq!((readiness(0), readiness(1)), ("ready", "unavailable"));
    assert!(body["sources"][1]["last_error"].is_string());
}

#[tokio::test(start_paused = true)]
async fn the_details_contain_the_status_of_each_source() {
    let house = House::open();
    let keys = house.keys(JWKS).await;
    let verifier = Verifier::builder()
        .issuer(Mint::ISSUER)
        .audience(Mint::AUDIENCE)
        .key_source(keys.clone())
        .clock(house.clock.clone())
        .build()
        .unwrap();
    let endpoint = ReadinessEndpoint::new().keys("id", keys).detailed();
    pass(Duration::from_millis(59_900)).await;
    let key = keys::signing(Algorithm::ES256).with_kid("2031-01");
    verifier
        .verify(Mint::new(key, &house.clock).token().build())
        .unwrap();

    let answer = get(&endpoint).await;
    assert_eq!(answer.header("cache-control"), Some(&b"no-store"[..]));
    assert_eq!(
        answer.header("content-type"),
        Some(&b"application/json"[..])
    );
    assert_eq!(
        answer.header("x-content-type-options"),
        Some(&b"nosniff"[..])
    );
    let wanted = json!({
        "status": "ready",
        "sources": [{
            "name": "id", "source": JWKS, "readiness": "ready",
            "last_success": FakeClock::START, "age": 59, "next_refresh": 420, "expires_in": 4140,
            "consecutive_failures": 0, "last_error": null, "fetches": 1,
            "keys": [{"kid": "2031-01", "algorithms": ["ES256"],
                "last_used": house.clock.seconds()}],
            "skipped": [],
        }],
        "tenants": [],
    });
    assert_eq!(body(&answer), wanted);
}

#[tokio::test(start_paused = true)]
async fn without_details_the_response_reveals_no_keys() {
    let house = House::open();
    let endpoint = ReadinessEndpoint::new().keys("id", house.keys(JWKS).await);
    assert_eq!(get(&endpoint).await.body, br#"{"status":"ready"}"#);
    house.provider.fail(JWKS, FetchErrorKind::Unreachable);
    pass(Duration::from_secs(5000)).await;
    assert_eq!(get(&endpoint).await.body, br#"{"status":"unavailable"}"#);
}

#[tokio::test(start_paused = true)]
async fn names_from_the_provider_are_escaped() {
    let house = House::open();
    for kid in [
        "\"}],\"status\":\"ready",
        "</script><script>",
        "\r\nset-cookie: a=1",
        "\u{0}\u{1}\u{7f}",
        "\u{2028}\\",
    ] {
        house
            .provider
            .publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid(kid)]);
        let endpoint = ReadinessEndpoint::new()
            .keys("id", house.keys(JWKS).await)
            .detailed();
        let answer = get(&endpoint).await;
        let said = &body(&answer)["sources"][0]["keys"];
        assert_eq!(
            *said,
            json!([{"kid": kid, "algorithms": ["ES256"], "last_used": null}])
        );
        assert!(answer.body.iter().all(|byte| *byte >= b' '), "{kid:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_get_and_head_are_answered() {
    let house = House::open();
    let endpoint = ReadinessEndpoint::new()
        .keys("id", house.keys(JWKS).await)
        .detailed();
    let got = get(&endpoint).await;
    let head = endpoint.respond(EndpointRequest::new("HEAD", "/")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(
        head.header("content-length"),
        Some(got.body.len().to_string().as_bytes())
    );
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""] {
        let answer = endpoint.respond(EndpointRequest::new(method, "/")).await;
        assert_eq!((answer.status, answer.body.len()), (405, 0), "{method}");
        assert_eq!(answer.header("allow"), Some(&b"GET, HEAD"[..]), "{method}");
    }
    assert_eq!(endpoint.content_limit(), 0);
}

#[tokio::test(start_paused = true)]
async fn probes_cause_no_fetch() {
    let house = House::open();
    let endpoint = ReadinessEndpoint::new()
        .keys("id", house.keys(JWKS).await)
        .detailed();
    house.provider.fail(JWKS, FetchErrorKind::Unreachable);
    pass(Duration::from_secs(5000)).await;
    let before = house.provider.count(JWKS);
    for _ in 0..1000 {
        get(&endpoint).await;
    }
    settled().await;
    assert_eq!(house.provider.count(JWKS), before);
}

#[tokio::test(start_paused = true)]
async fn one_tenants_outage_does_not_affect_the_others() {
    let house = House::open();
    let provider = house.provider.clone();
    let tenants =
        Tenants::builder(|issuer| Some(TrustedIssuer::new(issuer).audience(Mint::AUDIENCE)))
            .keys(|oidc| oidc.fetch(provider))
            .build()
            .unwrap();
    let verifier = Verifier::builder()
        .issuer_source(tenants.clone())
        .clock(house.clock.clone())
        .build()
        .unwrap();
    let mint = Mint::new(keys::signing(Algorithm::ES256), &house.clock);
    house
        .provider
        .describe("https://a.example", "https://a.example/jwks");
    house
        .provider
        .publish("https://a.example/jwks", &[keys::signing(Algorithm::ES256)]);
    for (issuer, good) in [("https://a.example", true), ("https://down.example", false)] {
        let token = mint.token().claim("iss", issuer).build();
        let Step::Pending(pending) = verifier.begin(token) else {
            panic!("{issuer}")
        };
        assert_eq!(pending.await.is_ok(), good, "{issuer}");
    }
    let endpoint = ReadinessEndpoint::new()
        .tenants("customers", tenants)
        .detailed();
    let answer = get(&endpoint).await;
    assert_eq!(answer.status, 200);
    let wanted = json!([{"name": "customers", "kept": 2, "proven": 1, "ready": 1, "stale": 0,
        "unavailable": 1}]);
    assert_eq!(body(&answer)["tenants"], wanted);
    assert!(!String::from_utf8_lossy(&answer.body).contains("down.example"));
}

#[tokio::test(start_paused = true)]
async fn text_from_a_provider_is_quoted_and_bounded() {
    let house = House::open();
    house.provider.answer(
        JWKS,
        FetchResponse::new(200, format!("<html>\"{}", "x".repeat(100_000))),
    );
    let endpoint = ReadinessEndpoint::new()
        .keys("id", house.source(JWKS).lazy().unwrap())
        .detailed();
    settled().await;
    let answer = get(&endpoint).await;
    assert!(body(&answer)["sources"][0]["last_error"].is_string());
    assert!(answer.body.len() < 4_096, "{}", answer.body.len());
}

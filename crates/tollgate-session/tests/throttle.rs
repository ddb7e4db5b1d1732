//! Login throttling by the public interface: bounds, and no lockout by strangers.

#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tollgate::extend::{Endpoint, EndpointRequest};
use tollgate::session::{
    AttemptCharge, AttemptKey, AttemptLevel, AttemptMemory, CookieTransport, Issuer, Login,
    LoginAttempt, LoginFailure, LoginRequest, LoginThrottle, MemoryStore, RefreshKey,
    SessionEndpoints, Sessions, Transport,
};
use tollgate_core::Algorithm;
use tollgate_testkit::{FakeClock, keys};

const NOW: u64 = 1_700_000_000;
const DAY: u64 = 86_400;

fn sessions(store: MemoryStore, clock: &FakeClock) -> Sessions {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("shop")
        .signing_key(keys::signing(Algorithm::HS256))
        .clock(clock.clone())
        .build()
        .unwrap();
    let builder = Sessions::builder(issuer, store).refresh_key(RefreshKey::new(1, [7; 32]));
    builder.build().unwrap()
}

fn new() -> (Sessions, FakeClock) {
    let clock = FakeClock::at(NOW);
    (sessions(MemoryStore::default(), &clock), clock)
}

/// Returns whether a failed attempt is asked for its password.
async fn fails(sessions: &Sessions, name: &str, address: impl Into<IpAddr>) -> bool {
    let attempt = LoginAttempt::new().name(name).address(address.into());
    let asked = sessions.attempt(&LoginThrottle::default(), attempt).await;
    asked.is_ok()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn strangers_lock_nobody_out(
        strangers in prop::collection::vec((0_u8..20, 0_u64..900, any::<bool>()), 0..300),
    ) {
        run(async {
            let (sessions, clock) = new();
            let throttle = LoginThrottle::default();
            let known = LoginAttempt::new().name("alice").address([9, 0, 0, 1].into());
            let known = sessions.attempt(&throttle, known).await.unwrap();
            let token = known.succeeded().await.unwrap();
            let mut now = NOW;
            for (network, pause, alice) in strangers {
                now += pause;
                clock.set(now);
                let name = if alice { "alice" } else { "bob" };
                let _ = fails(&sessions, name, [203, 0, 113, network]).await;
                // From another network, and by a known device beside the strangers.
                assert!(owner(&sessions, LoginAttempt::new().address([9, 0, 0, 2].into())).await);
                let beside = LoginAttempt::new().address([203, 0, 113, network].into());
                assert!(owner(&sessions, beside.device(&*token)).await);
            }
        });
    }

    #[test]
    fn one_number_follows_the_rule(
        changes in prop::collection::vec((0_u64..200, any::<bool>()), 1..100),
    ) {
        let memory = AttemptMemory::default();
        let (mut now, mut stored) = (NOW, None);
        for (pause, give_back) in changes {
            now += pause;
            let key = AttemptKey::new([7; 16]);
            let charge = AttemptCharge { key, seconds: 60, most: 300, give_back };
            let (level, end) = charge.apply(stored, now);
            assert_eq!(memory.charge(&[charge], now), [level]);
            assert!(level.seconds <= 300 && end == now + level.seconds);
            stored = Some(end);
        }
    }
}

/// Returns whether the owner of `alice` is asked, and then logs in.
async fn owner(sessions: &Sessions, attempt: LoginAttempt) -> bool {
    let asked = sessions
        .attempt(&LoginThrottle::default(), attempt.name("alice"))
        .await;
    match asked {
        Ok(pending) => pending.succeeded().await.is_some(),
        Err(_) => false,
    }
}

/// Counts the attempts of a day at which `names` and `networks` are tried in turn.
async fn of_a_day(names: usize, networks: u8) -> usize {
    let (sessions, clock) = new();
    let mut asked = 0;
    for second in (0..DAY).step_by(60) {
        clock.set(NOW + second);
        for network in 0..networks {
            for at in 0..names {
                let name = format!("user-{at}");
                asked += usize::from(fails(&sessions, &name, [203, 0, 113, network]).await);
            }
        }
    }
    asked
}

#[tokio::test]
async fn the_attempts_of_a_day_are_bounded() {
    // 10 and one each 20 minutes.
    assert!((70..=82).contains(&of_a_day(1, 1).await));
    // 100 and one each 2 minutes.
    assert!((700..=820).contains(&of_a_day(50, 1).await));
    // 50 and one each 10 minutes, and 3 and one each 20 minutes for each network.
    assert!(of_a_day(1, 20).await <= 194 + 20 * 75);
}

#[tokio::test]
async fn all_spellings_of_a_name_and_a_network_share_a_budget() {
    let (sessions, _) = new();
    for at in 0..10_u16 {
        let name = ["alice", " Alice", "ALICE\t"][usize::from(at % 3)];
        assert!(fails(&sessions, name, [0x2001, 0xdb8, 0, 1, at, 0, 0, at]).await);
    }
    assert!(!fails(&sessions, "alice", [0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]).await);
    assert!(fails(&sessions, "alice", [0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]).await);
    for _ in 0..10 {
        assert!(fails(&sessions, "bob", [203, 0, 113, 7]).await);
    }
    let mapped: IpAddr = "::ffff:203.0.113.7".parse().unwrap();
    assert!(!fails(&sessions, "bob", mapped).await);
}

#[tokio::test]
async fn attempts_under_way_count_and_successes_do_not() {
    let (sessions, clock) = new();
    let throttle = LoginThrottle::default();
    let attempt = || {
        LoginAttempt::new()
            .name("alice")
            .address([203, 0, 113, 7].into())
    };
    let mut pending = Vec::new();
    for _ in 0..10 {
        pending.push(sessions.attempt(&throttle, attempt()).await.unwrap());
    }
    let refused = sessions.attempt(&throttle, attempt()).await.unwrap_err();
    assert_eq!(refused.retry_after(), Duration::from_secs(1200));
    for pending in pending {
        pending.succeeded().await;
    }
    for _ in 0..200 {
        let pending = sessions.attempt(&throttle, attempt()).await.unwrap();
        pending.withdrawn().await;
    }
    // One that took longer than its budget needs to refill gives nothing back.
    let slow = sessions.attempt(&throttle, attempt()).await.unwrap();
    clock.set(NOW + 1200);
    for _ in 0..10 {
        assert!(fails(&sessions, "alice", [203, 0, 113, 7]).await);
    }
    slow.succeeded().await;
    assert!(!fails(&sessions, "alice", [203, 0, 113, 7]).await);
}

#[tokio::test]
async fn instances_share_the_budgets_of_a_store() {
    let (store, clock) = (MemoryStore::default(), FakeClock::at(NOW));
    let (one, other) = (sessions(store.clone(), &clock), sessions(store, &clock));
    for _ in 0..5 {
        assert!(fails(&one, "alice", [203, 0, 113, 7]).await);
        assert!(fails(&other, "alice", [203, 0, 113, 7]).await);
    }
    assert!(!fails(&one, "alice", [203, 0, 113, 7]).await);
    assert!(!fails(&other, "alice", [203, 0, 113, 7]).await);
}

#[tokio::test]
async fn a_device_is_known_by_its_own_name_alone() {
    let (sessions, clock) = new();
    let throttle = LoginThrottle::default();
    let mallory = LoginAttempt::new()
        .name("mallory")
        .address([9, 0, 0, 1].into());
    let mallory = sessions.attempt(&throttle, mallory).await.unwrap();
    let token = mallory.succeeded().await.unwrap();
    let both = || {
        let attempt = LoginAttempt::new().name("mallory").name("alice");
        attempt.address([203, 0, 113, 7].into()).device(&*token)
    };
    for _ in 0..10 {
        assert!(sessions.attempt(&throttle, both()).await.is_ok());
    }
    assert!(sessions.attempt(&throttle, both()).await.is_err());
    assert!(!fails(&sessions, "alice", [203, 0, 113, 7]).await);

    let alone = || {
        LoginAttempt::new()
            .name("mallory")
            .address([203, 0, 113, 7].into())
    };
    let (forged, later) = (
        format!("{}AAAA", &token[..token.len() - 4]),
        NOW + 180 * DAY,
    );
    for _ in 0..10 {
        assert!(
            sessions
                .attempt(&throttle, alone().device(&*forged))
                .await
                .is_ok()
        );
    }
    assert!(
        sessions
            .attempt(&throttle, alone().device(&*forged))
            .await
            .is_err()
    );
    clock.set(later);
    for _ in 0..10 {
        assert!(
            sessions
                .attempt(&throttle, alone().device(&*token))
                .await
                .is_ok()
        );
    }
    assert!(
        !fails(&sessions, "mallory", [203, 0, 113, 7]).await,
        "the token has expired"
    );
}

#[derive(serde::Deserialize)]
struct Credentials {
    #[serde(alias = "email", alias = "identifier", alias = "User-Name")]
    user: String,
    password: String,
}

/// Returns endpoints and the number of calls of their login function.
fn endpoints(transport: Transport) -> (SessionEndpoints, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let login = move |request: LoginRequest| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            let Credentials { user, password } = request.read()?;
            match &*password {
                "right" => Ok(Login::new(user)),
                "down" => Err(LoginFailure::unavailable(Duration::from_secs(1))),
                _ => Err(LoginFailure::refused()),
            }
        }
    };
    let builder = SessionEndpoints::builder(new().0, transport).login(login);
    (builder.build().unwrap(), calls)
}

fn request(content: &str, address: [u8; 4]) -> EndpointRequest {
    let mut request = EndpointRequest::new("POST", "/login");
    request.remote_address = Some(address.into());
    let fields = [
        ("content-type", "application/json"),
        ("sec-fetch-site", "same-origin"),
    ];
    for (name, value) in fields {
        request
            .headers
            .push((name.to_owned(), value.as_bytes().to_vec()));
    }
    content.as_bytes().clone_into(&mut request.content);
    request
}

#[tokio::test]
async fn endpoints_throttle_by_default() {
    let (endpoints, calls) = endpoints(Transport::Json);
    let status = async |content: &str| {
        endpoints
            .respond(request(content, [203, 0, 113, 7]))
            .await
            .status
    };
    for _ in 0..30 {
        assert_eq!(status(r#"{"user":"alice","password":"right"}"#).await, 200);
        assert_eq!(status(r#"{"user":"alice","password":"down"}"#).await, 503);
        assert_eq!(status(r#"{"user":"alice"}"#).await, 400);
    }
    // The login function reads one of two names.
    for at in 0..10 {
        let content = format!(r#"{{"username":"decoy-{at}","email":"Alice","password":"a"}}"#);
        assert_eq!(status(&content).await, 401);
    }
    let called = calls.load(Ordering::Relaxed);
    let right = r#"{"user":"alice","password":"right"}"#;
    let refused = endpoints.respond(request(right, [203, 0, 113, 7])).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some(&b"1200"[..]));
    let content_type = refused.header("content-type").unwrap();
    assert!(content_type.starts_with(b"application/problem+json"));
    assert_eq!(
        calls.load(Ordering::Relaxed),
        called,
        "the login function was called"
    );
    let elsewhere = endpoints.respond(request(right, [9, 0, 0, 1])).await;
    assert_eq!(elsewhere.status, 200);
}

#[tokio::test]
async fn decoys_do_not_hide_a_name() {
    let spellings = (1..16_u8).map(|bits| {
        let letter = |(at, letter): (usize, char)| match bits >> at & 1 {
            1 => letter.to_ascii_uppercase(),
            _ => letter,
        };
        "user".chars().enumerate().map(letter).collect::<String>()
    });
    let spellings: Vec<_> = spellings.chain(["EMAIL".into(), "Email".into()]).collect();
    let (endpoints, calls) = endpoints(Transport::Json);
    for at in 0..30 {
        let members = spellings
            .iter()
            .map(|name| format!(r#""{name}":"{name}-{at}","#));
        let members: String = members.collect();
        let content = format!(r#"{{{members}"user":"alice","password":"a"}}"#);
        let refused = endpoints.respond(request(&content, [203, 0, 113, 7])).await;
        assert!([400, 429].contains(&refused.status));
    }
    for at in 0..30 {
        let content = r#"{"user":"alice","password":"a"}"#;
        let mut decoys = request(content, [203, 0, 113, 7]);
        for name in 0..20 {
            let value = format!("Basic {}", ["YTo", "Yjo", "Yzo"][name % 3]);
            decoys
                .headers
                .push(("authorization".to_owned(), value.into_bytes()));
        }
        assert!(
            [400, 429].contains(&endpoints.respond(decoys).await.status),
            "{at}"
        );
    }
    for at in 0..30 {
        let member = ["identifier", "User-Name", "email"][at % 3];
        let content = format!(r#"{{"{member}":"alice","password":"a"}}"#);
        endpoints.respond(request(&content, [203, 0, 113, 7])).await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), 10);

    let (sessions, _) = new();
    let names = (0..17).map(|at| format!("decoy-{at}"));
    let many = names.fold(LoginAttempt::new(), LoginAttempt::name);
    assert!(
        sessions
            .attempt(&LoginThrottle::default(), many)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn basic_credentials_count_in_every_spelling() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let login = move |_: LoginRequest| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Err(LoginFailure::refused()) }
    };
    let builder = SessionEndpoints::builder(new().0, Transport::Json).login(login);
    let endpoints = builder.build().unwrap();
    // `al?e~:a`, of the standard and the URL alphabet, with and without padding.
    for at in 0..40 {
        let value = [
            "Basic YWw/ZX46YQ==",
            "basic YWw_ZX46YQ==",
            "BASIC  YWw/ZX46YQ",
            "Basic YWw_ZX46YQ=",
        ][at % 4];
        let mut guess = request("", [203, 0, 113, 7]);
        guess
            .headers
            .push(("authorization".to_owned(), value.into()));
        endpoints.respond(guess).await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), 10);
}

#[tokio::test]
async fn translated_addresses_are_networks_of_ipv4() {
    let (sessions, _) = new();
    // All clients of IPv4 come through one translator (RFC 6052).
    for at in 0..10 {
        let translated: IpAddr = "64:ff9b::203.0.113.7".parse().unwrap();
        assert!(fails(&sessions, "alice", translated).await, "{at}");
    }
    assert!(!fails(&sessions, "alice", [203, 0, 113, 7]).await);
    let other: IpAddr = "64:ff9b::203.0.113.8".parse().unwrap();
    assert!(fails(&sessions, "alice", other).await);
    // A network of 6to4 has 65,536 networks of its own (RFC 3056).
    let hop: IpAddr = "2002:cb00:7107:9::1".parse().unwrap();
    assert!(!fails(&sessions, "alice", hop).await);
}

#[tokio::test]
async fn a_device_cookie_survives_strangers_and_an_undeclared_proxy() {
    let cookies = CookieTransport::builder().build().unwrap();
    let (endpoints, _) = endpoints(Transport::Cookie(cookies));
    let right = r#"{"user":"alice","password":"right"}"#;
    // All clients come from the address of the proxy.
    let by_proxy = |content: &str| {
        let mut request = request(content, [10, 0, 0, 1]);
        request
            .headers
            .push(("x-forwarded-for".to_owned(), b"203.0.113.7".to_vec()));
        request
    };
    let first = endpoints.respond(by_proxy(right)).await;
    let mut lines = first
        .headers
        .iter()
        .map(|(_, value)| String::from_utf8_lossy(value));
    let line = lines
        .find(|line| line.starts_with("__Host-session-device="))
        .unwrap();
    assert!(
        line.contains("; Max-Age=15552000; Secure; HttpOnly"),
        "{line}"
    );
    let cookie = line.split(';').next().unwrap().to_owned();
    let mut refused = 0;
    for _ in 0..150 {
        let wrong = r#"{"user":"alice","password":"a"}"#;
        refused += usize::from(endpoints.respond(by_proxy(wrong)).await.status == 429);
    }
    assert_eq!(
        refused, 100,
        "a name without an address has the budget of the name"
    );
    let mut known = by_proxy(right);
    known
        .headers
        .push(("cookie".to_owned(), cookie.into_bytes()));
    assert_eq!(endpoints.respond(known).await.status, 200);
    let other = by_proxy(r#"{"user":"bob","password":"right"}"#);
    assert_eq!(endpoints.respond(other).await.status, 200);
}

#[tokio::test]
async fn a_sibling_host_cannot_hide_a_device() {
    let cookies = CookieTransport::builder().dangerous_domain("shop.example");
    let (endpoints, _) = endpoints(Transport::Cookie(cookies.build().unwrap()));
    let right = r#"{"user":"alice","password":"right"}"#;
    let answer = |content: &str, cookie: &str| {
        let mut request = request(content, [203, 0, 113, 7]);
        request.headers.push(("cookie".to_owned(), cookie.into()));
        endpoints.respond(request)
    };
    let first = answer(right, "").await;
    let lines = first
        .headers
        .iter()
        .map(|(_, value)| String::from_utf8_lossy(value));
    // Not the one that ends a cookie of before.
    let mut lines = lines.filter(|line| line.starts_with("__Secure-session-device="));
    let line = lines.next().unwrap();
    let cookie = line.split(';').next().unwrap();
    for _ in 0..10 {
        answer(r#"{"user":"alice","password":"a"}"#, "").await;
    }
    assert_eq!(answer(right, "").await.status, 429);
    let name = cookie.split('=').next().unwrap();
    let tossed = format!("{name}=tossed; {name}=; {cookie}");
    assert_eq!(answer(right, &tossed).await.status, 200);
}

#[test]
fn a_level_of_a_future_clock_is_bounded() {
    let key = AttemptKey::new([7; 16]);
    let charge = AttemptCharge {
        key,
        seconds: 60,
        most: 120,
        give_back: false,
    };
    let level = AttemptLevel {
        taken: false,
        seconds: 120,
    };
    assert_eq!(charge.apply(Some(u64::MAX), NOW), (level, NOW + 120));
}

//! The checks after a wait for a key are the same as without a wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tollgate_core::policy::scope;
use tollgate_core::{
    Authentication, BoxFuture, EndpointRequest, Gate, GateBuilder, HeaderEdits, Principal, Refusal,
    RejectionKind as Kind, Renewal, RevocationCheck, SigningKey, Source, Standing, Step,
    Unavailable,
};

use super::source::{Script, Scripted, set};
use super::{anyone, claims, down, es256, token, wait};

/// Two gates: the source of one has the token's key, the source of the other has to fetch it.
struct Gates {
    key: SigningKey,
    ready: Gate,
    waiting: (Gate, Scripted),
}

impl Gates {
    fn new(configure: impl Fn(GateBuilder) -> GateBuilder) -> Self {
        let key = es256("new");
        let gate = |source: &Scripted| {
            let verifier = anyone().key_source(source.clone()).build().unwrap();
            configure(Gate::builder(verifier)).build().unwrap()
        };
        let ready = gate(&Scripted::new(Ok(set(&[&key])), Script::Pointless));
        let source = Scripted::rotating(&[], &[&key]);
        Self {
            waiting: (gate(&source), source),
            ready,
            key,
        }
    }

    /// Returns the decision, and asserts that it is the same with and without a wait.
    fn decide(self, request: &EndpointRequest) -> Result<Authentication, Refusal> {
        let at_once = match self.ready.begin(request) {
            Step::Ready(decided) => decided,
            Step::Pending(decision) => wait(decision),
        };
        let Step::Pending(decision) = self.waiting.0.begin(request) else {
            panic!("the key is missing")
        };
        let decided = wait(decision);
        let told = |decided: &Result<Authentication, Refusal>| match decided {
            Ok(known) => Ok((
                known
                    .principal()
                    .map(|user| (user.subject().map(str::to_owned), user.source())),
                known.renewal_due(),
            )),
            Err(refusal) => Err(refusal.clone()),
        };
        assert_eq!(told(&decided), told(&at_once));
        assert_eq!(self.waiting.1.asked(), 1);
        decided
    }
}

fn request(method: &str, headers: &[(&str, &str)]) -> EndpointRequest {
    let mut request = EndpointRequest::new(method, "/orders");
    let lines = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    request.headers.extend(lines);
    request
}

fn bearer(token: &str) -> EndpointRequest {
    request("GET", &[("authorization", &format!("Bearer {token}"))])
}

fn kind(decided: &Result<Authentication, Refusal>) -> Option<Kind> {
    decided
        .as_ref()
        .err()
        .map(|refusal| refusal.rejection().kind())
}

#[test]
fn a_request_is_accepted_when_its_key_arrives() {
    let gates = Gates::new(|gate| gate);
    let request = bearer(&token(&gates.key));
    let authentication = gates.decide(&request).unwrap();
    assert_eq!(authentication.principal().unwrap().subject(), Some("u-7"));
}

#[test]
fn a_caller_that_cannot_wait_is_refused() {
    let gates = Gates::new(GateBuilder::optional);
    let (gate, source) = &gates.waiting;
    let refusal = gate.decide(&bearer(&token(&gates.key))).unwrap_err();
    assert_eq!(refusal.answer().status, 503);
    assert_eq!(refusal.answer().header("retry-after"), Some(&b"1"[..]));
    assert_eq!((source.asked(), source.waits()), (1, 0));
}

#[test]
fn a_dropped_decision_is_cancelled() {
    let gates = Gates::new(|gate| gate);
    let request = bearer(&token(&gates.key));
    let (gate, source) = gates.waiting;
    let decision = gate.begin(&request);
    assert!(matches!(decision, Step::Pending(_)));
    drop((gate, request)); // the decision owns its data
    assert_eq!(source.waits(), 1);
    drop(decision);
    assert_eq!(source.waits(), 0);
}

#[test]
fn a_pending_decision_shows_no_token() {
    let gates = Gates::new(|gate| gate);
    let token = token(&gates.key);
    let shown = format!("{:?}", gates.waiting.0.begin(&bearer(&token)));
    assert!(
        token.split('.').all(|part| !shown.contains(part)),
        "{shown}"
    );
}

/// A request that is refused without a key does not reach a source.
#[test]
fn no_key_is_fetched_for_a_request_that_is_refused_anyway() {
    let cookies = |gate: GateBuilder| gate.source(Source::cookie("access"));
    let gates = Gates::new(cookies);
    let cookie = format!("access={}", token(&gates.key));
    let (gate, source) = &gates.waiting;
    for request in [
        request("GET", &[]),
        request("POST", &[("cookie", &cookie)]),
        request(
            "POST",
            &[("cookie", &cookie), ("sec-fetch-site", "cross-site")],
        ),
        request("GET", &[("cookie", &cookie), ("cookie", &cookie)]),
    ] {
        assert!(
            matches!(gate.begin(&request), Step::Ready(Err(_))),
            "{:?}",
            request.headers
        );
    }
    assert_eq!(source.asked(), 0);
}

#[test]
fn a_cookie_needs_its_csrf_token_after_a_wait() {
    let gates = || Gates::new(|gate| gate.source(Source::cookie("access")).require_csrf_token());
    let decide = |method: &str, more: &[(&str, &str)]| {
        let gates = gates();
        let mut claims = claims();
        claims["csrf"] = json!("c-1");
        let cookie = format!("access={}", gates.key.encode(&claims).unwrap());
        let mut headers = vec![("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
        headers.extend_from_slice(more);
        kind(&gates.decide(&request(method, &headers)))
    };
    assert_eq!(decide("GET", &[]), None);
    assert_eq!(decide("POST", &[("x-csrf-token", "c-1")]), None);
    // The WebSocket handshake of HTTP/2 (RFC 8441): its fields must outlive the request.
    assert_eq!(decide("CONNECT", &[("upgrade", "websocket")]), None);
    assert_eq!(decide("CONNECT", &[("sec-websocket-version", "13")]), None);
    assert_eq!(decide("CONNECT", &[("sec-websocket-key", "x")]), None);
    let refused = Some(Kind::InvalidCsrfToken);
    assert_eq!(decide("CONNECT", &[]), refused);
    assert_eq!(decide("POST", &[]), refused);
    assert_eq!(decide("POST", &[("x-csrf-token", "c-2")]), refused);
    assert_eq!(
        decide("POST", &[("x-csrf-token", "c-1"), ("x-csrf-token", "c-1")]),
        refused
    );
    assert_eq!(decide("POST", &[("upgrade", "websocket")]), refused);
}

/// A revocation check with a scripted result.
struct Asked(fn() -> Result<Standing, Unavailable>);

impl RevocationCheck for Asked {
    fn check(&self, _: &Principal) -> Step<Result<Standing, Unavailable>> {
        let answer = self.0();
        Step::pending(async move { answer })
    }
}

#[test]
fn the_store_is_queried_when_the_key_arrives() {
    let decide = |answer: fn() -> Result<Standing, Unavailable>| {
        let gates = Gates::new(|gate| gate.revocation(Asked(answer)));
        let request = bearer(&token(&gates.key));
        gates.decide(&request)
    };
    assert_eq!(kind(&decide(|| Ok(Standing::Good))), None);
    assert_eq!(kind(&decide(|| Ok(Standing::Revoked))), Some(Kind::Revoked));
    let refusal = decide(|| Err(down(6))).unwrap_err();
    assert_eq!(refusal.answer().header("retry-after"), Some(&b"6"[..]));
}

#[test]
fn the_policy_is_checked_when_the_key_arrives() {
    let decide = |scopes: &str| {
        let gates = Gates::new(|gate| gate.require(scope("orders:read")));
        let mut claims = claims();
        claims["scope"] = json!(scopes);
        let request = bearer(&gates.key.encode(&claims).unwrap());
        kind(&gates.decide(&request))
    };
    assert_eq!(decide("orders:read"), None);
    assert_eq!(decide("orders:write"), Some(Kind::InsufficientScope));
}

/// A renewal hook that records the requests it receives.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<(String, String)>>>);

impl Renewal for Noting {
    fn is_due(&self, _: &Principal, method: &str, path: &str) -> bool {
        self.0
            .lock()
            .unwrap()
            .push((method.to_owned(), path.to_owned()));
        method == "PUT" && path == "/orders"
    }

    fn renew(&self, _: &Principal) -> BoxFuture<HeaderEdits> {
        Box::pin(async { HeaderEdits::default() })
    }
}

#[test]
fn a_renewal_sees_the_request_that_waited() {
    for (method, content, due) in [
        ("PUT", "text/plain", true),
        ("GET", "text/plain", false),
        ("POST", "application/grpc", false),
    ] {
        let noting = Noting::default();
        let gates = Gates::new(|gate| gate.renewal(noting.clone()));
        let mut request = bearer(&token(&gates.key));
        method.clone_into(&mut request.method);
        request
            .headers
            .push(("content-type".to_owned(), content.into()));
        let authentication = gates.decide(&request).unwrap();
        assert_eq!(authentication.renewal_due(), due, "{method}");
        let asked = (method.to_owned(), "/orders".to_owned());
        let times = if content == "application/grpc" { 0 } else { 2 }; // once for each gate
        assert_eq!(*noting.0.lock().unwrap(), vec![asked; times]);
    }
}

#[test]
fn a_grpc_call_gets_a_grpc_response() {
    let gates = Gates::new(|gate| gate.require(scope("orders:read")).grpc_answers());
    let mut request = bearer(&token(&gates.key));
    "POST".clone_into(&mut request.method);
    request
        .headers
        .push(("content-type".to_owned(), "application/grpc+proto".into()));
    let refusal = gates.decide(&request).unwrap_err();
    assert_eq!(refusal.answer().header("grpc-status"), Some(&b"7"[..]));

    let failing = Scripted::new(Ok(set(&[])), Script::Pending(Ok(set(&[])), Err(down(9))));
    let gate = Gate::builder(anyone().key_source(failing).build().unwrap());
    let gate = gate.grpc_answers().build().unwrap();
    let Step::Pending(decision) = gate.begin(&request) else {
        panic!("the key is missing")
    };
    let refusal = wait(decision).unwrap_err();
    assert_eq!(refusal.answer().header("grpc-status"), Some(&b"14"[..]));
}

#[test]
fn the_hook_is_called_once_for_a_refusal() {
    let heard = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&heard);
    let barren = Scripted::rotating(&[], &[]);
    let verifier = anyone().key_source(barren).build().unwrap();
    let gate = Gate::builder(verifier)
        .on_rejection(move |rejection, answer| {
            assert_eq!(rejection.status(), 401);
            answer.set("x-heard", "1");
            counting.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    let Step::Pending(decision) = gate.begin(&bearer(&token(&es256("nobody's")))) else {
        panic!("the key is missing")
    };
    assert_eq!(heard.load(Ordering::SeqCst), 0);
    let refusal = wait(decision).unwrap_err();
    assert_eq!(refusal.answer().header("x-heard"), Some(&b"1"[..]));
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}

//! Running the table.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tollgate_core::__private::refusing;
use tollgate_core::policy::ScopeSet as _;
use tollgate_core::{
    Answer, Authentication, Gate, Principal, Refusal, RejectionKind, RequestView, Step,
};

use super::case::{Case, Handler, Reply, Request};
use super::echo::{Buyer, OrdersRead, Shopper, echo, echo_claims, echo_guarded};
use super::expect::Expect;
use super::{LEAST, cases, cases_without_token_cache};

/// An adapter under test. It assembles a case like an application of the framework, and sends
/// one request.
///
/// See [`Core`] for an example.
///
/// ```
/// use tollgate_testkit::conformance::{self, Case, Core, Request, Response, Subject};
///
/// /// Counts what it hands on.
/// struct Counting(usize);
///
/// impl Subject for Counting {
///     fn send(&mut self, case: &Case, request: &Request) -> Response {
///         self.0 += 1;
///         Core.send(case, request)
///     }
/// }
///
/// let mut subject = Counting(0);
/// conformance::run(&mut subject);
/// assert!(subject.0 >= conformance::LEAST); // a case may have several requests
/// ```
pub trait Subject {
    /// Sends a request through the case's gate and policy to its handler.
    fn send(&mut self, case: &Case, request: &Request) -> Response;

    /// `false` if the case's gate is no layer around the handler, so that no outer layer can see
    /// the authentication of an admitted request.
    fn has_layer(&self) -> bool {
        true
    }
}

/// The response of a subject.
///
/// ```
/// use tollgate_testkit::conformance::Response;
///
/// let response = Response::new(200, [("Content-Type", "text/plain")], "yes");
/// assert_eq!(response.headers, [("content-type".to_owned(), b"text/plain".to_vec())]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The fields, names in lower case, sorted. `content-length` and `date` belong to the
    /// connection and are optional.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The content.
    pub body: Vec<u8>,
    /// The kind of the rejection in the response's extensions.
    pub rejection: Option<RejectionKind>,
    /// The [`echo`](super::echo) of the caller that a layer around the whole service sees: `None`
    /// without an authentication.
    pub seen_outside: Option<String>,
}

impl Response {
    /// Creates a response without a rejection. Sorts the fields.
    ///
    /// ```
    /// # use tollgate_testkit::conformance::Response;
    /// let response = Response::new(204, [("B", "2"), ("A", "1")], "");
    /// assert_eq!(response.headers[0].0, "a");
    /// ```
    pub fn new<N: AsRef<str>, V: AsRef<[u8]>>(
        status: u16,
        headers: impl IntoIterator<Item = (N, V)>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let mut headers: Vec<_> = headers
            .into_iter()
            .map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.as_ref().to_vec()))
            .collect();
        headers.sort();
        Self {
            status,
            headers,
            body: body.into(),
            rejection: None,
            seen_outside: None,
        }
    }

    /// Creates the default response of a handler with this content.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::conformance::Response::of_handler("yes".into()).status, 200);
    /// ```
    pub fn of_handler(body: String) -> Self {
        Self::new(200, [("content-type", "text/plain; charset=utf-8")], body)
    }

    fn replying(mut self, reply: &Reply) -> Self {
        self.status = reply.status;
        let more = reply.headers.iter();
        self.headers
            .extend(more.map(|(name, value)| (name.clone(), value.as_bytes().to_vec())));
        self.headers.sort();
        self
    }

    /// Applies a renewal like an adapter: `set-cookie` is appended, every other field is replaced.
    fn renewed(mut self, authentication: &Authentication) -> Self {
        let cookies = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        let cookies = cookies.map(|(_, value)| &value[..]);
        let Some(renewal) = authentication.renewal(self.status, cookies) else {
            return self;
        };
        let edits = wait(renewal);
        for (name, value) in edits
            .iter()
            .filter(|(name, value)| is_sendable(name, value))
        {
            if name != "set-cookie" {
                self.headers.retain(|(got, _)| got != name);
            }
            self.headers.push((name.to_owned(), value.to_vec()));
        }
        self.headers.sort();
        self
    }
}

/// Polls a future of the table until it is ready.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("a future of the table does not complete");
}

/// The core without a framework: the smallest [`Subject`].
///
/// ```
/// use tollgate_testkit::conformance::{self, Core, Subject};
///
/// let cases = conformance::cases();
/// assert_eq!(Core.send(&cases[0], &cases[0].requests[0]).status, 200);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Core;

impl Subject for Core {
    fn send(&mut self, case: &Case, request: &Request) -> Response {
        let decide = |gate: &Gate| match gate.begin(request) {
            Step::Ready(decided) => decided,
            Step::Pending(decision) => wait(decision),
        };
        let decided = match case.gate.as_ref().map(decide) {
            Some(Ok(authentication)) => authentication,
            Some(Err(refusal)) => return answered(refusal),
            None => return answered(Refusal::missing_layer()),
        };
        let response = match refusing(request, || handle(case, &decided)) {
            Ok(body) if case.reply.skip_renewal => Response::of_handler(body).replying(&case.reply),
            Ok(body) => Response::of_handler(body)
                .replying(&case.reply)
                .renewed(&decided),
            Err(refusal) => return answered(refusal),
        };
        Response {
            seen_outside: Some(echo(decided.principal())),
            ..response
        }
    }
}

fn handle(case: &Case, authentication: &Authentication) -> Result<String, Refusal> {
    if let Some(policy) = &case.policy {
        authentication.require_unless_preflight(policy)?;
    }
    let principal = |found: &Principal| echo(Some(found));
    match case.handler {
        Handler::Optional => Ok(echo(authentication.principal())),
        Handler::Principal => authentication.authenticated().map(principal),
        Handler::Claims => authentication
            .claims()
            .map(|shopper: Shopper| echo_claims(&shopper)),
        Handler::Guarded => authentication
            .claims()
            .map(|buyer: Buyer| echo_guarded(&buyer)),
        Handler::Scoped => authentication.require(&OrdersRead::policy()).map(principal),
    }
}

fn answered(refusal: Refusal) -> Response {
    let caller = refusal.authentication().map(Authentication::principal);
    let seen_outside = caller.map(echo);
    let (
        rejection,
        Answer {
            status,
            headers,
            body,
        },
    ) = refusal.into_parts();
    let headers = headers
        .into_iter()
        .filter(|(name, value)| is_sendable(name, value));
    Response {
        rejection: Some(rejection.kind()),
        seen_outside,
        ..Response::new(status, headers, body)
    }
}

/// Returns `true` if HTTP allows the field. Adapters do not send others.
fn is_sendable(name: &str, value: &[u8]) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
        && value
            .iter()
            .all(|byte| matches!(byte, b'\t' | b' '..=0x7E | 0x80..))
}

impl RequestView for Request {
    fn method(&self) -> &str {
        &self.method
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(got, _)| got.eq_ignore_ascii_case(name))
            .map(|(_, value)| &value[..])
    }

    fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    fn path(&self) -> &str {
        let target = self
            .target
            .split_once("://")
            .map_or(&*self.target, |(_, rest)| rest);
        let path = target.split('?').next().unwrap_or_default();
        &path[path.find('/').unwrap_or(path.len())..]
    }

    fn authority(&self) -> Option<&str> {
        let (_, rest) = self.target.split_once("://")?;
        rest.split(['/', '?']).next()
    }

    fn remote_address(&self) -> Option<std::net::IpAddr> {
        self.peer
    }
}

/// Runs the whole table twice: for gates without a cache of verified tokens, and, with repeated
/// requests, for gates with one (see [`mismatches_when_repeated`]).
///
/// # Panics
/// With a list of all differences, if the table has shrunk, or if two cases have the same name.
///
/// ```
/// use tollgate_testkit::conformance::{self, Core};
///
/// conformance::run(&mut Core);
/// ```
pub fn run(subject: &mut impl Subject) {
    let cases = cases();
    assert!(
        cases.len() >= LEAST,
        "the table has shrunk to {} cases",
        cases.len()
    );
    let mut names = HashSet::new();
    for case in &cases {
        assert!(
            names.insert(&case.name),
            "two cases have the name {:?}",
            case.name
        );
    }
    let mut found = mismatches_when_repeated(&cases, subject);
    let without_cache = mismatches(&cases_without_token_cache(), subject);
    found.extend(
        without_cache
            .into_iter()
            .map(|found| format!("without a cache: {found}")),
    );
    assert!(
        found.is_empty(),
        "{} responses differ, of {} cases:\n\n{}",
        found.len(),
        cases.len(),
        found.join("\n")
    );
}

/// Returns the differences between the expected and the actual responses, as readable text.
///
/// ```
/// use tollgate_testkit::conformance::{self, Case, Request, Response, Subject};
///
/// struct OpenDoor;
/// impl Subject for OpenDoor {
///     fn send(&mut self, _: &Case, _: &Request) -> Response {
///         Response::of_handler("welcome".into())
///     }
/// }
/// assert!(!conformance::mismatches(&conformance::cases(), &mut OpenDoor).is_empty());
/// ```
pub fn mismatches(cases: &[Case], subject: &mut impl Subject) -> Vec<String> {
    let mut found = Vec::new();
    for case in cases {
        for (index, request) in case.requests.iter().enumerate() {
            let got = subject.send(case, request);
            let agrees = case.expect.iter().any(|expect| expect.is(&got));
            let leaked = got.status != 200 && leaks(request, &got);
            let misses = (subject.has_layer() || got.rejection.is_some()) && !is_seen(case, &got);
            if agrees && !leaked && !misses {
                continue;
            }
            let mut text = format!(
                "--- {} (request {} of {})\n",
                case.name,
                index + 1,
                case.requests.len()
            );
            if leaked {
                text.push_str("    the response contains a part of the credential\n");
            }
            if misses {
                let _ = writeln!(text, "    seen outside: {:?}", got.seen_outside);
            }
            for line in &request.headers {
                let value = String::from_utf8_lossy(&line.1);
                let cut: String = value.chars().take(160).collect();
                // Writing into a `String` cannot fail.
                let _ = writeln!(text, "    {}: {}", line.0, cut.escape_debug());
            }
            for expect in &case.expect {
                expect.write_difference(&got, &mut text);
            }
            found.push(text);
        }
    }
    found
}

/// Returns the differences if each request is sent three times through its gate. The third time,
/// the number of cache hits must equal the number of tokens that were verified the first time.
///
/// ```
/// use tollgate_testkit::conformance::{self, Core};
///
/// let cases = conformance::cases();
/// assert_eq!(
///     conformance::mismatches_when_repeated(&cases[..20], &mut Core),
///     Vec::<String>::new(),
/// );
/// let hits = cases[0].gate.as_ref()
///     .and_then(|gate| gate.verifier().token_cache_status()).map(|cache| cache.hits);
/// assert!(hits > Some(0));
/// ```
pub fn mismatches_when_repeated(cases: &[Case], subject: &mut impl Subject) -> Vec<String> {
    let mut found = Vec::new();
    for case in cases {
        let counts = || {
            let cache = case.gate.as_ref()?.verifier().token_cache_status()?;
            Some((cache.hits, cache.misses))
        };
        let mut pass = || {
            let before = counts().unwrap_or_default();
            found.extend(mismatches(std::slice::from_ref(case), subject));
            let after = counts().unwrap_or_default();
            (after.0 - before.0, after.1 - before.1)
        };
        let [first, _, third] = [pass(), pass(), pass()];
        let verified = first.0 + first.1;
        // If the key is fetched for each request, its tokens are not cached.
        let known = if case.waits() { third.0 } else { verified };
        if third != (known, verified - known) {
            found.push(format!(
                "--- {}\n  {verified} tokens were verified in the first pass; \
                 hits and misses of the third pass: {third:?}\n",
                case.name
            ));
        }
    }
    found
}

/// Returns `true` if a layer around the service sees the caller whom the gate recognised, and no
/// other.
fn is_seen(case: &Case, got: &Response) -> bool {
    use RejectionKind::{AuthenticationTooOld, InsufficientScope, MissingCredential, UnfitClaims};

    const ANONYMOUS: &str = "anonymous\n";
    let seen = got.seen_outside.as_deref();
    match (got.rejection, case.handler) {
        (None, Handler::Claims | Handler::Guarded) => seen.is_some_and(|seen| seen != ANONYMOUS),
        (None, _) => seen.map(str::as_bytes) == Some(&got.body),
        (Some(InsufficientScope | AuthenticationTooOld | UnfitClaims), _) => {
            seen.is_some_and(|seen| seen != ANONYMOUS)
        }
        // Refused by the gate, or admitted by it as anonymous and refused by the route.
        (Some(MissingCredential), _) => seen.is_none_or(|seen| seen == ANONYMOUS),
        (Some(_), _) => seen.is_none(),
    }
}

/// Returns `true` if the response contains 24 bytes of a field value that may be a token.
fn leaks(request: &Request, response: &Response) -> bool {
    let mut sent = response.body.clone();
    for (_, value) in &response.headers {
        sent.extend_from_slice(value);
    }
    let secrets = request.headers.iter().filter(|(name, _)| {
        [
            "authorization",
            "cookie",
            "x-access-token",
            "sec-websocket-protocol",
        ]
        .contains(&&*name.to_ascii_lowercase())
    });
    secrets
        .flat_map(|(_, value)| value.chunks_exact(24).take(40))
        .any(|piece| sent.windows(24).any(|window| window == piece))
}

impl Expect {
    fn is(&self, got: &Response) -> bool {
        self.status == got.status
            && self.body == got.body
            && self.rejection == got.rejection
            && self.headers == own_fields(got)
            && got.headers.iter().all(|(name, value)| {
                name != "content-length" || *value == got.body.len().to_string().into_bytes()
            })
    }

    fn write_difference(&self, got: &Response, text: &mut String) {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).escape_debug().to_string();
        let fields = |fields: &[(String, Vec<u8>)]| {
            fields
                .iter()
                .map(|(name, value)| format!("{name}: {}", show(value)))
                .collect::<Vec<_>>()
        };
        let mut pair = |what: &str, expected: String, got: String| {
            if expected != got {
                let _ = writeln!(
                    text,
                    "  {what}\n    expected {expected}\n    got      {got}"
                );
            }
        };
        pair("status", self.status.to_string(), got.status.to_string());
        pair(
            "rejection",
            format!("{:?}", self.rejection),
            format!("{:?}", got.rejection),
        );
        pair(
            "headers",
            fields(&self.headers).join("\n             "),
            fields(&own_fields(got)).join("\n             "),
        );
        pair("body", show(&self.body), show(&got.body));
    }
}

/// Returns the fields except those of the connection.
fn own_fields(response: &Response) -> Vec<(String, Vec<u8>)> {
    response
        .headers
        .iter()
        .filter(|(name, _)| !["content-length", "date"].contains(&&**name))
        .cloned()
        .collect()
}

//! The state that clients and observers share: the instances, and the users with their sessions.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::http::{Answer, Request};
use crate::ledger::{Kind, Ledger, Violation, count};
use crate::observer;
use crate::random::Random;

/// The bound of the requests of a run, in each second.
const MOST_REQUESTS: u64 = 1_000;

/// The part of `Retry-After` that clients wait, so that a short run has many retries.
const HASTE: f64 = 0.25;

/// The time in which a request whose answer was lost may still be executed: by an instance that
/// was frozen, or after a link that stalled.
const DOUBT: Duration = Duration::from_secs(15);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) ports: Vec<u16>,
    pub(crate) seed: u64,
    gone: Mutex<Vec<Arc<Gone>>>,
    /// Set at the end of the script. Clients then prove that they are logged in, and stop.
    end: Mutex<Option<Instant>>,
    most_requests: u64,
}

/// No answer of this instance: the connection failed, or the answer was lost on purpose.
#[derive(Debug)]
pub(crate) struct Lost(pub(crate) usize);

/// An answer with the instance that gave it.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) answer: Answer,
    pub(crate) instance: usize,
    pub(crate) sent: Instant,
    pub(crate) received: Instant,
}

impl World {
    pub(crate) fn new(store: &'static str, ports: Vec<u16>, seed: u64, most: Duration) -> Self {
        Self {
            ledger: Ledger::new(store),
            ports,
            seed,
            gone: Mutex::default(),
            end: Mutex::new(None),
            most_requests: MOST_REQUESTS * most.as_secs(),
        }
    }

    pub(crate) fn finish(&self) {
        *lock(&self.end) = Some(Instant::now());
    }

    /// Returns whether the script has ended, or the run has sent all its requests.
    pub(crate) fn is_over(&self) -> bool {
        let sent = self.ledger.activity.requests.load(Ordering::Relaxed);
        lock(&self.end).is_some() || sent > self.most_requests
    }

    /// Chooses an instance. `None` while no clock is right enough for the request.
    pub(crate) fn pick(&self, random: &mut Random, kind: Kind) -> Option<usize> {
        let now = Instant::now();
        let usable: Vec<usize> = (0..self.ports.len())
            .filter(|&one| kind != Kind::Session || !self.ledger.has_wrong_clock(one, now))
            .collect();
        (!usable.is_empty()).then(|| usable[random.below(usable.len())])
    }

    /// Waits until an instance can serve the request.
    pub(crate) async fn until_usable(&self, random: &mut Random, kind: Kind) {
        while self.pick(random, kind).is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a request and judges the answer.
    pub(crate) async fn ask(
        &self,
        instance: usize,
        kind: Kind,
        request: &Request,
    ) -> Result<Got, Lost> {
        let ledger = &self.ledger;
        count(&ledger.activity.requests);
        let sent = Instant::now();
        let outcome = request.send(self.ports[instance]).await;
        let received = Instant::now();
        let about = format!("{} {} at instance {instance}", request.method, request.path);
        let answer = match outcome {
            Ok(answer) => answer,
            Err(problem) => {
                if !ledger.permits_silence(instance, sent, received) {
                    ledger.violation(Violation::Unreachable, &format!("{about}: {problem}"));
                }
                return Err(Lost(instance));
            }
        };
        if answer.status == 503 {
            count(&ledger.activity.unavailable);
            if answer.field("retry-after").is_none() {
                ledger.violation(Violation::NoRetryAfter, &about);
            }
            if !ledger.permits_unavailable(instance, kind, sent, received) {
                let took = received - sent;
                ledger.violation(Violation::Unavailable, &format!("{about}, after {took:?}"));
            }
        } else if answer.status >= 500 {
            ledger.violation(
                Violation::ServerError,
                &format!("{about}: {}", answer.status),
            );
        }
        Ok(Got {
            answer,
            instance,
            sent,
            received,
        })
    }

    /// Sends a request as a client with a bad network: a tenth of the answers is lost.
    pub(crate) async fn try_ask(
        &self,
        random: &mut Random,
        kind: Kind,
        request: &Request,
    ) -> Result<Got, Lost> {
        self.retry_ask(random, kind, request, None).await
    }

    /// The same after a failure, which the load balancer answers with another instance.
    pub(crate) async fn retry_ask(
        &self,
        random: &mut Random,
        kind: Kind,
        request: &Request,
        failed: Option<usize>,
    ) -> Result<Got, Lost> {
        let instance = loop {
            self.until_usable(random, kind).await;
            match self.pick(random, kind) {
                Some(one) if self.ports.len() == 1 || Some(one) != failed => break one,
                _ => {}
            }
        };
        if random.percent(10) && !self.is_over() {
            count(&self.ledger.activity.lost);
            if random.percent(50) {
                count(&self.ledger.activity.requests);
                let pause = random.millis(0..40);
                request.abandon(self.ports[instance], pause).await;
            } else {
                self.ask(instance, kind, request).await?;
            }
            return Err(Lost(instance));
        }
        self.ask(instance, kind, request).await
    }

    /// Waits as a 503 asks for.
    pub(crate) async fn wait(&self, answer: &Answer, random: &mut Random) {
        let seconds: u32 = answer
            .field("retry-after")
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(1);
        let time = Duration::from_secs(seconds.into()).mul_f64(HASTE);
        tokio::time::sleep(time + random.millis(0..100)).await;
    }

    /// Records a gate's answer to a valid token.
    pub(crate) fn refused(&self, session: &Session, got: &Got) {
        let wrong_clock = self.ledger.has_wrong_clock(got.instance, got.sent);
        if session.standing() == Standing::Live && !wrong_clock {
            let text = format!("{}, instance {}", session.owner, got.instance);
            self.ledger.violation(Violation::Refused, &text);
        }
    }

    /// Records that the session's current refresh token was refused.
    pub(crate) fn over(&self, session: &Session, got: &Got) {
        let standing = session.standing();
        session.now(Standing::Ended);
        if standing != Standing::Live {
            return;
        }
        let first = session.refreshes.load(Ordering::SeqCst) <= 1;
        let kind = if first {
            Violation::LoginLost
        } else {
            Violation::LoggedOut
        };
        let text = format!(
            "{}, instance {}: {} {}",
            session.owner, got.instance, got.answer.status, got.answer.content
        );
        self.ledger.violation(kind, &text);
    }

    /// Records an acknowledged logout, and watches the tokens from now on.
    pub(crate) fn ended(self: &Arc<Self>, session: &Arc<Session>, by: usize, at: Instant) {
        count(&self.ledger.activity.logouts);
        session.now(Standing::Ended);
        let gone = Arc::new(Gone {
            session: session.clone(),
            by,
            at,
        });
        lock(&self.gone).push(gone.clone());
        tokio::spawn(observer::watch(self.clone(), gone));
    }

    /// The acknowledged logouts, in order.
    pub(crate) fn all_gone(&self) -> Vec<Arc<Gone>> {
        lock(&self.gone).clone()
    }

    /// A logout that was acknowledged, chosen at random.
    pub(crate) fn any_gone(&self, random: &mut Random) -> Option<Arc<Gone>> {
        let gone = lock(&self.gone);
        (!gone.is_empty()).then(|| gone[random.below(gone.len())].clone())
    }
}

/// An acknowledged logout.
pub(crate) struct Gone {
    pub(crate) session: Arc<Session>,
    /// The instance that acknowledged it.
    pub(crate) by: usize,
    pub(crate) at: Instant,
}

/// The state of a session, as its owner knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Live,
    /// A logout was sent that may or may not end it.
    Doubtful,
    /// A logout was acknowledged.
    Ended,
}

/// A session of a client.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) owner: String,
    /// Whether its tokens are in cookies.
    pub(crate) web: bool,
    standing: Mutex<Standing>,
    access: Mutex<VecDeque<String>>,
    refresh: Mutex<Option<Request>>,
    /// The number of refreshes that the owner has sent.
    pub(crate) refreshes: AtomicU64,
}

impl Session {
    pub(crate) fn new(owner: &str, web: bool) -> Self {
        Self {
            owner: owner.to_owned(),
            web,
            standing: Mutex::new(Standing::Live),
            access: Mutex::default(),
            refresh: Mutex::default(),
            refreshes: AtomicU64::new(0),
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        *lock(&self.standing)
    }

    /// Moves on to doubt or to the end, never back.
    pub(crate) fn now(&self, standing: Standing) {
        let mut current = lock(&self.standing);
        if *current != Standing::Ended {
            *current = standing;
        }
    }

    /// Records the tokens of an answer, also of one that arrives after the logout: an access
    /// token, and the request that the owner would send to refresh.
    pub(crate) fn note(&self, token: &str, refresh: Option<Request>) {
        let mut access = lock(&self.access);
        access.push_back(token.to_owned());
        if access.len() > 4 {
            access.pop_front();
        }
        if refresh.is_some() {
            *lock(&self.refresh) = refresh;
        }
    }

    /// The latest access tokens.
    pub(crate) fn tokens(&self) -> Vec<String> {
        lock(&self.access).iter().cloned().collect()
    }

    /// The request that would refresh the session.
    pub(crate) fn refresh(&self) -> Option<Request> {
        lock(&self.refresh).clone()
    }

    /// A request with an access token of the session.
    pub(crate) fn gated(&self, page: &str, token: &str) -> Request {
        if self.web {
            let cookie = format!("__Host-access={token}");
            Request::new("GET", &format!("/web/{page}")).with("cookie", cookie)
        } else {
            Request::new("GET", &format!("/{page}")).bearer(token)
        }
    }
}

/// A user with the sessions of all devices.
pub(crate) struct User {
    pub(crate) name: String,
    sessions: Mutex<Vec<Arc<Session>>>,
    /// Until then, a logout of all sessions may still be executed.
    doubt: Mutex<Option<Instant>>,
}

impl User {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            name: format!("u-{number}"),
            sessions: Mutex::default(),
            doubt: Mutex::default(),
        }
    }

    /// Records an acknowledged login, which was sent at that time.
    pub(crate) fn opened(&self, session: &Arc<Session>, sent: Instant) {
        if lock(&self.doubt).is_some_and(|until| sent < until) {
            session.now(Standing::Doubtful);
        }
        let mut sessions = lock(&self.sessions);
        sessions.retain(|session| session.standing() != Standing::Ended);
        sessions.push(session.clone());
    }

    /// Logs all sessions of the user out, by a request with an access token of one of them. Each
    /// attempt may succeed without an answer; the next one is then refused.
    pub(crate) async fn log_out_all(
        &self,
        world: &Arc<World>,
        random: &mut Random,
        request: &Request,
    ) {
        let doubt = |time| *lock(&self.doubt) = Some(Instant::now() + time);
        let mut attempts = 0;
        loop {
            doubt(Duration::from_secs(3600));
            let all: Vec<_> = lock(&self.sessions).clone();
            for session in &all {
                session.now(Standing::Doubtful);
            }
            attempts += 1;
            match world.try_ask(random, Kind::Session, request).await {
                Ok(got) if got.answer.status == 200 => {
                    for session in all {
                        if session.standing() != Standing::Ended {
                            world.ended(&session, got.instance, got.received);
                        }
                    }
                }
                Ok(got) if got.answer.status == 503 && !world.is_over() => {
                    world.wait(&got.answer, random).await;
                    continue;
                }
                Err(_) if !world.is_over() => continue,
                // An earlier attempt, or a logout by the other device, has succeeded.
                _ => {}
            }
            break;
        }
        doubt(if attempts > 1 { DOUBT } else { Duration::ZERO });
    }
}

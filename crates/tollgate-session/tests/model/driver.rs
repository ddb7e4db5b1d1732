//! Runs the real operations, one store operation at a time. Requests to the store and its answers
//! are values, so the answers received so far describe an operation in flight completely.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::known::Text;
use tollgate_core::{Principal, SigningKey, Verifier};
use tollgate_session::{
    Continuation, Issuer, Login, NoRandomness, Position, Random, RefreshKey, RefreshRequest,
    Revocation, RevocationFeed, RevocationKey, RevocationKind, RevocationSnapshot, RevocationStore,
    SessionError, SessionErrorKind, SessionEvent, SessionEventKind, SessionId, SessionStore,
    SessionUpdate, Sessions, StoreError, StoreErrorKind, StoreFuture, StoredSession, Tokens,
};

/// A request of an operation to the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Request {
    Insert(Session),
    Load([u8; 16], u64),
    Replace(Session, u64, u64),
    List,
    Forget,
    Revoke(Vec<Entry>),
    Find(Vec<Text>),
    /// The session and its revision.
    Confirm([u8; 16], u64, u64),
    /// The call of the continuation hook.
    Ask,
}

impl Request {
    pub(crate) const fn is_write(&self) -> bool {
        matches!(
            self,
            Self::Insert(_) | Self::Replace(..) | Self::Revoke(_) | Self::Forget
        )
    }
}

/// An answer of the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Answer {
    Done(bool),
    Loaded(Option<Session>),
    Listed(Vec<Session>),
    Forgotten(usize),
    Revoked,
    Found(Vec<Entry>),
    Confirmed(bool),
    Says(Rights),
    /// An error. The request may or may not be executed.
    Failed,
}

/// The rights of the user, which shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Rights {
    Admin,
    Demoted,
    Disabled,
}

impl Rights {
    fn continuation(self) -> Continuation {
        match self {
            Self::Admin => Continuation::keep().roles(["admin"]),
            Self::Demoted => Continuation::keep().roles([""; 0]),
            Self::Disabled => Continuation::end(),
        }
    }
}

/// A hashable [`StoredSession`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Session {
    pub(crate) id: [u8; 16],
    pub(crate) revision: u64,
    pub(crate) expires_at: u64,
    pub(crate) data: Text,
}

/// A hashable [`Revocation`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) key: Text,
    pub(crate) before: u64,
    pub(crate) expires_at: u64,
}

pub(crate) const SUBJECT: &str = "u-7";

impl Session {
    fn of(stored: &StoredSession) -> Self {
        Self {
            id: *stored.id.as_bytes(),
            revision: stored.revision,
            expires_at: stored.expires_at,
            data: Text::of(&stored.data),
        }
    }

    fn stored(self) -> StoredSession {
        StoredSession {
            id: SessionId::new(self.id),
            subject: SUBJECT.to_owned(),
            revision: self.revision,
            expires_at: self.expires_at,
            data: self.data.bytes(),
        }
    }
}

/// An action of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Act {
    /// Presents the current refresh token.
    Refresh,
    /// Presents the first refresh token, which was stolen.
    Reuse,
    /// Logs out.
    Logout,
    /// Logs out all sessions.
    LogoutAll,
    /// The service forgets the user.
    Forget,
    /// Renews the current access token.
    Slide,
    /// Renews the first access token, which was stolen.
    SlideStolen,
    /// The owner authenticates again.
    StepUp,
    /// The service takes the role from the sessions of the user.
    Update,
    /// A handler counts in the data of the session.
    Count,
    /// Logs in. The user may have [`Config::most`] sessions.
    Login,
}

/// A configuration of an instance. Times are in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) grace: u64,
    pub(crate) late: u64,
    pub(crate) access: u64,
    pub(crate) idle: u64,
    pub(crate) cap: u64,
    /// The numbers of the refresh keys, the newest first.
    pub(crate) keys: &'static [u32],
    pub(crate) revoke_former_access: bool,
    /// Whether there is a continuation hook.
    pub(crate) hook: bool,
    /// The maximum number of sessions.
    pub(crate) most: usize,
    /// The number of revocations of the user before they merge. The replica has entries of other
    /// worlds, so only none or no maximum is deterministic.
    pub(crate) budget: usize,
}

impl Config {
    pub(crate) const fn new(grace: u64) -> Self {
        Self {
            grace,
            late: if grace > 0 { grace + 1 } else { 0 },
            access: ACCESS,
            idle: IDLE,
            cap: CAP,
            keys: &[1],
            revoke_former_access: false,
            hook: false,
            most: 64,
            budget: usize::MAX,
        }
    }
}

/// The result of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Done {
    Refreshed {
        refresh_token: Text,
        access_token: Text,
        told: Told,
    },
    Renewed(Text),
    SteppedUp {
        refresh_token: Text,
        access_token: Text,
    },
    NotRenewed,
    LoggedOut,
    Forgotten,
    Updated,
    /// The version of the data that was written.
    Counted(u64),
    Failed(Failure),
}

/// The event of a refresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Told {
    #[default]
    Other,
    Repeated,
    RepeatedLate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Failure {
    Invalid,
    Reuse,
    Other,
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error.kind() {
            SessionErrorKind::Invalid => Self::Invalid,
            SessionErrorKind::Reuse => Self::Reuse,
            _ => Self::Other,
        }
    }
}

/// The next step of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Next {
    Asks(Request),
    Is(Done),
}

#[derive(Default)]
struct Stage {
    clock: u64,
    seed: (u64, u64),
    answers: VecDeque<Answer>,
    asked: Option<Request>,
    told: Told,
}

/// The clock, the randomness and the store of the sessions.
#[derive(Clone, Default)]
struct Puppet(Arc<Mutex<Stage>>);

impl Puppet {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap()
    }

    fn ask<T: 'static>(&self, request: Request, read: fn(Answer) -> T) -> StoreFuture<'static, T> {
        let puppet = self.clone();
        let mut request = Some(request);
        Box::pin(std::future::poll_fn(move |_| {
            let mut stage = puppet.stage();
            if let Some(answer) = stage.answers.pop_front() {
                return Poll::Ready(match answer {
                    Answer::Failed => Err(StoreError::new(StoreErrorKind::Unavailable, "")),
                    answer => Ok(read(answer)),
                });
            }
            if let Some(request) = request.take() {
                stage.asked = Some(request);
            }
            Poll::Pending
        }))
    }
}

impl Random for Puppet {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let mut stage = self.stage();
        stage.seed.1 += 1;
        let seed = stage.seed.0 * 1_000 + stage.seed.1;
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = seed.to_be_bytes()[at % 8];
        }
        Ok(())
    }
}

fn done(answer: Answer) -> bool {
    match answer {
        Answer::Done(done) => done,
        other => panic!("{other:?}"),
    }
}

impl SessionStore for Puppet {
    fn insert<'a>(&'a self, session: &'a StoredSession, _: u64) -> StoreFuture<'a, bool> {
        self.ask(Request::Insert(Session::of(session)), done)
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        self.ask(Request::Load(*id.as_bytes(), now), |answer| match answer {
            Answer::Loaded(loaded) => loaded.map(Session::stored),
            other => panic!("{other:?}"),
        })
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        self.ask(Request::Replace(Session::of(session), expected, now), done)
    }

    fn of_subject<'a>(
        &'a self,
        _: &'a str,
        _: usize,
        _: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        self.ask(Request::List, |answer| match answer {
            Answer::Listed(listed) => listed.into_iter().map(Session::stored).collect(),
            other => panic!("{other:?}"),
        })
    }

    fn forget<'a>(&'a self, _: &'a str, _: u64) -> StoreFuture<'a, usize> {
        self.ask(Request::Forget, |answer| match answer {
            Answer::Forgotten(removed) => removed,
            other => panic!("{other:?}"),
        })
    }

    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        let request = Request::Confirm(*session.id.as_bytes(), session.revision, now);
        self.ask(request, |answer| match answer {
            Answer::Confirmed(confirmed) => confirmed,
            other => panic!("{other:?}"),
        })
    }
}

impl RevocationStore for Puppet {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], _: u64) -> StoreFuture<'a, ()> {
        let entry = |entry: &Revocation| Entry {
            key: Text::of(entry.key.to_bytes()),
            before: entry.before,
            expires_at: entry.expires_at,
        };
        self.ask(Request::Revoke(entries.iter().map(entry).collect()), |_| ())
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], _: u64) -> StoreFuture<'a, Vec<Revocation>> {
        let keys = keys.iter().map(|key| Text::of(key.to_bytes())).collect();
        self.ask(Request::Find(keys), |answer| match answer {
            Answer::Found(found) => found
                .into_iter()
                .map(|entry| Revocation {
                    key: RevocationKey::from_bytes(&entry.key.bytes()).unwrap(),
                    before: entry.before,
                    expires_at: entry.expires_at,
                })
                .collect(),
            other => panic!("{other:?}"),
        })
    }

    // The task that follows the revocations never runs here.
    fn snapshot(&self, _: u64) -> StoreFuture<'_, RevocationSnapshot> {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Unavailable, "")) })
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Unavailable, "")) })
    }

    fn changes(&self, _: Position, _: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Unavailable, "")) })
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Unavailable, "")) })
    }
}

/// The times of the model, in seconds.
pub(crate) const GRACE: u64 = 2;
pub(crate) const ACCESS: u64 = 3;
pub(crate) const IDLE: u64 = 4;
pub(crate) const CAP: u64 = 6;
pub(crate) const LEEWAY: u64 = 1;
pub(crate) const START: u64 = 1_700_000_000;

/// The content of a record.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) created_at: u64,
    pub(crate) cap: u64,
    pub(crate) idle_until: u64,
    pub(crate) generation: u64,
    pub(crate) rotated_at: u64,
    /// The time of the late repeat of this generation.
    pub(crate) late: Option<u64>,
    pub(crate) auth_time: u64,
    pub(crate) ended: bool,
    pub(crate) admin: bool,
    /// The version and the value of the data.
    pub(crate) data: (u64, u64),
}

/// A call, the second in which it began, and its answers with their seconds.
type Run = (Call, u64, Vec<(Answer, u64)>);

/// A cache of computed values.
type Memory<K, V> = RefCell<HashMap<K, V, RandomState>>;

/// The claims of a token that a verifier accepts.
#[derive(Clone, Copy)]
pub(crate) struct Verified {
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) auth_time: u64,
    pub(crate) admin: bool,
}

pub(crate) struct Driver {
    runs: Memory<Run, Next>,
    read: Memory<Text, Facts>,
    keys: Memory<(RevocationKind, String), Text>,
    verified: Memory<(Text, u64), Option<Verified>>,
    puppet: Puppet,
    instances: Vec<(Config, Sessions, Verifier)>,
    runtime: tokio::runtime::Runtime,
}

/// The start of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) act: Act,
    /// The number of the operation, which seeds its randomness.
    pub(crate) number: u64,
    /// The presented token; for a logout, the token of the session.
    pub(crate) token: Text,
    /// The configuration of the instance.
    pub(crate) config: usize,
}

fn login() -> Login {
    let login = Login::new(SUBJECT).role("admin");
    login.scope("a").claim("tenant", "acme")
}

impl Driver {
    pub(crate) fn new(configs: &[Config]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let puppet = Puppet::default();
        puppet.stage().clock = START;
        let instances = configs
            .iter()
            .map(|config| Self::instance(&runtime, &puppet, *config));
        Self {
            runs: RefCell::default(),
            read: RefCell::default(),
            keys: RefCell::default(),
            verified: RefCell::default(),
            instances: instances.collect(),
            puppet,
            runtime,
        }
    }

    fn instance(
        runtime: &tokio::runtime::Runtime,
        puppet: &Puppet,
        config: Config,
    ) -> (Config, Sessions, Verifier) {
        let clock = puppet.clone();
        let issuer = Issuer::builder("https://id.example.com")
            .audience("orders-api")
            .signing_key(SigningKey::hs256([7; 32]).unwrap().with_kid("1"))
            .access_lifetime(Duration::from_secs(config.access))
            .leeway(Duration::from_secs(LEEWAY))
            .clock(move || clock.stage().clock)
            .random(puppet.clone())
            .build()
            .unwrap();
        let verifier = issuer.verifier().build().unwrap();
        let told = puppet.clone();
        let tell = move |event: &SessionEvent| match event.kind() {
            SessionEventKind::Repeated { .. } => told.stage().told = Told::Repeated,
            SessionEventKind::RepeatedLate { .. } => told.stage().told = Told::RepeatedLate,
            _ => {}
        };
        let builder = Sessions::builder(issuer, puppet.clone())
            .on_event(tell)
            .late_repeat(Duration::from_secs(config.late))
            .grace(Duration::from_secs(config.grace))
            .idle_timeout(Duration::from_secs(config.idle))
            .absolute_timeout(Duration::from_secs(config.cap))
            .max_sessions_per_subject(config.most)
            .max_revocations_per_subject(config.budget)
            .store_timeout(Duration::from_millis(500));
        let mut builder = if config.revoke_former_access {
            builder.revoke_former_access()
        } else {
            builder
        };
        if config.hook {
            let hook = puppet.clone();
            builder = builder.on_continue(move |_| {
                hook.ask(Request::Ask, |answer| match answer {
                    Answer::Says(rights) => rights.continuation(),
                    other => panic!("{other:?}"),
                })
            });
        }
        for number in config.keys {
            let secret = [u8::try_from(*number).unwrap(); 32];
            builder = builder.refresh_key(RefreshKey::new(*number, secret));
        }
        let _inside = runtime.enter();
        (config, builder.build().unwrap(), verifier)
    }

    pub(crate) const fn configs(&self) -> usize {
        self.instances.len()
    }

    pub(crate) fn config(&self, at: usize) -> Config {
        self.instances[at].0
    }

    /// Returns the session of a refresh token.
    pub(crate) fn session(token: Text) -> [u8; 16] {
        let bytes = base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(token.bytes())
            .unwrap();
        *bytes[1..].first_chunk().unwrap()
    }

    /// Returns the generation of a refresh token and the number of its key.
    pub(crate) fn generation(token: Text) -> (u64, u32) {
        let bytes = base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(token.bytes())
            .unwrap();
        let (generation, rest) = bytes[17..].split_first_chunk().unwrap();
        (
            u64::from_be_bytes(*generation),
            u32::from_be_bytes(*rest.first_chunk().unwrap()),
        )
    }

    /// Returns the content of a record.
    pub(crate) fn facts(&self, session: &Session) -> Facts {
        let read = || {
            let body: serde_json::Value = serde_json::from_slice(&session.data.bytes()).unwrap();
            let number = |name: &str| body[name].as_u64().unwrap();
            Facts {
                created_at: number("created_at"),
                cap: number("cap"),
                idle_until: number("idle_until"),
                generation: number("generation"),
                rotated_at: number("rotated_at"),
                late: body["late"]["at"].as_u64(),
                auth_time: number("auth_time"),
                ended: body.get("ended_at").is_some(),
                admin: body["roles"][0] == "admin",
                data: (
                    body["data"]["version"].as_u64().unwrap_or(0),
                    body["data"]["value"].as_u64().unwrap_or(0),
                ),
            }
        };
        *self
            .read
            .borrow_mut()
            .entry(session.data)
            .or_insert_with(read)
    }

    pub(crate) fn key(&self, kind: RevocationKind, value: &str) -> Text {
        let key = || Text::of(RevocationKey::new(kind, "https://id.example.com", value).to_bytes());
        *self
            .keys
            .borrow_mut()
            .entry((kind, value.to_owned()))
            .or_insert_with(key)
    }

    /// Returns the principal if the gate of any instance accepts the token at that time.
    fn principal(&self, token: &str, now: u64) -> Option<Principal> {
        self.puppet.stage().clock = now;
        let verifiers = self.instances.iter().map(|(_, _, verifier)| verifier);
        verifiers
            .into_iter()
            .find_map(|verifier| verifier.verify(token).ok())
    }

    /// Returns the claims if the token verifies at that time.
    pub(crate) fn verify(&self, token: Text, now: u64) -> Option<Verified> {
        let judged = || {
            let principal = self.principal(&token.string(), now)?;
            assert_eq!(
                principal.claim("tenant"),
                Some("acme".into()),
                "a custom claim is missing"
            );
            Some(Verified {
                issued_at: principal.issued_at()?,
                expires_at: principal.expires_at()?,
                auth_time: principal.claim("auth_time")?.as_u64()?,
                admin: principal.has_role("admin"),
            })
        };
        *self
            .verified
            .borrow_mut()
            .entry((token, now))
            .or_insert_with(judged)
    }

    /// Runs an operation from its start through these answers, up to its next request. Results are
    /// cached.
    pub(crate) fn run(&self, call: &Call, began: u64, answers: &[(Answer, u64)]) -> Next {
        let run = (call.clone(), began, answers.to_vec());
        if let Some(next) = self.runs.borrow().get(&run) {
            return next.clone();
        }
        let next = self.run_anew(call, began, answers);
        self.runs.borrow_mut().insert(run, next.clone());
        next
    }

    #[allow(clippy::too_many_lines, reason = "one arm for each act")]
    fn run_anew(&self, call: &Call, began: u64, answers: &[(Answer, u64)]) -> Next {
        let token = call.token.string();
        let sessions = &self.instances[call.config].1;
        match call.act {
            Act::Refresh | Act::Reuse => {
                let operation = sessions.refresh(&token, RefreshRequest::default());
                self.drive(operation, call, began, answers, |result| match result {
                    Ok(Tokens {
                        refresh_token,
                        access_token,
                        ..
                    }) => Done::Refreshed {
                        refresh_token: Text::of(refresh_token),
                        access_token: Text::of(access_token),
                        told: self.puppet.stage().told,
                    },
                    Err(error) => Done::Failed(error.into()),
                })
            }
            Act::Login => {
                let login = login();
                let operation = sessions.login(login);
                self.drive(operation, call, began, answers, |result| match result {
                    Ok(tokens) => Done::Refreshed {
                        refresh_token: Text::of(tokens.refresh_token),
                        access_token: Text::of(tokens.access_token),
                        told: Told::Other,
                    },
                    Err(error) => Done::Failed(error.into()),
                })
            }
            Act::StepUp => {
                let principal = self.principal(&token, began).unwrap();
                let operation = sessions.reauthenticated(&principal);
                self.drive(operation, call, began, answers, |result| match result {
                    Ok(tokens) => Done::SteppedUp {
                        refresh_token: Text::of(tokens.refresh_token),
                        access_token: Text::of(tokens.access_token),
                    },
                    Err(error) => Done::Failed(error.into()),
                })
            }
            Act::Slide | Act::SlideStolen => {
                // The gate has accepted the token.
                let principal = self.principal(&token, began).unwrap();
                self.drive(
                    sessions.renew(&principal),
                    call,
                    began,
                    answers,
                    |result| match result {
                        Ok(Some(renewed)) => Done::Renewed(Text::of(renewed.access_token)),
                        Ok(None) => Done::NotRenewed,
                        Err(error) => Done::Failed(error.into()),
                    },
                )
            }
            Act::Logout => {
                let session = token.parse().unwrap();
                self.drive(
                    sessions.logout(&session),
                    call,
                    began,
                    answers,
                    |result| match result {
                        Ok(_) => Done::LoggedOut,
                        Err(error) => Done::Failed(error.into()),
                    },
                )
            }
            Act::Update => self.drive(
                sessions.update(SUBJECT, SessionUpdate::new().roles([""; 0])),
                call,
                began,
                answers,
                |result| match result {
                    Ok(_) => Done::Updated,
                    Err(error) => Done::Failed(error.into()),
                },
            ),
            Act::Count => {
                let session = token.parse().unwrap();
                let count = sessions.update_data(&session, |count: &mut u64| *count += 1);
                self.drive(count, call, began, answers, |result| match result {
                    Ok(data) => Done::Counted(data.version),
                    Err(error) => Done::Failed(error.into()),
                })
            }
            Act::Forget => {
                self.drive(
                    sessions.forget(SUBJECT),
                    call,
                    began,
                    answers,
                    |result| match result {
                        Ok(_) => Done::Forgotten,
                        Err(error) => Done::Failed(error.into()),
                    },
                )
            }
            Act::LogoutAll => self.drive(
                sessions.logout_all(SUBJECT),
                call,
                began,
                answers,
                |result| match result {
                    Ok(_) => Done::LoggedOut,
                    Err(error) => Done::Failed(error.into()),
                },
            ),
        }
    }

    /// Runs an undisturbed login. Returns its tokens and the stored session.
    pub(crate) fn login(&self) -> (Tokens, Session) {
        let call = Call {
            act: Act::Refresh,
            number: 0,
            token: Text::of(""),
            config: 0,
        };
        let tokens = Mutex::new(None);
        let mut answers = Vec::new();
        let mut kept = None;
        loop {
            let next = self.drive(
                self.instances[0].1.login(login()),
                &call,
                START,
                &answers,
                |result| {
                    *tokens.lock().unwrap() = Some(result.unwrap());
                    Done::NotRenewed
                },
            );
            let answer = match next {
                Next::Is(_) => return (tokens.into_inner().unwrap().unwrap(), kept.unwrap()),
                Next::Asks(Request::Insert(session)) => {
                    kept = Some(session);
                    Answer::Done(true)
                }
                Next::Asks(Request::List) => Answer::Listed(kept.iter().cloned().collect()),
                Next::Asks(Request::Find(_)) => Answer::Found(Vec::new()),
                Next::Asks(other) => panic!("{other:?}"),
            };
            answers.push((answer, START));
        }
    }

    fn drive<T>(
        &self,
        operation: impl Future<Output = T>,
        call: &Call,
        began: u64,
        answers: &[(Answer, u64)],
        finish: impl FnOnce(T) -> Done,
    ) -> Next {
        let _inside = self.runtime.enter();
        let mut operation = pin!(operation);
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut stage = self.puppet.stage();
            *stage = Stage {
                clock: began,
                seed: (call.number, 0),
                ..Stage::default()
            };
        }
        let mut polled = operation.as_mut().poll(&mut context);
        for (answer, at) in answers {
            assert!(
                polled.is_pending(),
                "the operation completed before it received all answers"
            );
            {
                let mut stage = self.puppet.stage();
                stage.clock = *at;
                stage.asked = None;
                stage.answers.push_back(answer.clone());
            }
            polled = operation.as_mut().poll(&mut context);
        }
        match polled {
            Poll::Ready(result) => Next::Is(finish(result)),
            Poll::Pending => Next::Asks(
                self.puppet
                    .stage()
                    .asked
                    .clone()
                    .expect("the operation waits for something other than the store"),
            ),
        }
    }
}

//! The store as data, the operations in flight, and the invariants.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_session::RevocationKind;

use crate::driver::{
    Act, Answer, Call, Config, Done, Driver, Entry, Facts, Failure, Next, Request, Rights, START,
    SUBJECT, Session, Told, Verified,
};
use crate::known::Text;

/// The relation of the clients.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Clients {
    Concurrent,
    /// Their operations do not overlap.
    Alternating,
    /// They have one storage.
    Tabs,
}

/// The failures of the store that a scenario has, and what it assumes of the clients.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a kind of fault or of client"
)]
pub(crate) struct Faults {
    /// A request fails and is not executed.
    pub(crate) fail: bool,
    /// The number of writes that fail and are executed later.
    pub(crate) late_writes: u64,
    /// One failover loses every write that was not acknowledged.
    pub(crate) failover: bool,
    /// The number of operations for each refresh token that a client may lose after a write.
    pub(crate) losses: Option<u64>,
    /// The user is demoted, and then disabled.
    pub(crate) rights: bool,
    pub(crate) clients: Clients,
    /// A client that is logged out is a violation.
    pub(crate) honest: bool,
}

impl Faults {
    pub(crate) const NONE: Self = Self {
        fail: false,
        late_writes: 0,
        failover: false,
        losses: None,
        rights: false,
        clients: Clients::Concurrent,
        honest: false,
    };
}

/// The part of the store that survives a failover.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Durable {
    session: Option<Session>,
    revoked: BTreeMap<Text, Entry>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct World {
    faults: Faults,
    /// A write whose caller got an error, and that will be executed.
    pending: Option<(Request, bool)>,
    late_writes: u64,
    losses: u64,
    /// `None` after the failover.
    durable: Option<Durable>,
    pub(crate) now: u64,
    /// The configuration of the instances that requests reach.
    pub(crate) config: usize,
    session: Option<Session>,
    revoked: BTreeMap<Text, Entry>,
    pub(crate) clients: Vec<Client>,
    pub(crate) begun: u64,
    sid: Text,
    generations: Vec<Generation>,
    first_access: Text,
    /// Every access token that was issued, whether it arrived or not.
    handed_out: BTreeSet<Text>,
    /// A logout has returned, or reuse was reported.
    over: bool,
    /// A logout was begun, a stolen token was presented, or the session is being ended for reuse.
    disturbed: bool,
    /// The rights of the user, as the hook reads them.
    rights: Rights,
    /// The role was taken from all sessions.
    updated: bool,
    /// The user was forgotten.
    forgotten: bool,
    /// The versions of the data whose writes were acknowledged.
    counted: BTreeSet<u64>,
}

/// A generation of the refresh token.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Generation {
    token: Option<Text>,
    /// The time when it became current.
    since: u64,
    /// The authentication that it stands for.
    auth_time: u64,
    /// A re-authentication created it.
    stepped_up: bool,
    /// The time of its late repeat.
    late: Option<u64>,
    /// The operation that created it has returned its token.
    returned: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Client {
    refresh_token: Text,
    access_token: Text,
    pub(crate) flight: Option<Flight>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Flight {
    pub(crate) call: Call,
    pub(crate) began: u64,
    /// The session had ended when this operation began.
    over: bool,
    /// The rights of the user when this operation began.
    rights: Rights,
    /// The session had lost the role when this operation began.
    demoted: bool,
    answers: Vec<(Answer, u64)>,
    pub(crate) waits: Waits,
}

impl Flight {
    /// Returns whether the client may miss something that the operation has written.
    fn has_written(&self) -> bool {
        match &self.waits {
            Waits::Delivery(Done::Refreshed { told, .. }) => *told != Told::Repeated,
            Waits::Delivery(_) => false,
            Waits::Effect(_) | Waits::Answer(_) => self
                .answers
                .iter()
                .any(|(answer, _)| *answer == Answer::Done(true)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Waits {
    /// The request has not reached the store.
    Effect(Request),
    /// The answer has not reached the service.
    Answer(Answer),
    /// The response has not reached the client.
    Delivery(Done),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// A second passes.
    Tick,
    /// The instances restart with the next configuration. Requests in progress run to their end.
    Configure,
    Begin(usize, Act),
    /// The awaited step happens.
    Go(usize),
    /// The awaited step never happens: a crash, a timeout, a lost answer, a disconnected client.
    Lose(usize),
    /// The store executes the awaited request, and the answer is lost.
    DoAndLose(usize),
    /// The awaited request fails.
    Fail(usize),
    /// The awaited write fails, and is executed later.
    FailAndLand(usize),
    /// The write that failed is executed.
    Land,
    /// The user loses rights.
    Demote,
    /// Another server takes over, which has only what was acknowledged.
    Failover,
}

impl World {
    pub(crate) fn new(driver: &Driver, clients: usize, faults: Faults) -> Self {
        let (tokens, session) = driver.login();
        let client = Client {
            refresh_token: Text::of(tokens.refresh_token),
            access_token: Text::of(tokens.access_token),
            flight: None,
        };
        let (refresh_token, access_token) = (client.refresh_token, client.access_token);
        let durable = Durable {
            session: Some(session.clone()),
            revoked: BTreeMap::new(),
        };
        Self {
            faults,
            pending: None,
            late_writes: 0,
            losses: 0,
            durable: faults.failover.then_some(durable),
            now: START,
            config: 0,
            session: Some(session),
            revoked: BTreeMap::new(),
            clients: vec![client; clients],
            begun: 0,
            sid: Text::of(tokens.session.to_string()),
            generations: vec![Generation {
                token: Some(refresh_token),
                since: START,
                auth_time: START,
                stepped_up: false,
                late: None,
                returned: false,
            }],
            first_access: access_token,
            handed_out: [access_token].into(),
            over: false,
            disturbed: false,
            rights: Rights::Admin,
            updated: false,
            forgotten: false,
            counted: BTreeSet::new(),
        }
    }

    /// Returns `true` if the move is possible. An operation does not outlive the store's timeout of
    /// half a second, so it sees at most one tick.
    pub(crate) fn allows(&self, driver: &Driver, next: Move, end: u64) -> bool {
        match next {
            Move::Tick => {
                let timely = |client: &Client| match &client.flight {
                    Some(flight) => {
                        matches!(flight.waits, Waits::Delivery(_)) || flight.began == self.now
                    }
                    None => true,
                };
                self.now < end && self.clients.iter().all(timely)
            }
            Move::Configure => self.config + 1 < driver.configs(),
            Move::Begin(at, act) => {
                let client = &self.clients[at];
                let accepted = |token| driver.verify(token, self.now).is_some();
                let idle = |client: &Client| client.flight.is_none();
                idle(client)
                    && (self.faults.clients != Clients::Alternating
                        || self.clients.iter().all(idle))
                    && match act {
                        Act::Slide | Act::StepUp => accepted(client.access_token),
                        Act::SlideStolen => accepted(self.first_access),
                        // The data that the hook reads changes first.
                        Act::Update => {
                            !driver.config(self.config).hook || self.rights != Rights::Admin
                        }
                        _ => true,
                    }
            }
            Move::Go(at) => self.clients[at].flight.is_some(),
            Move::Lose(at) => {
                let flight = self.clients[at].flight.as_ref();
                flight.is_some_and(|flight| !flight.has_written() || self.may_lose())
            }
            Move::DoAndLose(at) => self.awaited(at).is_some_and(|request| {
                let flight = self.clients[at].flight.as_ref();
                let harmless = !request.is_write() && !flight.is_some_and(Flight::has_written);
                harmless || self.may_lose()
            }),
            Move::Fail(at) => {
                let flight = self.clients[at].flight.as_ref();
                self.faults.fail
                    && self.awaited(at).is_some()
                    && (!flight.is_some_and(Flight::has_written) || self.may_lose())
            }
            Move::FailAndLand(at) => {
                self.late_writes < self.faults.late_writes
                    && self.pending.is_none()
                    && self.awaited(at).is_some_and(Request::is_write)
                    && self.may_lose()
            }
            Move::Land => self.pending.is_some(),
            Move::Failover => self.durable.is_some(),
            Move::Demote => self.faults.rights && self.rights != Rights::Disabled,
        }
    }

    fn may_lose(&self) -> bool {
        self.faults.losses.is_none_or(|most| self.losses < most)
    }

    /// Counts a lost operation, if the scenario limits them.
    fn lose(&mut self, harmful: bool) {
        self.losses += u64::from(harmful && self.faults.losses.is_some());
    }

    /// Returns the request that has not reached the store.
    fn awaited(&self, at: usize) -> Option<&Request> {
        match &self.clients[at].flight.as_ref()?.waits {
            Waits::Effect(request) => Some(request),
            _ => None,
        }
    }

    /// Returns the world after the move. Checks the invariants of a single move.
    pub(crate) fn after(&self, driver: &Driver, next: Move, fine: bool) -> Self {
        let mut world = self.clone();
        match next {
            Move::Tick => world.now += 1,
            Move::Configure => world.config += 1,
            Move::Begin(at, act) => world.begin(driver, at, act),
            Move::Lose(at) => {
                let flight = world.clients[at].flight.take();
                world.lose(flight.is_some_and(|flight| flight.has_written()));
            }
            Move::DoAndLose(at) => {
                let flight = world.clients[at].flight.take().unwrap();
                let written = flight.has_written();
                if let Waits::Effect(request) = flight.waits {
                    world.lose(written || request.is_write());
                    world.apply(driver, request, flight.call.act == Act::StepUp);
                }
            }
            Move::Fail(at) | Move::FailAndLand(at) => {
                let mut flight = world.clients[at].flight.take().unwrap();
                world.lose(flight.has_written());
                let waits = std::mem::replace(&mut flight.waits, Waits::Answer(Answer::Failed));
                if let (Waits::Effect(request), Move::FailAndLand(_)) = (waits, next) {
                    world.pending = Some((request, flight.call.act == Act::StepUp));
                    world.late_writes += 1;
                    world.lose(true);
                }
                world.go(driver, at, flight);
            }
            Move::Land => {
                if let Some((request, stepping_up)) = world.pending.take() {
                    world.apply(driver, request, stepping_up);
                }
            }
            Move::Failover => world.fail_over(driver),
            Move::Demote => {
                world.rights = match world.rights {
                    Rights::Admin => Rights::Demoted,
                    _ => Rights::Disabled,
                }
            }
            Move::Go(at) => {
                let flight = world.clients[at].flight.take().unwrap();
                world.go(driver, at, flight);
                if !fine
                    && let Some(Flight {
                        waits: Waits::Answer(_),
                        ..
                    }) = &world.clients[at].flight
                {
                    let flight = world.clients[at].flight.take().unwrap();
                    world.go(driver, at, flight);
                }
            }
        }
        // Clients are interchangeable.
        world.clients.sort();
        world
    }

    fn begin(&mut self, driver: &Driver, at: usize, act: Act) {
        self.begun += 1;
        let client = &self.clients[at];
        let token = match act {
            Act::Refresh => client.refresh_token,
            Act::Reuse => self.generations[0].token.unwrap(),
            Act::Slide | Act::StepUp => client.access_token,
            Act::SlideStolen => self.first_access,
            Act::Logout | Act::LogoutAll | Act::Forget | Act::Update | Act::Count | Act::Login => {
                self.sid
            }
        };
        self.disturbed |= matches!(act, Act::Reuse | Act::Logout | Act::LogoutAll | Act::Forget);
        let call = Call {
            act,
            number: self.begun,
            token,
            config: self.config,
        };
        let next = driver.run(&call, self.now, &[]);
        let flight = Flight {
            call,
            began: self.now,
            over: self.over,
            rights: self.rights,
            demoted: !self
                .session
                .as_ref()
                .is_none_or(|session| driver.facts(session).admin),
            answers: Vec::new(),
            waits: Waits::Delivery(Done::NotRenewed),
        };
        self.goes_on(driver, at, flight, next);
    }

    fn go(&mut self, driver: &Driver, at: usize, mut flight: Flight) {
        match flight.waits.clone() {
            Waits::Effect(request) => {
                let stepping_up = flight.call.act == Act::StepUp;
                let answer = self.apply(driver, request.clone(), stepping_up);
                self.acknowledge(&request);
                flight.waits = Waits::Answer(answer);
                self.clients[at].flight = Some(flight);
            }
            Waits::Answer(answer) => {
                flight.answers.push((answer, self.now));
                assert!(flight.answers.len() < 40, "an operation does not terminate");
                let next = driver.run(&flight.call, flight.began, &flight.answers);
                self.goes_on(driver, at, flight, next);
            }
            Waits::Delivery(done) => match done {
                Done::Refreshed {
                    refresh_token,
                    access_token,
                    ..
                } if flight.call.act == Act::Refresh => {
                    self.store(at, refresh_token, access_token);
                }
                Done::SteppedUp {
                    refresh_token,
                    access_token,
                } => self.store(at, refresh_token, access_token),
                Done::Renewed(access_token) if flight.call.act == Act::Slide => {
                    self.clients[at].access_token = access_token;
                }
                _ => {}
            },
        }
    }

    /// The client stores the tokens of a response.
    fn store(&mut self, at: usize, refresh_token: Text, access_token: Text) {
        if self.clients[at].refresh_token != refresh_token {
            self.losses = 0;
        }
        for (number, client) in self.clients.iter_mut().enumerate() {
            if number == at || self.faults.clients == Clients::Tabs {
                client.refresh_token = refresh_token;
                client.access_token = access_token;
            }
        }
    }

    /// An acknowledged write, and what an acknowledged confirmation has seen, survives a failover.
    fn acknowledge(&mut self, request: &Request) {
        let Some(durable) = &mut self.durable else {
            return;
        };
        match request {
            Request::Replace(..) | Request::Confirm(..) | Request::Forget => {
                durable.session.clone_from(&self.session);
            }
            Request::Revoke(entries) => {
                for entry in entries {
                    let kept = self.revoked[&entry.key].clone();
                    durable.revoked.insert(entry.key, kept);
                }
            }
            _ => {}
        }
    }

    /// **No acknowledged rotation is lost, and no acknowledged logout comes back.**
    fn fail_over(&mut self, driver: &Driver) {
        let Durable { session, revoked } = self.durable.take().unwrap();
        // Connections break.
        for client in &mut self.clients {
            let answered = |flight: &Flight| matches!(flight.waits, Waits::Delivery(_));
            client.flight.take_if(|flight| !answered(flight));
        }
        if let Some(session) = &session {
            let facts = driver.facts(session);
            let known = usize::try_from(facts.generation).unwrap();
            for lost in self.generations.drain(known..) {
                assert_eq!(lost.token, None, "an acknowledged rotation was lost");
            }
            self.generations.last_mut().unwrap().late = facts.late;
        }
        (self.session, self.revoked) = (session, revoked);
    }

    fn goes_on(&mut self, driver: &Driver, at: usize, mut flight: Flight, next: Next) {
        flight.waits = match next {
            Next::Asks(request) => Waits::Effect(request),
            Next::Is(done) => {
                self.note(&flight, &done);
                self.judge(driver, &flight, &done);
                // Ended operations are indistinguishable.
                flight.answers.clear();
                Waits::Delivery(done)
            }
        };
        self.clients[at].flight = Some(flight);
    }

    fn live(&self, now: u64) -> Option<&Session> {
        self.session
            .as_ref()
            .filter(|session| session.expires_at > now)
    }

    /// Returns `true` if the session that an operation saw had neither ended nor expired.
    fn saw_alive(&self, driver: &Driver, flight: &Flight) -> bool {
        let loaded = flight
            .answers
            .iter()
            .rev()
            .find_map(|(answer, _)| match answer {
                Answer::Loaded(loaded) => Some(loaded.as_ref()),
                _ => None,
            });
        loaded.flatten().is_some_and(|session| {
            let facts = driver.facts(session);
            !facts.ended && self.now < facts.idle_until
        })
    }

    /// Returns the generation of the session that the operation loaded first.
    fn first_seen(driver: &Driver, flight: &Flight) -> usize {
        let loaded = flight.answers.iter().find_map(|(answer, _)| match answer {
            Answer::Loaded(loaded) => loaded.as_ref(),
            _ => None,
        });
        let generation = loaded.map_or(0, |session| driver.facts(session).generation);
        usize::try_from(generation).unwrap()
    }

    fn apply(&mut self, driver: &Driver, request: Request, stepping_up: bool) -> Answer {
        match request {
            Request::Load(_, now) => Answer::Loaded(self.live(now).cloned()),
            Request::List => Answer::Listed(self.live(self.now).cloned().into_iter().collect()),
            Request::Replace(session, expected, now) => {
                let replaces = self.live(now).is_some_and(|kept| kept.revision == expected);
                if replaces {
                    self.replaced(driver, session, stepping_up);
                }
                Answer::Done(replaces)
            }
            Request::Confirm(_, revision, now) => {
                let there = self.live(now);
                Answer::Confirmed(there.is_some_and(|there| there.revision == revision))
            }
            Request::Revoke(entries) => {
                for entry in entries {
                    self.disturbed |= entry.before >= 1 << 63;
                    let kept = self
                        .revoked
                        .entry(entry.key)
                        .or_insert_with(|| entry.clone());
                    kept.before = kept.before.max(entry.before);
                    kept.expires_at = kept.expires_at.max(entry.expires_at);
                }
                Answer::Revoked
            }
            Request::Forget => Answer::Forgotten(usize::from(self.session.take().is_some())),
            Request::Find(keys) => {
                let found = keys.iter().filter_map(|key| self.revoked.get(key));
                Answer::Found(
                    found
                        .filter(|entry| entry.expires_at > self.now)
                        .cloned()
                        .collect(),
                )
            }
            Request::Ask => {
                self.disturbed |= self.rights == Rights::Disabled;
                Answer::Says(self.rights)
            }
            Request::Insert(_) => panic!("no client logs in"),
        }
    }

    /// **Each generation is rotated at most once, and the absolute timeout never moves.**
    fn replaced(&mut self, driver: &Driver, session: Session, stepping_up: bool) {
        let (old, new) = (
            driver.facts(self.session.as_ref().unwrap()),
            driver.facts(&session),
        );
        assert!(!old.ended, "an ended session was replaced");
        assert!(old.admin || !new.admin, "a session got its role back");
        assert_eq!(
            (new.cap, new.created_at),
            (START + driver.config(0).cap, START),
            "the absolute timeout has moved"
        );
        assert!(new.idle_until <= new.cap);
        let (from, to) = (old.generation, new.generation);
        assert_eq!(from, self.generations.len() as u64);
        if from == to {
            assert_eq!(old.auth_time, new.auth_time, "a step-up without a rotation");
            if old.late != new.late {
                assert_eq!(old.late, None, "a second late repeat");
                assert_eq!(
                    old.idle_until, new.idle_until,
                    "a late repeat extends the session"
                );
                let last = self.generations.last_mut().unwrap();
                assert!(!last.stepped_up, "a late repeat of a step-up");
                last.late = new.late;
            }
        } else {
            assert_eq!(to, from + 1);
            // A slower step-up does not end the grace period of the last one.
            let stepped_up = self.generations.iter().filter(|_| stepping_up);
            let stepped_up = stepped_up.filter(|known| known.stepped_up);
            let last = stepped_up.map(|known| known.since).max().unwrap_or(0);
            self.generations.push(Generation {
                token: None,
                since: new.rotated_at.max(last),
                auth_time: new.auth_time,
                stepped_up: stepping_up,
                late: None,
                returned: false,
            });
        }
        self.session = Some(session);
    }

    /// **The session of a disabled user has ended when the answer is sent.**
    fn note(&mut self, flight: &Flight, done: &Done) {
        let disabled = |(answer, _): &(Answer, u64)| *answer == Answer::Says(Rights::Disabled);
        self.over |= matches!(done, Done::Failed(Failure::Invalid) | Done::NotRenewed)
            && flight.answers.iter().any(disabled);
        self.updated |= *done == Done::Updated;
    }

    #[allow(clippy::too_many_lines, reason = "one rule after the other")]
    fn judge(&mut self, driver: &Driver, flight: &Flight, done: &Done) {
        let call = &flight.call;
        let generation = |token: Text| {
            self.generations
                .iter()
                .position(|known| known.token == Some(token))
        };
        let presented = generation(call.token);
        // A rotation by the step-up of a later generation keeps the token out.
        let grace = driver.config(call.config).grace;
        // Without a grace period no arrival is in time.
        let within = |since: u64| grace > 0 && flight.began < since + grace;
        let stepped_up = presented.is_some_and(|at| {
            let later = self.generations.iter().skip(at + 1);
            let mut later = later.filter(|known| known.stepped_up);
            later.any(|known| within(known.since))
        });
        match done {
            Done::Refreshed {
                refresh_token,
                access_token,
                told,
            } => {
                assert!(!flight.over, "an ended session was refreshed");
                assert!(
                    flight.began < START + driver.config(0).cap,
                    "a session was refreshed after its absolute timeout"
                );
                // **All clients receive the same successor.**
                let at = presented.unwrap();
                let auth_time = self.generations[at].auth_time;
                let successor = &mut self.generations[at + 1];
                assert!(
                    !successor.stepped_up,
                    "a token from before a step-up got its successor"
                );
                // **Outside the grace period, each response with tokens is an event.** So is the
                // first response after a rotation whose own response was lost.
                let late = successor.late.is_some_and(within);
                match told {
                    Told::Other => {
                        let before = std::mem::replace(&mut successor.returned, true);
                        assert!(!before, "an untold repeat");
                    }
                    Told::Repeated => assert!(within(successor.since), "an untold late repeat"),
                    Told::RepeatedLate => assert!(late && !within(successor.since)),
                }
                let known = successor.token.get_or_insert(*refresh_token);
                assert_eq!(known, refresh_token, "one token has two successors");
                self.hand_out(driver, flight, *access_token, auth_time);
            }
            Done::Renewed(access_token) => {
                assert!(!flight.over, "an ended session was renewed");
                let presented = driver.verify(call.token, flight.began).unwrap();
                self.hand_out(driver, flight, *access_token, presented.auth_time);
            }
            Done::SteppedUp {
                refresh_token,
                access_token,
            } => {
                assert!(!flight.over, "an ended session was stepped up");
                let (number, _) = Driver::generation(*refresh_token);
                let at = usize::try_from(number).unwrap() - 1;
                assert!(self.generations[at].stepped_up);
                assert_eq!(
                    self.generations[at].token, None,
                    "two step-ups got one token"
                );
                self.generations[at].token = Some(*refresh_token);
                let auth_time = self.generations[at].auth_time;
                assert!(auth_time >= flight.began, "a step-up in the past");
                self.hand_out(driver, flight, *access_token, auth_time);
            }
            Done::LoggedOut => self.over = true,
            // **Nothing brings the record of a forgotten user back.**
            Done::Forgotten => {
                self.over = true;
                self.forgotten = true;
            }
            Done::Failed(Failure::Reuse) => {
                self.judge_reuse(driver, flight, presented.unwrap());
                self.over = true;
                self.disturbed = true;
            }
            Done::Failed(Failure::Invalid) => {
                // **A client that lost a response and retries in time is not logged out.**
                let ended = self.disturbed || !self.saw_alive(driver, flight);
                let keyless = self.lacks_key(driver, call);
                let outdated = presented.is_some_and(|at| {
                    let replaced = self.generations.get(at + 1);
                    let in_time =
                        |known: &Generation| within(known.since) || known.late.is_some_and(within);
                    self.generations.len() > at + 2 && replaced.is_some_and(in_time)
                });
                assert!(
                    ended || stepped_up || keyless || outdated,
                    "a valid token was refused"
                );
            }
            Done::Failed(Failure::Other) => {
                let failed = |(answer, _): &(Answer, u64)| *answer == Answer::Failed;
                assert!(
                    self.lacks_key(driver, call) || flight.answers.iter().any(failed),
                    "an operation failed without a failure of the store"
                );
            }
            Done::Counted(version) => {
                assert!(self.counted.insert(*version), "two writes of one version");
            }
            Done::NotRenewed | Done::Updated => {}
        }
        self.check(driver);
    }

    fn judge_reuse(&self, driver: &Driver, flight: &Flight, at: usize) {
        let Config { grace, late, .. } = driver.config(flight.call.config);
        let within = |since: u64| grace > 0 && flight.began < since + grace;
        // **Only a used token that arrived after its time is reuse.**
        let seen = Self::first_seen(driver, flight);
        let mut known = self.generations[..seen].iter().skip(at + 1);
        assert!(
            !known.any(|known| known.stepped_up && within(known.since)),
            "a step-up made an earlier token reuse"
        );
        let successor = &self.generations[at + 1];
        let over = grace == 0 || flight.began >= successor.since + late;
        assert!(
            !within(successor.since),
            "a token within its grace period was treated as reuse"
        );
        // **Only the first late repeat is granted, and only of the last token.**
        let repeated = successor.late.is_some_and(|at| over || !within(at));
        let older = self.generations.len() > at + 2;
        assert!(
            repeated || older || over || successor.stepped_up,
            "a late repeat was treated as reuse"
        );
        assert!(!self.faults.honest, "an honest client was logged out");
    }

    /// Returns `true` if the instance of the call may meet tokens of a key that it does not have.
    fn lacks_key(&self, driver: &Driver, call: &Call) -> bool {
        let keys = driver.config(call.config).keys;
        let mut later = (call.config..=self.config).map(|at| driver.config(at).keys[0]);
        later.any(|newest| !keys.contains(&newest))
    }

    /// **A token never carries a later authentication than the presented one.** A new token has the
    /// rights of the user when the operation began, or later, and no role that was lost.
    fn hand_out(&mut self, driver: &Driver, flight: &Flight, access_token: Text, auth_time: u64) {
        let verified = driver.verify(access_token, self.now);
        let verified = verified.expect("an invalid token was issued");
        let cap = START + driver.config(0).cap;
        assert!(
            verified.expires_at <= cap,
            "a token outlives the absolute timeout"
        );
        assert!(
            verified.auth_time <= auth_time,
            "a token inherited a step-up"
        );
        let writes = |(answer, _): &(Answer, u64)| *answer == Answer::Done(true);
        let hook = driver.config(flight.call.config).hook;
        if hook && flight.answers.iter().any(writes) {
            assert!(!verified.admin || flight.rights == Rights::Admin);
        }
        assert!(
            !verified.admin || !flight.demoted,
            "a lost role is in a token"
        );
        self.handed_out.insert(access_token);
    }

    /// **After a logout has returned or reuse was reported, no token is accepted, and nothing can
    /// be refreshed.** After an update has returned, no token with the role is accepted.
    pub(crate) fn check(&self, driver: &Driver) {
        for token in self.handed_out.iter().filter(|_| self.updated) {
            if let Some(Verified {
                issued_at, admin, ..
            }) = driver.verify(*token, self.now)
            {
                assert!(
                    !admin || self.is_revoked(driver, issued_at),
                    "a token with a lost role is accepted"
                );
            }
        }
        // **No acknowledged write of the data is lost**, whatever else writes the session.
        if let Some(session) = self.live(self.now) {
            let Facts { data, ended, .. } = driver.facts(session);
            assert!(
                ended || self.counted.last().is_none_or(|last| data.0 >= *last),
                "a write of the data is lost"
            );
            assert!(data.0 == data.1, "a count is lost");
        }
        assert!(
            !self.forgotten || self.session.is_none(),
            "a record of a forgotten user came back"
        );
        if !self.over {
            return;
        }
        for token in &self.handed_out {
            if let Some(Verified { issued_at, .. }) = driver.verify(*token, self.now) {
                assert!(
                    self.is_revoked(driver, issued_at),
                    "a token of an ended session is accepted"
                );
            }
        }
        if let Some(session) = self.live(self.now) {
            assert!(
                driver.facts(session).ended,
                "an ended session can be refreshed"
            );
        }
    }

    fn is_revoked(&self, driver: &Driver, issued_at: u64) -> bool {
        let keys = [
            driver.key(RevocationKind::Session, &self.sid.string()),
            driver.key(RevocationKind::Subject, SUBJECT),
        ];
        let entries = keys.iter().filter_map(|key| self.revoked.get(key));
        entries
            .into_iter()
            .any(|entry| entry.expires_at > self.now && issued_at < entry.before)
    }
}

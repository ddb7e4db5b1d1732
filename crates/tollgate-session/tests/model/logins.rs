//! Logins that race each other, logouts of all sessions, and refreshes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tollgate_session::RevocationKind;

use crate::driver::{
    Act, Answer, Call, Config, Done, Driver, Entry, Next, Request, START, SUBJECT, Session,
    Verified,
};
use crate::known::Text;

/// The number of answers after which an operation is followed no further. Logins beyond the maximum
/// end each other's sessions and try again, without a bound if every interleaving is allowed.
const FOLLOWED: usize = 12;

/// A store with several sessions of one user, and the operations in flight.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Many {
    now: u64,
    sessions: BTreeMap<[u8; 16], Session>,
    revoked: BTreeMap<Text, Entry>,
    flights: Vec<Option<Flight>>,
    begun: u64,
    /// The tokens that were handed out.
    tokens: BTreeSet<(Text, Text)>,
    /// The sessions that must have ended.
    over: BTreeSet<[u8; 16]>,
    /// An operation was lost.
    lost: bool,
    /// The number of times that the user is being forgotten. Until that returns, a record may be
    /// missing whose token is still accepted.
    forgetting: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Flight {
    call: Call,
    began: u64,
    answers: Vec<(Answer, u64)>,
    request: Request,
    /// The sessions whose login had returned before.
    before: BTreeSet<[u8; 16]>,
}

/// A call, the second in which it began, its answers, and the sessions that had begun before.
type Run = (Call, u64, Vec<(Answer, u64)>, BTreeSet<[u8; 16]>);

impl Many {
    fn begin(&mut self, driver: &Driver, at: usize, act: Act, token: Text) {
        self.begun += 1;
        self.forgetting += u64::from(act == Act::Forget);
        let call = Call {
            act,
            number: self.begun,
            token,
            config: 0,
        };
        let next = driver.run(&call, self.now, &[]);
        let before = self.tokens.iter().map(|(token, _)| Driver::session(*token));
        let before = before.collect();
        let (began, answers) = (self.now, Vec::new());
        self.goes_on(driver, at, (call, began, answers, before), next);
    }

    fn goes_on(
        &mut self,
        driver: &Driver,
        at: usize,
        (call, began, answers, before): Run,
        next: Next,
    ) {
        let done = match next {
            Next::Asks(request) => {
                self.flights[at] = Some(Flight {
                    call,
                    began,
                    answers,
                    request,
                    before,
                });
                return;
            }
            Next::Is(done) => done,
        };
        match done {
            Done::Refreshed {
                refresh_token,
                access_token,
                ..
            } => {
                self.tokens.insert((refresh_token, access_token));
            }
            // **A logout of all sessions ends every session whose login had returned.**
            Done::LoggedOut => self.over.extend(before),
            // **So does a removal of the user, and no record of them stays.**
            Done::Forgotten => {
                let there = before.iter().find(|id| self.sessions.contains_key(*id));
                assert_eq!(there, None, "a record outlives the removal of its user");
                self.over.extend(before);
                self.forgetting -= 1;
            }
            Done::Failed(_) => {
                assert_ne!(
                    call.act,
                    Act::Login,
                    "a login failed though the store did not"
                );
            }
            other => panic!("{other:?}"),
        }
        self.check(driver);
    }

    fn apply(&mut self, request: Request) -> Answer {
        let now = self.now;
        match request {
            Request::Load(id, now) => {
                let found = self
                    .sessions
                    .get(&id)
                    .filter(|there| there.expires_at > now);
                Answer::Loaded(found.cloned())
            }
            Request::List => {
                let live = self
                    .sessions
                    .values()
                    .filter(|there| there.expires_at > now);
                Answer::Listed(live.cloned().collect())
            }
            Request::Insert(session) => {
                Answer::Done(self.sessions.insert(session.id, session).is_none())
            }
            Request::Replace(session, expected, now) => {
                let there = self.sessions.get(&session.id);
                let replaces =
                    there.is_some_and(|there| there.revision == expected && there.expires_at > now);
                if replaces {
                    self.sessions.insert(session.id, session);
                }
                Answer::Done(replaces)
            }
            Request::Confirm(id, revision, now) => {
                let there = self.sessions.get(&id);
                Answer::Confirmed(
                    there.is_some_and(|there| there.revision == revision && there.expires_at > now),
                )
            }
            Request::Revoke(entries) => {
                for entry in entries {
                    let kept = self.revoked.entry(entry.key);
                    let kept = kept.or_insert_with(|| entry.clone());
                    kept.before = kept.before.max(entry.before);
                    kept.expires_at = kept.expires_at.max(entry.expires_at);
                }
                Answer::Revoked
            }
            Request::Forget => {
                let removed = std::mem::take(&mut self.sessions);
                Answer::Forgotten(removed.len())
            }
            Request::Find(keys) => {
                let found = keys.iter().filter_map(|key| self.revoked.get(key));
                let live = found.filter(|entry| entry.expires_at > now);
                Answer::Found(live.cloned().collect())
            }
            Request::Ask => panic!("there is no hook"),
        }
    }

    fn go(&mut self, driver: &Driver, at: usize) {
        let mut flight = self.flights[at].take().unwrap();
        let answer = self.apply(flight.request);
        flight.answers.push((answer, self.now));
        let next = driver.run(&flight.call, flight.began, &flight.answers);
        let Flight {
            call,
            began,
            answers,
            before,
            ..
        } = flight;
        self.goes_on(driver, at, (call, began, answers, before), next);
    }

    fn ended(&self, driver: &Driver, id: [u8; 16]) -> bool {
        let there = self.sessions.get(&id);
        there.is_none_or(|there| driver.facts(there).ended)
    }

    fn accepted(&self, driver: &Driver, id: [u8; 16], token: Text) -> bool {
        let Some(Verified { issued_at, .. }) = driver.verify(token, self.now) else {
            return false;
        };
        let sid = base64_simd::URL_SAFE_NO_PAD.encode_to_string(id);
        let keys = [
            driver.key(RevocationKind::Session, &sid),
            driver.key(RevocationKind::Subject, SUBJECT),
        ];
        let mut entries = keys.iter().filter_map(|key| self.revoked.get(key));
        !entries.any(|entry| entry.expires_at > self.now && issued_at < entry.before)
    }

    fn check(&self, driver: &Driver) {
        for (refresh_token, access_token) in &self.tokens {
            let id = Driver::session(*refresh_token);
            let over = self.over.contains(&id);
            assert!(
                !over || self.ended(driver, id),
                "a session outlives a logout of all"
            );
            // **No token of a session that has ended is accepted.**
            let ended = over || self.forgetting == 0 && self.ended(driver, id);
            assert!(
                !ended || !self.accepted(driver, id, *access_token),
                "a token of an ended session is accepted"
            );
        }
        // **Logins that race each other leave at most as many sessions as are allowed.**
        if !self.lost && self.flights.iter().all(Option::is_none) {
            let ids = self.sessions.keys();
            let live = ids.filter(|id| !self.ended(driver, **id)).count();
            assert!(live <= driver.config(0).most, "too many sessions");
        }
    }
}

fn explore(clients: usize, operations: u64, seconds: u64, most: usize, acts: &[Act]) -> usize {
    let config = Config {
        most,
        ..Config::new(1)
    };
    let driver = Driver::new(&[config]);
    let start = Many {
        now: START,
        sessions: BTreeMap::new(),
        revoked: BTreeMap::new(),
        flights: vec![None; clients],
        begun: 0,
        tokens: BTreeSet::new(),
        over: BTreeSet::new(),
        lost: false,
        forgetting: 0,
    };
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        let mut next = Vec::new();
        let timely = |flight: &Flight| flight.began == world.now;
        if world.now < START + seconds && world.flights.iter().flatten().all(timely) {
            let mut after = world.clone();
            after.now += 1;
            next.push(after);
        }
        for at in 0..clients {
            // Identical clients behave identically.
            if at > 0 && world.flights[at] == world.flights[at - 1] {
                continue;
            }
            if let Some(flight) = &world.flights[at] {
                if flight.answers.len() >= FOLLOWED {
                    continue;
                }
                let mut after = world.clone();
                after.go(&driver, at);
                next.push(after);
                let mut after = world.clone();
                after.apply(flight.request.clone());
                (after.flights[at], after.lost) = (None, true);
                next.push(after);
            } else if world.begun < operations {
                for act in acts {
                    // A refresh presents any token that was handed out.
                    let tokens: Vec<Text> = match act {
                        Act::Refresh => world.tokens.iter().map(|(token, _)| *token).collect(),
                        _ => vec![Text::of("")],
                    };
                    for token in tokens {
                        let mut after = world.clone();
                        after.begin(&driver, at, *act, token);
                        next.push(after);
                    }
                }
            }
        }
        for mut world in next {
            world.flights.sort();
            world.check(&driver);
            if !seen.contains(&world) {
                seen.insert(world.clone());
                open.push(world);
            }
        }
    }
    seen.len()
}

#[test]
fn logins_that_race_each_other() {
    for (clients, operations, seconds, most, acts) in [
        (2, 3, 0, 1, &[Act::Login][..]),
        (2, 2, 0, 2, &[Act::Login, Act::LogoutAll]),
        (2, 3, 0, 2, &[Act::Login, Act::Forget]),
        (2, 2, 1, 1, &[Act::Login, Act::Refresh]),
    ] {
        let states = explore(clients, operations, seconds, most, acts);
        println!("logins: {states} states");
    }
}

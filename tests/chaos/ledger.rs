//! The counts of a run: what was acknowledged, what went wrong, and when an error was permitted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time after a fault in which its errors are still permitted: clients of the store reconnect,
/// and answers that were in flight arrive.
pub(crate) const SETTLING: Duration = Duration::from_millis(2_000);

/// The bound of the time until another instance refuses a token that was logged out.
pub(crate) const SPREAD: Duration = Duration::from_secs(1);

/// The violations that are printed in full, of each kind.
const SHOWN: u64 = 8;

/// A broken promise. Each count must be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// A client that followed the rules was told that its session is over.
    LoggedOut,
    /// An instance accepted a token after the logout was acknowledged: itself at once, another one
    /// more than a second later. Or a refresh succeeded.
    CameBack,
    /// The first refresh after an acknowledged login was refused.
    LoginLost,
    /// A gate refused a valid token of a live session.
    Refused,
    /// An answer 503 that no fault explains.
    Unavailable,
    /// An answer 5xx other than 503.
    ServerError,
    /// An answer 503 without `Retry-After`.
    NoRetryAfter,
    /// An instance that no fault concerns did not answer.
    Unreachable,
    /// An answer that the guide does not list.
    Unexpected,
    /// One instance has more connections to PostgreSQL than it may.
    Connections,
}

impl Violation {
    const ALL: [(Self, &'static str); 10] = [
        (Self::LoggedOut, "users logged out"),
        (Self::CameBack, "logouts that came back"),
        (Self::LoginLost, "logins lost"),
        (Self::Refused, "valid tokens refused"),
        (Self::Unavailable, "503 outside downtime"),
        (Self::ServerError, "5xx other than 503"),
        (Self::NoRetryAfter, "503 without Retry-After"),
        (Self::Unreachable, "unreachable outside downtime"),
        (Self::Unexpected, "unexpected answers"),
        (Self::Connections, "connections above the maximum"),
    ];
}

/// A fault, by the errors that it permits while it lasts and for [`SETTLING`] after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    /// The store, or the link of this instance to it, does not answer.
    Store(Option<usize>),
    /// The store reads but cannot write: gates without renewal work.
    Writes,
    /// The store has no memory: gates work, and logouts get through.
    Memory,
    /// The process of this instance is killed or frozen.
    Instance(usize),
    /// The clock of this instance is wrong by more than the leeway. It refuses valid tokens, and
    /// issues tokens that others refuse, so clients ask it only at its gates and for logouts.
    Clock(usize),
}

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Gate,
    Logout,
    /// Login, refresh, the list of devices.
    Session,
}

struct Window {
    outage: Outage,
    from: Instant,
    to: Option<Instant>,
}

impl Window {
    /// Returns whether a request of this interval met the fault or its settling time.
    fn overlaps(&self, sent: Instant, received: Instant) -> bool {
        let ended = self.to.is_some_and(|to| to + SETTLING < sent);
        self.from <= received && !ended
    }
}

/// Counts of what happened, to show that the run was not empty.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    pub(crate) requests: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) logins: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) logouts: AtomicU64,
    pub(crate) checks: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[derive(Default)]
struct State {
    windows: Vec<Window>,
    fault: String,
    faults: BTreeMap<String, u64>,
    violations: BTreeMap<Violation, u64>,
    spread: Duration,
    events: BTreeMap<String, u64>,
    connections: u64,
}

pub(crate) struct Ledger {
    store: &'static str,
    started: Instant,
    pub(crate) activity: Activity,
    state: Mutex<State>,
}

impl Ledger {
    pub(crate) fn new(store: &'static str) -> Self {
        Self {
            store,
            started: Instant::now(),
            activity: Activity::default(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a violation, and prints the first ones of its kind.
    pub(crate) fn violation(&self, kind: Violation, text: &str) {
        let mut state = self.state();
        let number = state.violations.entry(kind).or_default();
        *number += 1;
        if *number <= SHOWN {
            println!(
                "{} [{:6.2} s] {kind:?}: {text} (fault: {})",
                self.store,
                self.started.elapsed().as_secs_f64(),
                state.fault
            );
        }
    }

    /// Names the fault that follows.
    pub(crate) fn announce(&self, fault: &str) {
        let mut state = self.state();
        fault.clone_into(&mut state.fault);
        *state.faults.entry(fault.to_owned()).or_default() += 1;
        let time = self.started.elapsed().as_secs_f64();
        println!("{} [{time:6.2} s] {fault}", self.store);
    }

    /// Names the time after a fault.
    pub(crate) fn announce_end(&self) {
        self.state().fault.insert_str(0, "after ");
    }

    /// Permits the errors of an outage while `work` runs, and for the settling time after it.
    pub(crate) fn during<T>(&self, outages: &[Outage], work: impl FnOnce() -> T) -> T {
        let from = Instant::now();
        let opened = outages.iter().map(|&outage| Window {
            outage,
            from,
            to: None,
        });
        self.state().windows.extend(opened);
        let done = work();
        let to = Some(Instant::now());
        let mut state = self.state();
        for window in &mut state.windows {
            if window.to.is_none() && outages.contains(&window.outage) {
                window.to = to;
            }
        }
        // Later requests cannot meet them: no request takes that long.
        let old = Instant::now().checked_sub(Duration::from_secs(60));
        state
            .windows
            .retain(|window| window.to.is_none() || window.to > old);
        done
    }

    fn met(&self, sent: Instant, received: Instant, permits: impl Fn(Outage) -> bool) -> bool {
        self.state()
            .windows
            .iter()
            .any(|window| permits(window.outage) && window.overlaps(sent, received))
    }

    /// Returns whether an outage explains an answer 503.
    pub(crate) fn permits_unavailable(
        &self,
        instance: usize,
        kind: Kind,
        sent: Instant,
        received: Instant,
    ) -> bool {
        self.met(sent, received, |outage| match outage {
            Outage::Store(of) => of.is_none_or(|of| of == instance),
            Outage::Instance(of) => of == instance,
            Outage::Writes => kind != Kind::Gate,
            Outage::Memory => kind == Kind::Session,
            Outage::Clock(_) => false,
        })
    }

    /// Returns whether an outage explains that the instance does not answer.
    pub(crate) fn permits_silence(
        &self,
        instance: usize,
        sent: Instant,
        received: Instant,
    ) -> bool {
        self.met(sent, received, |outage| {
            outage == Outage::Instance(instance)
        })
    }

    /// Returns whether the clock of the instance is, or was a moment ago, wrong.
    pub(crate) fn has_wrong_clock(&self, instance: usize, sent: Instant) -> bool {
        self.met(sent, Instant::now(), |outage| {
            outage == Outage::Clock(instance)
        })
    }

    /// Records how long after a logout another instance still accepted its token.
    pub(crate) fn spread(&self, time: Duration) {
        let mut state = self.state();
        state.spread = state.spread.max(time);
    }

    /// Records the connections of one instance.
    pub(crate) fn connections(&self, number: u64) {
        let mut state = self.state();
        state.connections = state.connections.max(number);
    }

    /// Adds the session events that an instance has counted since its start.
    pub(crate) fn events(&self, counted: &serde_json::Value) {
        let mut state = self.state();
        for (name, number) in counted.as_object().into_iter().flatten() {
            *state.events.entry(name.clone()).or_default() += number.as_u64().unwrap_or(0);
        }
    }

    /// Prints the table. Returns the problems of the run, none if it passed.
    pub(crate) fn close(&self) -> Vec<String> {
        let store = self.store;
        let state = self.state();
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let activity = &self.activity;
        let mut table = format!(
            "\n  {store}: {:.0} s\n",
            self.started.elapsed().as_secs_f64()
        );
        let mut problems = Vec::new();
        let mut row = |name: &str, value: String| {
            let _ = writeln!(table, "    {name:<34} {value:>9}");
        };
        for (violation, name) in Violation::ALL {
            let number = state.violations.get(&violation).copied().unwrap_or(0);
            row(name, number.to_string());
            if number > 0 {
                problems.push(format!("{store}: {name}: {number}"));
            }
        }
        let spread = format!("{} ms", state.spread.as_millis());
        row("longest spread of a logout", spread);
        row(
            "most connections of an instance",
            state.connections.to_string(),
        );
        for (name, counter) in [
            ("requests", &activity.requests),
            ("answers lost on purpose", &activity.lost),
            ("answers 503", &activity.unavailable),
            ("logins", &activity.logins),
            ("refreshes", &activity.refreshes),
            ("logouts", &activity.logouts),
            ("tokens checked after a logout", &activity.checks),
        ] {
            row(name, of(counter).to_string());
            if of(counter) == 0 && name != "answers 503" {
                problems.push(format!("{store}: the run had no {name}"));
            }
        }
        for (name, number) in &state.events {
            row(&format!("event {name}"), number.to_string());
        }
        for (name, number) in &state.faults {
            row(&format!("fault {name}"), number.to_string());
        }
        println!("{table}");
        problems
    }
}

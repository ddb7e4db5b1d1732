//! The faults of a run, in an order that the seed decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http::Request;
use crate::instance::{GRACE, Instance, LEEWAY};
use crate::ledger::{Outage, SETTLING};
use crate::link::{Link, Mode};
use crate::random::Random;
use crate::stores::{Store, StoreKind};
use crate::world::World;

/// Longer than the grace period.
const LONG: Duration = GRACE.saturating_add(SHORT);

const SHORT: Duration = Duration::from_millis(1_500);

/// The time without a fault after each one, in which nothing may fail once it has settled.
const QUIET: Duration = Duration::from_millis(700);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    InstanceKilled,
    InstanceFrozen,
    /// The clock of an instance jumps by these seconds, and back.
    ClockJumps(i64),
    StoreKilled,
    StoreFrozen,
    /// The replica or standby is frozen: writes wait for it, and land late.
    SecondFrozen,
    /// The server in charge is killed, the second one takes over.
    FailedOver,
    /// The same, with a second one that has missed the last writes.
    FailedOverBehind,
    LinkStalls,
    LinkDropsAnswers,
    LinkIsSlow,
    LinkIsCut,
    BackendsTerminated,
    SessionsLocked,
    MemoryFull,
}

impl Fault {
    pub(crate) fn of(kind: StoreKind) -> Vec<Self> {
        let mut faults = vec![
            Self::InstanceKilled,
            Self::InstanceFrozen,
            Self::ClockJumps(90),
            Self::ClockJumps(3600),
        ];
        if kind == StoreKind::Redb {
            faults.extend([Self::InstanceKilled, Self::ClockJumps(-90)]);
            return faults;
        }
        faults.extend([Self::StoreKilled, Self::LinkStalls, Self::LinkIsCut]);
        if kind == StoreKind::PgBouncer {
            faults.push(Self::BackendsTerminated);
            return faults;
        }
        faults.extend([
            Self::ClockJumps(-90),
            Self::ClockJumps(1),
            Self::StoreFrozen,
            Self::SecondFrozen,
            Self::FailedOver,
            Self::FailedOverBehind,
            Self::LinkDropsAnswers,
            Self::LinkIsSlow,
        ]);
        faults.extend(match kind {
            StoreKind::Redis => vec![Self::MemoryFull],
            _ => vec![Self::BackendsTerminated, Self::SessionsLocked],
        });
        faults
    }
}

/// The processes that faults happen to.
pub(crate) struct Stage {
    pub(crate) world: Arc<World>,
    pub(crate) kind: StoreKind,
    pub(crate) store: Store,
    pub(crate) instances: Vec<Instance>,
    /// The links of the instances to the store. None for redb.
    pub(crate) links: Vec<Link>,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Stage {
    /// Plays every fault once, and again in another order until the time is over. Blocks.
    pub(crate) fn play(&mut self, time: Duration) {
        let start = Instant::now();
        let mut random = Random::new(self.world.seed, 0);
        std::thread::sleep(SETTLING);
        loop {
            let mut faults = Fault::of(self.kind);
            random.shuffle(&mut faults);
            for fault in faults {
                let instance = random.below(self.instances.len());
                let name = format!("{fault:?}");
                self.world.ledger.announce(&name);
                self.inflict(fault, instance);
                self.world.ledger.announce_end();
                std::thread::sleep(SETTLING + QUIET);
            }
            if start.elapsed() >= time {
                break;
            }
        }
    }

    /// Starts the last instance anew: it knows only what the store has kept.
    pub(crate) fn renew_one(&mut self) {
        let last = self.instances.len() - 1;
        let ledger = &self.world.ledger;
        let instance = &mut self.instances[last];
        ledger.during(&[Outage::Instance(last)], || instance.restart());
    }

    fn inflict(&mut self, fault: Fault, one: usize) {
        let world = self.world.clone();
        let ledger = &world.ledger;
        let everything = [Outage::Store(None)];
        match fault {
            Fault::InstanceKilled => ledger.during(&[Outage::Instance(one)], || {
                self.instances[one].kill();
                std::thread::sleep(Duration::from_millis(300));
                self.instances[one].restart();
            }),
            Fault::InstanceFrozen => ledger.during(&[Outage::Instance(one)], || {
                self.instances[one].signal("STOP");
                // Shorter than the grace period: see the README for this limit.
                std::thread::sleep(SHORT);
                self.instances[one].signal("CONT");
            }),
            Fault::ClockJumps(offset) => {
                let wrong = [Outage::Clock(one)];
                let outages = if offset.abs() > LEEWAY {
                    &wrong[..]
                } else {
                    &[]
                };
                ledger.during(outages, || {
                    // Requests that must not meet the wrong clock come to an end.
                    std::thread::sleep(Duration::from_millis(500));
                    self.set_clock(one, offset);
                    std::thread::sleep(2 * SHORT);
                    self.set_clock(one, 0);
                });
            }
            Fault::StoreKilled => ledger.during(&everything, || self.store.restart()),
            Fault::StoreFrozen => ledger.during(&everything, || {
                self.store.freeze(true);
                std::thread::sleep(LONG);
                self.store.freeze(false);
            }),
            Fault::SecondFrozen => ledger.during(&[Outage::Writes], || {
                self.store.freeze_second(true);
                std::thread::sleep(LONG);
                self.store.freeze_second(false);
            }),
            Fault::FailedOver => ledger.during(&everything, || self.fail_over(false)),
            Fault::FailedOverBehind => ledger.during(&everything, || {
                self.store.freeze_second(true);
                std::thread::sleep(2 * SHORT);
                self.fail_over(true);
            }),
            Fault::LinkStalls => self.on_link(one, Mode::Stall, LONG),
            Fault::LinkDropsAnswers => self.on_link(one, Mode::DropAnswers, LONG),
            Fault::LinkIsSlow => {
                self.links[one].set(Mode::Delay(Duration::from_millis(15)));
                std::thread::sleep(2 * SHORT);
                self.links[one].set(Mode::Pass);
            }
            Fault::LinkIsCut => {
                ledger.during(&[Outage::Store(Some(one))], || self.links[one].cut());
            }
            Fault::BackendsTerminated => ledger.during(&everything, || {
                self.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
                );
            }),
            Fault::SessionsLocked => ledger.during(&[Outage::Writes], || {
                self.sql(
                    "BEGIN; LOCK TABLE tollgate.sessions IN ACCESS EXCLUSIVE MODE; \
                     SELECT pg_sleep(5); COMMIT",
                );
            }),
            Fault::MemoryFull => ledger.during(&[Outage::Memory], || {
                self.set_memory("1mb");
                std::thread::sleep(2 * SHORT);
                self.set_memory("0");
            }),
        }
    }

    fn fail_over(&mut self, behind: bool) {
        self.store.promote(behind);
        if let Some(port) = self.store.port() {
            for link in &self.links {
                link.aim(port);
            }
        }
        self.store.complete();
    }

    fn on_link(&self, one: usize, mode: Mode, time: Duration) {
        let ledger = &self.world.ledger;
        ledger.during(&[Outage::Store(Some(one))], || {
            self.links[one].set(mode);
            std::thread::sleep(time);
            self.links[one].set(Mode::Pass);
            if mode == Mode::DropAnswers {
                self.links[one].cut();
            }
        });
    }

    fn set_clock(&self, one: usize, offset: i64) {
        let request = Request::new("GET", &format!("/clock/{offset}"));
        let sent = self
            .runtime
            .block_on(request.send(self.instances[one].port));
        assert!(sent.is_ok(), "the clock cannot be set: {sent:?}");
    }

    fn set_memory(&self, most: &str) {
        if let Store::Redis { master, .. } = &self.store {
            master.command(&["CONFIG", "SET", "maxmemory", most]);
        }
    }

    fn sql(&self, sql: &str) {
        if let Store::Postgres { primary, .. } = &self.store {
            primary.sql(sql);
        }
    }
}

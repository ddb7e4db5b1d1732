//! The routing of operations to servers, and retries.
//!
//! The routing in a cluster is done here and not by the client crate, for three reasons. `WAIT`
//! counts the writes of one connection, so both must use the same one. A write must not be repeated
//! silently after its answer was lost. A hanging node must not delay operations on the others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use redis::Value;
use tokio::time::{Instant, sleep, timeout_at};
use tollgate_session::{StoreError, StoreErrorKind};

use crate::access::Access;
use crate::address::Address;
use crate::failure::{Failure, corrupt, timeout, too_few_replicas, unavailable};
use crate::link::{Kind, Link};
use crate::operation::Operation;
use crate::requirements::Requirements;
use crate::sentinel;
use crate::slots::Slots;

/// The number of attempts while servers are unreachable or not ready.
const TRIES: u32 = 3;
/// The maximum number of redirects of an operation.
const REDIRECTS: u32 = 5;
/// The pause before the second attempt. Twice as long before the third.
const PAUSE: Duration = Duration::from_millis(20);
/// The number of connections for writes that wait for replicas. Each executes one at a time.
const LANES: u16 = 4;

/// The configured servers.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) topology: Topology,
    /// The server, the nodes to query for the others, or the Sentinels. There is at least one.
    pub(crate) seeds: Vec<(Address, Arc<Access>)>,
    /// Access to servers that are not configured but named by others.
    pub(crate) named: Arc<Access>,
}

/// The servers that hold data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// The only seed.
    Single,
    /// The nodes of a Redis Cluster.
    Cluster,
    /// The master of this name, which Sentinels watch.
    Sentinel(String),
}

/// The servers, and the connections to them.
#[derive(Debug)]
pub(crate) struct Servers {
    deployment: Deployment,
    patience: Duration,
    requirements: Arc<Requirements>,
    links: Mutex<HashMap<(Address, Lane), Arc<Link>>>,
    slots: Mutex<Arc<Slots>>,
    /// Held while the slots are queried.
    asking: tokio::sync::Mutex<()>,
    /// The last write that waited for replicas lacked some.
    lacking: AtomicBool,
    /// That of the latest failover that a Sentinel has told.
    epoch: AtomicU64,
    /// An operation has failed, so the slots are queried before the next one. An operation that
    /// waits for a server that hangs has no time left to query them itself.
    doubted: AtomicBool,
}

/// A connection to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    Shared,
    Waiting(u16),
    /// To a Sentinel. A server with the same address has connections of its own, as its password
    /// and its encryption may be others.
    Sentinel,
}

/// The answer to an operation.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) value: Value,
    /// `true` if an earlier attempt may have been executed as well.
    pub(crate) repeated: bool,
}

impl Servers {
    pub(crate) fn new(
        deployment: Deployment,
        patience: Duration,
        requirements: Requirements,
    ) -> Self {
        Self {
            deployment,
            patience,
            requirements: Arc::new(requirements),
            links: Mutex::default(),
            slots: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            lacking: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            doubted: AtomicBool::new(false),
        }
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> {
        let seeds = self.deployment.seeds.iter();
        seeds.map(|(address, _)| address.clone())
    }

    /// Returns whether the keys of all slots are on different servers.
    pub(crate) fn are_sharded(&self) -> bool {
        self.deployment.topology == Topology::Cluster
    }

    /// Executes an operation on the keys of one slot before the deadline.
    pub(crate) async fn run(
        &self,
        slot: u16,
        operation: &Operation<'_>,
        deadline: Instant,
    ) -> Result<Answer, StoreError> {
        let answer = self.attempts(slot, operation, deadline).await;
        answer.inspect_err(|error| self.doubt(error))
    }

    async fn attempts(
        &self,
        slot: u16,
        operation: &Operation<'_>,
        deadline: Instant,
    ) -> Result<Answer, StoreError> {
        let lane = if operation.waits() {
            Lane::Waiting(slot % LANES)
        } else {
            Lane::Shared
        };
        let (mut tries, mut redirects) = (0, 0);
        let mut whole_script = false;
        let mut asked: Option<Address> = None;
        let mut repeated = false;
        loop {
            let attempt = async {
                let address = match &asked {
                    Some(address) => address.clone(),
                    None => self.holder(slot, deadline).await?,
                };
                let link = self
                    .link(&address, lane)
                    .map_err(|failure| (failure, None))?;
                let commands = operation.commands(whole_script, asked.is_some(), deadline);
                let values = link.send(commands, operation.source(), deadline).await;
                values.map_err(|failure| (failure, Some(address)))
            };
            let (failure, address) = match attempt.await {
                Ok(values) => {
                    let value = operation.answer(values, asked.is_some());
                    if operation.waits() {
                        self.lacking.store(value.is_err(), Ordering::Relaxed);
                    }
                    return Ok(Answer {
                        value: value?,
                        repeated,
                    });
                }
                Err(failed) => failed,
            };
            asked = None;
            match failure {
                Failure::NoScript if !whole_script => whole_script = true,
                Failure::Elsewhere {
                    address: told,
                    asking,
                } if self.is(&Topology::Cluster) && redirects < REDIRECTS => {
                    redirects += 1;
                    let asked_node = address.map(|address| address.host).unwrap_or_default();
                    let told = Address::parse(&told, &asked_node)
                        .ok_or_else(|| corrupt("invalid node address in a redirect"))?;
                    if asking {
                        asked = Some(told);
                    } else {
                        self.learn(slot, told, deadline).await;
                    }
                }
                Failure::Elsewhere { .. } if !self.is(&Topology::Cluster) => {
                    return Err(unavailable(
                        "the server belongs to a cluster: use `RedisStore::cluster`",
                    ));
                }
                Failure::Unanswered(_) | Failure::Unreached(_) | Failure::Later(_)
                    if tries + 1 < TRIES =>
                {
                    repeated |= matches!(failure, Failure::Unanswered(_));
                    let pause = PAUSE * 2_u32.pow(tries);
                    tries += 1;
                    if Instant::now() + pause >= deadline {
                        return Err(failure.into_error());
                    }
                    sleep(pause).await;
                    if !self.is(&Topology::Single) {
                        // If this fails, the next attempt shows it.
                        let _ = self.ask_for_slots(address.as_ref(), deadline).await;
                    }
                }
                // It was queued behind writes that waited in vain.
                Failure::Final(error)
                    if operation.waits()
                        && error.kind() == StoreErrorKind::Timeout
                        && self.lacking.load(Ordering::Relaxed) =>
                {
                    return Err(too_few_replicas());
                }
                failure => return Err(failure.into_error()),
            }
        }
    }

    /// Opens a dedicated connection for a subscription, to the node of the slot if possible.
    pub(crate) async fn listen(
        &self,
        slot: u16,
        channel: &str,
        deadline: Instant,
    ) -> Result<redis::aio::PubSub, StoreError> {
        let mut candidates = Vec::new();
        if let Ok(holder) = self.holder(slot, deadline).await {
            candidates.push(holder);
        }
        // A message that is published at one node of a cluster reaches all of them.
        if self.is(&Topology::Cluster) {
            for address in self.known() {
                if !candidates.contains(&address) {
                    candidates.push(address);
                }
            }
        }
        let mut last = unavailable("no known server");
        for address in candidates {
            let within = deadline.min(Instant::now() + self.patience / 2);
            let heard = match self.link(&address, Lane::Shared) {
                Ok(link) => link.listen(channel, within).await,
                Err(failure) => Err(failure),
            };
            match heard {
                Ok(ear) => return Ok(ear),
                Err(failure) => last = failure.into_error(),
            }
        }
        self.doubt(&last);
        Err(last)
    }

    /// Notes that the slots may have moved, if a server that has them would not fail like this.
    fn doubt(&self, error: &StoreError) {
        use StoreErrorKind::{ReadOnly, Timeout, Unavailable};
        if matches!(error.kind(), ReadOnly | Timeout | Unavailable) {
            self.doubted.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the node that has the slot, as far as known.
    async fn holder(
        &self,
        slot: u16,
        deadline: Instant,
    ) -> Result<Address, (Failure, Option<Address>)> {
        if self.is(&Topology::Single) {
            return Ok(self.deployment.seeds[0].0.clone());
        }
        if self.doubted.load(Ordering::Relaxed) {
            // If this fails, the attempt shows it.
            let _ = self.ask_for_slots(None, deadline).await;
            self.doubted.store(false, Ordering::Relaxed);
        }
        if let Some(holder) = self.slots().holder(slot) {
            return Ok(holder);
        }
        self.ask_for_slots(None, deadline)
            .await
            .map_err(|failure| (failure, None))?;
        let nobody = || Failure::Later(unavailable("no server has the slot"));
        self.slots().holder(slot).ok_or_else(|| (nobody(), None))
    }

    /// Records a redirect of the slot.
    async fn learn(&self, slot: u16, to: Address, deadline: Instant) {
        // Seldom only one slot has moved.
        let _ = self.ask_for_slots(None, deadline).await;
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.holder(slot).as_ref() != Some(&to) {
            Arc::make_mut(&mut slots).moved(slot, to);
        }
    }

    /// Queries for the slots anew. The server `last` probably does not answer.
    async fn ask_for_slots(
        &self,
        last: Option<&Address>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let before = self.slots();
        let Ok(_only) = timeout_at(deadline, self.asking.lock()).await else {
            return Err(Failure::Unreached(timeout(
                "no node returned the slots within the timeout",
            )));
        };
        if !Arc::ptr_eq(&before, &self.slots()) {
            return Ok(());
        }
        let slots = match &self.deployment.topology {
            Topology::Sentinel(name) => Slots::all_at(self.master(name, deadline).await?),
            _ => self.slots_of_nodes(last, deadline).await?,
        };
        self.keep_links_to(&slots);
        *self.slots.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(slots);
        Ok(())
    }

    /// Queries the nodes of a cluster one after the other, `last` at the end.
    async fn slots_of_nodes(
        &self,
        last: Option<&Address>,
        deadline: Instant,
    ) -> Result<Slots, Failure> {
        let mut nodes = self.known();
        nodes.sort_by_key(|address| Some(address) == last);
        let mut problem = Failure::Unreached(unavailable("no node of the cluster is reachable"));
        for node in nodes {
            // A hanging node leaves time to query others.
            let within = deadline.min(Instant::now() + self.patience / 4);
            let link = self.link(&node, Lane::Shared)?;
            let mut commands = redis::pipe();
            commands.cmd("CLUSTER").arg("SLOTS");
            match link.ask(&commands, "", within).await {
                Ok(values) => match Slots::read(values.first(), &node.host) {
                    Some(slots) => return Ok(slots),
                    None => problem = Failure::Final(corrupt("malformed slots of a node")),
                },
                Err(failure) => problem = failure,
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(problem)
    }

    /// Queries all Sentinels at once, and returns the master that the latest failover chose. A
    /// Sentinel behind a split of the network names an earlier one.
    async fn master(&self, name: &str, deadline: Instant) -> Result<Address, Failure> {
        // A hanging Sentinel leaves time to connect to the master.
        let within = deadline.min(Instant::now() + self.patience / 4);
        let told = join_all(self.addresses().map(|sentinel| async move {
            let link = self.link(&sentinel, Lane::Sentinel)?;
            let values = link.ask(&sentinel::question(name), "", within).await?;
            sentinel::read(&values)
                .ok_or_else(|| Failure::Final(corrupt("malformed answer of a Sentinel")))
        }));
        let mut problem = Failure::Unreached(unavailable("no Sentinel is reachable"));
        let mut answers = Vec::new();
        for told in told.await {
            match told {
                Ok(told) => answers.push(told),
                Err(failure) => problem = failure,
            }
        }
        // The latest failover, and during one the server that most of them name.
        let named = |told: &&sentinel::Told| answers.iter().filter(|other| other == told).count();
        let latest = answers.iter().max_by_key(|told| (told.epoch, named(told)));
        let sentinel::Told { epoch, master } = latest.cloned().ok_or(problem)?;
        // The others may know of a later failover. A new configuration of most Sentinels may begin
        // with an earlier number.
        let most = 2 * answers.len() > self.deployment.seeds.len();
        if !most && epoch < self.epoch.load(Ordering::Relaxed) {
            return Err(Failure::Later(unavailable("too few Sentinels answer")));
        }
        self.epoch.store(epoch, Ordering::Relaxed);
        // An earlier master must not take its place.
        if self.deployment.named.admits(&master) {
            Ok(master)
        } else {
            Err(elsewhere())
        }
    }

    fn slots(&self) -> Arc<Slots> {
        self.slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns every known node.
    fn known(&self) -> Vec<Address> {
        let mut known = self.slots().nodes();
        for seed in self.addresses() {
            if !known.contains(&seed) {
                known.push(seed);
            }
        }
        known
    }

    fn link(&self, address: &Address, lane: Lane) -> Result<Arc<Link>, Failure> {
        let mut links = self.links();
        if let Some(link) = links.get(&(address.clone(), lane)) {
            return Ok(link.clone());
        }
        let requirements = Arc::clone(&self.requirements);
        let kind = match &self.deployment.topology {
            Topology::Sentinel(_) if lane == Lane::Sentinel => Kind::Sentinel,
            Topology::Sentinel(_) => Kind::Master(requirements),
            Topology::Single | Topology::Cluster => Kind::Server(requirements),
        };
        // A Sentinel may name itself as the master.
        let is_seed = |seed: &Address| seed == address && !matches!(kind, Kind::Master(_));
        let seed = self.deployment.seeds.iter().find(|(seed, _)| is_seed(seed));
        let access = seed.map_or(&self.deployment.named, |(_, access)| access);
        if !access.admits(address) {
            return Err(elsewhere());
        }
        let link = Link::new(address.clone(), Arc::clone(access), kind, self.patience);
        let link = Arc::new(link);
        links.insert((address.clone(), lane), link.clone());
        Ok(link)
    }

    fn is(&self, topology: &Topology) -> bool {
        self.deployment.topology == *topology
    }

    /// Drops the connections to nodes that have left, so that their number stays bounded, and to a
    /// master that may be another one by now.
    fn keep_links_to(&self, slots: &Slots) {
        let mut nodes = slots.nodes();
        nodes.extend(self.addresses());
        self.links()
            .retain(|(address, _), link| nodes.contains(address) && !link.is_over());
    }

    fn links(&self) -> MutexGuard<'_, HashMap<(Address, Lane), Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failure for the address of a server that would be reached without encryption.
fn elsewhere() -> Failure {
    Failure::Final(unavailable(
        "the address that was named is on another machine: use `rediss://`, or set \
         `dangerous_plain_tcp`",
    ))
}

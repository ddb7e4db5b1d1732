//! A Redis server or cluster.

use std::fmt::Write as _;
use std::process::{Command, Output, Stdio};

use super::{Process, Scratch, eventually, free_port, missing};

const GET_REDIS: &str = "Redis 7 is needed, on Debian and Ubuntu `apt-get install redis-server`";

/// A Redis server.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    process: Process,
    /// The configuration file of a Sentinel.
    sentinel: Option<String>,
    options: Vec<String>,
    scratch: Scratch,
}

impl Redis {
    /// Starts a server in memory, whose data is lost when it stops.
    ///
    /// # Panics
    /// As for [`start_with`](Self::start_with).
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with additional command-line options, such as `["--appendonly", "yes"]`.
    ///
    /// # Panics
    /// If it does not start, or under CI if it is not installed.
    pub fn start_with(options: &[&str]) -> Option<Self> {
        // Another process may take the port before the server does.
        for _ in 0..5 {
            let server = Self::launch(free_port(), options, Scratch::new("redis"))?;
            if let Some(server) = server.until_ready() {
                return Some(server);
            }
        }
        panic!("redis-server exits at startup");
    }

    fn launch(port: u16, options: &[&str], scratch: Scratch) -> Option<Self> {
        Self::launch_as(None, port, options, scratch)
    }

    /// Launches a server, or a Sentinel with this configuration file.
    fn launch_as(
        sentinel: Option<&str>,
        port: u16,
        options: &[&str],
        scratch: Scratch,
    ) -> Option<Self> {
        if Command::new("redis-cli")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            missing("redis-cli", GET_REDIS);
            return None;
        }
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let sentinel = sentinel.map(str::to_owned);
        Some(Self {
            process: Self::spawn(sentinel.as_deref(), port, &options, &scratch)?,
            sentinel,
            port,
            options,
            scratch,
        })
    }

    fn spawn(
        sentinel: Option<&str>,
        port: u16,
        options: &[String],
        scratch: &Scratch,
    ) -> Option<Process> {
        let mut command = Command::new("redis-server");
        command.args(sentinel);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        match sentinel {
            Some(_) => command.arg("--sentinel"),
            None => command.args(["--save", ""]),
        };
        command.arg("--dir").arg(scratch.path()).args(options);
        Process::start(&mut command, &scratch.path().join("log"), GET_REDIS)
    }

    /// Waits until it responds. Returns `None` if it has exited.
    fn until_ready(mut self) -> Option<Self> {
        let mut ended = false;
        eventually("redis-server answers", || {
            ended = !self.process.runs();
            ended || self.answers()
        });
        (!ended).then_some(self)
    }

    fn answers(&self) -> bool {
        let answer = self.ask(&["PING"]);
        let answer = String::from_utf8_lossy(&answer.stdout);
        answer.starts_with("PONG") || answer.starts_with("NOAUTH")
    }

    /// The connection URL, without a password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port of the server on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a command and returns the response as `redis-cli` prints it.
    ///
    /// # Panics
    /// If `redis-cli` cannot run.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {answer}");
        answer.trim_end().to_owned()
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        // A paused server never responds, and not every version of `redis-cli` has a timeout.
        Command::new("timeout")
            .args([
                "5",
                "redis-cli",
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
            ])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("redis-cli runs")
    }

    /// Kills it, like a power failure.
    pub fn stop(&mut self) {
        self.process.kill();
    }

    /// Restarts it on the same port with the same options, whether it is [stopped](Self::stop) or
    /// running.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.stop();
        eventually("redis-server restarts", || {
            if !self.process.runs() {
                let sentinel = self.sentinel.as_deref();
                self.process = Self::spawn(sentinel, self.port, &self.options, &self.scratch)
                    .expect("redis-server is not installed any more");
            }
            self.answers()
        });
    }

    /// Pauses it: its connections stay open but get no response.
    ///
    /// # Panics
    /// If it has exited.
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    /// Resumes it after a [pause](Self::pause).
    ///
    /// # Panics
    /// If it has exited.
    pub fn resume(&self) {
        self.process.signal("CONT");
    }
}

/// A Redis Cluster of three masters with one replica each.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// The number of masters. The replica of master `n` is node `n + MASTERS`.
    pub const MASTERS: usize = 3;
    const SLOTS: usize = 16_384;

    /// Starts a cluster and waits until it serves all slots and the replicas are in sync.
    ///
    /// # Panics
    /// If it does not start, or under CI if Redis is not installed.
    pub fn start() -> Option<Self> {
        for _ in 0..5 {
            let started: Option<Vec<_>> = Self::launch()?
                .into_iter()
                .map(Redis::until_ready)
                .collect();
            if let Some(nodes) = started {
                let cluster = Self { nodes };
                cluster.until_ready();
                return Some(cluster);
            }
        }
        panic!("redis-server exits at startup");
    }

    fn launch() -> Option<Vec<Redis>> {
        let mut ports = Vec::new();
        while ports.len() < 4 * Self::MASTERS {
            let port = free_port();
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        let (ports, buses) = ports.split_at(2 * Self::MASTERS);
        let mut nodes = Vec::new();
        for (node, (port, bus)) in ports.iter().zip(buses).enumerate() {
            let scratch = Scratch::new("redis-cluster");
            // A complete node list at startup avoids the wait for gossip.
            std::fs::write(
                scratch.path().join("nodes.conf"),
                Self::configuration(ports, buses, node),
            )
            .expect("the node list cannot be written");
            let options = [
                "--cluster-enabled",
                "yes",
                "--cluster-config-file",
                "nodes.conf",
                "--cluster-node-timeout",
                "2000",
                "--cluster-replica-validity-factor",
                "0",
                "--cluster-port",
                &bus.to_string(),
                "--repl-diskless-sync-delay",
                "0",
                "--repl-ping-replica-period",
                "1",
            ];
            nodes.push(Redis::launch(*port, &options, scratch)?);
        }
        Some(nodes)
    }

    /// Returns the cluster configuration for node `myself`:
    /// <https://redis.io/docs/latest/commands/cluster-nodes/>.
    fn configuration(ports: &[u16], buses: &[u16], myself: usize) -> String {
        let mut text = String::new();
        for (node, (port, bus)) in ports.iter().zip(buses).enumerate() {
            let master = node % Self::MASTERS;
            let own = if node == myself { "myself," } else { "" };
            let id = |node: usize| format!("{node:040x}");
            let (role, of, slots) = if node == master {
                let first = Self::SLOTS * master / Self::MASTERS;
                let last = Self::SLOTS * (master + 1) / Self::MASTERS - 1;
                ("master", "-".to_owned(), format!(" {first}-{last}"))
            } else {
                ("slave", id(master), String::new())
            };
            writeln!(
                text,
                "{} 127.0.0.1:{port}@{bus} {own}{role} {of} 0 0 {} connected{slots}",
                id(node),
                master + 1
            )
            .expect("a string accepts every write");
        }
        text + &format!("vars currentEpoch {} lastVoteEpoch 0\n", Self::MASTERS)
    }

    /// Waits until every running node sees a complete cluster, and every running replica follows a
    /// master.
    ///
    /// # Panics
    /// If the cluster does not become ready.
    pub fn until_ready(&self) {
        for node in &self.nodes {
            eventually("the cluster is complete", || {
                let answer = node.ask(&["CLUSTER", "INFO"]);
                !answer.status.success()
                    || String::from_utf8_lossy(&answer.stdout).contains("cluster_state:ok")
            });
            eventually("the replicas are in sync", || {
                let answer = node.ask(&["INFO", "replication"]);
                let text = String::from_utf8_lossy(&answer.stdout);
                !answer.status.success()
                    || (text.contains("role:master")
                        && (!self.is_whole() || text.contains("state=online")))
                    || text.contains("master_link_status:up")
            });
        }
    }

    fn is_whole(&self) -> bool {
        self.nodes.iter().all(Redis::answers)
    }

    /// The URLs of the nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// The nodes, with the initial masters first.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// The node with this number.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn node(&mut self, number: usize) -> &mut Redis {
        &mut self.nodes[number]
    }

    /// Returns the number of the node that is currently master for the key.
    ///
    /// # Panics
    /// If no node responds.
    pub fn master_of(&self, key: &str) -> usize {
        let mut number = None;
        eventually("a node reports the master", || {
            number = self
                .nodes
                .iter()
                .find_map(|asked| self.master_according_to(asked, key));
            number.is_some()
        });
        number.expect("no node reported the master")
    }

    fn master_according_to(&self, asked: &Redis, key: &str) -> Option<usize> {
        let ask = |arguments: &[&str]| {
            let output = asked.ask(arguments);
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let slot: usize = ask(&["CLUSTER", "KEYSLOT", key]).trim().parse().ok()?;
        let nodes = ask(&["CLUSTER", "NODES"]);
        let holder = nodes.lines().find(|line| {
            let mut fields = line.split(' ').skip(2);
            let master = fields
                .next()
                .is_some_and(|flags| flags.split(',').any(|flag| flag == "master"));
            master
                && fields.skip(5).any(|range| {
                    let (first, last) = range.split_once('-').unwrap_or((range, range));
                    matches!((first.parse(), last.parse()), (Ok(first), Ok(last)) if (first..=last)
                        .contains(&slot))
                })
        })?;
        let port = holder
            .split(' ')
            .nth(1)?
            .split('@')
            .next()?
            .rsplit(':')
            .next()?;
        self.nodes
            .iter()
            .position(|node| node.port.to_string() == port)
    }
}

/// A master with two replicas, watched by three Sentinels.
#[derive(Debug)]
pub struct RedisSentinels {
    nodes: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl RedisSentinels {
    /// The name of the master.
    pub const MASTER: &'static str = "orders";

    /// Starts the servers and waits until the Sentinels know each other and the replicas.
    ///
    /// # Panics
    /// If they do not start, or under CI if Redis is not installed.
    pub fn start() -> Option<Self> {
        let nodes = Self::start_nodes()?;
        let sentinels = (0..3).map(|_| Self::sentinel(nodes[0].port));
        let servers = Self {
            sentinels: sentinels.collect::<Option<Vec<_>>>()?,
            nodes,
        };
        for sentinel in &servers.sentinels {
            eventually("the Sentinels are complete", || {
                let answer = sentinel.ask(&["SENTINEL", "MASTER", Self::MASTER]);
                let text = String::from_utf8_lossy(&answer.stdout).replace('\n', " ");
                text.contains("num-slaves 2 ") && text.contains("num-other-sentinels 2 ")
            });
        }
        Some(servers)
    }

    fn start_nodes() -> Option<Vec<Redis>> {
        let fast = ["--repl-diskless-sync-delay", "0"];
        let master = Redis::start_with(&fast)?;
        let port = master.port.to_string();
        let replica =
            || Redis::start_with(&[&fast[..], &["--replicaof", "127.0.0.1", &port]].concat());
        let nodes = vec![master, replica()?, replica()?];
        for node in &nodes[1..] {
            eventually("the replicas are in sync", || {
                let answer = node.ask(&["INFO", "replication"]);
                String::from_utf8_lossy(&answer.stdout).contains("master_link_status:up")
            });
        }
        Some(nodes)
    }

    /// Starts a Sentinel, which keeps its configuration in a file.
    fn sentinel(master: u16) -> Option<Redis> {
        for _ in 0..5 {
            let scratch = Scratch::new("redis-sentinel");
            let file = scratch.path().join("sentinel.conf");
            let name = Self::MASTER;
            let text = format!(
                "sentinel monitor {name} 127.0.0.1 {master} 2\n\
                 sentinel down-after-milliseconds {name} 1000\n\
                 sentinel failover-timeout {name} 5000\n"
            );
            std::fs::write(&file, text).expect("the configuration cannot be written");
            let file = file.to_str().expect("a path in UTF-8").to_owned();
            let server = Redis::launch_as(Some(&file), free_port(), &[], scratch)?;
            if let Some(server) = server.until_ready() {
                return Some(server);
            }
        }
        panic!("the Sentinel exits at startup");
    }

    /// The URLs of the Sentinels.
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Redis::url).collect()
    }

    /// The nodes, with the initial master first.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// The node with this number.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn node(&mut self, number: usize) -> &mut Redis {
        &mut self.nodes[number]
    }

    /// The Sentinel with this number.
    ///
    /// # Panics
    /// If there is no such Sentinel.
    pub fn sentinel_process(&mut self, number: usize) -> &mut Redis {
        &mut self.sentinels[number]
    }

    /// Returns the number of the node that a majority of the Sentinels names.
    pub fn master(&self) -> Option<usize> {
        let told = |sentinel: &Redis| {
            let answer = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::MASTER]);
            let text = String::from_utf8_lossy(&answer.stdout).into_owned();
            let port: u16 = text.lines().nth(1)?.trim().parse().ok()?;
            self.nodes.iter().position(|node| node.port == port)
        };
        let told: Vec<usize> = self.sentinels.iter().filter_map(told).collect();
        let named = |node: &usize| told.iter().filter(|named| *named == node).count();
        (0..self.nodes.len()).find(|node| named(node) >= 2)
    }
}

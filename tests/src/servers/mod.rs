//! Real servers. Each is a process on a free port with its own directory, ended on drop.
//!
//! If a server's program is not installed, the start prints a line to stderr and returns `None`.
//! Under CI it panics.

pub mod forward_proxy;
pub mod front;
pub mod oidc_provider;
pub mod postgres;
pub mod redis;

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use forward_proxy::{ForwardProxy, ProxyKind};
pub use front::{Fault, Front};
pub use oidc_provider::OidcProvider;
pub use postgres::{PgBouncer, Postgres};
pub use redis::{Redis, RedisCluster, RedisSentinels};

use crate::in_ci;

/// The timeout for the start of a server on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A server process, ended on drop.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts the program with its output in `log`. Outside CI, returns `None` if it is not
    /// installed and prints `hint`.
    ///
    /// # Panics
    /// If it cannot be started, or under CI if it is not installed.
    pub fn start(command: &mut Command, log: &Path, hint: &str) -> Option<Self> {
        let output = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log cannot be written");
        let errors = output.try_clone().expect("the log cannot be duplicated");
        let program = command.get_program().to_string_lossy().into_owned();
        match command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
        {
            Ok(child) => Some(Self { child }),
            Err(problem) if problem.kind() == ErrorKind::NotFound => {
                missing(&program, hint);
                None
            }
            Err(problem) => panic!("`{program}` does not start: {problem}"),
        }
    }

    /// Returns whether the process is still running.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process, like a power failure.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by name: `STOP` pauses the process, `CONT` resumes it, `TERM`
    /// terminates it.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "cannot send {name} to process {}",
            self.child.id()
        );
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A temporary directory for a server's files, removed on drop.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Creates an empty directory.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tollgate-{name}-{:08x}", unlike_others()));
        std::fs::create_dir_all(&path).expect("the temporary directory cannot be created");
        Self { path }
    }

    /// The path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Returns an unused local port. It is outside the range of ephemeral ports, so it stays free while
/// its server is down.
///
/// # Panics
/// If no port is free.
pub fn free_port() -> u16 {
    (0..1000)
        .map(|_| 11_000 + u16::try_from(unlike_others() % 20_000).expect("less than 20000"))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a port is free")
}

/// Reports that a program is missing and how to install it.
///
/// # Panics
/// Under CI.
pub fn missing(program: &str, hint: &str) {
    let problem = format!("`{program}` is not installed: {hint}");
    assert!(!in_ci(), "{problem}");
    eprintln!("SKIPPED: {problem}");
}

/// Polls until the condition is true, at most for [`PATIENCE`].
///
/// # Panics
/// If the condition does not become true.
pub fn eventually(what: &str, mut ask: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ask() {
        assert!(
            start.elapsed() < PATIENCE,
            "timed out after {PATIENCE:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns whether a process listens on the port.
pub fn listens(port: u16) -> bool {
    let connect = || -> Result<(), Error> {
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1))?;
        Ok(())
    };
    connect().is_ok()
}

/// Returns a number that differs between concurrent test processes, with high probability.
fn unlike_others() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanoseconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.subsec_nanos());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mixed = (u64::from(std::process::id()) << 32
        | u64::from(count.wrapping_mul(7919) ^ nanoseconds))
    .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    u32::try_from(mixed >> 32).expect("32 bits are left")
}

//! A PostgreSQL server.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Process, Scratch, eventually, free_port, listens, missing};

const GET_POSTGRES: &str =
    "PostgreSQL 13 or later is needed, on Debian and Ubuntu `apt-get install postgresql`";
const PASSWORD: &str = "not-so-secret";

/// A PostgreSQL server with a superuser role `tollgate`.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    process: Process,
    programs: PathBuf,
    user: Option<User>,
    options: Vec<String>,
    scratch: Scratch,
}

impl Postgres {
    /// Starts a server that does not wait for the disk: data survives a kill of its processes, but
    /// not of the machine.
    ///
    /// # Panics
    /// As for [`start_with`](Self::start_with).
    pub fn start() -> Option<Self> {
        Self::start_with(&["fsync=off", "full_page_writes=off"])
    }

    /// Starts a server with these settings, such as `["fsync=on"]`.
    ///
    /// # Panics
    /// If it does not start, or under CI if it is not installed.
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            missing("postgres", GET_POSTGRES);
            return None;
        };
        let user = User::other_than_root();
        let scratch = Scratch::new("pg");
        initialize(&programs, user.as_ref(), scratch.path());
        Some(Self::on(programs, user, scratch, settings))
    }

    /// Starts a standby of this server that replicates by this name. It follows until it is
    /// [promoted](Self::promote).
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn standby(&self, name: &str) -> Self {
        let source = format!("{}?application_name={name}", self.url());
        self.copy(&source, &["-R"])
    }

    /// Takes a base backup, and starts another server from it.
    ///
    /// # Panics
    /// If the backup or the start fails.
    #[must_use]
    pub fn restored(&self) -> Self {
        self.copy(&self.url(), &[])
    }

    fn copy(&self, source: &str, options: &[&str]) -> Self {
        let user = User::other_than_root();
        let scratch = Scratch::new("pg-copy");
        if let Some(user) = &user {
            chown(scratch.path(), Some(user.id), Some(user.group))
                .expect("root cannot change the owner");
        }
        let output = command(&self.programs.join("pg_basebackup"), user.as_ref())
            .args(["-c", "fast", "-X", "stream", "-d", source, "-D"])
            .arg(scratch.path().join("data"))
            .args(options)
            .current_dir(scratch.path())
            .stdin(Stdio::null())
            .output()
            .expect("pg_basebackup cannot be run");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pg_basebackup: {errors}");
        Self::on(self.programs.clone(), user, scratch, &["fsync=off"])
    }

    /// Makes a standby the primary server.
    ///
    /// # Panics
    /// If it does not become one.
    pub fn promote(&self) {
        assert_eq!(self.sql("SELECT pg_promote(true, 60)"), "t");
    }

    /// Starts a server on the data of the directory.
    fn on(programs: PathBuf, user: Option<User>, scratch: Scratch, settings: &[&str]) -> Self {
        let options: Vec<String> = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=60",
            "shared_buffers=16MB",
        ]
        .iter()
        .chain(settings)
        .flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()])
        .collect();
        let port = free_port();
        let mut server = Self {
            process: spawn(&programs, user.as_ref(), &scratch, port, &options),
            port,
            programs,
            user,
            options,
            scratch,
        };
        // Another process may take the port before the server does.
        for _ in 0..5 {
            if server.until_ready() {
                return server;
            }
            server.port = free_port();
            server.process = server.spawn();
        }
        panic!("postgres exits at startup:\n{}", server.log());
    }

    fn spawn(&self) -> Process {
        spawn(
            &self.programs,
            self.user.as_ref(),
            &self.scratch,
            self.port,
            &self.options,
        )
    }

    /// Waits until it responds. Returns `false` if it has exited.
    fn until_ready(&mut self) -> bool {
        let mut ended = false;
        eventually("postgres answers", || {
            ended = !self.process.runs();
            ended || self.answers()
        });
        !ended
    }

    fn answers(&self) -> bool {
        Command::new(self.programs.join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status()
            .is_ok_and(|status| status.success())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }

    /// The connection URL, with the role and its password.
    pub fn url(&self) -> String {
        format!(
            "postgres://tollgate:{PASSWORD}@127.0.0.1:{}/postgres",
            self.port
        )
    }

    /// The port of the server on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL and returns the output, one line per row, with `|` between columns.
    ///
    /// # Panics
    /// If the statement fails.
    pub fn sql(&self, sql: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.url()])
            .stdin(Stdio::null())
            .output()
            .expect("psql runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {errors}");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// Kills it and its child processes, like a power failure.
    pub fn stop(&mut self) {
        // A surviving child would keep the shared memory and prevent a restart.
        let children = self.children();
        self.process.kill();
        signal("KILL", &children);
        // Children started in the meantime exit by themselves.
        eventually("all processes of postgres exit", || {
            children.iter().all(|child| !is_running(*child))
        });
    }

    /// Tells it to exit when the last client has left (smart shutdown). It refuses new ones.
    ///
    /// # Panics
    /// If it has exited.
    pub fn shut_down(&self) {
        self.process.signal("TERM");
    }

    /// Restarts it on the same port with the same data, whether it is [stopped](Self::stop) or
    /// running.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.stop();
        eventually("postgres restarts", || {
            if !self.process.runs() {
                self.process = self.spawn();
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
        signal("STOP", &self.children());
    }

    /// Resumes it after a [pause](Self::pause).
    ///
    /// # Panics
    /// If it has exited.
    pub fn resume(&self) {
        signal("CONT", &self.children());
        self.process.signal("CONT");
    }

    /// The process IDs of its children: one per connection, and background processes.
    fn children(&self) -> Vec<u32> {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|process| {
                status(*process).is_some_and(|(_, parent)| parent == self.process.id())
            })
            .collect()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let children = self.children();
        self.process.kill();
        signal("KILL", &children);
    }
}

/// Returns whether the process is running, and is not a zombie.
fn is_running(process: u32) -> bool {
    status(process).is_some_and(|(state, _)| state != 'Z')
}

/// The state and the parent of a process (`proc(5)`).
fn status(process: u32) -> Option<(char, u32)> {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it is in parentheses and may contain any character.
    let mut fields = line.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn signal(name: &str, processes: &[u32]) {
    for process in processes {
        // The process may have exited.
        let _ = Command::new("sh")
            .args(["-c", &format!("kill -{name} {process}")])
            .stderr(Stdio::null())
            .status();
    }
}

/// The user that runs the server, which refuses to run as root.
#[derive(Debug)]
struct User {
    id: u32,
    group: u32,
}

impl User {
    /// Returns the user to switch to. `None` if the current user is not root.
    fn other_than_root() -> Option<Self> {
        let me = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = me
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .and_then(|ids| ids.split_whitespace().nth(1));
        if effective != Some("0") {
            return None;
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let of_name = |name: &str| {
            let line = users
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            let mut fields = line.split(':').skip(1);
            Some(Self {
                id: fields.next()?.parse().ok()?,
                group: fields.next()?.parse().ok()?,
            })
        };
        of_name("postgres").or_else(|| of_name("nobody"))
    }
}

/// Creates a command that runs as that user.
fn command(program: &Path, user: Option<&User>) -> Command {
    let Some(user) = user else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={}", user.id))
        .arg(format!("--regid={}", user.group))
        .args(["--clear-groups", "--"])
        .arg(program);
    command
}

/// The directory of `postgres`: on the search path, or the latest version in Debian's directory.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort_by_key(|path| {
        let version = path
            .parent()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().parse());
        version.and_then(|version: Result<u32, _>| version.ok())
    });
    std::env::split_paths(&path)
        .chain(versions.into_iter().rev())
        // A symbolic link does not have the related programs beside it.
        .filter_map(|folder| folder.join("postgres").canonicalize().ok())
        .filter_map(|program| program.parent().map(Path::to_owned))
        .find(|folder| {
            ["initdb", "psql", "pg_isready"]
                .iter()
                .all(|name| folder.join(name).exists())
        })
}

fn initialize(programs: &Path, user: Option<&User>, folder: &Path) {
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD).expect("the password file cannot be written");
    if let Some(user) = user {
        for path in [folder, &password] {
            chown(path, Some(user.id), Some(user.group)).expect("root cannot change the owner");
        }
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
        .expect("the permissions cannot be set");
    let output = command(&programs.join("initdb"), user)
        .args(["--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C"])
        .args(["-A", "scram-sha-256", "-U", "tollgate", "--pwfile"])
        .arg(&password)
        .arg("-D")
        .arg(folder.join("data"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("initdb cannot be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "initdb: {errors}");
}

fn spawn(
    programs: &Path,
    user: Option<&User>,
    scratch: &Scratch,
    port: u16,
    options: &[String],
) -> Process {
    let mut command = command(&programs.join("postgres"), user);
    command
        .arg("-D")
        .arg(scratch.path().join("data"))
        .args(["-p", &port.to_string()])
        .args(options)
        .current_dir(scratch.path());
    Process::start(&mut command, &scratch.path().join("log"), GET_POSTGRES)
        .expect("postgres is not installed any more")
}

const GET_PGBOUNCER: &str = "on Debian and Ubuntu `apt-get install pgbouncer`";

/// A connection pooler in front of a [`Postgres`].
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    _process: Process,
    _scratch: Scratch,
}

impl PgBouncer {
    /// Starts it with `mode` (`transaction` or `session`) and further settings, such as
    /// `["default_pool_size = 4"]`.
    ///
    /// # Panics
    /// If it does not start, or under CI if it is not installed.
    pub fn start(server: &Postgres, mode: &str, settings: &[&str]) -> Option<Self> {
        let user = User::other_than_root();
        let scratch = Scratch::new("pgbouncer");
        let port = free_port();
        let (users, file) = (scratch.path().join("users"), scratch.path().join("ini"));
        let content = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n\
             auth_file = {}\npool_mode = {mode}\n{}\n",
            server.port(),
            users.display(),
            settings.join("\n")
        );
        std::fs::write(&users, format!("\"tollgate\" \"{PASSWORD}\"\n"))
            .expect("the users cannot be written");
        std::fs::write(&file, content).expect("the settings cannot be written");
        if let Some(user) = &user {
            for path in [scratch.path(), &users, &file] {
                chown(path, Some(user.id), Some(user.group)).expect("root cannot change the owner");
            }
        }
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
            .map(PathBuf::from)
            .into_iter()
            .find(|program| program.exists());
        let Some(program) = program else {
            missing("pgbouncer", GET_PGBOUNCER);
            return None;
        };
        let mut command = command(&program, user.as_ref());
        command.arg(&file).current_dir(scratch.path());
        let process = Process::start(&mut command, &scratch.path().join("log"), GET_PGBOUNCER)?;
        eventually("pgbouncer answers", || listens(port));
        Some(Self {
            port,
            _process: process,
            _scratch: scratch,
        })
    }

    /// The connection URL, with the role and its password.
    pub fn url(&self) -> String {
        format!(
            "postgres://tollgate:{PASSWORD}@127.0.0.1:{}/postgres",
            self.port
        )
    }
}

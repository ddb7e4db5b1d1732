//! The connection to one server. It is made on demand, and again after a loss.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Pipeline, RedisConnectionInfo, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tollgate_session::{StoreError, StoreErrorKind};

use crate::access::{Access, Stream};
use crate::address::Address;
use crate::failure::{Failure, not_redis, timeout, unavailable};
use crate::requirements::Requirements;
use crate::sentinel;

/// The time between two reads of the server's policy.
const VETTING: Duration = Duration::from_secs(1);
/// The time in which a server that refuses a connection says why.
const REASON: Duration = Duration::from_millis(50);
/// The first byte of an alert: <https://www.rfc-editor.org/rfc/rfc8446#section-5.1>.
const TLS_ALERT: u8 = 0x15;

/// A connection that many callers share.
#[derive(Debug)]
pub(crate) struct Link {
    address: Address,
    access: Arc<Access>,
    kind: Kind,
    state: Mutex<State>,
    /// Held while connecting.
    connecting: tokio::sync::Mutex<()>,
    /// The number of failed attempts to connect.
    failed: AtomicU64,
    patience: Duration,
}

/// The purpose of a server.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A server or a node of a cluster, which meets the requirements.
    Server(Arc<Requirements>),
    /// The same, and it must be a master. A former master serves reads when it has become a
    /// replica. Then its Sentinel ends all connections.
    Master(Arc<Requirements>),
    /// A Sentinel, which holds no data.
    Sentinel,
}

#[derive(Default)]
struct State {
    /// The connection and its number.
    connection: Option<(u64, MultiplexedConnection)>,
    made: u64,
    /// There was an attempt to connect.
    tried: bool,
    last_failure: Option<Failure>,
    /// The time of the last read of the policy.
    vetted: Option<Instant>,
    /// `true` if the policy cannot be read on this connection.
    unknown: bool,
    /// The reason why the server is not used.
    refusal: Option<StoreError>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Creates a link without a connection. A connection that does not answer within `patience`
    /// counts as lost.
    pub(crate) fn new(
        address: Address,
        access: Arc<Access>,
        kind: Kind,
        patience: Duration,
    ) -> Self {
        Self {
            address,
            access,
            kind,
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            failed: AtomicU64::new(0),
            patience,
        }
    }

    /// Sends the commands, unless the server does not meet the requirements, and returns their
    /// answers, none of which is an error. `source` is the script among them.
    ///
    /// Once in [`VETTING`], the policy of the server is read with them, without a round trip of its
    /// own. If it evicts keys, the answers do not count.
    pub(crate) async fn send(
        &self,
        mut commands: Pipeline,
        source: &str,
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let (number, mut connection) = self.connection(deadline).await?;
        let (mut due, refusal) = self.is_due();
        if let Some(refusal) = refusal {
            if !due {
                return Err(Failure::Final(refusal));
            }
            let mut policy = redis::pipe();
            policy.cmd("INFO").arg("memory");
            let told = self.exchange(number, &mut connection, &policy, deadline);
            self.vet(&told.await?)?;
            due = false;
        }
        if due {
            commands.cmd("INFO").arg("memory");
        }
        let mut values = self
            .exchange(number, &mut connection, &commands, deadline)
            .await?;
        if due {
            let last = values.len().saturating_sub(1);
            self.vet(&values.split_off(last))?;
        }
        self.checked(number, values, source)
    }

    /// Sends the commands and returns their answers, whether the server meets the requirements or
    /// not.
    pub(crate) async fn ask(
        &self,
        commands: &Pipeline,
        source: &str,
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let (number, mut connection) = self.connection(deadline).await?;
        let values = self.exchange(number, &mut connection, commands, deadline);
        self.checked(number, values.await?, source)
    }

    async fn exchange(
        &self,
        number: u64,
        connection: &mut MultiplexedConnection,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let mut unanswered = Unanswered {
            link: self,
            number,
            since: Instant::now(),
        };
        let answer = timeout_at(
            deadline,
            connection.send_packed_commands(commands, 0, commands.len()),
        )
        .await;
        unanswered.since = Instant::now();
        let Ok(answer) = answer else {
            self.forget(number);
            return Err(Failure::Final(timeout("no answer within the timeout")));
        };
        answer.map_err(|error| {
            self.forget(number);
            Failure::of_connection(&error)
        })
    }

    fn checked(
        &self,
        number: u64,
        values: Vec<Value>,
        source: &str,
    ) -> Result<Vec<Value>, Failure> {
        for value in &values {
            if let Value::ServerError(error) = value {
                let failure = Failure::of_answer(error, source);
                // The server was a master and is now a replica. Its name may resolve to the new
                // master.
                if matches!(failure, Failure::Later(_)) {
                    self.forget(number);
                }
                return Err(failure);
            }
        }
        Ok(values)
    }

    /// Returns whether the caller must read the policy, and the refusal by the last reading.
    fn is_due(&self) -> (bool, Option<StoreError>) {
        let (mut state, now) = (self.state(), Instant::now());
        let rested = |vetted| now.duration_since(vetted) >= VETTING;
        let due = !state.unknown && state.vetted.is_none_or(rested);
        if due {
            state.vetted = Some(now);
        }
        (due, state.refusal.clone())
    }

    /// Evaluates the answer to `INFO memory`.
    fn vet(&self, told: &[Value]) -> Result<(), Failure> {
        let (Kind::Server(requirements) | Kind::Master(requirements)) = &self.kind else {
            return Ok(());
        };
        let verdict = requirements.eviction(told.last().unwrap_or(&Value::Nil));
        let refusal = verdict.clone().err();
        let before = std::mem::replace(&mut self.state().refusal, refusal);
        match (&before, &verdict) {
            (None, Err(error)) => {
                tracing::error!(target: "tollgate", %error, "store refused");
            }
            (Some(_), Ok(())) => {
                tracing::error!(target: "tollgate",
                    "the server evicts no keys any more; revocations may be lost");
            }
            _ => {}
        }
        verdict.map_err(Failure::Final)
    }

    /// Opens a dedicated connection for a subscription, unless the server does not meet the
    /// requirements.
    pub(crate) async fn listen(&self, channel: &str, deadline: Instant) -> Result<PubSub, Failure> {
        let connect = async {
            self.connection(deadline).await?;
            if let Some(refusal) = self.state().refusal.clone() {
                return Err(Failure::Final(refusal));
            }
            let mut ear = PubSub::new(&self.access.settings, self.open().await?)
                .await
                .map_err(|error| Failure::of_connecting(&error))?;
            ear.subscribe(channel)
                .await
                .map_err(|error| Failure::of_connecting(&error))?;
            Ok(ear)
        };
        timeout_at(deadline, connect)
            .await
            .unwrap_or(Err(self.late()))
    }

    async fn connection(&self, deadline: Instant) -> Result<(u64, MultiplexedConnection), Failure> {
        if let Some(connection) = self.state().connection.clone() {
            return Ok(connection);
        }
        let before = self.failed.load(Ordering::Acquire);
        let Ok(_only) = timeout_at(deadline, self.connecting.lock()).await else {
            return Err(self.late());
        };
        {
            let state = self.state();
            if let Some(connection) = state.connection.clone() {
                return Ok(connection);
            }
            if self.is_master() && state.tried {
                let detail = "the connection to the master is lost";
                return Err(Failure::Later(unavailable(detail)));
            }
            // Callers that waited for a failed attempt do not connect again, so that they do not
            // wait for each other.
            if let Some(failure) = &state.last_failure
                && self.failed.load(Ordering::Acquire) != before
            {
                return Err(failure.clone());
            }
        }
        let made = timeout_at(deadline, self.connect(deadline))
            .await
            .unwrap_or(Err(self.late()));
        let mut state = self.state();
        state.tried = true;
        match made {
            Ok(connection) => {
                state.made += 1;
                let connection = (state.made, connection);
                state.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(failure) => {
                state.last_failure = Some(failure.clone());
                self.failed.fetch_add(1, Ordering::Release);
                Err(failure)
            }
        }
    }

    /// The failure of a connection that is not there in time.
    fn late(&self) -> Failure {
        Failure::Unreached(timeout(if self.access.is_encrypted() {
            "connecting timed out: the server may not expect TLS"
        } else {
            "connecting timed out"
        }))
    }

    /// Connects, logs in, and reads the version and the policy of the server.
    async fn connect(&self, deadline: Instant) -> Result<MultiplexedConnection, Failure> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            // The deadline is enforced by the callers.
            .set_response_timeout(None);
        // Without user and password: the client crate reports every failure to log in as a wrong
        // password.
        let bare = RedisConnectionInfo::default().set_skip_set_lib_name();
        let stream = self.open().await?;
        let (mut connection, driver) =
            MultiplexedConnection::new_with_config(&bare, stream, config)
                .await
                .map_err(|error| Failure::of_connecting(&error))?;
        // It ends when the last handle of the connection is dropped.
        tokio::spawn(driver);
        let settings = &self.access.settings;
        let mut commands = redis::pipe();
        if let Some(password) = settings.password() {
            commands.cmd("AUTH");
            if let Some(user) = settings.username() {
                commands.arg(user);
            }
            commands.arg(password);
        }
        if settings.db() != 0 {
            commands.cmd("SELECT").arg(settings.db());
        }
        if self.is_master() {
            commands.cmd("ROLE");
        }
        commands.cmd("INFO").arg("server");
        commands.cmd("INFO").arg("memory");
        let count = commands.len();
        let values = match connection.send_packed_commands(&commands, 0, count).await {
            Ok(values) => values,
            Err(error) => return Err(self.reason(Failure::of_connection(&error), deadline).await),
        };
        for (number, value) in values.iter().enumerate() {
            if let Value::ServerError(error) = value {
                let failure = Failure::of_answer(error, "");
                // The server need not allow `INFO`, but its answer can say more.
                let denied = |error: &StoreError| {
                    error.kind() == StoreErrorKind::Denied && !error.to_string().contains("NOAUTH")
                };
                match &failure {
                    Failure::Final(error) if number + 2 >= count && denied(error) => {}
                    _ => return Err(failure),
                }
            }
        }
        if let [.., role, _, _] = &values[..]
            && self.is_master()
            && !sentinel::is_master(role)
        {
            return Err(Failure::Later(unavailable("the server is not a master")));
        }
        if let [.., server, memory] = &values[..]
            && !matches!(self.kind, Kind::Sentinel)
        {
            Requirements::version(server).map_err(Failure::Final)?;
            {
                let mut state = self.state();
                state.vetted = Some(Instant::now());
                state.unknown = matches!(memory, Value::ServerError(_));
            }
            // Operations report the refusal, and read the policy again.
            let _ = self.vet(std::slice::from_ref(memory));
        }
        Ok(connection)
    }

    const fn is_master(&self) -> bool {
        matches!(self.kind, Kind::Master(_))
    }

    /// Returns whether the link connects no more. That to a master connects once: a server that
    /// returns after a failover is an empty master until its Sentinels make it a replica, so they
    /// have to be asked before each connection.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state();
        self.is_master() && state.tried && state.connection.is_none()
    }

    async fn open(&self) -> Result<Box<dyn Stream>, Failure> {
        let opened = self.access.open(&self.address).await;
        opened.map_err(|error| Failure::of_opening(&error))
    }

    /// Returns the reason why a server ends a connection before the first answer. It may be told
    /// before the commands are sent, or in another protocol, and the client crate drops it then.
    async fn reason(&self, failure: Failure, deadline: Instant) -> Failure {
        let Failure::Unanswered(error) = failure else {
            return failure;
        };
        // Nothing was executed.
        let failure = Failure::Unreached(error);
        if self.access.is_encrypted() {
            let detail = "the server ended the TLS connection: it may require a certificate of the \
                          client";
            return Failure::Unreached(unavailable(detail));
        }
        let Address { host, port } = &self.address;
        if *port == 0 {
            return failure;
        }
        let mut said = [0; 64];
        let listen = async {
            let mut stream = TcpStream::connect((&**host, *port)).await?;
            let unasked = timeout_at(Instant::now() + REASON, stream.read(&mut said)).await;
            if !matches!(unasked, Ok(Ok(1..))) {
                // A server with TLS may answer anything else with an alert.
                stream.write_all(b"PING\r\n").await?;
                let _ = stream.read(&mut said).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        let listened = timeout_at(deadline.min(Instant::now() + 2 * REASON), listen).await;
        if said.starts_with(b"-ERR max number of clients") {
            let detail = "the server has reached its number of clients";
            return Failure::Final(StoreError::new(StoreErrorKind::Exhausted, detail));
        }
        if said[0] == TLS_ALERT {
            return Failure::Final(not_redis());
        }
        // A server with TLS ends the connection.
        if listened.is_ok() && said[0] == 0 {
            let detail = "the server ends connections without an answer, or expects TLS";
            return Failure::Unreached(unavailable(detail));
        }
        failure
    }

    /// Drops the connection, unless it was replaced already. The next caller connects again.
    fn forget(&self, number: u64) {
        let mut state = self.state();
        if matches!(state.connection, Some((current, _)) if current == number) {
            state.connection = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guard that detects callers that give up before the deadline. A connection that stays silent
/// may be dead, and impatient callers alone would keep it forever.
struct Unanswered<'l> {
    link: &'l Link,
    number: u64,
    since: Instant,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.since.elapsed() >= self.link.patience / 2 {
            self.link.forget(self.number);
        }
    }
}

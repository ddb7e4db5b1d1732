//! A server process, its CPU time, and a client that keeps it busy.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Candidate, Fixture};

const SERVE: &str = "TOLLGATE_PEERS_SERVE";
const PINNED: &str = "`taskset` is needed: on Debian and Ubuntu `apt-get install util-linux`";

/// A candidate that serves on a loopback port until it is dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts this program again to [serve](serve_if_told) the candidate on one core.
    pub fn start(candidate: &Candidate, fixture: &Fixture, core: usize) -> Self {
        let (name, value) = fixture.variable();
        let mut process = Command::new("taskset")
            .args(["--cpu-list", &core.to_string()])
            .arg(std::env::current_exe().unwrap())
            .env(name, value)
            .env(SERVE, candidate.name)
            .stdout(Stdio::piped())
            .spawn()
            .expect(PINNED);
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().parse().unwrap();
        Self { process, address }
    }

    /// The CPU time of all its threads so far, user and system.
    pub fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let used = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap();
            let nanoseconds = text.split_whitespace().next().unwrap();
            Duration::from_nanos(nanoseconds.parse().unwrap())
        };
        threads.map(|thread| used(thread.unwrap().path())).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves the candidate that the parent process named, for ever, on one thread. Returns if there is
/// none.
pub fn serve_if_told(candidates: &[Candidate]) {
    let Ok(name) = std::env::var(SERVE) else {
        return;
    };
    let candidate = candidates
        .iter()
        .find(|candidate| candidate.name == name)
        .unwrap();
    let app = (candidate.app)(&Fixture::inherited().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        println!("{}", listener.local_addr().unwrap());
        axum::serve(listener, app).await.unwrap();
    });
}

/// Pins this process to one core.
pub fn pin(core: usize) {
    let status = Command::new("taskset")
        .args(["--all-tasks", "--pid", "--cpu-list", &core.to_string()])
        .arg(std::process::id().to_string())
        .stdout(Stdio::null())
        .status()
        .expect(PINNED);
    assert!(status.success(), "two cores are needed");
}

/// A set of connections to one server. Each sends the same request and waits for the response,
/// repeatedly.
///
/// It busy-waits: a server that is slower than its client would have to wake it for each response.
/// That cost would count as the server's and exceed that of a check.
#[derive(Debug)]
pub struct Load {
    connections: Vec<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Load {
    /// Connects and sends one request on each connection.
    pub fn connect(server: &Server, fixture: &Fixture, connections: usize) -> Self {
        let address = server.address;
        let request = format!(
            "GET / HTTP/1.1\r\nhost: {address}\r\nuser-agent: load\r\naccept: */*\r\n\
             authorization: Bearer {}\r\n\r\n",
            fixture.good
        );
        let connect = |_| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        };
        let mut load = Self {
            connections: (0..connections).map(connect).collect(),
            request: request.into_bytes(),
            answer: Vec::new(),
        };
        load.answer = vec![0; load.length_of_answer()];
        for connection in &load.connections {
            connection.set_nonblocking(true).unwrap();
        }
        load.turn();
        load
    }

    /// Reads the length of a response. All responses have the same headers and body.
    fn length_of_answer(&mut self) -> usize {
        let stream = &mut self.connections[0];
        stream.write_all(&self.request).unwrap();
        let mut reader = BufReader::new(stream);
        let (mut length, mut body) = (0, 0);
        loop {
            let mut line = String::new();
            length += reader.read_line(&mut line).unwrap();
            if let Some(value) = line.strip_prefix("content-length: ") {
                body = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        reader.read_exact(&mut vec![0; body]).unwrap();
        length + body
    }

    /// Sends one request on each connection at once.
    fn turn(&mut self) {
        for connection in &mut self.connections {
            connection.write_all(&self.request).unwrap();
        }
        for connection in &mut self.connections {
            read_awake(connection, &mut self.answer);
            assert!(self.answer.starts_with(b"HTTP/1.1 200 "), "refused");
        }
    }

    /// Sends requests for about `time`. Returns the number of responses.
    pub fn run(&mut self, time: Duration) -> usize {
        let start = Instant::now();
        let mut answers = 0;
        while start.elapsed() < time {
            self.turn();
            answers += self.connections.len();
        }
        answers
    }
}

/// Fills the buffer, and retries immediately while there is no data.
fn read_awake(stream: &mut TcpStream, mut buffer: &mut [u8]) {
    while !buffer.is_empty() {
        match stream.read(buffer) {
            Ok(0) => panic!("the server has closed the connection"),
            Ok(read) => buffer = &mut buffer[read..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => panic!("{error}"),
        }
    }
}

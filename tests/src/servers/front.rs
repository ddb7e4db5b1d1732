//! A proxy in front of an HTTP server that counts requests and injects faults.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A fault in place of the server's response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// No fault: the server responds.
    #[default]
    None,
    /// The connection is closed without a response.
    Broken,
    /// The connection stays open without a response.
    Hangs,
    /// A response with this status and no content.
    Status(u16),
    /// A 200 response with this content type and content.
    Content(&'static str, String),
    /// A 200 response with 50 MB of JSON and a `Content-Length`.
    Huge,
    /// A 200 response with 50 MB of JSON in chunks, without a `Content-Length`.
    HugeByChunks,
    /// A 200 response with the start of a JWK Set, one byte every 50 ms.
    Drips,
    /// A 302 redirect to this URL.
    Redirect(String),
}

impl Fault {
    /// An HTML page, like the error page of a gateway.
    pub fn html() -> Self {
        let page = "<!doctype html><title>Sign in to the network</title>";
        Self::Content("text/html", page.to_owned())
    }

    /// A JWK Set without keys.
    pub fn empty_set() -> Self {
        Self::Content("application/json", r#"{"keys":[]}"#.to_owned())
    }
}

/// A proxy on its own port that forwards every request unless a fault is set. It closes on drop.
#[derive(Debug)]
pub struct Front {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    server: AtomicU16,
    /// Bytes of [`Fault::Huge`] that clients have read.
    bytes: AtomicUsize,
    /// The number of clients that wait for a response that never comes.
    waiting: AtomicUsize,
    settings: Mutex<Settings>,
}

#[derive(Debug, Default)]
struct Settings {
    fault: Fault,
    /// The faults by path, which take precedence over `fault`.
    faults: Vec<(String, Fault)>,
    /// The number of fault changes. A change releases the clients that wait because of an earlier
    /// fault.
    changes: usize,
    closed: bool,
    /// The path of each request, in order.
    paths: Vec<String>,
}

impl State {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Front {
    /// Opens a port. Until [`stand_before`](Self::stand_before) sets a server, connections are
    /// closed without a response.
    ///
    /// # Panics
    /// If no port is available.
    pub fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("no port is available");
        let port = listener
            .local_addr()
            .expect("the listener has no address")
            .port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if shared.settings().closed {
                    break;
                }
                let shared = Arc::clone(&shared);
                // A client that disconnects is not an error.
                std::thread::spawn(move || drop(serve(&shared, connection)));
            }
        });
        Self { port, state }
    }

    /// Sets the port of the server on 127.0.0.1.
    pub fn stand_before(&self, port: u16) {
        self.state.server.store(port, Ordering::SeqCst);
    }

    /// The port of the proxy on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:{port}`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sets the fault for every request from now on. Hanging and dripping connections are closed.
    pub fn set(&self, fault: Fault) {
        let mut settings = self.state.settings();
        settings.changes += 1;
        settings.faults.clear();
        settings.fault = fault;
    }

    /// Sets the fault for requests with that path from now on.
    pub fn set_for(&self, path: &str, fault: Fault) {
        let mut settings = self.state.settings();
        settings.changes += 1;
        settings.faults.retain(|(other, _)| other != path);
        settings.faults.push((path.to_owned(), fault));
    }

    /// The number of requests for that path since the start.
    pub fn count(&self, path: &str) -> usize {
        let settings = self.state.settings();
        settings.paths.iter().filter(|asked| *asked == path).count()
    }

    /// The path of every request, in order.
    pub fn paths(&self) -> Vec<String> {
        self.state.settings().paths.clone()
    }

    /// The number of clients that currently wait for a hanging or dripping response.
    pub fn waiting(&self) -> usize {
        self.state.waiting.load(Ordering::SeqCst)
    }

    /// The total bytes that clients have read of huge responses.
    pub fn bytes(&self) -> usize {
        self.state.bytes.load(Ordering::SeqCst)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.state.settings().closed = true;
        // Wakes the accept loop, which then sees that the proxy is closed.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

/// Handles one request.
fn serve(state: &State, client: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (head, length) = head(&mut reader)?;
    let mut content = vec![0; length];
    reader.read_exact(&mut content)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().to_owned();
    let (fault, changes) = {
        let mut settings = state.settings();
        let fault = settings.faults.iter().find(|(of, _)| *of == path);
        let fault = fault.map_or(&settings.fault, |(_, fault)| fault).clone();
        settings.paths.push(path);
        (fault, settings.changes)
    };
    match fault {
        Fault::None => hand_on(state, client, &head, &content),
        Fault::Broken => client.shutdown(Shutdown::Both),
        Fault::Hangs => wait(state, &client, changes, None),
        Fault::Drips => {
            begin(&client, "application/json", "")?;
            wait(state, &client, changes, Some(b"{\"keys\": [            "))
        }
        Fault::Status(status) => answer(&client, &format!("{status} Fault"), ""),
        Fault::Redirect(target) => answer(&client, "302 Found", &format!("location: {target}\r\n")),
        Fault::Content(media_type, content) => {
            begin(
                &client,
                media_type,
                &format!("content-length: {}\r\n", content.len()),
            )?;
            (&client).write_all(content.as_bytes())
        }
        Fault::Huge => {
            begin(
                &client,
                "application/json",
                &format!("content-length: {HUGE}\r\n"),
            )?;
            huge(state, |piece| (&client).write_all(piece))
        }
        Fault::HugeByChunks => {
            begin(
                &client,
                "application/json",
                "transfer-encoding: chunked\r\n",
            )?;
            huge(state, |piece| {
                write!(&client, "{:x}\r\n", piece.len())?;
                (&client).write_all(piece)?;
                (&client).write_all(b"\r\n")
            })?;
            (&client).write_all(b"0\r\n\r\n")
        }
    }
}

/// Reads the lines of a head as one text, without the empty line, and the content length.
fn head(reader: &mut impl BufRead) -> Result<(String, usize)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begin = head.len();
        if reader.read_line(&mut head)? == 0 || &head[begin..] == "\r\n" {
            head.truncate(begin);
            return Ok((head, length));
        }
        let name_and_value = head[begin..].split_once(':');
        if let Some((name, value)) = name_and_value
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
}

/// Forwards the request with the client's own `Host`, and closes the connection after one response.
fn hand_on(state: &State, mut client: TcpStream, head: &str, content: &[u8]) -> Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, state.server.load(Ordering::SeqCst)));
    let Ok(mut server) = server else {
        return client.shutdown(Shutdown::Both);
    };
    let is_connection = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        name.eq_ignore_ascii_case("connection")
    };
    let kept: String = head
        .split_inclusive("\r\n")
        .filter(|line| !is_connection(line))
        .collect();
    server.write_all(format!("{kept}connection: close\r\n\r\n").as_bytes())?;
    server.write_all(content)?;
    std::io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Both)
}

fn answer(mut client: &TcpStream, status: &str, fields: &str) -> Result<()> {
    write!(
        client,
        "HTTP/1.1 {status}\r\n{fields}content-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn begin(mut client: &TcpStream, media_type: &str, fields: &str) -> Result<()> {
    write!(
        client,
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\n{fields}connection: close\r\n\r\n"
    )
}

const HUGE: usize = 50_000_000;

fn huge(state: &State, mut write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let piece = [b' '; 1 << 14];
    let mut left = HUGE;
    while left > 0 {
        let part = &piece[..left.min(piece.len())];
        write(part)?;
        left -= part.len();
        state.bytes.fetch_add(part.len(), Ordering::SeqCst);
    }
    Ok(())
}

/// Keeps the client waiting until it disconnects or the fault changes. Sends one byte at a time, or
/// nothing.
fn wait(state: &State, mut client: &TcpStream, changes: usize, drops: Option<&[u8]>) -> Result<()> {
    client.set_read_timeout(Some(Duration::from_millis(50)))?;
    state.waiting.fetch_add(1, Ordering::SeqCst);
    let mut drops = drops.map(|drops| drops.iter().chain(std::iter::repeat(&b' ')));
    loop {
        let gone = match client.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(problem) => !matches!(
                problem.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ),
        };
        let drop = drops.as_mut().and_then(Iterator::next);
        let dripped = drop.map_or(Ok(()), |drop| client.write_all(&[*drop]));
        let over = {
            let settings = state.settings();
            settings.closed || settings.changes != changes
        };
        if gone || dripped.is_err() || over {
            state.waiting.fetch_sub(1, Ordering::SeqCst);
            return Ok(());
        }
    }
}

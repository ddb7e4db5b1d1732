//! What stands before an HTTP server, counts what is asked of it, and goes wrong in every way that a server can.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the front answers in the place of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is wrong: the server answers.
    #[default]
    None,
    /// Nobody answers, and the connection is closed.
    Broken,
    /// Nobody answers, and the connection stays open.
    Hangs,
    /// The answer has this status, and no content.
    Status(u16),
    /// 200, with this content type and content.
    Content(&'static str, String),
    /// 200, with 50 MB of JSON whose length is told beforehand.
    Huge,
    /// 200, with 50 MB of JSON whose length nobody tells.
    HugeByChunks,
    /// 200, with the beginning of a set at one byte in 50 ms.
    Drips,
    /// 302 to there.
    Redirect(String),
}

impl Fault {
    /// A page for people, as a gateway shows it.
    pub fn html() -> Self {
        let page = "<!doctype html><title>Sign in to the network</title>";
        Self::Content("text/html", page.to_owned())
    }

    /// A set without keys.
    pub fn empty_set() -> Self {
        Self::Content("application/json", r#"{"keys":[]}"#.to_owned())
    }
}

/// A port that hands on every request to a server, unless told otherwise. It closes when it is dropped.
#[derive(Debug)]
pub struct Front {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    server: AtomicU16,
    /// How much of [`Fault::Huge`] was taken by clients.
    bytes: AtomicUsize,
    /// How many clients wait for an answer that does not come.
    waiting: AtomicUsize,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    fault: Fault,
    /// For a path of its own; before `fault`.
    faults: Vec<(String, Fault)>,
    /// How often the faults were changed. Who is kept waiting by an earlier one is let go.
    changes: usize,
    closed: bool,
    /// The path of each request, in their order.
    paths: Vec<String>,
}

impl State {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Front {
    /// Opens a port. Until it is told of [a server](Self::stand_before), connections are closed without an answer.
    ///
    /// # Panics
    /// If there is no port.
    pub fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if shared.told().closed {
                    break;
                }
                let shared = Arc::clone(&shared);
                // A client that goes away is no concern of the front's.
                std::thread::spawn(move || drop(serve(&shared, connection)));
            }
        });
        Self { port, state }
    }

    /// Names the server's port on 127.0.0.1.
    pub fn stand_before(&self, port: u16) {
        self.state.server.store(port, Ordering::SeqCst);
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:{port}`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers every request so from now on. Connections on which an answer hangs or drips are closed.
    pub fn set(&self, fault: Fault) {
        let mut told = self.state.told();
        told.changes += 1;
        told.faults.clear();
        told.fault = fault;
    }

    /// Answers requests for that path so from now on, whatever it does with others.
    pub fn set_for(&self, path: &str, fault: Fault) {
        let mut told = self.state.told();
        told.changes += 1;
        told.faults.retain(|(other, _)| other != path);
        told.faults.push((path.to_owned(), fault));
    }

    /// How often that path was asked for, since the beginning.
    pub fn count(&self, path: &str) -> usize {
        let told = self.state.told();
        told.paths.iter().filter(|asked| *asked == path).count()
    }

    /// Every path that was asked for, in their order.
    pub fn paths(&self) -> Vec<String> {
        self.state.told().paths.clone()
    }

    /// How many clients wait now for an answer that hangs or drips.
    pub fn waiting(&self) -> usize {
        self.state.waiting.load(Ordering::SeqCst)
    }

    /// How much of all the huge answers was taken, in bytes.
    pub fn bytes(&self) -> usize {
        self.state.bytes.load(Ordering::SeqCst)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.state.told().closed = true;
        // It looks at that when somebody comes.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

/// One request and its answer.
fn serve(state: &State, client: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (head, length) = head(&mut reader)?;
    let mut content = vec![0; length];
    reader.read_exact(&mut content)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().to_owned();
    let (fault, changes) = {
        let mut told = state.told();
        let fault = told.faults.iter().find(|(of, _)| *of == path);
        let fault = fault.map_or(&told.fault, |(_, fault)| fault).clone();
        told.paths.push(path);
        (fault, told.changes)
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
            begin(&client, "application/json", "transfer-encoding: chunked\r\n")?;
            huge(state, |piece| {
                write!(&client, "{:x}\r\n", piece.len())?;
                (&client).write_all(piece)?;
                (&client).write_all(b"\r\n")
            })?;
            (&client).write_all(b"0\r\n\r\n")
        }
    }
}

/// The lines of a head, in one text without the last and empty one, and the length of the content.
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

/// Asks the server, with the client's own `Host`, and for an end after one answer.
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

/// Keeps the client waiting until it goes or the front is told something else, with a byte now and then or with nothing.
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
            let told = state.told();
            told.closed || told.changes != changes
        };
        if gone || dripped.is_err() || over {
            state.waiting.fetch_sub(1, Ordering::SeqCst);
            return Ok(());
        }
    }
}

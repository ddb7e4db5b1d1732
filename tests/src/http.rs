//! A minimal blocking HTTP/1.1 client for local servers: no TLS, one connection per request, no
//! redirects.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;

use crate::servers::PATIENCE;

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    url: String,
    fields: Vec<(String, String)>,
    content: String,
}

impl Request {
    /// Creates a `GET` request for a URL that begins with `http://`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Creates a request without fields and content for a URL that begins with `http://`.
    pub fn new(method: &'static str, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            fields: Vec::new(),
            content: String::new(),
        }
    }

    /// Creates a `POST` request with a form.
    pub fn post(url: impl Into<String>, form: &[(&str, &str)]) -> Self {
        Self {
            method: "POST",
            content: urlencoded(form),
            ..Self::get(url)
        }
        .with("content-type", "application/x-www-form-urlencoded")
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends the request and reads the whole response.
    ///
    /// # Errors
    /// If the connection fails, the response is not HTTP, or no data arrives for [`PATIENCE`].
    pub fn send(&self) -> Result<Answer> {
        let (authority, path) = split(&self.url)?;
        let mut connection = TcpStream::connect(authority)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        let mut head = format!(
            "{} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\
             content-length: {}\r\n",
            self.method,
            self.content.len()
        );
        for (name, value) in &self.fields {
            write!(head, "{name}: {value}\r\n").map_err(Error::other)?;
        }
        connection.write_all(format!("{head}\r\n{}", self.content).as_bytes())?;
        Answer::read(&mut BufReader::new(connection))
    }
}

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields in order, with names in lower case.
    pub fields: Vec<(String, String)>,
    /// The content.
    pub content: String,
}

impl Answer {
    /// The first field with this lower-case name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The fields with this lower-case name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.fields.iter().filter(move |(field, _)| field == name);
        named.map(|(_, value)| &**value)
    }

    fn read(connection: &mut impl BufRead) -> Result<Self> {
        let first = line(connection)?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut answer = Self {
            status: status.ok_or_else(|| Error::new(ErrorKind::InvalidData, first))?,
            fields: Vec::new(),
            content: String::new(),
        };
        loop {
            let line = line(connection)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            answer
                .fields
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = answer
            .field("content-length")
            .and_then(|length| length.parse().ok());
        let content = if answer.field("transfer-encoding").is_some() {
            chunks(connection)?
        } else if let Some(length) = length {
            let mut content = vec![0; length];
            connection.read_exact(&mut content)?;
            content
        } else {
            let mut content = Vec::new();
            connection.read_to_end(&mut content)?;
            content
        };
        answer.content = String::from_utf8(content).map_err(Error::other)?;
        Ok(answer)
    }
}

fn line(connection: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn chunks(connection: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let length = usize::from_str_radix(&line(connection)?, 16).map_err(Error::other)?;
        connection
            .take(u64::try_from(length).map_err(Error::other)?)
            .read_to_end(&mut content)?;
        line(connection)?;
        if length == 0 {
            return Ok(content);
        }
    }
}

/// Splits a URL into the authority, and the path with the query.
fn split(url: &str) -> Result<(&str, &str)> {
    let rest = url.strip_prefix("http://");
    let rest = rest.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("{url} is not an `http` URL"),
        )
    })?;
    Ok(match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    })
}

/// Encodes a form or a query as `application/x-www-form-urlencoded`.
pub fn urlencoded(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let separator = if text.is_empty() { "" } else { "&" };
        text = text + separator + &escaped(name) + "=" + &escaped(value);
    }
    text
}

fn escaped(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |escaped, byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                escaped + &char::from(byte).to_string()
            }
            _ => escaped + &format!("%{byte:02X}"),
        })
}

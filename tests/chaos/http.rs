//! A minimal HTTP/1.1 client for loopback: one connection per request.

use std::io::{Error, ErrorKind, Result};
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The patience of a client. It is longer than a frozen store or instance stays frozen.
const PATIENCE: Duration = Duration::from_secs(12);

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) content: String,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            fields: Vec::new(),
            content: String::new(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(mut self, content: &serde_json::Value) -> Self {
        self.content = content.to_string();
        self.with("content-type", "application/json")
    }

    /// Sends the request and disconnects after `pause`, as a client that leaves the network.
    pub(crate) async fn abandon(&self, port: u16, pause: Duration) {
        if let Ok(connection) = self.write(port).await {
            tokio::time::sleep(pause).await;
            drop(connection);
        }
    }

    pub(crate) async fn send(&self, port: u16) -> Result<Answer> {
        let exchange = async {
            let mut connection = self.write(port).await?;
            let mut received = Vec::new();
            connection.read_to_end(&mut received).await?;
            Answer::read(&String::from_utf8_lossy(&received))
                .ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))
        };
        match timeout(PATIENCE, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(ErrorKind::TimedOut.into()),
        }
    }

    async fn write(&self, port: u16) -> Result<TcpStream> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\
             content-length: {}\r\n",
            self.method,
            self.path,
            self.content.len(),
        );
        for (name, value) in &self.fields {
            text.extend([name, ": ", value, "\r\n"]);
        }
        text.extend(["\r\n", &self.content]);
        connection.write_all(text.as_bytes()).await?;
        Ok(connection)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) content: String,
}

impl Answer {
    fn read(text: &str) -> Option<Self> {
        let (head, content) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let fields = lines.filter_map(|line| line.split_once(": "));
        Some(Self {
            status,
            fields: fields
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            content: content.to_owned(),
        })
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.fields.iter().filter(move |(field, _)| field == name);
        named.map(|(_, value)| &**value)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// A text member of the content, which is a JSON object.
    pub(crate) fn member(&self, name: &str) -> Option<String> {
        let content: serde_json::Value = serde_json::from_str(&self.content).ok()?;
        Some(content.get(name)?.as_str()?.to_owned())
    }
}

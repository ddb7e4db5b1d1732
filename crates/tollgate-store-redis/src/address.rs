//! The address of a server.

use std::fmt;
use std::net::IpAddr;

use redis::{ConnectionAddr, ConnectionInfo};

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Returns the address of a configured server; the path of a Unix socket.
    pub(crate) fn of(info: &ConnectionInfo) -> Self {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) => Self {
                host: host.clone(),
                port: *port,
            },
            ConnectionAddr::Unix(path) => Self {
                host: path.display().to_string(),
                port: 0,
            },
            _ => Self {
                host: String::new(),
                port: 0,
            },
        }
    }

    /// Returns whether the server is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        let loopback = |address: IpAddr| address.is_loopback();
        self.port == 0 || self.host == "localhost" || self.host.parse().is_ok_and(loopback)
    }

    /// Parses the form `host:port` of a node. An empty host is that of the node itself.
    pub(crate) fn parse(text: &str, own_host: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Some(Self {
            host: if host.is_empty() { own_host } else { host }.to_owned(),
            port: port.parse().ok().filter(|port| *port != 0)?,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            0 => f.write_str(&self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        let at = |host: &str| Address {
            host: host.to_owned(),
            port: 6379,
        };
        for host in ["localhost", "127.0.0.1", "127.8.9.1", "::1"] {
            assert!(at(host).is_local(), "{host}");
        }
        for host in [
            "",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(!at(host).is_local(), "{host}");
        }
    }
}

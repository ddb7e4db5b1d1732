//! Access to the servers: user, database and encryption.

use std::fmt;
use std::io;

use redis::RedisConnectionInfo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::address::Address;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// A connection to a server, before any command.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The user, the database and the encryption, the same for several servers.
#[derive(Clone)]
pub(crate) struct Access {
    /// With the password.
    pub(crate) settings: RedisConnectionInfo,
    pub(crate) encryption: Encryption,
}

#[derive(Clone, Debug)]
pub(crate) enum Encryption {
    /// Only to this machine.
    Local,
    /// Allowed by `dangerous_plain_tcp`.
    Plain,
    #[cfg(feature = "tls")]
    Tls(Tls),
}

impl Access {
    /// Returns whether the server may be reached so: other machines require encryption.
    pub(crate) fn admits(&self, address: &Address) -> bool {
        !matches!(self.encryption, Encryption::Local) || address.is_local()
    }

    /// Returns whether connections are encrypted.
    pub(crate) const fn is_encrypted(&self) -> bool {
        match self.encryption {
            Encryption::Local | Encryption::Plain => false,
            #[cfg(feature = "tls")]
            Encryption::Tls(_) => true,
        }
    }

    /// Connects to the server.
    ///
    /// # Errors
    /// The error of the connection or of the TLS handshake.
    pub(crate) async fn open(&self, address: &Address) -> io::Result<Box<dyn Stream>> {
        #[cfg(unix)]
        if address.port == 0 {
            return Ok(Box::new(
                tokio::net::UnixStream::connect(&address.host).await?,
            ));
        }
        let stream = TcpStream::connect((&*address.host, address.port)).await?;
        // Small requests are not held back.
        stream.set_nodelay(true)?;
        match &self.encryption {
            Encryption::Local | Encryption::Plain => Ok(Box::new(stream)),
            #[cfg(feature = "tls")]
            Encryption::Tls(tls) => Ok(Box::new(tls.handshake(&address.host, stream).await?)),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("encryption", &self.encryption)
            .finish_non_exhaustive()
    }
}

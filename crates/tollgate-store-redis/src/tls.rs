//! TLS, with the verification of the server's certificate and an optional certificate of the client.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tollgate_core::{ConfigError, ConfigErrorKind};

/// The texts in PEM that configure TLS.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    /// The roots of the servers' certificates; those of the system if there are none.
    pub(crate) roots: Option<Vec<u8>>,
    /// The client's certificate chain and private key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

/// A configuration of TLS.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
    /// Loads the certificates.
    ///
    /// # Errors
    /// [`ConfigError`] if a text is malformed, or if there are no roots.
    pub(crate) fn new(certificates: &Certificates) -> Result<Self, ConfigError> {
        // The default provider of the process is never used: the application may have none, or two.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(&error.to_string()))?
            .with_root_certificates(roots(certificates.roots.as_deref())?);
        let config = match &certificates.client {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| refused("the client's private key is not in PEM"))?;
                config
                    .with_client_auth_cert(chain_of(chain)?, key)
                    .map_err(|error| refused(&error.to_string()))?
            }
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Encrypts the connection. The certificate must be that of the host.
    pub(crate) async fn handshake(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::other("the host name cannot be in a certificate"))?;
        self.0.connect(name, stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn roots(pem: Option<&[u8]>) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = pem {
        for certificate in chain_of(pem)? {
            let added = roots.add(certificate);
            added.map_err(|_| refused("a root certificate cannot be read"))?;
        }
    } else {
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(target: "tollgate", %error, "a root certificate was not loaded");
        }
        roots.add_parsable_certificates(system.certs);
    }
    if roots.is_empty() {
        return Err(refused("there are no root certificates"));
    }
    Ok(roots)
}

fn chain_of(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| refused("a certificate is not in PEM"))
}

fn refused(message: &str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::InvalidText, format!("TLS: {message}"))
}

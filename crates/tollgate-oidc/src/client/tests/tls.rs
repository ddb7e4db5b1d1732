//! Certificates, on real sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tollgate_core::BoxFuture;

use crate::address::is_public;
use crate::client::resolver::Resolver;
use crate::client::{HttpClient, certificates};
use crate::error::OidcErrorKind;
use crate::fetch::{Addresses, Fetch, FetchErrorKind, FetchRequest};

/// An authority, and a server with its certificate for `localhost`.
async fn start() -> (String, SocketAddr) {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let params =
        CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();

    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate closes the connection.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                super::server::read_head(&mut stream).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                    .await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (authority.pem(), address)
}

async fn get(client: &HttpClient, url: String) -> Result<u16, (FetchErrorKind, String)> {
    let mut request = FetchRequest::new(url);
    request.addresses = Addresses::Any;
    let answer = client.get(request).await;
    answer
        .map(|answer| answer.status)
        .map_err(|error| (error.kind(), error.to_string()))
}

#[tokio::test]
async fn a_certificate_is_checked() {
    let (authority, address) = start().await;
    let port = address.port();
    // A process-wide provider is neither needed nor installed.
    assert!(CryptoProvider::get_default().is_none());

    let trusting = HttpClient::with_root_certificates(&authority).unwrap();
    assert_eq!(
        get(&trusting, format!("https://localhost:{port}/")).await,
        Ok(200)
    );
    assert_eq!(
        get(&trusting, format!("https://127.0.0.1:{port}/")).await,
        Ok(200)
    );

    let (kind, text) = get(
        &HttpClient::new().unwrap(),
        format!("https://localhost:{port}/"),
    )
    .await
    .unwrap_err();
    assert_eq!(kind, FetchErrorKind::Unreachable);
    assert!(text.contains("UnknownIssuer"), "{text}");
    // Another CA with the same name.
    let (other, _) = start().await;
    let other = HttpClient::with_root_certificates(other).unwrap();
    let (kind, _) = get(&other, format!("https://localhost:{port}/"))
        .await
        .unwrap_err();
    assert_eq!(kind, FetchErrorKind::Unreachable);

    // The certificate is for another host.
    let resolver: Resolver = Arc::new(|_| {
        let found: BoxFuture<_> = Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) });
        found
    });
    let misled = HttpClient::build(
        &certificates(authority.as_bytes()).unwrap(),
        &resolver,
        is_public,
    )
    .unwrap();
    assert_eq!(
        get(&misled, format!("https://localhost:{port}/")).await,
        Ok(200)
    );
    let (kind, text) = get(&misled, format!("https://id.example.com:{port}/"))
        .await
        .unwrap_err();
    assert_eq!(kind, FetchErrorKind::Unreachable);
    assert!(text.contains("not valid for name"), "{text}");

    // `https` requires TLS on both sides.
    let plain = super::server::Server::start(super::server::Behaviour::Bytes(
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
    ))
    .await;
    let (kind, _) = get(&trusting, format!("https://{}/", plain.address))
        .await
        .unwrap_err();
    assert_eq!(kind, FetchErrorKind::Unreachable);
    assert!(
        get(&trusting, format!("http://localhost:{port}/"))
            .await
            .is_err()
    );
    assert!(CryptoProvider::get_default().is_none());
}

#[test]
fn roots_are_certificates() {
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nA",
    ] {
        let error = HttpClient::with_root_certificates(pem).unwrap_err();
        assert_eq!(error.kind(), OidcErrorKind::Misconfigured, "{pem}: {error}");
    }
}

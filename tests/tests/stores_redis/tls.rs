//! Servers with TLS.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, date_time_ymd,
};
use tollgate_session::{SessionStore, StoreErrorKind};
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::{Redis, Scratch, free_port};

use crate::fixture::{NOW, TIMEOUT, run, session, soon};

/// A certificate authority.
pub(crate) struct Authority(Issuer<'static, KeyPair>, pub(crate) String);

/// A certificate and its private key, in PEM.
struct Certificate {
    chain: String,
    key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self(Issuer::new(params, key), pem)
    }

    fn issue(&self, name: &str) -> Certificate {
        self.issue_until(name, 4096)
    }

    /// Issues a certificate that expires when this year begins.
    fn issue_until(&self, name: &str, year: i32) -> Certificate {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        // OpenSSL takes a certificate with the name of its issuer for a self-signed one.
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        Certificate {
            chain: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A server that accepts TLS at a port of its own, with a certificate for this name.
struct Server {
    _redis: Redis,
    _files: Scratch,
    port: u16,
}

impl Server {
    fn start(authority: &Authority, name: &str, clients: &str) -> Option<Self> {
        Self::start_with(
            authority,
            &authority.issue(name),
            clients,
            "TLSv1.2 TLSv1.3",
        )
    }

    fn start_with(
        authority: &Authority,
        certificate: &Certificate,
        clients: &str,
        versions: &str,
    ) -> Option<Self> {
        let files = Scratch::new("redis-tls");
        let file = |name: &str, content: &str| {
            let path = files.path().join(name);
            fs::write(&path, content).unwrap();
            Path::to_str(&path).unwrap().to_owned()
        };
        let port = free_port();
        let redis = Redis::start_with(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &file("server.pem", &certificate.chain),
            "--tls-key-file",
            &file("server.key", &certificate.key),
            "--tls-ca-cert-file",
            &file("ca.pem", &authority.1),
            "--tls-auth-clients",
            clients,
            "--tls-protocols",
            versions,
            "--requirepass",
            "s3cret",
        ])?;
        Some(Self {
            _redis: redis,
            _files: files,
            port,
        })
    }

    fn url(&self, host: &str) -> String {
        format!("rediss://:s3cret@{host}:{}/2", self.port)
    }
}

#[test]
fn sessions_and_hints_travel_encrypted() {
    let authority = Authority::new();
    let Some(server) = Server::start(&authority, "localhost", "no") else {
        return;
    };
    run(async {
        let store = RedisStore::builder(&server.url("localhost"))
            .timeout(TIMEOUT)
            .tls_roots(&*authority.1)
            .build()
            .unwrap();
        let session = session("u-7");
        assert!(soon(store.insert(&session, NOW)).await.unwrap());
        assert_eq!(
            soon(store.load(&session.id, NOW)).await.unwrap(),
            Some(session)
        );
        let mut feed = soon(tollgate_session::RevocationStore::feed(&store))
            .await
            .unwrap();
        let revocation = crate::fixture::revocation("s-1");
        soon(tollgate_session::RevocationStore::revoke(
            &store,
            &[revocation],
            NOW,
        ))
        .await
        .unwrap();
        soon(feed.next()).await.unwrap();
    });
}

#[test]
fn a_certificate_of_another_issuer_or_name_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let Some(server) = Server::start(&authority, "localhost", "no") else {
        return;
    };
    run(async {
        for (host, roots) in [
            ("localhost", Some(&*other.1)),
            ("127.0.0.1", Some(&*authority.1)),
            ("localhost", None),
        ] {
            let mut builder = RedisStore::builder(&server.url(host)).timeout(TIMEOUT);
            if let Some(roots) = roots {
                builder = builder.tls_roots(roots);
            }
            let error = soon(builder.build().unwrap().insert(&session("u-7"), NOW)).await;
            let error = error.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(error.to_string().contains("TLS handshake"), "{error}");
        }
    });
}

#[test]
fn a_server_with_an_ip_address_and_tls_1_2_is_reached() {
    let authority = Authority::new();
    let certificate = authority.issue("127.0.0.1");
    let Some(server) = Server::start_with(&authority, &certificate, "no", "TLSv1.2") else {
        return;
    };
    run(async {
        let store = RedisStore::builder(&server.url("127.0.0.1")).timeout(TIMEOUT);
        let store = store.tls_roots(&*authority.1).build().unwrap();
        assert!(soon(store.insert(&session("u-7"), NOW)).await.unwrap());
    });
}

#[test]
fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let certificate = authority.issue_until("localhost", 2020);
    let Some(server) = Server::start_with(&authority, &certificate, "no", "TLSv1.3") else {
        return;
    };
    run(async {
        let store = RedisStore::builder(&server.url("localhost")).timeout(TIMEOUT);
        let store = store.tls_roots(&*authority.1).build().unwrap();
        let error = soon(store.insert(&session("u-7"), NOW)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("expired"), "{error}");
    });
}

#[test]
fn a_client_presents_its_certificate() {
    let authority = Authority::new();
    let Some(server) = Server::start(&authority, "localhost", "yes") else {
        return;
    };
    let client = authority.issue("orders");
    run(async {
        let builder = || {
            let builder = RedisStore::builder(&server.url("localhost")).timeout(TIMEOUT);
            builder.tls_roots(&*authority.1)
        };
        let store = builder().tls_client_certificate(client.chain, client.key);
        assert!(
            soon(store.build().unwrap().insert(&session("u-7"), NOW))
                .await
                .unwrap()
        );
        let error = soon(builder().build().unwrap().insert(&session("u-7"), NOW)).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("TLS"), "{error}");
    });
}

#[test]
fn a_server_without_tls_says_so() {
    let Some(server) = Redis::start() else { return };
    run(async {
        let url = server.url().replace("redis://", "rediss://");
        let authority = Authority::new();
        let store = RedisStore::builder(&url)
            .timeout(TIMEOUT)
            .tls_roots(&*authority.1);
        // It may wait for the end of what it takes for a command.
        let error = soon(store.build().unwrap().insert(&session("u-7"), NOW)).await;
        let error = error.unwrap_err();
        assert!(matches!(
            error.kind(),
            StoreErrorKind::Unavailable | StoreErrorKind::Timeout
        ));
        assert!(error.to_string().contains("expect TLS"), "{error}");
    });
}

#[test]
fn options_without_an_effect_are_refused() {
    let refused =
        |builder: tollgate_store_redis::RedisStoreBuilder| builder.build().unwrap_err().to_string();
    let authority = Authority::new();
    let plain = || RedisStore::builder("redis://127.0.0.1");
    let encrypted = || RedisStore::builder("rediss://redis.internal").tls_roots(&*authority.1);
    assert!(encrypted().build().is_ok());
    assert!(refused(encrypted().dangerous_plain_tcp()).contains("exclude"));
    assert!(refused(plain().tls_roots(&*authority.1)).contains("rediss://"));
    assert!(refused(plain().tls_client_certificate("", "")).contains("rediss://"));
    let mixed = RedisStore::cluster(["rediss://redis.internal", "redis://127.0.0.1"]);
    assert!(refused(mixed).contains("scheme"));
    assert!(refused(encrypted().tls_client_certificate("", "")).contains("PEM"));
    let sentinel = RedisStore::sentinel(["redis://127.0.0.1"], "rediss://orders");
    assert!(sentinel.tls_roots(&*authority.1).build().is_ok());
}

//! The client ignores the environment, and uses a crypto provider that another crate has installed.
//! Each case runs this test in its own process.
#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tollgate_oidc::{Addresses, Fetch, FetchErrorKind, FetchRequest, HttpClient, OidcErrorKind};

/// A closed port.
const NOBODY: &str = "127.0.0.1:1";

async fn fetch(url: String) -> Result<u16, FetchErrorKind> {
    let mut request = FetchRequest::new(url);
    request.addresses = Addresses::Any;
    let answer = HttpClient::new().unwrap().get(request).await;
    answer
        .map(|answer| answer.status)
        .map_err(|error| error.kind())
}

fn in_another_process(role: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command
        .args(["--exact", role, "--ignored"])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{output:?}"
    );
}

#[test]
fn no_proxy_is_used() {
    // A connection to this proxy waits forever.
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    in_another_process(
        "role_with_a_proxy_in_the_environment",
        &[
            ("http_proxy", &url),
            ("https_proxy", &url),
            ("HTTP_PROXY", &url),
            ("HTTPS_PROXY", &url),
            ("ALL_PROXY", &url),
            ("no_proxy", ""),
            ("NO_PROXY", ""),
        ],
    );
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err());
}

#[tokio::test(start_paused = true)]
#[ignore = "a role in a process of its own"]
async fn role_with_a_proxy_in_the_environment() {
    assert!(std::env::var("http_proxy").is_ok());
    for scheme in ["http", "https"] {
        assert_eq!(
            fetch(format!("{scheme}://{NOBODY}/")).await,
            Err(FetchErrorKind::Unreachable)
        );
    }
}

#[test]
fn an_installed_crypto_provider_is_used() {
    in_another_process("role_with_a_provider", &[]);
}

#[tokio::test(start_paused = true)]
#[ignore = "a role in a process of its own"]
async fn role_with_a_provider() {
    aws_lc_rs::default_provider().install_default().unwrap();
    assert_eq!(
        fetch(format!("https://{NOBODY}/")).await,
        Err(FetchErrorKind::Unreachable)
    );
}

#[test]
fn an_unusable_crypto_provider_is_an_error() {
    in_another_process("role_with_a_provider_of_nothing", &[]);
}

#[test]
#[ignore = "a role in a process of its own"]
fn role_with_a_provider_of_nothing() {
    let nothing = CryptoProvider {
        cipher_suites: Vec::new(),
        ..aws_lc_rs::default_provider()
    };
    CryptoProvider::install_default(nothing).unwrap();
    assert!(Arc::strong_count(CryptoProvider::get_default().unwrap()) > 0);
    let error = HttpClient::new().unwrap_err();
    assert_eq!(error.kind(), OidcErrorKind::Misconfigured);
}

//! Tests of the rules for issuer names.

use proptest::prelude::*;

use super::*;
use crate::settings::Location;

fn settings(plain_http: bool, private_addresses: bool) -> Settings {
    Settings {
        plain_http,
        private_addresses,
        ..Settings::new(Location::Issuer(String::new()))
    }
}

fn plausible(issuer: &str) -> bool {
    is_plausible(issuer, &settings(false, false))
}

#[test]
fn issuers_of_providers_are_plausible() {
    for issuer in [
        "https://id.example.com",
        "https://id.example.com/",
        "https://id.example.com:8443",
        "https://id.example.com/realms/acme",
        "https://id.example.com/realms/acme/",
        "https://login.example.com/7f2c-11/v2.0",
        "https://xn--bcher-kva.example",
        "https://9.9.9.9/a",
    ] {
        assert!(plausible(issuer), "{issuer}");
    }
}

#[test]
fn ambiguous_issuers_are_not_plausible() {
    let long = format!("https://id.example.com/{}", "a".repeat(8 * 1024));
    for issuer in [
        "",
        "acme",
        "id.example.com",
        "//id.example.com",
        "https:",
        "https://",
        "https:///id.example.com",
        "https:id.example.com",
        "https:\\\\id.example.com",
        "https://evil@id.example.com",
        "https://evil:pw@id.example.com",
        "https://@id.example.com",
        "https://:@id.example.com",
        "https://id.example.com@evil.example",
        "https://id.example.com#",
        "https://id.example.com/#a",
        "https://evil.example#.id.example.com",
        "https://id.example.com?",
        "https://id.example.com/?tenant=a",
        "https://evil.example?.id.example.com",
        "https://evil.example\\.id.example.com",
        "https://ID.example.com",
        "HTTPS://id.example.com",
        "https://id.example.com:443",
        "https://id.example.com:0443/",
        "https://id.example.com:99999",
        "https://id.example.com/a/../b",
        "https://id.example.com/a/./b",
        "https://id.example.com/%2e%2e/b",
        "https://id.example.com/a b",
        " https://id.example.com",
        "https://id.example.com ",
        "https://id.example.com\r\nHost: evil.example",
        "https://id.exa\tmple.com",
        "https://id.example.com\n",
        "https://id.example.com\0",
        "https://bücher.example",
        "https://id.example.com/ü",
        "https://%69d.example.com",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://localhost",
        "https://127.0.0.1",
        "https://10.0.0.1/realms/acme",
        "https://169.254.169.254",
        "https://[::1]",
        "https://[fd00::1]:8443",
        "https://consul.internal",
        "http://id.example.com",
        "http://localhost",
        "http://127.0.0.1:8080",
        "ftp://id.example.com",
        "file:///etc/passwd",
        "data:application/json,{}",
        "javascript:alert(1)",
        &long,
    ] {
        assert!(!plausible(issuer), "{issuer:?}");
    }
}

#[test]
fn plain_http_and_private_hosts_need_their_options() {
    let here = "http://localhost:8080";
    assert!(is_plausible(here, &settings(true, true)));
    assert!(!is_plausible(here, &settings(true, false)));
    assert!(!is_plausible(here, &settings(false, true)));
    assert!(is_plausible(
        "http://id.example.com",
        &settings(true, false)
    ));
    assert!(is_plausible("https://10.0.0.1", &settings(false, true)));
    for never in [
        "http://evil@localhost:8080",
        "ftp://localhost",
        "http://2130706433",
    ] {
        assert!(!is_plausible(never, &settings(true, true)), "{never}");
    }
}

proptest! {
    #[test]
    fn plausible_issuers_are_in_normal_form(
        issuer in "(https?://)?[ -~]{0,24}([/?#@:\\\\%\u{e9}\r\n]?[a-z0-9.]{0,8}){0,4}"
    ) {
        if is_plausible(&issuer, &settings(true, true)) {
            let url = Url::parse(&issuer).unwrap();
            prop_assert!(url.as_str().trim_end_matches('/') == issuer.trim_end_matches('/'));
            prop_assert!(!issuer.contains(['@', '#', '?', '\\', ' ']) || url.username().is_empty());
            prop_assert!(matches!(url.scheme(), "http" | "https"));
        }
    }
}

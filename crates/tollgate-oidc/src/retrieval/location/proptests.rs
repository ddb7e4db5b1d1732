//! Properties of accepted URLs.

use std::net::IpAddr;

use proptest::prelude::*;

use crate::address::is_public;
use crate::settings::Location;

use super::*;

fn settings() -> Settings {
    Settings::new(Location::Jwks(String::new()))
}

/// Texts composed of pieces of URLs, in any order.
fn url_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "https",
        "http",
        "ftp",
        ":",
        "/",
        "//",
        "://",
        "https://",
        "@",
        "#",
        "?",
        "\\",
        ".",
        "..",
        "%2e",
        "%00",
        ":443",
        ":80",
        "[",
        "]",
        "[::1]",
        "[::ffff:7f00:1]",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "localhost",
        "id.example.com",
        "evil.example",
        "a",
        " ",
        "\t",
        "\n",
        "\u{e9}",
        "\u{3002}",
        "\u{ff10}",
    ]);
    prop::collection::vec(pieces, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn accepted_urls_follow_the_rules(text in url_like()) {
        let settings = settings();
        if let Ok(place) = Place::named("it", &text, &settings) {
            let url = &place.url;
            prop_assert!(url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)));
            prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment()
                .is_none());
            // A second parse returns the same place.
            prop_assert_eq!(&Place::named("it", url.as_str(), &settings).unwrap(), &place);
        }
        let issuer = Place::named("it", "https://id.example.com/a", &settings).unwrap();
        if let Ok(place) = issuer.jwks_uri(&text, &settings) {
            prop_assert_eq!(place.url.scheme(), "https");
            prop_assert!(place.url.origin() == issuer.url.origin()
                || place.addresses == Addresses::Public);
            prop_assert!(may_be_public(&place.url));
        }
        if let Ok(place) = issuer.redirected(&text) {
            prop_assert_eq!(place.url.origin(), issuer.url.origin());
            prop_assert!(place.url.username().is_empty() && place.url.password().is_none());
        }
    }

    #[test]
    fn a_private_address_is_private_in_every_spelling(address: u32) {
        let address = std::net::Ipv4Addr::from_bits(address);
        let number = address.to_bits();
        let [a, b, c, d] = address.octets();
        let mapped = address.to_ipv6_mapped();
        let issuer = Place::named("it", "https://id.example.com", &settings()).unwrap();
        for host in [
            address.to_string(),
            number.to_string(),
            format!("{number:#x}"),
            format!("{number:#o}").replace("0o", "0"),
            format!("{a:#x}.0{b:o}.{}", u32::from(c) << 8 | u32::from(d)),
            format!("{address}."),
            format!("[{mapped}]"),
            format!("[64:ff9b::{address}]"),
        ] {
            let place = issuer.jwks_uri(&format!("https://{host}/jwks"), &settings());
            prop_assert_eq!(place.is_ok(), is_public(IpAddr::V4(address)), "{}", host);
        }
    }
}

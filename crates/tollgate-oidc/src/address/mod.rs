//! Rules for hosts and URLs: the public hosts, and the display form of a URL.

mod ip;

use std::net::IpAddr;

use url::{Host, Url};

pub(crate) use self::ip::is_public;

/// The most bytes of a URL in an error or a log line.
const MAX_DISPLAYED: usize = 200;

/// Returns whether the host can be a public one, without a DNS lookup.
pub(crate) fn may_be_public(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            // Names of nearby hosts by definition: RFC 6761, RFC 6762, RFC 8375; ICANN reserves
            // `internal`.
            let name = name.trim_end_matches('.');
            !["localhost", "local", "internal", "home.arpa"]
                .iter()
                .any(|suffix| {
                    let rest = name.strip_suffix(suffix);
                    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                })
        }
        Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
        None => false,
    }
}

/// Returns the URL for display, also one that was not validated yet: without query, fragment and
/// credentials, which may contain a secret.
pub(crate) fn redacted(text: &str) -> String {
    if !text.contains(['?', '#', '@']) {
        return text.to_owned();
    }
    match Url::parse(text) {
        Ok(url) if url.has_host() => origin_and_path(&url),
        _ => "an invalid URL".to_owned(),
    }
}

/// Returns scheme, host, port and path, truncated for a log line.
pub(crate) fn origin_and_path(url: &Url) -> String {
    let mut text = format!("{}{}", url.origin().ascii_serialization(), url.path());
    if text.len() > MAX_DISPLAYED {
        // A serialized URL is ASCII.
        text.truncate(MAX_DISPLAYED);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_query_nor_credentials_are_displayed() {
        for (text, wanted) in [
            ("https://id.example.com", "https://id.example.com"),
            (
                "https://ID.example.com:443/a/{b}",
                "https://ID.example.com:443/a/{b}",
            ),
            ("accounts.example.com", "accounts.example.com"),
            (
                "https://id.example.com/jwks?key=secret",
                "https://id.example.com/jwks",
            ),
            (
                "https://id.example.com/jwks#secret",
                "https://id.example.com/jwks",
            ),
            (
                "https://id:secret@example.com:8443/@a",
                "https://example.com:8443/@a",
            ),
            ("https://id:sec?ret@example.com/", "an invalid URL"),
            ("id:secret@example.com", "an invalid URL"),
            ("?secret", "an invalid URL"),
        ] {
            assert_eq!(redacted(text), wanted);
        }
    }
}

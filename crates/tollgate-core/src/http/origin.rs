//! Origins in the form in which browsers send them (RFC 6454 section 6.2).

use std::net::{Ipv4Addr, Ipv6Addr};

/// Refuses a text that no browser sends as the origin of a page. The error names the mistake, and
/// the correct text if there is one.
pub(crate) fn check(origin: &str) -> Result<(), String> {
    let Some(mistake) = mistake(origin) else {
        return Ok(());
    };
    let correct = corrected(origin).map_or_else(String::new, |text| format!(": write {text:?}"));
    Err(format!("{origin:?} {mistake}{correct}"))
}

/// Returns the first mistake.
fn mistake(origin: &str) -> Option<&'static str> {
    if origin == "null" {
        return Some("is the origin of sandboxed pages of every site, which cannot be trusted");
    }
    if origin.contains('*') {
        return Some("has a wildcard: add each origin by a call of its own");
    }
    let Some((scheme, rest)) = origin.split_once("://") else {
        return Some("has no scheme");
    };
    let default_port = match scheme {
        "https" => "443",
        "http" => "80",
        "tauri" | "capacitor" => {
            return (rest != "localhost").then_some("has more or else than `localhost`");
        }
        "chrome-extension" => {
            let letters = rest.bytes().all(|byte| matches!(byte, b'a'..=b'p'));
            return (rest.len() != 32 || !letters)
                .then_some("has an ID other than 32 letters from `a` to `p`");
        }
        _ if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            return Some("has a scheme in upper case");
        }
        _ => return Some("has a scheme that is not supported"),
    };
    let (authority, rest) = rest.split_at(end_of_authority(rest));
    match (rest, rest.bytes().next()) {
        ("", _) => {}
        ("/", _) => return Some("has a trailing slash"),
        (_, Some(b'?')) => return Some("has a query"),
        (_, Some(b'#')) => return Some("has a fragment"),
        _ => return Some("has a path"),
    }
    if authority.contains('@') {
        return Some("has user information");
    }
    let (host, port) = split_port(authority);
    match port {
        Some(port) if port == default_port => Some("has the default port of its scheme"),
        Some(port) if !is_port(port) => Some("has an invalid port"),
        _ => host_mistake(host),
    }
}

fn host_mistake(host: &str) -> Option<&'static str> {
    if host.is_empty() {
        return Some("has no host");
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some("has a host in upper case");
    }
    if !host.is_ascii() {
        return Some("has a host that is not ASCII: browsers send its form with `xn--`");
    }
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let valid = if let Some(address) = bracketed {
        // Browsers write an IPv4-mapped address without dots, unlike `Ipv6Addr`.
        address
            .parse::<Ipv6Addr>()
            .is_ok_and(|parsed| parsed.to_ipv4_mapped().is_some() || parsed.to_string() == *address)
    } else {
        let octet = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let last = host.rsplit('.').next().unwrap_or_default();
        let numeric = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        host.bytes()
            .all(|byte| octet(byte) || b"-._".contains(&byte))
            && (!numeric || host.parse::<Ipv4Addr>().is_ok())
    };
    (!valid).then_some("has a host that browsers do not send")
}

/// Returns the origin of a URL, or of a host and port, if it is one of `https` or `http`.
fn corrected(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    if text == "null" {
        return None;
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", &text));
    let (scheme, default_port) = match scheme {
        "https" | "wss" => ("https", "443"),
        "http" | "ws" => ("http", "80"),
        _ => return None,
    };
    let rest = rest.trim_start_matches('/');
    let (host, port) = split_port(&rest[..end_of_authority(rest)]);
    let host = match host.trim_matches(['[', ']']).parse::<Ipv6Addr>() {
        Ok(address) if address.to_ipv4_mapped().is_none() => format!("[{address}]"),
        _ => host.to_owned(),
    };
    let origin = match port {
        Some(port) if port != default_port && !port.is_empty() => {
            format!("{scheme}://{host}:{port}")
        }
        _ => format!("{scheme}://{host}"),
    };
    mistake(&origin).is_none().then_some(origin)
}

fn end_of_authority(rest: &str) -> usize {
    rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len())
}

/// Splits a port off. The colons of an IPv6 address are in brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_port(port: &str) -> bool {
    port.parse::<u16>()
        .is_ok_and(|number| number != 0 && number.to_string() == *port)
}

#[cfg(test)]
mod tests;

//! The device of a request.

use std::net::{IpAddr, SocketAddr};

use tollgate_core::{EndpointRequest, RequestView};

use crate::device::Device;

/// The longest `User-Agent` that is stored, in bytes.
const LONGEST_USER_AGENT: usize = 256;

/// Reads the device of a request. `proxies` is the number of proxies before the service that add to
/// `X-Forwarded-For`. With zero the field is ignored, as any client can write it.
pub(super) fn of(request: &EndpointRequest, proxies: usize) -> Device {
    let address = match proxies {
        0 => request.remote_address,
        _ => forwarded_for(request, proxies),
    };
    Device {
        user_agent: request.header("user-agent").next().and_then(user_agent),
        address: address.map(|address| address.to_canonical().to_string()),
        name: None,
    }
}

/// Converts the value to text that is safe to display: no line breaks, invisible or bidirectional
/// characters.
fn user_agent(value: &[u8]) -> Option<String> {
    let mut text = String::new();
    for letter in String::from_utf8_lossy(value).chars() {
        if letter.is_control() || is_invisible(letter) {
            continue;
        }
        if text.len() + letter.len_utf8() > LONGEST_USER_AGENT {
            break;
        }
        text.push(letter);
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns `true` for direction marks and zero-width characters, which make a text look like
/// another one.
const fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// Returns the address that the outermost of the proxies saw. Each proxy appends the address of its
/// peer, so elements further left were written by the client.
fn forwarded_for(request: &EndpointRequest, proxies: usize) -> Option<IpAddr> {
    let lines: Vec<&[u8]> = request.header("x-forwarded-for").collect();
    let element = lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(|byte| *byte == b','))
        .nth(proxies - 1)?;
    let text = std::str::from_utf8(element).ok()?.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &[u8])]) -> EndpointRequest {
        let mut request = EndpointRequest::new("POST", "/login");
        request.remote_address = Some([192, 0, 2, 1].into());
        for (name, value) in headers {
            request.headers.push(((*name).to_owned(), value.to_vec()));
        }
        request
    }

    fn address(forwarded: &[&str], proxies: usize) -> Option<String> {
        let headers: Vec<_> = forwarded
            .iter()
            .map(|value| ("x-forwarded-for", value.as_bytes()))
            .collect();
        of(&request(&headers), proxies).address
    }

    #[test]
    fn a_user_agent_is_bounded_and_safe_to_display() {
        let agent = |value: &[u8]| of(&request(&[("user-agent", value)]), 0).user_agent;
        assert_eq!(
            agent(b"Mozilla/5.0 (X11)").as_deref(),
            Some("Mozilla/5.0 (X11)")
        );
        assert_eq!(
            agent(b"a\r\nSet-Cookie: b=1\x1b[31m\0\x7f").as_deref(),
            Some("aSet-Cookie: b=1[31m")
        );
        assert_eq!(
            agent("a\u{202e}b\u{200b}c\u{2066}\u{85}".as_bytes()).as_deref(),
            Some("abc")
        );
        assert_eq!(agent(b"\xff").as_deref(), Some("\u{fffd}"));
        assert_eq!(agent(b" \t "), None);
        assert_eq!(agent(&b"x".repeat(9_999)).map(|text| text.len()), Some(256));
        assert_eq!(
            agent("ä".repeat(200).as_bytes()).map(|text| text.len()),
            Some(256)
        );
        assert_eq!(of(&request(&[]), 0).user_agent, None);
    }

    #[test]
    fn a_client_cannot_forge_its_forwarded_address() {
        assert_eq!(address(&["203.0.113.7"], 0).as_deref(), Some("192.0.2.1"));
        // The client wrote the first element, the proxy the last.
        assert_eq!(
            address(&["10.0.0.1, 203.0.113.7"], 1).as_deref(),
            Some("203.0.113.7")
        );
        assert_eq!(
            address(&["10.0.0.1", "203.0.113.7, 198.51.100.2"], 2).as_deref(),
            Some("203.0.113.7")
        );
        assert_eq!(
            address(&["203.0.113.7"], 2),
            None,
            "a request that bypassed the proxies"
        );
        assert_eq!(address(&[], 1), None);
    }

    #[test]
    fn only_valid_addresses_are_read() {
        for (text, wanted) in [
            ("203.0.113.7:443", Some("203.0.113.7")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("::ffff:203.0.113.7", Some("203.0.113.7")),
            ("unknown", None),
            ("<script>", None),
            ("", None),
            ("1.2.3.4.5", None),
        ] {
            assert_eq!(address(&[text], 1).as_deref(), wanted, "{text}");
        }
    }
}

//! Page loads of a browser, as opposed to requests of scripts and of page elements.

use crate::http::field;
use crate::http::form::FormType;
use crate::http::request::RequestView;

/// Returns `true` for a `GET` by which a browser loads a page into a tab.
pub fn is_navigation(request: &impl RequestView) -> bool {
    request.method() == "GET" && loads_page(request)
}

/// Returns `true` for a `POST` of a form whose response a browser shows in a tab.
pub fn is_form_post(request: &impl RequestView) -> bool {
    request.method() == "POST" && loads_page(request) && FormType::of(request).is_some()
}

/// Returns `true` for a request whose response a browser shows in a tab.
///
/// Browsers say so in Fetch Metadata, which a page cannot forge. Without it, on plain http and in
/// old browsers, `Accept` decides. Prefetches, frames, WebSocket handshakes and the requests of
/// htmx and similar scripts are not page loads.
fn loads_page(request: &impl RequestView) -> bool {
    let is_absent = |name| request.header(name).next().is_none();
    let others = [
        "hx-request",
        "x-requested-with",
        "upgrade",
        "sec-purpose",
        "purpose",
        "x-purpose",
        "x-moz",
    ];
    if !others.into_iter().all(is_absent) {
        return false;
    }
    let only_or_absent = |name, wanted: &[u8]| {
        let mut lines = request.header(name).map(field::trim);
        lines.next().is_none_or(|line| line == wanted) && lines.next().is_none()
    };
    if is_absent("sec-fetch-mode") {
        return is_absent("sec-fetch-dest") && prefers_html(request);
    }
    only_or_absent("sec-fetch-mode", b"navigate") && only_or_absent("sec-fetch-dest", b"document")
}

/// Returns `true` if `Accept` names HTML, and with a higher quality than every JSON type (RFC 9110
/// section 12.5.1).
///
/// Browsers that name images also name XHTML. The default of Java's `HttpURLConnection` does not.
/// That client follows redirects, so it would take the login page for a success.
fn prefers_html(request: &impl RequestView) -> bool {
    let (mut html, mut json) = (0, 0);
    let (mut names_xhtml, mut names_images) = (false, false);
    let lines = request.header("accept");
    for range in lines.flat_map(|line| line.split(|byte| *byte == b',')) {
        let mut parts = range.split(|byte| *byte == b';').map(field::trim);
        let kind = parts.next().unwrap_or_default();
        let is = |name: &[u8]| kind.eq_ignore_ascii_case(name);
        let is_xhtml = is(b"application/xhtml+xml");
        names_xhtml |= is_xhtml;
        names_images |= kind.len() > 6 && kind[..6].eq_ignore_ascii_case(b"image/");
        let best = if is_xhtml || is(b"text/html") {
            &mut html
        } else if kind.len() >= 4 && kind[kind.len() - 4..].eq_ignore_ascii_case(b"json") {
            &mut json
        } else {
            continue;
        };
        let weight = parts.find_map(|part| match part {
            [b'q' | b'Q', b'=', weight @ ..] => Some(weight),
            _ => None,
        });
        *best = (*best).max(weight.map_or(1000, thousandths));
    }
    html > json && (names_xhtml || !names_images)
}

/// Returns a quality in thousandths; zero if it is malformed.
fn thousandths(weight: &[u8]) -> u16 {
    match weight {
        [b'1'] => 1000,
        [b'1', b'.', zeros @ ..]
            if zeros.len() <= 3 && zeros.iter().all(|digit| *digit == b'0') =>
        {
            1000
        }
        [b'0', b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => {
            let digit = |place| digits.get(place).map_or(0, |digit| u16::from(digit - b'0'));
            100 * digit(0) + 10 * digit(1) + digit(2)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::TestRequest;

    fn get(fields: &[(&'static str, &str)]) -> bool {
        let request = TestRequest::new("GET");
        is_navigation(
            &fields
                .iter()
                .fold(request, |request, (name, value)| request.with(name, value)),
        )
    }

    const PAGE: [(&str, &str); 2] = [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    const ACCEPT: (&str, &str) = (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    );

    #[test]
    fn fetch_metadata_decides() {
        assert!(get(&PAGE));
        assert!(get(&PAGE[..1]));
        assert!(get(&[PAGE[0], PAGE[1], ("accept", "application/json")]));
        assert!(get(&[PAGE[0], PAGE[1], ("sec-fetch-site", "cross-site")]));
        for mode in [
            "cors",
            "no-cors",
            "same-origin",
            "websocket",
            "",
            "Navigate",
            "navigate, cors",
        ] {
            assert!(!get(&[("sec-fetch-mode", mode), PAGE[1], ACCEPT]), "{mode}");
        }
        for dest in ["image", "iframe", "frame", "embed", "object", "empty", ""] {
            assert!(!get(&[PAGE[0], ("sec-fetch-dest", dest), ACCEPT]), "{dest}");
        }
        assert!(!get(&[PAGE[0], PAGE[0], PAGE[1], ACCEPT]));
        assert!(!get(&[PAGE[0], PAGE[1], PAGE[1], ACCEPT]));
        assert!(!get(&[PAGE[1], ACCEPT]));
    }

    #[test]
    fn scripts_prefetches_and_other_methods_are_no_page_loads() {
        for field in [
            ("hx-request", "true"),
            ("x-requested-with", "XMLHttpRequest"),
            ("upgrade", "websocket"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
        ] {
            assert!(!get(&[PAGE[0], PAGE[1], field]), "{field:?}");
            assert!(!get(&[ACCEPT, field]), "{field:?}");
        }
        for method in ["HEAD", "POST", "OPTIONS", "get"] {
            let request = TestRequest::new(method).with(PAGE[0].0, PAGE[0].1);
            assert!(!is_navigation(&request), "{method}");
        }
    }

    #[test]
    fn a_form_post_is_a_page_load_with_a_form() {
        let post = |content_type: &str| {
            let request = TestRequest::new("POST").with("content-type", content_type);
            is_form_post(&request.with(PAGE[0].0, PAGE[0].1))
        };
        assert!(post("application/x-www-form-urlencoded"));
        assert!(post("multipart/form-data; boundary=x"));
        assert!(!post("text/plain"));
        assert!(!post("application/json"));
        assert!(!is_form_post(
            &TestRequest::new("POST").with("content-type", "application/x-www-form-urlencoded")
        ));
    }

    #[test]
    fn without_fetch_metadata_accept_decides() {
        assert!(get(&[ACCEPT]));
        for accept in [
            "text/html",
            "TEXT/HTML;level=1;q=0.5",
            "application/json;q=0.4, text/html ; q=0.5",
            "application/problem+json;q=0.999,application/xhtml+xml",
            "text/html;q=1.000",
            "text/html, application/xhtml+xml, image/jxr, */*",
        ] {
            assert!(get(&[("accept", accept)]), "{accept}");
        }
        assert!(get(&[
            ("accept", "application/json;q=0.1"),
            ("accept", "text/html")
        ]));
        for accept in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "text/html,application/json",
            "text/html;q=0.9,application/ld+json",
            "text/html;q=0",
            "text/html;q=0.0000",
            "text/html;q=1.001",
            "text/html;q=2",
            "text/html;q=",
            "text/html;q=0.x",
            "text/html5",
            "image/png,image/*",
            "text/event-stream",
            // The defaults of Java's `HttpURLConnection`, which follows redirects.
            "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            "text/html, image/gif, image/jpeg, */*; q=0.2",
        ] {
            assert!(!get(&[("accept", accept)]), "{accept}");
        }
        assert!(!get(&[]));
    }
}

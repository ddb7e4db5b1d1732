//! The CSRF token in a field of a form, for pages without scripts.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use crate::http::form::FormType;
use crate::http::request::RequestView;

const FIELD: &str = "csrf_token";
const HEADER: &str = "x-csrf-token";

/// A form that may have the CSRF token of its request, while its first bytes arrive.
///
/// The result does not depend on how the content is divided into pieces.
#[derive(Clone, Debug)]
pub struct CsrfForm {
    form: FormType,
    start: Vec<u8>,
}

impl CsrfForm {
    /// The time until the start of a form has arrived.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// The form of a request without a token in its header fields.
    pub fn of(request: &impl RequestView) -> Option<Self> {
        if request.header(HEADER).next().is_some() {
            return None;
        }
        let form = FormType::of(request)?;
        let start = Vec::new();
        Some(Self { form, start })
    }

    /// The number of bytes at the start of a form in which the field is looked for. A file may
    /// follow in a multipart form, which should not have to arrive first.
    pub const fn limit(&self) -> usize {
        if self.form.is_multipart() {
            8 * 1024
        } else {
            64 * 1024
        }
    }

    /// Adds a piece of the content. Returns `true` if no more is needed.
    pub fn push(&mut self, piece: &[u8]) -> bool {
        let room = self.limit() - self.start.len();
        self.start
            .extend_from_slice(&piece[..piece.len().min(room)]);
        piece.len() >= room
    }

    /// Returns the token. `None` if the field is missing, repeated, a file, or not complete within
    /// the limit, or if the start of the form is malformed. `is_whole` is true if the content
    /// ended.
    pub fn token(&self, is_whole: bool) -> Option<Vec<u8>> {
        let fields = self.form.fields(&self.start, is_whole)?;
        let mut tokens = fields.into_iter().filter(|field| field.name == FIELD);
        let token = tokens.next().filter(|field| !field.is_file)?;
        tokens.next().is_none().then_some(token.value)
    }
}

/// A request with the token of its form in the place of the header field.
pub struct WithCsrfToken<'r, V> {
    request: &'r V,
    token: &'r [u8],
}

impl<'r, V> WithCsrfToken<'r, V> {
    /// Adds the token to a request.
    pub const fn new(request: &'r V, token: &'r [u8]) -> Self {
        Self { request, token }
    }
}

impl<V: RequestView> RequestView for WithCsrfToken<'_, V> {
    fn method(&self) -> &str {
        self.request.method()
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let token = (name == HEADER).then_some(self.token);
        token.into_iter().chain(self.request.header(name))
    }

    fn query(&self) -> Option<&str> {
        self.request.query()
    }

    fn path(&self) -> &str {
        self.request.path()
    }

    fn original_path(&self) -> Option<Cow<'_, str>> {
        self.request.original_path()
    }

    fn authority(&self) -> Option<&str> {
        self.request.authority()
    }

    fn scheme(&self) -> Option<&str> {
        self.request.scheme()
    }

    fn remote_address(&self) -> Option<IpAddr> {
        self.request.remote_address()
    }

    fn route(&self) -> Option<Cow<'_, str>> {
        self.request.route()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::TestRequest;

    fn token(content_type: &str, content: &[u8], piece: usize) -> Option<String> {
        let request = TestRequest::new("POST").with("content-type", content_type);
        let mut form = CsrfForm::of(&request)?;
        let ended = !content.chunks(piece).any(|piece| form.push(piece));
        String::from_utf8(form.token(ended)?).ok()
    }

    const URL: &str = "application/x-www-form-urlencoded";
    const PARTS: &str = "multipart/form-data; boundary=XX";

    fn parts(fields: &[(&str, &str)]) -> Vec<u8> {
        let part = |(name, value): &(&str, &str)| {
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let parts: String = fields.iter().map(part).collect();
        (parts + "--XX--\r\n").into_bytes()
    }

    #[test]
    fn a_token_is_found_in_pieces_of_any_size() {
        let (url, multipart) = (
            b"a=1&csrf_token=t%2d1&b=2",
            parts(&[("a", ""), (FIELD, "t-1")]),
        );
        for piece in 1..=multipart.len() {
            assert_eq!(token(URL, url, piece).as_deref(), Some("t-1"), "{piece}");
            assert_eq!(
                token(PARTS, &multipart, piece).as_deref(),
                Some("t-1"),
                "{piece}"
            );
        }
    }

    #[test]
    fn the_limit_counts_bytes_of_content() {
        for (content_type, limit, content) in [
            (URL, 65_536, b"&csrf_token=t&".to_vec()),
            (PARTS, 8192, parts(&[(FIELD, "t")])),
        ] {
            let padded = |space: usize| {
                if content_type == URL {
                    return [&b"a".repeat(space), &content[..]].concat();
                }
                let empty = parts(&[("a", "")]).len() - "--XX--\r\n".len();
                let padding = "x".repeat(space - empty);
                parts(&[("a", &padding), (FIELD, "t")])
            };
            let after = if content_type == URL { "" } else { "--\r\n" };
            let end = content.len() - after.len();
            for piece in [1, 1000, limit, 2 * limit] {
                let at = |space| {
                    token(
                        content_type,
                        &[padded(space), vec![b'x'; 9]].concat(),
                        piece,
                    )
                };
                assert_eq!(
                    at(limit - end).as_deref(),
                    Some("t"),
                    "{content_type} {piece}"
                );
                assert_eq!(at(limit - end + 1), None, "{content_type} {piece}");
            }
        }
    }

    #[test]
    fn an_ambiguous_token_is_none() {
        for content in [
            "csrf_token=a&csrf_token=a",
            "csrf%5ftoken=a&csrf_token=b",
            "CSRF_TOKEN=a",
        ] {
            assert_eq!(token(URL, content.as_bytes(), 9), None, "{content}");
        }
        assert_eq!(token(PARTS, &parts(&[(FIELD, "a"), (FIELD, "a")]), 9), None);
        let file = String::from_utf8(parts(&[(FIELD, "a")])).expect("ASCII");
        let file = file.replace("\"csrf_token\"", "\"csrf_token\"; filename=\"a\"");
        assert_eq!(token(PARTS, file.as_bytes(), 9), None);
        assert_eq!(token("text/plain", b"csrf_token=a", 9), None);
    }

    #[test]
    fn a_header_field_takes_precedence() {
        let request = TestRequest::new("POST").with("content-type", URL);
        assert!(CsrfForm::of(&request).is_some());
        assert!(CsrfForm::of(&request.with("x-csrf-token", "")).is_none());
    }
}

//! The cookies of a browser, and the cookies that a sibling domain plants in it.

use tollgate_core::{Answer, EndpointRequest};

#[derive(Clone, Debug, Default)]
pub(crate) struct Jar(Vec<Cookie>);

#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    path: String,
    planted: bool,
}

impl Jar {
    /// Stores and deletes the cookies that the host sets (RFC 6265bis section 5.7).
    pub(crate) fn store<'l>(&mut self, lines: impl IntoIterator<Item = &'l [u8]>) {
        for line in lines {
            let line = std::str::from_utf8(line).unwrap();
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attribute = |name: &str| {
                let mut parts = line.split("; ").filter_map(|part| part.split_once('='));
                parts.find(|(got, _)| *got == name).unwrap().1
            };
            let path = attribute("Path");
            assert!(!line.contains("Domain"), "{line}");
            assert!(!name.starts_with("__Host-") || path == "/", "{line}");
            self.0
                .retain(|there| there.planted || (&*there.name, &*there.path) != (name, path));
            if attribute("Max-Age") != "0" {
                self.0.push(Cookie {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    path: path.to_owned(),
                    planted: false,
                });
            }
        }
    }

    pub(crate) fn store_answer(&mut self, answer: &Answer) {
        let lines = answer.headers.iter();
        self.store(
            lines
                .filter(|(name, _)| name == "set-cookie")
                .map(|(_, line)| &line[..]),
        );
    }

    /// Stores a cookie with `Domain=` that a sibling domain sets. `first` makes it the oldest.
    pub(crate) fn plant(&mut self, name: &str, value: &str, path: &str, first: bool) {
        assert!(!name.starts_with("__Host-"), "browsers refuse it");
        let cookie = Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            path: path.to_owned(),
            planted: true,
        };
        self.0.insert(if first { 0 } else { self.0.len() }, cookie);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0
            .retain(|cookie| cookie.planted || cookie.name != name);
    }

    /// The value of the host's own cookie.
    pub(crate) fn value(&self, name: &str) -> String {
        let mut own = self.0.iter().filter(|cookie| !cookie.planted);
        own.find(|cookie| cookie.name == name)
            .unwrap()
            .value
            .clone()
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let mut own = self.0.iter_mut().filter(|cookie| !cookie.planted);
        value.clone_into(&mut own.find(|cookie| cookie.name == name).unwrap().value);
    }

    pub(crate) fn len(&self) -> usize {
        // The cookie of the device belongs to no session.
        let counts = |it: &&Cookie| !it.planted && !it.name.ends_with("-device");
        self.0.iter().filter(counts).count()
    }

    /// A request for a path of the host, below the path where an endpoint is mounted.
    pub(crate) fn request(&self, method: &str, mount: &str, path: &str) -> EndpointRequest {
        let mut request = EndpointRequest::new(method, path);
        let target = format!("{mount}{path}");
        let mut sent: Vec<_> = self
            .0
            .iter()
            .filter(|cookie| {
                let rest = target.strip_prefix(cookie.path.trim_end_matches('/'));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .collect();
        // Longer paths first, then the oldest (RFC 6265bis section 5.8.3).
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = sent
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if !pairs.is_empty() {
            let pairs = pairs.join("; ").into_bytes();
            request.headers.push(("cookie".to_owned(), pairs));
        }
        let site = b"same-origin".to_vec();
        request.headers.push(("sec-fetch-site".to_owned(), site));
        request
    }
}

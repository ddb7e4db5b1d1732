//! An actix-web request, as the gate reads it.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::uri::Authority;

use crate::http::request::RequestView;

/// A request without its content.
#[derive(Debug)]
pub struct View<'r>(pub &'r HttpRequest);

crate::extract::known_names!(actix_web::http);

impl RequestView for View<'_> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    #[inline]
    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = match known(name) {
            Some(known) => self.0.headers().get_all(known),
            None => self.0.headers().get_all(name),
        };
        lines.map(HeaderValue::as_bytes)
    }

    fn query(&self) -> Option<&str> {
        self.0.uri().query()
    }

    fn path(&self) -> &str {
        self.0.uri().path()
    }

    fn authority(&self) -> Option<&str> {
        self.0.uri().authority().map(Authority::as_str)
    }

    fn remote_address(&self) -> Option<IpAddr> {
        self.0.peer_addr().map(|peer| peer.ip())
    }

    fn route(&self) -> Option<Cow<'_, str>> {
        self.0.match_pattern().map(Cow::Owned)
    }
}

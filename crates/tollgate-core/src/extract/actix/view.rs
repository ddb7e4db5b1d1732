//! A request of actix-web, as the gate reads it.

use actix_web::dev::RequestHead;
use actix_web::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST,
    HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use actix_web::http::uri::Authority;

use crate::http::request::RequestView;

/// The head of a request.
#[derive(Debug)]
pub struct View<'r>(pub &'r RequestHead);

/// The constant for a name that the engine asks for or answers with, which saves parsing it.
#[inline(always)]
#[allow(clippy::inline_always)] // the comparison is evaluated at compile time only when inlined
pub(super) fn known(name: &str) -> Option<&'static HeaderName> {
    Some(match name {
        "access-control-request-method" => &ACCESS_CONTROL_REQUEST_METHOD,
        "authorization" => &AUTHORIZATION,
        "cache-control" => &CACHE_CONTROL,
        "content-type" => &CONTENT_TYPE,
        "cookie" => &COOKIE,
        "host" => &HOST,
        "origin" => &ORIGIN,
        "sec-websocket-key" => &SEC_WEBSOCKET_KEY,
        "sec-websocket-protocol" => &SEC_WEBSOCKET_PROTOCOL,
        "sec-websocket-version" => &SEC_WEBSOCKET_VERSION,
        "upgrade" => &UPGRADE,
        "www-authenticate" => &WWW_AUTHENTICATE,
        _ => return None,
    })
}

impl RequestView for View<'_> {
    fn method(&self) -> &str {
        self.0.method.as_str()
    }

    #[inline]
    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = match known(name) {
            Some(known) => self.0.headers.get_all(known),
            None => self.0.headers.get_all(name),
        };
        lines.map(HeaderValue::as_bytes)
    }

    fn query(&self) -> Option<&str> {
        self.0.uri.query()
    }

    fn path(&self) -> &str {
        self.0.uri.path()
    }

    fn authority(&self) -> Option<&str> {
        self.0.uri.authority().map(Authority::as_str)
    }
}

//! actix-web's request as the engine sees it.

use actix_web::dev::RequestHead;
use actix_web::http::header::HeaderValue;
use actix_web::http::uri::Authority;
use tollgate_core::RequestView;

pub(crate) struct View<'r>(pub(crate) &'r RequestHead);

impl RequestView for View<'_> {
    fn method(&self) -> &str {
        self.0.method.as_str()
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.headers.get_all(name).map(HeaderValue::as_bytes)
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

//! The client that comes with the crate.

use tollgate_core::BoxFuture;

use crate::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};

/// Fetches by `reqwest` over rustls, with aws-lc-rs and the certificates that the operating system trusts.
#[derive(Clone, Debug)]
pub struct HttpClient {}

impl Fetch for HttpClient {
    fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        let _ = request;
        todo!()
    }
}

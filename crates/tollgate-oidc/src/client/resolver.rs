//! Looking up hosts, with a look at what was found.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tollgate_core::BoxFuture;

/// Looks a host's name up.
pub(super) type Resolver = Arc<dyn Fn(String) -> BoxFuture<io::Result<Vec<IpAddr>>> + Send + Sync>;

pub(super) fn system_resolver() -> Resolver {
    Arc::new(|name| {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    })
}

/// What it lets through is what is connected to: a name that stands for another address a moment later gains nothing.
pub(super) struct CheckedResolver {
    pub(super) resolver: Resolver,
    pub(super) permitted: fn(IpAddr) -> bool,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.resolver)(name.as_str().to_owned());
        let permitted = self.permitted;
        Box::pin(async move {
            let found = found.await?;
            // One of them is enough: which one is connected to is a matter of luck.
            if let Some(private) = found.iter().find(|address| !permitted(**address)) {
                return Err(NotPublic(*private).into());
            }
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}

/// A host's name stands for an address that is not public.
#[derive(Debug)]
pub(super) struct NotPublic(IpAddr);

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the host's name stands for {}, which is not a public address",
            self.0
        )
    }
}

impl Error for NotPublic {}

//! Host resolution with a check of the addresses.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tollgate_core::BoxFuture;

/// Resolves a host name.
pub(super) type Resolver = Arc<dyn Fn(String) -> BoxFuture<io::Result<Vec<IpAddr>>> + Send + Sync>;

pub(super) fn system_resolver() -> Resolver {
    Arc::new(|name| {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    })
}

/// A resolver that checks addresses. The client connects to exactly these addresses, so a name that
/// later resolves differently (DNS rebinding) has no effect.
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
            // One private address is enough: any of them may be connected to.
            if let Some(private) = found.iter().find(|address| !permitted(**address)) {
                return Err(NotPublic(*private).into());
            }
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}

/// A host resolves to an address that is not public.
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

//! The default HTTP client.

mod resolver;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use tollgate_core::BoxFuture;
use url::{Host, Origin, Url};

use crate::address::{is_public, may_be_public};
use crate::error::{OidcError, OidcErrorKind};
use crate::fetch::{Addresses, Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse};

use self::resolver::{CheckedResolver, NotPublic, Resolver, system_resolver};

/// The timeout of a connection, TLS included, within the timeout of a fetch.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An HTTP client of `reqwest` over rustls, with aws-lc-rs and the root certificates of the
/// operating system.
///
/// It follows no redirect, keeps no cookies and no connections, and does not retry. It uses no
/// proxy, even if the environment names one: behind a proxy it cannot check the address. If the
/// network requires a proxy, implement [`Fetch`].
///
/// For [`Addresses::Public`], it resolves the host once, refuses it if any address is not public,
/// and connects only to these addresses.
///
/// The client uses a process-wide `CryptoProvider` of rustls if there is one; none has to be
/// installed.
///
/// ```
/// use tollgate::oidc::{HttpClient, Oidc};
///
/// # fn main() -> Result<(), tollgate::oidc::OidcError> {
/// let client = HttpClient::new()?;
/// // One for all sources of keys.
/// let _customers = Oidc::discover("https://id.example.com").fetch(client.clone());
/// let _partners = Oidc::discover("https://id.example.net").fetch(client);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HttpClient {
    any: Client,
    public: Client,
    bearer: Option<Arc<Bearer>>,
}

/// A file with a token for one origin.
struct Bearer {
    origin: Origin,
    file: PathBuf,
}

impl HttpClient {
    /// Creates a client that trusts the root certificates of the operating system.
    ///
    /// # Errors
    /// Returns [`Misconfigured`](OidcErrorKind::Misconfigured) if there are none, as in an empty
    /// container image.
    ///
    /// ```
    /// # fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// let client = tollgate::oidc::HttpClient::new()?;
    /// assert_eq!(format!("{client:?}"), "HttpClient { .. }");
    /// # Ok(()) }
    /// ```
    pub fn new() -> Result<Self, OidcError> {
        Self::build(&[], &system_resolver(), is_public)
    }

    /// Creates a client that also trusts the root certificates in `pem`, such as those of a private
    /// CA.
    ///
    /// # Errors
    /// Returns [`Misconfigured`](OidcErrorKind::Misconfigured) if `pem` has no certificate or an
    /// invalid one.
    ///
    /// ```
    /// use tollgate::oidc::{HttpClient, OidcErrorKind};
    ///
    /// let error = HttpClient::with_root_certificates("not a certificate").unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::Misconfigured);
    /// ```
    pub fn with_root_certificates(pem: impl AsRef<[u8]>) -> Result<Self, OidcError> {
        Self::build(&certificates(pem.as_ref())?, &system_resolver(), is_public)
    }

    /// Sends a bearer token to `origin`, such as `https://keys.example.com`, and to no other one.
    /// The file is read for each fetch, so that the token can be replaced. The last call replaces
    /// earlier ones.
    ///
    /// # Errors
    /// Returns [`Misconfigured`](OidcErrorKind::Misconfigured) if `origin` is not the origin of an
    /// `https` URL. `http` is permitted for IP addresses of loopback.
    ///
    /// ```
    /// use tollgate::oidc::{HttpClient, OidcErrorKind};
    ///
    /// # fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// let client = HttpClient::new()?;
    /// assert!(client.clone().bearer_token_file("https://10.0.0.1:6443", "/run/token").is_ok());
    /// let error = client.bearer_token_file("http://10.0.0.1", "/run/token").unwrap_err();
    /// assert_eq!(error.kind(), OidcErrorKind::Misconfigured);
    /// # Ok(()) }
    /// ```
    pub fn bearer_token_file(
        mut self,
        origin: &str,
        file: impl Into<PathBuf>,
    ) -> Result<Self, OidcError> {
        let loopback = |url: &Url| match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            _ => false,
        };
        let safe = |url: &Url| match url.scheme() {
            "https" => true,
            "http" => loopback(url),
            _ => false,
        };
        let url = Url::parse(origin).ok().filter(safe);
        let Some(url) = url.filter(|url| url.path() == "/" && url.query().is_none()) else {
            return Err(OidcError::new(
                OidcErrorKind::Misconfigured,
                "the origin for the bearer token is not the origin of an `https` URL",
            ));
        };
        self.bearer = Some(Arc::new(Bearer {
            origin: url.origin(),
            file: file.into(),
        }));
        Ok(self)
    }

    /// Creates a client for a pod in a Kubernetes cluster: it trusts the cluster's CA and sends the
    /// token of the pod's service account to `https://kubernetes.default.svc`. The API server
    /// publishes its keys there, at `/openid/v1/jwks`.
    ///
    /// # Errors
    /// Returns [`Misconfigured`](OidcErrorKind::Misconfigured) if the files of a service account
    /// are not in `/var/run/secrets/kubernetes.io/serviceaccount`.
    ///
    /// ```no_run
    /// use tollgate::oidc::{HttpClient, presets};
    ///
    /// # async fn keys() -> Result<(), tollgate::oidc::OidcError> {
    /// let preset = presets::kubernetes("https://kubernetes.default.svc.cluster.local", "orders");
    /// let keys = preset.discover()
    ///     .jwks_url("https://kubernetes.default.svc/openid/v1/jwks")
    ///     .fetch(HttpClient::in_cluster()?)
    ///     .connect()
    ///     .await?;
    /// # drop(keys);
    /// # Ok(()) }
    /// ```
    pub fn in_cluster() -> Result<Self, OidcError> {
        let directory = Path::new("/var/run/secrets/kubernetes.io/serviceaccount");
        let authority = std::fs::read(directory.join("ca.crt")).map_err(|error| {
            OidcError::new(
                OidcErrorKind::Misconfigured,
                format!("the CA of the cluster cannot be read: {error}"),
            )
        })?;
        Self::with_root_certificates(authority)?
            .bearer_token_file("https://kubernetes.default.svc", directory.join("token"))
    }

    fn build(
        roots: &[Certificate],
        resolver: &Resolver,
        public: fn(IpAddr) -> bool,
    ) -> Result<Self, OidcError> {
        let build = |permitted: fn(IpAddr) -> bool| {
            Client::builder()
                .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .referer(false)
                .retry(reqwest::retry::never())
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT)
                // Fetches are minutes apart; a kept connection would be to an outdated address.
                .pool_max_idle_per_host(0)
                .tls_certs_merge(roots.iter().cloned())
                .dns_resolver(CheckedResolver {
                    resolver: Arc::clone(resolver),
                    permitted,
                })
                .build()
                .map_err(|error| {
                    OidcError::new(
                        OidcErrorKind::Misconfigured,
                        format!("the HTTPS client cannot be built: {}", chain(&error)),
                    )
                })
        };
        Ok(Self {
            any: build(|_| true)?,
            public: build(public)?,
            bearer: None,
        })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, OidcError> {
    let misconfigured = |problem| OidcError::new(OidcErrorKind::Misconfigured, problem);
    let certificates = Certificate::from_pem_bundle(pem)
        .map_err(|_| misconfigured("a root certificate is invalid"))?;
    if certificates.is_empty() {
        return Err(misconfigured("the PEM text contains no root certificate"));
    }
    Ok(certificates)
}

impl Fetch for HttpClient {
    fn get(&self, request: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        let client = match request.addresses {
            Addresses::Any => self.any.clone(),
            Addresses::Public => self.public.clone(),
        };
        Box::pin(get(client, request, self.bearer.clone()))
    }
}

async fn get(
    client: Client,
    request: FetchRequest,
    bearer: Option<Arc<Bearer>>,
) -> Result<FetchResponse, FetchError> {
    // A host that is an IP address is not resolved.
    if request.addresses == Addresses::Public
        && !Url::parse(&request.url).is_ok_and(|url| may_be_public(&url))
    {
        return Err(FetchError::new(
            FetchErrorKind::PrivateAddress,
            "the host is not a public one",
        ));
    }
    let mut builder = client.get(&request.url).timeout(request.timeout);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let url = Url::parse(&request.url).ok();
    if let Some(bearer) = bearer
        && url.is_some_and(|url| url.origin() == bearer.origin)
    {
        let token = std::fs::read_to_string(&bearer.file).map_err(|error| {
            let detail = format!("the bearer token cannot be read: {error}");
            FetchError::new(FetchErrorKind::Unreachable, detail)
        })?;
        builder = builder.bearer_auth(token.trim());
    }
    let mut response = builder.send().await.map_err(fetch_error)?;
    let too_large = || {
        FetchError::new(
            FetchErrorKind::TooLarge,
            format!("the answer has more than {} bytes", request.content_limit),
        )
    };
    // A response that declares too much content is not read at all.
    let declared = response.content_length().unwrap_or(0);
    if declared > u64::try_from(request.content_limit).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(fetch_error)? {
        if chunk.len() > request.content_limit - content.len() {
            return Err(too_large());
        }
        content.extend_from_slice(&chunk);
    }
    let mut answer = FetchResponse::new(response.status().as_u16(), content);
    let headers = response.headers().iter();
    answer.headers = headers
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    Ok(answer)
}

fn fetch_error(error: reqwest::Error) -> FetchError {
    // The URL may have a secret in its query, and the caller already has it.
    let error = error.without_url();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(this) = cause {
        if let Some(private) = this.downcast_ref::<NotPublic>() {
            return FetchError::new(FetchErrorKind::PrivateAddress, private.to_string());
        }
        cause = this.source();
    }
    let kind = if error.is_timeout() {
        FetchErrorKind::TimedOut
    } else {
        FetchErrorKind::Unreachable
    };
    FetchError::new(kind, chain(&error))
}

/// Formats an error with its causes: "error sending request" alone does not help.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(this) = cause {
        let part = this.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = this.source();
    }
    text
}

//! The identity provider: its metadata and requests to it. This uses only `openidconnect`, not
//! tollgate.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, ClientId, ClientSecret, EndSessionUrl,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl,
    ProviderMetadata, RedirectUrl, http,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::options::PROGRAM;

/// Cache lifetime of the metadata, or of the failure to fetch it. It limits the fetches that
/// visitors can cause to one per lifetime.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// Timeout of one exchange with the provider, and maximum size of its response.
const TIMEOUT: Duration = Duration::from_secs(5);
const MOST_CONTENT: usize = 1 << 20;

/// The part of the provider metadata that this example needs (OpenID Connect Discovery 1.0 section
/// 3).
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) client: Client,
    /// Whether every redirect has an `iss` (RFC 9207 section 3).
    pub(crate) sends_issuer: bool,
    /// The logout endpoint (RP-Initiated Logout 1.0 section 2).
    pub(crate) end_session: Option<EndSessionUrl>,
}

/// A client whose token and userinfo endpoints may be absent from the metadata.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

type Metadata = ProviderMetadata<
    Extensions,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Extensions {
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    sends_issuer: bool,
    end_session_endpoint: Option<EndSessionUrl>,
}

impl AdditionalProviderMetadata for Extensions {}

/// Discovers the provider and caches the result briefly.
pub(crate) struct Discovery {
    pub(crate) issuer: IssuerUrl,
    pub(crate) client_id: ClientId,
    pub(crate) client_secret: Option<ClientSecret>,
    pub(crate) redirect: RedirectUrl,
    pub(crate) http: Http,
    pub(crate) last: Mutex<Option<(Instant, Option<Provider>)>>,
}

impl Discovery {
    /// Returns the provider, or `None` while it is unavailable.
    pub(crate) async fn provider(self: &Arc<Self>) -> Option<Provider> {
        let discovery = Arc::clone(self);
        // Spawned, so that it completes even if the browser disconnects. Otherwise each disconnect
        // would cause another fetch.
        let found = tokio::spawn(async move {
            // Single flight: concurrent requests wait here for the same result.
            let mut last = discovery.last.lock().await;
            if let Some((at, found)) = &*last
                && at.elapsed() < KNOWN_FOR
            {
                return found.clone();
            }
            let found = discovery.look_up().await;
            *last = Some((Instant::now(), found.clone()));
            found
        });
        found.await.ok().flatten()
    }

    async fn look_up(&self) -> Option<Provider> {
        let metadata = Metadata::discover_async(self.issuer.clone(), &self.http).await;
        let metadata = metadata
            .inspect_err(|problem| {
                eprintln!("{PROGRAM}: {} is out of reach: {problem}", &**self.issuer);
            })
            .ok()?;
        let Extensions {
            sends_issuer,
            end_session_endpoint,
        } = metadata.additional_metadata().clone();
        Some(Provider {
            client: CoreClient::from_provider_metadata(
                metadata,
                self.client_id.clone(),
                self.client_secret.clone(),
            )
            .set_redirect_uri(self.redirect.clone()),
            sends_issuer,
            end_session: end_session_endpoint,
        })
    }
}

/// Adapts `reqwest`, with the version and TLS of tollgate, to `openidconnect`.
pub(crate) struct Http(reqwest::Client);

impl Http {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none()) // no request forgery by a redirect
            .no_proxy() // like tollgate's own key fetches
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self(client))
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, io::Error> {
        let request = request.try_into().map_err(io::Error::other)?;
        let mut answer = self.0.execute(request).await.map_err(io::Error::other)?;
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.status = answer.status();
        head.headers = std::mem::take(answer.headers_mut());
        let mut content = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(io::Error::other)? {
            content.extend_from_slice(&piece);
            if content.len() > MOST_CONTENT {
                return Err(io::Error::other("the provider's answer is too large"));
            }
        }
        Ok(HttpResponse::from_parts(head, content))
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, io::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

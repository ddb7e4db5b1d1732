//! The identity provider: what it says of itself, and requests to it. All of it is `openidconnect`; there is nothing of
//! tollgate here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, ClientId, ClientSecret, EndSessionUrl, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, ProviderMetadata, RedirectUrl, http,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::options::PROGRAM;

/// How long metadata, or that there is none just now, is taken for granted: so visitors can make this service ask the
/// provider once in this time at the most, however many they are.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// How long one exchange with the provider may take, and how many bytes its answer may have.
const TIMEOUT: Duration = Duration::from_secs(5);
const MOST_CONTENT: usize = 1 << 20;

/// What the provider says of itself (OpenID Connect Discovery 1.0 section 3), as far as it matters here.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) client: Client,
    /// Whether it puts `iss` into each of its redirects (RFC 9207 section 3).
    pub(crate) sends_issuer: bool,
    /// Where a user logs out there (RP-Initiated Logout 1.0 section 2).
    pub(crate) end_session: Option<EndSessionUrl>,
}

/// The client, for a provider that may or may not have said where codes are exchanged and users are described.
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

/// Looks the provider up, and remembers it for a moment.
pub(crate) struct Discovery {
    pub(crate) issuer: IssuerUrl,
    pub(crate) client_id: ClientId,
    pub(crate) client_secret: Option<ClientSecret>,
    pub(crate) redirect: RedirectUrl,
    pub(crate) http: Http,
    pub(crate) last: Mutex<Option<(Instant, Option<Provider>)>>,
}

impl Discovery {
    /// The provider; `None` while it is out of reach.
    pub(crate) async fn provider(self: &Arc<Self>) -> Option<Provider> {
        let discovery = Arc::clone(self);
        // On its own, so that it is finished even if the browser has gone: else each that goes makes for another request.
        let found = tokio::spawn(async move {
            let mut last = discovery.last.lock().await; // whoever comes meanwhile waits here for the same outcome
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
            .inspect_err(|problem| eprintln!("{PROGRAM}: {} is out of reach: {problem}", &**self.issuer))
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

/// `reqwest`, in the version and with the TLS that tollgate has, for `openidconnect`.
pub(crate) struct Http(reqwest::Client);

impl Http {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none()) // else whoever can redirect chooses what is asked for
            .no_proxy() // tollgate fetches keys without one, too
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

//! Layers around a plain tower service.

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;
use tollgate_core::policy::ScopeSet as _;
use tollgate_core::{PeerAddress, Refusal, Rejection, SkipRenewal};
use tollgate_testkit::conformance::{
    Buyer, Case, Handler, OrdersRead, Reply, Request, Response, Shopper, Subject, echo,
    echo_claims, echo_guarded,
};
use tollgate_tower::{AuthenticationExt as _, JwtAuth, into_response, require};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

pub(crate) struct Tower(Runtime);

/// Converts a request to `http` 1.x.
pub(crate) fn http_request<B: Default>(request: &Request) -> http::Request<B> {
    let mut built = http::Request::builder()
        .method(request.method.as_str())
        .uri(&request.target);
    for (name, value) in &request.headers {
        built = built.header(name, &value[..]);
    }
    if let Some(peer) = request.peer {
        built = built.extension(PeerAddress(peer));
    }
    built.body(B::default()).expect("an invalid request")
}

/// Converts a response of `http` 1.x for comparison with the table.
pub(crate) async fn answered<B: http_body::Body<Data = Bytes>>(
    response: http::Response<B>,
) -> Response
where
    B::Error: std::fmt::Debug,
{
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .expect("a body that cannot be read")
        .to_bytes();
    Response {
        rejection: parts.extensions.get().map(Rejection::kind),
        seen_outside: parts
            .extensions
            .authentication()
            .map(|caller| echo(caller.principal())),
        ..Response::new(parts.status.as_u16(), parts.headers.iter(), body)
    }
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers")
}

impl Tower {
    pub(crate) fn new() -> Self {
        Self(runtime())
    }
}

impl Subject for Tower {
    fn send(&mut self, case: &Case, request: &Request) -> Response {
        let (asked, reply) = (case.handler, case.reply.clone());
        let handler = service_fn(move |request: http::Request<Full<Bytes>>| {
            let written = handle(asked, &request);
            let response =
                written.map_or_else(into_response, |body| replied(&reply, body).map(Full::from));
            ready(Ok::<_, Infallible>(response))
        });
        let request = http_request(request);
        let gate = || case.gate.clone().map(JwtAuth::new);
        let policy = || case.policy.clone().map(require);
        self.0.block_on(async {
            match (gate(), policy()) {
                (Some(gate), Some(policy)) => {
                    call(gate.layer(policy.layer(handler)), request).await
                }
                (Some(gate), None) => call(gate.layer(handler), request).await,
                (None, Some(policy)) => call(policy.layer(handler), request).await,
                (None, None) => call(handler, request).await,
            }
        })
    }
}

/// Creates a handler's response of `http` 1.x.
pub(crate) fn replied(reply: &Reply, body: String) -> http::Response<String> {
    let mut built = http::Response::builder()
        .status(reply.status)
        .header("content-type", "text/plain; charset=utf-8");
    for (name, value) in &reply.headers {
        built = built.header(name, value);
    }
    if reply.skip_renewal {
        built = built.extension(SkipRenewal);
    }
    built.body(body).expect("an invalid response")
}

/// Reads the extension of the gate, like the extractors of a framework.
fn handle(asked: Handler, request: &http::Request<Full<Bytes>>) -> Result<String, Refusal> {
    let authentication = request
        .authentication()
        .ok_or_else(Refusal::missing_layer)?;
    Ok(match asked {
        Handler::Optional => echo(request.principal()),
        Handler::Principal => echo(Some(authentication.authenticated()?)),
        Handler::Claims => echo_claims(&authentication.claims::<Shopper>()?),
        Handler::Guarded => echo_guarded(&authentication.claims::<Buyer>()?),
        Handler::Scoped => echo(Some(authentication.require(&OrdersRead::policy())?)),
    })
}

async fn call<S, B>(service: S, request: http::Request<Full<Bytes>>) -> Response
where
    S: Service<http::Request<Full<Bytes>>, Response = http::Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let Ok(response) = service.oneshot(request).await;
    answered(response).await
}

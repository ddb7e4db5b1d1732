//! A gRPC service behind tollgate: policies for single methods, an open health check, streams that
//! end when the token expires.

#![forbid(unsafe_code)]

#[path = "../demo.rs"]
mod demo;
#[path = "../options.rs"]
mod options;

use std::error::Error;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grpc::shop::orders_server::{Orders, OrdersServer};
use grpc::shop::{ListRequest, Order, OrderStatus, PlaceRequest, TrackRequest};
use tokio::net::TcpListener;
use tokio::signal;
use tokio_stream::{Stream, StreamExt as _};
use tollgate::tonic::{JwtAuth, MethodPolicies, extract};
use tollgate::{Claims, ConfigError, Principal, Verifier, scope, scopes};
use tonic::transport::server::{Server, TcpIncoming};
use tonic::{Request, Response, Status, Streaming};

use crate::demo::{AUDIENCE, Demo, ISSUER};
use crate::options::Options;

// Scopes as types: a misspelt scope does not compile.
scopes! { OrdersRead = "orders:read", OrdersWrite = "orders:write" }

/// The claims of a customer. `extract` reads them, and refuses a token without them.
#[derive(Clone, Debug, serde::Deserialize, Claims)]
struct Customer {
    sub: String,
}

#[derive(Default)]
struct Shop {
    last: AtomicU64,
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Orders for Shop {
    type ListStream = Responses<Order>;
    type TrackStream = Responses<OrderStatus>;

    async fn place(&self, request: Request<PlaceRequest>) -> Result<Response<Order>, Status> {
        let customer: Customer = extract(&request)?;
        let order = Order {
            id: 1 + self.last.fetch_add(1, Ordering::Relaxed),
            item: request.into_inner().item,
            customer: customer.sub,
        };
        Ok(Response::new(order))
    }

    async fn list(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let caller: Principal = extract(&request)?;
        let customer = caller.subject().unwrap_or_default().to_owned();
        let orders = ["punched cards", "gear wheels"].map(|item| {
            Ok(Order {
                id: 1,
                item: item.to_owned(),
                customer: customer.clone(),
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(orders))))
    }

    async fn track(
        &self,
        request: Request<Streaming<TrackRequest>>,
    ) -> Result<Response<Self::TrackStream>, Status> {
        let statuses = request.into_inner().map(|named| {
            named.map(|TrackRequest { id }| OrderStatus {
                id,
                status: "packed".to_owned(),
            })
        });
        Ok(Response::new(Box::pin(statuses)))
    }
}

/// The policy of each method. A method that is not here is denied.
fn methods() -> Result<MethodPolicies, ConfigError> {
    MethodPolicies::builder()
        .open("/grpc.health.v1.Health/Check")
        .open("/grpc.health.v1.Health/Watch")
        .require("/shop.v1.Orders/Place", scope(OrdersWrite))
        .require("/shop.v1.Orders/List", scope(OrdersRead))
        .require("/shop.v1.Orders/Track", scope(OrdersRead))
        .build()
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    // Replace the key of the demo with your own, or use `Oidc::discover(..)`.
    let demo = Demo::new()?;
    let verifier = Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .key(demo.verifying_key())
        .leeway(Duration::ZERO)
        .build()?; // an invalid configuration fails here, not at a call
    let auth = JwtAuth::new(verifier).methods(methods()?).end_at_expiry();

    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter.set_serving::<OrdersServer<Shop>>().await;

    let listener = TcpListener::bind(options.listen).await.map_err(|problem| {
        let address = options.listen;
        format!("cannot listen on {address}: {problem}; choose another address with --listen")
    })?;
    let welcome = demo.welcome(listener.local_addr()?, options.life)?;
    io::stdout().write_all(welcome.as_bytes())?;

    let server = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .layer(auth)
        .add_service(health)
        .add_service(OrdersServer::new(Shop::default()))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), stopped());
    tokio::select! {
        ended = server => ended?,
        // Streams do not delay the end for long.
        () = async { stopped().await; tokio::time::sleep(Duration::from_secs(5)).await } => {}
    }
    Ok(())
}

/// Waits for Ctrl-C, or for the signal of Docker and Kubernetes.
async fn stopped() {
    #[cfg(unix)]
    {
        let terminated = signal::unix::signal(signal::unix::SignalKind::terminate());
        if let Ok(mut terminated) = terminated {
            tokio::select! {
                _ = signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = signal::ctrl_c().await;
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
    let options = match options::read() {
        Ok(options) => options,
        Err(code) => return code,
    };
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}: {problem}", options::PROGRAM);
            ExitCode::FAILURE
        }
    }
}

//! Calls the server with the token of the environment variable `TOKEN`, and prints the status.

#![forbid(unsafe_code)]

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use grpc::shop::orders_client::OrdersClient;
use grpc::shop::{ListRequest, PlaceRequest, TrackRequest};
use lexopt::prelude::*;
use tokio_stream::StreamExt as _;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const HELP: &str = "\
usage: [TOKEN=...] grpc-client COMMAND [--url URL]

Commands:
  health        the health check, without a token
  place ITEM    places an order
  list          lists the orders
  track ID...   asks for the status of orders
  follow        asks for the status of an order once a second, until the server ends the stream
";

/// Adds the token to the metadata of every call.
#[derive(Clone)]
struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// Reads the token from the environment, so that it is not visible in the list of processes.
    fn from_env() -> Result<Self, Failure> {
        let Ok(token) = std::env::var("TOKEN") else {
            return Ok(Self(None));
        };
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse()?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            let metadata = request.metadata_mut();
            metadata.insert("authorization", value.clone());
        }
        Ok(request)
    }
}

async fn call(channel: Channel, command: &str, arguments: Vec<String>) -> Result<(), Failure> {
    if command == "health" {
        let request = HealthCheckRequest {
            service: "shop.v1.Orders".to_owned(),
        };
        let response = HealthClient::new(channel).check(request).await?;
        println!("{}", response.into_inner().status().as_str_name());
        return Ok(());
    }
    let mut orders = OrdersClient::with_interceptor(channel, Bearer::from_env()?);
    match command {
        "place" => {
            let item = arguments.join(" ");
            let order = orders.place(PlaceRequest { item }).await?.into_inner();
            println!("{}: {} for {}", order.id, order.item, order.customer);
        }
        "list" => {
            let mut listed = orders.list(ListRequest {}).await?.into_inner();
            while let Some(order) = listed.message().await? {
                println!("{}: {} for {}", order.id, order.item, order.customer);
            }
        }
        "track" | "follow" => {
            let ids = arguments.iter().map(|id| id.parse());
            let ids = ids.collect::<Result<Vec<u64>, _>>()?;
            let named = tokio_stream::iter(ids).chain(more(command == "follow"));
            let requests = named.map(|id| TrackRequest { id });
            let mut statuses = orders.track(requests).await?.into_inner();
            while let Some(status) = statuses.message().await? {
                println!("{}: {}", status.id, status.status);
            }
        }
        _ => return Err("there is no such command; try `--help`".into()),
    }
    Ok(())
}

/// Names order 1 once a second, without an end, if `endless`.
fn more(endless: bool) -> impl tokio_stream::Stream<Item = u64> {
    let ids = std::iter::repeat_n(1, if endless { usize::MAX } else { 0 });
    tokio_stream::iter(ids).throttle(Duration::from_secs(1))
}

type Failure = Box<dyn Error + Send + Sync>;

async fn run() -> Result<(), Failure> {
    let (mut url, mut words) = ("http://127.0.0.1:50051".to_owned(), Vec::new());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("url") => url = arguments.value()?.string()?,
            Long("help") | Short('h') => {
                print!("{HELP}");
                return Ok(());
            }
            Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    if words.is_empty() {
        return Err("which command? Try `--help`".into());
    }
    let command = words.remove(0);
    let channel = Channel::from_shared(url)?.connect().await?;
    call(channel, &command, words).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let failure = match run().await {
        Ok(()) => {
            println!("OK");
            return ExitCode::SUCCESS;
        }
        Err(failure) => failure,
    };
    match failure.downcast_ref::<Status>() {
        Some(status) => println!("{:?}: {}", status.code(), status.message()),
        None => eprintln!("grpc-client: {failure}"),
    }
    ExitCode::FAILURE
}

//! Tests of the layers around a service, and over a real gRPC connection.

mod body;
mod contract;
mod decisions;
mod endpoint;
mod fixture;
mod forms;
mod grpc;
mod pending;
mod tonic;

//! Tests of extractors, layers and `WebSockets` in routers.

mod extractors;
mod fixture;
mod forms;
mod gated;
mod layers;
mod pending;
mod websocket;

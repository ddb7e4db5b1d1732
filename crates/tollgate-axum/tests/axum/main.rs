//! Extractors, layers and websockets in real routers.

mod extractors;
mod fixture;
mod gated;
mod layers;
mod pending;
mod websocket;

//! Tests `tollgate-store-redis` with real servers.

#![allow(clippy::unwrap_used)]

#[path = "stores_redis/contract.rs"]
mod contract;
#[path = "stores_redis/corrupt_data.rs"]
mod corrupt_data;
#[path = "stores_redis/failover.rs"]
mod failover;
#[path = "stores_redis/fixture.rs"]
mod fixture;
#[path = "stores/neighbor.rs"]
mod neighbor;
#[path = "stores_redis/neighbors.rs"]
mod neighbors;
#[path = "stores_redis/outages.rs"]
mod outages;
#[path = "stores_redis/proxy.rs"]
mod proxy;

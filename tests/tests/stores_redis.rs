//! Tests `tollgate-store-redis` with real servers.

#![allow(clippy::unwrap_used)]

#[path = "stores_redis/causes.rs"]
mod causes;
#[path = "stores_redis/clocks.rs"]
mod clocks;
#[path = "stores_redis/contract.rs"]
mod contract;
#[path = "stores_redis/corrupt_data.rs"]
mod corrupt_data;
#[path = "stores_redis/failover.rs"]
mod failover;
#[path = "stores_redis/false_sentinel.rs"]
mod false_sentinel;
#[path = "stores_redis/fixture.rs"]
mod fixture;
#[path = "stores_redis/memory.rs"]
mod memory;
#[path = "stores/neighbor.rs"]
mod neighbor;
#[path = "stores_redis/neighbors.rs"]
mod neighbors;
#[path = "stores_redis/outages.rs"]
mod outages;
#[path = "stores_redis/permissions.rs"]
mod permissions;
#[path = "stores_redis/proxy.rs"]
mod proxy;
#[path = "stores_redis/replicas.rs"]
mod replicas;
#[path = "stores_redis/sentinel.rs"]
mod sentinel;
#[path = "stores_redis/tls.rs"]
mod tls;

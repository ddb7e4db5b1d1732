//! Sessions in a real Chromium, over TLS, on a host with a hostile sibling subdomain.

#![allow(clippy::unwrap_used)]

#[path = "browser_sessions/hosts.rs"]
mod hosts;
#[path = "browser_sessions/late.rs"]
mod late;
#[path = "browser_sessions/origins.rs"]
mod origins;
#[path = "browser_sessions/page_loads.rs"]
mod page_loads;
#[path = "browser_sessions/sibling.rs"]
mod sibling;

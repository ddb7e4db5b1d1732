//! A token's text: its segments, its header and its claims.

pub(crate) mod claims;
pub(crate) mod compact;
pub(crate) mod header;
pub(crate) mod header_cache;
pub(crate) mod json;
pub(crate) mod typed;

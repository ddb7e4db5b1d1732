//! The text of a token: its segments, its header and its claims.

pub(crate) mod claims;
pub(crate) mod compact;
pub(crate) mod header;
pub(crate) mod header_cache;
pub(crate) mod json;
pub(crate) mod typed;

use crate::limits::Limits;
use json::Bounds;

/// The bounds on the JSON of a header or of claims.
pub(crate) const fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        depth: limits.json_depth(),
        members: limits.members(),
    }
}

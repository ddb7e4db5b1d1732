//! What a refresh is decided by: the token, the keys that it is derived from, what is kept of a session, and the one
//! function that says what happens to it.

mod key;
mod record;
mod step;
mod token;

pub use key::RefreshKey;

pub(crate) use key::RefreshKeys;
pub(crate) use record::{Access, Body, Bytes, Record, Sealed};
pub(crate) use step::{Event, Outcome, Presented, Refused, Rules, granted, step};
pub(crate) use token::RefreshToken;

//! The rules of a session: refresh tokens, their keys, the stored state, and the function that
//! decides every transition.

mod binding;
mod key;
mod record;
mod step;
mod token;

pub use key::RefreshKey;

pub(crate) use binding::Binding;
pub(crate) use key::RefreshKeys;
pub(crate) use record::{Access, Actor, Body, Bytes, Issued, Record, Sealed, Unreadable, within};
pub(crate) use step::{
    Event, Outcome, Presented, Refused, Rules, candidate, granted, is_genuine, step,
};
pub(crate) use token::RefreshToken;

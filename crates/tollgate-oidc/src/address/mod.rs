//! Rules for hosts and URLs.

mod ip;

pub(crate) use self::ip::is_public;

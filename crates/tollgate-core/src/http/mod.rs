//! The request as the engine sees it, and the grammar of its fields.

pub(crate) mod base64url;
pub(crate) mod cookie;
pub(crate) mod field;
pub(crate) mod request;

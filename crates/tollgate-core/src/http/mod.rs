//! The request and the response as the engine sees them, and the grammar of their fields.

pub(crate) mod base64url;
pub(crate) mod cookie;
pub(crate) mod field;
#[cfg(feature = "http")]
pub mod head;
mod header_edits;
pub(crate) mod request;
#[cfg(feature = "http")]
pub mod response;
mod source_kind;

pub use header_edits::HeaderEdits;
pub(crate) use header_edits::Names;
pub use source_kind::SourceKind;

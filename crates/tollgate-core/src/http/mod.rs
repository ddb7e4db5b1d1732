//! The view of a request, and the grammar of its fields.

pub(crate) mod base64url;
pub(crate) mod cookie;
pub(crate) mod cors;
pub(crate) mod field;
pub(crate) mod form;
mod header_edits;
pub(crate) mod navigation;
pub(crate) mod origin;
pub(crate) mod request;
pub(crate) mod return_to;
mod source_kind;

pub use header_edits::HeaderEdits;
pub(crate) use header_edits::Names;
pub use return_to::ReturnTo;
pub use source_kind::SourceKind;

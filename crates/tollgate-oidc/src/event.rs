//! What happens to remote keys, for whoever watches.

/// Something that happened to a source of keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {}

//! One retrieval of the keys: metadata where that is needed, then the set.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::KeySet;

use crate::error::OidcError;
use crate::fetch::Fetch;
use crate::settings::Settings;

/// Retrieves the keys of one location, over and over. It remembers what makes the next retrieval cheap (the metadata, the
/// validator of the last set); a retrieval that is dropped half-way changes nothing.
pub(crate) struct Retriever {
    settings: Settings,
    fetch: Arc<dyn Fetch>,
}

/// What a retrieval found.
#[derive(Debug)]
pub(crate) enum Retrieved {
    /// Keys; at least one of them verifies something.
    Changed(Fresh<KeySet>),
    /// The set is, to the byte, the one of the last retrieval that was [kept](Retriever::keep).
    Unchanged(Fresh<()>),
}

/// A finding, and how long it says that it is good for: from now, before any bound of the configuration.
#[derive(Debug)]
pub(crate) struct Fresh<T> {
    pub(crate) found: T,
    pub(crate) life: Option<Duration>,
}

impl Retriever {
    /// # Errors
    /// For a location that cannot be, and where there is no client to fetch with.
    pub(crate) fn new(settings: &Settings) -> Result<Self, OidcError> {
        let _ = settings;
        todo!()
    }

    /// Fetches what there is now, within the timeout for each exchange.
    ///
    /// # Errors
    /// Where nothing came that may replace what is there.
    pub(crate) async fn retrieve(&mut self) -> Result<Retrieved, OidcError> {
        let _ = (&self.settings, &self.fetch);
        todo!()
    }
}

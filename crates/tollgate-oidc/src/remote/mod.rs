//! Keys that are kept fresh.

use std::sync::Arc;

use tollgate_core::{Key, KeySet, KeySource, MissingKey, Refresh, Unavailable};

use crate::error::OidcError;
use crate::settings::Settings;
use crate::status::Status;

/// Keys that are kept fresh in the background: a [`KeySource`]. Clones share the keys; when the last one is dropped, the
/// fetching ends.
#[derive(Clone, Debug)]
pub struct RemoteKeys(Arc<()>);

impl RemoteKeys {
    pub(crate) async fn connect(settings: Settings) -> Result<Self, OidcError> {
        let _ = settings;
        todo!()
    }

    pub(crate) fn lazy(settings: Settings) -> Result<Self, OidcError> {
        let _ = settings;
        todo!()
    }

    /// How the keys stand now.
    pub fn status(&self) -> Status {
        todo!()
    }
}

impl KeySource for RemoteKeys {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        todo!()
    }

    fn refresh(&self, missing: &MissingKey<'_>) -> Refresh {
        let _ = missing;
        todo!()
    }

    fn used(&self, key: &Key, now: u64) {
        let _ = (key, now);
    }

    fn issuer(&self) -> Option<&str> {
        todo!()
    }
}

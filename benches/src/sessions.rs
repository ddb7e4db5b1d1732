//! Sessions on any store.
//!
//! ```
//! use tollgate_benches::sessions::{Refreshing, sessions};
//! use tollgate_benches::load::Client;
//! use tollgate_session::MemoryStore;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
//! # runtime.block_on(async {
//! let sessions = sessions(MemoryStore::default());
//! let mut client = Refreshing::login(&sessions, "u-7").await;
//! client.ask().await;
//! # });
//! ```

use std::time::Duration;

use tollgate_core::{Algorithm, SigningKey};
use tollgate_session::{
    Issuer, Login, RefreshKey, RefreshRequest, RevocationStore, SessionStore, Sessions,
};

use crate::load::Client;

/// Creates sessions with access tokens that are signed with ES256.
pub fn sessions(store: impl SessionStore + RevocationStore) -> Sessions {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(
            SigningKey::generate(Algorithm::ES256)
                .unwrap()
                .with_kid("2026-11"),
        )
        .build()
        .unwrap();
    Sessions::builder(issuer, store)
        .refresh_key(RefreshKey::generate(1).unwrap())
        // A long timeout, so that the benchmark measures the store.
        .store_timeout(Duration::from_secs(9))
        .build()
        .unwrap()
}

/// A client that refreshes its own session.
pub struct Refreshing {
    sessions: Sessions,
    token: String,
}

impl Refreshing {
    /// Begins a session of this user.
    pub async fn login(sessions: &Sessions, subject: &str) -> Self {
        let tokens = sessions.login(Login::new(subject)).await.unwrap();
        Self {
            sessions: sessions.clone(),
            token: tokens.refresh_token,
        }
    }
}

impl Client for Refreshing {
    async fn ask(&mut self) {
        let tokens = self
            .sessions
            .refresh(&self.token, RefreshRequest::default())
            .await;
        self.token = tokens.unwrap().refresh_token;
    }
}

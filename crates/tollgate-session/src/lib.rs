#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attempts;
mod clock;
mod continuation;
mod cookies;
mod device;
mod endpoints;
mod error;
mod event;
pub mod guarantees;
mod id;
mod issuer;
mod memory;
mod random;
mod refresh;
mod renewal;
mod revocation;
mod sessions;
mod store;
mod sync;
mod throttle;

pub use attempts::{AttemptCharge, AttemptKey, AttemptLevel, AttemptMemory};
pub use clock::{MAX_RETENTION, SteadyClock, ended_until};
pub use continuation::{Continuation, ContinuationReason, ContinuedSession, SessionUpdate};
pub use cookies::{CookieTransport, CookieTransportBuilder, SameSite};
pub use device::Device;
pub use endpoints::{
    EndpointRefusal, LoginFailure, LoginRequest, SessionEndpoints, SessionEndpointsBuilder,
    Transport,
};
pub use error::{SessionError, SessionErrorKind};
pub use event::{
    AuditRecord, EventStream, EventTransport, LoginRefusal, PseudonymKey, SessionEvent,
    SessionEventKind, event_stream,
};
pub use id::{InvalidSessionId, SessionId};
pub use issuer::{AccessToken, Issuer, IssuerBuilder, JwksEndpoint, KeyPhase, KeyState};
pub use memory::MemoryStore;
pub use random::{NoRandomness, Random, SystemRandom};
pub use refresh::RefreshKey;
pub use renewal::{RenewalTransport, SlidingRenewal};
pub use revocation::{
    Position, Reading, Revocation, RevocationFeed, RevocationKey, RevocationKind,
    RevocationReading, RevocationSnapshot, RevocationStatus, RevocationStore, Revocations,
    RevocationsBuilder, StoreFailure,
};
pub use sessions::{
    ExportedRevocation, ExportedSession, Login, RefreshRequest, Renewed, SessionData, SessionInfo,
    Sessions, SessionsBuilder, SubjectExport, Tokens,
};
pub use sessions::{LoginAttempt, PendingLogin, TooManyAttempts};
pub use store::{SessionStore, StoreError, StoreErrorKind, StoreFuture, StoredSession};
pub use throttle::{LoginThrottle, LoginThrottleBuilder};

//! The guarantees of sessions, and their limits.
//!
//! One function without side effects decides every transition of a session.
//! [`Sessions`](crate::Sessions) loads a record, calls that function, and stores the result by
//! compare-and-swap, the only atomic step. Three kinds of tests check the result.
//!
//! # Decisions
//!
//! Unit tests cover every transition. A property test runs random histories of refreshes,
//! forgeries, renewals, step-ups, logouts and pauses. It checks these invariants after each event:
//!
//! - The generation grows by one with each rotation, and with nothing else. A refresh and a
//!   re-authentication rotate.
//! - The absolute timeout never moves, and no deadline lies behind it.
//! - A repeat within the grace period returns the same token.
//! - A forged token changes nothing.
//! - After the end of a session everything is refused.
//! - The stored state contains no secret that was issued.
//!
//! # Interleavings
//!
//! `tests/model` searches all states that clients can reach when they refresh, present a stolen
//! token, log out and are active concurrently. It runs the [`Sessions`](crate::Sessions) of this
//! crate, not a model of them. Each operation of the store (load, replace, revoke, find, list) is a
//! point where another client may run, a second may pass, or the operation may be lost before or
//! after the store executes it (a crash, a timeout, a disconnect). A finished response may be lost
//! as well. Within these bounds the search is exhaustive and shows:
//!
//! - Each generation is rotated at most once, and every client that receives its successor receives
//!   the same one.
//! - Reuse is detected only for a used token that arrived after its grace period, or for one older
//!   than the previous token. The session is ended before the response is sent.
//! - No token carries a later authentication than the token that was presented for it. Within the
//!   grace period after a re-authentication, an earlier refresh token is refused and is no reuse.
//! - A client that lost a response and retries with its token within the grace period is not logged
//!   out, unless the successor was used in between.
//! - After a logout returns, no access token of the session is accepted, in the same second or
//!   later, by an instance of any of the configurations. No later refresh or renewal succeeds, and
//!   none that was in progress restores the session.
//! - The absolute timeout never moves, and no token outlives it.
//! - Every operation completes, and none fails unless the store does.
//!
//! | Clients | Operations | Seconds | Kinds | Grace period |
//! |---|---|---|---|---|
//! | 3 | 3 | 1 | refresh, stolen token, logout | 1 s |
//! | 3 | 3 | 0 | the same, and activity | 1 s |
//! | 2 | 2 | 8: past every timeout | the same, and logout of all sessions | 2 s |
//! | 2 | 3 | 1 | the same without logout of all | none |
//! | 2 | 3 | 1 | refresh, logout, activity, with [`revoke_former_access`](crate::SessionsBuilder::revoke_former_access) | 1 s |
//! | 1 | 3 | 8 | refresh, stolen token, logout, activity | none, 2 s |
//! | 2 | 3 | 1 | refresh, step-up, stolen refresh and access token | none, 1 s |
//! | 2 | 2 | 3 | the same and logout, activity, with `revoke_former_access` | 1 s |
//! | 2 | 2 | 5 | refresh, logout, activity, while the access lifetime changes | 1 s |
//! | 2 | 2 | 5 | refresh, stolen token, while a refresh key is added | 1 s |
//! | 3 | 3 | 3 | refresh, logout, activity, while both timeouts and the token end | 1 s |
//! | 2 | 3 | 1 | refresh, logout, activity, with revocations that merge | 1 s |
//!
//! A second search has several sessions of one user: three logins of two clients with a maximum of
//! one session, two logins or logouts of all sessions, and two logins or refreshes. It follows an
//! operation for twelve answers of the store and shows:
//!
//! - The logins leave at most the maximum number of sessions, and no login fails.
//! - A logout of all sessions ends each session whose login had returned before.
//! - No access token of an ended session is accepted.
//!
//! # Threads
//!
//! Two hundred concurrent refreshes of one token on a multi-threaded runtime rotate it once, and
//! all return the same successor. Random interleavings of threads, chosen by `shuttle`, run over the
//! replica of the revocations and the memory store.
//!
//! # Hints
//!
//! The model check has no feed of revocations. A property test runs the task that follows the store
//! while hints are lost, repeated and forged, the feed is cut, reads fail and the epoch changes. A
//! revoked token is never accepted while the replica is in sync, and nothing else is refused.
//!
//! # Clocks
//!
//! A property test runs instances whose clocks jump forward by up to two hours and back, and that
//! are restarted. A logout that was acknowledged holds on all of them. The acceptance suite of
//! `tollgate-testkit` runs a shorter history on each store.
//!
//! # Limits
//!
//! - More clients or operations than the table lists. Logins beyond the maximum may end each
//!   other's sessions and try again. After 16 rounds a login fails, and the client must repeat it.
//! - A faulty store. Atomic replacement and durability are the store's responsibility; the
//!   acceptance suite of `tollgate-testkit` tests them. A write that the store executes after its
//!   timeout can rotate a token with a rotation time in the past. It loses against any other write,
//!   but the client may find a shorter grace period.
//! - Clocks that differ by more than the [leeway](crate::Issuer::leeway) between instances. A clock
//!   that is behind by more extends a grace period, a session and the life of a token by the same
//!   amount. It undoes no logout whose revocation has not ended by the store's clock.
//! - Revocations that have not reached other instances yet: see [`Reading`](crate::Reading).
//! - Cryptography: HMAC-SHA256 and SHA-256 are assumed to be secure.
//!
//! A thief who uses the previous token within the grace period receives the same successor as its
//! owner. The theft is detected at the first use after the period, when both have continued from
//! there. [`grace(Duration::ZERO)`](crate::SessionsBuilder::grace) closes this gap.

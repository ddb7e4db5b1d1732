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
//! - Each generation is repeated late at most once, and never after a re-authentication.
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
//! - Reuse is detected only for a used token that arrived after its grace period and gets no
//!   [late repeat](crate::SessionsBuilder::late_repeat). The session is ended before the response
//!   is sent.
//! - Each response with the successor of a used token, outside its grace period, is reported by
//!   [`RepeatedLate`](crate::SessionEventKind::RepeatedLate).
//! - No token carries a later authentication than the token that was presented for it. Within the
//!   grace period after a re-authentication, an earlier refresh token is refused and is no reuse.
//! - A client that lost a response and retries with its token within the grace period is not logged
//!   out, unless the successor was used in between.
//! - After a logout returns, no access token of the session is accepted, in the same second or
//!   later, by an instance of any of the configurations. No later refresh or renewal succeeds, and
//!   none that was in progress restores the session.
//! - The absolute timeout never moves, and no token outlives it.
//! - A rotation and a re-authentication have the role of the user only if the
//!   [hook](crate::SessionsBuilder::on_continue) granted it after they began. In the searches with
//!   a hook, the user is demoted and disabled at any moment. A session never gets
//!   a lost role back. When an [update](crate::Sessions::update) has returned, no token with the
//!   former role is accepted. The session of a disabled user has ended when the response is sent.
//! - No acknowledged write of the [data](crate::Sessions::update_data) is lost, and none is executed
//!   twice.
//! - Every operation completes, and none fails unless the store does.
//! - A client that follows the rules is not logged out, although the sessions or the revocations
//!   fail at any request, and one of its operations for each refresh token is lost after a write or
//!   lands later than it.
//! - A failover that loses every write that was not acknowledged loses no rotation and no logout
//!   that a client was told of.
//! - Tabs with one storage are not logged out, in whatever order the responses arrive within the
//!   grace period.
//!
//! | Clients | Operations | Seconds | Kinds | Grace period |
//! |---|---|---|---|---|
//! | 3 | 3 | 1 | refresh, stolen token, logout | 1 s |
//! | 3 | 3 | 0 | the same, and activity | 1 s |
//! | 2 | 2 | 8: past every timeout | the same, logout of all sessions and removal of the user | 2 s |
//! | 2 | 3 | 1 | the same without the last two | none |
//! | 2 | 3 | 1 | refresh, logout, activity, with [`revoke_former_access`](crate::SessionsBuilder::revoke_former_access) | 1 s |
//! | 1 | 3 | 8 | refresh, stolen token, logout, activity | none, 2 s |
//! | 2 | 3 | 1 | refresh, step-up, stolen refresh and access token | none, 1 s |
//! | 2 | 2 | 3 | the same and logout, activity, with `revoke_former_access` | 1 s |
//! | 2 | 2 | 5 | refresh, logout, activity, while the access lifetime changes | 1 s |
//! | 2 | 2 | 5 | refresh, stolen token, while a refresh key is added | 1 s |
//! | 3 | 3 | 3 | refresh, logout, activity, while both timeouts and the token end | 1 s |
//! | 2 | 3 | 1 | refresh, logout, activity, with revocations that merge | 1 s |
//! | 1 | 4 | 4 | refresh, with failures and writes that land late | 1 s |
//! | 2 | 2 | 1 | refresh, logout, activity, logout of all, removal of the user, with failures and writes that land late | 1 s |
//! | 2 | 4 | 3 | refresh, stolen token, one after the other | 1 s |
//! | 2 | 4 | 1 | refresh by tabs that share a storage | 2 s |
//! | 2 | 3 | 0 | refresh, logout, logout of all, removal of the user, with a failover | 1 s |
//! | 2 | 2 | 1 | refresh, stolen token, activity, step-up, update, with a hook that may fail | 1 s |
//! | 2 | 3 | 1 | refresh, activity, logout, data of the application | 1 s |
//! | 2 | 3 | 1 | refresh, update, with a hook | 1 s |
//! | 2 | 3 | 1 | refresh, activity, update | 1 s |
//!
//! A second search has several sessions of one user: three logins of two clients with a maximum of
//! one session, two logins or logouts of all sessions, three logins or removals of the user, and
//! two logins or refreshes. It follows an operation for twelve answers of the store and shows:
//!
//! - The logins leave at most the maximum number of sessions, and no login fails.
//! - A logout of all sessions ends each session whose login had returned before.
//! - A removal of the user leaves no record of such a session, and nothing brings one back.
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
//!   acceptance suite of `tollgate-testkit` tests them.
//! - A client that loses two operations of one refresh token, each for longer than the grace period
//!   and after its write, is logged out: the second late repeat is reuse.
//! - A logout that is repeated more than a minute after the session ended finds nothing to confirm.
//! - Clocks that differ by more than the [leeway](crate::Issuer::leeway) between instances. A clock
//!   that is behind by more extends a session and the life of a token by the same amount. It undoes
//!   no logout whose revocation has not ended by the store's clock.
//! - Revocations that have not reached other instances yet: see [`Reading`](crate::Reading).
//! - Cryptography: HMAC-SHA256 and SHA-256 are assumed to be secure.
//!
//! A thief who uses the previous token within the grace period receives the same successor as its
//! owner. The theft is detected at the first use after the period, when both have continued from
//! there. One that uses it later, and looks like the same device, is reported. [`grace(Duration::ZERO)`](crate::SessionsBuilder::grace) closes this gap.

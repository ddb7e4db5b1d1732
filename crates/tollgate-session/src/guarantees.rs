//! What is proved of a session, and what is not.
//!
//! All that happens to a session is decided by one function without side effects. [`Sessions`](crate::Sessions) loads a
//! record, asks that function, and puts its answer in the record's place if nobody was first; the store's compare-and-swap
//! is the only atomic step. So three things are checked, each in its own way.
//!
//! # The decisions
//!
//! Unit tests go through every transition. A property test runs random histories of refreshes, forgeries, renewals, step-ups,
//! logouts and waiting, and checks after each event that
//! the generation grows by one with each rotation and by nothing else; that the absolute cap never moves and no deadline
//! lies behind it; that a repeat within the grace window yields the very token that was handed out before; that what was
//! made up changes nothing; that after the end everything is refused; and that no secret that was handed out is in what is
//! stored.
//!
//! # Every interleaving of a few clients
//!
//! `tests/model` searches all states that can be reached when clients refresh, present a stolen token, log out and are active
//! at once. It runs this crate's own [`Sessions`](crate::Sessions), not a model of them: each operation of the store (load,
//! replace, revoke, find, list) is a point at which any other client may go on, a second may pass, or the operation may be
//! lost, before the store has done it or after, as by a crash, a timeout or a client that went away; a finished answer may
//! be lost on its way, too. Within these bounds it is proved, by exhaustion, that
//!
//! * each generation is rotated at most once, and whoever is given its successor is given the same one;
//! * only a token that was used up and arrived after its grace window, or was older than the previous one, is taken for reuse;
//!   the session has then ended for everybody when the answer is known;
//! * a client that lost an answer and tries again with its token within the grace window is not logged out, as long as nobody
//!   has used the successor in between;
//! * once a logout has returned, no access token that was or will be handed out is accepted, in this second or any later one, no
//!   refresh or renewal that begins succeeds, and none that was under way brings the session back;
//! * the cap never moves, and no token outlives it;
//! * every operation comes to an end, and none fails while the store does not.
//!
//! | Clients | Operations in all | Seconds | Which | Grace |
//! |---|---|---|---|---|
//! | 3 | 3 | 1 | refresh, stolen token, logout | 1 s |
//! | 3 | 3 | 0 | the same, and activity | 1 s |
//! | 2 | 2 | 8: past idle timeout, cap and the last token's leeway | the same, and logout of all sessions | 2 s |
//! | 2 | 3 | 1 | the same without logout of all | none |
//! | 2 | 3 | 1 | refresh, logout, activity, with [`revoke_former_access`](crate::SessionsBuilder::revoke_former_access) | 1 s |
//! | 1 | 3 | 8 | refresh, stolen token, logout, activity | none, 2 s |
//!
//! # On threads
//!
//! Two hundred refreshes of one token on a runtime with several threads rotate it once, and all hold the same successor.
//!
//! # What is not proved
//!
//! * More clients, or more operations, than the table says; several sessions that change at once; logins that race others.
//! * A store that is not one: that its replacement is atomic, and that what it has acknowledged stays, is its own to show
//!   (the acceptance suite of `tollgate-testkit` looks for it). A write that the store carries out after it was given up can
//!   rotate a token with a rotation time that has passed already; it loses against any other write, but its client may then
//!   find the grace window shorter.
//! * Clocks that differ by more than the [leeway](crate::Issuer::leeway) between instances. One that is set back by more
//!   prolongs a grace window, and a session by as much; not a logout.
//! * What other instances have not heard yet: that is told at [`Reading`](crate::Reading).
//! * Cryptography: that HMAC-SHA256 and SHA-256 are what they are held for.
//!
//! A thief who uses the previous token within the grace window is given the same successor as its owner. It is found out as
//! soon as both have gone on from there, at the first use after the window: that is the price of the window, and
//! [`grace(Duration::ZERO)`](crate::SessionsBuilder::grace) does not pay it.

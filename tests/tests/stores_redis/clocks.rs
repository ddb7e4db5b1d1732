//! Callers whose clocks differ from that of the server.

use std::slice::from_ref;
use tollgate_core::{Clock as _, SystemClock};
use tollgate_session::{Revocation, RevocationStore, SessionStore, StoredSession};
use tollgate_tests::servers::Redis;

use crate::fixture::{HOUR, next, revocation, run, session, soon, store};

/// The differences of a caller's clock, in seconds.
const SKEWS: [i64; 6] = [5, -5, 90, -90, 3600, -3600];

#[test]
fn a_clock_that_jumps_removes_nothing() {
    let Some(server) = Redis::start() else { return };
    let (here, there) = (store(&server.url()), store(&server.url()));
    run(async {
        for skew in SKEWS {
            let now = SystemClock.now();
            let wrong = now.saturating_add_signed(skew);
            let name = |who: &str| revocation(&format!("{who} {skew}")).key;
            let entry = |who: &str, at: u64| Revocation {
                key: name(who),
                before: Revocation::ALL,
                expires_at: at + 900,
            };
            let subject = format!("u {skew}");
            let live = StoredSession {
                expires_at: now + 900,
                ..session(&subject)
            };
            assert!(soon(here.insert(&live, now)).await.unwrap());
            let before = entry("before", now);
            soon(here.revoke(from_ref(&before), now)).await.unwrap();

            // The other instance writes, lists and reads with the wrong clock.
            let during = entry("during", wrong);
            let of_now = entry("of now", now);
            let during_all = [during.clone(), of_now.clone()];
            soon(there.revoke(&during_all, wrong)).await.unwrap();
            let theirs = StoredSession {
                expires_at: wrong + 900,
                ..session(&subject)
            };
            assert!(soon(there.insert(&theirs, wrong)).await.unwrap());
            for _ in 0..70 {
                let other = StoredSession {
                    expires_at: wrong + 900,
                    ..session(&subject)
                };
                assert!(soon(there.insert(&other, wrong)).await.unwrap());
            }
            soon(there.of_subject(&subject, 1000, wrong)).await.unwrap();
            let snapshot = soon(there.snapshot(wrong)).await.unwrap();
            assert!(snapshot.entries.contains(&before), "{skew}");

            // Everything is there for the instance with the right clock.
            let keys = [before.key.clone(), of_now.key.clone()];
            let found = soon(here.find(&keys, now)).await.unwrap();
            assert_eq!(found, [before.clone(), of_now.clone()], "{skew}");
            let listed = soon(here.of_subject(&subject, 1000, now)).await.unwrap();
            assert!(listed.contains(&live), "{skew}");
            assert!(
                soon(here.replace(&next(&live), 1, now)).await.unwrap(),
                "{skew}"
            );

            // No key ends before its content, by the clock of the server.
            let lives_until = |key: &str, end: u64| {
                let left: u64 = server.command(&["PTTL", key]).parse().unwrap();
                assert!(
                    SystemClock.now() + left / 1000 >= end,
                    "{key} ends early at a skew of {skew}"
                );
            };
            if skew > 0 {
                lives_until(
                    &format!("{{tollgate:session:{}}}", theirs.id),
                    theirs.expires_at,
                );
                lives_until("{tollgate:revocations}:entries", during.expires_at);
            }
        }
    });
}

#[test]
fn the_clock_is_that_of_the_server() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    let clock = run(async { soon(store.clock()).await.unwrap().unwrap() });
    assert!(clock.abs_diff(SystemClock.now()) <= 2);
}

#[test]
fn an_entry_ends_at_most_two_hours_late() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let now = SystemClock.now();
        let entry = Revocation {
            expires_at: now + HOUR,
            ..revocation("a")
        };
        soon(store.revoke(from_ref(&entry), now)).await.unwrap();
        let key = [entry.key.clone()];
        let late = entry.expires_at + 2 * HOUR;
        let found = soon(store.find(&key, late - 1)).await.unwrap();
        assert_eq!(found, [entry]);
        assert_eq!(soon(store.find(&key, late)).await.unwrap(), []);
    });
}

/// Redis removes keys by its own clock, which may jump ahead of those of all callers.
#[test]
fn a_clock_of_the_server_that_jumps_ahead_removes_nothing() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let now = SystemClock.now();
        let live = StoredSession {
            expires_at: now + 900,
            ..session("u-7")
        };
        assert!(soon(store.insert(&live, now)).await.unwrap());
        assert!(soon(store.replace(&next(&live), 1, now)).await.unwrap());
        let entry = Revocation {
            expires_at: now + 900,
            ..revocation("a")
        };
        soon(store.revoke(from_ref(&entry), now)).await.unwrap();
        let keys = server.command(&["KEYS", "*"]);
        assert_eq!(keys.lines().count(), 6, "{keys}");
        for key in keys.lines() {
            let left: u64 = server.command(&["PTTL", key]).parse().unwrap();
            assert!(left / 1000 >= 2 * HOUR + 890, "{key} ends too early");
        }
    });
}

//! Single entries: found, extended, expired.

use tollgate_session::{MAX_RETENTION, Revocation, RevocationKey, RevocationKind};

use super::super::odd::{fresh, texts};
use super::super::{HOUR, NOW, answer};
use super::{Pair, entry};

impl Pair {
    pub(super) async fn a_revoked_key_is_found(&self) {
        let entries = [entry(), entry(), entry()];
        for entry in &entries {
            assert!(
                self.find(&entry.key, NOW).await.is_none(),
                "an entry exists that was not revoked"
            );
        }
        self.revoke(&entries[..2], NOW).await;
        for entry in &entries[..2] {
            let found = self.find(&entry.key, NOW).await;
            assert!(
                found.as_ref() == Some(entry),
                "the query for {entry:?} returned {found:?}"
            );
        }
        assert!(
            self.find(&entries[2].key, NOW).await.is_none(),
            "a key was revoked that was not in the call"
        );
        assert!(
            answer(self.one.find(&[], NOW).await).is_empty(),
            "a query without keys returned entries"
        );
        let mut keys: Vec<_> = (0..500).map(|_| entry().key).collect();
        keys.push(entries[0].key.clone());
        let found = answer(self.other.find(&keys, NOW).await);
        assert!(
            found == entries[..1],
            "a query for many keys did not return exactly the revoked one"
        );
    }

    pub(super) async fn keys_are_distinguished(&self) {
        let kinds = [
            RevocationKind::Token,
            RevocationKind::Session,
            RevocationKind::Subject,
            RevocationKind::Key,
            RevocationKind::SubjectSessions,
        ];
        // A random issuer, so that entries of another run do not collide.
        let issuer = fresh();
        let split = ["", "a", "ab", "abc", "abcd"];
        let split =
            split.map(|start| (format!("{issuer}{start}"), "abcd"[start.len()..].to_owned()));
        let odd = texts().into_iter().map(|value| (issuer.clone(), value));
        let swapped = texts()
            .into_iter()
            .map(|value| (format!("{issuer}{value}"), String::new()));
        let mut names: Vec<_> = odd.chain(swapped).chain(split).collect();
        names.sort();
        names.dedup();
        for (index, (issuer, value)) in names.iter().enumerate() {
            let kind = kinds[index % kinds.len()];
            let keys = kinds.map(|kind| RevocationKey::new(kind, issuer.clone(), value.clone()));
            let before = answer(self.one.find(&keys, NOW).await);
            assert!(
                before.is_empty(),
                "a key is confused with another: {issuer:?} {value:?}"
            );
            let revoked = Revocation {
                key: RevocationKey::new(kind, issuer.clone(), value.clone()),
                before: index as u64,
                ..entry()
            };
            self.revoke(std::slice::from_ref(&revoked), NOW).await;
            let found = answer(self.other.find(&keys, NOW).await);
            assert!(
                found == [revoked],
                "kinds or names are confused: {issuer:?} {value:?}"
            );
        }
    }

    pub(super) async fn a_repeated_revocation_extends_the_entry(&self) {
        let cases = [
            ((5, 100), (9, 200), (9, 200)),
            ((9, 200), (5, 100), (9, 200)),
            ((5, 200), (9, 100), (9, 200)),
            ((9, 100), (5, 200), (9, 200)),
            ((10, 100), (9, 99), (10, 100)),
            ((Revocation::ALL, 100), (NOW, 200), (Revocation::ALL, 200)),
            ((NOW, 200), (Revocation::ALL, 100), (Revocation::ALL, 200)),
        ];
        for (first, second, both) in cases {
            let key = entry().key;
            let of = |(before, seconds): (u64, u64)| Revocation {
                key: key.clone(),
                before,
                expires_at: NOW + HOUR + seconds,
            };
            let (first, second, both) = (of(first), of(second), of(both));
            self.revoke(std::slice::from_ref(&first), NOW).await;
            answer(self.other.revoke(std::slice::from_ref(&second), NOW).await);
            let found = self.find(&key, NOW).await;
            assert!(
                found.as_ref() == Some(&both),
                "{first:?} and then {second:?} were merged to {found:?}"
            );
            let still = self.find(&key, both.expires_at - 1).await;
            assert!(still.is_some(), "an extended entry expired early");
        }
        let mut twice = [entry(), entry()];
        twice[1].key = twice[0].key.clone();
        twice[0].before = 7;
        twice[1].before = 8;
        twice[1].expires_at -= 60;
        self.revoke(&twice, NOW).await;
        let found = self
            .find(&twice[0].key, NOW)
            .await
            .map(|found| (found.before, found.expires_at));
        assert!(
            found == Some((8, NOW + HOUR)),
            "two entries for one key in one call were merged to {found:?}"
        );
    }

    pub(super) async fn entries_expire_by_the_callers_time(&self) {
        let first = entry();
        let end = first.expires_at;
        self.revoke(std::slice::from_ref(&first), NOW).await;
        assert!(
            self.find(&first.key, end - 1).await.is_some(),
            "an entry expired early"
        );
        assert!(
            self.find(&first.key, end).await.is_none(),
            "an entry was found after its expiry"
        );
        let second = Revocation {
            before: 7,
            expires_at: end + HOUR,
            ..first
        };
        answer(self.other.revoke(std::slice::from_ref(&second), end).await);
        let found = self.find(&second.key, end).await;
        assert!(
            found.as_ref() == Some(&second),
            "an expired entry extended its successor to {found:?}"
        );

        let over = Revocation {
            expires_at: NOW,
            ..entry()
        };
        let live = entry();
        self.revoke(&[over.clone(), live.clone()], NOW).await;
        assert!(
            self.find(&over.key, NOW).await.is_none(),
            "an expired entry was stored"
        );
        assert!(
            self.find(&live.key, NOW).await == Some(live),
            "an entry was lost because another entry of the call had expired"
        );
    }

    pub(super) async fn extreme_times_are_accepted(&self) {
        let times = [
            (0, HOUR, 0),
            (1, u64::MAX, 1),
            (NOW, u64::MAX - 1, u64::MAX - 1),
            (NOW, u64::MAX - MAX_RETENTION, 2),
            (u64::MAX - HOUR, u64::MAX, Revocation::ALL),
        ];
        for (now, expires_at, before) in times {
            let entry = Revocation {
                before,
                expires_at,
                ..entry()
            };
            self.revoke(std::slice::from_ref(&entry), now).await;
            let found = self.find(&entry.key, now).await;
            assert!(
                found.as_ref() == Some(&entry),
                "the query for {entry:?}, created at {now}, returned {found:?}"
            );
            let last = self.find(&entry.key, expires_at - 1).await;
            assert!(last.is_some(), "{entry:?} expired early");
            // A time that is ahead of the store's clock ends no entry at once.
            let end = if expires_at > NOW {
                expires_at.checked_add(MAX_RETENTION)
            } else {
                Some(expires_at)
            };
            if let Some(end) = end {
                let gone = self.find(&entry.key, end).await;
                assert!(gone.is_none(), "{entry:?} was found after its end");
            }
        }
    }
}

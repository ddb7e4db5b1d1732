//! Keys with invalid values, and servers that are not Redis.

use std::slice::from_ref;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_session::{
    Position, Revocation, RevocationKey, RevocationKind, RevocationStore, Revocations,
    SessionStore, StoreErrorKind,
};
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::Redis;

use crate::fixture::{HOUR, NOW, next, revocation, run, session, soon, store};

async fn connect(server: &Redis) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

async fn write(connection: &mut MultiplexedConnection, command: &[&[u8]]) {
    let mut sent = redis::cmd(std::str::from_utf8(command[0]).unwrap());
    for argument in &command[1..] {
        sent.arg(*argument);
    }
    let _: redis::Value = sent.query_async(connection).await.unwrap();
}

#[test]
fn unreadable_sessions_and_indexes_affect_no_others() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let mut connection = connect(&server).await;
        let mine = session("u-7");
        let key = format!("{{tollgate:session:{}}}", mine.id).into_bytes();
        let end = format!("{:020}", NOW + HOUR).into_bytes();
        // No script writes or compares such numbers.
        let numbers: [[&[u8]; 2]; 2] = [[b"1", &end], [b"00000000000000000001", b"2000000000"]];
        let [revision, expires] = numbers.map(|[revision, end]| {
            let fields: [&[u8]; 4] = [b"HSET", &key, b"revision", revision];
            let others: [&[u8]; 6] = [b"expires", end, b"subject", b"u-7", b"data", b"data"];
            [&fields[..], &others].concat()
        });
        let malformed: [&[&[u8]]; 7] = [
            &revision,
            &expires,
            &[b"SET", &key, b"malformed"],
            &[b"HSET", &key, b"a", b"b"],
            &[
                b"HSET",
                &key,
                b"revision",
                b"1",
                b"expires",
                b"x",
                b"cover",
                b"y",
                b"tag",
                b"z",
            ],
            &[
                b"HSET",
                &key,
                b"revision",
                b"1",
                b"expires",
                b"99999999999999999999",
                b"subject",
                b"\xFF",
                b"data",
                b"",
            ],
            &[b"RPUSH", &key, b"a"],
        ];
        for malformed in malformed {
            write(&mut connection, &[b"DEL", &key]).await;
            write(&mut connection, malformed).await;
            let error = soon(store.load(&mine.id, NOW)).await.unwrap_err();
            assert_eq!(
                error.kind(),
                StoreErrorKind::Corrupt,
                "{error} for {malformed:?}"
            );
            let both = store.find_with_session(&mine.id, "iss", NOW).unwrap();
            assert_eq!(soon(both).await.unwrap_err(), error, "{malformed:?}");
            assert!(!soon(store.replace(&next(&mine), 1, NOW)).await.unwrap());
            assert!(!soon(store.confirm(&mine, NOW)).await.unwrap());
        }
        assert!(
            soon(store.insert(&mine, NOW)).await.unwrap(),
            "an unreadable session does not exist"
        );

        let id = mine.id.to_string();
        let index = b"{tollgate:subject:u-7}".as_slice();
        let other = session("u-8");
        assert!(soon(store.insert(&other, NOW)).await.unwrap());
        let foreign = other.id.to_string();
        let entry = format!("{:020}{NOW:020}", NOW + 2 * HOUR);
        let malformed: [&[&[u8]]; 4] = [
            &[b"SET", index, b"malformed"],
            &[b"HSET", index, b"a", b"b"],
            &[b"HSET", index, id.as_bytes(), b"b"],
            &[b"HSET", index, foreign.as_bytes(), entry.as_bytes()],
        ];
        for malformed in malformed {
            write(&mut connection, &[b"DEL", index]).await;
            let before = session("u-7");
            assert!(soon(store.insert(&before, NOW)).await.unwrap());
            if malformed[0] == b"SET" {
                write(&mut connection, malformed).await;
                assert_eq!(soon(store.of_subject("u-7", 9, NOW)).await.unwrap(), []);
            } else {
                write(&mut connection, malformed).await;
                let listed = soon(store.of_subject("u-7", 9, NOW)).await.unwrap();
                assert_eq!(&listed, from_ref(&before), "{malformed:?}");
                assert_eq!(
                    server.command(&["HLEN", "{tollgate:subject:u-7}"]),
                    "1",
                    "the entry is removed"
                );
            }
            write(&mut connection, &[b"DEL", index]).await;
            write(&mut connection, malformed).await;
            // A login repairs the index.
            let after = session("u-7");
            assert!(soon(store.insert(&after, NOW)).await.unwrap());
            let listed = soon(store.of_subject("u-7", 9, NOW)).await.unwrap();
            assert!(listed.contains(&after), "{malformed:?}");
        }
        // Other sessions are not affected.
        assert_eq!(soon(store.load(&mine.id, NOW)).await.unwrap(), Some(mine));
    });
}

#[test]
fn a_subject_is_not_forgotten_in_silence_by_a_damaged_index() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let mut connection = connect(&server).await;
        let index = b"{tollgate:subject:u-7}".as_slice();
        let (mine, lost) = (session("u-7"), session("u-7"));
        assert!(soon(store.insert(&mine, NOW)).await.unwrap());
        let id = mine.id.to_string();
        write(&mut connection, &[b"HSET", index, id.as_bytes(), b"x"]).await;
        assert_eq!(soon(store.forget("u-7", NOW)).await.unwrap(), 1);
        assert_eq!(soon(store.load(&mine.id, NOW)).await.unwrap(), None);
        assert_eq!(server.command(&["DBSIZE"]), "0", "the entry is removed");

        assert!(soon(store.insert(&lost, NOW)).await.unwrap());
        write(&mut connection, &[b"SET", index, b"malformed"]).await;
        let error = soon(store.forget("u-7", NOW)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
    });
}

const PLACE: &[u8] = b"{tollgate:revocations}:position";
const ENTRIES: &[u8] = b"{tollgate:revocations}:entries";
const ENDINGS: &[u8] = b"{tollgate:revocations}:endings";
const ORDER: &[u8] = b"{tollgate:revocations}:order";

#[test]
fn revocations_are_rebuilt_from_their_entries() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let mut connection = connect(&server).await;
        let commands: [&[&[u8]]; 9] = [
            &[b"SET", PLACE, b"malformed"],
            &[b"SET", ENDINGS, b"malformed"],
            &[b"SET", ORDER, b"malformed"],
            &[b"DEL", PLACE],
            &[b"DEL", ENDINGS],
            &[b"DEL", ORDER],
            &[b"HSET", PLACE, b"sequence", b"x"],
            &[b"HSET", PLACE, b"epoch", b"1"],
            &[b"HDEL", PLACE, b"kept"],
        ];
        for command in commands {
            for revoked_first in [true, false] {
                write(&mut connection, &[b"FLUSHALL"]).await;
                soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
                let before = soon(store.position()).await.unwrap();
                write(&mut connection, command).await;
                if revoked_first {
                    soon(store.revoke(&[revocation("b")], NOW)).await.unwrap();
                }
                // Neither is missing in the changes: the caller takes a snapshot.
                let _ = soon(store.changes(before, NOW)).await.unwrap();
                if !revoked_first {
                    soon(store.revoke(&[revocation("b")], NOW)).await.unwrap();
                }
                assert_ne!(
                    soon(store.position()).await.unwrap().epoch,
                    before.epoch,
                    "{command:?}"
                );
                let snapshot = soon(store.snapshot(NOW)).await.unwrap();
                assert_eq!(snapshot.entries.len(), 2, "{command:?}");
                for value in ["a", "b"] {
                    assert!(snapshot.entries.contains(&revocation(value)));
                }
                let late = NOW + HOUR + 301;
                let last = Revocation {
                    expires_at: late + HOUR,
                    ..revocation("c")
                };
                soon(store.revoke(&[last], late)).await.unwrap();
                let left = server.command(&["HLEN", "{tollgate:revocations}:entries"]);
                assert_eq!(left, "1", "ended entries are still removed");
            }
        }
    });
}

#[test]
fn entries_of_another_type_fail_closed_and_lost_ones_begin_a_new_epoch() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let mut connection = connect(&server).await;
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
        let before = soon(store.position()).await.unwrap();
        write(&mut connection, &[b"DEL", ENTRIES]).await;
        let after = soon(store.position()).await.unwrap();
        assert_ne!(after.epoch, before.epoch, "the loss is noticed");

        let revocations = Revocations::builder(store.clone(), "https://id.example.com");
        let revocations = revocations.build().unwrap();
        let synced = async {
            while !revocations.in_sync() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon(synced).await;
        write(&mut connection, &[b"SET", ENTRIES, b"malformed"]).await;
        soon(revocations.revoke_session("a")).await.unwrap_err();
        assert!(!revocations.in_sync(), "nothing can be revoked");
        for error in [
            soon(store.revoke(&[revocation("a")], NOW))
                .await
                .unwrap_err(),
            soon(store.find(&[revocation("a").key], NOW))
                .await
                .unwrap_err(),
            soon(store.snapshot(NOW)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
        }
        write(&mut connection, &[b"DEL", ENTRIES]).await;
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
    });
}

#[test]
fn an_unreadable_revocation_revokes_what_it_may_have_revoked() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    let subject = Revocation {
        key: RevocationKey::new(RevocationKind::Subject, "https://id.example.com", "u-7"),
        before: NOW,
        expires_at: NOW + HOUR,
    };
    run(async {
        let mut connection = connect(&server).await;
        for malformed in [&b"malformed"[..], b"", &[b'9'; 40], &[0xFF; 40]] {
            for how in 0..4 {
                write(&mut connection, &[b"FLUSHALL"]).await;
                let written = [subject.clone(), revocation("a"), revocation("b")];
                soon(store.revoke(&written, NOW)).await.unwrap();
                for broken in [&written[0], &written[1]] {
                    let key = broken.key.to_bytes();
                    write(&mut connection, &[b"HSET", ENTRIES, &key, malformed]).await;
                }
                write(&mut connection, &[b"HSET", ENTRIES, b"no key", malformed]).await;
                let at = soon(store.position()).await.unwrap();
                match how {
                    0 => {
                        let keys = written.clone().map(|entry| entry.key);
                        let found = soon(store.find(&keys, NOW + 5)).await.unwrap();
                        assert_eq!(found.len(), 3);
                    }
                    1 => {
                        let snapshot = soon(store.snapshot(NOW + 5)).await.unwrap();
                        assert_eq!(snapshot.entries.len(), 3);
                    }
                    2 => {
                        let short = [0, 1].map(|index: usize| Revocation {
                            before: 1,
                            expires_at: NOW + 6,
                            ..written[index].clone()
                        });
                        soon(store.revoke(&short, NOW + 5)).await.unwrap();
                    }
                    _ => {
                        let from = Position { sequence: 0, ..at };
                        let changes = soon(store.changes(from, NOW + 5)).await.unwrap();
                        assert_eq!(changes.unwrap().entries.len(), 3);
                    }
                }
                // It is repaired once, so that later tokens of the subject are good.
                let snapshot = soon(store.snapshot(NOW + 60)).await.unwrap();
                let of = |key: &RevocationKey| {
                    let mut entries = snapshot.entries.iter();
                    entries.find(|entry| entry.key == *key).unwrap().clone()
                };
                assert_eq!(of(&subject.key).before, NOW + 6, "{how} {malformed:?}");
                assert_eq!(of(&written[1].key).before, Revocation::ALL);
                assert!(of(&written[1].key).expires_at >= NOW + HOUR);
                assert_eq!(of(&written[2].key), written[2]);
                assert!(
                    soon(store.position()).await.unwrap().sequence > at.sequence,
                    "other instances learn of it"
                );
            }
        }
    });
}

/// Changes random fields and keys between operations, on which no other session may depend.
#[test]
fn random_changes_affect_only_their_own_session() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let mut connection = connect(&server).await;
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % u64::try_from(below).unwrap()).unwrap()
        };
        for round in 0..400 {
            let now = NOW + round;
            let (mine, other) = (session("u-7"), session("u-7"));
            soon(store.insert(&mine, now)).await.unwrap();
            soon(store.revoke(&[revocation("a")], now)).await.unwrap();
            let keys: Vec<String> = redis::cmd("KEYS")
                .arg("{tollgate*")
                .query_async(&mut connection)
                .await
                .unwrap();
            for _ in 0..=random(3) {
                let key = keys[random(keys.len())].as_bytes();
                // The entries as a whole are the exception: without them nothing is known.
                let whole = random(4) == 0 && key != ENTRIES;
                mutate(&mut connection, key, whole, &mut random).await;
            }
            // Nothing fails but the read of a damaged session.
            assert!(soon(store.insert(&other, now)).await.unwrap());
            let newer = next(&other);
            assert!(soon(store.replace(&newer, 1, now)).await.unwrap());
            assert!(soon(store.confirm(&newer, now)).await.unwrap());
            assert_eq!(
                soon(store.load(&other.id, now)).await.unwrap(),
                Some(newer.clone())
            );
            if let Err(error) = soon(store.load(&mine.id, now)).await {
                assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
            }
            soon(store.replace(&next(&mine), 1, now)).await.unwrap();
            let listed = soon(store.of_subject("u-7", 10_000, now)).await.unwrap();
            assert!(listed.contains(&newer), "round {round}");
            let entry = revocation(&round.to_string());
            soon(store.revoke(from_ref(&entry), now)).await.unwrap();
            let found = soon(store.find(&[entry.key.clone(), revocation("a").key], now)).await;
            assert!(found.unwrap().contains(&entry), "round {round}");
            let snapshot = soon(store.snapshot(now)).await.unwrap();
            assert!(snapshot.entries.contains(&entry));
            soon(store.changes(snapshot.position, now)).await.unwrap();
            // An attack on the revocations as such ends here.
            write(&mut connection, &[b"DEL", ENTRIES, PLACE]).await;
        }
    });
}

async fn mutate(
    connection: &mut MultiplexedConnection,
    key: &[u8],
    whole: bool,
    random: &mut impl FnMut(usize) -> usize,
) {
    let values: [&[u8]; 7] = [b"", b"x", b"-1", &[b'9'; 20], &[b'9'; 40], b"\xFF\0", b"{}"];
    let value = values[random(values.len())];
    if whole {
        let kinds: [&[&[u8]]; 4] = [
            &[b"SET", key, value],
            &[b"RPUSH", key, value],
            &[b"HSET", key, value, value],
            &[b"ZADD", key, b"1", value],
        ];
        write(connection, &[b"DEL", key]).await;
        write(connection, kinds[random(kinds.len())]).await;
        return;
    }
    let kind: String = redis::cmd("TYPE")
        .arg(key)
        .query_async(connection)
        .await
        .unwrap();
    let list: &[&[u8]] = match &*kind {
        "hash" => &[b"HKEYS", key],
        "zset" => &[b"ZRANGE", key, b"0", b"-1"],
        _ => return,
    };
    let mut command = redis::cmd(std::str::from_utf8(list[0]).unwrap());
    for argument in &list[1..] {
        command.arg(*argument);
    }
    let members: Vec<Vec<u8>> = command.query_async(connection).await.unwrap();
    let member = &members[random(members.len())];
    let changes: [&[&[u8]]; 3] = if kind == "hash" {
        [
            &[b"HSET", key, member, value],
            &[b"HDEL", key, member],
            &[b"HSET", key, value, value],
        ]
    } else {
        [
            &[b"ZADD", key, b"-7", member],
            &[b"ZREM", key, member],
            &[b"ZADD", key, b"inf", value],
        ]
    };
    write(connection, changes[random(changes.len())]).await;
}

#[test]
fn servers_that_are_not_redis_yield_no_data() {
    let answers: [&[u8]; 9] = [
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n",
        b"+OK\r\n",
        b":1\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        b"$999999999999\r\n",
        b"-\r\n",
        b"\0\xFF\r\n\r\n",
    ];
    run(async {
        for answer in answers {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("redis://{}", listener.local_addr().unwrap());
            // The server sends the same response to every request.
            let server = tokio::spawn(async move {
                while let Ok((mut client, _)) = listener.accept().await {
                    tokio::spawn(async move {
                        let mut heard = [0; 1024];
                        while let Ok(1..) = client.read(&mut heard).await {
                            for _ in 0..3 {
                                if client.write_all(answer).await.is_err() {
                                    return;
                                }
                            }
                        }
                    });
                }
            });
            let brief = std::time::Duration::from_millis(300);
            for builder in [
                RedisStore::builder(&url),
                RedisStore::cluster([url.as_str()]),
            ] {
                let store = builder.timeout(brief).build().unwrap();
                let mine = session("u-7");
                // No response may produce data that does not exist.
                let _ = soon(store.insert(&mine, NOW)).await;
                assert!(!matches!(
                    soon(store.load(&mine.id, NOW)).await,
                    Ok(Some(_))
                ));
                assert!(
                    soon(store.of_subject("u-7", 9, NOW)).await.is_err(),
                    "{answer:?}"
                );
                assert!(soon(store.snapshot(NOW)).await.is_err(), "{answer:?}");
                assert!(soon(store.position()).await.is_err(), "{answer:?}");
                assert!(
                    soon(store.find(&[revocation("a").key], NOW)).await.is_err(),
                    "{answer:?}"
                );
                if let Ok(mut feed) = soon(store.feed()).await {
                    assert!(soon(feed.next()).await.is_err(), "{answer:?}");
                }
            }
            server.abort();
        }
    });
}

/// An instance that has not seen a session reads it and its revocations by a script.
#[test]
fn an_unknown_session_and_its_revocations_equal_both_reads() {
    const ISSUER: &str = "https://id.example.com";
    let Some(server) = Redis::start() else { return };
    let known = store(&server.url());
    run(async {
        let mut connection = connect(&server).await;
        let mine = session("u }%\0-7");
        let keys = RevocationKey::of_session(ISSUER, &mine.id, &mine.subject);
        let equal = async |now| {
            let unknown = store(&server.url());
            let both = unknown.find_with_session(&mine.id, ISSUER, now).unwrap();
            let session = soon(known.load(&mine.id, now)).await.unwrap();
            let entries = soon(known.find(&keys, now)).await;
            match (soon(both).await, session) {
                (Ok(both), Some(session)) => {
                    let (found, entries) = (both.unwrap(), entries.unwrap());
                    assert_eq!(found, (session, entries.clone()));
                    entries.len()
                }
                (both, None) => {
                    assert_eq!(both.unwrap(), None);
                    0
                }
                (Err(error), Some(_)) => {
                    assert_eq!(error, entries.unwrap_err());
                    9
                }
            }
        };
        assert_eq!(equal(NOW).await, 0, "missing");
        assert!(known.insert(&mine, NOW).await.unwrap());
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(equal(NOW).await, number);
            let entry = Revocation {
                key: key.clone(),
                before: NOW,
                expires_at: NOW + 600,
            };
            soon(known.revoke(&[entry], NOW)).await.unwrap();
        }
        assert_eq!(equal(NOW + 599).await, 3);
        assert_eq!(equal(NOW + HOUR - 1).await, 0, "the revocations have ended");
        assert_eq!(equal(NOW + HOUR).await, 0, "expired");
        let entries = b"{tollgate:revocations}:entries".as_slice();
        write(&mut connection, &[b"SET", entries, b"malformed"]).await;
        assert_eq!(equal(NOW).await, 9, "an error");
    });
}

//! Keys with invalid values, and servers that are not Redis.

use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_session::{RevocationStore, SessionStore, StoreErrorKind};
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::Redis;

use crate::fixture::{NOW, next, revocation, run, session, soon, store};

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
fn an_invalid_session_value_is_corrupt() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let mut connection = connect(&server).await;
        let mine = session("u-7");
        let key = format!("{{tollgate:session:{}}}", mine.id).into_bytes();
        let malformed: [&[&[u8]]; 5] = [
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
            let errors = [
                soon(store.load(&mine.id, NOW)).await.unwrap_err(),
                soon(store.replace(&next(&mine), 1, NOW)).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(
                    error.kind(),
                    StoreErrorKind::Corrupt,
                    "{error} for {malformed:?}"
                );
            }
        }
        assert_eq!(
            soon(store.insert(&mine, NOW)).await.unwrap_err().kind(),
            StoreErrorKind::Corrupt
        );
        write(&mut connection, &[b"DEL", &key]).await;
        assert!(soon(store.insert(&mine, NOW)).await.unwrap());

        let id = mine.id.to_string();
        let index = b"{tollgate:subject:u-7}".as_slice();
        let malformed: [&[&[u8]]; 3] = [
            &[b"SET", index, b"malformed"],
            &[b"HSET", index, b"a", b"b"],
            &[b"HSET", index, id.as_bytes(), b"b"],
        ];
        for malformed in malformed {
            write(&mut connection, &[b"DEL", index]).await;
            write(&mut connection, malformed).await;
            let error = soon(store.of_subject("u-7", 9, NOW)).await.unwrap_err();
            assert_eq!(
                error.kind(),
                StoreErrorKind::Corrupt,
                "{error} for {malformed:?}"
            );
        }
        // Other sessions are not affected.
        assert_eq!(soon(store.load(&mine.id, NOW)).await.unwrap(), Some(mine));
        assert!(soon(store.insert(&session("u-8"), NOW)).await.unwrap());
    });
}

#[test]
fn an_invalid_revocation_value_is_corrupt_and_nothing_is_written() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let mut connection = connect(&server).await;
        let place = b"{tollgate:revocations}:position".as_slice();
        let entries = b"{tollgate:revocations}:entries".as_slice();
        let endings = b"{tollgate:revocations}:endings".as_slice();
        let order = b"{tollgate:revocations}:order".as_slice();
        let key = revocation("a").key.to_bytes();
        for corrupted in [place, entries, endings, order] {
            write(&mut connection, &[b"FLUSHALL"]).await;
            soon(store.revoke(&[revocation("b")], NOW)).await.unwrap();
            let others: Vec<&[u8]> = [place, entries, endings, order]
                .into_iter()
                .filter(|key| *key != corrupted)
                .collect();
            write(&mut connection, &[b"SET", corrupted, b"malformed"]).await;
            let before = dump(&mut connection, &others).await;
            let error = soon(store.revoke(&[revocation("a")], NOW))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
            assert_eq!(
                dump(&mut connection, &others).await,
                before,
                "a failed call was executed partially"
            );
        }
        write(&mut connection, &[b"FLUSHALL"]).await;
        soon(store.revoke(&[revocation("b")], NOW)).await.unwrap();
        write(&mut connection, &[b"HSET", entries, &key, b"malformed"]).await;
        for error in [
            soon(store.revoke(&[revocation("c"), revocation("a")], NOW))
                .await
                .unwrap_err(),
            soon(store.find(&[revocation("a").key], NOW))
                .await
                .unwrap_err(),
            soon(store.snapshot(NOW)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
        }
        assert_eq!(
            soon(store.find(&[revocation("c").key], NOW)).await.unwrap(),
            []
        );
        write(&mut connection, &[b"HDEL", entries, &key]).await;
        write(&mut connection, &[b"HSET", place, b"sequence", b"x"]).await;
        for error in [
            soon(store.revoke(&[revocation("c")], NOW))
                .await
                .unwrap_err(),
            soon(store.position()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
        }
        write(&mut connection, &[b"DEL", place]).await;
        soon(store.revoke(&[revocation("c")], NOW)).await.unwrap();
    });
}

async fn dump(connection: &mut MultiplexedConnection, keys: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut dumps = Vec::new();
    for key in keys {
        dumps.push(
            redis::cmd("DUMP")
                .arg(*key)
                .query_async(connection)
                .await
                .unwrap(),
        );
    }
    dumps
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

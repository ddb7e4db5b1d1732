//! Sessions and revocations in Redis, on real servers.

use tollgate_tests::servers::{Redis, RedisCluster};

#[test]
fn t1() {
    let Some(mut s) = Redis::start() else { return };
    println!("{}", s.command(&["INFO", "replication"]));
    s.restart();
    s.stop();
    s.restart();
}
#[test]
fn t2() {
    let t = std::time::Instant::now();
    let Some(mut c) = RedisCluster::start() else {
        return;
    };
    println!("{:?}", t.elapsed());
    println!("{}", c.nodes()[0].command(&["CLUSTER", "NODES"]));
    let m = c.master_of("foo");
    c.node(m).stop();
    let t = std::time::Instant::now();
    tollgate_tests::servers::eventually("failover", || c.master_of("foo") != m);
    println!("{:?}", t.elapsed());
    c.until_ready();
    println!("{:?}", t.elapsed());
}

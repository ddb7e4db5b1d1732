//! Paused tokio time, advanced by the test.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::runtime::Handle;

/// Lets time pass: every timer fires at its own time, then all tasks run until they wait.
pub(crate) async fn pass(time: Duration) {
    // Paused time advances only while every task waits.
    tokio::time::sleep(time).await;
    settled().await;
}

/// Runs all tasks until they wait; the time does not change.
pub(crate) async fn settled() {
    // More turns than the longest chain of tasks that wake each other.
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Advances time before any task can run, as after a suspend.
pub(crate) fn jump(time: Duration) {
    let advance = pin!(tokio::time::advance(time));
    let _ = advance.poll(&mut Context::from_waker(Waker::noop()));
}

/// Returns the number of tasks that are alive.
pub(crate) fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

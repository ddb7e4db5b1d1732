//! A runtime with paused time that the test advances, and keys on that time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tollgate_core::{BoxFuture, Key, KeyEpoch, KeySet, KeySource, MissingKey, Step, Unavailable};
use tollgate_oidc::RemoteKeys;

/// A runtime on its own thread. Its time passes only through [`advance`](Self::advance), even while
/// its tasks wait for sockets.
pub(crate) struct PausedRuntime {
    handle: Handle,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PausedRuntime {
    pub(crate) fn start() -> Self {
        let (stop, stopped) = channel::<()>();
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap();
            tell.send(runtime.handle().clone()).unwrap();
            // Paused time does not advance automatically while a blocking task runs.
            let hold = runtime.spawn_blocking(move || {
                let _ = stopped.recv();
            });
            runtime.block_on(hold).unwrap();
        });
        Self {
            handle: told.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Advances the time and runs the tasks that are due.
    pub(crate) fn advance(&self, time: Duration) {
        // On the runtime itself, to wake it.
        let advanced = self.handle.spawn(async move {
            tokio::time::advance(time).await;
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
        });
        self.handle.block_on(advanced).unwrap();
    }
}

impl Drop for PausedRuntime {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A key source that uses the time of the paused runtime, on any runtime of the service.
pub(crate) struct PausedKeys {
    pub(crate) keys: RemoteKeys,
    pub(crate) handle: Handle,
}

impl KeySource for PausedKeys {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        let _entered = self.handle.enter();
        self.keys.keys()
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        let _entered = self.handle.enter();
        self.keys.epoch()
    }

    fn refresh(&self, missing: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        let _entered = self.handle.enter();
        match self.keys.refresh(missing) {
            Step::Pending(refreshed) => Step::pending(Entered {
                handle: self.handle.clone(),
                future: refreshed,
            }),
            ready @ Step::Ready(_) => ready,
        }
    }

    fn issuer(&self) -> Option<&str> {
        self.keys.issuer()
    }

    fn used(&self, key: &Key, now: u64) {
        self.keys.used(key, now);
    }
}

/// A future that is polled within the runtime of the handle.
struct Entered<T> {
    handle: Handle,
    future: BoxFuture<T>,
}

impl<T> Future for Entered<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let _entered = this.handle.enter();
        this.future.as_mut().poll(context)
    }
}

//! A scripted key source that records its calls.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use tollgate_core::{
    Algorithm, Key, KeyEpoch, KeySet, KeySource, MissingKey, SigningKey, Step, Unavailable,
};

#[derive(Clone)]
pub(crate) struct Scripted(Arc<Mutex<State>>);

struct State {
    keys: Result<Arc<KeySet>, Unavailable>,
    script: Script,
    asked: Vec<(Option<String>, Algorithm)>,
    used: Vec<(Option<String>, u64)>,
    /// Number of pending waits.
    waits: usize,
    /// Number of reads of the keys.
    reads: usize,
}

/// The scripted reaction to a request for a key.
#[derive(Clone)]
pub(crate) enum Script {
    Pointless,
    Unavailable(Unavailable),
    /// Returns this result at the third poll, and then has these keys.
    Pending(Result<Arc<KeySet>, Unavailable>, Result<(), Unavailable>),
}

pub(crate) fn set(keys: &[&SigningKey]) -> Arc<KeySet> {
    Arc::new(keys.iter().map(|key| key.verifying_key()).collect())
}

impl Scripted {
    pub(crate) fn new(keys: Result<Arc<KeySet>, Unavailable>, script: Script) -> Self {
        Self(Arc::new(Mutex::new(State {
            keys,
            script,
            asked: Vec::new(),
            used: Vec::new(),
            waits: 0,
            reads: 0,
        })))
    }

    /// Creates a source with one set, and another after a wait.
    pub(crate) fn rotating(before: &[&SigningKey], after: &[&SigningKey]) -> Self {
        Self::new(Ok(set(before)), Script::Pending(Ok(set(after)), Ok(())))
    }

    /// Number of requests for a key.
    pub(crate) fn asked(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }

    pub(crate) fn asked_for(&self) -> Vec<(Option<String>, Algorithm)> {
        self.0.lock().unwrap().asked.clone()
    }

    pub(crate) fn used(&self) -> Vec<(Option<String>, u64)> {
        self.0.lock().unwrap().used.clone()
    }

    /// Number of reads of the keys.
    pub(crate) fn reads(&self) -> usize {
        self.0.lock().unwrap().reads
    }

    pub(crate) fn waits(&self) -> usize {
        self.0.lock().unwrap().waits
    }
}

impl KeySource for Scripted {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        state.keys.clone()
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        let state = self.0.lock().unwrap();
        state
            .keys
            .as_ref()
            .map(|keys| keys.epoch())
            .map_err(|down| *down)
    }

    fn refresh(&self, missing: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        let mut state = self.0.lock().unwrap();
        let kid = missing.kid().map(str::to_owned);
        state.asked.push((kid, missing.algorithm()));
        match state.script.clone() {
            Script::Pointless => Step::Ready(Ok(())),
            Script::Unavailable(down) => Step::Ready(Err(down)),
            Script::Pending(keys, says) => {
                state.waits += 1;
                let waiting = Waiting(self.clone());
                let mut looks = 0;
                Step::pending(async move {
                    poll_fn(|_| {
                        looks += 1;
                        if looks < 3 {
                            Poll::Pending
                        } else {
                            Poll::Ready(())
                        }
                    })
                    .await;
                    waiting.0.0.lock().unwrap().keys = keys;
                    says
                })
            }
        }
    }

    fn used(&self, key: &Key, now: u64) {
        let kid = key.kid().map(str::to_owned);
        self.0.lock().unwrap().used.push((kid, now));
    }
}

struct Waiting(Scripted);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().waits -= 1;
    }
}

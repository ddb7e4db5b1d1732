//! The acceptance suite on the store in memory.

use std::sync::Arc;

use tollgate_session::MemoryStore;
use tollgate_testkit::stores;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_passes_the_acceptance_suite() {
    let store = MemoryStore::default();
    stores::accept(Arc::new(store.clone()), Arc::new(store)).await;
}

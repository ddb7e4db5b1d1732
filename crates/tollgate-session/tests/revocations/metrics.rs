//! The fill level of the revocations as metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{
    Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tollgate_session::{MemoryStore, Revocations};

#[derive(Clone, Default)]
struct Gauges(Arc<Mutex<BTreeMap<String, f64>>>);

struct Named(Gauges, String);

impl GaugeFn for Named {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), value);
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let labels = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()));
        let labels: Vec<_> = labels.collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Gauge::from_arc(Arc::new(Named(self.clone(), name)))
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn the_fill_level_is_reported() {
    let gauges = Gauges::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    metrics::with_local_recorder(&gauges, || {
        runtime.block_on(async {
            let store = MemoryStore::default().with_clock(|| 1_700_000_000);
            let revocations = Revocations::builder(store, "i")
                .max_entries(20)
                .clock(|| 1_700_003_600)
                .build()
                .unwrap();
            let shown = |name: &str| gauges.0.lock().unwrap()[name].to_string();
            revocations.revoke_key("2030-12").await.unwrap();
            revocations.revoke_subject("u-7", 1).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(shown("tollgate_revocation_entries{issuer=i}"), "2");
            assert_eq!(shown("tollgate_revocation_max_entries{issuer=i}"), "20");
            assert_eq!(shown("tollgate_store_clock_skew_seconds{issuer=i}"), "3600");

            // Also of a replica that has no room for the next one.
            for number in 0..30 {
                revocations.revoke_session(&number).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(shown("tollgate_revocation_entries{issuer=i}"), "20");
        });
    });
}

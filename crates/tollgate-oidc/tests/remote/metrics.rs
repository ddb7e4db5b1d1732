//! Events as metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use tollgate_oidc::FetchErrorKind;

use crate::fixture::{JWKS, World, key, seconds};
use crate::time::pass;

#[derive(Clone, Default)]
struct Numbers(Arc<Mutex<BTreeMap<String, f64>>>);

struct Number(Numbers, String);

impl Number {
    fn update(&self, change: impl FnOnce(&mut f64)) {
        change(self.0.0.lock().unwrap().entry(self.1.clone()).or_default());
    }
}

impl CounterFn for Number {
    fn increment(&self, by: u64) {
        self.update(|value| *value += by as f64);
    }
    fn absolute(&self, value: u64) {
        self.update(|number| *number = value as f64);
    }
}

impl GaugeFn for Number {
    fn increment(&self, by: f64) {
        self.update(|value| *value += by);
    }
    fn decrement(&self, by: f64) {
        self.update(|value| *value -= by);
    }
    fn set(&self, value: f64) {
        self.update(|number| *number = value);
    }
}

impl Numbers {
    fn number(&self, key: &Key) -> Arc<Number> {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        Arc::new(Number(
            self.clone(),
            format!("{}{{{}}}", key.name(), labels.join(",")),
        ))
    }

    fn get(&self, name: &str) -> f64 {
        let numbers = self.0.lock().unwrap();
        *numbers
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {numbers:?}"))
    }
}

impl Recorder for Numbers {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.number(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.number(key))
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn fetches_and_keys_are_counted() {
    let numbers = Numbers::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let world = World::new();
    metrics::with_local_recorder(&numbers, || {
        runtime.block_on(async {
            let service = world.service(&[key("1"), key("2")]).await;
            pass(seconds(480)).await;
            let success = world.clock.seconds();
            pass(seconds(60)).await;
            service.request(&key("3")).await;
            let success = success + 60;
            world.provider.fail(JWKS, FetchErrorKind::Unreachable);
            pass(seconds(480 + 10)).await;
            let of = |name: &str| numbers.get(&format!("{name}{{source={JWKS}}}"));
            let fetches = |outcome: &str| {
                numbers.get(&format!(
                    "tollgate_jwks_fetches_total{{source={JWKS},outcome={outcome}}}"
                ))
            };
            assert_eq!(
                (
                    fetches("refreshed"),
                    fetches("unchanged"),
                    fetches("failed")
                ),
                (1.0, 2.0, 2.0)
            );
            assert_eq!(of("tollgate_jwks_keys"), 2.0);
            assert_eq!(of("tollgate_jwks_unknown_keys_total"), 1.0);
            assert_eq!(of("tollgate_jwks_consecutive_failures"), 2.0);
            assert_eq!(
                of("tollgate_jwks_last_success_timestamp_seconds"),
                success as f64
            );
            pass(seconds(5000)).await;
            assert_eq!(of("tollgate_jwks_keys"), 0.0);
        });
    });
}

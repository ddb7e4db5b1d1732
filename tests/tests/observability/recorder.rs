//! Counters in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// The counters by name and label values.
#[derive(Clone, Default)]
pub(crate) struct Counts(Arc<Mutex<BTreeMap<(String, String), u64>>>);

impl Counts {
    /// The label values of a counter, each as often as it was counted.
    pub(crate) fn of(&self, name: &str) -> Vec<String> {
        let counts = self.0.lock().expect("no panic");
        let of_name = counts.iter().filter(|((got, _), _)| got == name);
        let repeated = of_name.flat_map(|((_, labels), count)| {
            std::iter::repeat_n(
                labels.clone(),
                usize::try_from(*count).expect("a small number"),
            )
        });
        repeated.collect()
    }
}

struct One(Counts, (String, String));

impl CounterFn for One {
    fn increment(&self, value: u64) {
        let mut counts = self.0.0.lock().expect("no panic");
        *counts.entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, _: u64) {}
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key.labels().map(metrics::Label::value).collect();
        let named = (key.name().to_owned(), labels.join(" "));
        Counter::from_arc(Arc::new(One(self.clone(), named)))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

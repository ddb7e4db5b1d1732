//! The refusals of the endpoints as metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tollgate_core::{Endpoint, EndpointRequest};
use tollgate_session::{LoginFailure, SessionEndpoints, Transport};

use crate::fixture::Service;

#[derive(Clone, Default)]
struct Counters(Arc<Mutex<BTreeMap<String, u64>>>);

struct Named(Counters, String);

impl CounterFn for Named {
    fn increment(&self, by: u64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += by;
    }
    fn absolute(&self, _: u64) {}
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels = key.labels().map(metrics::Label::value);
        let labels: Vec<_> = labels.collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Counter::from_arc(Arc::new(Named(self.clone(), name)))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn each_response_is_counted_by_operation_and_outcome() {
    let counters = Counters::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let requests = [
        ("POST", "/login", "", "login wrong_credentials"),
        (
            "POST",
            "/refresh",
            "grant_type=refresh_token&refresh_token=u-7",
            "refresh session_over",
        ),
        (
            "POST",
            "/refresh",
            "grant_type=u-7",
            "refresh unsupported_grant_type",
        ),
        ("POST", "/refresh", "%", "refresh malformed_content"),
        ("GET", "/logout", "", "logout method_not_allowed"),
        ("GET", "/sessions", "", "sessions missing_credential"),
        ("GET", "/u-7", "", "none not_found"),
    ];
    metrics::with_local_recorder(&counters, || {
        runtime.block_on(async {
            let service = Service::new();
            let endpoints = SessionEndpoints::builder(service.sessions.clone(), Transport::Json)
                .login(|_| std::future::ready(Err(LoginFailure::refused())))
                .build()
                .unwrap();
            for (method, path, content, _) in requests {
                let mut request = EndpointRequest::new(method, path);
                let form = b"application/x-www-form-urlencoded".to_vec();
                request.headers.push(("content-type".to_owned(), form));
                request.content = content.as_bytes().to_vec();
                endpoints.respond(request).await;
            }
        });
    });
    let counted = counters.0.lock().unwrap();
    let counted = counted.iter().filter_map(|(name, count)| {
        Some((
            name.strip_prefix("tollgate_session_operations_total ")?,
            *count,
        ))
    });
    let wanted: BTreeMap<_, _> = requests.iter().map(|(.., name)| (*name, 1)).collect();
    assert_eq!(counted.collect::<BTreeMap<_, _>>(), wanted);
}

//! Delivery of events.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::event::Event;
use crate::settings::Settings;

/// Sends an event to the log, the metrics and the callback. A panic of the callback does not stop
/// the fetching.
pub(super) fn announce(settings: &Settings, event: &Event) {
    log(event);
    #[cfg(feature = "metrics")]
    record(event, settings);
    if let Some(hook) = &settings.on_event {
        let _ = catch_unwind(AssertUnwindSafe(|| hook(event)));
    }
}

fn log(event: &Event) {
    match event {
        Event::Refreshed { skipped, .. } if !skipped.is_empty() => {
            tracing::warn!(target: "tollgate", ?skipped, "{event}");
        }
        Event::Refreshed { .. } => tracing::info!(target: "tollgate", "{event}"),
        Event::Unchanged { .. } => tracing::debug!(target: "tollgate", "{event}"),
        Event::Failed { .. } | Event::UnknownKey { .. } => {
            tracing::warn!(target: "tollgate", "{event}");
        }
        Event::Expired { .. } | Event::Withdrawn { .. } => {
            tracing::error!(target: "tollgate", "{event}");
        }
    }
}

#[cfg(feature = "metrics")]
fn record(event: &Event, settings: &Settings) {
    // Every source is a label value, and attackers can invent tenants. So tenants are counted
    // together, without the metrics of a single source.
    let together = settings.issuer_supplied;
    let source = if together { "tenants" } else { event.source() }.to_owned();
    let outcome = match event {
        Event::Refreshed { .. } => "refreshed",
        Event::Unchanged { .. } => "unchanged",
        Event::Failed { .. } => "failed",
        Event::Expired { .. } | Event::Withdrawn { .. } => {
            if !together {
                metrics::gauge!("tollgate_jwks_keys", "source" => source).set(0.0);
            }
            return;
        }
        Event::UnknownKey { count, .. } => {
            let count = u64::try_from(*count).unwrap_or(u64::MAX);
            metrics::counter!("tollgate_jwks_unknown_keys_total", "source" => source)
                .increment(count);
            return;
        }
    };
    metrics::counter!("tollgate_jwks_fetches_total", "source" => source.clone(),
        "outcome" => outcome)
    .increment(1);
    if together {
        return;
    }
    let failures = if let Event::Failed { consecutive, .. } = event {
        *consecutive
    } else {
        #[allow(clippy::cast_precision_loss, reason = "exact for all realistic times")]
        let now = settings.clock.now() as f64;
        metrics::gauge!("tollgate_jwks_last_success_timestamp_seconds", "source" => source.clone())
            .set(now);
        0
    };
    metrics::gauge!("tollgate_jwks_consecutive_failures", "source" => source.clone())
        .set(f64::from(failures));
    if let Event::Refreshed { keys, .. } | Event::Unchanged { keys, .. } = event {
        // A set has at most 128 keys.
        let keys = u32::try_from(*keys).unwrap_or(u32::MAX);
        metrics::gauge!("tollgate_jwks_keys", "source" => source).set(f64::from(keys));
    }
}

//! Log events and metrics of the endpoints. No label and no field has a value that a client can
//! invent.

use serde::Deserialize;
use tollgate_core::Answer;

use super::SessionEndpoints;
use crate::device::Device;
use crate::event::{EventTransport, LoginRefusal, SessionEvent, SessionEventKind};

/// Counts a response, and logs a refusal.
pub(super) fn answered(operation: &'static str, answer: &Answer) {
    let outcome = outcome(answer);
    // The cause of a failure of the service was logged, at `error`.
    if (400..500).contains(&answer.status) {
        let status = answer.status;
        tracing::info!(
            target: "tollgate",
            operation,
            reason = outcome,
            status,
            "session request refused"
        );
    }
    #[cfg(feature = "metrics")]
    metrics::counter!(
        target: "tollgate",
        "tollgate_session_operations_total",
        "operation" => operation,
        "outcome" => outcome,
    )
    .increment(1);
}

/// Reports a login that the function of the service has refused.
pub(super) fn login_refused(
    endpoints: &SessionEndpoints,
    transport: EventTransport,
    status: u16,
    device: &Device,
) {
    let Some(reason) = LoginRefusal::of(status) else {
        return;
    };
    endpoints.0.sessions.notify_of(|now| {
        let event = SessionEvent::new(SessionEventKind::LoginRefused { reason }, now);
        let transport = Some(transport);
        SessionEvent { transport, ..event }.with_device(device)
    });
}

/// Returns the outcome: the `error` of RFC 6749 if it is known, else a name of the status. A login
/// function may send any response.
fn outcome(answer: &Answer) -> &'static str {
    #[derive(Deserialize)]
    struct Body {
        error: String,
    }

    let named = match answer.status {
        400 => serde_json::from_slice::<Body>(&answer.body).ok(),
        _ => None,
    };
    match (answer.status, named.as_ref().map(|body| &*body.error)) {
        (..400, _) => "success",
        (_, Some("invalid_grant")) => "invalid_grant",
        (_, Some("invalid_scope")) => "invalid_scope",
        (_, Some("unsupported_grant_type")) => "unsupported_grant_type",
        (400, _) => "invalid_request",
        (401, _) => "unauthorized",
        (403, _) => "forbidden",
        (404, _) => "not_found",
        (405, _) => "method_not_allowed",
        (408, _) => "timeout",
        (413, _) => "content_too_large",
        (415, _) => "unsupported_media_type",
        (429, _) => "too_many_requests",
        (503, _) => "unavailable",
        (..500, _) => "refused",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_outcome_is_invented_by_a_response() {
        let oauth = |code: &'static str| Answer::oauth_error(400, code, "");
        assert_eq!(outcome(&oauth("invalid_grant")), "invalid_grant");
        assert_eq!(outcome(&oauth("u-7")), "invalid_request");
        assert_eq!(outcome(&Answer::new(204)), "success");
        assert_eq!(outcome(&Answer::new(418)), "refused");
        assert_eq!(outcome(&Answer::new(599)), "failed");
    }
}

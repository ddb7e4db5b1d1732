//! Log events and metrics of the endpoints. No label and no field has a value that a client can
//! invent.

use super::SessionEndpoints;
use super::refused::Refused;
use crate::device::Device;
use crate::event::{EventTransport, LoginRefusal, SessionEvent, SessionEventKind};

/// Counts a response, and logs a refusal. The outcome of a refusal is its code.
pub(super) fn answered(operation: &'static str, refused: Option<&Refused>) {
    // The cause of a failure of the service was logged, at `error`.
    if let Some(Refused { code, answer }) = refused
        && answer.status < 500
    {
        let status = answer.status;
        tracing::info!(
            target: "tollgate",
            operation,
            reason = code,
            status,
            "session request refused"
        );
    }
    #[cfg(feature = "metrics")]
    metrics::counter!(
        target: "tollgate",
        "tollgate_session_operations_total",
        "operation" => operation,
        "outcome" => refused.map_or("success", |refused| refused.code),
    )
    .increment(1);
}

/// Reports a login that the function of the service has refused.
pub(super) fn login_refused(
    endpoints: &SessionEndpoints,
    transport: EventTransport,
    refused: &Refused,
    device: &Device,
) {
    let Some(reason) = LoginRefusal::of(refused.answer.status) else {
        return;
    };
    endpoints.0.sessions.notify_of(|now| {
        let event = SessionEvent::new(SessionEventKind::LoginRefused { reason }, now);
        let transport = Some(transport);
        SessionEvent { transport, ..event }.with_device(device)
    });
}

//! The answer to a readiness probe.

/// Answers a readiness probe by how sources of keys stand.
#[derive(Clone, Debug)]
pub struct ReadinessEndpoint {}

//! The status of tenants.

use crate::status::Status;

/// The status of a tenant: see [`Tenants::status`](crate::Tenants::status).
///
/// ```
/// use tollgate::oidc::{Readiness, TenantStatus};
///
/// /// The tenants that would get a 503 now.
/// fn down(tenants: &[TenantStatus]) -> Vec<&str> {
///     let down = tenants.iter().filter(|tenant| tenant.keys.readiness == Readiness::Unavailable);
///     down.map(|tenant| &tenant.issuer[..]).collect()
/// }
/// assert!(down(&[]).is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TenantStatus {
    /// The tenant's issuer.
    pub issuer: String,
    /// `true` if one of its tokens has verified since it was added.
    pub proven: bool,
    /// The status of its keys.
    pub keys: Status,
}

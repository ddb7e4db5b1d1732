//! The header fields of CORS (Fetch standard, section 3.3).

/// The request header fields that pages of other origins send to a service with tollgate: the value
/// of `Access-Control-Allow-Headers`. In lower case.
///
/// ```
/// # fn main() {
/// assert!(tollgate::CORS_ALLOWED_HEADERS.contains(&"x-csrf-token"));
/// # }
/// ```
pub const CORS_ALLOWED_HEADERS: [&str; 3] = ["authorization", "content-type", "x-csrf-token"];

/// The response header fields of tollgate that pages of other origins read: the value of
/// `Access-Control-Expose-Headers`. In lower case. The last two carry a renewed bearer token.
///
/// ```
/// # fn main() {
/// assert!(tollgate::CORS_EXPOSED_HEADERS.contains(&"www-authenticate"));
/// # }
/// ```
pub const CORS_EXPOSED_HEADERS: [&str; 4] = [
    "retry-after",
    "www-authenticate",
    "x-access-token",
    "x-access-token-expires-in",
];

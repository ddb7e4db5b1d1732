//! The metadata of an issuer: `OpenID` Connect Discovery 1.0 section 4, RFC 8414.

use std::fmt;

use serde::Deserialize;
use tollgate_core::json;
use url::Url;

use crate::error::{OidcError, OidcErrorKind};

/// The two URLs of an issuer's metadata: `OpenID` Connect Discovery 1.0 section 4.1, and RFC 8414
/// section 3.1. The issuer has neither a query nor a fragment.
pub(super) fn well_known(issuer: &Url) -> [Url; 2] {
    let path = issuer.path();
    // Both standards remove a slash at the end.
    let path = path.strip_suffix('/').unwrap_or(path);
    [
        format!("{path}/.well-known/openid-configuration"),
        format!("/.well-known/oauth-authorization-server{path}"),
    ]
    .map(|path| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    })
}

/// Returns the `jwks_uri` in the metadata of `issuer`.
pub(super) fn jwks_uri(metadata: &[u8], issuer: &str) -> Result<String, OidcError> {
    let malformed = |problem: &str| {
        OidcError::new(
            OidcErrorKind::Malformed,
            format!("the issuer's metadata {problem}"),
        )
    };
    let metadata: Metadata =
        json::from_slice(metadata).map_err(|error| malformed(&error.to_string()))?;
    let Some(of) = metadata.issuer else {
        return Err(malformed("has no `issuer`"));
    };
    if of != issuer {
        return Err(OidcError::new(
            OidcErrorKind::IssuerMismatch,
            format!("the metadata names another issuer, {}", Quoted(&of)),
        ));
    }
    metadata
        .jwks_uri
        .ok_or_else(|| malformed("has no `jwks_uri`"))
}

/// Text from another server, quoted and cut for the log.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self
            .0
            .char_indices()
            .nth(200)
            .map_or(self.0.len(), |(at, _)| at);
        let more = if end < self.0.len() { "..." } else { "" };
        write!(f, "{:?}{more}", &self.0[..end])
    }
}

/// The members of the metadata that are used.
#[derive(Deserialize)]
struct Metadata {
    issuer: Option<String>,
    jwks_uri: Option<String>,
}

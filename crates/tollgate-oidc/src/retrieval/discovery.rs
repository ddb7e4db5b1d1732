//! The metadata of an issuer: `OpenID` Connect Discovery 1.0 section 4, RFC 8414.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use url::Url;

use crate::error::{OidcError, OidcErrorKind};

/// Returns the metadata URLs of an issuer: by `OpenID` Connect Discovery 1.0 section 4.1, and by
/// RFC 8414 section 3.1. The issuer has neither a query nor a fragment.
pub(super) fn well_known(issuer: &Url) -> [Url; 2] {
    let path = issuer.path();
    // Both standards remove a trailing slash.
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
    // The parser does not validate the strings that it skips.
    let text = std::str::from_utf8(metadata).map_err(|_| malformed("is not UTF-8"))?;
    let metadata: Metadata = serde_json::from_str(text).map_err(|error| {
        // The parser's message may quote the content.
        let (line, column) = (error.line(), error.column());
        malformed(&format!(
            "is not the expected JSON object: line {line}, column {column}"
        ))
    })?;
    if metadata.duplicate {
        return Err(malformed("has a duplicate member"));
    }
    let Some(of) = metadata.issuer else {
        return Err(malformed("has no `issuer`"));
    };
    if of != issuer {
        return Err(OidcError::new(
            OidcErrorKind::IssuerMismatch,
            format!("the metadata names another issuer, {}", Quoted(&of)),
        ));
    }
    metadata.jwks_uri.ok_or_else(|| malformed("has no `jwks_uri`"))
}

/// A foreign text, quoted and cut to the length of a log line.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.char_indices().nth(200).map_or(self.0.len(), |(at, _)| at);
        let more = if end < self.0.len() { "..." } else { "" };
        write!(f, "{:?}{more}", &self.0[..end])
    }
}

/// The two members that matter. No member may occur twice: readers could then see different
/// issuers.
#[derive(Default)]
struct Metadata {
    issuer: Option<String>,
    jwks_uri: Option<String>,
    duplicate: bool,
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut metadata = Metadata::default();
                let mut names = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "issuer" => metadata.issuer = Some(map.next_value()?),
                        "jwks_uri" => metadata.jwks_uri = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                    metadata.duplicate |= !names.insert(name);
                }
                Ok(metadata)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

//! Rules for URLs to fetch from.

use url::{Host, Url};

use crate::address::{may_be_public, origin_and_path};
use crate::error::{OidcError, OidcErrorKind};
use crate::fetch::Addresses;
use crate::settings::Settings;

/// Longer than any URL in use: an issuer chooses them.
const MAX_URL: usize = 2048;

/// A URL to fetch from, and the addresses that its host may resolve to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) url: Url,
    pub(super) addresses: Addresses,
}

impl Place {
    /// Checks a URL of the service's configuration, or a tenant's issuer that a token has named.
    /// `what` names it in errors, which do not quote it: a refused URL may contain a password.
    pub(super) fn named(what: &str, text: &str, settings: &Settings) -> Result<Self, OidcError> {
        let url = parse(what, text)?;
        if settings.issuer_supplied {
            return Self::supplied(what, url, settings);
        }
        if url.scheme() != "https" && !settings.plain_http && !is_loopback(&url) {
            return Err(insecure(what));
        }
        Ok(Self {
            url,
            addresses: Addresses::Any,
        })
    }

    /// Checks the `jwks_uri` in the metadata of this issuer.
    pub(super) fn jwks_uri(&self, text: &str, settings: &Settings) -> Result<Self, OidcError> {
        const WHAT: &str = "`jwks_uri`";
        let url = parse(WHAT, text)?;
        if url.origin() == self.url.origin() {
            return Ok(Self {
                url,
                ..self.clone()
            });
        }
        if settings.same_origin {
            return Err(OidcError::new(
                OidcErrorKind::ForeignOrigin,
                format!(
                    "{WHAT} is on {}, which is not the issuer's origin",
                    origin_and_path(&url)
                ),
            ));
        }
        Self::supplied(WHAT, url, settings)
    }

    /// Returns the target of a redirect, which must be on the same origin.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, OidcError> {
        const WHAT: &str = "`location`";
        check_text(WHAT, location)?;
        let url = self
            .url
            .join(location)
            .map_err(|_| invalid(WHAT, "is not a URL"))?;
        check_url(WHAT, location, &url)?;
        if url.origin() != self.url.origin() {
            return Err(OidcError::new(
                OidcErrorKind::Redirected,
                format!(
                    "{} redirects to another origin, {}",
                    origin_and_path(&self.url),
                    origin_and_path(&url)
                ),
            ));
        }
        Ok(Self {
            url,
            ..self.clone()
        })
    }

    /// Checks a URL that an issuer has named.
    fn supplied(what: &str, url: Url, settings: &Settings) -> Result<Self, OidcError> {
        if url.scheme() != "https" && !settings.plain_http {
            return Err(insecure(what));
        }
        if settings.private_addresses {
            return Ok(Self {
                url,
                addresses: Addresses::Any,
            });
        }
        if !may_be_public(&url) {
            return Err(OidcError::new(
                OidcErrorKind::PrivateAddress,
                format!(
                    "{what} is on {}, which is not a public host",
                    origin_and_path(&url)
                ),
            ));
        }
        Ok(Self {
            url,
            addresses: Addresses::Public,
        })
    }

    /// Returns the place for errors: without the query, which may contain a secret.
    pub(super) fn shown(&self) -> String {
        origin_and_path(&self.url)
    }
}

/// Parses an absolute HTTP URL. The parser is lenient like a browser, and other readers of the URL
/// may not be. So the text itself is checked as well.
fn parse(what: &str, text: &str) -> Result<Url, OidcError> {
    check_text(what, text)?;
    let rest = match text.split_once("://") {
        Some((scheme, rest))
            if ["https", "http"]
                .iter()
                .any(|of| scheme.eq_ignore_ascii_case(of)) =>
        {
            rest
        }
        _ => return Err(invalid(what, "is not an absolute `https` or `http` URL")),
    };
    if rest.starts_with(['/', '?', '#']) {
        return Err(invalid(what, "has no host"));
    }
    let url = Url::parse(text).map_err(|_| invalid(what, "is not a URL"))?;
    check_url(what, text, &url)?;
    Ok(url)
}

/// Refuses text that no valid URL, absolute or relative, contains.
fn check_text(what: &str, text: &str) -> Result<(), OidcError> {
    if text.len() > MAX_URL {
        return Err(invalid(what, "has more than 2048 bytes"));
    }
    // RFC 3986 section 2. The parser drops blanks, and reads `\` as `/`.
    if let Some(odd) = text
        .bytes()
        .find(|byte| !byte.is_ascii_graphic() || *byte == b'\\')
    {
        return Err(invalid(
            what,
            &format!("contains the invalid byte 0x{odd:02x}"),
        ));
    }
    Ok(())
}

/// Refuses schemes, credentials and fragments in a parsed URL.
fn check_url(what: &str, text: &str, url: &Url) -> Result<(), OidcError> {
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err(invalid(what, "is not an `https` or `http` URL"));
    }
    if authority(text).contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(what, "contains credentials"));
    }
    if url.fragment().is_some() {
        return Err(invalid(what, "has a fragment"));
    }
    Ok(())
}

/// Returns the authority as written (RFC 3986 section 3.2): the parser drops the empty credentials
/// of `//@host`.
fn authority(text: &str) -> &str {
    let after_scheme = match text.split_once(':') {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => rest,
        _ => text,
    };
    let authority = after_scheme.strip_prefix("//").unwrap_or_default();
    authority.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Returns whether the host names this machine (RFC 8252 section 7.3).
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn invalid(what: &str, problem: &str) -> OidcError {
    OidcError::new(OidcErrorKind::InvalidUrl, format!("{what} {problem}"))
}

fn insecure(what: &str) -> OidcError {
    OidcError::new(
        OidcErrorKind::InsecureUrl,
        format!("{what} is not an `https` URL"),
    )
}

#[cfg(test)]
mod proptests;

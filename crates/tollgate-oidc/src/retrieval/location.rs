//! Which URLs may be fetched from.

use url::{Host, Url};

use crate::address::{may_be_public, origin_and_path};
use crate::error::{OidcError, OidcErrorKind};
use crate::fetch::Addresses;
use crate::settings::Settings;

/// Longer than any that is in use: an issuer chooses them.
const MAX_URL: usize = 2048;

/// A URL that may be fetched from, and which addresses its host may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) url: Url,
    pub(super) addresses: Addresses,
}

impl Place {
    /// What the service's own configuration has named; or, for a tenant, a token whose issuer the service has allowed. `what`
    /// names it in errors, which do not quote it: a URL that is refused may have a password in it.
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

    /// The `jwks_uri` of the metadata that this is the issuer of.
    pub(super) fn jwks_uri(&self, text: &str, settings: &Settings) -> Result<Self, OidcError> {
        const WHAT: &str = "`jwks_uri`";
        let url = parse(WHAT, text)?;
        if url.origin() == self.url.origin() {
            return Ok(Self { url, ..self.clone() });
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

    /// Where a redirect from here leads: only to the same origin.
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
        Ok(Self { url, ..self.clone() })
    }

    /// A URL that an issuer has named, and not the service's configuration.
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

    /// The place in an error: without the query, which may have a secret in it.
    pub(super) fn shown(&self) -> String {
        origin_and_path(&self.url)
    }
}

/// An absolute URL of HTTP. The parser of browsers forgives much, and each leniency is another reading of who is asked: what a
/// URL must have is looked for in the text itself, too.
fn parse(what: &str, text: &str) -> Result<Url, OidcError> {
    check_text(what, text)?;
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if ["https", "http"].iter().any(|of| scheme.eq_ignore_ascii_case(of)) => rest,
        _ => return Err(invalid(what, "is not an absolute URL of `https` or `http`")),
    };
    if rest.starts_with(['/', '?', '#']) {
        return Err(invalid(what, "has no host"));
    }
    let url = Url::parse(text).map_err(|_| invalid(what, "is not a URL"))?;
    check_url(what, text, &url)?;
    Ok(url)
}

/// What a URL, absolute or not, must not have in it.
fn check_text(what: &str, text: &str) -> Result<(), OidcError> {
    if text.len() > MAX_URL {
        return Err(invalid(what, "has more than 2048 bytes"));
    }
    // RFC 3986 section 2. A parser of browsers drops blanks, and reads `\` as `/`.
    if let Some(odd) = text
        .bytes()
        .find(|byte| !byte.is_ascii_graphic() || *byte == b'\\')
    {
        return Err(invalid(
            what,
            &format!("has a byte in it that no URL has, 0x{odd:02x}"),
        ));
    }
    Ok(())
}

/// What a URL must not say, once that it is known what it says.
fn check_url(what: &str, text: &str, url: &Url) -> Result<(), OidcError> {
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err(invalid(what, "is not a URL of `https` or `http`"));
    }
    if authority(text).contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(what, "has credentials in it"));
    }
    if url.fragment().is_some() {
        return Err(invalid(what, "has a fragment"));
    }
    Ok(())
}

/// The authority as it is written (RFC 3986 section 3.2): of `//@host` the parser drops that there are credentials, empty ones.
fn authority(text: &str) -> &str {
    let after_scheme = match text.split_once(':') {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => rest,
        _ => text,
    };
    let authority = after_scheme.strip_prefix("//").unwrap_or_default();
    authority.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Whether the host is this machine by its very name (RFC 8252 section 7.3).
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
    OidcError::new(OidcErrorKind::InsecureUrl, format!("{what} is not of `https`"))
}

#[cfg(test)]
mod proptests;

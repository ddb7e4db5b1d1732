//! Rules for issuers that tokens name.

use url::Url;

use crate::address::may_be_public;
use crate::settings::Settings;

/// The longest issuer, in bytes.
pub(super) const MOST_BYTES: usize = 512;

/// Returns `true` if the rule may see this issuer: an `https` URL (or `http`, if allowed) in normal
/// form, without credentials, query and fragment (`OpenID` Connect Discovery 1.0 section 3, RFC
/// 8414 section 2), whose host may be public.
///
/// Another spelling (`https://ID.example`, `https://id.example:443`, `https://id.example/a/../b`, a
/// line break, a backslash) could have different meanings for a rule that compares text and for the
/// client that connects.
pub(super) fn is_plausible(issuer: &str, settings: &Settings) -> bool {
    if issuer.len() > MOST_BYTES || !issuer.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let Ok(url) = Url::parse(issuer) else {
        return false;
    };
    let scheme = url.scheme() == "https" || (settings.plain_http && url.scheme() == "http");
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let public = settings.private_addresses || may_be_public(&url);
    scheme && bare && url.has_host() && public && is_written(&url, issuer)
}

/// Returns `true` if `issuer` is the serialization of `url`. Most issuers omit the single slash
/// after the host.
fn is_written(url: &Url, issuer: &str) -> bool {
    let written = url.as_str();
    written == issuer || (url.path() == "/" && written.strip_suffix('/') == Some(issuer))
}

#[cfg(test)]
mod tests;

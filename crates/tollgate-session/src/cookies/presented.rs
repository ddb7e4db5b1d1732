//! The session cookies of a request.

use tollgate_core::RequestView;
use zeroize::Zeroizing;

use super::{Cookies, read};
use crate::error::{SessionError, SessionErrorKind};
use crate::refresh::{Binding, RefreshToken};
use crate::sessions::{Former, RefreshRequest, Sessions, Tokens};

/// The session cookies of a request. They are not verified yet.
pub(crate) struct PresentedCookies {
    binding: Option<Binding>,
    /// The binding cookie came with several values, so that it names no session.
    pub(crate) ambiguous: bool,
    /// The refresh tokens of the session that the binding names. Their number is bounded by the
    /// size of the header.
    tokens: Vec<RefreshToken>,
    access_token: Option<Zeroizing<String>>,
}

impl PresentedCookies {
    pub(super) fn read(request: &impl RequestView, cookies: &Cookies) -> Self {
        let binding = only(request, &cookies.binding.name);
        let ambiguous = binding.is_err();
        if ambiguous {
            tracing::warn!(
                target: "tollgate",
                cookie = &*cookies.binding.name,
                "several binding cookies: none is used"
            );
        }
        let binding = binding.ok().flatten().and_then(Binding::read);
        let mut tokens = Vec::new();
        for cookie in &cookies.refresh {
            let (mut count, before) = (0_usize, tokens.len());
            for value in read::all(request, &cookie.name) {
                count = count.saturating_add(1);
                // The cookies of other sessions may be planted: they are ignored here, before the
                // store is read.
                let token = std::str::from_utf8(value).ok().and_then(RefreshToken::read);
                let session = binding.as_ref().map(|binding| binding.session);
                tokens.extend(token.filter(|token| Some(token.session) == session));
            }
            let ignored = count.saturating_sub(tokens.len() - before);
            // A login leaves the other cookie of the former session.
            let first = cookie.name == cookies.refresh[0].name;
            if count > 1 || (ignored > 0 && first) {
                tracing::warn!(
                    target: "tollgate",
                    cookie = &*cookie.name,
                    count,
                    ignored,
                    "refresh cookies that are duplicates, or not of the session of the binding \
                     cookie"
                );
            }
        }
        let access_token = only(request, &cookies.access.name).ok().flatten();
        Self {
            binding,
            ambiguous,
            tokens,
            access_token: access_token.map(|token| Zeroizing::new(token.to_owned())),
        }
    }

    pub(crate) fn into_binding(self) -> Option<Binding> {
        self.binding
    }

    pub(super) fn former(self) -> Former {
        Former {
            binding: self.binding,
            access_token: self.access_token,
        }
    }

    pub(super) async fn refresh(
        &self,
        sessions: &Sessions,
        wanted: &RefreshRequest,
    ) -> Result<Tokens, SessionError> {
        let refuse = |what| Err(SessionError::new(SessionErrorKind::Invalid, what));
        let Some(binding) = &self.binding else {
            return refuse("no binding cookie, or several");
        };
        if self.tokens.is_empty() {
            return refuse("no refresh cookie of the session of the binding cookie");
        }
        sessions.refresh_bound(&self.tokens, binding, wanted).await
    }
}

/// A cookie has several different values.
struct Several;

/// Returns the value of a cookie that no other host can plant. A value that is not text counts as
/// missing.
fn only<'r>(request: &'r impl RequestView, name: &str) -> Result<Option<&'r str>, Several> {
    let mut values = read::all(request, name);
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.any(|value| value != first) {
        return Err(Several);
    }
    Ok(std::str::from_utf8(first).ok())
}

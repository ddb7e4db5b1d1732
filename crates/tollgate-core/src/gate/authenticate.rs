//! The stages of a request in their order, from the credential to the outcome.

use std::borrow::Cow;

use super::{Gate, authentication, binding, csrf, revocation, source};
use crate::gate::csrf::CsrfToken;
use crate::gate::revocation::Current;
use crate::http::SourceKind;
use crate::http::request::{self, Protocol, RequestView};
use crate::rejection::{Rejection, RejectionKind};
use crate::step::Step;
use crate::verifier::principal::Principal;

/// A request that passes the gate.
#[derive(Clone)]
pub(super) struct Admitted {
    pub(super) principal: Option<Principal>,
    pub(super) preflight: bool,
    pub(super) renewal_due: bool,
}

/// The outcome for a request whose credential was accepted.
pub(super) enum Decided {
    Admitted(Admitted),
    /// The policy of the gate refuses the caller.
    Forbidden(Box<(Admitted, Rejection)>),
}

/// A refusal at once, or the outcome of a stage that may wait.
type Stage<T> = Result<Step<Result<T, Rejection>>, Rejection>;

/// Admits or refuses a request.
///
/// Two stages may wait: the verifier for a key, and the revocation check for a store. The stages
/// after them read the request from [`Rest`], which is copied only when one of the two waits.
pub(super) fn authenticate(gate: &Gate, request: &impl RequestView) -> Stage<Decided> {
    let settings = &*gate.0;
    if settings.pass_preflight && request::is_preflight(request) {
        return Ok(Step::Ready(Ok(Decided::Admitted(Admitted::preflight()))));
    }
    let found = source::find(
        &settings.sources,
        settings.strict_sources,
        settings.verifier.reads_padding(),
        request,
    )?;
    let Some(credential) = found else {
        return anonymous(settings.optional);
    };
    let source = credential.source;
    let credential = csrf::check_origin(credential, request, &settings.origins)
        .map_err(|rejection| rejection.with_source(source))?;
    let rest = Rest::read(gate, request, &credential);
    let verified = settings
        .verifier
        .begin_credential(credential.token(), credential.source());
    let current = rest.after(verified, |rest, verified| {
        let principal = binding::check(verified)?;
        let principal = csrf::check_token(principal, &rest.csrf_token)?;
        Ok(revocation::check(
            rest.gate.0.revocation.as_deref(),
            principal,
        ))
    });
    Ok(rest.after(current, |rest, principal| {
        let policy = rest.gate.0.policy.as_ref();
        let refused = policy.and_then(|policy| authentication::authorise(policy, &principal).err());
        Ok(Step::Ready(Ok(match refused {
            None => Decided::Admitted(rest.admit(principal)),
            Some(rejection) => Decided::Forbidden(Box::new((
                Admitted {
                    principal: Some(principal.into_principal()),
                    preflight: false,
                    renewal_due: false,
                },
                rejection,
            ))),
        })))
    }))
}

/// Everything that the stages after the verifier need of the gate and the request.
struct Rest<'r> {
    gate: Cow<'r, Gate>,
    source: SourceKind,
    csrf_token: CsrfToken<'r>,
    /// Method and path, if the token of the request may be renewed.
    renewable: Option<(Cow<'r, str>, Cow<'r, str>)>,
}

impl<'r> Rest<'r> {
    #[inline]
    fn read(
        gate: &'r Gate,
        request: &'r impl RequestView,
        credential: &csrf::OriginProven<'_>,
    ) -> Self {
        // A gRPC call ends with trailers, after its header fields: a renewal would come too late.
        let renews = gate.0.renewal.is_some() && Protocol::of(request) == Protocol::Http;
        Self {
            gate: Cow::Borrowed(gate),
            source: credential.source(),
            csrf_token: if gate.0.csrf_token {
                CsrfToken::read(credential, request)
            } else {
                CsrfToken::NotNeeded
            },
            renewable: renews.then(|| (request.method().into(), request.path().into())),
        }
    }

    /// Runs the next stages on the outcome of a stage: now, or in a future that owns all it needs.
    #[inline]
    fn after<T: Send + 'static, U: Send + 'static>(
        &self,
        stage: Step<Result<T, Rejection>>,
        next: impl FnOnce(&Rest<'_>, T) -> Stage<U> + Send + 'static,
    ) -> Step<Result<U, Rejection>> {
        let source = self.source;
        match stage {
            Step::Ready(Ok(outcome)) => {
                next(self, outcome).unwrap_or_else(|rejection| rejection.with_source(source).into())
            }
            Step::Ready(Err(rejection)) => rejection.with_source(source).into(),
            Step::Pending(outcome) => {
                let rest = self.to_owned();
                Step::pending(async move {
                    let outcome = async { next(&rest, outcome.await?)?.await };
                    outcome
                        .await
                        .map_err(|rejection| rejection.with_source(source))
                })
            }
        }
    }

    #[cold]
    fn to_owned(&self) -> Rest<'static> {
        let owned = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
        let renewable = self.renewable.as_ref();
        Rest {
            gate: Cow::Owned((*self.gate).clone()),
            source: self.source,
            csrf_token: self.csrf_token.to_owned(),
            renewable: renewable.map(|(method, path)| (owned(method), owned(path))),
        }
    }

    #[inline]
    fn admit(&self, principal: Current) -> Admitted {
        let due = self.gate.0.renewal.as_ref().zip(self.renewable.as_ref());
        let renewal_due =
            due.is_some_and(|(renewal, (method, path))| renewal.is_due(&principal, method, path));
        Admitted {
            principal: Some(principal.into_principal()),
            preflight: false,
            renewal_due,
        }
    }
}

impl Admitted {
    const fn preflight() -> Self {
        Self {
            principal: None,
            preflight: true,
            renewal_due: false,
        }
    }
}

fn anonymous(optional: bool) -> Stage<Decided> {
    if !optional {
        return Err(missing_credential());
    }
    Ok(Step::Ready(Ok(Decided::Admitted(Admitted {
        principal: None,
        preflight: false,
        renewal_due: false,
    }))))
}

pub(super) fn missing_credential() -> Rejection {
    Rejection::new(
        RejectionKind::MissingCredential,
        "no source holds a credential",
    )
}

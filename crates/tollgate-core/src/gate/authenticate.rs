//! The stages of a request in their order, from the credential to the outcome.

use std::borrow::Cow;

use super::{Gate, binding, csrf, revocation, source};
use crate::gate::authorisation::authorise;
use crate::gate::csrf::CsrfToken;
use crate::gate::revocation::Current;
use crate::http::SourceKind;
use crate::http::request::{self, Protocol, RequestView};
use crate::rejection::Rejection;
use crate::step::Step;
use crate::verifier::principal::Principal;

/// A request that passes the gate.
#[derive(Clone)]
pub(super) struct Admitted {
    pub(super) principal: Option<Principal>,
    pub(super) preflight: bool,
    pub(super) renewal_due: bool,
}

impl Admitted {
    const ANONYMOUS: Self = Self {
        principal: None,
        preflight: false,
        renewal_due: false,
    };
    const PREFLIGHT: Self = Self {
        preflight: true,
        ..Self::ANONYMOUS
    };
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
        return Ok(admit(Admitted::PREFLIGHT));
    }
    let found = source::find(
        &settings.sources,
        settings.strict_sources,
        settings.verifier.reads_padding(),
        request,
    )?;
    let Some(credential) = found else {
        return if settings.optional {
            Ok(admit(Admitted::ANONYMOUS))
        } else {
            Err(source::missing_credential())
        };
    };
    let source = credential.source;
    let credential = csrf::check_origin(credential, request, &settings.origins)
        .map_err(|rejection| rejection.with_source(source))?;
    let rest = Rest::read(gate, request, &credential);
    let verified = settings
        .verifier
        .begin_credential(credential.token(), source);
    let current = rest.after(verified, |rest, verified| {
        let principal = binding::check(verified)?;
        let principal = csrf::check_token(principal, &rest.csrf_token)?;
        let revocation = rest.gate.0.revocation.as_deref();
        Ok(revocation::check(revocation, principal))
    });
    Ok(rest.after(current, |rest, principal| {
        Ok(Step::Ready(Ok(rest.authorise(principal))))
    }))
}

/// Admits a request without a caller.
fn admit(admitted: Admitted) -> Step<Result<Decided, Rejection>> {
    Step::Ready(Ok(Decided::Admitted(admitted)))
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

    /// Evaluates the policy of the gate, and for an admitted request whether a renewal is due.
    #[inline]
    fn authorise(&self, principal: Current) -> Decided {
        let settings = &*self.gate.0;
        if let Some(policy) = &settings.policy
            && let Err(rejection) = authorise(policy, &principal)
        {
            let caller = Admitted {
                principal: Some(principal.into_principal()),
                ..Admitted::ANONYMOUS
            };
            return Decided::Forbidden(Box::new((caller, rejection)));
        }
        let due = settings.renewal.as_ref().zip(self.renewable.as_ref());
        let renewal_due =
            due.is_some_and(|(renewal, (method, path))| renewal.is_due(&principal, method, path));
        Decided::Admitted(Admitted {
            principal: Some(principal.into_principal()),
            renewal_due,
            ..Admitted::ANONYMOUS
        })
    }
}

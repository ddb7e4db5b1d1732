//! The decision on an actix-web request.

use std::borrow::Cow;

use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};

use super::view::View;
use crate::gate::{Authentication, Gate, Refusal, refusing};
use crate::step::Step;
use crate::verifier::Verifier;

/// Returns a clone, because the caller runs code of the user, which must not find the extensions
/// borrowed.
fn known(request: &HttpRequest) -> Option<Authentication> {
    request.extensions().get().cloned()
}

/// Returns the decision of a layer or of another extractor, or else the decision of a gate in the
/// app's data. The caller must [`keep`] the outcome.
pub fn begin(request: &HttpRequest) -> Step<Result<Authentication, Refusal>> {
    if let Some(known) = known(request) {
        let single = refusing(&View(request), || check_single(request, &known));
        return Step::Ready(single.map(|()| known));
    }
    match refusing(&View(request), || gate(request)) {
        Ok(gate) => gate.begin(&View(request)),
        Err(refusal) => Step::Ready(Err(refusal)),
    }
}

/// Stores the decision for later extractors, unless there is one.
pub fn keep(request: &HttpRequest, authentication: &Authentication) {
    let mut extensions = request.extensions_mut();
    if !extensions.contains::<Authentication>() {
        extensions.insert(authentication.clone());
    }
}

/// Refuses a request that a layer admitted with another gate or verifier than the one in the app's
/// data. actix-web does not reveal which of the two is nearer to the handler, so the stricter one
/// could be skipped.
fn check_single(request: &HttpRequest, known: &Authentication) -> Result<(), Refusal> {
    let plain = request.app_data::<Gate>();
    let shared = request.app_data::<Data<Gate>>().map(|gate| &***gate);
    if !plain
        .into_iter()
        .chain(shared)
        .all(|gate| known.is_by(gate))
    {
        return Err(Refusal::misconfigured(
            "a layer decided by one gate and the app's data hold another: it is undecided which \
             one counts",
        ));
    }
    let plain = request.app_data::<Verifier>();
    let shared = request
        .app_data::<Data<Verifier>>()
        .map(|verifier| &***verifier);
    if !plain
        .into_iter()
        .chain(shared)
        .all(|verifier| known.is_by_verifier(verifier))
    {
        return Err(Refusal::misconfigured(
            "a layer decided by one verifier and the app's data hold another: it is undecided \
             which one counts",
        ));
    }
    Ok(())
}

/// Returns the one gate in the app's data.
///
/// actix-web does not reveal which of two data of different types is nearer to the handler. Two of
/// them are therefore refused: the less strict one could be used by mistake.
fn gate(request: &HttpRequest) -> Result<Cow<'_, Gate>, Refusal> {
    enum Form<'r> {
        Gate(&'r Gate),
        Verifier(&'r Verifier),
    }
    let forms = [
        request.app_data::<Gate>().map(Form::Gate),
        request
            .app_data::<Data<Gate>>()
            .map(|gate| Form::Gate(gate)),
        request.app_data::<Verifier>().map(Form::Verifier),
        request
            .app_data::<Data<Verifier>>()
            .map(|verifier| Form::Verifier(verifier)),
    ];
    let mut forms = forms.into_iter().flatten();
    match (forms.next(), forms.next()) {
        (Some(Form::Gate(gate)), None) => Ok(Cow::Borrowed(gate)),
        (Some(Form::Verifier(verifier)), None) => Ok(Cow::Owned(Gate::from(verifier.clone()))),
        (None, _) => Err(Refusal::missing_layer()),
        (Some(_), Some(_)) => Err(Refusal::misconfigured(
            "the app's data hold more than one form of a gate or verifier: it is undecided which \
             one counts",
        )),
    }
}

//! A refusal, ready to be sent.

use std::cell::{Cell, LazyCell};
use std::fmt;

use crate::decisions;
use crate::gate::csrf_form::CsrfForm;
use crate::gate::login_redirect::Pages;
use crate::gate::{Authentication, Gate};
use crate::http::SourceKind;
use crate::http::request::{Protocol, RequestView};
use crate::rejection::answer::{self, Answer};
use crate::rejection::{Rejection, RejectionKind, printable};

/// A refused request: the answer for the client and the reason for the operator.
///
/// An adapter sends the answer and leaves the rejection in the response's extensions for outer
/// layers. A refusal by a policy, an extractor or a handler also has the
/// [authentication](Self::authentication) of the caller.
///
/// ```
/// use tollgate::{Refusal, RejectionKind};
///
/// let refusal = Refusal::missing_layer();
/// assert_eq!(refusal.rejection().kind(), RejectionKind::Misconfigured);
/// assert_eq!(refusal.answer().status, 500);
/// ```
#[derive(Clone)]
pub struct Refusal(Box<Parts>);

#[derive(Clone)]
struct Parts {
    rejection: Rejection,
    answer: Answer,
    caller: Option<Authentication>,
    /// The form that may have the missing CSRF token.
    form: Option<(CsrfForm, Gate)>,
    /// `false` while [`refusing`] has yet to emit the event.
    logged: bool,
}

/// The facts of a request that the event of its refusal names.
#[derive(Clone, Default)]
pub(super) struct Facts {
    method: Option<String>,
    route: Option<String>,
}

impl Facts {
    #[cold]
    pub(super) fn of(request: &impl RequestView) -> Self {
        // The client chooses the method, and the service the pattern.
        let short = |value: &str| printable(value, 100).into_owned();
        Self {
            method: Some(short(request.method())),
            route: request.route().map(|route| short(&route)),
        }
    }

    /// Copies the facts of a request that waits, if an event of its refusal would be emitted.
    pub(super) fn before_a_wait(read: impl FnOnce() -> Self) -> Self {
        if tracing::enabled!(target: "tollgate", tracing::Level::ERROR) {
            read()
        } else {
            Self::default()
        }
    }
}

thread_local! {
    /// `true` while [`refusing`] runs code.
    static DEFERRED: Cell<bool> = const { Cell::new(false) };
}

/// Sets [`DEFERRED`] for its lifetime, also if the code panics.
struct Deferral(bool);

impl Deferral {
    fn begin() -> Self {
        Self(DEFERRED.replace(true))
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        DEFERRED.set(self.0);
    }
}

/// Runs code that knows the caller but not the request, such as an extractor. The event of its
/// refusal is emitted here, with the facts of the request.
///
/// # Errors
/// The refusal of the code.
pub fn refusing<T>(
    request: &impl RequestView,
    run: impl FnOnce() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let deferral = Deferral::begin();
    let outcome = run();
    drop(deferral);
    outcome.map_err(|refusal| {
        let refusal = refusal.logged_or_deferred(&|| Facts::of(request));
        let gate = refusal
            .0
            .caller
            .as_ref()
            .map(|caller| caller.gate().clone());
        refusal.redirected(|| {
            gate.map(|gate| gate.login_pages(request))
                .unwrap_or_default()
        })
    })
}

impl Refusal {
    /// Creates a refusal whose event is not emitted yet.
    pub(crate) fn new(rejection: Rejection, answer: Answer) -> Self {
        Self(Box::new(Parts {
            rejection,
            answer,
            caller: None,
            form: None,
            logged: false,
        }))
    }

    /// Creates the outcome for a request whose form has to be read first.
    pub(super) fn until_read(rejection: Rejection, form: CsrfForm, gate: Gate) -> Self {
        let mut refusal = Self::new(rejection, Answer::new(403));
        refusal.0.form = Some((form, gate));
        refusal
    }

    /// Returns the form that has to be read before the decision, if it can change it, and the gate
    /// that decides.
    #[doc(hidden)]
    pub fn take_form(&mut self) -> Option<(CsrfForm, Gate)> {
        self.0.form.take()
    }

    pub(super) fn of_caller(mut self, caller: Authentication) -> Self {
        self.0.caller = Some(caller);
        self
    }

    /// Like [`logged`](Self::logged), but leaves it to [`refusing`] while that runs.
    pub(super) fn logged_or_deferred(self, facts: &dyn Fn() -> Facts) -> Self {
        if DEFERRED.get() {
            self
        } else {
            self.logged(facts)
        }
    }

    /// Emits the `tracing` event of a refusal, at `error` if the service is at fault and otherwise
    /// at `info`, and counts the refusal. Both happen once.
    pub(super) fn logged(mut self, facts: &dyn Fn() -> Facts) -> Self {
        if self.0.logged {
            return self;
        }
        self.0.logged = true;
        let rejection = &self.0.rejection;
        let kind = rejection.kind();
        let facts = LazyCell::new(facts); // read by an event that is enabled
        macro_rules! emit {
            ($level:ident, $message:literal) => {
                tracing::$level!(target: "tollgate", ?kind,
                    method = facts.method.as_deref(),
                    route = facts.route.as_deref(),
                    issuer = rejection.issuer().map(|issuer| &**issuer),
                    source = rejection.source().map(SourceKind::name),
                    detail = &*rejection.detail(),
                    $message)
            };
        }
        if rejection.status() >= 500 {
            emit!(error, "cannot authenticate");
        } else {
            emit!(info, "request refused");
        }
        decisions::count_refusal(rejection);
        self
    }

    /// Replaces the answer 401 to a page load, if there is a page for it. Fields that a hook has
    /// added stay.
    #[cold]
    pub(super) fn redirected(mut self, pages: impl FnOnce() -> Pages) -> Self {
        let answer = &mut self.0.answer;
        if answer.status == 401
            && let Some(page) = pages().against(&self.0.rejection)
        {
            answer.status = 303;
            answer.headers.retain(|(name, _)| {
                !matches!(
                    &**name,
                    "www-authenticate" | "content-type" | "content-length"
                )
            });
            answer.body.clear();
            answer.set("cache-control", "no-store");
            answer.set("location", page);
        }
        self
    }

    /// Creates the refusal for an extractor or a policy without an authenticating layer: a server
    /// error, so the request fails closed.
    ///
    /// ```
    /// assert_eq!(tollgate::Refusal::missing_layer().answer().header("www-authenticate"), None);
    /// ```
    pub fn missing_layer() -> Self {
        Self::misconfigured(
            "the handler asks for an authenticated caller, but no `JwtAuth` layer stands before it",
        )
    }

    /// Creates the refusal for a service that is assembled incorrectly: a server error, with the
    /// reason in the log.
    ///
    /// ```
    /// let refusal = tollgate::Refusal::misconfigured("two gates are in sight");
    /// assert_eq!(refusal.answer().status, 500);
    /// ```
    pub fn misconfigured(detail: &'static str) -> Self {
        let rejection = Rejection::new(RejectionKind::Misconfigured, detail);
        let answer = answer::of(&rejection, "", Protocol::Http);
        Self::new(rejection, answer).logged_or_deferred(&Facts::default)
    }

    /// The reason of the refusal.
    ///
    /// ```
    /// assert_eq!(tollgate::Refusal::missing_layer().rejection().status(), 500);
    /// ```
    pub fn rejection(&self) -> &Rejection {
        &self.0.rejection
    }

    /// The answer for the client.
    ///
    /// ```
    /// assert!(!tollgate::Refusal::missing_layer().answer().body.is_empty());
    /// ```
    pub fn answer(&self) -> &Answer {
        &self.0.answer
    }

    /// Splits the refusal into its parts, to build a response from them.
    ///
    /// ```
    /// let (rejection, answer) = tollgate::Refusal::missing_layer().into_parts();
    /// assert_eq!(rejection.status(), answer.status);
    /// ```
    pub fn into_parts(self) -> (Rejection, Answer) {
        let Parts {
            rejection, answer, ..
        } = *self.0;
        (rejection, answer)
    }

    /// The authentication of a caller whom a gate recognised, but a policy, an extractor or a
    /// handler refused. An adapter leaves it in the response's extensions for outer layers.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{Request, token, verifier};
    /// # use tollgate::{Gate, policy::scope};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = Gate::builder(verifier()).require(scope("orders:write")).build()?;
    /// let reader = format!("Bearer {}", token("orders:read"));
    /// let refusal = gate.decide(&Request::new("GET").with("authorization", reader)).unwrap_err();
    /// let caller = refusal.authentication().and_then(|caller| caller.principal());
    /// assert_eq!(caller.and_then(|caller| caller.subject()), Some("u-7"));
    ///
    /// let refusal = gate.decide(&Request::new("GET")).unwrap_err();
    /// assert!(refusal.authentication().is_none());
    /// # Ok(()) }
    /// ```
    pub fn authentication(&self) -> Option<&Authentication> {
        self.0.caller.as_ref()
    }

    #[cfg(feature = "http")]
    pub(crate) fn take_authentication(&mut self) -> Option<Authentication> {
        self.0.caller.take()
    }
}

/// Compares the rejections and the answers.
impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        self.rejection() == other.rejection() && self.answer() == other.answer()
    }
}

impl Eq for Refusal {}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusal").field(self.rejection()).finish()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rejection().fmt(f)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;

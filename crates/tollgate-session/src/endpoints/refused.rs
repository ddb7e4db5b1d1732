//! Refused requests of the endpoints: one body format, one hook, and redirects for forms.

use std::fmt;

use tollgate_core::__private::{FormType, is_form_post};
use tollgate_core::{Answer, EndpointRequest, Refusal, ReturnTo};

use super::{Route, SessionEndpoints, answers};

/// The answer to a refused request, and the member `code` of its content.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) answer: Answer,
}

impl Refused {
    pub(super) fn new(status: u16, code: &'static str, error: Option<&str>, detail: &str) -> Self {
        let answer = Answer::problem(status, code, error, detail);
        Self { code, answer }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.answer.set(name, value);
        self
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let (rejection, answer) = refusal.into_parts();
        let code = rejection.kind().code();
        Self { code, answer }
    }
}

pub(super) fn malformed() -> Refused {
    let error = Some("invalid_request");
    Refused::new(400, "malformed_content", error, "The content is malformed")
}

pub(super) fn ambiguous() -> Refused {
    let detail = "The request has both session cookies and a token";
    Refused::new(
        400,
        "ambiguous_credentials",
        Some("invalid_request"),
        detail,
    )
}

pub(super) fn not_found() -> Refused {
    Refused::new(404, "not_found", None, "There is nothing here")
}

/// The refresh token is not valid (RFC 6749 section 5.2). A reused token has the same answer, so
/// that a thief does not learn that the theft was detected.
pub(super) fn session_over() -> Refused {
    let detail = "The session is over: log in again";
    Refused::new(400, "session_over", Some("invalid_grant"), detail)
}

pub(super) fn impersonated() -> Refused {
    let detail = "Only the user may do this, not an actor";
    Refused::new(403, "impersonated", None, detail)
}

pub(super) fn unavailable(retry_after: u64) -> Refused {
    let detail = "Sessions are not available at the moment";
    Refused::new(503, "unavailable", None, detail)
        .with("retry-after", retry_after.max(1).to_string())
}

/// A refused request, for the hook of
/// [`on_refusal`](super::SessionEndpointsBuilder::on_refusal).
///
/// ```
/// use tollgate::extend::Answer;
/// use tollgate::session::EndpointRefusal;
///
/// fn page(refusal: &EndpointRefusal<'_>, answer: &mut Answer) {
///     if refusal.is_form() && refusal.path() == "/login" {
///         answer.set("content-type", "text/html; charset=utf-8");
///         answer.body = format!("<p>The login failed: {}", refusal.code()).into_bytes();
///     }
/// }
/// # let _ = page;
/// ```
pub struct EndpointRefusal<'a> {
    code: &'static str,
    form: Option<Form>,
    request: &'a EndpointRequest,
}

impl EndpointRefusal<'_> {
    /// The member `code` of the answer, such as `wrong_credentials`. The guide has a table.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns `true` if the browser shows the answer in a tab: the request is a form of a page.
    pub const fn is_form(&self) -> bool {
        self.form.is_some()
    }

    /// The page to which a success would have sent the browser, if the request names one.
    pub fn return_to(&self) -> Option<&ReturnTo> {
        self.form.as_ref()?.return_to.as_ref()
    }

    /// The path below the mount point, such as `/login`.
    pub fn path(&self) -> &str {
        &self.request.path
    }
}

impl fmt::Debug for EndpointRefusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointRefusal")
            .field("code", &self.code)
            .field("path", &self.request.path)
            .finish_non_exhaustive()
    }
}

/// A form that a browser posts for a page, as opposed to a request of a script.
#[derive(Clone)]
pub(super) struct Form {
    return_to: Option<ReturnTo>,
}

impl Form {
    /// The parameter `return_to` is a field of the form, or else in the query.
    pub(super) fn of(request: &EndpointRequest) -> Option<Self> {
        if !is_form_post(request) {
            return None;
        }
        let fields = FormType::of(request)?.fields(&request.content, true);
        let mut values = fields.unwrap_or_default().into_iter();
        let field = values.find(|field| field.name == "return_to");
        let return_to = match field {
            Some(field) => String::from_utf8(field.value)
                .ok()
                .and_then(ReturnTo::parse),
            None => request.query.as_deref().and_then(ReturnTo::from_query),
        };
        Some(Self { return_to })
    }
}

impl SessionEndpoints {
    /// Sends the browser to the next page after a form. The cookies stay in the answer.
    pub(super) fn redirected(&self, route: Route, form: &Form, mut answer: Answer) -> Answer {
        let login = self.0.login_page.as_deref();
        let default = match route {
            Route::Logout | Route::LogoutAll => login.unwrap_or("/"),
            _ => "/",
        };
        let to = form.return_to.as_ref().map_or(default, ReturnTo::as_str);
        answer
            .headers
            .retain(|(name, _)| !matches!(&**name, "content-type" | "x-content-type-options"));
        answer.status = 303;
        answer.body.clear();
        answer.set("location", to);
        answer
    }

    /// Calls the hook. Then a refused login by a form becomes a redirect to the login page, unless
    /// the hook wrote another page.
    pub(super) fn refuse(&self, request: &EndpointRequest, refused: Refused) -> Answer {
        let Refused { code, mut answer } = refused;
        let form = self.cookies_for(request).and_then(|_| Form::of(request));
        let refusal = EndpointRefusal {
            code,
            form,
            request,
        };
        if let Some(hook) = &self.0.on_refusal {
            hook(&refusal, &mut answer);
        }
        let is_problem = answer.header("content-type") == Some(b"application/problem+json");
        match (refusal.form, &self.0.login_page) {
            (Some(form), Some(page)) if is_problem && request.path == "/login" => {
                let mark = if page.contains('?') { '&' } else { '?' };
                let page = format!("{page}{mark}error={code}");
                let to = form.return_to.map(|to| to.appended_to(&page));
                let mut redirect = answers::see_other(&to.unwrap_or(page));
                let kept = answer.headers.into_iter();
                redirect.headers.extend(kept.filter(|(name, _)| {
                    !matches!(
                        &**name,
                        "cache-control" | "content-type" | "www-authenticate" | "retry-after"
                    )
                }));
                redirect
            }
            _ => answer,
        }
    }
}

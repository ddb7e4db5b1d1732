//! The pages: HTML by a template, which escapes all values, or the same values as JSON.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;
use tollgate::extend::Answer;
use tollgate::session::{SessionError, SessionId};
use tollgate::{Principal, Rejection, RejectionKind};

use crate::accounts::Problem;
use crate::options::PROGRAM;
use crate::sessions::Shop;

pub(crate) const STYLE: &str = include_str!("../templates/style.css");

macro_rules! sources {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../templates/", $name, ".html")))),*]
    };
}

static TEMPLATES: LazyLock<Environment<'_>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.add_filter("euro", |cents: u32| {
        format!("€ {}.{:02}", cents / 100, cents % 100)
    });
    for (name, text) in sources! {
        "account" "admin" "cart" "catalogue" "confirm" "error" "layout" "login" "order" "password"
    } {
        let added = templates.add_template(name, text);
        added.expect("a template is malformed");
    }
    templates
});

/// A request: the user, their address, the type that the client wants, and the shop.
pub(crate) struct Call {
    pub(crate) caller: Option<Principal>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) is_html: bool,
    pub(crate) shop: Arc<Shop>,
}

/// A failure, as the client sees it.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Answer);

pub(crate) type Outcome = Result<Answer, Failure>;

impl<E: Into<Problem>> From<E> for Failure {
    fn from(problem: E) -> Self {
        let problem = problem.into();
        if let Some(error) = problem.downcast_ref::<SessionError>() {
            return Self(error.answer()); // for instance ended in the meantime
        }
        eprintln!("{PROGRAM}: {problem}");
        Self(Answer::problem(
            503,
            "unavailable",
            None,
            "Try again in a moment",
        ))
    }
}

/// Returns `true` for a browser that loads a page, by its field `Accept`.
pub(crate) fn wants_html(accept: Option<&[u8]>) -> bool {
    accept.is_some_and(|accept| accept.windows(9).any(|part| part == b"text/html"))
}

impl Call {
    /// The user. The routes require one: without their layer, this is a failure.
    pub(crate) fn caller(&self) -> Result<&Principal, Failure> {
        Ok(self.caller.as_ref().ok_or("a route has no gate")?)
    }

    pub(crate) fn user(&self) -> Result<&str, Failure> {
        Ok(self.caller()?.subject().ok_or("a token has no subject")?)
    }

    pub(crate) fn session(&self) -> Result<SessionId, Failure> {
        let session = self.shop.sessions.session_of(self.caller()?);
        Ok(session.ok_or("a token has no session")?)
    }

    pub(crate) fn page(&self, status: u16, name: &str, values: impl Serialize) -> Outcome {
        let mut answer = Answer::new(status);
        answer.set("vary", "accept");
        answer.set("cache-control", "no-store");
        if self.is_html {
            answer.set("content-type", "text/html; charset=utf-8");
            let policy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'";
            answer.set("content-security-policy", policy);
            answer.body = html(name, self.caller.as_ref(), values)?.into_bytes();
        } else {
            answer.set("content-type", "application/json");
            answer.body = serde_json::to_vec(&values)?;
        }
        Ok(answer)
    }

    /// Answers to the form of a page by a redirect, and to a program by 204.
    pub(crate) fn done(&self, page: &str) -> Answer {
        let mut answer = Answer::new(if self.is_html { 303 } else { 204 });
        if self.is_html {
            answer.set("location", page);
        }
        answer
    }

    pub(crate) fn impossible(&self) -> Outcome {
        let page = context! { message => "That is not possible." };
        self.page(409, "error", page)
    }
}

fn html(name: &str, caller: Option<&Principal>, page: impl Serialize) -> Result<String, Problem> {
    let html = TEMPLATES.get_template(name)?.render(context! {
        page => Value::from(Serde(page)),
        user => caller.and_then(Principal::subject),
        csrf_token => caller.and_then(Principal::csrf_token), // the hidden field of every form
        is_admin => caller.is_some_and(|caller| caller.has_role("admin")),
    });
    Ok(html?)
}

/// Shows a page for a form that is too old or of another site. Other refusals keep their JSON.
pub(crate) fn refused(rejection: &Rejection, answer: &mut Answer) {
    use RejectionKind::{CrossSite, InvalidCsrfToken};

    let message = "Open the page again, and repeat what you did.";
    if matches!(rejection.kind(), CrossSite | InvalidCsrfToken)
        && let Ok(page) = html("error", None, context! { message })
    {
        answer.set("content-type", "text/html; charset=utf-8");
        answer.body = page.into_bytes();
    }
}

/// The front-end on another origin: one file.
pub(crate) fn front_end(shop: &str) -> String {
    include_str!("../templates/front-end.html")
        .replace("{shop}", shop)
        .replace("{style}", STYLE)
        .replace("{script}", include_str!("../templates/front-end.js"))
}

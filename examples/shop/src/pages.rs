//! The pages: HTML by a template, which escapes all values, or the same values as JSON.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;
use tollgate::extend::Answer;
use tollgate::session::SessionId;
use tollgate::{Principal, RejectionKind};

use crate::accounts::Problem;
use crate::handlers::Shop;
use crate::options::PROGRAM;

pub(crate) const STYLE: &str = include_str!("../templates/style.css");

static TEMPLATES: LazyLock<Environment<'_>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.add_filter("euro", |cents: u32| {
        format!("€ {}.{:02}", cents / 100, cents % 100)
    });
    for (name, text) in [
        ("account", include_str!("../templates/account.html")),
        ("admin", include_str!("../templates/admin.html")),
        ("cart", include_str!("../templates/cart.html")),
        ("catalogue", include_str!("../templates/catalogue.html")),
        ("confirm", include_str!("../templates/confirm.html")),
        ("error", include_str!("../templates/error.html")),
        ("layout", include_str!("../templates/layout.html")),
        ("login", include_str!("../templates/login.html")),
        ("orders", include_str!("../templates/orders.html")),
        ("password", include_str!("../templates/password.html")),
    ] {
        templates
            .add_template(name, text)
            .expect("a template is malformed");
    }
    templates
});

/// A request: the user, the type that the client wants, and the shop.
pub(crate) struct Call {
    pub(crate) caller: Option<Principal>,
    pub(crate) is_html: bool,
    pub(crate) shop: Arc<Shop>,
}

/// The response of a handler; a failure is one too.
pub(crate) struct Reply(pub(crate) Answer);

pub(crate) type Outcome = Result<Reply, Reply>;

impl<E: Into<Problem>> From<E> for Reply {
    /// Hides the cause of an internal failure from the client.
    fn from(problem: E) -> Self {
        eprintln!("{PROGRAM}: {}", problem.into());
        let mut answer = Answer::new(503);
        answer.set("retry-after", "5");
        Self(answer)
    }
}

/// Returns `true` for a browser that loads a page, by its field `Accept`.
pub(crate) fn wants_html(accept: Option<&[u8]>) -> bool {
    accept.is_some_and(|accept| accept.windows(9).any(|part| part == b"text/html"))
}

impl Call {
    /// The user. The routes require one: without their layer, this is a failure.
    pub(crate) fn user(&self) -> Result<&str, Reply> {
        Ok(self.caller()?.subject().ok_or("a token has no subject")?)
    }

    pub(crate) fn caller(&self) -> Result<&Principal, Reply> {
        Ok(self.caller.as_ref().ok_or("a route has no gate")?)
    }

    fn has_role(&self, role: &str) -> bool {
        self.caller
            .as_ref()
            .is_some_and(|caller| caller.has_role(role))
    }

    pub(crate) fn is_staff(&self) -> bool {
        self.has_role("clerk") || self.has_role("admin")
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        self.caller.as_ref()?.session_id()?.parse().ok()
    }

    pub(crate) fn page(&self, name: &str, values: impl Serialize) -> Outcome {
        self.page_of_status(200, name, values)
    }

    pub(crate) fn page_of_status(
        &self,
        status: u16,
        name: &str,
        values: impl Serialize,
    ) -> Outcome {
        let mut answer = Answer::new(status);
        answer.set("vary", "accept");
        answer.set("cache-control", "no-store");
        if !self.is_html {
            answer.set("content-type", "application/json");
            answer.body = serde_json::to_vec(&values)?;
            return Ok(Reply(answer));
        }
        let caller = self.caller.as_ref();
        let page = TEMPLATES.get_template(name)?.render(context! {
            page => Value::from(Serde(values)),
            user => caller.and_then(Principal::subject),
            csrf_token => caller.and_then(Principal::csrf_token), // the hidden field of every form
            is_admin => self.has_role("admin"),
            is_staff => self.is_staff(),
        })?;
        answer.set("content-type", "text/html; charset=utf-8");
        let policy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'";
        answer.set("content-security-policy", policy);
        answer.body = page.into_bytes();
        Ok(Reply(answer))
    }

    /// Answers to the form of a page by a redirect, and to a program by 204. `None` is an error.
    pub(crate) fn done(&self, done: Option<()>, page: &str) -> Outcome {
        if done.is_none() {
            return self.page_of_status(
                409,
                "error",
                context! { message => "That is not possible." },
            );
        }
        let mut answer = Answer::new(if self.is_html { 303 } else { 204 });
        if self.is_html {
            answer.set("location", page);
        }
        Ok(Reply(answer))
    }

    /// The page that a browser shows instead of a refusal by tollgate.
    pub(crate) fn refused(&self, status: u16, kind: RejectionKind) -> Outcome {
        let message = match (status, kind) {
            (_, RejectionKind::AuthenticationTooOld) => {
                return self.done(Some(()), "/account/confirm?return_to=/account/password");
            }
            (401, _) => "Log in first.",
            (403, RejectionKind::InsufficientScope) => "Your role does not permit this.",
            (503, _) => "The shop has a problem. Try again in a moment.",
            _ => "Open the page again, and repeat what you did.",
        };
        self.page_of_status(status, "error", context! { message })
    }
}

/// The page, the script and the style of the front-end on another origin.
pub(crate) fn front_end(shop: &str) -> [(&'static str, &'static str, String); 3] {
    let page = include_str!("../templates/front-end.html").replace("{shop}", shop);
    let script = include_str!("../templates/front-end.js").to_owned();
    [
        ("/", "text/html; charset=utf-8", page),
        ("/front-end.js", "text/javascript; charset=utf-8", script),
        ("/style.css", "text/css; charset=utf-8", STYLE.to_owned()),
    ]
}

/// The text printed once the servers listen.
pub(crate) fn welcome(address: SocketAddr, front_end: &str) -> String {
    include_str!("../templates/welcome.txt")
        .replace("{program}", PROGRAM)
        .replace("{address}", &address.to_string())
        .replace("{port}", &address.port().to_string())
        .replace("{front_end}", front_end)
}

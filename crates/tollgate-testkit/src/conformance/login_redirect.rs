//! Page loads that are redirected to the login, instead of a 401 (RFC 9110 section 15.4.4, Fetch
//! Metadata).

use std::time::Duration;

use tollgate_core::policy::{max_authentication_age, scope};
use tollgate_core::{Gate, GateBuilder, LoginRedirect, RejectionKind as Kind, Source};

use super::case::{Case, Handler, Request, case, get, post};
use super::expect::{
    Expect, anonymous, authentication_too_old, cross_site, expired, insufficient, no_credential,
    revoked, unavailable, unfit,
};
use super::fixtures::{START, Standings, gate};
use super::waiting::KeyOrigin;

/// Expects the redirect of a refusal to a page.
fn to(page: &str, kind: Kind) -> Vec<Expect> {
    let fields = [("cache-control", "no-store"), ("location", page)];
    vec![Expect::new(303, &fields, "", Some(kind))]
}

fn page_load(request: Request) -> Request {
    request
        .with("Sec-Fetch-Mode", "navigate")
        .with("Sec-Fetch-Dest", "document")
}

pub(super) fn cases(origin: KeyOrigin) -> Vec<Case> {
    let redirecting =
        |redirect: LoginRedirect, configure: fn(GateBuilder) -> GateBuilder| -> Gate {
            gate(origin.verifier(), |gate| {
                configure(
                    gate.source(Source::cookie("access"))
                        .revocation(Standings)
                        .login_redirect(redirect),
                )
            })
        };
    let login = || redirecting(LoginRedirect::new("/login"), |gate| gate);
    let resume = || LoginRedirect::new("/login").resume("/auth/resume");
    let resuming = || redirecting(resume(), |gate| gate);
    let optional = || redirecting(resume(), GateBuilder::optional);
    let with = |request: Request, token: String| request.with("Cookie", format!("access={token}"));
    let old = || origin.token().claim("exp", START - 61).build();
    let good = || origin.token().claim("sid", "good");
    let html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let target = |target: &str| page_load(Request::new("GET", target));
    let fresh = |gate: GateBuilder| gate.max_authentication_age(Duration::from_secs(300));
    let step_up = |page: &str| redirecting(resume().step_up(page), fresh);
    let with_old_login = || good().claim("auth_time", START - 400).build();
    vec![
        case(
            "a page load without a cookie",
            login(),
            [
                page_load(get()),
                page_load(get()).with("Sec-Fetch-Site", "cross-site"),
                get().with("Accept", html),
            ],
            to("/login?return_to=/resource", Kind::MissingCredential),
        ),
        case(
            "a page load with an expired cookie",
            login(),
            page_load(with(get(), old())),
            to("/login?return_to=/resource", Kind::Expired),
        ),
        case(
            "the session is resumed first",
            resuming(),
            page_load(with(get(), old())),
            to("/auth/resume?return_to=/resource", Kind::Expired),
        ),
        case(
            "a revoked cookie",
            resuming(),
            ["gone", "asked: gone"]
                .map(|sid| page_load(with(get(), good().claim("sid", sid).build()))),
            to("/auth/resume?return_to=/resource", Kind::Revoked),
        ),
        case(
            "a cookie that is no token",
            resuming(),
            page_load(with(get(), "x".to_owned())),
            to("/auth/resume?return_to=/resource", Kind::MalformedToken),
        ),
        case(
            "a page load that is refused directly after a resume",
            resuming(),
            [
                page_load(get()).with("Cookie", "access-resumed=1"),
                page_load(get()).with("Cookie", "a=b; access-resumed"),
            ],
            to("/login?return_to=/resource", Kind::MissingCredential),
        ),
        case(
            "the marker of another cookie",
            resuming(),
            page_load(get()).with(
                "Cookie",
                "xaccess-resumed=1; access-resumed-2=1; a=access-resumed",
            ),
            to("/auth/resume?return_to=/resource", Kind::MissingCredential),
        ),
        case(
            "the query stays a part of the path",
            login(),
            target("/resource?page=2&x=a+b%20c"),
            to(
                "/login?return_to=/resource%3Fpage%3D2%26x%3Da%2Bb%2520c",
                Kind::MissingCredential,
            ),
        ),
        case(
            "a target with another host",
            login(),
            target("http://evil.example/resource"),
            to("/login?return_to=/resource", Kind::MissingCredential),
        ),
        case(
            "a target that is too long",
            login(),
            target(&format!("/resource?{}", "a".repeat(2040))),
            to("/login", Kind::MissingCredential),
        ),
        case(
            "a login page with a query",
            redirecting(LoginRedirect::new("/login?lang=de"), |gate| gate),
            page_load(get()),
            to(
                "/login?lang=de&return_to=/resource",
                Kind::MissingCredential,
            ),
        ),
        case(
            "the login page itself",
            redirecting(LoginRedirect::new("/resource?lang=de"), |gate| gate),
            target("/resource?lang=de&return_to=/"),
            no_credential(),
        ),
        case(
            "the path of the resume itself",
            redirecting(LoginRedirect::new("/login").resume("/resource"), |gate| {
                gate
            }),
            page_load(get()),
            no_credential(),
        ),
        case(
            "requests of scripts and page elements keep the 401",
            resuming(),
            [
                get(),
                get().with("Accept", "*/*"),
                get().with("Accept", "application/json"),
                get().with("Sec-Fetch-Mode", "cors").with("Accept", html),
                get()
                    .with("Sec-Fetch-Mode", "no-cors")
                    .with("Sec-Fetch-Dest", "image"),
                get()
                    .with("Sec-Fetch-Mode", "navigate")
                    .with("Sec-Fetch-Dest", "iframe"),
                page_load(get()).with("HX-Request", "true"),
                page_load(get()).with("X-Requested-With", "XMLHttpRequest"),
                page_load(get()).with("Sec-Purpose", "prefetch"),
                page_load(get()).with("Sec-Fetch-Mode", "navigate"),
                page_load(post()).with("Accept", html),
            ],
            no_credential(),
        ),
        case(
            "a script with an expired cookie",
            resuming(),
            with(get(), old()).with("Sec-Fetch-Mode", "cors"),
            expired(),
        ),
        case(
            "a page load that no login helps",
            redirecting(resume(), |gate| gate.require(scope("a"))),
            page_load(with(get(), good().build())),
            insufficient(Some("a")),
        ),
        case(
            "a store that fails",
            resuming(),
            page_load(with(get(), good().claim("sid", "asked: down").build())),
            unavailable("7"),
        ),
        case(
            "claims that do not fit",
            resuming(),
            page_load(with(get(), good().claim("tenant", 7).build())),
            unfit(),
        )
        .handler(Handler::Claims),
        case(
            "another site's form",
            resuming(),
            page_load(with(post(), good().build())).with("Sec-Fetch-Site", "cross-site"),
            cross_site(),
        ),
        case(
            "an optional gate admits anonymous page loads",
            optional(),
            page_load(get()),
            anonymous(),
        ),
        case(
            "a policy behind an optional gate",
            optional(),
            page_load(get()),
            to("/auth/resume?return_to=/resource", Kind::MissingCredential),
        )
        .policy(scope("a")),
        case(
            "a policy behind an optional gate, and a script",
            optional(),
            get().with("Sec-Fetch-Mode", "cors"),
            no_credential(),
        )
        .policy(scope("a")),
        case(
            "a bearer token is no cookie",
            redirecting(resume(), |gate| gate.source(Source::bearer())),
            page_load(get()).with(
                "Authorization",
                format!("Bearer {}", good().claim("sid", "gone").build()),
            ),
            revoked(),
        ),
        case(
            "a page load after a login that is too old",
            step_up("/confirm?a=b"),
            [
                page_load(with(get(), with_old_login())),
                page_load(with(get(), good().build())), // without `auth_time`
                with(get(), with_old_login()).with("Accept", html),
            ],
            to(
                "/confirm?a=b&return_to=/resource",
                Kind::AuthenticationTooOld,
            ),
        ),
        case(
            "a policy for the age of the login",
            redirecting(resume().step_up("/confirm"), |gate| gate),
            page_load(with(get(), with_old_login())),
            to("/confirm?return_to=/resource", Kind::AuthenticationTooOld),
        )
        .policy(max_authentication_age(Duration::from_secs(300))),
        case(
            "a page load without a cookie goes to the login, not to the step-up",
            step_up("/confirm"),
            page_load(get()),
            to("/auth/resume?return_to=/resource", Kind::MissingCredential),
        ),
        case(
            "the step-up page without a cookie goes to the login",
            step_up("/resource"),
            page_load(get()),
            to("/auth/resume?return_to=/resource", Kind::MissingCredential),
        ),
        case(
            "the step-up page itself, requests of scripts, and forms",
            step_up("/resource"),
            [
                page_load(with(get(), with_old_login())),
                with(get(), with_old_login()).with("Sec-Fetch-Mode", "cors"),
                page_load(with(post(), with_old_login())).with("Sec-Fetch-Site", "same-origin"),
            ],
            authentication_too_old("300"),
        ),
        case(
            "a redirect without a step-up page",
            redirecting(resume(), fresh),
            page_load(with(get(), with_old_login())),
            authentication_too_old("300"),
        ),
        case(
            "a bearer token that is too old",
            redirecting(resume().step_up("/confirm"), |gate| {
                gate.source(Source::bearer())
                    .max_authentication_age(Duration::from_secs(300))
            }),
            page_load(get()).with("Authorization", format!("Bearer {}", with_old_login())),
            authentication_too_old("300"),
        ),
        case(
            "a hook sees the refusal, and its fields stay",
            redirecting(resume(), |gate| {
                gate.on_rejection(|rejection, answer| {
                    answer.set("x-status", rejection.status().to_string());
                })
            }),
            page_load(get()),
            vec![
                to("/auth/resume?return_to=/resource", Kind::MissingCredential)
                    .remove(0)
                    .with(("x-status", "401")),
            ],
        ),
        case(
            "a hook with a status of its own",
            redirecting(resume(), |gate| {
                gate.on_rejection(|_, answer| answer.status = 404)
            }),
            page_load(get()),
            vec![{
                let mut expect = no_credential().expect();
                expect.status = 404;
                expect
            }],
        ),
    ]
}

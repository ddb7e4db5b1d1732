//! Responses with and without a renewed token.

use tollgate_core::Source;

use super::case::{Case, Handler, Reply, Request, bearer, case, get, post};
use super::expect::{Expect, Seen, anonymous, bad_signature, cross_site, insufficient, revoked};
use super::fixtures::{RENEWED_COOKIE, RENEWED_HEADER, Renewing, Standings, gate};
use super::waiting::KeyOrigin;

/// Expects the handler's response with `reply` and the renewed token.
fn renewed(seen: Seen, reply: &Reply) -> Vec<Expect> {
    as_replied(seen, reply)
        .into_iter()
        .map(|expect| {
            let renewed = expect.without(RENEWED_HEADER.0);
            renewed.with(RENEWED_COOKIE).with(RENEWED_HEADER)
        })
        .collect()
}

/// Expects the handler's response with `reply` and nothing else.
fn as_replied(seen: Seen, reply: &Reply) -> Vec<Expect> {
    let written: Vec<Expect> = seen.into();
    written
        .into_iter()
        .map(|mut expect| {
            expect.status = reply.status;
            reply.headers.iter().fold(expect, |expect, (name, value)| {
                expect.with((name.as_str(), value.as_str()))
            })
        })
        .collect()
}

pub(super) fn cases(origin: KeyOrigin) -> Vec<Case> {
    let renewing = || {
        gate(origin.verifier(), |gate| {
            gate.optional()
                .source(Source::bearer())
                .source(Source::cookie("access"))
                .revocation(Standings)
                .renewal(Renewing)
        })
    };
    let due = || origin.token().claim("due", true);
    let plain = Reply::default();
    let from_cookie = || origin.seen().but("source", "cookie");
    let cookie = |request: Request| request.with("Cookie", format!("access={}", due().build()));
    let asked = |sid: &str| bearer(due().claim("sid", sid).build());
    let replying = |name: &str, reply: Reply, renews: bool| {
        let expect = if renews {
            renewed(origin.seen(), &reply)
        } else {
            as_replied(origin.seen(), &reply)
        };
        case(name, renewing(), bearer(due().build()), expect).reply(reply)
    };
    let status = |status| Reply::default().status(status);
    let setting = |value: &str| Reply::default().header("set-cookie", value);
    let mut cases = vec![
        case(
            "due",
            renewing(),
            bearer(due().build()),
            renewed(origin.seen(), &plain),
        ),
        case(
            "due, from a cookie",
            renewing(),
            cookie(get()),
            renewed(from_cookie(), &plain),
        ),
        case(
            "due, after a lookup in a store",
            renewing(),
            asked("asked: good"),
            renewed(origin.seen(), &plain),
        ),
        case(
            "not due",
            renewing(),
            bearer(origin.token().build()),
            origin.seen(),
        ),
        case("an anonymous request", renewing(), get(), anonymous()),
        case(
            "the path does not include the query",
            renewing(),
            Request::new("GET", "/resource?keep")
                .with("Authorization", format!("Bearer {}", due().build())),
            renewed(origin.seen(), &plain),
        ),
        case(
            "a method without renewal",
            renewing(),
            Request::new("DELETE", "/resource")
                .with("Authorization", format!("Bearer {}", due().build())),
            origin.seen(),
        ),
        case(
            "a gate without renewal",
            gate(origin.verifier(), |gate| gate),
            bearer(due().build()),
            origin.seen(),
        ),
        case(
            "a revoked token",
            renewing(),
            [asked("gone"), asked("asked: gone")],
            revoked(),
        ),
        case(
            "a forged token",
            renewing(),
            bearer(due().signed_by(&origin.stranger()).build()),
            bad_signature(),
        ),
        case(
            "a cross-site request",
            renewing(),
            cookie(post()).with("Sec-Fetch-Site", "cross-site"),
            cross_site(),
        ),
        case(
            "a request that a route refuses",
            renewing(),
            bearer(due().build()),
            insufficient(Some("a")),
        )
        .policy(tollgate_core::policy::scope("a")),
        case(
            "a request that a handler's extractor refuses",
            renewing(),
            bearer(due().build()),
            insufficient(Some("orders:read")),
        )
        .handler(Handler::Scoped),
        case(
            "a gRPC call, whose status comes too late",
            renewing(),
            post()
                .with("Content-Type", "application/grpc")
                .with("Authorization", format!("Bearer {}", due().build())),
            origin.seen(),
        ),
        replying("a marked response", Reply::default().skip_renewal(), false),
        replying(
            "another cookie of the handler is kept",
            setting("theme=dark"),
            true,
        ),
        replying(
            "cookies with similar names",
            setting("accessx=1")
                .header("set-cookie", "Access=1")
                .header("set-cookie", "x=access=1"),
            true,
        ),
        replying(
            "a custom field replaces the handler's",
            Reply::default().header(RENEWED_HEADER.0, "old"),
            true,
        ),
        replying(
            "one of several cookies has the name",
            setting("theme=dark").header("set-cookie", "access=other"),
            false,
        ),
    ];
    for value in [
        "access=other; Path=/",
        "access=; Max-Age=0",
        " access =x",
        "access",
    ] {
        cases.push(replying(
            &format!("the handler sets the cookie itself: {value:?}"),
            setting(value),
            false,
        ));
    }
    for code in [200, 201, 302, 399] {
        cases.push(replying(
            &format!("a response of status {code}"),
            status(code),
            true,
        ));
    }
    for code in [400, 401, 403, 404, 500, 503] {
        cases.push(replying(
            &format!("an error of status {code}"),
            status(code),
            false,
        ));
    }
    cases
}

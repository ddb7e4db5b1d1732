//! Renewal by activity.

use tollgate_core::{EndpointRequest, Renewal, Source, Step};
use tollgate_session::{CookieTransport, Login, RenewalTransport, SlidingRenewal};

use crate::fixture::{Fault, Service};

fn login() -> Login {
    Login::new("u-7")
        .scope("orders:read")
        .claim("tenant", "acme")
        .client_id("web")
        .with_csrf()
}

#[tokio::test]
async fn a_renewed_token_has_the_same_claims() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    let principal = service.principal(&tokens.access_token);
    service.pass(450);
    let renewed = service.sessions.renew(&principal).await.unwrap().unwrap();
    assert_eq!(renewed.expires_in, 900);
    let successor = service.principal(&renewed.access_token);
    for claim in [
        "sub",
        "sid",
        "tenant",
        "client_id",
        "scope",
        "csrf",
        "auth_time",
        "aud",
    ] {
        assert_eq!(successor.claim(claim), principal.claim(claim), "{claim}");
    }
    assert_ne!(successor.claim("jti"), principal.claim("jti"));
    // Concurrent callers get one token.
    let same = service.sessions.renew(&principal).await.unwrap().unwrap();
    let same = service.principal(&same.access_token);
    assert_eq!(same.claim("jti"), successor.claim("jti"));
    // A refreshed token has the claim too.
    let refreshed = service.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(
        service.principal(&refreshed.access_token).claim("tenant"),
        Some("acme".into())
    );
    assert_eq!(refreshed.csrf, tokens.csrf);
    let again = service.sessions.renew(&successor).await.unwrap();
    assert!(again.is_none(), "a renewal would not extend the token");
}

#[tokio::test]
async fn a_renewal_is_due_after_its_share_and_where_allowed() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    let principal = service.principal(&tokens.access_token);
    let renewal = SlidingRenewal::new(service.sessions.clone(), RenewalTransport::Header);
    let choosy = renewal
        .clone()
        .after(0.9)
        .methods(["POST"])
        .paths(|path| path != "/poll");
    service.pass(449);
    assert!(!renewal.is_due(&principal, "GET", "/"));
    service.pass(1);
    assert!(renewal.is_due(&principal, "GET", "/"));
    assert!(!choosy.is_due(&principal, "POST", "/"));
    service.pass(360);
    assert!(choosy.is_due(&principal, "POST", "/"));
    assert!(!choosy.is_due(&principal, "POST", "/poll"));
    assert!(!choosy.is_due(&principal, "GET", "/"));

    let edits = renewal.renew(&principal).await;
    let names: Vec<&str> = edits.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "x-access-token",
            "x-access-token-expires-in",
            "cache-control"
        ]
    );
    let (_, token) = edits.iter().next().unwrap();
    assert!(service.accepts(std::str::from_utf8(token).unwrap()).await);
}

#[tokio::test]
async fn nothing_is_renewed_after_a_logout() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    // The request was accepted, and its response is pending.
    let principal = service.principal(&tokens.access_token);
    service.pass(600);
    service.sessions.logout(&tokens.session).await.unwrap();
    let renewal = SlidingRenewal::new(service.sessions.clone(), RenewalTransport::Header);
    assert!(renewal.is_due(&principal, "GET", "/"));
    assert!(renewal.renew(&principal).await.is_empty());
    assert!(service.sessions.reauthenticated(&principal).await.is_err());
    service.pass(3600);
    assert!(service.sessions.renew(&principal).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_outage_breaks_no_response() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    let principal = service.principal(&tokens.access_token);
    service.pass(600);
    let renewal = SlidingRenewal::new(service.sessions.clone(), RenewalTransport::Header);
    for fault in [Fault::Down, Fault::Silent, Fault::Full, Fault::Rubbish] {
        service.store.fail(fault);
        assert!(renewal.renew(&principal).await.is_empty());
    }
    service.store.fail(None);
    assert!(!renewal.renew(&principal).await.is_empty());
}

#[tokio::test]
async fn a_step_up_stays_with_the_session() {
    let service = Service::new();
    let tokens = service
        .sessions
        .login(login().auth_time(1_600_000_000))
        .await
        .unwrap();
    let principal = service.principal(&tokens.access_token);
    service.pass(60);
    let fresh = service.sessions.reauthenticated(&principal).await.unwrap();
    let now = Some(service.now().into());
    assert_eq!(
        service.principal(&fresh.access_token).claim("auth_time"),
        now
    );
    let refreshed = service.refresh(&fresh.refresh_token).await.unwrap();
    assert_eq!(
        service
            .principal(&refreshed.access_token)
            .claim("auth_time"),
        now
    );
}

#[tokio::test]
async fn a_token_is_renewed_only_by_its_own_transport() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    service.pass(600);
    let cookies = CookieTransport::builder().build().unwrap();
    let by_cookie = RenewalTransport::Cookie(cookies.clone());
    for (transport, by_header, by_cookie) in [
        (RenewalTransport::Header, true, false),
        (by_cookie, false, true),
    ] {
        let gate = service
            .sessions
            .gate()
            .source(Source::bearer())
            .source(cookies.source())
            .renewal(SlidingRenewal::new(service.sessions.clone(), transport))
            .build()
            .unwrap();
        for (name, value, due) in [
            (
                "authorization",
                format!("Bearer {}", tokens.access_token),
                by_header,
            ),
            (
                "cookie",
                format!("__Host-access={}", tokens.access_token),
                by_cookie,
            ),
        ] {
            let mut request = EndpointRequest::new("GET", "/orders");
            request.headers.push((name.to_owned(), value.into_bytes()));
            let decided = match gate.begin(&request) {
                Step::Ready(decided) => decided,
                Step::Pending(decision) => decision.await,
            };
            assert_eq!(decided.unwrap().renewal_due(), due, "{name}");
        }
    }
}

#[tokio::test]
async fn a_token_whose_key_was_revoked_is_not_renewed() {
    let service = Service::new();
    let tokens = service.sessions.login(login()).await.unwrap();
    let principal = service.principal(&tokens.access_token);
    service.pass(600);
    service
        .sessions
        .revocations()
        .revoke_key("1")
        .await
        .unwrap();
    assert_eq!(service.sessions.renew(&principal).await, Ok(None));
}

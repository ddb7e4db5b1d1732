//! Startup of a service, and configurations that it refuses.

use tollgate_oidc::{Oidc, OidcErrorKind, Readiness, RemoteJwks};
use tollgate_tests::servers::{Fault, Front, PATIENCE, eventually};

use crate::paused::PausedRuntime;
use crate::services::runtime;
use crate::world::{COOL_DOWN, Issuer, JWKS, METADATA, TIMEOUT, Watch, World, kept};

const KEYS: [(&str, &str); 1] = [("ES256", "1")];

/// Expands to the error of a failed `connect`.
macro_rules! refused {
    ($source:expr) => {
        runtime()
            .block_on($source.timeout(PATIENCE).connect())
            .unwrap_err()
            .kind()
    };
}

#[test]
fn connect_fails_fast_if_the_provider_is_faulty() {
    let Some(mut issuer) = Issuer::start(&KEYS) else {
        return;
    };
    for (fault, kind) in [
        (Fault::Broken, OidcErrorKind::Unreachable),
        (Fault::Status(500), OidcErrorKind::UnexpectedStatus),
        (Fault::html(), OidcErrorKind::Malformed),
        (Fault::Huge, OidcErrorKind::TooLarge),
        (Fault::HugeByChunks, OidcErrorKind::TooLarge),
        (
            Fault::Redirect("http://127.0.0.1:9/".to_owned()),
            OidcErrorKind::Redirected,
        ),
    ] {
        issuer.front.set(fault.clone());
        assert_eq!(
            refused!(Oidc::discover(issuer.front.url())),
            kind,
            "{fault:?}"
        );
        assert_eq!(
            refused!(RemoteJwks::new(issuer.front.url() + JWKS)),
            kind,
            "{fault:?}"
        );
    }
    issuer.front.set(Fault::empty_set());
    assert_eq!(
        refused!(RemoteJwks::new(issuer.front.url() + JWKS)),
        OidcErrorKind::NoUsableKey
    );
    issuer.front.set(Fault::None);
    issuer.provider.stop();
    assert_eq!(
        refused!(RemoteJwks::new(issuer.provider.url() + JWKS)),
        OidcErrorKind::Unreachable
    );
}

#[test]
fn connect_has_a_timeout() {
    let Some(issuer) = Issuer::start(&KEYS) else {
        return;
    };
    for fault in [Fault::Hangs, Fault::Drips] {
        issuer.front.set(fault);
        let (watch, runtime) = (Watch::default(), PausedRuntime::start());
        let connecting = kept!(Oidc::discover(issuer.front.url()), watch).connect();
        let connecting = runtime.handle().spawn(connecting);
        eventually("the fetch waits for a response", || {
            issuer.front.waiting() > 0
        });
        runtime.advance(TIMEOUT);
        let error = runtime.handle().block_on(connecting).unwrap().unwrap_err();
        assert_eq!(error.kind(), OidcErrorKind::TimedOut);
        eventually("the fetch ends", || issuer.front.waiting() == 0);
    }
}

#[test]
fn a_lazy_start_answers_503_until_the_provider_responds() {
    let Some(mut issuer) = Issuer::start(&KEYS) else {
        return;
    };
    let token = issuer.token();
    issuer.provider.stop();
    let mut world = World::with(issuer, |issuer, watch, runtime| {
        let _in = runtime.enter();
        kept!(Oidc::discover(issuer.front.url()), watch)
            .lazy()
            .unwrap()
    });
    assert_eq!(world.status().readiness, Readiness::Unavailable);
    for _ in 0..10 {
        world.services.expect(503, &token);
        world.services.expect(503, &world.stranger("nobody's"));
        world.pass(COOL_DOWN / 2);
    }
    // A malformed token is refused without keys.
    world.services.expect(401, "rubbish");
    world.assert_bounded();

    world.issuer.provider.restart();
    world.pass(COOL_DOWN);
    eventually("the service recovers", || {
        world.services.ask_axum(&token).status == 200
    });
    world.services.expect(200, &token);
    assert_eq!(world.status().readiness, Readiness::Ready);
    world.assert_bounded();
}

#[test]
fn an_issuer_with_another_name_is_refused() {
    let Some(issuer) = Issuer::start(&KEYS) else {
        return;
    };
    let port = issuer.front.port();
    for name in [
        format!("http://localhost:{port}"),
        format!("http://127.0.0.1:{port}/"),
    ] {
        assert_eq!(
            refused!(Oidc::discover(&name)),
            OidcErrorKind::IssuerMismatch,
            "{name}"
        );
    }
    // The service did not even fetch its keys.
    assert_eq!(issuer.fetches(), 0);
}

#[test]
fn metadata_at_the_rfc_8414_path_is_found() {
    let Some(issuer) = Issuer::start(&KEYS) else {
        return;
    };
    issuer.front.set_for(METADATA, Fault::Status(404));
    let world = World::connect(issuer);
    world.services.expect(200, &world.issuer.token());
    assert_eq!(
        world.issuer.front.paths(),
        [METADATA, "/.well-known/oauth-authorization-server", JWKS]
    );
}

#[test]
fn a_set_on_another_origin_requires_an_explicit_option() {
    let Some(issuer) = Issuer::start(&KEYS) else {
        return;
    };
    let url = issuer.front.url();
    let elsewhere = Front::open();
    elsewhere.stand_before(issuer.provider.port());
    let metadata = |set: &str| {
        let content = serde_json::json!({ "issuer": url, "jwks_uri": set }).to_string();
        issuer
            .front
            .set_for(METADATA, Fault::Content("application/json", content));
    };

    metadata(&(elsewhere.url() + JWKS));
    let discover = || Oidc::discover(&url);
    assert_eq!(
        refused!(discover().require_same_origin()),
        OidcErrorKind::ForeignOrigin
    );
    assert_eq!(refused!(discover()), OidcErrorKind::InsecureUrl);
    assert_eq!(
        refused!(discover().dangerous_plain_http()),
        OidcErrorKind::PrivateAddress
    );
    metadata(&format!("https://127.0.0.1:{}/jwks", elsewhere.port()));
    assert_eq!(refused!(discover()), OidcErrorKind::PrivateAddress);
    metadata(&format!("https://localhost:{}/jwks", elsewhere.port()));
    assert_eq!(refused!(discover()), OidcErrorKind::PrivateAddress);
    assert_eq!(elsewhere.paths(), [""; 0]);

    metadata(&(elsewhere.url() + JWKS));
    let keys = discover()
        .dangerous_plain_http()
        .dangerous_allow_private_addresses();
    let runtime = runtime();
    let keys = runtime.block_on(keys.connect()).unwrap();
    assert_eq!(keys.status().readiness, Readiness::Ready);
    assert_eq!(elsewhere.paths(), [JWKS]);
    assert_eq!(issuer.fetches(), 0);

    metadata(&format!("{url}/jwks"));
    let keys = runtime
        .block_on(discover().require_same_origin().connect())
        .unwrap();
    assert_eq!(keys.status().readiness, Readiness::Ready);
}

//! Faults of a provider that was available before.

use std::time::Duration;

use tollgate_oidc::Readiness;
use tollgate_tests::servers::{Fault, Front, eventually};

use crate::world::{COOL_DOWN, Issuer, JWKS, LIFE, STALE, World};

/// The maximum interval between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

enum Outage {
    /// The provider process is killed.
    Killed,
    /// The provider process is paused: its port accepts connections.
    Paused,
    /// The provider works, but the proxy in front of it does not.
    Fault(Fault),
}

impl Outage {
    fn begin(&self, world: &mut World) {
        let hangs = match self {
            Self::Killed => {
                world.issuer.provider.stop();
                false
            }
            Self::Paused => {
                world.issuer.provider.pause();
                true
            }
            Self::Fault(fault) => {
                world.issuer.front.set(fault.clone());
                matches!(fault, Fault::Hangs | Fault::Drips)
            }
        };
        world.set_hangs(hangs);
    }

    fn end(&self, world: &mut World) {
        match self {
            Self::Killed => world.issuer.provider.restart(),
            Self::Paused => world.issuer.provider.resume(),
            Self::Fault(_) => world.issuer.front.set(Fault::None),
        }
        world.set_hangs(false);
        world.settle();
    }
}

/// Runs an outage that is longer than the lifetime of the keys.
fn outage(outage: &Outage) {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    let token = world.issuer.token();
    let passes = world.services.expect(200, &token);
    assert_eq!(world.status().readiness, Readiness::Ready);
    outage.begin(&mut world);

    // The keys expire, and half of the grace period passes.
    world.pass(LIFE + STALE / 2);
    assert!(world.watch.failures() > 1);
    assert_eq!(world.services.expect(200, &token), passes);
    assert_eq!(world.status().readiness, Readiness::Stale);
    // All attempts were scheduled: first one per cool-down, then fewer.
    let schedule =
        usize::try_from(world.elapsed().as_secs() / LONGEST_PAUSE.as_secs()).unwrap() + 8;
    assert!(
        world.attempts() <= schedule,
        "{} attempts, at most {schedule}",
        world.attempts()
    );

    // An unknown key may be available at the provider by now, so the response is 503, not a client
    // error.
    let (attempts, permitted) = (world.attempts(), world.most_attempts());
    for number in 0..20 {
        let answer = world.ask_while_time_passes(&world.stranger(&format!("unknown-{number}")));
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    // The limit of attempts does not grow here, except by the time spent waiting.
    let most = attempts + 1 + world.most_attempts() - permitted;
    assert!(
        world.attempts() <= most,
        "{} attempts, at most {most}",
        world.attempts()
    );
    assert_eq!(world.services.expect(200, &token), passes);
    world.assert_bounded();

    // The grace period ends.
    world.pass(STALE);
    for _ in 0..20 {
        world.services.expect(503, &token);
    }
    assert_eq!(world.status().readiness, Readiness::Unavailable);
    // The response is the same during an attempt and between attempts.
    world.settle();
    let refused = world.services.ask_at_rest(&token);
    assert_eq!(refused.status, 503);
    assert_eq!(
        refused.content,
        concat!(
            r#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"unavailable","#,
            r#""detail":"Authentication is not available at the moment"}"#
        )
    );
    for _ in 0..20 {
        world.pass(COOL_DOWN / 4);
        world.services.expect(503, &token);
    }
    world.assert_bounded();

    // After the outage, the service recovers automatically.
    outage.end(&mut world);
    world.pass(LONGEST_PAUSE);
    assert_eq!(world.services.expect(200, &world.issuer.token()), passes);
    assert_eq!(world.status().readiness, Readiness::Ready);
    world.assert_bounded();
}

macro_rules! outages {
    ($($name:ident: $outage:expr;)*) => {
        $(#[test]
        fn $name() {
            outage(&$outage);
        })*
    };
}

outages! {
    the_provider_is_killed: Outage::Killed;
    the_provider_is_stopped: Outage::Paused;
    the_provider_answers_500: Outage::Fault(Fault::Status(500));
    the_provider_answers_404: Outage::Fault(Fault::Status(404));
    the_provider_answers_204: Outage::Fault(Fault::Status(204));
    the_provider_answers_304_without_being_asked: Outage::Fault(Fault::Status(304));
    the_provider_answers_a_page: Outage::Fault(Fault::html());
    the_provider_answers_an_empty_set: Outage::Fault(Fault::empty_set());
    the_provider_returns_malformed_content: Outage::Fault(Fault::Content("application/json",
        "{\"keys\":[{".to_owned()));
    the_provider_answers_nothing: Outage::Fault(Fault::Hangs);
    the_provider_drips: Outage::Fault(Fault::Drips);
    the_provider_closes_connections: Outage::Fault(Fault::Broken);
    the_provider_redirects_to_nowhere: Outage::Fault(Fault::Redirect("http://127.0.0.1:9/jwks".to_owned()));
    the_provider_redirects_in_a_circle: Outage::Fault(Fault::Redirect("/jwks".to_owned()));
}

#[test]
fn an_empty_set_withdraws_the_last_key() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let world = World::connect(issuer);
    let token = world.issuer.token();
    world.issuer.front.set_for(JWKS, Fault::empty_set());
    // The refresh, but not yet the confirmation.
    world.pass(LIFE);
    assert!(world.watch.failures() > 1);
    world.services.expect(200, &token);
    world.pass(2 * LONGEST_PAUSE);
    world.services.expect(503, &token);
    world.assert_bounded();
    world.issuer.front.set(Fault::None);
    world.pass(LONGEST_PAUSE);
    world.services.expect(200, &token);
}

#[test]
fn fifty_megabytes_are_not_read() {
    for fault in [Fault::Huge, Fault::HugeByChunks] {
        let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
            return;
        };
        let world = World::connect(issuer);
        let token = world.issuer.token();
        world.issuer.front.set(fault.clone());
        world.pass(LIFE + STALE / 2);
        world.services.expect(200, &token);
        // A few megabytes are in the socket buffers of the system.
        let (bytes, attempts) = (world.issuer.front.bytes(), world.watch.failures());
        assert!(
            attempts > 1 && bytes < attempts * 25_000_000,
            "{fault:?}: {bytes} in {attempts}"
        );
        world.pass(STALE);
        world.services.expect(503, &token);
        world.assert_bounded();
        world.issuer.front.set(Fault::None);
        world.pass(LONGEST_PAUSE);
        world.services.expect(200, &token);
    }
}

#[test]
fn a_hanging_fetch_does_not_delay_requests_with_known_keys() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let world = World::connect(issuer);
    let token = world.issuer.token();
    world.issuer.front.set(Fault::Hangs);
    world.set_hangs(true);
    // The refresh becomes due and hangs.
    world.pass(LIFE.mul_f64(0.8));
    eventually("the refresh hangs", || world.issuer.front.waiting() == 1);
    for _ in 0..20 {
        world.services.expect(200, &token);
    }
    assert_eq!(world.issuer.front.waiting(), 1);
    assert_eq!(world.attempts(), 2);
}

#[test]
fn a_client_disconnect_does_not_cancel_the_fetch() {
    let Some(issuer) = Issuer::start(&[("ES256", "old")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    world.issuer.rotate(&[("ES256", "new"), ("ES256", "old")]);
    let new = world.issuer.token();
    world.pass(COOL_DOWN);
    world.issuer.provider.pause();
    for number in 0..2 {
        let client = world.services.send_and_go_on(number, &new);
        eventually("the request causes a fetch", || world.issuer.fetches() == 2);
        drop(client);
    }
    world.issuer.provider.resume();
    eventually("the fetch completes", || world.watch.successes() == 2);
    world.services.expect(200, &new);
    assert_eq!(world.issuer.fetches(), 2);
}

#[test]
fn a_short_outage_is_transparent() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    let token = world.issuer.token();
    for _ in 0..5 {
        world.issuer.provider.stop();
        world.pass(LIFE);
        world.services.expect(200, &token);
        world.issuer.provider.restart();
        world.pass(LONGEST_PAUSE);
        assert_eq!(world.status().readiness, Readiness::Ready);
        world.services.expect(200, &token);
    }
    world.assert_bounded();
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let world = World::connect(issuer);
    // An attacker with its own keys, on the same machine.
    let Some(theirs) = Issuer::start(&[("ES256", "theirs")]) else {
        return;
    };
    world
        .issuer
        .front
        .set(Fault::Redirect(theirs.front.url() + "/jwks"));
    world.pass(LIFE);
    assert!(world.watch.failures() > 0);
    assert_eq!(theirs.front.paths(), [""; 0]);
}

#[test]
fn a_set_moved_on_the_same_host_is_found() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    let before = world.issuer.fetches();
    world.issuer.rotate(&[("ES256", "2")]);
    let elsewhere = Front::open();
    elsewhere.stand_before(world.issuer.provider.port());
    let set = tollgate_tests::http::Request::get(elsewhere.url() + "/jwks")
        .send()
        .unwrap();
    world
        .issuer
        .front
        .set_for("/jwks", Fault::Redirect("/keys/2031".to_owned()));
    world.issuer.front.set_for(
        "/keys/2031",
        Fault::Content("application/json", set.content),
    );
    world.pass(LIFE);
    world.services.expect(200, &world.issuer.token());
    assert!(world.issuer.fetches() > before);
    assert_eq!(world.watch.failures(), 0);
}

#[test]
fn a_closed_port_is_handled_as_an_outage() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    // Directly to the provider, without the proxy.
    let mut world = World::with(issuer, |issuer, watch, runtime| {
        let source = tollgate_oidc::RemoteJwks::new(issuer.provider.url() + "/jwks");
        runtime
            .block_on(crate::world::kept!(source, watch).connect())
            .unwrap()
    });
    let token = world.issuer.token();
    world.issuer.provider.stop();
    world.pass(LIFE + STALE / 2);
    world.services.expect(200, &token);
    world.pass(STALE);
    world.services.expect(503, &token);
    world.assert_bounded();
    world.issuer.provider.restart();
    world.pass(LONGEST_PAUSE);
    world.services.expect(200, &token);
}

#[test]
fn a_request_restores_expired_keys_after_the_cool_down() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let world = World::connect(issuer);
    let token = world.issuer.token();
    world.issuer.front.set(Fault::Broken);
    world.pass(LIFE + STALE);
    world.services.expect(503, &token);
    world.issuer.front.set(Fault::None);
    world.pass(COOL_DOWN);
    eventually("a request restores the keys", || {
        world.services.ask_axum(&token).status == 200
    });
    world.assert_bounded();
}

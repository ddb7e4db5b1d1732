//! Keys that are published one by one, with the preset of the AWS load balancer.

use std::time::Duration;

use tokio::time::sleep;
use tollgate_core::{Algorithm, RejectionKind as Kind, Step, Verifier};
use tollgate_oidc::presets::{self, Preset};
use tollgate_oidc::{Event, FetchErrorKind, FetchResponse, OidcErrorKind, Readiness, RemoteKeys};
use tollgate_testkit::{Mint, Segments, TokenBuilder, keys};

use crate::fixture::{World, seconds};
use crate::time::settled;

const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c9188";
const BASE: &str = "https://public-keys.auth.elb.eu-west-1.amazonaws.com";
/// The life of a key.
const LIFE: Duration = seconds(600);

fn kid(number: usize) -> String {
    format!("{number:08x}-1234-4234-8234-123456789012")
}

fn url(kid: &str) -> String {
    format!("{BASE}/{kid}")
}

fn preset() -> Preset {
    presets::aws_alb(ARN, Mint::ISSUER, ["shop"]).unwrap()
}

struct Balancer {
    world: World,
    source: RemoteKeys,
    verifier: Verifier,
}

impl Balancer {
    fn new() -> Self {
        let world = World::new();
        let events = world.events.clone();
        let source = preset()
            .discover()
            .fetch(world.provider.clone())
            .clock(world.clock.clone())
            .jitter(|| 0.0)
            .on_event(move |event| events.lock().unwrap().push(event.clone()))
            .lazy()
            .unwrap();
        let verifier = Verifier::builder()
            .trust(preset().trust(source.clone()))
            .clock(world.clock.clone())
            .build()
            .unwrap();
        Self {
            world,
            source,
            verifier,
        }
    }

    fn publish(&self, number: usize) {
        let pem = FetchResponse::new(200, keys::P256_PUBLIC_PEM);
        self.world.provider.answer(&url(&kid(number)), pem);
    }

    fn token(&self, kid: &str) -> TokenBuilder {
        Mint::new(keys::signing(Algorithm::ES256), &self.world.clock)
            .token()
            .kid(kid)
            .header("signer", ARN)
            .header("iss", Mint::ISSUER)
            .header("client", "shop")
            .without_claim("aud")
    }

    fn forged(&self, kid: &str) -> TokenBuilder {
        self.token(kid).signed_by(&keys::stranger(Algorithm::ES256))
    }

    async fn send(&self, token: &TokenBuilder) -> Result<(), Kind> {
        let outcome = match self.verifier.begin(token.build()) {
            Step::Ready(outcome) => outcome,
            Step::Pending(outcome) => outcome.await,
        };
        outcome.map(drop).map_err(|rejection| rejection.kind())
    }

    async fn sends(&self, number: usize) -> Result<(), Kind> {
        self.send(&self.token(&kid(number))).await
    }

    /// Returns the outcome if it does not wait.
    fn at_once(&self, number: usize) -> Option<Result<(), Kind>> {
        match self.verifier.begin(self.token(&kid(number)).build()) {
            Step::Ready(outcome) => Some(outcome.map(drop).map_err(|rejection| rejection.kind())),
            Step::Pending(_) => None,
        }
    }

    fn fetches(&self) -> usize {
        self.world.provider.requests().len()
    }

    fn count(&self, number: usize) -> usize {
        self.world.provider.count(&url(&kid(number)))
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_token_of_a_kid_waits_for_its_key() {
    let balancer = Balancer::new();
    assert_eq!(balancer.source.readiness(), Readiness::Ready);
    balancer.publish(1);
    assert_eq!(balancer.sends(1).await, Ok(()));
    for _ in 0..3 {
        assert_eq!(balancer.at_once(1), Some(Ok(())));
    }
    assert_eq!(balancer.fetches(), 1);
    let status = balancer.source.status();
    assert_eq!(status.source, BASE);
    assert_eq!((status.fetches, status.readiness), (1, Readiness::Ready));
    assert_eq!(status.keys[0].kid, Some(kid(1)));
    assert_eq!(
        status.keys[0].last_used,
        Some(balancer.world.clock.seconds())
    );
    assert_eq!(status.expires_in, Some(LIFE + seconds(3600)));
    let events = balancer.world.events.lock().unwrap();
    assert!(matches!(&events[..], [Event::Refreshed { added, .. }] if *added == [kid(1)]));
}

/// A token as the load balancer sends it, first by a fetched key, then from the token cache.
#[tokio::test(start_paused = true)]
async fn a_padded_token_is_verified_and_cached() {
    let balancer = Balancer::new();
    balancer.publish(1);
    let pad = |text: &str| format!("{text:=<width$}", width = text.len().next_multiple_of(4));
    let token = balancer
        .token(&kid(1))
        .header("exp", balancer.world.clock.seconds() + 120)
        .claim("email", "u-7@example.com")
        .segments();
    let token = Segments {
        header: pad(&token.header),
        payload: pad(&token.payload),
        ..token
    }
    .signed_by(&keys::signing(Algorithm::ES256));
    let token = format!("{token}==");
    let Step::Pending(first) = balancer.verifier.begin(&token) else {
        panic!("it does not wait")
    };
    assert_eq!(first.await.unwrap().subject(), Some("u-7"));
    for _ in 0..3 {
        assert!(balancer.verifier.verify(&token).is_ok());
    }
    assert!(balancer.verifier.token_cache_status().unwrap().hits >= 1);
    let changed = token.trim_end_matches('=').to_owned();
    if changed.contains('=') {
        assert!(balancer.verifier.verify(changed).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_with_one_kid_share_a_fetch() {
    let balancer = Balancer::new();
    balancer.world.provider.hang(&url(&kid(1)));
    let token = balancer.token(&kid(1)).build();
    let waiting: Vec<_> = (0..50)
        .map(|_| match balancer.verifier.begin(&token) {
            Step::Pending(outcome) => outcome,
            Step::Ready(outcome) => panic!("{outcome:?}"),
        })
        .collect();
    settled().await;
    assert_eq!(balancer.fetches(), 1);
    balancer.publish(1);
    for outcome in waiting {
        assert!(outcome.await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_uuid_becomes_part_of_a_url() {
    let balancer = Balancer::new();
    let upper = kid(0xabc).to_uppercase();
    for kid in [
        "",
        "1",
        "../x",
        "12345678-1234-4234-8234-12345678901/",
        &upper,
        &kid(1)[1..],
    ] {
        let outcome = balancer.send(&balancer.token(kid)).await;
        assert!(
            matches!(outcome, Err(Kind::UnknownKey | Kind::WrongAlgorithm)),
            "{outcome:?}"
        );
    }
    let nameless = balancer.token("").without_header("kid");
    assert!(balancer.send(&nameless).await.is_err());
    assert_eq!(balancer.fetches(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_load_balancer_or_issuer_causes_no_fetch() {
    let balancer = Balancer::new();
    balancer.publish(1);
    let token = || balancer.token(&kid(1));
    for (token, wanted) in [
        (
            token().header("signer", ARN.replace("shop", "evil")),
            Kind::WrongClaim,
        ),
        (token().without_header("signer"), Kind::MissingClaim),
        (token().header("client", "other"), Kind::WrongClaim),
        (
            token().header("iss", "https://evil.example"),
            Kind::WrongClaim,
        ),
        (
            token().claim("iss", "https://evil.example"),
            Kind::UntrustedIssuer,
        ),
        (token().header("alg", "RS256"), Kind::WrongAlgorithm),
        (token().header("alg", "HS256"), Kind::WrongAlgorithm),
    ] {
        assert_eq!(balancer.send(&token).await, Err(wanted));
    }
    assert_eq!(balancer.fetches(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_is_refused_and_looked_for_once_in_a_cool_down() {
    let balancer = Balancer::new();
    balancer
        .world
        .provider
        .answer(&url(&kid(2)), FetchResponse::new(403, "AccessDenied"));
    for number in [1, 2] {
        assert!(matches!(
            balancer.sends(number).await,
            Err(Kind::UnknownKey | Kind::WrongAlgorithm)
        ));
    }
    // The first repetition is within its own budget.
    assert!(balancer.sends(1).await.is_err());
    for _ in 0..100 {
        assert!(matches!(balancer.at_once(1), Some(Err(kind)) if kind != Kind::Unavailable));
        assert!(matches!(balancer.at_once(2), Some(Err(kind)) if kind != Kind::Unavailable));
    }
    assert_eq!(balancer.fetches(), 3);
    sleep(seconds(10)).await;
    balancer.publish(1);
    assert_eq!(balancer.sends(1).await, Ok(()));
    let events = balancer.world.events.lock().unwrap();
    let unknown = events
        .iter()
        .filter(|event| matches!(event, Event::UnknownKey { .. }));
    assert_eq!(unknown.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn random_kids_cost_a_bounded_number_of_fetches_and_evict_nothing() {
    let balancer = Balancer::new();
    balancer.publish(1);
    assert_eq!(balancer.sends(1).await, Ok(()));
    let mut next = 1000;
    for _ in 0..100 {
        for _ in 0..100 {
            let stranger = balancer.forged(&kid(next)).build();
            next += 1;
            if let Step::Pending(outcome) = balancer.verifier.begin(stranger) {
                tokio::spawn(outcome);
            }
        }
        sleep(seconds(1)).await;
        assert_eq!(balancer.at_once(1), Some(Ok(())));
    }
    let fetches = balancer.fetches() - balancer.count(1);
    assert!(fetches <= 8 * 12, "{fetches}");
    // A genuine new key needs a free place in the budget, not the end of the flood.
    sleep(seconds(2)).await;
    balancer.publish(2);
    assert_eq!(balancer.sends(2).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn keys_without_a_verified_token_evict_only_each_other() {
    let balancer = Balancer::new();
    balancer.publish(1);
    assert_eq!(balancer.sends(1).await, Ok(()));
    for number in 100..150 {
        balancer.publish(number);
        let outcome = balancer.send(&balancer.forged(&kid(number))).await;
        assert_eq!(outcome, Err(Kind::BadSignature), "{number}");
        sleep(seconds(2)).await;
    }
    assert_eq!(balancer.source.status().keys.len(), 9);
    assert_eq!(balancer.at_once(1), Some(Ok(())));
    // They are not refreshed.
    sleep(LIFE * 2).await;
    assert_eq!(balancer.source.status().keys.len(), 1);
    assert!((100..150).all(|number| balancer.count(number) == 1));
}

#[tokio::test(start_paused = true)]
async fn keys_in_use_are_bounded() {
    let balancer = Balancer::new();
    for number in 0..40 {
        balancer.publish(number);
        assert_eq!(balancer.sends(number).await, Ok(()), "{number}");
        sleep(seconds(2)).await;
    }
    assert!(balancer.source.status().keys.len() <= 24);
    assert_eq!(balancer.at_once(39), Some(Ok(())));
    assert_eq!(balancer.sends(0).await, Ok(()), "fetched again");
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_is_a_503_and_a_pause() {
    let balancer = Balancer::new();
    let provider = &balancer.world.provider;
    provider.fail(&url(&kid(1)), FetchErrorKind::Unreachable);
    assert_eq!(balancer.sends(1).await, Err(Kind::Unavailable));
    balancer.publish(2);
    assert_eq!(balancer.at_once(2), Some(Err(Kind::Unavailable)));
    assert_eq!(balancer.fetches(), 1);
    let status = balancer.source.status();
    assert_eq!(status.consecutive_failures, 1);
    let error = status.last_error.map(|error| error.kind());
    assert_eq!(error, Some(OidcErrorKind::Unreachable));
    sleep(seconds(10)).await;
    assert_eq!(balancer.sends(2).await, Ok(()));
    assert_eq!(balancer.source.status().consecutive_failures, 0);
}

#[tokio::test(start_paused = true)]
async fn content_that_is_no_key_is_a_failure() {
    let balancer = Balancer::new();
    let answers: [(&str, u16); 4] = [
        ("<html>", 200),
        (keys::RSA_PUBLIC_PEM, 200),
        (keys::P256_PRIVATE_PEM, 200),
        ("", 500),
    ];
    for (number, (content, status)) in answers.into_iter().enumerate() {
        let response = FetchResponse::new(status, content);
        balancer.world.provider.answer(&url(&kid(number)), response);
        assert_eq!(
            balancer.sends(number).await,
            Err(Kind::Unavailable),
            "{content}"
        );
        sleep(seconds(400)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_in_use_is_refreshed_and_survives_an_outage() {
    let balancer = Balancer::new();
    balancer.publish(1);
    assert_eq!(balancer.sends(1).await, Ok(()));
    sleep(LIFE * 10).await;
    let before = balancer.count(1);
    assert!((12..=13).contains(&before), "every 480 s: {before}");
    assert_eq!(balancer.at_once(1), Some(Ok(())));

    balancer
        .world
        .provider
        .fail(&url(&kid(1)), FetchErrorKind::TimedOut);
    sleep(LIFE).await;
    assert_eq!(balancer.at_once(1), Some(Ok(())));
    assert_eq!(balancer.source.readiness(), Readiness::Stale);
    sleep(seconds(3600)).await;
    assert_eq!(balancer.sends(1).await, Err(Kind::Unavailable));
    assert!(balancer.count(1) - before < 25, "the pauses become longer");
    let expired = |event: &Event| matches!(event, Event::Expired { .. });
    assert_eq!(
        balancer
            .world
            .events
            .lock()
            .unwrap()
            .iter()
            .filter(|event| expired(event))
            .count(),
        1
    );

    balancer.publish(1);
    sleep(seconds(300)).await;
    assert_eq!(balancer.sends(1).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_no_longer_published_expires() {
    let balancer = Balancer::new();
    for number in [1, 2] {
        balancer.publish(number);
        assert_eq!(balancer.sends(number).await, Ok(()));
    }
    balancer
        .world
        .provider
        .answer(&url(&kid(1)), FetchResponse::new(404, ""));
    sleep(LIFE + seconds(3601)).await;
    assert!(balancer.sends(1).await.is_err());
    assert_eq!(balancer.at_once(2), Some(Ok(())));
    assert_eq!(balancer.source.status().keys.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_key_with_the_same_kid_replaces_the_first() {
    let balancer = Balancer::new();
    balancer.publish(1);
    assert_eq!(balancer.sends(1).await, Ok(()));
    let pem = include_str!("../../../tollgate-testkit/keys/p256-stranger.public.pem");
    balancer
        .world
        .provider
        .answer(&url(&kid(1)), FetchResponse::new(200, pem));
    sleep(seconds(480)).await;
    settled().await;
    assert_eq!(balancer.at_once(1), Some(Err(Kind::BadSignature)));
    assert_eq!(balancer.send(&balancer.forged(&kid(1))).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_source_ends_the_fetching() {
    let balancer = Balancer::new();
    balancer.publish(1);
    assert_eq!(balancer.sends(1).await, Ok(()));
    let Balancer {
        world,
        source,
        verifier,
    } = balancer;
    drop((source, verifier));
    sleep(LIFE * 3).await;
    assert_eq!(world.provider.requests().len(), 1);
}

#[test]
fn without_its_runtime_the_source_answers_503() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    let balancer = first.block_on(async { Balancer::new() });
    balancer.publish(1);
    drop(first);
    for _ in 0..3 {
        assert_eq!(
            runtime().block_on(balancer.sends(1)),
            Err(Kind::Unavailable)
        );
    }
}

#[tokio::test]
async fn options_of_an_issuer_with_metadata_are_refused() {
    let world = World::new();
    let keys = || preset().discover().fetch(world.provider.clone());
    for keys in [
        keys().require_same_origin(),
        keys().metadata_url("https://id.example.com/metadata"),
    ] {
        assert_eq!(
            keys.lazy().unwrap_err().kind(),
            OidcErrorKind::Misconfigured
        );
    }
    assert!(keys().connect().await.is_ok());
    assert!(world.provider.requests().is_empty());
}

#[test]
fn only_the_arn_of_an_application_load_balancer_is_accepted() {
    let base = |arn: &str| {
        let preset = presets::aws_alb(arn, Mint::ISSUER, ["shop"]).ok()?;
        Some(format!("{:?}", preset.discover()))
    };
    let arn = |partition: &str, region: &str| {
        format!(
            "arn:{partition}:elasticloadbalancing:{region}:123456789012:loadbalancer/app/shop/50dc6c495c0c9188"
        )
    };
    for (partition, region, wanted) in [
        (
            "aws",
            "eu-west-1",
            "https://public-keys.auth.elb.eu-west-1.amazonaws.com\"",
        ),
        (
            "aws",
            "ap-southeast-2",
            "https://public-keys.auth.elb.ap-southeast-2.amazonaws.com\"",
        ),
        (
            "aws-cn",
            "cn-north-1",
            "https://public-keys.auth.elb.cn-north-1.amazonaws.com.cn\"",
        ),
        (
            "aws-us-gov",
            "us-gov-west-1",
            "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1\"",
        ),
        (
            "aws-us-gov",
            "us-gov-east-1",
            "https://s3-us-gov-east-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-east-1\"",
        ),
    ] {
        let got = base(&arn(partition, region)).unwrap();
        assert!(got.contains(wanted), "{got}");
    }
    let good = arn("aws", "eu-west-1");
    for refused in [
        String::new(),
        arn("aws", "eu-west-1.evil.example/"),
        arn("aws", "eu-west"),
        arn("aws", "EU-WEST-1"),
        arn("aws", "us-gov-west-1"),
        arn("aws-us-gov", "us-east-1"),
        arn("aws-cn", "eu-west-1"),
        arn("aws-iso", "us-iso-east-1"),
        good.replace("/app/", "/net/"),
        good.replace("123456789012", "12345678901"),
        good.replace("/shop/", "/shop/x/"),
        good.replace("/50dc6c495c0c9188", ""),
        good.replace("/50dc6c495c0c9188", "/"),
        format!("{good}:x"),
        format!(" {good}"),
        good.replace("elasticloadbalancing", "s3"),
    ] {
        assert_eq!(base(&refused), None, "{refused}");
    }
}

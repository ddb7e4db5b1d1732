//! Property: for any sequence of events, a gate with a cache answers like one without.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tollgate_core::policy::max_authentication_age;
use tollgate_core::{
    Gate, IssuerSource, KeySet, PreparedIssuer, Principal, RevocationCheck, SigningKey, Standing,
    Step, TokenCache, TrustedIssuer, Unavailable, Verifier,
};

use super::example::Request;
use super::gate::bearer;
use super::similar_tokens::facts;
use super::{Hand, ISSUER, NOW, Scripted, claims_with, es256, status};

const TENANT: &str = "https://tenant.example";

static KEYS: LazyLock<[SigningKey; 3]> = LazyLock::new(|| [es256("1"), es256("2"), es256("1")]);

/// The successive key sets of the source: some share keys, one has other keys with the same names.
static SETS: LazyLock<[Arc<KeySet>; 4]> = LazyLock::new(|| {
    let [one, two, three] = &*KEYS;
    [&[one][..], &[one, two], &[two], &[three]].map(super::set)
});

/// Valid tokens, some that are valid for a while or not yet, some of another issuer, and some that
/// are never valid.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let more = [
        json!({}),
        json!({ "exp": NOW + 8 }),
        json!({ "exp": NOW + 3, "auth_time": NOW }),
        json!({ "nbf": NOW + 6 }),
        json!({ "sid": "gone" }),
        json!({ "iss": TENANT }),
        json!({ "iss": TENANT, "exp": NOW + 10, "aud": ["api", "billing"] }),
        json!({ "aud": "billing" }),
        json!({ "iat": NOW - 5 }),
    ];
    let by = |key: &SigningKey| {
        let signed = more.each_ref().map(|more| {
            let mut claims = claims_with(&json!({ "iat": NOW }));
            claims
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            key.encode(&claims).unwrap()
        });
        signed.into_iter()
    };
    let mut tokens: Vec<String> = KEYS.iter().flat_map(by).collect();
    let forged = tokens[0].clone();
    tokens.push(forged[..forged.len() - 1].to_owned());
    tokens.push("a.b.c".to_owned());
    tokens
});

#[derive(Clone, Debug)]
enum Act {
    Advance(u64),
    PutBack(u64),
    Rotate(usize),
    Down,
    TenantIs(usize),
    Revoke(bool),
    Forget,
    Verify(usize),
}

fn step() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (0_u64..4).prop_map(Act::Advance),
        1 => (0_u64..4).prop_map(Act::PutBack),
        1 => (0..SETS.len()).prop_map(Act::Rotate),
        1 => Just(Act::Down),
        1 => (0_usize..5).prop_map(Act::TenantIs),
        1 => any::<bool>().prop_map(Act::Revoke),
        1 => Just(Act::Forget),
        // Few of them, again and again.
        10 => (0..TOKENS.len()).prop_map(Act::Verify),
        14 => (0_usize..7).prop_map(Act::Verify),
    ]
}

#[derive(Clone)]
struct Revocations(Arc<AtomicBool>);

impl RevocationCheck for Revocations {
    fn check(&self, principal: &Principal) -> Step<Result<Standing, Unavailable>> {
        if self.0.load(Ordering::SeqCst) && principal.session_id() == Some("gone") {
            Step::Ready(Ok(Standing::Revoked))
        } else {
            Step::Ready(Ok(Standing::Good))
        }
    }
}

#[derive(Clone)]
struct Tenants(Arc<Mutex<Result<Option<PreparedIssuer>, Unavailable>>>);

impl IssuerSource for Tenants {
    fn issuer(&self, _: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
        self.0.lock().unwrap().clone()
    }
}

/// Shared state with two gates.
struct World {
    clock: Hand,
    now: u64,
    source: Scripted,
    revoked: Arc<AtomicBool>,
    tenants: Tenants,
    answers: Vec<Result<Option<PreparedIssuer>, Unavailable>>,
    gates: [Gate; 2],
}

impl World {
    fn new() -> Self {
        let (clock, source) = (Hand::new(), Scripted::new(&SETS[0]));
        let revoked = Arc::new(AtomicBool::new(false));
        let tenant = |audience: &str| {
            TrustedIssuer::new(TENANT)
                .audience(audience)
                .key(KEYS[0].verifying_key())
        };
        let answers = vec![
            Ok(Some(tenant("api").prepare().unwrap())),
            Ok(Some(tenant("billing").role_claim("sub").prepare().unwrap())),
            Ok(Some(
                tenant("api").key_source(source.clone()).prepare().unwrap(),
            )),
            Ok(None),
            Err(Unavailable::new(Duration::from_secs(4))),
        ];
        let tenants = Tenants(Arc::new(Mutex::new(answers[0].clone())));
        let gate = |cached: bool| {
            let listed = TrustedIssuer::new(ISSUER)
                .audience("api")
                .leeway(Duration::from_secs(1));
            let listed = listed
                .max_age(Duration::from_secs(9))
                .key_source(source.clone());
            let builder = Verifier::builder()
                .clock(clock.clone())
                .issuer_source(tenants.clone());
            let lifetime = TokenCache::default().lifetime(Duration::from_secs(5));
            let builder = if cached {
                builder.token_cache(lifetime)
            } else {
                builder.without_token_cache()
            };
            let gate = Gate::builder(builder.trust(listed).build().unwrap());
            gate.revocation(Revocations(Arc::clone(&revoked)))
                .build()
                .unwrap()
        };
        Self {
            gates: [gate(true), gate(false)],
            now: NOW,
            clock,
            source,
            revoked,
            tenants,
            answers,
        }
    }

    fn take(&mut self, step: &Act) {
        match step {
            Act::Advance(seconds) => self.now += seconds,
            Act::PutBack(seconds) => self.now -= seconds,
            Act::Rotate(set) => self.source.have(&SETS[*set]),
            Act::Down => self.source.go_down(),
            Act::TenantIs(answer) => self
                .tenants
                .0
                .lock()
                .unwrap()
                .clone_from(&self.answers[*answer]),
            Act::Revoke(revoked) => self.revoked.store(*revoked, Ordering::SeqCst),
            Act::Forget => self.gates[0].verifier().forget_verified_tokens(),
            Act::Verify(token) => {
                let request = bearer(&TOKENS[*token]);
                let [cached, cold] = self.gates.each_ref().map(|gate| outcome(gate, &request));
                assert_eq!(cached, cold);
            }
        }
        self.clock.set(self.now);
    }
}

/// Formats every observable part of a decision.
fn outcome(gate: &Gate, request: &Request) -> Result<String, String> {
    let recent = max_authentication_age(Duration::from_secs(4));
    match gate.decide(request) {
        Ok(authentication) => {
            let principal = authentication.principal().unwrap();
            let roles: Vec<_> = principal.roles().collect();
            let recent = authentication.require(&recent).is_ok();
            Ok(format!("{} {roles:?} {recent}", facts(principal)))
        }
        Err(refusal) => {
            let (rejection, answer) = refusal.into_parts();
            Err(format!("{:?} {rejection} {answer:?}", rejection.kind()))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_cache_does_not_change_the_outcome(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
    }
}

/// The sequences above do hit the cache.
#[test]
fn the_generated_sequences_hit_the_cache() {
    let mut world = World::new();
    for round in 0..3 {
        for token in 0..7 {
            world.take(&Act::Verify(token));
        }
        world.take(&Act::Rotate(round % 2));
    }
    let status = status(world.gates[0].verifier());
    assert!(status.hits > 5, "{status:?}");
    assert_eq!(world.gates[1].verifier().token_cache_status(), None);
}

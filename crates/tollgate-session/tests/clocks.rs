//! Instances whose clocks differ from the store's, jump, and are set back.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::sleep;
use tollgate_core::{Algorithm, RevocationCheck, Standing, Verifier};
use tollgate_session::{
    Issuer, Login, MemoryStore, RefreshKey, RefreshRequest, SessionErrorKind, SessionUpdate,
    Sessions, Tokens,
};
use tollgate_testkit::{FakeClock, keys};

const START: u64 = FakeClock::START;
const ACCESS: u64 = 900;
const IDLE: u64 = 24 * 3600;
const LEEWAY: u64 = 60;

struct Instance {
    sessions: Sessions,
    verifier: Verifier,
    clock: FakeClock,
}

/// The answers of an instance to the tokens of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Refused by the rules for `exp`, `iat` and `nbf`.
    Untimely,
    Revoked,
    Good,
}

impl Instance {
    fn new(store: &MemoryStore, time: u64) -> Self {
        let clock = FakeClock::ticking();
        clock.set(time);
        let issuer = Issuer::builder("https://id.example.com")
            .audience("orders")
            .access_lifetime(Duration::from_secs(ACCESS))
            .leeway(Duration::from_secs(LEEWAY))
            .signing_key(keys::signing(Algorithm::HS256))
            .clock(clock.clone())
            .build()
            .unwrap();
        let verifier = issuer.verifier().build().unwrap();
        let sessions = Sessions::builder(issuer, store.clone())
            .refresh_key(RefreshKey::new(1, [7; 32]))
            .idle_timeout(Duration::from_secs(IDLE))
            .build()
            .unwrap();
        Self {
            sessions,
            verifier,
            clock,
        }
    }

    async fn log_in(&self) -> Tokens {
        self.sessions.login(Login::new("u-7")).await.unwrap()
    }

    async fn access(&self, tokens: &Tokens) -> Access {
        let Ok(principal) = self.verifier.verify(&tokens.access_token) else {
            return Access::Untimely;
        };
        match self.sessions.revocations().check(&principal).await {
            Ok(Standing::Good) => Access::Good,
            Ok(Standing::Revoked) => Access::Revoked,
            Err(unavailable) => panic!("{unavailable:?}"),
        }
    }

    async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, SessionErrorKind> {
        let request = RefreshRequest::default();
        let refreshed = self.sessions.refresh(&tokens.refresh_token, request).await;
        refreshed.map_err(|error| error.kind())
    }
}

/// A store whose clock moves with tokio's, and that clock.
fn store() -> (MemoryStore, FakeClock) {
    let clock = FakeClock::ticking();
    (MemoryStore::default().with_clock(clock.clone()), clock)
}

/// The table of `docs/guide/stores.md`: the rules for an instance whose clock differs.
#[tokio::test(start_paused = true)]
async fn the_rules_by_skew() {
    use Access::{Good, Revoked, Untimely};
    let hour = 3600;
    for (skew, of_others, own) in [
        (5, Good, Good),
        (-5, Good, Good),
        (90, Good, Untimely),
        (-90, Untimely, Good),
        (hour, Untimely, Untimely),
        (-hour, Untimely, Untimely),
    ] {
        let (store, truth) = store();
        let right = Instance::new(&store, START);
        let wrong = Instance::new(&store, START.wrapping_add_signed(skew));
        // Both read the store's clock.
        sleep(Duration::from_secs(1)).await;
        let tokens = right.log_in().await;
        assert_eq!(wrong.access(&tokens).await, of_others, "{skew}");
        let theirs = wrong.log_in().await;
        assert_eq!(right.access(&theirs).await, own, "{skew}");
        assert_eq!(wrong.access(&theirs).await, Good, "{skew}");
        let newest = wrong.refresh(&tokens).await.unwrap();
        assert!(right.refresh(&newest).await.is_ok(), "{skew}");
        // A logout holds everywhere, in both directions.
        wrong.sessions.logout(&tokens.session).await.unwrap();
        right.sessions.logout(&theirs.session).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let late = Instance::new(&store, truth.seconds());
        for tokens in [&tokens, &newest, &theirs] {
            for instance in [&right, &wrong, &late] {
                assert_ne!(instance.access(tokens).await, Good, "{skew}");
                assert!(instance.refresh(tokens).await.is_err(), "{skew}");
            }
        }
        assert_eq!(late.access(&tokens).await, Revoked, "{skew}");
        // Users can log in again, also after the end of all their sessions.
        wrong.sessions.logout_all("u-7").await.unwrap();
        sleep(Duration::from_secs(3)).await;
        let again = right.log_in().await;
        assert_eq!(right.access(&again).await, Good, "{skew}");
    }
}

/// A session that has expired by a clock that is ahead goes on at the other instances.
#[tokio::test(start_paused = true)]
async fn an_update_by_a_clock_that_is_ahead_reaches_all_sessions() {
    for ahead in [0, 90, 3600, 7000] {
        let (store, truth) = store();
        let right = Instance::new(&store, START);
        sleep(Duration::from_secs(1)).await;
        let login = Login::new("u-7").role("admin");
        let login = login.idle_timeout(Duration::from_secs(3600));
        let tokens = right.sessions.login(login).await.unwrap();
        sleep(Duration::from_secs(3000)).await;
        let wrong = Instance::new(&store, truth.seconds() + ahead);
        sleep(Duration::from_secs(1)).await;
        let update = SessionUpdate::new().roles([""; 0]);
        let updated = wrong.sessions.update("u-7", update).await;
        assert_eq!(updated, Ok(1), "{ahead}");
        let next = right.refresh(&tokens).await.unwrap();
        let principal = right.verifier.verify(&next.access_token).unwrap();
        assert_eq!(principal.roles().count(), 0, "{ahead}");
    }
}

/// The idle timeout counts from the last refresh, by the clock of each instance.
#[tokio::test(start_paused = true)]
async fn the_idle_timeout_by_skew() {
    let hour = 3600;
    for (skew, first, second) in [
        (IDLE - 1, true, true),
        (IDLE, false, true),
        (IDLE.wrapping_neg(), true, false),
        (IDLE.wrapping_neg() + 1, true, true),
        (hour, true, true),
        (0_u64.wrapping_sub(hour), true, true),
    ] {
        let (store, _) = store();
        let right = Instance::new(&store, START);
        let wrong = Instance::new(&store, START.wrapping_add(skew));
        let tokens = right.log_in().await;
        let next = wrong.refresh(&tokens).await;
        assert_eq!(next.is_ok(), first, "{skew}: {next:?}");
        let next = right.refresh(next.as_ref().unwrap_or(&tokens)).await;
        assert_eq!(next.is_ok(), second, "{skew}: {next:?}");
    }
}

/// A client repeats its refresh token on another instance after a lost response.
#[tokio::test(start_paused = true)]
async fn a_lost_response_ends_no_session_whatever_the_clocks() {
    for (first, second) in [(0, 90), (90, 0), (0, 3600), (3600, 0), (-3600, 3600)] {
        let (store, _) = store();
        let [first, second] = [first, second].map(|skew| {
            let time = START.wrapping_add_signed(skew);
            (skew, Instance::new(&store, time))
        });
        for (one, other) in [(&first, &second), (&second, &first)] {
            let skews = (one.0, other.0);
            sleep(Duration::from_secs(1)).await;
            let tokens = one.1.log_in().await;
            let lost = one.1.refresh(&tokens).await.unwrap();
            sleep(Duration::from_secs(2)).await;
            for instance in [&other.1, &one.1, &other.1] {
                let again = instance.refresh(&tokens).await;
                let again = again.map(|again| again.refresh_token);
                assert_eq!(again, Ok(lost.refresh_token.clone()), "{skews:?}");
            }
            let next = other.1.refresh(&lost).await.unwrap();
            // Two rotations were faster than a response.
            let outdated = one.1.refresh(&tokens).await;
            assert_eq!(outdated, Err(SessionErrorKind::Invalid), "{skews:?}");
            assert!(one.1.refresh(&next).await.is_ok(), "{skews:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_logs_in_by_an_instance_that_is_behind_after_the_end_of_all_sessions() {
    for skew in [-90, -3600] {
        let (store, _) = store();
        let right = Instance::new(&store, START);
        let behind = Instance::new(&store, START.wrapping_add_signed(skew));
        sleep(Duration::from_secs(1)).await;
        right.log_in().await;
        right.sessions.logout_all("u-7").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let again = behind.log_in().await;
        assert_eq!(right.access(&again).await, Access::Good, "{skew}");
        let again = behind.refresh(&again).await.unwrap();
        assert!(right.refresh(&again).await.is_ok(), "{skew}");
    }
}

/// A step of an instance, chosen by its number.
#[derive(Clone, Debug)]
enum Step {
    /// Sets the clock to the true time plus this.
    Jump(usize, i64),
    LogIn(usize),
    LogOut(usize, prop::sample::Index),
    Refresh(usize, prop::sample::Index),
    LogOutAll(usize),
    /// Replaces the instance by one that starts now.
    Restart(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..3_usize;
    let skews = prop_oneof![
        Just(0_i64),
        Just(0),
        Just(5),
        Just(90),
        Just(3600),
        Just(7000),
        -60..7100_i64
    ];
    prop_oneof![
        4 => (who.clone(), skews).prop_map(|(who, skew)| Step::Jump(who, skew)),
        3 => who.clone().prop_map(Step::LogIn),
        3 => (who.clone(), any::<prop::sample::Index>())
            .prop_map(|(who, which)| Step::LogOut(who, which)),
        2 => (who.clone(), any::<prop::sample::Index>())
            .prop_map(|(who, which)| Step::Refresh(who, which)),
        1 => who.clone().prop_map(Step::LogOutAll),
        2 => who.prop_map(Step::Restart),
        2 => prop_oneof![0..5_u64, 5..400_u64].prop_map(Step::Pass),
    ]
}

#[derive(Default)]
struct World {
    live: Vec<Tokens>,
    /// All tokens of sessions whose logout was acknowledged.
    ended: Vec<Tokens>,
}

impl World {
    fn end(&mut self, ended: impl Fn(&Tokens) -> bool) {
        let (ended, live) = std::mem::take(&mut self.live).into_iter().partition(ended);
        self.live = live;
        self.ended.extend::<Vec<_>>(ended);
    }
}

async fn run(steps: Vec<Step>) {
    let (store, truth) = store();
    let mut instances: Vec<_> = (0..3).map(|_| Instance::new(&store, START)).collect();
    let mut world = World::default();
    for step in steps {
        match step {
            Step::Jump(who, skew) => {
                let time = truth.seconds().saturating_add_signed(skew);
                instances[who].clock.set(time);
            }
            Step::LogIn(who) => {
                // A subject for each session, so that no budget merges them.
                let login = Login::new(format!("u-{}", world.live.len() % 3));
                // Just after the end of all sessions of the user, a login may have to be repeated.
                if let Ok(tokens) = instances[who].sessions.login(login).await {
                    world.live.push(tokens);
                }
            }
            Step::LogOut(who, which) if !world.live.is_empty() => {
                let session = which.get(&world.live).session;
                instances[who].sessions.logout(&session).await.unwrap();
                world.end(|tokens| tokens.session == session);
            }
            Step::Refresh(who, which) if !world.live.is_empty() => {
                let tokens = which.get(&world.live);
                if let Ok(next) = instances[who].refresh(tokens).await {
                    world.live.push(next);
                }
            }
            Step::LogOutAll(who) => {
                // Sessions that were used at once are those of the list.
                let devices = instances[who].sessions.devices("u-0", None).await.unwrap();
                instances[who].sessions.logout_all("u-0").await.unwrap();
                let listed = |tokens: &Tokens| devices.iter().any(|one| one.id == tokens.session);
                world.end(listed);
            }
            Step::Restart(who) => {
                let time = instances[who].clock.seconds();
                instances[who] = Instance::new(&store, time);
            }
            Step::Pass(seconds) => sleep(Duration::from_secs(seconds)).await,
            _ => {}
        }
        sleep(Duration::from_secs(1)).await;
        for instance in &instances {
            for tokens in &world.ended {
                let access = instance.access(tokens).await;
                assert_ne!(access, Access::Good, "a logout came back");
                let refreshed = instance.refresh(tokens).await;
                assert!(refreshed.is_err(), "a session came back");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_acknowledged_logout_never_comes_back(
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(steps));
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_shows_the_skew() {
    let (store, truth) = store();
    let one = Instance::new(&store, START);
    let status = || one.sessions.revocations().status();
    assert_eq!(status().clock_skew, None);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(status().clock_skew, Some(0));
    for (skew, reported) in [
        (5, false),
        (-30, false),
        (31, true),
        (-90, true),
        (3600, true),
        (-3600, true),
        (0, false),
    ] {
        one.clock.set(truth.seconds().wrapping_add_signed(skew));
        sleep(Duration::from_secs(61)).await;
        assert_eq!(status().clock_skew, Some(skew));
        assert_eq!(status().is_skewed(), reported, "{skew}");
        let text = format!("the clock differs from the store's by {skew} s");
        assert_eq!(status().to_string().contains(&text), reported, "{skew}");
        assert!(status().in_sync);
    }
}

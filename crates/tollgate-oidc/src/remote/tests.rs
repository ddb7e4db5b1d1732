//! The schedule, with examples and with random steps, and a reader that takes no lock.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tollgate_core::{BoxFuture, KeySource as _};

use super::RemoteKeys;
use super::negative_cache::NegativeCache;
use super::schedule::{Named, Schedule, Verdict};
use crate::error::{OidcError, OidcErrorKind};
use crate::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use crate::settings::{Location, Settings};
use crate::status::Readiness;

const COOL_DOWN: Duration = Duration::from_secs(10);
const START: Duration = Duration::from_secs(1000);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn settings() -> Settings {
    Settings::new(Location::Jwks("https://id.example.com/jwks".to_owned()))
}

fn schedule() -> Schedule {
    Schedule::new(&settings(), START)
}

fn named(hash: u64) -> Named<'static> {
    Named { hash, kid: "k" }
}

fn failure() -> OidcError {
    OidcError::new(OidcErrorKind::Unreachable, "down")
}

/// Begins a fetch, which succeeds at once with these keys.
fn fetched(
    schedule: &mut Schedule,
    now: Duration,
    keys: &[u64],
) -> Option<super::schedule::InVain> {
    assert!(schedule.begin(now));
    schedule.succeeded(now, seconds(600), 0.0, &keys.iter().copied().collect())
}

fn fail(schedule: &mut Schedule, now: Duration) {
    assert!(schedule.begin(now));
    schedule.failed(now, 0.0, failure());
}

#[test]
fn the_first_fetch_begins_at_once_and_only_once() {
    let mut schedule = schedule();
    assert_eq!(schedule.due(), START);
    assert!(schedule.begin(START));
    assert!(
        !schedule.begin(START + seconds(100)),
        "the fetch is running"
    );
    assert_eq!(schedule.fetches(), 1);
}

#[test]
fn keys_are_fetched_ahead_of_the_end_of_their_life() {
    for (jitter, share) in [
        (0.0, 480),
        (0.5, 456),
        (0.999, 432),
        (f64::NAN, 480),
        (1.0, 480),
        (-3.0, 480),
    ] {
        let mut schedule = schedule();
        assert!(schedule.begin(START));
        schedule.succeeded(START, seconds(600), jitter, &HashSet::new());
        assert_eq!(
            (schedule.due() - START).as_secs_f64().round() as u64,
            share,
            "{jitter}"
        );
    }
}

#[test]
fn failures_double_the_pause_up_to_five_minutes() {
    let mut schedule = schedule();
    let mut now = START;
    let mut pauses = Vec::new();
    for _ in 0..40 {
        fail(&mut schedule, now);
        pauses.push((schedule.due() - now).as_secs());
        now = schedule.due();
    }
    assert_eq!(pauses[..7], [10, 20, 40, 80, 160, 300, 300]);
    assert_eq!(pauses[39], 300);
    fetched(&mut schedule, now, &[]);
    now += seconds(480);
    fail(&mut schedule, now);
    assert_eq!(
        schedule.due() - now,
        COOL_DOWN,
        "a success resets the count"
    );
}

#[test]
fn a_slow_failure_is_followed_by_a_pause() {
    let mut schedule = schedule();
    assert!(schedule.begin(START));
    schedule.failed(START + seconds(15), 0.0, failure());
    assert_eq!(schedule.due(), START + seconds(25));
}

#[test]
fn a_key_change_after_a_scheduled_fetch_is_found_at_once() {
    let mut schedule = schedule();
    fetched(&mut schedule, START, &[1]);
    assert_eq!(schedule.miss(START, Some(named(2)), true, 0), Verdict::Wait);
    assert_eq!(fetched(&mut schedule, START, &[2]), None);
    // A request caused that fetch.
    assert_eq!(
        schedule.miss(START, Some(named(3)), true, 0),
        Verdict::Pointless
    );
    let due = schedule.due();
    fetched(&mut schedule, due, &[2]);
    assert_eq!(schedule.miss(due, Some(named(3)), true, 0), Verdict::Wait);
}

#[test]
fn a_failed_scheduled_fetch_starts_a_cool_down() {
    let mut schedule = schedule();
    fetched(&mut schedule, START, &[1]);
    let due = schedule.due();
    fail(&mut schedule, due);
    let verdict = schedule.miss(due, Some(named(2)), true, 0);
    assert_eq!(verdict, Verdict::Unavailable(COOL_DOWN));
    assert!(!schedule.begin(due + COOL_DOWN - Duration::from_nanos(1)));
}

#[test]
fn a_missing_key_is_fetched_once_per_cool_down() {
    let mut schedule = schedule();
    fetched(&mut schedule, START - COOL_DOWN, &[1]);
    assert_eq!(schedule.miss(START, None, true, 0), Verdict::Wait);
    fetched(&mut schedule, START, &[1]);
    let rest = START + COOL_DOWN - Duration::from_nanos(1);
    assert_eq!(
        schedule.miss(rest, Some(named(2)), true, 0),
        Verdict::Pointless
    );
    assert!(!schedule.begin(rest));
    let now = START + COOL_DOWN;
    assert_eq!(schedule.miss(now, Some(named(2)), true, 0), Verdict::Wait);
    assert!(schedule.begin(now));
    assert_eq!(
        schedule.miss(now, Some(named(3)), true, 1),
        Verdict::Wait,
        "the fetch is running"
    );
    let in_vain = schedule
        .succeeded(now, seconds(600), 0.0, &HashSet::from([1]))
        .unwrap();
    assert_eq!((in_vain.count, &*in_vain.example), (1, "k"));
    // 3 came after the fetch had begun, so it was not looked for.
    let now = now + COOL_DOWN;
    assert_eq!(schedule.miss(now, Some(named(3)), true, 0), Verdict::Wait);
}

#[test]
fn a_key_that_was_not_found_has_a_fetch_that_new_ones_do_not_use_up() {
    let mut schedule = schedule();
    fetched(&mut schedule, START - COOL_DOWN, &[1]);
    assert_eq!(schedule.miss(START, Some(named(2)), true, 0), Verdict::Wait);
    assert!(fetched(&mut schedule, START, &[1]).is_some());
    let now = START + seconds(1);
    assert_eq!(
        schedule.miss(now, Some(named(3)), true, 0),
        Verdict::Pointless
    );
    assert_eq!(schedule.miss(now, Some(named(2)), true, 0), Verdict::Wait);
    assert!(fetched(&mut schedule, now, &[1]).is_some());
    assert_eq!(
        schedule.miss(now + COOL_DOWN / 2, Some(named(2)), true, 0),
        Verdict::Pointless
    );
    // Its fetch does not put off the one for new keys, nor the reverse.
    let now = START + COOL_DOWN;
    assert_eq!(schedule.miss(now, Some(named(3)), true, 0), Verdict::Wait);
    assert!(fetched(&mut schedule, now, &[1]).is_some());
    let now = now + seconds(1);
    assert_eq!(schedule.miss(now, Some(named(2)), true, 0), Verdict::Wait);
    // A failure counts for both.
    fail(&mut schedule, now);
    for name in [2, 4] {
        let verdict = schedule.miss(now, Some(named(name)), true, 0);
        assert_eq!(verdict, Verdict::Unavailable(COOL_DOWN));
    }
}

#[test]
fn without_keys_the_negative_cache_stays_empty() {
    let mut schedule = schedule();
    fetched(&mut schedule, START - COOL_DOWN, &[1]);
    assert_eq!(schedule.miss(START, Some(named(2)), true, 0), Verdict::Wait);
    fetched(&mut schedule, START, &[1]);
    assert_eq!(
        schedule.miss(START, Some(named(3)), true, 0),
        Verdict::Pointless
    );
    let verdict = schedule.miss(START, Some(named(3)), false, 0);
    assert_eq!(verdict, Verdict::Unavailable(COOL_DOWN));
    let now = START + COOL_DOWN;
    let verdict = schedule.miss(now, Some(named(3)), false, 0);
    assert_eq!(verdict, Verdict::Unavailable(seconds(1)));
    assert!(schedule.begin(now), "the keys are fetched");
}

#[test]
fn an_arrived_key_is_not_in_the_negative_cache() {
    let mut schedule = schedule();
    fetched(&mut schedule, START, &[1]);
    let now = START + COOL_DOWN;
    assert_eq!(schedule.miss(now, Some(named(2)), true, 0), Verdict::Wait);
    assert_eq!(fetched(&mut schedule, now, &[2]), None);
    let now = now + COOL_DOWN;
    assert_eq!(schedule.miss(now, Some(named(2)), true, 0), Verdict::Wait);
}

#[test]
fn tokens_without_a_kid_never_get_a_negative_answer() {
    let mut schedule = schedule();
    fetched(&mut schedule, START, &[1]);
    for round in 1..5 {
        let now = START + COOL_DOWN * round;
        assert_eq!(schedule.miss(now, None, true, 0), Verdict::Wait);
        assert_eq!(fetched(&mut schedule, now, &[1]), None);
        assert_eq!(schedule.miss(now, None, true, 0), Verdict::Pointless);
    }
}

#[test]
fn after_a_failure_a_missing_key_is_unavailable() {
    let mut schedule = schedule();
    fetched(&mut schedule, START, &[1]);
    let now = START + COOL_DOWN;
    assert_eq!(schedule.miss(now, Some(named(2)), true, 0), Verdict::Wait);
    fail(&mut schedule, now);
    let rest = schedule.miss(now + seconds(4), Some(named(2)), true, 0);
    assert_eq!(rest, Verdict::Unavailable(seconds(6)));
    let rest = schedule.miss(now + COOL_DOWN, Some(named(2)), true, 0);
    assert_eq!(
        rest,
        Verdict::Wait,
        "a request need not wait for the whole pause"
    );
}

#[test]
fn without_keys_a_request_triggers_a_fetch_and_does_not_wait() {
    let mut schedule = schedule();
    fail(&mut schedule, START);
    fail(&mut schedule, START + seconds(10));
    assert_eq!(schedule.due(), START + seconds(30));
    let rest = schedule.miss(START + seconds(12), Some(named(2)), false, 0);
    assert_eq!(rest, Verdict::Unavailable(seconds(8)));
    assert!(!schedule.is_wished());
    let now = START + seconds(20);
    assert_eq!(
        schedule.miss(now, Some(named(2)), false, 0),
        Verdict::Unavailable(seconds(1))
    );
    assert_eq!(schedule.due(), now, "the fetch is requested");
    assert!(schedule.begin(now));
}

#[test]
fn for_tenants_the_first_request_waits() {
    let mut settings = settings();
    settings.wait_for_first = true;
    let mut schedule = Schedule::new(&settings, START);
    assert_eq!(
        schedule.miss(START, Some(named(2)), false, 0),
        Verdict::Wait,
        "before it begins"
    );
    assert!(schedule.begin(START));
    assert_eq!(
        schedule.miss(START, Some(named(2)), false, 1),
        Verdict::Wait
    );
    schedule.failed(START, 0.0, failure());
    assert_eq!(
        schedule.miss(START, Some(named(2)), false, 0),
        Verdict::Unavailable(COOL_DOWN)
    );
}

#[test]
fn the_number_of_waiting_requests_is_bounded() {
    let mut schedule = schedule();
    fetched(&mut schedule, START, &[]);
    let now = START + COOL_DOWN;
    let most = Schedule::MOST_WAITING;
    assert_eq!(
        schedule.miss(now, Some(named(1)), true, most - 1),
        Verdict::Wait
    );
    assert_eq!(
        schedule.miss(now, Some(named(2)), true, most),
        Verdict::Unavailable(seconds(1))
    );
}

#[test]
fn a_requested_fetch_that_never_begins_times_out() {
    let mut schedule = schedule();
    fetched(&mut schedule, START, &[]);
    let now = START + COOL_DOWN;
    assert_eq!(schedule.miss(now, None, true, 0), Verdict::Wait);
    assert_eq!(
        schedule.miss(now + seconds(5), None, true, 0),
        Verdict::Wait
    );
    let late = schedule.miss(now + seconds(6), None, true, 0);
    assert_eq!(late, Verdict::Unavailable(seconds(1)));
}

#[test]
fn retry_after_is_at_most_a_minute() {
    let mut settings = settings();
    settings.cool_down = seconds(3600);
    let mut schedule = Schedule::new(&settings, START);
    assert!(schedule.begin(START));
    schedule.failed(START, 0.0, failure());
    let verdict = schedule.miss(START, None, false, 0);
    assert_eq!(verdict, Verdict::Unavailable(seconds(60)));
    assert_eq!(
        schedule.due(),
        START + seconds(3600),
        "the cap on pauses is no less than a cool-down"
    );
}

#[test]
fn expiry_is_reported_once() {
    let mut schedule = schedule();
    fetched(&mut schedule, START, &[]);
    schedule.expires(Some(START + seconds(100)));
    assert_eq!(
        schedule.next(),
        START + seconds(100),
        "before the next fetch is due"
    );
    assert!(!schedule.has_expired(START + seconds(99)));
    assert!(schedule.has_expired(START + seconds(100)));
    assert!(!schedule.has_expired(START + seconds(101)));
    assert_eq!(schedule.next(), schedule.due());
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Miss { name: Option<u64>, waiting: usize },
    Begin,
    Succeed { life: u64, jitter: f64 },
    Fail { jitter: f64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..30_000_u64).prop_map(Step::Pass),
        1 => (0..4_000_000_u64).prop_map(Step::Pass),
        4 => (proptest::option::of(0..5000_u64), 0..2000_usize)
            .prop_map(|(name, waiting)| Step::Miss { name, waiting }),
        6 => Just(Step::Begin),
        3 => (60..3600_u64, 0.0..1.0).prop_map(|(life, jitter)| Step::Succeed { life, jitter }),
        3 => (0.0..1.0).prop_map(|jitter| Step::Fail { jitter }),
    ];
    proptest::collection::vec(step, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn fetches_are_a_cool_down_apart(steps in steps(), wait_for_first: bool, repeat: bool) {
        let mut settings = settings();
        settings.wait_for_first = wait_for_first;
        let mut schedule = Schedule::new(&settings, START);
        let (mut now, mut running, mut expiry) = (START, false, None::<Duration>);
        let mut begun: Vec<Duration> = Vec::new();
        // Names that are never repeated have one budget of fetches.
        let (budgets, mut made_up) = (1 + usize::from(repeat), 10_000);
        // The starts that requests caused, the last failed one, and the number of the others.
        let (mut caused, mut failed) = (Vec::new(), None::<Duration>);
        let mut own = 0_u128;
        let (mut requested, mut first) = (false, true);
        for step in steps {
            match step {
                Step::Pass(milliseconds) => now += Duration::from_millis(milliseconds),
                Step::Miss { name, waiting } => {
                    let has_keys = expiry.is_some_and(|expiry| now < expiry);
                    let failing = schedule.failures() > 0;
                    let wished = schedule.is_wished();
                    made_up += 1;
                    let name = name.map(|name| named(if repeat { name % 5 } else { made_up }));
                    let verdict = schedule.miss(now, name, has_keys, waiting);
                    requested |= schedule.is_wished() && !wished;
                    match verdict {
                        Verdict::Wait => {
                            prop_assert!(waiting < Schedule::MOST_WAITING);
                            prop_assert!(has_keys || wait_for_first);
                            prop_assert!(running || schedule.is_wished());
                        }
                        Verdict::Unavailable(after) => {
                            prop_assert!((seconds(1)..=seconds(60)).contains(&after));
                        }
                        // Never while the answer is unknown.
                        Verdict::Pointless => prop_assert!(has_keys && !failing),
                    }
                }
                Step::Begin => {
                    if schedule.begin(now) {
                        prop_assert!(!running);
                        if let Some(last) = failed {
                            prop_assert!(now - last >= COOL_DOWN, "{:?}", now - last);
                        }
                        if requested {
                            caused.push(now);
                            if let Some(last) = caused.iter().nth_back(budgets) {
                                prop_assert!(now - *last >= COOL_DOWN, "{:?}", now - *last);
                            }
                        } else if let (Some(last), false) = (begun.last(), first) {
                            prop_assert!(now - *last >= COOL_DOWN, "{:?}", now - *last);
                        }
                        own += u128::from(!requested);
                        (requested, first) = (false, false);
                        begun.push(now);
                        running = true;
                    }
                }
                Step::Succeed { life, jitter } if running => {
                    running = false;
                    let life = seconds(life);
                    schedule.succeeded(now, life, jitter, &HashSet::new());
                    expiry = Some(now + life + seconds(3600));
                    let ahead = schedule.due() - now;
                    let cooled = begun.last().map(|began| (*began + COOL_DOWN).saturating_sub(now));
                    prop_assert!(Some(ahead) == cooled
                        || (life.mul_f64(0.7199)..=life.mul_f64(0.8001)).contains(&ahead));
                }
                Step::Fail { jitter } if running => {
                    running = false;
                    schedule.failed(now, jitter, failure());
                    failed = begun.last().copied();
                    prop_assert!(schedule.due() >= now + COOL_DOWN);
                    prop_assert!(schedule.due() <= now + seconds(330));
                }
                Step::Succeed { .. } | Step::Fail { .. } => {}
            }
            prop_assert!(schedule.kept() <= 2 * Schedule::MOST_WAITING + NegativeCache::MOST);
        }
        let elapsed = now - START;
        let strangers = begun.len() as u128 - own;
        let cool_downs = 1 + elapsed.as_nanos() / COOL_DOWN.as_nanos();
        prop_assert!(strangers <= budgets as u128 * cool_downs);
        prop_assert!(own <= 1 + elapsed.as_nanos() / COOL_DOWN.as_nanos());
    }
}

/// Always returns the same set.
struct Published;

impl Fetch for Published {
    fn get(&self, _: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        let set = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        Box::pin(async move { Ok(FetchResponse::new(200, set)) })
    }
}

#[tokio::test]
async fn a_reader_takes_no_lock() {
    let settings = Settings {
        fetch: Some(Arc::new(Published)),
        ..settings()
    };
    let source = RemoteKeys::connect(settings).await.unwrap();
    let super::Kind::Set(owner) = &source.0 else {
        panic!("the keys are one set")
    };
    let held = owner.shared.schedule();
    let reader = source.clone();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let keys = reader.keys().unwrap();
        reader.used(&keys.keys()[0], 7);
        tell.send((reader.readiness(), keys.len())).unwrap();
    });
    assert_eq!(told.recv_timeout(seconds(60)), Ok((Readiness::Ready, 1)));
    drop(held);
    assert_eq!(source.status().keys[0].last_used, Some(7));
}

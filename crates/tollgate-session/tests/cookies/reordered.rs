//! Tabs of one browser whose responses are lost or arrive in another order. They share a cookie
//! jar, and no page can follow rules about tokens that it does not see.

use proptest::prelude::*;
use serde_json::Value;
use tollgate_core::Answer;
use tollgate_session::{RefreshRequest, SessionErrorKind};

use crate::jar::Jar;
use crate::world::{App, World};

const GRACE: u64 = 10;

/// A refresh whose response has not reached the browser.
async fn on_its_way(app: &App, browser: &Jar) -> Answer {
    app.post(&mut browser.clone(), "/refresh", &Value::Null)
        .await
}

#[tokio::test]
async fn two_rotations_beside_a_lost_response_end_no_session() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    let first = browser.clone();
    for _ in 0..2 {
        assert_eq!(app.refresh(&mut browser).await, 200);
    }
    // The request of another tab was sent before.
    let refused = on_its_way(&app, &first).await;
    assert_eq!(refused.status, 400);
    assert!(refused.headers.iter().all(|(name, _)| name != "set-cookie"));
    assert_eq!(app.refresh(&mut browser).await, 200);
    world.clock.advance(GRACE);
    assert_eq!(app.refresh(&mut browser).await, 200);
    assert_eq!(world.devices("alice").await, 1);
}

#[tokio::test]
async fn a_response_that_arrives_after_later_ones_logs_nobody_out() {
    for later in 1..6 {
        for wait in [0, GRACE, 600] {
            let world = World::new();
            let app = world.app();
            let mut browser = Jar::default();
            app.log_in(&mut browser, "alice").await;
            let late = on_its_way(&app, &browser).await;
            for _ in 0..later {
                assert_eq!(app.refresh(&mut browser).await, 200);
            }
            browser.store_answer(&late);
            world.clock.advance(wait);
            assert_eq!(app.refresh(&mut browser).await, 200, "{later} {wait}");
            assert_eq!(app.user(&browser).await.as_deref(), Some("alice"));
        }
    }
}

/// A phone that lost a response for longer than the grace period.
#[tokio::test]
async fn a_lost_response_is_repeated_late_once() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    let mut stolen = browser.clone();
    on_its_way(&app, &browser).await;
    world.clock.advance(1800);
    assert_eq!(app.refresh(&mut browser).await, 200);
    assert_eq!(app.user(&browser).await.as_deref(), Some("alice"));
    // Without the binding cookie, nothing is repeated, and nothing ends.
    stolen.remove("__Host-session");
    assert_eq!(app.refresh(&mut stolen).await, 400);
    let token = stolen.value("__Secure-refresh");
    let unbound = world
        .sessions
        .refresh(&token, RefreshRequest::default())
        .await
        .unwrap_err();
    assert_eq!(unbound.kind(), SessionErrorKind::Invalid);
    assert_eq!(app.refresh(&mut browser).await, 200);
}

#[derive(Clone, Debug)]
enum Act {
    /// The slow tab sends a refresh, unless its last one is on its way.
    Send,
    /// The response of the slow tab arrives, or is lost.
    Arrive,
    Lose,
    /// The quick tab refreshes, and its response is lost or not.
    Refresh,
    RefreshAndLose,
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => Just(Act::Send),
        2 => Just(Act::Arrive),
        1 => Just(Act::Lose),
        6 => Just(Act::Refresh),
        1 => Just(Act::RefreshAndLose),
        3 => prop_oneof![0..4_u64, 4..60_u64].prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One response may be on its way, for less than the grace period, while another tab goes on.
    /// One response is lost or overtaken for each refresh that arrives.
    #[test]
    fn tabs_are_never_logged_out(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let app = world.app();
            let mut browser = Jar::default();
            app.log_in(&mut browser, "alice").await;
            // The response, its age, and whether another one has overtaken it.
            let mut slow: Option<(Answer, u64, bool)> = None;
            let mut lost = false;
            for act in acts {
                match act {
                    Act::Send if slow.is_none() => {
                        let answer = on_its_way(&app, &browser).await;
                        assert_eq!(answer.status, 200);
                        slow = Some((answer, 0, false));
                    }
                    Act::Arrive => {
                        if let Some((answer, _, overtaken)) = slow.take() {
                            browser.store_answer(&answer);
                            lost |= overtaken;
                        }
                    }
                    Act::Lose if !lost => lost = slow.take().is_some(),
                    Act::Refresh => {
                        assert_eq!(app.refresh(&mut browser).await, 200);
                        lost = false;
                        if let Some((_, _, overtaken)) = &mut slow {
                            *overtaken = true;
                        }
                    }
                    Act::RefreshAndLose if !lost && slow.is_none() => {
                        assert_eq!(on_its_way(&app, &browser).await.status, 200);
                        lost = true;
                    }
                    Act::Wait(seconds) => {
                        world.clock.advance(seconds);
                        if let Some((answer, age, overtaken)) = &mut slow {
                            *age += seconds;
                            if *age >= GRACE {
                                browser.store_answer(answer);
                                lost |= *overtaken;
                                slow = None;
                            }
                        }
                    }
                    Act::Send | Act::Lose | Act::RefreshAndLose => {}
                }
            }
            assert_eq!(app.refresh(&mut browser).await, 200);
            assert_eq!(world.devices("alice").await, 1);
        });
    }
}

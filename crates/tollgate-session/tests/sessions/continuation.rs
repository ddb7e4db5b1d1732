//! The continuation hook and changes to the sessions of a user, under attack.

use std::borrow::Cow;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tollgate_core::policy::role;
use tollgate_session::{
    Continuation, ContinuationReason as Reason, ContinuedSession, Login, RefreshKey,
    RefreshRequest, SessionErrorKind as Kind, SessionStore as _, SessionUpdate, SessionsBuilder,
    Tokens,
};

use crate::fixture::Service;

/// The answers of a hook, which a test changes, and its calls.
#[derive(Clone)]
struct Oracle {
    answer: Arc<Mutex<Continuation>>,
    calls: Arc<Mutex<Vec<Reason>>>,
    /// The calls that may answer.
    gate: Arc<Semaphore>,
}

impl Oracle {
    fn new(answer: Continuation) -> Self {
        Self {
            answer: Arc::new(Mutex::new(answer)),
            calls: Arc::default(),
            gate: Arc::new(Semaphore::new(1_000_000)),
        }
    }

    /// An oracle whose calls wait until [`release`](Self::release).
    fn held(answer: Continuation) -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            ..Self::new(answer)
        }
    }

    fn release(&self, calls: usize) {
        self.gate.add_permits(calls);
    }

    fn says(&self, answer: Continuation) {
        *self.answer.lock().unwrap() = answer;
    }

    fn calls(&self) -> Vec<Reason> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn hook(&self, builder: SessionsBuilder) -> SessionsBuilder {
        let oracle = self.clone();
        keyed(builder).on_continue(move |session: ContinuedSession| {
            let oracle = oracle.clone();
            async move {
                oracle.calls.lock().unwrap().push(session.reason());
                // The hook reads the data of the user now, and answers later.
                let answer = oracle.answer.lock().unwrap().clone();
                oracle.gate.acquire().await.unwrap().forget();
                answer
            }
        })
    }

    fn service(&self) -> Service {
        Service::with(|builder| self.hook(builder))
    }
}

fn keyed(builder: SessionsBuilder) -> SessionsBuilder {
    builder.refresh_key(RefreshKey::new(1, [1; 32]))
}

fn admin() -> Login {
    Login::new("u-7")
        .role("admin")
        .scope("a b")
        .claim("plan", "x")
}

fn roles(service: &Service, token: &str) -> Vec<String> {
    let principal = service.principal(token);
    principal.roles().map(Cow::into_owned).collect()
}

fn no_roles() -> Continuation {
    Continuation::keep().roles([""; 0])
}

/// Lets spawned tasks run until they wait.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_role_of_the_login_permits_behind_the_gate() {
    let service = Service::new();
    let tokens = service.sessions.login(admin()).await.unwrap();
    let principal = service.principal(&tokens.access_token);
    assert!(role("admin").permits(&principal) && !role("owner").permits(&principal));
    let second = service.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(roles(&service, &second.access_token), ["admin"]);
    for login in [
        admin().role(""),
        admin().roles((0..257).map(|number| number.to_string())),
        Login::new("u-7").claim("roles", json!(["admin"])),
    ] {
        let refused = service.sessions.login(login).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Misconfigured);
    }
}

#[tokio::test]
async fn a_demoted_admin_loses_the_role_at_every_continuation() {
    let oracle = Oracle::new(Continuation::keep());
    let service = oracle.service();
    let first = service.sessions.login(admin()).await.unwrap();
    assert_eq!(oracle.calls(), [], "a login is no continuation");
    let second = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(roles(&service, &second.access_token), ["admin"]);
    oracle.says(no_roles().claim("plan", "y"));
    let third = service.refresh(&second.refresh_token).await.unwrap();
    assert_eq!(roles(&service, &third.access_token), [""; 0]);
    let principal = service.principal(&third.access_token);
    assert_eq!(principal.claim("plan"), Some("y".into()));
    assert_eq!(oracle.calls(), [Reason::Refresh, Reason::Refresh]);

    // By activity, with a token that still has the role, and by a re-authentication.
    let login = service.sessions.login(admin()).await.unwrap();
    let old = service.principal(&login.access_token);
    service.pass(600);
    let renewed = service.sessions.renew(&old).await.unwrap().unwrap();
    assert_eq!(roles(&service, &renewed.access_token), [""; 0]);
    oracle.says(Continuation::keep().roles(["admin"]));
    // The page that was renewed at the same time gets the same token.
    let again = service.sessions.renew(&old).await.unwrap().unwrap();
    assert_eq!(again.access_token, renewed.access_token);
    oracle.says(no_roles());
    let fresh = service.sessions.reauthenticated(&old).await.unwrap();
    assert_eq!(roles(&service, &fresh.access_token), [""; 0]);
    let reasons = [Reason::Renewal, Reason::Repeat, Reason::Reauthentication];
    assert_eq!(oracle.calls(), reasons);
}

#[tokio::test]
async fn a_disabled_user_is_logged_out_at_every_continuation() {
    for act in 0..4 {
        let oracle = Oracle::new(Continuation::keep());
        let service = oracle.service();
        let first = service.sessions.login(admin()).await.unwrap();
        let last = service.refresh(&first.refresh_token).await.unwrap();
        service.pass(if act == 0 { 5 } else { 600 });
        service.events();
        oracle.says(Continuation::end());
        let principal = service.principal(&last.access_token);
        match act {
            // A repeat within the grace period, and one after it.
            0 | 1 => assert_eq!(service.refused(&first.refresh_token).await, Kind::Invalid),
            2 => assert_eq!(service.sessions.renew(&principal).await, Ok(None)),
            _ => assert_eq!(
                service
                    .sessions
                    .reauthenticated(&principal)
                    .await
                    .unwrap_err()
                    .kind(),
                Kind::Invalid
            ),
        }
        assert_eq!(service.events(), ["Ended"], "{act}");
        assert!(!service.accepts(&last.access_token).await, "{act}");
        oracle.says(Continuation::keep());
        assert_eq!(service.refused(&last.refresh_token).await, Kind::Invalid);
        assert_eq!(service.events(), [""; 0], "{act}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_changes_nothing() {
    type Answer = Result<Continuation, std::io::Error>;
    async fn hook(call: usize) -> Answer {
        match call {
            0 => Ok(Continuation::unavailable()),
            1 => Err(std::io::Error::other("the database is down")),
            2 => panic!("a hook that panics"),
            3 => pending().await,
            4 => Ok(Continuation::keep().claim("sub", "u-8")),
            5 => Ok(Continuation::keep().claim("roles", "admin")),
            6 => Ok(Continuation::keep().roles([""])),
            7 => Ok(Continuation::keep().scope("a \"")),
            8 => Ok(Continuation::keep().claim("large", "x".repeat(20_000))),
            _ => Ok(Continuation::keep()),
        }
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let service = Service::with(|builder| {
        keyed(builder).on_continue(move |_| hook(counted.fetch_add(1, Ordering::SeqCst)))
    });
    let first = service.sessions.login(admin()).await.unwrap();
    let stored = |service: &Service| {
        let memory = service.store.memory.clone();
        let now = service.now();
        async move { memory.load(&first.session, now).await.unwrap() }
    };
    let before = stored(&service).await;
    service.pass(600);
    for call in 0..9 {
        let kind = service.refused(&first.refresh_token).await;
        let expected = match call {
            0..=3 => Kind::Unavailable,
            8 => Kind::TooLarge,
            _ => Kind::Misconfigured,
        };
        assert_eq!(kind, expected, "{call}");
        assert_eq!(stored(&service).await, before, "{call}");
    }
    assert_eq!(service.events(), ["LoggedIn"]);
    let second = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(roles(&service, &second.access_token), ["admin"]);
    // By activity too.
    calls.store(0, Ordering::SeqCst);
    service.pass(600);
    let before = stored(&service).await;
    let principal = service.principal(&second.access_token);
    for _ in 0..9 {
        assert!(service.sessions.renew(&principal).await.is_err());
        assert_eq!(stored(&service).await, before);
    }
}

#[tokio::test]
async fn a_closure_that_panics_before_its_future_is_caught() {
    let service = Service::with(|builder| {
        keyed(builder).on_continue(|session: ContinuedSession| {
            assert!(!session.has_role("admin"), "a hook that panics");
            async { Continuation::keep() }
        })
    });
    let tokens = service.sessions.login(admin()).await.unwrap();
    assert_eq!(
        service.refused(&tokens.refresh_token).await,
        Kind::Unavailable
    );
}

#[tokio::test]
async fn only_genuine_credentials_of_live_sessions_reach_the_hook() {
    let oracle = Oracle::new(Continuation::keep());
    let service = oracle.service();
    let other = Service::with(|builder| builder.refresh_key(RefreshKey::new(1, [2; 32])));
    let forged = other.sessions.login(admin()).await.unwrap().refresh_token;
    let tokens = service.sessions.login(admin()).await.unwrap();
    for token in ["", "rubbish", &forged] {
        assert_eq!(service.refused(token).await, Kind::Invalid);
    }
    let principal = service.principal(&tokens.access_token);
    assert_eq!(
        service.sessions.renew(&principal).await,
        Ok(None),
        "nothing to gain"
    );
    service.sessions.logout(&tokens.session).await.unwrap();
    assert_eq!(service.refused(&tokens.refresh_token).await, Kind::Invalid);
    assert_eq!(oracle.calls(), []);

    // A used token ends its session, whatever the hook says.
    let mut last = service.sessions.login(admin()).await.unwrap();
    let stolen = last.refresh_token.clone();
    for _ in 0..3 {
        service.pass(60);
        last = service.refresh(&last.refresh_token).await.unwrap();
    }
    oracle.calls();
    assert_eq!(service.refused(&stolen).await, Kind::Reuse);
    assert_eq!(oracle.calls(), []);
}

#[tokio::test]
async fn concurrent_refreshes_share_one_call() {
    let oracle = Oracle::held(no_roles());
    let service = oracle.service();
    let first = service.sessions.login(admin()).await.unwrap();
    let tabs: Vec<_> = (0..50)
        .map(|_| {
            let (sessions, token) = (service.sessions.clone(), first.refresh_token.clone());
            tokio::spawn(async move { sessions.refresh(&token, RefreshRequest::default()).await })
        })
        .collect();
    settle().await;
    assert_eq!(oracle.calls(), [Reason::Refresh]);
    oracle.release(1);
    let mut tokens = Vec::new();
    for tab in tabs {
        tokens.push(tab.await.unwrap().unwrap().access_token);
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    assert_eq!(roles(&service, &tokens[0]), [""; 0]);
    assert_eq!(
        oracle.calls(),
        [],
        "the others return the tokens of the first"
    );
}

#[tokio::test]
async fn a_client_that_disconnects_takes_no_other_down() {
    let oracle = Oracle::held(Continuation::keep());
    let service = oracle.service();
    let first = service.sessions.login(admin()).await.unwrap();
    let token = first.refresh_token.clone();
    let mut gone = Box::pin(service.refresh(&token));
    let polled = poll_fn(|context| Poll::Ready(gone.as_mut().poll(context).is_pending()));
    assert!(polled.await);
    let (sessions, sent) = (service.sessions.clone(), token.clone());
    let stays =
        tokio::spawn(async move { sessions.refresh(&sent, RefreshRequest::default()).await });
    settle().await;
    assert_eq!(oracle.calls(), [Reason::Refresh]);
    drop(gone);
    oracle.release(1);
    assert!(stays.await.unwrap().is_ok());
    assert_eq!(oracle.calls(), [Reason::Refresh], "called again");
}

#[tokio::test]
async fn of_two_instances_the_first_writer_decides() {
    let (quick, slow) = (Oracle::new(no_roles()), Oracle::held(Continuation::keep()));
    let demoted = quick.service();
    let stale = demoted.beside(|builder| slow.hook(builder));
    let first = demoted.sessions.login(admin()).await.unwrap();
    let token = first.refresh_token.clone();
    let (sessions, sent) = (stale.sessions.clone(), token.clone());
    let waiting =
        tokio::spawn(async move { sessions.refresh(&sent, RefreshRequest::default()).await });
    settle().await;
    let winner = demoted.refresh(&token).await.unwrap();
    slow.release(9);
    let loser = waiting.await.unwrap().unwrap();
    assert_eq!(loser.access_token, winner.access_token);
    // A thief, or a client that retries, cannot get the former role back within the grace period.
    let repeated = stale.refresh(&token).await.unwrap();
    assert_eq!(repeated.access_token, winner.access_token);
    assert_eq!(roles(&stale, &repeated.access_token), [""; 0]);
}

#[tokio::test]
async fn a_late_repeat_has_the_roles_of_now() {
    let oracle = Oracle::new(Continuation::keep());
    let service = oracle.service();
    let first = service.sessions.login(admin()).await.unwrap();
    let lost = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(roles(&service, &lost.access_token), ["admin"]);
    service.pass(600);
    oracle.says(no_roles());
    let late = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(late.refresh_token, lost.refresh_token);
    assert_eq!(roles(&service, &late.access_token), [""; 0]);
    assert_eq!(oracle.calls(), [Reason::Refresh, Reason::Repeat]);
}

#[tokio::test]
async fn an_end_of_the_hook_wins_over_a_refresh_in_another_tab() {
    let slow = Oracle::held(Continuation::end());
    let service = slow.service();
    let other = service.beside(keyed);
    let first = service.sessions.login(admin()).await.unwrap();
    let (sessions, token) = (service.sessions.clone(), first.refresh_token.clone());
    let ending =
        tokio::spawn(async move { sessions.refresh(&token, RefreshRequest::default()).await });
    settle().await;
    let tab = other.refresh(&first.refresh_token).await.unwrap();
    slow.release(1);
    assert_eq!(ending.await.unwrap().unwrap_err().kind(), Kind::Invalid);
    assert!(!service.accepts(&tab.access_token).await);
    assert_eq!(other.refused(&tab.refresh_token).await, Kind::Invalid);
    assert_eq!(service.events(), ["LoggedIn", "Ended"]);
}

#[tokio::test]
async fn an_update_refuses_former_tokens_and_survives_a_refresh_in_progress() {
    let oracle = Oracle::held(Continuation::keep().roles(["admin"]));
    let service = oracle.service();
    let first = service.sessions.login(admin()).await.unwrap();
    let other = service.sessions.login(admin()).await.unwrap();
    let (sessions, token) = (service.sessions.clone(), first.refresh_token.clone());
    let before =
        tokio::spawn(async move { sessions.refresh(&token, RefreshRequest::default()).await });
    settle().await;
    // The data of the hook changes, then the sessions.
    oracle.says(no_roles());
    let update = SessionUpdate::new().roles([""; 0]);
    assert_eq!(service.sessions.update("u-7", update).await, Ok(2));
    assert!(!service.accepts(&first.access_token).await);
    assert!(!service.accepts(&other.access_token).await);
    oracle.release(9);
    let refreshed = before.await.unwrap().unwrap();
    assert_eq!(roles(&service, &refreshed.access_token), [""; 0]);
    assert!(service.accepts(&refreshed.access_token).await, "it goes on");
    assert_eq!(
        oracle.calls(),
        [Reason::Refresh, Reason::Refresh],
        "asked again"
    );
}

#[tokio::test]
async fn an_update_is_in_every_later_token() {
    let service = Service::new();
    let first = service.sessions.login(admin()).await.unwrap();
    let second = service.refresh(&first.refresh_token).await.unwrap();
    let stranger = service
        .sessions
        .login(Login::new("u-8").role("admin"))
        .await
        .unwrap();
    service.events();
    let update = SessionUpdate::new()
        .roles(["clerk"])
        .claim("plan", json!(null))
        .scope("a z");
    assert_eq!(service.sessions.update("u-7", update).await, Ok(1));
    assert_eq!(service.events(), ["Updated"]);
    for token in [&first.access_token, &second.access_token] {
        assert!(!service.accepts(token).await, "in the same second");
    }
    assert!(service.accepts(&stranger.access_token).await);
    // A repeat of the former token, and a refresh.
    for token in [&first.refresh_token, &second.refresh_token] {
        let tokens = service.refresh(token).await.unwrap();
        let principal = service.principal(&tokens.access_token);
        assert_eq!(roles(&service, &tokens.access_token), ["clerk"]);
        assert_eq!(principal.claim("plan"), None);
        assert!(service.accepts(&tokens.access_token).await);
    }
    // A renewal by a token with more scope than the session has now.
    let third = service.sessions.login(admin()).await.unwrap();
    service.pass(600);
    let wide = service.principal(&third.access_token);
    let update = SessionUpdate::new().scope("b");
    assert_eq!(service.sessions.update("u-7", update).await, Ok(2));
    assert_eq!(
        service.sessions.renew(&wide).await,
        Ok(None),
        "the token is revoked"
    );
    let stepped_up = service.sessions.reauthenticated(&wide).await.unwrap();
    assert_eq!(stepped_up.scope, "b");
    assert_eq!(
        service.sessions.update("u-9", SessionUpdate::new()).await,
        Ok(0)
    );
    let reserved = SessionUpdate::new().claim("sid", "x");
    let refused = service.sessions.update("u-7", reserved).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Misconfigured);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_refresh_beside_an_update_keeps_the_role() {
    let service = Service::new();
    for _ in 0..20 {
        let tokens = service.sessions.login(admin()).await.unwrap();
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let (sessions, tokens) = (service.sessions.clone(), tokens.clone());
                tokio::spawn(async move {
                    let request = RefreshRequest::default();
                    sessions
                        .refresh(&tokens.refresh_token, request)
                        .await
                        .unwrap()
                })
            })
            .collect();
        let update = SessionUpdate::new().roles([""; 0]);
        service.sessions.update("u-7", update).await.unwrap();
        let mut last = None;
        for call in calls {
            let tokens = call.await.unwrap();
            let harmless = roles(&service, &tokens.access_token).is_empty();
            assert!(harmless || !service.accepts(&tokens.access_token).await);
            last = Some(tokens.refresh_token);
        }
        let last = service.refresh(&last.unwrap()).await.unwrap();
        assert_eq!(roles(&service, &last.access_token), [""; 0]);
        service.sessions.logout_all("u-7").await.unwrap();
        service.pass(2);
    }
}

async fn scoped(service: &Service, token: &str, scope: Option<&str>) -> Result<Tokens, Kind> {
    let scope = scope.map(str::to_owned);
    let request = RefreshRequest {
        scope,
        ..RefreshRequest::default()
    };
    service
        .sessions
        .refresh(token, request)
        .await
        .map_err(|error| error.kind())
}

#[tokio::test]
async fn the_scope_stays_within_that_of_the_login_unless_more_is_granted() {
    let oracle = Oracle::new(Continuation::keep().scope("b z"));
    let service = oracle.service();
    let mut last = service.sessions.login(admin()).await.unwrap();
    for (answer, asked, granted) in [
        (Continuation::keep().scope("b z"), None, Ok("b")),
        (Continuation::keep(), None, Ok("b")),
        (Continuation::keep(), Some("a"), Err(Kind::ScopeExceeded)),
        (Continuation::keep().scope("a b"), Some("a"), Ok("a")),
        (Continuation::keep(), None, Ok("a b")),
        (
            Continuation::keep().grant_scope("z"),
            Some("z b"),
            Ok("z b"),
        ),
        (Continuation::keep(), None, Ok("a b z")),
        (Continuation::keep().scope(""), None, Ok("")),
        (Continuation::keep().scope("z b a"), None, Ok("b a")),
    ] {
        service.pass(60);
        oracle.says(answer);
        let refreshed = scoped(&service, &last.refresh_token, asked).await;
        let scope = refreshed.as_ref().map(|tokens| &*tokens.scope);
        assert_eq!(scope.map_err(|kind| *kind), granted, "{asked:?}");
        if let Ok(tokens) = refreshed {
            last = tokens;
        }
    }
    // A grant that is taken back is not kept by the tokens that have it.
    let login = service.sessions.login(admin()).await.unwrap();
    oracle.says(Continuation::keep().grant_scope("z"));
    let wide = service.refresh(&login.refresh_token).await.unwrap();
    assert_eq!(wide.scope, "a b z");
    oracle.says(Continuation::keep().scope("a b"));
    service.pass(600);
    let principal = service.principal(&wide.access_token);
    let renewed = service.sessions.renew(&principal).await.unwrap().unwrap();
    let scopes = service.principal(&renewed.access_token);
    assert_eq!(scopes.scopes().collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn a_repeat_has_no_more_scope_than_an_update_has_left() {
    let service = Service::new();
    for (left, wanted) in [("b", "b"), ("", ""), ("b a", "a b")] {
        let first = service.sessions.login(admin()).await.unwrap();
        let second = service.refresh(&first.refresh_token).await.unwrap();
        assert_eq!(second.scope, "a b");
        let update = SessionUpdate::new().scope(left);
        service.sessions.update("u-7", update).await.unwrap();
        let again = service.refresh(&first.refresh_token).await.unwrap();
        assert!(service.accepts(&again.access_token).await);
        let principal = service.principal(&again.access_token);
        let scopes = principal.scopes().collect::<Vec<_>>().join(" ");
        assert_eq!((&*again.scope, &*scopes), (wanted, wanted), "{left:?}");
        service.pass(60);
    }
}

#[tokio::test]
async fn a_scope_that_was_taken_back_does_not_survive_an_instance_of_an_earlier_version() {
    let oracle = Oracle::new(Continuation::keep().scope("b"));
    let service = oracle.service();
    let wide = service.sessions.login(admin()).await.unwrap();
    let narrow = service.refresh(&wide.refresh_token).await.unwrap();
    assert_eq!(narrow.scope, "b");
    rewrite(&service, &narrow, |body| {
        body.as_object_mut().unwrap().remove("login_scope");
    })
    .await;
    service.pass(600);
    let principal = service.principal(&wide.access_token);
    let renewed = service.sessions.renew(&principal).await.unwrap().unwrap();
    let scopes = service.principal(&renewed.access_token);
    assert_eq!(scopes.scopes().collect::<Vec<_>>(), ["b"]);
    let fresh = service.sessions.reauthenticated(&principal).await.unwrap();
    assert_eq!(fresh.scope, "b");
}

#[tokio::test]
async fn an_update_that_does_not_fit_into_one_session_reaches_the_others() {
    let service = Service::new();
    let large = admin().claim("large", "x".repeat(14_500));
    let large = service.sessions.login(large).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(service.sessions.login(admin()).await.unwrap());
    }
    let update = SessionUpdate::new()
        .roles([""; 0])
        .claim("note", "y".repeat(3_000));
    let refused = service.sessions.update("u-7", update).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::TooLarge);
    assert!(!service.accepts(&large.access_token).await);
    for other in others {
        assert!(!service.accepts(&other.access_token).await);
        let next = service.refresh(&other.refresh_token).await.unwrap();
        assert_eq!(roles(&service, &next.access_token), [""; 0]);
    }
}

#[tokio::test]
async fn a_repeat_brings_no_revoked_role_back() {
    let oracle = Oracle::new(Continuation::keep());
    let service = oracle.service();
    let first = service.sessions.login(admin()).await.unwrap();
    let second = service.refresh(&first.refresh_token).await.unwrap();
    service.pass(2);
    oracle.says(no_roles());
    let revocations = service.sessions.revocations();
    let before = service.now() + 1;
    revocations.revoke_subject("u-7", before).await.unwrap();
    assert!(!service.accepts(&second.access_token).await);
    let again = service.refresh(&first.refresh_token).await.unwrap();
    let harmless = roles(&service, &again.access_token).is_empty();
    assert!(harmless || !service.accepts(&again.access_token).await);
    // The client refreshes again.
    let third = service.refresh(&again.refresh_token).await.unwrap();
    assert_eq!(roles(&service, &third.access_token), [""; 0]);
    assert!(service.accepts(&third.access_token).await);
    // A hook that says the same as before changes nothing for a repeat.
    let fourth = service.refresh(&again.refresh_token).await.unwrap();
    let before = service.now() + 1;
    revocations.revoke_subject("u-7", before).await.unwrap();
    assert!(service.accepts(&fourth.access_token).await);
    service.pass(1);
    let before = service.now() + 1;
    revocations.revoke_subject("u-7", before).await.unwrap();
    assert!(!service.accepts(&fourth.access_token).await);
    let again = service.refresh(&again.refresh_token).await.unwrap();
    assert!(service.accepts(&again.access_token).await);
}

/// A hook need not look at the roles for a repeat, which cannot change them.
#[tokio::test]
async fn the_answer_about_a_repeat_does_not_count_for_a_new_token() {
    let oracle = Oracle::held(Continuation::keep());
    let service = oracle.service();
    let login = service.sessions.login(admin()).await.unwrap();
    let old = service.principal(&login.access_token);
    service.pass(100);
    oracle.release(1);
    service.sessions.renew(&old).await.unwrap().unwrap();
    assert_eq!(oracle.calls(), [Reason::Renewal]);
    // The last second in which the token of that renewal is returned again.
    service.pass(450);
    let (sessions, presented) = (service.sessions.clone(), old.clone());
    let renewing = tokio::spawn(async move { sessions.renew(&presented).await });
    settle().await;
    service.pass(1);
    oracle.says(no_roles());
    oracle.release(9);
    let renewed = renewing.await.unwrap().unwrap().unwrap();
    assert_eq!(roles(&service, &renewed.access_token), [""; 0]);
    assert_eq!(oracle.calls(), [Reason::Repeat, Reason::Renewal]);
}

/// Changes a stored session, as an instance of another version does.
async fn rewrite(service: &Service, tokens: &Tokens, change: impl FnOnce(&mut Value)) {
    let (memory, now) = (&service.store.memory, service.now());
    let mut stored = memory.load(&tokens.session, now).await.unwrap().unwrap();
    let mut body = serde_json::from_slice(&stored.data).unwrap();
    change(&mut body);
    stored.data = serde_json::to_vec(&body).unwrap();
    stored.revision += 1;
    let expected = stored.revision - 1;
    assert!(memory.replace(&stored, expected, now).await.unwrap());
}

#[tokio::test]
async fn the_hook_sees_the_roles_of_an_earlier_version() {
    let service = Service::with(|builder| {
        keyed(builder).on_continue(|session: ContinuedSession| async move {
            // The database has no such admin.
            if session.has_role("admin") {
                Continuation::keep().roles(session.roles().filter(|role| *role != "admin"))
            } else {
                Continuation::keep()
            }
        })
    });
    for (claim, left) in [
        (json!(["admin", "clerk"]), vec!["clerk"]),
        (json!("admin"), vec![]),
    ] {
        let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
        rewrite(&service, &tokens, |body| {
            body["claims"] = json!({"roles": claim});
        })
        .await;
        let next = service.refresh(&tokens.refresh_token).await.unwrap();
        assert_eq!(roles(&service, &next.access_token), left);
    }
}

#[tokio::test]
async fn records_of_an_earlier_version_have_roles_in_their_claims() {
    let oracle = Oracle::new(Continuation::keep());
    let service = oracle.service();
    let tokens = service
        .sessions
        .login(Login::new("u-7").scope("a"))
        .await
        .unwrap();
    rewrite(&service, &tokens, |body| {
        for new in ["roles", "login_scope", "idle", "browser_session"] {
            assert_eq!(body.get(new), None, "an older instance does not know it");
        }
        body["claims"] = json!({"roles": ["admin"], "plan": "x"});
        body["of_a_later_version"] = 1.into();
    })
    .await;
    let second = service.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(roles(&service, &second.access_token), ["admin"]);
    oracle.says(no_roles());
    let third = service.refresh(&second.refresh_token).await.unwrap();
    assert_eq!(roles(&service, &third.access_token), [""; 0]);
    oracle.says(Continuation::keep().roles(["clerk"]));
    let fourth = service.refresh(&third.refresh_token).await.unwrap();
    assert_eq!(roles(&service, &fourth.access_token), ["clerk"]);
    assert_eq!(
        service.principal(&fourth.access_token).claim("plan"),
        Some("x".into())
    );
}

#[tokio::test]
async fn the_hook_sees_the_session() {
    let seen: Arc<Mutex<Vec<ContinuedSession>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let service = Service::with(|builder| {
        keyed(builder).on_continue(move |session| {
            kept.lock().unwrap().push(session);
            async { SessionUpdate::new().scope("a").roles(["clerk"]) }
        })
    });
    let login = admin().auth_time(service.now() - 9);
    let tokens = service.sessions.login(login).await.unwrap();
    let second = service.refresh(&tokens.refresh_token).await.unwrap();
    service.refresh(&second.refresh_token).await.unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let [first, second] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!((first.subject(), first.id()), ("u-7", tokens.session));
    assert_eq!((first.scope(), first.login_scope()), ("a b", "a b"));
    assert_eq!((second.scope(), second.login_scope()), ("a", "a b"));
    assert!(first.has_role("admin") && second.has_role("clerk"));
    assert_eq!(first.claims()["plan"], "x");
    assert_eq!(first.authenticated_at() + 9, first.created_at());
    assert!(!format!("{first:?}").contains("u-7"));
}

#[tokio::test]
async fn a_login_shortens_the_timeouts_of_its_session() {
    let service = Service::new();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let login = Login::new("u-7")
        .idle_timeout(minutes(10))
        .absolute_timeout(minutes(30));
    let mut last = service.sessions.login(login).await.unwrap();
    for (expires, idle, session) in [(600, 600, 1800), (600, 600, 1260), (600, 600, 720)] {
        let got = (
            last.expires_in,
            last.refresh_expires_in,
            last.session_expires_in,
        );
        assert_eq!(got, (expires, idle, session));
        service.pass(540);
        last = service.refresh(&last.refresh_token).await.unwrap();
    }
    assert_eq!(
        (last.refresh_expires_in, last.session_expires_in),
        (180, 180)
    );

    // A renewal by activity moves the deadline of the login, not that of the rules.
    let login = Login::new("u-7").idle_timeout(minutes(10));
    let tokens = service.sessions.login(login).await.unwrap();
    service.pass(400);
    let principal = service.principal(&tokens.access_token);
    let renewed = service.sessions.renew(&principal).await.unwrap().unwrap();
    assert_eq!(renewed.expires_in, 600);
    service.pass(601);
    assert_eq!(service.refused(&tokens.refresh_token).await, Kind::Invalid);

    let long = Login::new("u-7")
        .idle_timeout(Duration::MAX)
        .absolute_timeout(Duration::MAX);
    let tokens = service.sessions.login(long).await.unwrap();
    let days = |days: u64| days * 24 * 3600;
    assert_eq!(
        (tokens.refresh_expires_in, tokens.session_expires_in),
        (days(7), days(30))
    );
    for login in [
        Login::new("u-7").idle_timeout(Duration::from_millis(999)),
        Login::new("u-7").absolute_timeout(Duration::ZERO),
    ] {
        let refused = service.sessions.login(login).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Misconfigured);
    }
}

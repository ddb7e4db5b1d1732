//! A browser with a cookie jar and tabs that refresh independently. Cookies are read when a request
//! is sent and stored when its answer arrives, however late: a tab cannot follow the rules for
//! clients that store their tokens themselves.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::RwLock;

use crate::http::{Answer, Request};
use crate::ledger::{Kind, Violation, count};
use crate::random::Random;
use crate::world::{Got, Lost, Session, Standing, User, World};

pub(crate) const TABS: u64 = 2;

/// The shortest time between two refreshes of a tab. It is longer than [`LATEST`]: an answer must
/// not put back a cookie that is older than the last two. See the README for this limit.
const PACE: Duration = Duration::from_millis(400);

/// The longest delay of an answer, in milliseconds.
const LATEST: u64 = 300;

const ACCESS: &str = "__Host-access";
const REFRESH: &str = "__Secure-refresh";

pub(crate) struct Browser {
    user: Arc<User>,
    state: Mutex<State>,
    /// A login waits for the requests of the former session, as the guide page on cookies asks.
    login: RwLock<()>,
}

#[derive(Default)]
struct State {
    jar: BTreeMap<String, String>,
    csrf: String,
    session: Option<Arc<Session>>,
}

impl Browser {
    pub(crate) fn new(user: &Arc<User>) -> Arc<Self> {
        Arc::new(Self {
            user: user.clone(),
            state: Mutex::default(),
            login: RwLock::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A request of the page, with the cookies of this moment.
    fn request(&self, method: &'static str, path: &str) -> Request {
        let sent = |name: &String| name != REFRESH || path.starts_with("/web/auth");
        let cookies: Vec<String> = self
            .jar
            .iter()
            .filter(|(name, _)| sent(name))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = Request::new(method, path)
            .with("sec-fetch-site", "same-origin")
            .with("cookie", cookies.join("; "));
        if method == "GET" {
            request
        } else {
            request.with("x-csrf-token", self.csrf.clone())
        }
    }

    /// Stores the cookies of an answer to a request of `session`.
    fn store(&mut self, session: &Session, answer: &Answer) {
        for line in answer.all("set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            if line.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(csrf) = answer.member("csrf_token") {
            self.csrf = csrf;
        }
        if let Some(access) = answer.all("set-cookie").find_map(|line| {
            let (name, value) = line.split(';').next()?.split_once('=')?;
            (name == ACCESS && !value.is_empty()).then_some(value)
        }) {
            session.note(access, Some(self.request("POST", "/web/auth/refresh")));
        }
    }
}

/// One tab.
pub(crate) struct Tab {
    world: Arc<World>,
    browser: Arc<Browser>,
    first: bool,
    random: Random,
}

impl Tab {
    pub(crate) fn new(world: &Arc<World>, browser: &Arc<Browser>, tab: u64, number: u64) -> Self {
        Self {
            world: world.clone(),
            browser: browser.clone(),
            first: tab == 0,
            random: Random::new(world.seed, number),
        }
    }

    pub(crate) async fn run(mut self) {
        let browser = self.browser.clone();
        while !self.world.is_over() {
            let session = browser.state().session.clone();
            match session {
                // The other device of the user has logged all sessions out.
                Some(session) if session.standing() == Standing::Ended => {
                    browser.state().session = None;
                }
                Some(session) => {
                    let _quiet = browser.login.read().await;
                    self.act(&session).await;
                }
                None if self.first => {
                    let _alone = browser.login.write().await;
                    self.log_in().await;
                }
                None => {}
            }
            tokio::time::sleep(PACE + self.random.millis(0..400)).await;
        }
        // Nothing is lost any more: the session must still be there.
        let session = browser.state().session.clone();
        if let Some(session) = session {
            self.refresh(&session).await;
        }
    }

    async fn act(&mut self, session: &Arc<Session>) {
        match self.random.below(100) {
            0..30 => self.call(session, "/web/me").await,
            30..45 => self.call(session, "/web/slide").await,
            45..95 => self.refresh(session).await,
            95..99 => self.log_out(session).await,
            _ => self.log_out_all(session).await,
        }
    }

    fn unexpected(&self, got: &Got) {
        let text = format!("browser {}: {:?}", self.browser.user.name, got.answer);
        self.world.ledger.violation(Violation::Unexpected, &text);
    }

    async fn log_in(&mut self) {
        let request = self.browser.state().request("POST", "/web/auth/login");
        let request = request.json(&json!({ "user": self.browser.user.name }));
        match self
            .world
            .try_ask(&mut self.random, Kind::Session, &request)
            .await
        {
            Ok(got) if got.answer.status == 200 => {
                let owner = format!("browser {}", self.browser.user.name);
                let session = Arc::new(Session::new(&owner, true));
                let mut state = self.browser.state();
                state.store(&session, &got.answer);
                state.session = Some(session.clone());
                drop(state);
                count(&self.world.ledger.activity.logins);
                self.browser.user.opened(&session, got.sent);
            }
            Ok(got) if got.answer.status == 503 => {
                self.world.wait(&got.answer, &mut self.random).await;
            }
            Ok(got) => self.unexpected(&got),
            Err(_) => {}
        }
    }

    /// Sends a request that may be late, and whose answer may be late too.
    async fn ask(
        &mut self,
        session: &Session,
        kind: Kind,
        request: &Request,
        failed: Option<usize>,
    ) -> Result<Got, Lost> {
        if self.random.percent(5) {
            tokio::time::sleep(self.random.millis(0..1000)).await;
        }
        let (world, random) = (self.world.clone(), &mut self.random);
        let got = world.retry_ask(random, kind, request, failed).await?;
        if self.random.percent(20) {
            tokio::time::sleep(self.random.millis(0..LATEST)).await;
        }
        self.browser.state().store(session, &got.answer);
        Ok(got)
    }

    async fn call(&mut self, session: &Arc<Session>, path: &str) {
        let kind = if path == "/web/slide" {
            Kind::Session
        } else {
            Kind::Gate
        };
        let Some(instance) = self.world.pick(&mut self.random, kind) else {
            return;
        };
        let request = self.browser.state().request("GET", path);
        let Ok(got) = self.world.ask(instance, Kind::Gate, &request).await else {
            return;
        };
        match got.answer.status {
            200 => self.browser.state().store(session, &got.answer),
            401 => {
                self.world.refused(session, &got);
                self.refresh(session).await;
            }
            503 => self.world.wait(&got.answer, &mut self.random).await,
            _ => self.unexpected(&got),
        }
    }

    /// Refreshes with the cookies of the jar until there is an answer. The session is over if the
    /// cookie that was refused is still that of the jar.
    async fn refresh(&mut self, session: &Arc<Session>) {
        let mut failed = None;
        while session.standing() != Standing::Ended {
            self.world
                .until_usable(&mut self.random, Kind::Session)
                .await;
            let (request, cookie) = {
                let state = self.browser.state();
                let cookie = state.jar.get(REFRESH).cloned();
                (state.request("POST", "/web/auth/refresh"), cookie)
            };
            session.refreshes.fetch_add(1, Ordering::SeqCst);
            match self.ask(session, Kind::Session, &request, failed).await {
                Ok(got) if got.answer.status == 200 => {
                    count(&self.world.ledger.activity.refreshes);
                    return;
                }
                Ok(got) if got.answer.status == 503 => {
                    failed = Some(got.instance);
                    self.world.wait(&got.answer, &mut self.random).await;
                }
                Ok(got) if got.answer.content.contains("invalid_grant") => {
                    let mut state = self.browser.state();
                    if state.jar.get(REFRESH) == cookie.as_ref() {
                        self.world.over(session, &got);
                        state.session = None;
                        return;
                    }
                }
                Ok(got) => {
                    self.unexpected(&got);
                    return;
                }
                Err(Lost(instance)) => failed = Some(instance),
            }
            tokio::time::sleep(PACE).await;
        }
    }

    async fn log_out(&mut self, session: &Arc<Session>) {
        session.now(Standing::Doubtful);
        loop {
            let request = self.browser.state().request("POST", "/web/auth/logout");
            match self.ask(session, Kind::Logout, &request, None).await {
                Ok(got) if got.answer.status == 204 => {
                    self.world.ended(session, got.instance, got.received);
                    break;
                }
                Ok(got) if got.answer.status == 503 => {
                    self.world.wait(&got.answer, &mut self.random).await;
                }
                Ok(got) => {
                    self.unexpected(&got);
                    break;
                }
                Err(_) => {}
            }
        }
        self.browser.state().session = None;
    }

    async fn log_out_all(&mut self, session: &Arc<Session>) {
        let path = "/web/auth/sessions/logout-all";
        let request = self.browser.state().request("POST", path);
        let user = self.browser.user.clone();
        user.log_out_all(&self.world, &mut self.random, &request)
            .await;
        session.now(Standing::Doubtful);
        self.browser.state().session = None;
    }
}

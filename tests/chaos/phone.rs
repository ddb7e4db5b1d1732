//! A client that stores its tokens itself and follows the rules of the guide page on sessions: one
//! refresh at a time, and the same refresh token again after a lost answer or a 503.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use crate::http::{Answer, Request};
use crate::ledger::{Kind, Violation, count};
use crate::random::Random;
use crate::world::{Got, Lost, Session, Standing, User, World};

pub(crate) struct Phone {
    world: Arc<World>,
    user: Arc<User>,
    random: Random,
}

/// The tokens of the current session.
struct Held {
    session: Arc<Session>,
    access: String,
    refresh: String,
}

impl Held {
    fn refresh_request(&self) -> Request {
        let content = json!({ "grant_type": "refresh_token", "refresh_token": self.refresh });
        Request::new("POST", "/auth/refresh").json(&content)
    }

    /// Stores both tokens of an answer.
    fn store(&mut self, answer: &Answer) -> Option<()> {
        let (access, refresh) = (
            answer.member("access_token")?,
            answer.member("refresh_token")?,
        );
        self.access = access;
        self.refresh = refresh;
        let request = self.refresh_request();
        self.session.note(&self.access, Some(request));
        Some(())
    }
}

impl Phone {
    pub(crate) fn new(world: &Arc<World>, user: &Arc<User>, number: u64) -> Self {
        Self {
            world: world.clone(),
            user: user.clone(),
            random: Random::new(world.seed, number),
        }
    }

    pub(crate) async fn run(mut self) {
        let mut held = None;
        while !self.world.is_over() {
            let Some(mut current) = held.take() else {
                held = self.log_in().await;
                continue;
            };
            let keeps = match self.random.below(100) {
                0..35 => self.call(&mut current, "me").await,
                35..50 => self.call(&mut current, "slide").await,
                50..90 => self.refresh(&mut current).await,
                90..93 => self.devices(&mut current).await,
                93..99 => self.log_out(&current).await,
                _ => self.log_out_all(&current).await,
            };
            held = keeps.then_some(current);
            tokio::time::sleep(self.random.millis(50..500)).await;
        }
        // Nothing is lost any more: the session must still be there.
        if let Some(mut current) = held {
            self.refresh(&mut current).await;
        }
    }

    fn unexpected(&self, got: &Got) {
        let text = format!("{}: {:?}", self.user.name, got.answer);
        self.world.ledger.violation(Violation::Unexpected, &text);
    }

    async fn log_in(&mut self) -> Option<Held> {
        let request = Request::new("POST", "/auth/login").json(&json!({ "user": self.user.name }));
        let answer = self
            .world
            .try_ask(&mut self.random, Kind::Session, &request);
        match answer.await {
            Ok(got) if got.answer.status == 200 => {
                let session = Arc::new(Session::new(&format!("phone {}", self.user.name), false));
                let mut held = Held {
                    session,
                    access: String::new(),
                    refresh: String::new(),
                };
                if held.store(&got.answer).is_none() {
                    self.unexpected(&got);
                    return None;
                }
                count(&self.world.ledger.activity.logins);
                self.user.opened(&held.session, got.sent);
                Some(held)
            }
            Ok(got) if got.answer.status == 503 => {
                self.world.wait(&got.answer, &mut self.random).await;
                None
            }
            Ok(got) => {
                self.unexpected(&got);
                None
            }
            Err(_) => None,
        }
    }

    /// Calls a gate. Returns whether the session continues, as the other operations do.
    async fn call(&mut self, held: &mut Held, page: &str) -> bool {
        // A renewal issues a token, so it needs an instance with a right clock.
        let kind = if page == "slide" {
            Kind::Session
        } else {
            Kind::Gate
        };
        let Some(instance) = self.world.pick(&mut self.random, kind) else {
            return true;
        };
        let request = held.session.gated(page, &held.access);
        let Ok(got) = self.world.ask(instance, Kind::Gate, &request).await else {
            return true;
        };
        match got.answer.status {
            200 => {
                if let Some(token) = got.answer.field("x-access-token") {
                    token.clone_into(&mut held.access);
                    held.session.note(token, None);
                }
                true
            }
            401 => {
                self.world.refused(&held.session, &got);
                self.refresh(held).await
            }
            503 => {
                self.world.wait(&got.answer, &mut self.random).await;
                true
            }
            _ => {
                self.unexpected(&got);
                true
            }
        }
    }

    async fn refresh(&mut self, held: &mut Held) -> bool {
        let request = held.refresh_request();
        let mut failed = None;
        loop {
            held.session.refreshes.fetch_add(1, Ordering::SeqCst);
            let (world, random) = (self.world.clone(), &mut self.random);
            let answer = world.retry_ask(random, Kind::Session, &request, failed);
            match answer.await {
                Ok(got) if got.answer.status == 200 => {
                    count(&self.world.ledger.activity.refreshes);
                    if held.store(&got.answer).is_none() {
                        self.unexpected(&got);
                    }
                    return true;
                }
                Ok(got) if got.answer.status == 503 => {
                    failed = Some(got.instance);
                    self.world.wait(&got.answer, &mut self.random).await;
                }
                Ok(got) if got.answer.content.contains("invalid_grant") => {
                    self.world.over(&held.session, &got);
                    return false;
                }
                Ok(got) => {
                    self.unexpected(&got);
                    return false;
                }
                Err(Lost(instance)) => {
                    failed = Some(instance);
                    tokio::time::sleep(self.random.millis(10..200)).await;
                }
            }
        }
    }

    async fn devices(&mut self, held: &mut Held) -> bool {
        let request = Request::new("GET", "/auth/sessions").bearer(&held.access);
        let answer = self
            .world
            .try_ask(&mut self.random, Kind::Session, &request);
        match answer.await {
            Ok(got) if got.answer.status == 401 => {
                self.world.refused(&held.session, &got);
                self.refresh(held).await
            }
            Ok(got) if got.answer.status == 503 => {
                self.world.wait(&got.answer, &mut self.random).await;
                true
            }
            Ok(got) if got.answer.status != 200 => {
                self.unexpected(&got);
                true
            }
            _ => true,
        }
    }

    /// Logs out with one of the tokens, or both, until it is acknowledged.
    async fn log_out(&mut self, held: &Held) -> bool {
        let mut request = Request::new("POST", "/auth/logout");
        let way = self.random.below(3);
        if way > 0 {
            request = request.json(&json!({ "refresh_token": held.refresh }));
        }
        if way < 2 {
            request = request.bearer(&held.access);
        }
        held.session.now(Standing::Doubtful);
        loop {
            let answer = self.world.try_ask(&mut self.random, Kind::Logout, &request);
            match answer.await {
                Ok(got) if got.answer.status == 204 => {
                    self.world.ended(&held.session, got.instance, got.received);
                    return false;
                }
                Ok(got) if got.answer.status == 503 => {
                    self.world.wait(&got.answer, &mut self.random).await;
                }
                // For an instance with a wrong clock the token has expired.
                Ok(got)
                    if got.answer.status == 401
                        && self.world.ledger.has_wrong_clock(got.instance, got.sent) => {}
                Ok(got) => {
                    self.unexpected(&got);
                    return false;
                }
                Err(_) => {}
            }
        }
    }

    async fn log_out_all(&mut self, held: &Held) -> bool {
        let request = Request::new("POST", "/auth/sessions/logout-all").bearer(&held.access);
        let user = self.user.clone();
        user.log_out_all(&self.world, &mut self.random, &request)
            .await;
        false
    }
}

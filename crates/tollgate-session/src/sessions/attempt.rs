//! Login attempts: charged before the password is checked, given back if it was right.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Sessions;
use crate::attempts::{AttemptCharge, AttemptLevel};
use crate::error::SessionError;
use crate::store::bounded;
use crate::throttle::{
    Charged, DeviceToken, Keys, LoginThrottle, Network, charges, normalized, wait,
};

/// The largest number of names of an attempt.
const MOST_NAMES: usize = 16;
/// The largest number of device tokens that are read.
const MOST_DEVICES: usize = 16;

/// The facts that a login attempt is counted by, for [`Sessions::attempt`].
///
/// `Debug` shows none of them, because they are personal data.
///
/// ```
/// use tollgate::session::LoginAttempt;
///
/// let attempt = LoginAttempt::new().name("alice").address([203, 0, 113, 7].into());
/// assert_eq!(format!("{attempt:?}"), "LoginAttempt { .. }");
/// ```
#[derive(Clone, Default)]
pub struct LoginAttempt {
    names: Vec<String>,
    network: Option<Network>,
    devices: Vec<String>,
    /// Whether there were more names than are counted.
    too_many_names: bool,
}

impl LoginAttempt {
    /// Creates an attempt without facts. It is not counted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the user name that the client sent, whether or not the user exists. White space around
    /// it and its case do not count. If the service treats other spellings as equal, pass the one
    /// that it looks up. With several names, the attempt counts for each of them. An attempt with
    /// more than 16 is refused.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        let name = normalized(name.as_ref());
        if let Some(name) = name.filter(|name| !self.names.contains(name)) {
            if self.names.len() < MOST_NAMES {
                self.names.push(name);
            } else {
                self.too_many_names = true;
            }
        }
        self
    }

    /// Sets the address of the client. It must not be one that the client chooses, nor that of a
    /// proxy, which all users share.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Self {
        self.network = Some(Network::of(address));
        self
    }

    /// Sets the device token that the client sent, of [`PendingLogin::succeeded`]. An invalid one
    /// is ignored. Of several, up to 16 are read, and the first valid one counts.
    #[must_use]
    pub fn device(mut self, token: impl Into<String>) -> Self {
        if self.devices.len() < MOST_DEVICES {
            self.devices.push(token.into());
        }
        self
    }
}

impl fmt::Debug for LoginAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginAttempt").finish_non_exhaustive()
    }
}

/// The refusal of a login attempt: too many have failed. The response is 429 with `Retry-After`
/// (RFC 6585 section 4). It does not depend on whether the user exists.
///
/// ```
/// use tollgate::session::{LoginFailure, TooManyAttempts};
///
/// fn refuse(refused: TooManyAttempts) -> LoginFailure {
///     LoginFailure::too_many_attempts(refused.retry_after())
/// }
/// # let _ = refuse;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyAttempts {
    retry_after: Duration,
}

impl TooManyAttempts {
    /// The time after which another attempt may succeed, in whole seconds.
    pub const fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl fmt::Display for TooManyAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many login attempts have failed")
    }
}

impl std::error::Error for TooManyAttempts {}

/// A login attempt that is under way, and is counted. It stays counted if it is dropped, as after a
/// wrong password or a closed connection.
#[must_use = "the attempt counts as failed unless `succeeded` or `withdrawn` is called"]
pub struct PendingLogin {
    sessions: Sessions,
    names: Vec<(String, Option<[u8; 16]>)>,
    charged: Vec<Charged>,
    in_store: bool,
    begun: u64,
}

impl PendingLogin {
    /// Gives the attempt back, as the credentials are right. Returns a device token, which gives
    /// this device a budget of its own: keep it in a cookie of the device (`Secure`, `HttpOnly`,
    /// 180 days, also after the logout), and pass it to [`LoginAttempt::device`] at the next login.
    /// `None` without exactly one user name.
    ///
    /// This is one store round trip, or none if the store keeps no budgets.
    pub async fn succeeded(self) -> Option<String> {
        self.give_back().await;
        let [(name, device)] = &*self.names else {
            return None;
        };
        let inner = &self.sessions.0;
        let token = match device {
            Some(id) => DeviceToken { id: *id },
            None => DeviceToken::generate(&**inner.issuer.random()).ok()?,
        };
        let (key, issuer) = (inner.rules.keys.newest(), inner.issuer.name());
        Some(token.write(key, issuer, name, self.sessions.now()))
    }

    /// Gives the attempt back, as nothing about the credentials was found out: the request was
    /// malformed, or the service is not available.
    pub async fn withdrawn(self) {
        self.give_back().await;
    }

    async fn give_back(&self) {
        let now = self.sessions.now();
        let taken = self.charged.iter().filter(|it| it.level.taken);
        // One that has taken longer than this is available again by itself.
        let back = taken.filter(|it| now < self.begun.saturating_add(it.charge.seconds));
        let charges: Vec<_> = back
            .map(|it| AttemptCharge {
                give_back: true,
                ..it.charge
            })
            .collect();
        if charges.is_empty() {
            return;
        }
        if !self.in_store {
            self.sessions.0.attempts.charge(&charges, now);
        } else if let Err(error) = self.sessions.charge_store(&charges, now).await {
            tracing::warn!(target: "tollgate", %error, "a login attempt stays counted");
        }
    }
}

impl fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogin").finish_non_exhaustive()
    }
}

impl Sessions {
    /// Counts a login attempt, for handlers that check passwords themselves. Call it before the
    /// check, then [`succeeded`](PendingLogin::succeeded) if the password is right.
    /// [`SessionEndpoints`](crate::SessionEndpoints) do so by default.
    ///
    /// The budgets are in the store, so that all instances share them. If it keeps none or fails,
    /// this process counts in its own memory. This is one store round trip, and another one if the
    /// attempt is refused.
    ///
    /// Without an address, the attempts of all clients on a user name share one budget, and
    /// strangers can use it up. Without a name and an address, the attempt is not counted. Both are
    /// logged once.
    ///
    /// # Errors
    /// [`TooManyAttempts`] if a budget is exhausted, or the attempt has more than 16 names. Do not
    /// check the password then.
    ///
    /// ```
    #[doc = include_str!("../../doc/sessions.md")]
    /// use tollgate::session::{LoginAttempt, LoginThrottle};
    ///
    /// let throttle = LoginThrottle::default();
    /// let attempt = || LoginAttempt::new().name("alice").address([203, 0, 113, 7].into());
    /// for _ in 0..10 {
    ///     let pending = sessions.attempt(&throttle, attempt()).await?;
    ///     drop(pending); // the password is wrong
    /// }
    /// assert!(sessions.attempt(&throttle, attempt()).await.is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn attempt(
        &self,
        throttle: &LoginThrottle,
        attempt: LoginAttempt,
    ) -> Result<PendingLogin, TooManyAttempts> {
        report_missing(&attempt);
        if attempt.too_many_names {
            let retry_after = Duration::from_secs(1);
            return Err(TooManyAttempts { retry_after });
        }
        let now = self.now();
        let (rules, issuer) = (&self.0.rules, self.0.issuer.name());
        let devices = attempt.devices;
        let device = |name: &str| {
            let tokens = devices.iter();
            let mut valid =
                tokens.filter_map(|token| DeviceToken::read(token, &rules.keys, issuer, name, now));
            Some(valid.next()?.id)
        };
        let names: Vec<_> = attempt
            .names
            .into_iter()
            .map(|name| {
                let device = device(&name);
                (name, device)
            })
            .collect();
        let key = rules.keys.newest();
        let planned = charges(throttle, &Keys { key, issuer }, &names, attempt.network);
        let (budgets, charges): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
        let (levels, in_store) = self.charge(&charges, now).await;
        let told = budgets.into_iter().zip(charges).zip(levels);
        let told: Vec<_> = told
            .map(|((role, charge), level)| Charged {
                role,
                charge,
                level,
            })
            .collect();
        let wait = wait(throttle, &told);
        let pending = PendingLogin {
            sessions: self.clone(),
            names,
            charged: told,
            in_store,
            begun: now,
        };
        if wait == 0 {
            return Ok(pending);
        }
        pending.give_back().await;
        tracing::warn!(target: "tollgate", retry_after = wait, "login throttled");
        #[cfg(feature = "metrics")]
        metrics::counter!("tollgate_logins_throttled_total", "issuer" => issuer.to_owned())
            .increment(1);
        Err(TooManyAttempts {
            retry_after: Duration::from_secs(wait),
        })
    }

    /// Charges the budgets, in the store if that is possible.
    async fn charge(&self, charges: &[AttemptCharge], now: u64) -> (Vec<AttemptLevel>, bool) {
        if charges.is_empty() {
            return (Vec::new(), false);
        }
        match self.charge_store(charges, now).await {
            Ok(Some(levels)) if levels.len() == charges.len() => return (levels, true),
            Ok(None) => {}
            Ok(Some(_)) => {
                tracing::error!(target: "tollgate", "the store returned other budgets");
            }
            Err(error) => tracing::warn!(
                target: "tollgate",
                %error,
                "login attempts are counted by this process alone"
            ),
        }
        (self.0.attempts.charge(charges, now), false)
    }

    async fn charge_store(
        &self,
        charges: &[AttemptCharge],
        now: u64,
    ) -> Result<Option<Vec<AttemptLevel>>, SessionError> {
        bounded(self.0.timeout, async {
            Ok(self.0.store.charge(charges, now).await?)
        })
        .await
    }
}

/// Logs, once for each process, that attempts cannot be counted well.
fn report_missing(attempt: &LoginAttempt) {
    static NAME: AtomicBool = AtomicBool::new(false);
    static ADDRESS: AtomicBool = AtomicBool::new(false);
    if attempt.names.is_empty() && !NAME.swap(true, Ordering::Relaxed) {
        tracing::warn!(target: "tollgate", "a login without a known user name: set `login_name`");
    }
    if attempt.network.is_none() && !ADDRESS.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            target: "tollgate",
            "a login without a client address: strangers can use up the attempts of a user. \
             Serve with peer addresses, or set `trust_forwarded_for`"
        );
    }
}

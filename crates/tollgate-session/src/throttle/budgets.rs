//! The configuration of the throttle.

use std::time::Duration;

use tollgate_core::{ConfigError, ConfigErrorKind};

/// The upper bound of the attempts of a budget.
const MOST_ATTEMPTS: u32 = 10_000;
/// The upper bound of the time until an exhausted budget is full again.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// A number of attempts, and the time after which one more is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) attempts: u32,
    pub(crate) seconds: u64,
}

impl Budget {
    /// The time after which the exhausted budget is full again, in seconds.
    pub(crate) fn most(self) -> u64 {
        u64::from(self.attempts).saturating_mul(self.seconds)
    }
}

/// The budgets of failed logins. [`SessionEndpoints`](crate::SessionEndpoints) use the default;
/// handlers that log users in themselves call [`Sessions::attempt`](crate::Sessions::attempt).
///
/// Only failed attempts count, and attempts that are under way. A network is an IPv4 address or
/// the /64 of an IPv6 address.
///
/// | Budget | Attempts | One more each |
/// |---|---|---|
/// | a user name from one network | 10 | 20 minutes |
/// | a user name from all networks together | 50 | 10 minutes |
/// | a network, for all user names | 100 | 2 minutes |
/// | a user name on a device that has logged in before | 10 | 20 minutes |
///
/// If the second budget is exhausted, each network still has the first 3 attempts of the first
/// one. A known device has only the last budget. So strangers cannot lock a user out.
///
/// ```
/// use std::time::Duration;
///
/// use tollgate::session::LoginThrottle;
///
/// let hour = Duration::from_secs(3600);
/// assert!(LoginThrottle::builder().per_network(500, hour / 60).build().is_ok());
/// assert!(LoginThrottle::builder().per_network(0, hour).build().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginThrottle {
    pub(crate) pair: Budget,
    pub(crate) subject: Budget,
    pub(crate) network: Budget,
    pub(crate) device: Budget,
}

impl LoginThrottle {
    /// The attempts that each network has on a user name whatever the other networks do.
    pub(crate) const OWN: u32 = 3;

    /// Creates a builder with the default budgets.
    pub fn builder() -> LoginThrottleBuilder {
        LoginThrottleBuilder {
            pair: (10, Duration::from_secs(1200)),
            subject: (50, Duration::from_secs(600)),
            network: (100, Duration::from_secs(120)),
            device: (10, Duration::from_secs(1200)),
        }
    }
}

impl Default for LoginThrottle {
    fn default() -> Self {
        let of = |(attempts, interval): (u32, Duration)| Budget {
            attempts,
            seconds: interval.as_secs(),
        };
        let builder = Self::builder();
        Self {
            pair: of(builder.pair),
            subject: of(builder.subject),
            network: of(builder.network),
            device: of(builder.device),
        }
    }
}

/// A builder of [`LoginThrottle`]. Each budget is a number of attempts, from 1 to 10,000, and the
/// time after which one more is available, in whole seconds. Both multiplied are at most 30 days.
///
/// ```
/// use std::time::Duration;
///
/// use tollgate::session::LoginThrottle;
///
/// let minute = Duration::from_secs(60);
/// let throttle = LoginThrottle::builder()
///     .per_subject_and_network(5, 30 * minute)
///     .per_subject(30, 15 * minute)
///     .per_network(200, minute)
///     .per_device(20, 5 * minute)
///     .build()?;
/// assert_ne!(throttle, LoginThrottle::default());
/// # Ok::<(), tollgate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct LoginThrottleBuilder {
    pair: (u32, Duration),
    subject: (u32, Duration),
    network: (u32, Duration),
    device: (u32, Duration),
}

impl LoginThrottleBuilder {
    /// Sets the budget of a user name from one network. Default: 10, one more each 20 minutes.
    pub const fn per_subject_and_network(mut self, attempts: u32, interval: Duration) -> Self {
        self.pair = (attempts, interval);
        self
    }

    /// Sets the budget of a user name from all networks together. Default: 50, one more each 10
    /// minutes.
    pub const fn per_subject(mut self, attempts: u32, interval: Duration) -> Self {
        self.subject = (attempts, interval);
        self
    }

    /// Sets the budget of a network for all user names. Default: 100, one more each 2 minutes. An
    /// office behind one address shares it. Successful logins do not count.
    pub const fn per_network(mut self, attempts: u32, interval: Duration) -> Self {
        self.network = (attempts, interval);
        self
    }

    /// Sets the budget of a user name on a device that has logged in with it before. Default: 10,
    /// one more each 20 minutes.
    pub const fn per_device(mut self, attempts: u32, interval: Duration) -> Self {
        self.device = (attempts, interval);
        self
    }

    /// Checks the budgets.
    ///
    /// # Errors
    /// [`ConfigError`] if a budget is out of range.
    pub fn build(self) -> Result<LoginThrottle, ConfigError> {
        let check = |name: &str, (attempts, interval): (u32, Duration)| {
            let whole = !interval.is_zero() && interval.subsec_nanos() == 0;
            let short = interval
                .checked_mul(attempts)
                .is_some_and(|most| most <= LONGEST);
            if (1..=MOST_ATTEMPTS).contains(&attempts) && whole && short {
                return Ok(Budget {
                    attempts,
                    seconds: interval.as_secs(),
                });
            }
            let message = format!(
                "`{name}` requires 1 to {MOST_ATTEMPTS} attempts, and an interval of whole \
                 seconds, with which an exhausted budget is full within 30 days"
            );
            Err(ConfigError::new(ConfigErrorKind::OutOfRange, message))
        };
        Ok(LoginThrottle {
            pair: check("per_subject_and_network", self.pair)?,
            subject: check("per_subject", self.subject)?,
            network: check("per_network", self.network)?,
            device: check("per_device", self.device)?,
        })
    }
}

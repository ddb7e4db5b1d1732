//! Scenarios and their budgets.

/// A measured operation.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Runs the operation for a number of rounds.
    pub(crate) run: fn(u32),
    /// The two numbers of rounds whose difference is taken. The lower one is past the warm-up.
    pub(crate) rounds: (u32, u32),
    pub(crate) budget: Option<Budget>,
}

/// A limit on the cost of a scenario, relative to another.
pub(crate) struct Budget {
    pub(crate) over: Option<&'static str>,
    pub(crate) most: Most,
}

pub(crate) enum Most {
    Instructions(f64),
    /// A multiple of another cost.
    Times(f64, Cost),
}

/// The cost of a scenario, optionally minus that of another.
pub(crate) struct Cost {
    pub(crate) of: &'static str,
    pub(crate) over: Option<&'static str>,
}

impl Scenario {
    pub(crate) const fn new(name: &'static str, run: fn(u32)) -> Self {
        Self {
            name,
            run,
            rounds: (100, 600),
            budget: None,
        }
    }

    /// Uses more rounds, for operations whose preparation varies, such as the check of a private
    /// key.
    pub(crate) const fn long(mut self) -> Self {
        self.rounds = (100, 6_100);
        self
    }

    /// Uses fewer rounds, for slow operations.
    pub(crate) const fn slow(mut self) -> Self {
        self.rounds = (10, 210);
        self
    }

    pub(crate) const fn over(mut self, over: &'static str, most: Most) -> Self {
        self.budget = Some(Budget {
            over: Some(over),
            most,
        });
        self
    }

    pub(crate) const fn all(mut self, most: Most) -> Self {
        self.budget = Some(Budget { over: None, most });
        self
    }
}

impl Most {
    pub(crate) fn instructions(&self, mut cost: impl FnMut(&Cost) -> f64) -> f64 {
        match self {
            Self::Instructions(instructions) => *instructions,
            Self::Times(times, of) => times * cost(of),
        }
    }
}

/// The total cost of a scenario.
pub(crate) const fn all_of(of: &'static str) -> Cost {
    Cost { of, over: None }
}

/// The cost of a scenario minus that of another.
pub(crate) const fn over(of: &'static str, over: &'static str) -> Cost {
    Cost {
        of,
        over: Some(over),
    }
}

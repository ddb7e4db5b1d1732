//! What is counted, and how much it may be.

/// An operation that is counted.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Runs it so many times.
    pub(crate) run: fn(u32),
    /// The two numbers of rounds whose difference is counted. The lower one is past what happens only at first.
    pub(crate) rounds: (u32, u32),
    pub(crate) budget: Option<Budget>,
}

/// How much more a scenario may cost than another.
pub(crate) struct Budget {
    pub(crate) over: Option<&'static str>,
    pub(crate) most: Most,
}

pub(crate) enum Most {
    Instructions(f64),
    /// So many times something else.
    Times(f64, Cost),
}

/// What one scenario costs more than another, or all of it.
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

    /// For what takes so long that few rounds are plenty.
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

/// All that a scenario costs.
pub(crate) const fn all_of(of: &'static str) -> Cost {
    Cost { of, over: None }
}

/// What it costs over another.
pub(crate) const fn over(of: &'static str, over: &'static str) -> Cost {
    Cost { of, over: Some(over) }
}

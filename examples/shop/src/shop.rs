//! The goods, the carts and the orders. They are in memory: this example is about users.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

const MOST_ORDERS: usize = 1000;

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Good {
    id: String,
    name: String,
    text: String,
    cents: u32,
}

#[derive(Clone, Serialize)]
pub(crate) struct Line {
    good: Good,
    count: u32,
}

#[derive(Clone, Serialize)]
pub(crate) struct Order {
    number: usize,
    user: String,
    lines: Vec<Line>,
    cents: u32,
    shipped: bool,
}

#[derive(Default)]
struct State {
    carts: BTreeMap<String, Vec<Line>>,
    orders: Vec<Order>,
}

pub(crate) struct Stock {
    pub(crate) goods: Vec<Good>,
    state: Mutex<State>,
}

pub(crate) fn total(lines: &[Line]) -> u32 {
    lines.iter().map(|line| line.good.cents * line.count).sum()
}

impl Stock {
    pub(crate) fn open() -> Result<Self, serde_json::Error> {
        let goods = serde_json::from_str(include_str!("../templates/goods.json"))?;
        Ok(Self {
            goods,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one more into the cart. Returns `None` if there is no such good, or too much of it.
    pub(crate) fn add(&self, user: &str, id: &str) -> Option<()> {
        let good = self.goods.iter().find(|good| good.id == id)?;
        let mut state = self.state();
        let cart = state.carts.entry(user.to_owned()).or_default();
        if let Some(line) = cart.iter_mut().find(|line| line.good.id == id) {
            line.count = Some(line.count + 1).filter(|count| *count < 100)?;
        } else {
            cart.push(Line {
                good: good.clone(),
                count: 1,
            });
        }
        Some(())
    }

    pub(crate) fn cart(&self, user: &str) -> Vec<Line> {
        self.state().carts.get(user).cloned().unwrap_or_default()
    }

    /// Makes the cart an order. Returns `None` if it is empty.
    pub(crate) fn order(&self, user: &str) -> Option<()> {
        let mut state = self.state();
        let number = Some(state.orders.len() + 1).filter(|number| *number <= MOST_ORDERS)?;
        let lines = state.carts.remove(user)?;
        let (user, cents) = (user.to_owned(), total(&lines));
        state.orders.push(Order {
            number,
            user,
            lines,
            cents,
            shipped: false,
        });
        Some(())
    }

    /// The orders of a user, or of all of them, the newest first.
    pub(crate) fn orders(&self, of: Option<&str>) -> Vec<Order> {
        let state = self.state();
        let orders = state.orders.iter().rev();
        orders
            .filter(|order| of.is_none_or(|user| order.user == user))
            .cloned()
            .collect()
    }

    /// Returns `None` if there is no such order.
    pub(crate) fn ship(&self, number: usize) -> Option<()> {
        self.state().orders.get_mut(number.checked_sub(1)?)?.shipped = true;
        Some(())
    }
}

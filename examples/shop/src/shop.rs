//! The goods and the cart.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) static GOODS: LazyLock<Vec<Good>> = LazyLock::new(|| {
    let goods = include_str!("../templates/goods.json");
    serde_json::from_str(goods).expect("the goods are malformed")
});

/// The number of each good, by its ID. It is in the data of the session.
pub(crate) type Cart = BTreeMap<String, u32>;

#[derive(Deserialize, Serialize)]
pub(crate) struct Good {
    pub(crate) id: String,
    name: String,
    text: String,
    cents: u32,
}

/// The cart as a page shows it.
pub(crate) fn bill(cart: &Cart) -> Value {
    let lines = GOODS
        .iter()
        .filter_map(|good| Some((cart.get(&good.id)?, good)));
    let lines: Vec<_> = lines.collect();
    let cents: u32 = lines.iter().map(|(count, good)| *count * good.cents).sum();
    json!({ "lines": lines, "cents": cents })
}

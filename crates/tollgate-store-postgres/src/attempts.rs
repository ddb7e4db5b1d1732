//! The budgets of login attempts: one row per budget, one statement for all of an attempt.

use std::collections::HashMap;

use tokio_postgres::types::Type;
use tollgate_session::{AttemptCharge, AttemptLevel, StoreError};

use crate::column::{self, Number, Private};
use crate::pool::Use::Sessions;
use crate::store::PostgresStore;

impl PostgresStore {
    pub(crate) async fn charge_all(
        &self,
        charges: &[AttemptCharge],
        now: u64,
    ) -> Result<Vec<AttemptLevel>, StoreError> {
        let keys: Vec<&[u8]> = charges.iter().map(|it| &it.key.as_bytes()[..]).collect();
        let steps: Vec<Number> = charges.iter().map(|it| Number(it.seconds)).collect();
        let most: Vec<Number> = charges.iter().map(|it| Number(it.most)).collect();
        let given_back: Vec<bool> = charges.iter().map(|it| it.give_back).collect();
        let rows = self
            .shared
            .pool
            .write(
                Sessions,
                &self.shared.statements.charge,
                &[
                    (&Private(keys), Type::BYTEA_ARRAY),
                    (&steps, Type::NUMERIC_ARRAY),
                    (&most, Type::NUMERIC_ARRAY),
                    (&given_back, Type::BOOL_ARRAY),
                    (&Number(now), Type::NUMERIC),
                ],
            )
            .await?;
        let mut levels = HashMap::with_capacity(rows.len());
        for row in &rows {
            let level = AttemptLevel {
                taken: column::require(row, 1)?,
                seconds: column::require::<Number>(row, 2)?.0,
            };
            levels.insert(column::require::<&[u8]>(row, 0)?, level);
        }
        charges
            .iter()
            .map(|it| levels.get(&it.key.as_bytes()[..]).copied())
            .collect::<Option<_>>()
            .ok_or_else(|| column::corrupt("missing row of a budget"))
    }
}

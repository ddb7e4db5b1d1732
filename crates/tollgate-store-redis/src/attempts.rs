//! The budgets of login attempts: one key and one script per budget.

use futures_util::future::try_join_all;
use redis::Value;
use tollgate_session::{AttemptCharge, AttemptLevel, StoreError};

use crate::failure::corrupt;
use crate::scripts::CHARGE;
use crate::store::RedisStore;

impl RedisStore {
    /// Charges the budgets at the same time: each is in a slot of its own.
    pub(crate) async fn charge_all(
        &self,
        charges: &[AttemptCharge],
        now: u64,
    ) -> Result<Vec<AttemptLevel>, StoreError> {
        try_join_all(charges.iter().map(|charge| self.charge_one(charge, now))).await
    }

    async fn charge_one(
        &self,
        charge: &AttemptCharge,
        now: u64,
    ) -> Result<AttemptLevel, StoreError> {
        let keys = vec![self.keys().attempts(&charge.key)];
        let numbers = [now, charge.seconds, charge.most, charge.give_back.into()];
        let arguments = numbers.map(|number| number.to_string().into_bytes());
        // A budget need not reach the replicas.
        let answer = self.read(&CHARGE, keys, arguments.to_vec(), self.deadline());
        let Value::Array(values) = answer.await? else {
            return Err(corrupt("unexpected answer of a script"));
        };
        match *values {
            [Value::Int(taken), Value::Int(seconds)] => Ok(AttemptLevel {
                taken: taken == 1,
                seconds: seconds.unsigned_abs(),
            }),
            _ => Err(corrupt("unexpected answer of a script")),
        }
    }
}

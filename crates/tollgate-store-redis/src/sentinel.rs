//! The question to the Sentinels where the master is.
//!
//! <https://redis.io/docs/latest/develop/reference/sentinel-clients/>

use redis::{Pipeline, Value};

use crate::address::Address;

/// The master according to one Sentinel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// It is raised by every failover. The highest one is the latest.
    pub(crate) epoch: u64,
    pub(crate) master: Address,
}

/// Returns the question for the master of this name.
pub(crate) fn question(name: &str) -> Pipeline {
    let mut commands = redis::pipe();
    commands.cmd("SENTINEL").arg("MASTER").arg(name);
    commands
}

/// Reads the answer to the [`question`]. `None` if it is malformed.
pub(crate) fn read(answer: Option<&Value>) -> Option<Told> {
    let text = |value: &Value| match value {
        Value::BulkString(text) => String::from_utf8(text.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    };
    let pairs: Vec<(String, String)> = match answer? {
        Value::Array(flat) => {
            let (pairs, []) = flat.as_chunks::<2>() else {
                return None;
            };
            let pairs = pairs
                .iter()
                .map(|[name, value]| Some((text(name)?, text(value)?)));
            pairs.collect::<Option<_>>()?
        }
        Value::Map(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(name, value)| Some((text(name)?, text(value)?)));
            pairs.collect::<Option<_>>()?
        }
        _ => return None,
    };
    let field = |wanted: &str| {
        let mut named = pairs.iter().filter(|(name, _)| name == wanted);
        named.next().map(|(_, value)| value.as_str())
    };
    Some(Told {
        epoch: field("config-epoch")?.parse().ok()?,
        master: Address {
            host: field("ip").filter(|host| !host.is_empty())?.to_owned(),
            port: field("port")?.parse().ok().filter(|port| *port != 0)?,
        },
    })
}

/// Returns whether the answer to `ROLE` is that of a master.
pub(crate) fn is_master(role: &Value) -> bool {
    let Value::Array(role) = role else {
        return false;
    };
    match role.first() {
        Some(Value::BulkString(role)) => role == b"master",
        Some(Value::SimpleString(role)) => role == "master",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn flat(fields: &[(&str, &str)]) -> Value {
        let fields = fields
            .iter()
            .flat_map(|(name, value)| [bulk(name), bulk(value)]);
        Value::Array(fields.collect())
    }

    #[test]
    fn the_address_and_the_epoch_are_read() {
        let answer = flat(&[
            ("name", "orders"),
            ("ip", "10.0.0.1"),
            ("port", "6379"),
            ("flags", "master"),
            ("config-epoch", "7"),
        ]);
        let told = read(Some(&answer)).unwrap();
        assert_eq!(
            (told.epoch, told.master.to_string()),
            (7, "10.0.0.1:6379".to_owned())
        );
    }

    #[test]
    fn malformed_answers_are_refused() {
        let good = [("ip", "h"), ("port", "1"), ("config-epoch", "0")];
        assert!(read(Some(&flat(&good))).is_some());
        for (at, bad) in [
            (0, ""),
            (1, "0"),
            (1, "70000"),
            (1, "x"),
            (2, "-1"),
            (2, ""),
        ] {
            let mut fields = good;
            fields[at].1 = bad;
            assert_eq!(read(Some(&flat(&fields))), None, "{fields:?}");
        }
        for missing in 0..good.len() {
            let mut fields = good.to_vec();
            fields.remove(missing);
            assert_eq!(read(Some(&flat(&fields))), None, "{fields:?}");
        }
        for other in [Value::Nil, Value::Okay, Value::Array(vec![bulk("ip")])] {
            assert_eq!(read(Some(&other)), None, "{other:?}");
        }
        assert_eq!(read(None), None);
    }

    #[test]
    fn only_a_master_is_one() {
        assert!(is_master(&Value::Array(vec![
            bulk("master"),
            Value::Int(0)
        ])));
        for other in [
            Value::Array(vec![bulk("slave")]),
            Value::Array(vec![]),
            Value::Nil,
        ] {
            assert!(!is_master(&other), "{other:?}");
        }
    }
}

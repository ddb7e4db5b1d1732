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
    // During a failover, this names the next master, and the other command the former one.
    commands
        .cmd("SENTINEL")
        .arg("GET-MASTER-ADDR-BY-NAME")
        .arg(name);
    commands
}

/// Reads the answers to the [`question`]. `None` if one is malformed.
pub(crate) fn read(answers: &[Value]) -> Option<Told> {
    let [answer, Value::Array(address)] = answers else {
        return None;
    };
    let text = |value: &Value| match value {
        Value::BulkString(text) => String::from_utf8(text.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    };
    // Names and values in turn.
    let Value::Array(fields) = answer else {
        return None;
    };
    let (fields, []) = fields.as_chunks::<2>() else {
        return None;
    };
    let epoch = fields
        .iter()
        .find(|[name, _]| text(name).as_deref() == Some("config-epoch"));
    let [host, port] = address.as_slice() else {
        return None;
    };
    Some(Told {
        epoch: text(&epoch?[1])?.parse().ok()?,
        master: Address {
            host: text(host).filter(|host| !host.is_empty())?,
            port: text(port)?.parse().ok().filter(|port| *port != 0)?,
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

    fn answers(epoch: &str, host: &str, port: &str) -> [Value; 2] {
        let master = flat(&[("name", "orders"), ("ip", "h"), ("config-epoch", epoch)]);
        [master, Value::Array(vec![bulk(host), bulk(port)])]
    }

    #[test]
    fn the_address_and_the_epoch_are_read() {
        let told = read(&answers("7", "10.0.0.1", "6379")).unwrap();
        assert_eq!(
            (told.epoch, told.master.to_string()),
            (7, "10.0.0.1:6379".to_owned())
        );
    }

    #[test]
    fn malformed_answers_are_refused() {
        assert!(read(&answers("0", "h", "1")).is_some());
        for (epoch, host, port) in [
            ("0", "", "1"),
            ("0", "h", "0"),
            ("0", "h", "70000"),
            ("0", "h", "x"),
            ("-1", "h", "1"),
            ("", "h", "1"),
        ] {
            assert_eq!(read(&answers(epoch, host, port)), None);
        }
        let [master, address] = answers("0", "h", "1");
        for other in [Value::Nil, Value::Okay, Value::Array(vec![bulk("ip")])] {
            assert_eq!(read(&[other.clone(), address.clone()]), None, "{other:?}");
            assert_eq!(read(&[master.clone(), other]), None);
        }
        assert_eq!(read(&[]), None);
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

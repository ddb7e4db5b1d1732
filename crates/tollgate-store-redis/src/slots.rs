//! The slots of a cluster and their nodes, or the one master of all slots.

use std::collections::HashMap;

use redis::Value;

use crate::address::Address;

/// The slots as one node reported them, with later redirects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    ranges: Vec<Range>,
    moved: HashMap<u16, Address>,
}

#[derive(Clone, Debug)]
struct Range {
    first: u16,
    last: u16,
    master: Address,
}

impl Slots {
    /// Returns all slots at one server: the master that Sentinels name.
    pub(crate) fn all_at(master: Address) -> Self {
        let all = Range {
            first: 0,
            last: u16::MAX,
            master,
        };
        Self {
            ranges: vec![all],
            moved: HashMap::new(),
        }
    }

    /// Reads the answer to `CLUSTER SLOTS`: <https://redis.io/docs/latest/commands/cluster-slots/>.
    /// `None` if it is malformed.
    pub(crate) fn read(answer: Option<&Value>, own_host: &str) -> Option<Self> {
        let Some(Value::Array(ranges)) = answer else {
            return None;
        };
        let range = |range: &Value| {
            let Value::Array(range) = range else {
                return None;
            };
            let [first, last, Value::Array(master), ..] = range.as_slice() else {
                return None;
            };
            let [host, port, ..] = master.as_slice() else {
                return None;
            };
            let host = match host {
                Value::BulkString(host) => std::str::from_utf8(host).ok()?,
                Value::SimpleString(host) => host,
                Value::Nil => "",
                _ => return None,
            };
            Some(Range {
                first: small(first)?,
                last: small(last)?,
                master: Address {
                    host: if matches!(host, "" | "?") {
                        own_host
                    } else {
                        host
                    }
                    .to_owned(),
                    port: small(port).filter(|port| *port != 0)?,
                },
            })
        };
        Some(Self {
            ranges: ranges.iter().map(range).collect::<Option<_>>()?,
            moved: HashMap::new(),
        })
    }

    pub(crate) fn holder(&self, slot: u16) -> Option<Address> {
        self.moved.get(&slot).cloned().or_else(|| {
            let range = self
                .ranges
                .iter()
                .find(|range| (range.first..=range.last).contains(&slot))?;
            Some(range.master.clone())
        })
    }

    /// Records a redirect of the slot.
    pub(crate) fn moved(&mut self, slot: u16, to: Address) {
        self.moved.insert(slot, to);
    }

    /// Returns every master once.
    pub(crate) fn nodes(&self) -> Vec<Address> {
        let mut nodes: Vec<Address> = Vec::new();
        for master in self
            .ranges
            .iter()
            .map(|range| &range.master)
            .chain(self.moved.values())
        {
            if !nodes.contains(master) {
                nodes.push(master.clone());
            }
        }
        nodes
    }
}

fn small(value: &Value) -> Option<u16> {
    match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        Value::Array(vec![
            Value::Int(first),
            Value::Int(last),
            Value::Array(vec![host, Value::Int(port)]),
        ])
    }

    #[test]
    fn holders_are_found_by_range_and_redirect() {
        let answer = Value::Array(vec![
            range(0, 8191, Value::BulkString(b"10.0.0.1".to_vec()), 7001),
            range(8192, 16_383, Value::Nil, 7002),
        ]);
        let mut slots = Slots::read(Some(&answer), "10.0.0.2").unwrap();
        assert_eq!(slots.holder(8191).unwrap().to_string(), "10.0.0.1:7001");
        assert_eq!(slots.holder(8192).unwrap().to_string(), "10.0.0.2:7002");
        slots.moved(5, Address::parse(":7009", "h").unwrap());
        assert_eq!(slots.holder(5).unwrap().to_string(), "h:7009");
        assert_eq!(slots.nodes().len(), 3);
        assert_eq!(slots.holder(16_384), None);
    }

    #[test]
    fn malformed_answers_are_refused() {
        let host = || Value::BulkString(b"h".to_vec());
        for malformed in [
            Value::Nil,
            Value::Okay,
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(-1, 5, host(), 1)]),
            Value::Array(vec![range(0, 70_000, host(), 1)]),
            Value::Array(vec![range(0, 5, host(), 0)]),
            Value::Array(vec![range(0, 5, Value::BulkString(vec![0xFF]), 1)]),
            Value::Array(vec![Value::Array(vec![
                Value::Int(0),
                Value::Int(1),
                Value::Array(Vec::new()),
            ])]),
        ] {
            assert!(
                Slots::read(Some(&malformed), "h").is_none(),
                "{malformed:?}"
            );
        }
        for malformed in ["", "h", "h:", "h:0", "h:x", "h:70000"] {
            assert!(Address::parse(malformed, "h").is_none(), "{malformed}");
        }
        assert_eq!(Address::parse("::1:7000", "h").unwrap().host, "::1");
    }
}

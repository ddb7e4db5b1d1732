//! The commands of an operation.

use std::time::Duration;

use redis::{Cmd, Pipeline, Value};
use tokio::time::Instant;
use tollgate_session::StoreError;

use crate::failure::{corrupt, too_few_replicas};

/// A Lua script.
#[derive(Debug)]
pub(crate) struct Script {
    inner: redis::Script,
    code: String,
}

impl Script {
    pub(crate) fn new(parts: &[&str]) -> Self {
        let code = parts.concat();
        Self {
            inner: redis::Script::new(&code),
            code,
        }
    }

    /// Returns the commands that run the script by its hash and by its source. Those for a script
    /// that only reads suffice with the permission to read the keys.
    fn commands(&self) -> [&'static str; 2] {
        if self.code.starts_with("#!lua flags=no-writes") {
            ["EVALSHA_RO", "EVAL_RO"]
        } else {
            ["EVALSHA", "EVAL"]
        }
    }
}

/// A script or commands on the keys of one slot, with an optional wait for replicas.
#[derive(Debug)]
pub(crate) struct Operation<'s> {
    what: What<'s>,
    wait: Option<Wait>,
}

/// The number of replicas that must have a write, and the timeout for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) replicas: u32,
    pub(crate) timeout: Duration,
}

#[derive(Debug)]
enum What<'s> {
    Script {
        script: &'s Script,
        keys: Vec<String>,
        arguments: Vec<Vec<u8>>,
    },
    /// A command, and `TIME` if the flag is set.
    Command(Cmd, bool),
}

impl<'s> Operation<'s> {
    pub(crate) fn script(script: &'s Script, keys: Vec<String>, arguments: Vec<Vec<u8>>) -> Self {
        Self {
            what: What::Script {
                script,
                keys,
                arguments,
            },
            wait: None,
        }
    }

    pub(crate) fn command(command: Cmd) -> Self {
        Self {
            what: What::Command(command, false),
            wait: None,
        }
    }

    /// Creates an operation whose answer is an array: the answer to the command, and that to
    /// `TIME`.
    pub(crate) fn timed(command: Cmd) -> Self {
        Self {
            what: What::Command(command, true),
            wait: None,
        }
    }

    pub(crate) fn waiting(self, wait: Option<Wait>) -> Self {
        Self { wait, ..self }
    }

    pub(crate) fn waits(&self) -> bool {
        self.wait.is_some()
    }

    /// The source of the script, for messages. Empty for commands.
    pub(crate) fn source(&self) -> &str {
        match &self.what {
            What::Script { script, .. } => &script.code,
            What::Command(..) => "",
        }
    }

    /// Returns the commands: the script by its hash, or its source for a server that has not cached
    /// it.
    pub(crate) fn commands(&self, whole_script: bool, asking: bool, deadline: Instant) -> Pipeline {
        let mut commands = redis::pipe();
        if asking {
            commands.cmd("ASKING");
        }
        match &self.what {
            What::Script {
                script,
                keys,
                arguments,
            } => {
                let [by_hash, by_source] = script.commands();
                if whole_script {
                    commands.cmd(by_source).arg(&script.code);
                } else {
                    commands.cmd(by_hash).arg(script.inner.get_hash());
                }
                commands.arg(keys.len()).arg(keys);
                for argument in arguments {
                    commands.arg(argument.as_slice());
                }
            }
            What::Command(command, timed) => {
                commands.add_command(command.clone());
                if *timed {
                    commands.cmd("TIME");
                }
            }
        }
        if let Some(wait) = self.wait {
            let left = deadline.saturating_duration_since(Instant::now());
            // Zero would mean no timeout.
            let timeout = wait.timeout.min(left).as_millis().max(1);
            commands
                .cmd("WAIT")
                .arg(wait.replicas)
                .arg(u64::try_from(timeout).unwrap_or(u64::MAX));
        }
        commands
    }

    /// Extracts the answer of the operation from the answers to [`commands`](Self::commands).
    pub(crate) fn answer(&self, values: Vec<Value>, asking: bool) -> Result<Value, StoreError> {
        let mut values = values.into_iter().skip(usize::from(asking));
        let mut next = || values.next().ok_or_else(|| corrupt("missing answer"));
        let value = match &self.what {
            What::Command(_, true) => Value::Array(vec![next()?, next()?]),
            _ => next()?,
        };
        if let Some(wait) = self.wait {
            match next()? {
                Value::Int(replicas) if replicas >= i64::from(wait.replicas) => {}
                Value::Int(_) => return Err(too_few_replicas()),
                _ => return Err(corrupt("missing answer")),
            }
        }
        Ok(value)
    }
}

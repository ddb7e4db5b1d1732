//! The subjects of recent sessions, so that their revocations are read together with the session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_session::SessionId;

/// The number of sessions after which the older half is forgotten.
const HALF: usize = 32 * 1024;

/// A bounded memory. The result is a guess: the session itself tells its subject.
#[derive(Default)]
pub(crate) struct Subjects(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    young: HashMap<SessionId, Arc<str>>,
    old: HashMap<SessionId, Arc<str>>,
}

impl Subjects {
    pub(crate) fn get(&self, id: &SessionId) -> Option<Arc<str>> {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(subject) = halves.young.get(id) {
            return Some(Arc::clone(subject));
        }
        let subject = halves.old.remove(id)?;
        halves.add(*id, Arc::clone(&subject));
        Some(subject)
    }

    pub(crate) fn add(&self, id: SessionId, subject: &str) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.add(id, subject.into());
    }
}

impl Halves {
    fn add(&mut self, id: SessionId, subject: Arc<str>) {
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> SessionId {
        let mut bytes = [0; SessionId::BYTES];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        SessionId::new(bytes)
    }

    #[test]
    fn a_session_in_use_is_kept_and_the_memory_is_bounded() {
        let subjects = Subjects::default();
        subjects.add(id(0), "u-0");
        for number in 1..4 * HALF {
            subjects.add(id(number), "u");
            if number % 1024 == 0 {
                assert_eq!(subjects.get(&id(0)).as_deref(), Some("u-0"), "{number}");
            }
        }
        assert_eq!(subjects.get(&id(1)), None);
        let halves = subjects.0.into_inner().unwrap();
        assert!(halves.young.len() + halves.old.len() <= 2 * HALF);
    }
}

//! Interned texts, which keep states small.

use std::cell::RefCell;
use std::collections::HashMap;

/// An interned text or byte string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Text(u32);

#[derive(Default)]
struct Known {
    numbers: HashMap<Vec<u8>, u32>,
    texts: Vec<Vec<u8>>,
}

thread_local! {
    // Each test has its own thread.
    static KNOWN: RefCell<Known> = RefCell::default();
}

impl Text {
    pub(crate) fn of(bytes: impl AsRef<[u8]>) -> Self {
        KNOWN.with_borrow_mut(|known| {
            let bytes = bytes.as_ref();
            if let Some(number) = known.numbers.get(bytes) {
                return Self(*number);
            }
            let number = u32::try_from(known.texts.len()).unwrap();
            known.numbers.insert(bytes.to_vec(), number);
            known.texts.push(bytes.to_vec());
            Self(number)
        })
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        KNOWN.with_borrow(|known| known.texts[self.0 as usize].clone())
    }

    pub(crate) fn string(self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }
}

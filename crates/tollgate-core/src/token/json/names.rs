//! Detection of duplicate member names, in time proportional to the text for all inputs.

use std::borrow::Cow;
use std::collections::HashSet;

use super::object::{Member, Name};

/// Up to this many members, names are compared pairwise. Ordinary tokens have no larger object.
const PAIRWISE: usize = 32;

/// The names of the objects that are too large for pairwise comparison, each with its object. The
/// hasher has a random key, so that a token cannot choose names that collide.
#[derive(Default)]
pub(super) struct NameSet<'t> {
    names: Option<Box<Names<'t>>>,
}

type Names<'t> = HashSet<(usize, Cow<'t, str>)>;

impl<'t> NameSet<'t> {
    fn insert(&mut self, object: usize, name: Cow<'t, str>) -> bool {
        #[cfg(any(test, fuzzing))]
        super::work::add(name.len());
        self.names.get_or_insert_default().insert((object, name))
    }

    /// Returns `true` if `name`, unescaped in `unescaped`, is new in `object`. `earlier` are the
    /// members of the object so far.
    pub(super) fn is_new(
        &mut self,
        object: &mut ObjectNames,
        text: &'t str,
        earlier: &[Member],
        name: Name,
        unescaped: Cow<'t, str>,
    ) -> bool {
        if !object.in_set {
            if let Some(new) = is_new_of_few(text, earlier, name, &unescaped) {
                return new;
            }
            for member in earlier {
                self.insert(object.start, member.name(text));
            }
            object.in_set = true;
            object.filter = u64::MAX; // every later name takes this path
        }
        self.insert(object.start, unescaped)
    }
}

/// Compares with each earlier name; `None` if that could take too long.
fn is_new_of_few(text: &str, earlier: &[Member], name: Name, unescaped: &str) -> Option<bool> {
    if earlier.len() > PAIRWISE {
        return None;
    }
    for member in earlier.iter().filter(|member| member.tag() == name.tag) {
        // Equal tags of up to seven bytes are equal names.
        if unescaped.len() <= 7 {
            return Some(false);
        }
        // An escaped name is not unescaped for each comparison.
        let verbatim = member.verbatim_name(text).filter(|_| !name.escaped)?;
        #[cfg(any(test, fuzzing))]
        super::work::add(verbatim.len());
        if verbatim == unescaped {
            return Some(false);
        }
    }
    Some(true)
}

/// A filter over the names of one object: each name sets a bit. A name whose bit is not set is
/// certainly new.
pub(super) struct ObjectNames {
    /// The start of the object, which is unique within the text.
    start: usize,
    filter: u64,
    in_set: bool,
}

impl ObjectNames {
    #[inline]
    pub(super) const fn new(start: usize) -> Self {
        Self {
            start,
            filter: 0,
            in_set: false,
        }
    }

    /// Returns `true` if this tag is certainly new. Records it.
    #[inline]
    pub(super) fn is_first(&mut self, tag: u64) -> bool {
        let bit = 1 << (tag.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58);
        let first = self.filter & bit == 0;
        self.filter |= bit;
        first
    }

    /// Returns `true` if the tags of the `earlier` members show that this one is new.
    #[inline]
    pub(super) fn is_new_by_tag(&self, earlier: &[Member], tag: u64) -> bool {
        #[cfg(any(test, fuzzing))]
        super::work::add(earlier.len().min(PAIRWISE));
        let few = !self.in_set && earlier.len() <= PAIRWISE;
        few && earlier.iter().all(|member| member.tag() != tag)
    }
}

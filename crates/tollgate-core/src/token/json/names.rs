//! Duplicate member names: found in time proportional to the text, whatever the names are.

use std::borrow::Cow;
use std::collections::HashSet;

use super::object::{Member, Name};

/// Up to this many members, names are compared one by one; an ordinary token has no larger object.
const PAIRWISE: usize = 32;

/// The names of the objects that outgrew the comparison one by one, each with its object. The
/// hasher is keyed at random, so that a token cannot choose names that collide.
#[derive(Default)]
pub(super) struct NameSet<'t> {
    names: Option<Box<Names<'t>>>,
}

type Names<'t> = HashSet<(usize, Cow<'t, str>)>;

impl<'t> NameSet<'t> {
    fn insert(&mut self, object: usize, name: Cow<'t, str>) -> bool {
        #[cfg(test)]
        super::work::add(name.len());
        self.names.get_or_insert_default().insert((object, name))
    }

    /// Returns `true` if `name`, which reads `unescaped`, is new in `object`, of which `earlier`
    /// are the members so far.
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
            object.filter = u64::MAX; // every later name comes here
        }
        self.insert(object.start, unescaped)
    }
}

/// Compares with each earlier name; `None` where that could take too long.
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
        #[cfg(test)]
        super::work::add(verbatim.len());
        if verbatim == unescaped {
            return Some(false);
        }
    }
    Some(true)
}

/// The names that one object had so far: a bit for many names, so that a name whose bit is not set
/// is new for certain.
pub(super) struct ObjectNames {
    /// Where the object begins, which no two objects of a text share.
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

    /// Returns `true` if no name of this tag can have been there, now that there is one.
    #[inline]
    pub(super) fn is_first(&mut self, tag: u64) -> bool {
        let bit = 1 << (tag.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58);
        let first = self.filter & bit == 0;
        self.filter |= bit;
        first
    }

    /// Returns `true` if a look at the tags of the `earlier` members shows that this one is new.
    #[inline]
    pub(super) fn is_new_by_tag(&self, earlier: &[Member], tag: u64) -> bool {
        #[cfg(test)]
        super::work::add(earlier.len().min(PAIRWISE));
        let few = !self.in_set && earlier.len() <= PAIRWISE;
        few && earlier.iter().all(|member| member.tag() != tag)
    }
}

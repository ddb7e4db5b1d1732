//! The scope grammar (RFC 6749 section 3.3), and scopes as types.

use std::fmt;
use std::marker::PhantomData;

use super::{Facts, Policy};

/// A scope as a type, so that a misspelt scope does not compile. The macro `scopes!` declares such
/// types.
///
/// ```
/// use tollgate::policy::{Held, Scope, ScopeSet};
///
/// struct OrdersRead;
///
/// impl Scope for OrdersRead {
///     const NAME: &'static str = "orders:read";
/// }
///
/// assert!(OrdersRead::policy().permits(&Held::new().scope("orders:read")));
/// ```
///
/// A name that is not a scope-token is a compile error when the type is used as a [`ScopeSet`]:
///
/// ```compile_fail,E0080
/// use tollgate::policy::{Scope, ScopeSet};
///
/// struct Orders;
///
/// impl Scope for Orders {
///     const NAME: &'static str = "orders read";
/// }
///
/// fn main() {
///     let _ = Orders::policy();
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a scope",
    label = "not a type that stands for a scope",
    note = "declare scopes with `scopes! {{ OrdersRead = \"orders:read\" }}`"
)]
pub trait Scope {
    /// The scope-token (RFC 6749 section 3.3), as in the `scope` claim of a token.
    ///
    /// ```
    /// # use tollgate::policy::{Held, Scope, ScopeName, ScopeSet};
    /// # #[derive(Clone, Copy)]
    /// # struct OrdersRead;
    /// # impl Scope for OrdersRead { const NAME: &'static str = "orders:read"; }
    /// assert_eq!(OrdersRead::NAME, "orders:read");
    /// ```
    const NAME: &'static str;
}

/// One [`Scope`], or a tuple of up to eight sets. All scopes of the set are required.
///
/// ```
/// use tollgate::policy::{Held, Scope, ScopeSet};
///
/// struct Read;
/// struct Write;
/// impl Scope for Read {
///     const NAME: &'static str = "read";
/// }
/// impl Scope for Write {
///     const NAME: &'static str = "write";
/// }
///
/// assert_eq!(<(Read, Write)>::policy().to_string(), r#"scope("read") & scope("write")"#);
/// assert!(!<(Read, Write)>::held_by(&Held::new().scope("read")));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a scope, nor a tuple of scopes",
    label = "not a type that stands for scopes",
    note = "declare scopes with `scopes! {{ OrdersRead = \"orders:read\" }}`"
)]
pub trait ScopeSet {
    /// Creates the policy that requires every scope of the set. Each call builds a new one: keep
    /// the result.
    ///
    /// ```
    /// # use tollgate::policy::{Held, Scope, ScopeName, ScopeSet};
    /// # #[derive(Clone, Copy)]
    /// # struct OrdersRead;
    /// # impl Scope for OrdersRead { const NAME: &'static str = "orders:read"; }
    /// assert_eq!(OrdersRead::policy().to_string(), r#"scope("orders:read")"#);
    /// ```
    fn policy() -> Policy;

    /// Returns whether `facts` hold every scope of the set, without building a policy.
    ///
    /// ```
    /// # use tollgate::policy::{Held, Scope, ScopeName, ScopeSet};
    /// # #[derive(Clone, Copy)]
    /// # struct OrdersRead;
    /// # impl Scope for OrdersRead { const NAME: &'static str = "orders:read"; }
    /// assert!(OrdersRead::held_by(&Held::new().scope("orders:read")));
    /// ```
    fn held_by<F: Facts + ?Sized>(facts: &F) -> bool {
        Self::policy().permits(facts)
    }
}

impl<S: Scope> ScopeSet for S {
    fn policy() -> Policy {
        Policy::scope(Checked::<S>::NAME)
    }

    fn held_by<F: Facts + ?Sized>(facts: &F) -> bool {
        facts.has_scope(Checked::<S>::NAME)
    }
}

/// The name of a scope. A name that is not a scope-token does not compile.
struct Checked<S>(PhantomData<S>);

impl<S: Scope> Checked<S> {
    const NAME: &'static str = {
        assert!(
            is_scope_token(S::NAME),
            "the NAME of a Scope must be a scope-token (RFC 6749 section 3.3)"
        );
        S::NAME
    };
}

macro_rules! scope_set_of_tuple {
    ($($member:ident)+) => {
        impl<$($member: ScopeSet),+> ScopeSet for ($($member,)+) {
            fn policy() -> Policy {
                Policy::all([$($member::policy()),+])
            }

            fn held_by<Caller: Facts + ?Sized>(facts: &Caller) -> bool {
                true $(&& $member::held_by(facts))+
            }
        }
    };
}

scope_set_of_tuple!(A);
scope_set_of_tuple!(A B);
scope_set_of_tuple!(A B C);
scope_set_of_tuple!(A B C D);
scope_set_of_tuple!(A B C D E);
scope_set_of_tuple!(A B C D E F);
scope_set_of_tuple!(A B C D E F G);
scope_set_of_tuple!(A B C D E F G H);

/// A scope in a policy: its name as a string, or a type that implements [`Scope`].
///
/// ```
/// use tollgate::policy::{Scope, scope};
///
/// #[derive(Clone, Copy)]
/// struct OrdersRead;
/// impl Scope for OrdersRead {
///     const NAME: &'static str = "orders:read";
/// }
///
/// assert_eq!(scope(OrdersRead).to_string(), scope("orders:read").to_string());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a scope",
    label = "neither a text nor a type that stands for a scope",
    note = "declare scopes with `scopes! {{ OrdersRead = \"orders:read\" }}`"
)]
pub trait ScopeName {
    /// The scope-token.
    ///
    /// ```
    /// # use tollgate::policy::{Held, Scope, ScopeName, ScopeSet};
    /// # #[derive(Clone, Copy)]
    /// # struct OrdersRead;
    /// # impl Scope for OrdersRead { const NAME: &'static str = "orders:read"; }
    /// assert_eq!(OrdersRead.scope_name(), "orders:read");
    /// assert_eq!("orders:read".scope_name(), "orders:read");
    /// ```
    fn scope_name(&self) -> &str;
}

impl ScopeName for &str {
    fn scope_name(&self) -> &str {
        self
    }
}

impl ScopeName for &String {
    fn scope_name(&self) -> &str {
        self
    }
}

impl ScopeName for String {
    fn scope_name(&self) -> &str {
        self
    }
}

impl<S: Scope> ScopeName for S {
    fn scope_name(&self) -> &str {
        Checked::<S>::NAME
    }
}

/// Returns whether `text` is one scope-token of RFC 6749 section 3.3: one or more visible ASCII
/// characters except `"` and `\`.
///
/// ```
/// use tollgate::policy::is_scope_token;
///
/// assert!(is_scope_token("https://www.example.com/auth/orders.read"));
/// assert!(!is_scope_token(""));
/// assert!(!is_scope_token("orders read"));
/// assert!(!is_scope_token("bestellungen:löschen"));
/// ```
pub const fn is_scope_token(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Iterators are not `const`, and this also runs at compile time.
    let mut index = 0;
    while index < bytes.len() {
        if !is_scope_octet(bytes[index]) {
            return false;
        }
        index += 1;
    }
    !bytes.is_empty()
}

/// `%x21 / %x23-5B / %x5D-7E`
pub(crate) const fn is_scope_octet(octet: u8) -> bool {
    matches!(octet, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

/// Parses a space-separated list of scopes (`scope` in RFC 6749 section 3.3 and RFC 9068 section
/// 2.2.3), in order.
///
/// The empty string is an empty list: the grammar excludes it, but servers send it for a token
/// without scopes. Duplicate tokens are allowed.
///
/// ```
/// use tollgate::policy::parse_scopes;
///
/// let scopes: Vec<_> = parse_scopes("orders:read profile").unwrap().collect();
/// assert_eq!(scopes, ["orders:read", "profile"]);
/// assert_eq!(parse_scopes("").unwrap().count(), 0);
/// assert!(parse_scopes("orders:read  profile").is_err());
/// ```
///
/// # Errors
///
/// When two scope-tokens are separated by anything but one space, or the list has leading or
/// trailing characters that are not part of a scope-token.
pub fn parse_scopes(list: &str) -> Result<impl Iterator<Item = &str> + Clone, InvalidScope> {
    let tokens = || list.split(' ').filter(|_| !list.is_empty());
    let mut start = 0;
    for token in tokens() {
        check(token).map_err(|invalid| InvalidScope {
            at: start + invalid.at,
            ..invalid
        })?;
        start += token.len() + 1;
    }
    Ok(tokens())
}

pub(super) fn check(token: &str) -> Result<(), InvalidScope> {
    match token
        .char_indices()
        .find(|(_, char)| !u8::try_from(*char).is_ok_and(is_scope_octet))
    {
        Some((at, char)) => Err(InvalidScope {
            at,
            found: Some(char),
        }),
        None if token.is_empty() => Err(InvalidScope { at: 0, found: None }),
        None => Ok(()),
    }
}

/// An error for a string that is not a scope, or not a list of scopes, by RFC 6749 section 3.3.
///
/// ```
/// use tollgate::Policy;
///
/// let invalid = Policy::try_scope("orders read").unwrap_err();
/// assert_eq!(invalid.to_string(), "' ' at offset 6 is not allowed in a scope");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidScope {
    at: usize,
    /// The invalid character. `None` where a scope is missing.
    found: Option<char>,
}

impl fmt::Display for InvalidScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Some(char) => write!(
                f,
                "{char:?} at offset {} is not allowed in a scope",
                self.at
            ),
            None => write!(f, "a scope at offset {} is empty", self.at),
        }
    }
}

impl std::error::Error for InvalidScope {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Held;

    #[test]
    fn the_grammar_is_exact_for_every_octet() {
        for octet in 0..=0x7f_u8 {
            let text = char::from(octet).to_string();
            let allowed = octet.is_ascii_graphic() && octet != b'"' && octet != b'\\';
            assert_eq!(is_scope_token(&text), allowed, "{octet:#x}");
        }
        for text in [
            "",
            "\u{e9}",
            "a\u{a0}b",
            "a\u{2028}",
            "\u{202e}daer",
            "a\u{7f}",
            "\u{feff}a",
        ] {
            assert!(!is_scope_token(text), "{text:?}");
        }
    }

    #[test]
    fn a_list_has_one_space_between_scopes() {
        for list in [
            " ", "  ", " a", "a ", "a  b", "a\tb", "a\nb", "a\u{a0}b", "a,\"b\"", "a\\b",
            "a \u{e9}",
        ] {
            assert!(parse_scopes(list).is_err(), "{list:?}");
        }
        let scopes: Vec<_> = parse_scopes("b a b").unwrap().collect();
        assert_eq!(scopes, ["b", "a", "b"]);
    }

    #[test]
    fn an_error_has_its_position() {
        let text = |list| {
            parse_scopes(list)
                .map(Iterator::count)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            text("read wri\"te"),
            "'\"' at offset 8 is not allowed in a scope"
        );
        assert_eq!(text("read  write"), "a scope at offset 5 is empty");
        assert_eq!(text("read "), "a scope at offset 5 is empty");
        assert_eq!(
            text("\u{1b}[31m"),
            r"'\u{1b}' at offset 0 is not allowed in a scope"
        );
    }

    struct A;
    struct B;
    impl Scope for A {
        const NAME: &'static str = "a";
    }
    impl Scope for B {
        const NAME: &'static str = "b";
    }

    #[test]
    fn a_tuple_requires_all_of_its_members() {
        type Eight = (A, A, A, A, A, A, A, (B,));
        for (scopes, held) in [
            (vec![], false),
            (vec!["a"], false),
            (vec!["b"], false),
            (vec!["a", "b"], true),
        ] {
            let caller = scopes.into_iter().fold(Held::new(), Held::scope);
            assert_eq!(<(A, B)>::held_by(&caller), held);
            assert_eq!(<(A, B)>::policy().permits(&caller), held);
            assert_eq!(Eight::held_by(&caller), held);
            assert_eq!(Eight::policy().permits(&caller), held);
        }
        assert_eq!(
            Eight::policy().evaluate(&Held::new()).sufficient_scopes(),
            Some(vec!["a", "b"])
        );
    }
}

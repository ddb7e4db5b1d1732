//! What a policy is asked about: the scopes, roles and claims that a caller holds.

use std::collections::BTreeSet;

use serde_json::Value;

/// What a caller holds, as a [`Policy`](super::Policy) asks for it.
///
/// The verified principal implements it. [`Held`] does for tests and for decisions about other things than a token.
///
/// ```
/// use serde_json::Value;
/// use tollgate::policy::{Facts, scope};
///
/// struct ServiceAccount;
///
/// impl Facts for ServiceAccount {
///     fn has_scope(&self, scope: &str) -> bool {
///         scope == "metrics"
///     }
///     fn has_role(&self, _role: &str) -> bool {
///         false
///     }
///     fn claim(&self, _path: &str) -> Option<Value> {
///         None
///     }
/// }
///
/// assert!(scope("metrics").permits(&ServiceAccount));
/// ```
pub trait Facts {
    /// Whether `scope` was granted. Exact: no case folding, no prefixes.
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().scope("orders:read");
    /// assert!(caller.has_scope("orders:read") && !caller.has_scope("orders"));
    /// ```
    fn has_scope(&self, scope: &str) -> bool;

    /// Whether the caller has `role`. Exact, as for scopes.
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().role("admin");
    /// assert!(caller.has_role("admin") && !caller.has_role("Admin"));
    /// ```
    fn has_role(&self, role: &str) -> bool;

    /// The claim at `path`, found as [`claim_at`] finds it.
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().claims(serde_json::json!({"tenant": "acme"}));
    /// assert_eq!(caller.claim("tenant"), Some("acme".into()));
    /// ```
    fn claim(&self, path: &str) -> Option<Value>;

    /// Whether there is a claim at `path` that is not `null`.
    ///
    /// For implementations that know without building a [`Value`].
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().claims(serde_json::json!({"tenant": null}));
    /// assert!(!caller.has_claim("tenant"));
    /// ```
    fn has_claim(&self, path: &str) -> bool {
        self.claim(path).is_some_and(|claim| !claim.is_null())
    }

    /// Whether the claim at `path` matches `expected`, as [`claim_matches`] decides.
    ///
    /// For implementations that know without building a [`Value`].
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().claims(serde_json::json!({"amr": ["pwd", "otp"]}));
    /// assert!(caller.claim_is("amr", &"otp".into()));
    /// ```
    fn claim_is(&self, path: &str, expected: &Value) -> bool {
        self.claim(path)
            .is_some_and(|claim| claim_matches(&claim, expected))
    }

    /// Whether the caller proved who they are at most this many seconds ago. `false` unless an implementation says
    /// otherwise: what does not know of a login has seen none.
    ///
    /// ```
    /// # use tollgate::policy::{Facts, Held};
    /// let caller = Held::new().authenticated_ago(60);
    /// assert!(caller.authenticated_within(60) && !caller.authenticated_within(59));
    /// assert!(!Held::new().authenticated_within(u64::MAX));
    /// ```
    fn authenticated_within(&self, seconds: u64) -> bool {
        let _ = seconds;
        false
    }
}

impl<F: Facts + ?Sized> Facts for &F {
    fn has_scope(&self, scope: &str) -> bool {
        F::has_scope(self, scope)
    }

    fn has_role(&self, role: &str) -> bool {
        F::has_role(self, role)
    }

    fn claim(&self, path: &str) -> Option<Value> {
        F::claim(self, path)
    }

    fn has_claim(&self, path: &str) -> bool {
        F::has_claim(self, path)
    }

    fn claim_is(&self, path: &str, expected: &Value) -> bool {
        F::claim_is(self, path, expected)
    }

    fn authenticated_within(&self, seconds: u64) -> bool {
        F::authenticated_within(self, seconds)
    }
}

/// The member of `claims` at `path`: the one of exactly that name, else the one reached by descending at each dot.
///
/// So `https://example.com/org` finds the claim of that name, and `realm_access.roles` the member `roles` of the object
/// `realm_access`. Arrays are not descended into.
///
/// ```
/// use serde_json::json;
/// use tollgate::policy::claim_at;
///
/// let claims = json!({"realm_access": {"roles": ["admin"]}, "https://example.com/org": "blue"});
/// assert_eq!(claim_at(&claims, "realm_access.roles"), Some(&json!(["admin"])));
/// assert_eq!(claim_at(&claims, "https://example.com/org"), Some(&json!("blue")));
/// assert_eq!(claim_at(&claims, "realm_access.roles.0"), None);
/// ```
pub fn claim_at<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    let claims = claims.as_object()?;
    claims.get(path).or_else(|| {
        let mut names = path.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.as_object()?.get(name))
    })
}

/// Whether `claim` is `expected`, or an array with `expected` among its elements.
///
/// Exact in type and writing: text by octets, and `1` is neither `"1"` nor `1.0`. An expected array matches an equal
/// array, order included, or one that has it as an element. Only a `null` matches `null`.
///
/// ```
/// use serde_json::json;
/// use tollgate::policy::claim_matches;
///
/// assert!(claim_matches(&json!(["pwd", "otp"]), &json!("otp")));
/// assert!(claim_matches(&json!("otp"), &json!("otp")));
/// assert!(!claim_matches(&json!("otp pwd"), &json!("otp")));
/// assert!(!claim_matches(&json!(1), &json!(1.0)));
/// ```
pub fn claim_matches(claim: &Value, expected: &Value) -> bool {
    claim == expected
        || claim
            .as_array()
            .is_some_and(|elements| elements.contains(expected))
}

/// Scopes, roles and claims given one by one: for tests of policies, and for decisions without a token.
///
/// ```
/// use serde_json::json;
/// use tollgate::policy::{Held, claim, role, scope};
///
/// let caller = Held::new().scope("orders:read").role("clerk").claims(json!({"tenant": "blue"}));
/// assert!((scope("orders:read") & role("clerk") & claim("tenant", "blue")).permits(&caller));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Held {
    scopes: BTreeSet<String>,
    roles: BTreeSet<String>,
    claims: Value,
    authenticated_ago: Option<u64>,
}

impl Held {
    /// Nothing.
    ///
    /// ```
    /// use tollgate::policy::{Held, scope};
    ///
    /// assert!(!scope("orders:read").permits(&Held::new()));
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope `name`, besides what is held already. No text is refused; one that is no scope-token is never asked for.
    ///
    /// ```
    /// use tollgate::policy::{Facts, Held};
    ///
    /// assert!(Held::new().scope("orders:read").has_scope("orders:read"));
    /// ```
    #[must_use]
    pub fn scope(mut self, name: impl Into<String>) -> Self {
        self.scopes.insert(name.into());
        self
    }

    /// The role `name`, besides what is held already.
    ///
    /// ```
    /// use tollgate::policy::{Facts, Held};
    ///
    /// assert!(Held::new().role("admin").has_role("admin"));
    /// ```
    #[must_use]
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.roles.insert(name.into());
        self
    }

    /// The claims, instead of those given before. A value that is no object has no claims.
    ///
    /// ```
    /// use serde_json::json;
    /// use tollgate::policy::{Facts, Held};
    ///
    /// let caller = Held::new().claims(json!({"org": {"tier": "gold"}}));
    /// assert_eq!(caller.claim("org.tier"), Some(json!("gold")));
    /// ```
    #[must_use]
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    /// A login that many seconds ago, instead of one given before.
    ///
    /// ```
    /// use tollgate::policy::{Facts, Held};
    ///
    /// assert!(Held::new().authenticated_ago(5).authenticated_within(10));
    /// ```
    #[must_use]
    pub const fn authenticated_ago(mut self, seconds: u64) -> Self {
        self.authenticated_ago = Some(seconds);
        self
    }
}

#[cfg(test)]
impl Held {
    pub(super) fn claims_given(&self) -> &Value {
        &self.claims
    }
}

impl Facts for Held {
    fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    fn claim(&self, path: &str) -> Option<Value> {
        claim_at(&self.claims, path).cloned()
    }

    fn has_claim(&self, path: &str) -> bool {
        claim_at(&self.claims, path).is_some_and(|claim| !claim.is_null())
    }

    fn claim_is(&self, path: &str, expected: &Value) -> bool {
        claim_at(&self.claims, path).is_some_and(|claim| claim_matches(claim, expected))
    }

    fn authenticated_within(&self, seconds: u64) -> bool {
        self.authenticated_ago.is_some_and(|ago| ago <= seconds)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{claim, claim_present, not, role, scope};

    #[test]
    fn a_scope_is_matched_by_itself_only() {
        let lookalikes = [
            "",
            " ",
            "orders",
            "orders:",
            "orders:rea",
            "orders:readx",
            "orders:read ",
            " orders:read",
            "Orders:read",
            "ORDERS:READ",
            "orders:read orders:write",
            "orders:read\0",
            "orders:re\u{200b}ad",
            "\u{43e}rders:read",
            "orders:*",
            "*",
        ];
        let caller = lookalikes
            .into_iter()
            .fold(Held::new(), |caller, name| caller.scope(name).role(name));
        assert!(!scope("orders:read").permits(&caller));
        assert!(!role("orders:read").permits(&caller));
        assert!(scope("orders:read").permits(&caller.scope("orders:read").scope("orders:read")));
    }

    #[test]
    fn a_scope_is_no_role_and_no_claim() {
        let caller = Held::new()
            .scope("admin")
            .claims(json!({"scope": "root", "roles": ["root"]}));
        assert!(!role("admin").permits(&caller));
        assert!(!claim_present("admin").permits(&caller));
        assert!(!scope("root").permits(&caller) && !role("root").permits(&caller));
    }

    #[test]
    fn unicode_roles_are_compared_by_octets() {
        let composed = "caf\u{e9}";
        assert!(role(composed).permits(&Held::new().role(composed)));
        assert!(!role(composed).permits(&Held::new().role("cafe\u{301}")));
        assert!(!role("stra\u{df}e").permits(&Held::new().role("strasse")));
    }

    #[test]
    fn claims_match_by_type_and_writing() {
        let matches = [
            (json!("a"), json!("a")),
            (json!(["a", "b"]), json!("b")),
            (json!(["a", "b"]), json!(["a", "b"])),
            (json!([["a"], "b"]), json!(["a"])),
            (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1})),
            (json!([{"a": 1}]), json!({"a": 1})),
            (json!(true), json!(true)),
            (
                json!(18_446_744_073_709_551_615_u64),
                json!(18_446_744_073_709_551_615_u64),
            ),
            (json!(null), json!(null)),
        ];
        for (held, expected) in matches {
            assert!(
                claim("x", expected.clone()).permits(&Held::new().claims(json!({"x": held}))),
                "{held} {expected}"
            );
        }
        let differ = [
            (json!("a"), json!("A")),
            (json!("a"), json!("ab")),
            (json!("ab"), json!("a")),
            (json!("a b"), json!("a")),
            (json!("a"), json!(["a"])),
            (json!(["a", "b"]), json!(["b", "a"])),
            (json!(["a", "b"]), json!(["a"])),
            (json!([["a"]]), json!("a")),
            (json!([]), json!(null)),
            (json!({"a": 1, "b": 2}), json!({"a": 1})),
            (json!("true"), json!(true)),
            (json!(1), json!(true)),
            (json!(1), json!("1")),
            (json!(1), json!(1.0)),
            (json!(-1), json!(18_446_744_073_709_551_615_u64)),
            (json!(""), json!(null)),
            (json!(null), json!("null")),
        ];
        for (held, expected) in differ {
            assert!(
                !claim("x", expected.clone()).permits(&Held::new().claims(json!({"x": held}))),
                "{held} {expected}"
            );
        }
    }

    #[test]
    fn a_claim_that_is_absent_matches_nothing() {
        for expected in [json!(null), json!(""), json!(false), json!([]), json!({})] {
            assert!(!claim("x", expected).permits(&Held::new().claims(json!({"y": 1}))));
        }
        assert!(not(claim("x", 1)).permits(&Held::new()));
    }

    #[test]
    fn presence_is_not_truth() {
        let claims =
            json!({"null": null, "false": false, "empty": "", "none": [], "o": {"null": null, "in": 0}});
        let caller = Held::new().claims(claims);
        for present in ["false", "empty", "none", "o", "o.in"] {
            assert!(claim_present(present).permits(&caller), "{present}");
        }
        for absent in [
            "null", "o.null", "o.out", "O", "o.", ".o", "o..in", ".", "none.0", "empty.x", "null.x",
        ] {
            assert!(!claim_present(absent).permits(&caller), "{absent}");
        }
    }

    #[test]
    fn a_name_with_dots_comes_before_the_way_through_objects() {
        let claims = json!({"a.b": 1, "a": {"b": 2, "c.d": 3}, "": {"": 4}});
        assert_eq!(claim_at(&claims, "a.b"), Some(&json!(1)));
        assert_eq!(
            claim_at(&claims, "a.c.d"),
            None,
            "only a whole path is a name with dots"
        );
        assert_eq!(claim_at(&claims, "."), Some(&json!(4)));
        assert_eq!(claim_at(&json!("a"), "a"), None);
        assert_eq!(claim_at(&json!(["a"]), "0"), None);
    }

    #[test]
    fn a_reference_answers_as_what_it_refers_to() {
        struct Odd;
        impl Facts for Odd {
            fn has_scope(&self, scope: &str) -> bool {
                scope == "s"
            }
            fn has_role(&self, role: &str) -> bool {
                role == "r"
            }
            fn claim(&self, path: &str) -> Option<Value> {
                (path == "c").then(|| json!([null, 1]))
            }
        }
        let policy = scope("s") & role("r") & claim("c", 1) & claim_present("c") & !claim("d", 1);
        assert!(policy.permits(&Odd) && policy.permits(&&Odd));
        assert!(policy.permits::<dyn Facts>(&Odd) && policy.evaluate::<dyn Facts>(&Odd).satisfied());
        assert_eq!((&&Odd).claim("c"), Some(json!([null, 1])));
    }
}

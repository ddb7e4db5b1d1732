//! Paths of claims.

use std::fmt;

use serde_json::{Map, Value};

/// The path of a claim: dotted text, or the exact names of the members.
///
/// - Text such as `realm_access.roles` is split at dots. A name may contain dots itself: at each
///   level the longest member name that matches wins, without backtracking. So
///   `https://example.com/app.tier` finds the member `tier` of the claim `https://example.com/app`.
/// - An array such as `["realm_access", "roles"]` has the exact name of one member for each level.
///   Prefer it where users choose names of claims: no other member can stand in for the path.
///
/// A claim that is `null` is absent, also on the way. Elements of arrays have no path. A path
/// [cannot be read](UnreadableClaim) if a value on the way is not an object, or if the members
/// allow several readings of the text.
///
/// ```
/// use serde_json::json;
/// use tollgate::policy::{Held, claim};
///
/// let caller = Held::new().claims(json!({"kubernetes.io": {"namespace": "shop"}}));
/// assert!(claim("kubernetes.io.namespace", "shop").permits(&caller));
/// assert!(claim(["kubernetes.io", "namespace"], "shop").permits(&caller));
/// assert!(!claim(["kubernetes", "io", "namespace"], "shop").permits(&caller));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClaimPath(Form);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Dotted(Box<str>),
    Members(Box<[Box<str>]>),
}

impl ClaimPath {
    /// Returns `true` if the path has no name, or an exact name that is empty. No claim has such a
    /// path, so options refuse it.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Dotted(text) => text.is_empty(),
            Form::Members(names) => names.is_empty() || names.iter().any(|name| name.is_empty()),
        }
    }

    /// Returns `true` if the path is the one member `name`.
    pub(crate) fn is(&self, name: &str) -> bool {
        match &self.0 {
            Form::Dotted(text) => **text == *name,
            Form::Members(names) => matches!(&**names, [only] if **only == *name),
        }
    }

    /// The first exact name of a path with more than one.
    pub(crate) fn outermost(&self) -> Option<&str> {
        match &self.0 {
            Form::Members(names) if names.len() > 1 => Some(&names[0]),
            _ => None,
        }
    }

    /// Returns the value at the path; `None` if it is absent or `null`.
    pub(crate) fn find<'t, M: ClaimObject<'t>>(
        &self,
        claims: &M,
    ) -> Result<Option<M::Value>, UnreadableClaim> {
        match &self.0 {
            Form::Dotted(text) => find_dotted(claims, text),
            Form::Members(names) => find_exact(claims, names),
        }
    }
}

impl From<&str> for ClaimPath {
    fn from(text: &str) -> Self {
        Self(Form::Dotted(text.into()))
    }
}

impl From<String> for ClaimPath {
    fn from(text: String) -> Self {
        Self(Form::Dotted(text.into()))
    }
}

impl From<&String> for ClaimPath {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for ClaimPath {
    fn from(names: [S; N]) -> Self {
        names.into_iter().collect()
    }
}

impl<S: Into<String>> From<Vec<S>> for ClaimPath {
    fn from(names: Vec<S>) -> Self {
        names.into_iter().collect()
    }
}

/// Collects the exact names of the members.
impl<S: Into<String>> FromIterator<S> for ClaimPath {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let names = names.into_iter().map(|name| name.into().into_boxed_str());
        Self(Form::Members(names.collect()))
    }
}

/// The text of the path, or the array of its names.
impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Dotted(text) => f.write_str(text),
            Form::Members(names) => write!(f, "{names:?}"),
        }
    }
}

/// A Rust literal of the path.
impl fmt::Debug for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Dotted(text) => write!(f, "{text:?}"),
            Form::Members(names) => write!(f, "{names:?}"),
        }
    }
}

/// A claim that cannot be read: a value on the way to it is not an object, the path has several
/// readings, or the claim has another type than its definition.
///
/// Such a claim satisfies neither a condition nor its negation.
///
/// ```
/// use serde_json::json;
/// use tollgate::policy::claim_at;
///
/// let claims = json!({"profile": "text", "a.b": 1, "a": {"b": 2}});
/// assert!(claim_at(&claims, &"profile.suspended".into()).is_err());
/// let error = claim_at(&claims, &"a.b".into()).unwrap_err();
/// assert_eq!(error.to_string(), "the path has several readings");
/// assert_eq!(claim_at(&claims, &["a", "b"].into()), Ok(Some(&json!(2))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadableClaim(Reason);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Blocked,
    Ambiguous,
    Type,
}

impl UnreadableClaim {
    /// A claim of another type than its definition.
    pub(crate) const TYPE: Self = Self(Reason::Type);
}

impl fmt::Display for UnreadableClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Reason::Blocked => "a value on the way to the claim is not an object",
            Reason::Ambiguous => "the path has several readings",
            Reason::Type => "the claim has another type",
        })
    }
}

impl std::error::Error for UnreadableClaim {}

/// The members of a JSON object.
pub(crate) trait ClaimObject<'t>: Sized {
    type Value: Copy;

    /// Returns the member with this name; `None` if it is absent or `null`.
    fn member(&self, name: &str) -> Option<Self::Value>;

    /// Returns the members of `value`; `None` if it is not an object.
    fn open(value: Self::Value) -> Option<Self>;
}

type Reading<V> = Result<Option<V>, UnreadableClaim>;

/// Finds a dotted path. Each object is opened at most once: its place determines the rest of the
/// path.
pub(crate) fn find_dotted<'t, M: ClaimObject<'t>>(object: &M, path: &str) -> Reading<M::Value> {
    let mut found = None;
    let mut end = path.len();
    loop {
        let (name, rest) = path.split_at(end);
        if let Some(value) = object.member(name) {
            let reading = match rest.strip_prefix('.') {
                None => Ok(Some(value)),
                Some(rest) => match M::open(value) {
                    Some(inner) => find_dotted(&inner, rest),
                    None => Err(UnreadableClaim(Reason::Blocked)),
                },
            };
            found = Some(match found {
                None => reading,
                Some(longer) => beside(longer, reading),
            });
        }
        match name.rfind('.') {
            Some(dot) => end = dot,
            None => return found.unwrap_or(Ok(None)),
        }
    }
}

/// Joins the reading with the longest name and that with a shorter one. The shorter one never
/// wins: if it leads to a claim, the path cannot be read.
fn beside<V>(longer: Reading<V>, shorter: Reading<V>) -> Reading<V> {
    match (longer, shorter) {
        (_, Ok(Some(_)) | Err(UnreadableClaim(Reason::Ambiguous))) => {
            Err(UnreadableClaim(Reason::Ambiguous))
        }
        (Ok(None), shorter) => shorter,
        (longer, _) => longer,
    }
}

fn find_exact<'t, M: ClaimObject<'t>>(object: &M, names: &[Box<str>]) -> Reading<M::Value> {
    let Some((first, rest)) = names.split_first() else {
        return Ok(None);
    };
    match object.member(first) {
        None => Ok(None),
        Some(value) if rest.is_empty() => Ok(Some(value)),
        Some(value) => match M::open(value) {
            Some(inner) => find_exact(&inner, rest),
            None => Err(UnreadableClaim(Reason::Blocked)),
        },
    }
}

impl<'t> ClaimObject<'t> for &'t Map<String, Value> {
    type Value = &'t Value;

    fn member(&self, name: &str) -> Option<&'t Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    fn open(value: &'t Value) -> Option<Self> {
        value.as_object()
    }
}

#[cfg(test)]
mod tests;

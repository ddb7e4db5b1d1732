//! Bounds on what a client may send, checked before the work that they bound.

/// Bounds on a token and its parts. A token past one of them is refused as an invalid token, never
/// cut.
///
/// ```
/// use tollgate::Limits;
///
/// let limits = Limits::default().with_token_bytes(4096);
/// assert_eq!(limits.token_bytes(), 4096);
/// assert_eq!(Limits::default().token_bytes(), 8192);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    token_bytes: usize,
    header_bytes: usize,
    json_depth: usize,
    members: usize,
    audiences: usize,
    scopes: usize,
    kid_bytes: usize,
    candidate_keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            token_bytes: 8 * 1024,
            header_bytes: 4 * 1024,
            json_depth: 16,
            members: 256,
            audiences: 32,
            scopes: 256,
            kid_bytes: 256,
            candidate_keys: 8,
        }
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident, $with:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// ```
        #[doc = concat!("let limits = tollgate::Limits::default().", stringify!($with), "(5);")]
        #[doc = concat!("assert_eq!(limits.", stringify!($name), "(), 5);")]
        /// ```
        pub const fn $name(&self) -> usize {
            self.$name
        }

        #[doc = concat!("The same bounds with another [`", stringify!($name), "`](Self::",
            stringify!($name), ").")]
        ///
        /// ```
        #[doc = concat!("let limits = tollgate::Limits::default().", stringify!($with), "(7);")]
        #[doc = concat!("assert_eq!(limits.", stringify!($name), "(), 7);")]
        /// ```
        #[must_use]
        pub const fn $with(mut self, limit: usize) -> Self {
            self.$name = limit;
            self
        }
    )*};
}

impl Limits {
    limits! {
        /// The longest token, in bytes of its compact form; 8192 unless set.
        token_bytes, with_token_bytes;
        /// The longest header, in bytes of its encoded form; 4096 unless set.
        header_bytes, with_header_bytes;
        /// How deep the JSON of header and claims may nest, the outermost object counted; 16 unless
        /// set.
        json_depth, with_json_depth;
        /// How many members one JSON object may have; 256 unless set.
        members, with_members;
        /// How many audiences `aud` may name; 32 unless set.
        audiences, with_audiences;
        /// How many scopes, and how many roles in one claim, a token may carry; 256 unless set.
        scopes, with_scopes;
        /// The longest `kid`, in bytes; 256 unless set.
        kid_bytes, with_kid_bytes;
        /// How many keys are tried at the most for one token, where several fit; 8 unless set.
        candidate_keys, with_candidate_keys;
    }
}

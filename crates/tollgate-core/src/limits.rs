//! Limits on the input of a client, checked before the work that they bound.

/// Limits on a token and its parts. A token that exceeds a limit is refused as an invalid token,
/// never truncated.
///
/// ```
/// use tollgate::config::Limits;
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
        /// use tollgate::config::Limits;
        #[doc = concat!("let limits = Limits::default().", stringify!($with), "(5);")]
        #[doc = concat!("assert_eq!(limits.", stringify!($name), "(), 5);")]
        /// ```
        pub const fn $name(&self) -> usize {
            self.$name
        }

        #[doc = concat!("The same bounds with another [`", stringify!($name), "`](Self::",
            stringify!($name), ").")]
        ///
        /// ```
        /// use tollgate::config::Limits;
        #[doc = concat!("let limits = Limits::default().", stringify!($with), "(7);")]
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
        /// The maximum length of a token, in bytes of its compact form. The default is 8192.
        token_bytes, with_token_bytes;
        /// The maximum length of a header, in bytes of its encoded form. The default is 4096.
        header_bytes, with_header_bytes;
        /// The maximum JSON depth of header and claims, including the outermost object. The default
        /// is 16.
        json_depth, with_json_depth;
        /// The maximum number of members of one JSON object. The default is 256.
        members, with_members;
        /// The maximum number of audiences in `aud`. The default is 32.
        audiences, with_audiences;
        /// The maximum number of scopes, and of roles in one claim. The default is 256.
        scopes, with_scopes;
        /// The maximum length of `kid`, in bytes. The default is 256.
        kid_bytes, with_kid_bytes;
        /// The maximum number of keys that are tried for one token, if several fit. The default is
        /// 8.
        candidate_keys, with_candidate_keys;
    }
}

//! From the text of a token to a [`Principal`].

mod builder;
pub(crate) mod cache;
mod evidence;
mod issuer_config;
mod issuer_rules;
mod issuer_source;
pub(crate) mod principal;
mod provider_rules;
pub(crate) mod rules;
pub(crate) mod terms;
mod verification;

use std::fmt;
use std::sync::Arc;

pub(crate) use crate::config::{ConfigError, ConfigErrorKind};
pub use builder::{VerifierBuilder, VerifierSettings};
pub(crate) use evidence::Grounds;
use evidence::Rested;
pub use issuer_rules::{IssuerRules, TrustedIssuer};
pub use issuer_source::{IssuerSource, PreparedIssuer};
pub use verification::{PendingVerification, Verification};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::key::keyring::{Ask, Asked, Keyring, Miss, Verifying};
use crate::limits::Limits;
use crate::per_thread::Shared;
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::claims::ClaimSetText;
use crate::token::compact::{Compact, Segment};
use crate::token::header_cache::ReadHeader;
use crate::verifier::cache::{TokenCacheStatus, VerifiedTokens};
use crate::verifier::principal::Principal;
use crate::verifier::terms::{Met, Terms};

/// Decides whether a token is to be believed: one or several issuers, each with its keys and rules.
///
/// Built once, cloned freely, shared by all threads. Whatever is wrong with its configuration shows at
/// [`build`](VerifierBuilder::build).
///
/// ```
/// use tollgate_core::{Key, RejectionKind, SigningKey, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key(Key::hs256([7; 32])?)
///     .clock(|| 1_700_000_000)
///     .build()?;
///
/// let key = SigningKey::hs256([7; 32])?;
/// let mut claims = serde_json::json!({
///     "iss": "https://id.example.com", "aud": "orders-api", "sub": "u-7", "exp": 1_700_000_900,
/// });
/// assert_eq!(verifier.verify(&key.encode(&claims)?)?.subject(), Some("u-7"));
///
/// claims["aud"] = "billing-api".into();
/// let rejection = verifier.verify(&key.encode(&claims)?).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    issuers: Vec<Issuer>,
    /// Asked for the issuers that are not in the list.
    issuer_sources: Vec<Box<dyn IssuerSource>>,
    limits: Limits,
    clock: Box<dyn Clock>,
    cache: Option<VerifiedTokens>,
}

/// A trusted issuer, ready for use.
struct Issuer {
    /// If it has fixed keys, they are those of the keyring, at the same places.
    terms: Shared<Terms>,
    keyring: Keyring,
}

impl Verifier {
    /// Starts a configuration.
    ///
    /// ```
    /// use tollgate_core::{ConfigErrorKind, Key, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let forgotten = Verifier::builder().issuer("https://id.example.com").key(Key::hs256([7; 32])?).build();
    /// assert_eq!(forgotten.unwrap_err().kind(), ConfigErrorKind::MissingAudience);
    /// # Ok(()) }
    /// ```
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::builder()
    }

    /// Creates a verifier that trusts one issuer, with the default limits, clock and token cache.
    ///
    /// # Errors
    /// A [`ConfigError`], as [`VerifierBuilder::build`] returns it.
    ///
    /// ```
    /// use tollgate_core::{Key, TrustedIssuer, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = TrustedIssuer::new("https://id.example.com")
    ///     .audience("orders-api")
    ///     .key(Key::hs256([7; 32])?);
    /// let verifier = Verifier::new(issuer)?;
    /// assert!(verifier.verify("a.b.c").is_err());
    /// # Ok(()) }
    /// ```
    pub fn new(issuer: TrustedIssuer) -> Result<Self, ConfigError> {
        Self::builder().trust(issuer).build()
    }

    /// Verifies a token in compact form (RFC 7519 section 7.2), every check of the configuration applied.
    ///
    /// A thread may do that to its very end, in the destructors of its thread-local values. Only where it has never done so before,
    /// and other code in it has used the crate `thread_local`, is that a panic, which ends the process there.
    ///
    /// # Errors
    /// A [`Rejection`] with the first check that failed.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # use tollgate_core::RejectionKind;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert_eq!(verifier().verify(token("orders:read"))?.subject(), Some("u-7"));
    /// assert_eq!(verifier().verify("a.b").unwrap_err().kind(), RejectionKind::MalformedToken);
    /// # Ok(()) }
    /// ```
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<Principal, Rejection> {
        Ok(self.attempt(token.as_ref(), Ask::Sources, || Ok(()))?)
    }

    /// As [`verify`](Self::verify), for whoever can wait: where a [`KeySource`](crate::KeySource) is being asked for a key
    /// that it did not have, the outcome is a future, and to drop it is to leave nothing behind.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # use tollgate_core::Verification;
    /// # fn main() {
    /// assert!(matches!(verifier().begin(token("orders:read")), Verification::Ready(Ok(_))));
    /// # }
    /// ```
    pub fn begin(&self, token: impl AsRef<[u8]>) -> Verification {
        self.begin_checked(token.as_ref(), || Ok(()))
    }

    /// As [`begin`](Self::begin), with a check of the token's text whose refusal precedes all others. It is made only where the
    /// token is refused, or its key asked for, before its claims are read: what a token that has come further consists of passes it.
    pub(crate) fn begin_checked(
        &self,
        token: &[u8],
        check: impl FnOnce() -> Result<(), Rejection>,
    ) -> Verification {
        match self.attempt(token, Ask::Sources, check) {
            Ok(principal) => Verification::Ready(Ok(principal)),
            Err(Miss::Refused(rejection)) => Verification::Ready(Err(rejection)),
            Err(Miss::Asked(asked)) => Verification::Pending(self.resume(token, asked)),
        }
    }

    /// Has every token verified anew that is in the cache of this verifier and its clones, at once and whatever is in it. There
    /// is no need to call it when keys change or a token is revoked: both are looked at for each request.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (verifier, token) = (verifier(), token("orders:read"));
    /// let hits = || verifier.token_cache_status().map(|cache| cache.hits);
    /// for _ in 0..3 {
    ///     verifier.verify(&token)?;
    /// }
    /// assert_eq!(hits(), Some(1));
    ///
    /// verifier.forget_verified_tokens();
    /// verifier.verify(&token)?;
    /// assert_eq!(hits(), Some(1));
    /// # Ok(()) }
    /// ```
    pub fn forget_verified_tokens(&self) {
        if let Some(cache) = &self.0.cache {
            cache.forget();
        }
    }

    /// How the cache of verified tokens stands; `None` where there is none. It goes through the counters of all threads: it is
    /// for metrics, not for each request.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (verifier, token) = (verifier(), token("orders:read"));
    /// for _ in 0..3 {
    ///     verifier.verify(&token)?;
    /// }
    /// let status = verifier.token_cache_status().expect("there is a cache");
    /// assert_eq!((status.tokens, status.hits, status.misses), (1, 1, 2)); // an HMAC is kept when it comes again
    /// # Ok(()) }
    /// ```
    pub fn token_cache_status(&self) -> Option<TokenCacheStatus> {
        self.0.cache.as_ref().map(VerifiedTokens::status)
    }

    /// Waits for what the sources answer and takes a second look, which asks nobody.
    #[cold]
    fn resume(&self, token: &[u8], asked: Asked) -> PendingVerification {
        let (verifier, token) = (self.clone(), Zeroizing::new(token.to_vec()));
        PendingVerification::new(async move {
            let answer = asked.answer().await;
            Ok(verifier.attempt(&token, Ask::Nobody(answer), || Ok(()))?)
        })
    }

    /// The way of a token: recognised, if it was verified a moment ago and all that this rested on still holds, or else
    /// verified from the start.
    fn attempt(
        &self,
        token: &[u8],
        ask: Ask,
        check: impl FnOnce() -> Result<(), Rejection>,
    ) -> Result<Principal, Miss> {
        let Inner {
            limits, clock, cache, ..
        } = &*self.0;
        let now = clock.now();
        let sought = cache.as_ref().and_then(|cache| cache.seek(token));
        if let Some(sought) = &sought
            && let Some(known) = sought.find(now, |entry| self.stand(&entry.grounds, &entry.verified))
        {
            known
                .held
                .verified()
                .check_times(now)
                .inspect_err(|_| sought.forget())?;
            if let Some(entry) = known.due {
                self.note_use(&entry.grounds, known.held.verified().key(), now);
            }
            return Ok(Principal::known(known.held, now));
        }
        let mut segments = [Segment::new(), Segment::new()];
        let [header, payload] = &mut segments;
        let (issuer, signed, payload) = self
            .signed(token, ask, header, payload)
            .map_err(|miss| check().map_or_else(Miss::from, |()| miss))?;
        let (principal, rested) = signed.principal(payload, &issuer, now, limits)?;
        if let Some(sought) = sought {
            sought.keep(now, principal.verified(), rested.on(issuer));
        }
        Ok(principal)
    }

    /// A token whose signature has verified, with its issuer and the bytes of its claims.
    fn signed<'s>(
        &self,
        token: &[u8],
        ask: Ask,
        header: &'s mut Segment,
        payload: &'s mut Segment,
    ) -> Result<(Chosen<'_>, Signed<'s>, &'s [u8]), Miss> {
        let limits = &self.0.limits;
        let compact = Compact::split(token, limits)?;
        let token = Unverified::read(compact, header, limits)?;
        let issuer = self.issuer_of(&token)?;
        let signed = issuer.signed(token, limits, ask)?;
        Ok((issuer, signed, compact.payload(payload)?))
    }

    /// The issuer whose keys and rules the token must meet. Where there is only one, nothing is read before the
    /// signature; where there are several, the unverified `iss` chooses, and the chosen one's keys must own the token.
    fn issuer_of(&self, token: &Unverified<'_, '_>) -> Result<Chosen<'_>, Rejection> {
        let Inner {
            issuers,
            issuer_sources,
            limits,
            ..
        } = &*self.0;
        if let ([only], []) = (&issuers[..], &issuer_sources[..]) {
            return Ok(Chosen::Listed(0, only));
        }
        self.issuer_named(&claimed_issuer(&token.compact, limits)?)
    }

    /// The issuer of that name, in the list or from a source.
    fn issuer_named(&self, claimed: &str) -> Result<Chosen<'_>, Rejection> {
        let mut listed = self.0.issuers.iter().enumerate();
        if let Some((place, listed)) = listed.find(|(_, issuer)| issuer.terms.rules.names(claimed)) {
            return Ok(Chosen::Listed(place, listed));
        }
        for source in &self.0.issuer_sources {
            let found = source.issuer(claimed).map_err(|down| {
                Rejection::unavailable(down.retry_after(), "an issuer source cannot answer now")
            })?;
            if let Some(found) = found
                && found.0.terms.rules.names(claimed)
            {
                return Ok(Chosen::Found(found));
            }
        }
        let detail = format!("`iss` is {}, which is not trusted", Shown(claimed));
        Err(Rejection::new(RejectionKind::UntrustedIssuer, detail))
    }
}

/// The issuer that a token is held to.
enum Chosen<'v> {
    /// In the list, at this place.
    Listed(usize, &'v Issuer),
    Found(PreparedIssuer),
}

impl std::ops::Deref for Chosen<'_> {
    type Target = Issuer;

    fn deref(&self) -> &Issuer {
        match self {
            Self::Listed(_, issuer) => issuer,
            Self::Found(found) => &found.0,
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<_> = self.0.issuers.iter().map(|issuer| &issuer.terms.rules).collect();
        f.debug_struct("Verifier")
            .field("issuers", &issuers)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

/// A token within its limits whose header was read. Nothing in it is trusted.
struct Unverified<'t, 'h> {
    compact: Compact<'t>,
    header: ReadHeader<'h>,
}

impl<'t, 'h> Unverified<'t, 'h> {
    fn read(compact: Compact<'t>, segment: &'h mut Segment, limits: &Limits) -> Result<Self, Rejection> {
        let header = ReadHeader::of(&compact, segment, limits)?;
        Ok(Self { compact, header })
    }
}

/// Whose token it says that it is. That is not verified.
fn claimed_issuer(token: &Compact<'_>, limits: &Limits) -> Result<Box<str>, Rejection> {
    let mut claims = ClaimSetText::default();
    claims.read(token.payload(&mut Segment::new())?, "", limits)?;
    let issuer = claims.string(claims.registered.issuer.as_ref());
    issuer
        .map(Into::into)
        .ok_or_else(|| Rejection::new(RejectionKind::MissingClaim, "there is no `iss`"))
}

impl Issuer {
    fn signed<'h>(&self, token: Unverified<'_, 'h>, limits: &Limits, ask: Ask) -> Result<Signed<'h>, Miss> {
        let Unverified {
            compact,
            header: read,
        } = token;
        let (header, text) = read.parts();
        let algorithm = header.algorithm;
        let rules = &self.terms.rules;
        rules.check_type(header.typ.as_ref().map(|typ| typ.read(text)))?;
        if let Some(allowed) = &rules.algorithms
            && !allowed.contains(&algorithm)
        {
            let detail = format!("`alg` is {algorithm}; wanted one of {allowed:?}");
            return Err(Rejection::new(RejectionKind::WrongAlgorithm, detail).into());
        }
        let kid = header.kid.as_ref().map(|kid| kid.read(text));
        let verifying =
            self.keyring
                .verify(&compact, algorithm, kid, limits.candidate_keys(), ask, || {
                    if rules.issuer.is_none() {
                        return Ok(());
                    }
                    rules.check_name(Some(&*claimed_issuer(&compact, limits)?))
                })?;
        read.keep(&compact, limits);
        Ok(Signed {
            header: read,
            verifying,
        })
    }
}

/// A token whose signature one of the issuer's keys has verified. Its claims are not checked yet.
struct Signed<'h> {
    header: ReadHeader<'h>,
    verifying: Verifying,
}

impl Signed<'_> {
    /// Reads the claims and holds them to the issuer's rules: the last step, and the only way to a principal.
    fn principal(
        self,
        payload: &[u8],
        issuer: &Issuer,
        now: u64,
        limits: &Limits,
    ) -> Result<(Principal, Rested), Rejection> {
        let Self {
            header,
            verifying: Verifying { key, source, epochs },
        } = self;
        let met = Met::new(issuer.terms.clone(), key, &issuer.keyring);
        let (header, text) = header.parts();
        let principal = Principal::new(header.clone(), met, now, |claims, key, rules| {
            claims.read(payload, text, limits)?;
            rules.check_claims(claims, key.issuer(), now, limits)
        })?;
        issuer.keyring.note_use(source, principal.key(), now);
        Ok((principal, Rested { source, epochs }))
    }
}

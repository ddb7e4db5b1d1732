//! The verifier: from the text of a token to a [`Principal`].

mod builder;
pub(crate) mod cache;
pub(crate) mod confirmation;
mod evidence;
mod issuer_config;
mod issuer_rules;
mod issuer_source;
pub(crate) mod principal;
mod provider_rules;
mod role_paths;
pub(crate) mod rules;
mod verified;

use std::fmt;
use std::sync::Arc;

pub use builder::{VerifierBuilder, VerifierSettings};
pub use issuer_rules::{IssuerRules, TrustedIssuer};
pub use issuer_source::{IssuerSource, PreparedIssuer};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::config::ConfigError;
use crate::http::SourceKind;
use crate::key::Key;
use crate::key::keyring::{Epochs, Keyring, Search, Verifying, unanswered};
use crate::key::source::{MissingKey, Unavailable};
use crate::limits::Limits;
use crate::per_thread::PerThread;
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::step::{BoxFuture, Step};
use crate::token::claims::{ClaimSetText, missing};
use crate::token::compact::{Compact, Segment};
use crate::token::header_cache::ReadHeader;
use crate::verifier::cache::{Held, TokenCacheStatus, VerifiedTokens};
use crate::verifier::confirmation::Unconfirmed;
use crate::verifier::evidence::{Evidence, IssuerEntry, MetRules, Trusted};
use crate::verifier::principal::Principal;
use crate::verifier::verified::Verified;

/// A verifier of tokens of one or several issuers, each with its keys and rules.
///
/// Build a verifier once, clone it freely and share it between threads. A configuration error shows
/// at [`build`](VerifierBuilder::build).
///
/// ```
/// use tollgate::{Key, RejectionKind, SigningKey, Verifier};
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
    /// Queried for issuers that are not in the list.
    issuer_sources: Vec<Box<dyn IssuerSource>>,
    limits: Limits,
    clock: Box<dyn Clock>,
    cache: Option<VerifiedTokens<Verified>>,
    /// `true` if tokens of an issuer in the list may have padded segments.
    padded: bool,
}

/// A trusted issuer, ready for use.
struct Issuer {
    /// Its fixed keys, if any, are those of the keyring, in the same order.
    entry: PerThread<IssuerEntry>,
    keyring: Keyring,
}

impl Verifier {
    /// Returns `true` if both are clones of one verifier.
    #[cfg(feature = "actix")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The time of the verifier's clock, in seconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        self.0.clock.now()
    }

    /// Starts a configuration.
    ///
    /// ```
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::{Key, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let forgotten = Verifier::builder().issuer("https://id.example.com")
    ///     .key(Key::hs256([7; 32])?).build();
    /// assert_eq!(forgotten.unwrap_err().kind(), ConfigErrorKind::MissingAudience);
    /// # Ok(()) }
    /// ```
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::builder()
    }

    /// Creates a verifier that trusts one issuer, with the default limits, clock and token cache.
    ///
    /// # Errors
    /// A [`ConfigError`], see [`VerifierBuilder::build`].
    ///
    /// ```
    /// use tollgate::{Key, TrustedIssuer, Verifier};
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

    /// Verifies a token in compact form (RFC 7519 section 7.2) with every check of the
    /// configuration.
    ///
    /// # Errors
    /// A [`Rejection`] with the first check that failed.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # use tollgate::RejectionKind;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert_eq!(verifier().verify(token("orders:read"))?.subject(), Some("u-7"));
    /// assert_eq!(verifier().verify("a.b").unwrap_err().kind(), RejectionKind::MalformedToken);
    /// # Ok(()) }
    /// ```
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<Principal, Rejection> {
        match self.attempt(token.as_ref(), None, None) {
            Ok(verified) => verified.without_proof(),
            Err(Step::Ready(outcome)) => outcome?.without_proof(),
            Err(Step::Pending(_)) => {
                let second = std::time::Duration::from_secs(1);
                let detail = "a key source is being asked for the token's key, and this call cannot wait for it";
                Err(Rejection::unavailable(second, detail))
            }
        }
    }

    /// Like [`verify`](Self::verify), but may return a future: if no key fits the token and a
    /// [`KeySource`](crate::KeySource) fetches a newer set.
    ///
    /// Dropping the future is cancel-safe. It owns a copy of the token, which is zeroized on drop.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # use tollgate::extend::Step;
    /// # fn main() {
    /// assert!(matches!(verifier().begin(token("orders:read")), Step::Ready(Ok(_))));
    /// assert!(matches!(verifier().begin("a.b"), Step::Ready(Err(_))));
    /// # }
    /// ```
    pub fn begin(&self, token: impl AsRef<[u8]>) -> Step<Result<Principal, Rejection>> {
        match self.attempt(token.as_ref(), None, None) {
            Ok(verified) => Step::Ready(verified.without_proof()),
            Err(Step::Ready(outcome)) => Step::Ready(outcome.and_then(Unconfirmed::without_proof)),
            Err(Step::Pending(outcome)) => {
                Step::pending(async move { outcome.await?.without_proof() })
            }
        }
    }

    /// Like [`begin`](Self::begin), for a credential of a request: a text that is not a `b64token`
    /// is a malformed credential, even if it has other errors. The caller checks the binding.
    #[inline]
    pub(crate) fn begin_credential(
        &self,
        token: &[u8],
        source: SourceKind,
    ) -> Step<Result<Unconfirmed, Rejection>> {
        match self.attempt(token, Some(source), None) {
            Ok(verified) => Step::Ready(Ok(verified)),
            Err(step) => step,
        }
    }

    /// Clears the cache of verified tokens of this verifier and its clones immediately.
    ///
    /// A change of keys or the revocation of a token does not require this call: both are checked
    /// for each request.
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

    /// The status of the cache of verified tokens; `None` without a cache. It reads the counters of
    /// all threads: use it for metrics, not on the request path.
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
    /// assert_eq!((status.tokens, status.hits, status.misses),
    ///     (1, 1, 2)); // a token with an HMAC is cached at its second use
    /// # Ok(()) }
    /// ```
    pub fn token_cache_status(&self) -> Option<TokenCacheStatus> {
        self.0.cache.as_ref().map(VerifiedTokens::status)
    }

    /// Finds a token in the cache, or verifies it from the start.
    ///
    /// An error is the outcome: a rejection, or a wait for a newer key set. `refreshed` is the
    /// answer of the key sources after such a wait; without it the sources may be queried.
    fn attempt(
        &self,
        token: &[u8],
        source: Option<SourceKind>,
        refreshed: Option<Result<(), Unavailable>>,
    ) -> Result<Unconfirmed, Step<Result<Unconfirmed, Rejection>>> {
        let Inner {
            limits,
            clock,
            cache,
            padded,
            ..
        } = &*self.0;
        let now = clock.now();
        let sought = cache.as_ref().and_then(|cache| cache.seek(token));
        if let Some(sought) = &sought
            && let Some(known) =
                sought.find(now, |verified, evidence| self.holds(verified, evidence))
        {
            let verified = known.held.value();
            verified.check_times(now).map_err(|rejection| {
                sought.forget();
                rejection.with_issuer(verified.issuer_label())
            })?;
            if let Some(evidence) = known.due() {
                self.note_use(evidence, verified.key(), now);
            }
            return Ok(Unconfirmed::new(Principal::new(known.held, source, now)));
        }
        let compact = match source {
            Some(source) => Compact::split_credential(token, source, limits, *padded)?,
            None => Compact::split(token, limits)?,
        };
        let compact = if *padded {
            compact.with_padding()?
        } else {
            compact
        };
        let mut segments = [Segment::new(), Segment::new()];
        let [header, payload] = &mut segments;
        let token = Unverified::read(compact, header, limits)?;
        let issuer = self.issuer_of(&token)?;
        let checked = || {
            let signed = match issuer.signed(token, now, limits)? {
                Ok(signed) => signed,
                Err(unsigned) => {
                    return Err(self.missing_key(&unsigned, &issuer, source, refreshed));
                }
            };
            let payload = compact.payload(payload)?;
            Ok(signed.verified(payload, &issuer, now, limits)?)
        };
        let (verified, key_source, epochs) = checked().map_err(|outcome| match outcome {
            Step::Ready(Err(rejection)) => rejection.with_issuer(issuer.entry.label.name()).into(),
            waits => waits,
        })?;
        issuer.keyring.note_use(key_source, verified.key(), now);
        if let Some(sought) = sought {
            sought.keep(now, &verified, Evidence::new(issuer, key_source, epochs));
        }
        Ok(Unconfirmed::new(Principal::new(
            Held::Together(verified),
            source,
            now,
        )))
    }

    /// Returns the outcome for a token that no key has verified: a query to the key sources, or the
    /// refusal. A token with another `iss` is refused regardless of its key.
    #[cold]
    fn missing_key(
        &self,
        unsigned: &Unsigned<'_, '_>,
        issuer: &Chosen<'_>,
        source: Option<SourceKind>,
        refreshed: Option<Result<(), Unavailable>>,
    ) -> Step<Result<Unconfirmed, Rejection>> {
        let Unsigned {
            compact,
            header,
            search,
        } = unsigned;
        let (header, text) = header.parts();
        let kid = header.kid.as_ref().map(|kid| kid.read(text));
        let missing = MissingKey::new(kid, header.algorithm);
        let refreshed = match refreshed {
            _ if !issuer.keyring.may_be_missing(search, missing) => Ok(()),
            Some(answer) => answer,
            None => {
                // Among several issuers, `iss` has selected this one.
                if self.only_issuer().is_some()
                    && let Err(rejection) = issuer.check_name(compact, &self.0.limits)
                {
                    return rejection.into();
                }
                match issuer.keyring.refresh(missing) {
                    Step::Ready(answer) => answer,
                    Step::Pending(answer) => {
                        let refusal = search.rejection(missing, Ok(()));
                        let searched = Evidence::new(issuer.clone(), None, search.epochs.clone());
                        return self.wait(compact.token(), source, answer, searched, refusal);
                    }
                }
            }
        };
        search.rejection(missing, refreshed).into()
    }

    /// Waits for newer keys and makes a second attempt, which queries no source. If the keys are
    /// those that were `searched`, the outcome is the `refusal`, or that of the failed fetch: none
    /// of them is tried twice.
    fn wait(
        &self,
        token: &[u8],
        source: Option<SourceKind>,
        newer_keys: BoxFuture<Result<(), Unavailable>>,
        searched: Evidence,
        refusal: Rejection,
    ) -> Step<Result<Unconfirmed, Rejection>> {
        let (verifier, token) = (self.clone(), Zeroizing::new(token.to_vec()));
        Step::pending(async move {
            let refreshed = newer_keys.await;
            // A source without keys may know a better time to retry, unless the fetch has told it.
            let is_known = refreshed.is_err() || searched.epochs.iter().all(Option::is_some);
            if let Some(same) = verifier.unchanged(&searched).filter(|_| is_known) {
                let refusal = refreshed.map_or_else(unanswered, |()| refusal);
                return Err(refusal.with_issuer(same.entry.label.name()));
            }
            match verifier.attempt(&token, source, Some(refreshed)) {
                Ok(unconfirmed) => Ok(unconfirmed),
                Err(outcome) => outcome.await,
            }
        })
    }

    /// Returns the issuer if its keys are those that were searched.
    fn unchanged(&self, searched: &Evidence) -> Option<&Issuer> {
        let issuer = match &searched.issuer {
            Trusted::Listed(place) => self.0.issuers.get(*place),
            // The issuer source is queried again, because it may have prepared another.
            Trusted::Found(_) => None,
        };
        issuer.filter(|issuer| issuer.keyring.is_in(&searched.epochs))
    }

    /// Returns `true` if the evidence of a cached token still holds: the issuer is trusted by the
    /// same rules, and each source of its keys has the same set.
    fn holds(&self, verified: &Verified, evidence: &Evidence) -> bool {
        match &evidence.issuer {
            Trusted::Listed(place) => {
                let issuer = self.0.issuers.get(*place);
                issuer.is_some_and(|issuer| issuer.keyring.is_in(&evidence.epochs))
            }
            Trusted::Found(found) => {
                let named = verified.issuer().map(|name| self.issuer_named(name));
                // No other issuer can have this address while the weak reference lives.
                matches!(named,
                    Some(Ok(Chosen::Found(now))) if Arc::as_ptr(&now.0) == found.as_ptr()
                    && now.0.keyring.is_in(&evidence.epochs))
            }
        }
    }

    /// Reports the verification of another token to the source of the key.
    fn note_use(&self, evidence: &Evidence, key: &Key, now: u64) {
        let note = |issuer: &Issuer| issuer.keyring.note_use(evidence.source, key, now);
        match &evidence.issuer {
            Trusted::Listed(place) => self.0.issuers.get(*place).map(note),
            Trusted::Found(found) => found.upgrade().map(|found| note(&found)),
        };
    }

    /// Returns the issuer whose keys and rules apply to the token. A single issuer is chosen
    /// without reading the claims. Among several, the unverified `iss` selects one, and a key of
    /// this issuer has to verify the token.
    fn issuer_of(&self, token: &Unverified<'_, '_>) -> Result<Chosen<'_>, Rejection> {
        match self.only_issuer() {
            Some(only) => Ok(Chosen::Listed(0, only)),
            None => self.issuer_claimed(&ClaimedIssuer::of(&token.compact, &self.0.limits)?),
        }
    }

    fn only_issuer(&self) -> Option<&Issuer> {
        match (&self.0.issuers[..], &self.0.issuer_sources[..]) {
            ([only], []) => Some(only),
            _ => None,
        }
    }

    fn issuer_claimed(&self, claimed: &ClaimedIssuer) -> Result<Chosen<'_>, Rejection> {
        let named = self.issuer_named(claimed.name()?);
        match (named, &claimed.trust_domain) {
            // The `iss` of a JWT-SVID is optional, and any text.
            (Err(untrusted), Some(name)) if untrusted.kind() == RejectionKind::UntrustedIssuer => {
                self.issuer_named(name).map_err(|error| match error.kind() {
                    RejectionKind::UntrustedIssuer => untrusted,
                    _ => error,
                })
            }
            (named, _) => named,
        }
    }

    /// Returns the issuer of this name, from the list or from an issuer source.
    fn issuer_named(&self, claimed: &str) -> Result<Chosen<'_>, Rejection> {
        let mut listed = self.0.issuers.iter().enumerate();
        if let Some((place, listed)) = listed.find(|(_, issuer)| issuer.entry.rules.names(claimed))
        {
            return Ok(Chosen::Listed(place, listed));
        }
        for source in &self.0.issuer_sources {
            let found = source.issuer(claimed).map_err(|down| {
                Rejection::unavailable(down.retry_after(), "an issuer source cannot answer now")
            })?;
            if let Some(found) = found
                && found.0.entry.rules.names(claimed)
            {
                return Ok(Chosen::Found(found));
            }
        }
        let got = Shown::part(claimed);
        Err(Rejection::late(RejectionKind::UntrustedIssuer, move |f| {
            write!(f, "`iss` is {}, which is not trusted", Shown(&got))
        }))
    }
}

impl Verifier {
    /// Whether tokens of an issuer may have padded segments.
    #[inline]
    pub(crate) fn reads_padding(&self) -> bool {
        self.0.padded
    }

    /// Whether a token of this issuer can pass; `true` if the issuers cannot be enumerated.
    pub(crate) fn may_trust(&self, issuer: &str) -> bool {
        let mut listed = self.0.issuers.iter().map(|listed| &listed.entry.rules);
        !self.0.issuer_sources.is_empty()
            || listed
                .any(|rules| rules.issuer.is_none() || rules.names(issuer) || rules.spelled(issuer))
    }

    /// Whether a token can have roles; `true` if the issuers cannot be enumerated.
    pub(crate) fn may_read_roles(&self) -> bool {
        let mut listed = self.0.issuers.iter().map(|listed| &listed.entry.rules);
        !self.0.issuer_sources.is_empty() || listed.any(|rules| !rules.role_claims.is_empty())
    }
}

/// The issuer whose rules apply to a token.
#[derive(Clone)]
enum Chosen<'v> {
    /// The issuer at this index of the list.
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
        let issuers: Vec<_> = self
            .0
            .issuers
            .iter()
            .map(|issuer| &issuer.entry.rules)
            .collect();
        f.debug_struct("Verifier")
            .field("issuers", &issuers)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

/// A token within the limits, with its header read. No part of it is verified.
struct Unverified<'t, 'h> {
    compact: Compact<'t>,
    header: ReadHeader<'h>,
}

impl<'t, 'h> Unverified<'t, 'h> {
    fn read(
        compact: Compact<'t>,
        segment: &'h mut Segment,
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let header = ReadHeader::of(&compact, segment, limits)?;
        Ok(Self { compact, header })
    }
}

#[cold]
fn padded() -> Rejection {
    Rejection::new(
        RejectionKind::MalformedToken,
        "the segments are padded: this issuer does not have `dangerous_padded_segments`",
    )
}

/// The issuer that an unverified token names.
struct ClaimedIssuer {
    /// The `iss`.
    issuer: Option<Box<str>>,
    /// The trust domain of a SPIFFE ID in `sub`.
    trust_domain: Option<Box<str>>,
}

impl ClaimedIssuer {
    fn of(token: &Compact<'_>, limits: &Limits) -> Result<Self, Rejection> {
        let mut claims = ClaimSetText::default();
        claims.read(token.payload(&mut Segment::new())?, "", limits)?;
        let subject = claims.string(claims.registered.subject.as_ref());
        Ok(Self {
            issuer: (claims.string(claims.registered.issuer.as_ref())).map(Into::into),
            trust_domain: subject.and_then(rules::trust_domain).map(Into::into),
        })
    }

    fn name(&self) -> Result<&str, Rejection> {
        let name = self.issuer.as_ref().or(self.trust_domain.as_ref());
        name.map(|name| &**name).ok_or_else(|| missing("iss"))
    }
}

impl Issuer {
    /// Verifies the signature with a key of the issuer, or returns the search for one.
    fn signed<'t, 'h>(
        &self,
        token: Unverified<'t, 'h>,
        now: u64,
        limits: &Limits,
    ) -> Result<Result<Signed<'h>, Unsigned<'t, 'h>>, Rejection> {
        let Unverified {
            compact,
            header: read,
        } = token;
        let (header, text) = read.parts();
        let algorithm = header.algorithm;
        let rules = &self.entry.rules;
        if compact.is_padded() && !rules.padded_segments {
            return Err(padded());
        }
        rules.check_header(text, limits)?;
        rules.check_type(header.typ.as_ref().map(|typ| typ.read(text)))?;
        if let Some(allowed) = &rules.algorithms
            && !allowed.contains(&algorithm)
        {
            let detail = format!("`alg` is {algorithm}; wanted one of {allowed:?}");
            return Err(Rejection::new(RejectionKind::WrongAlgorithm, detail));
        }
        rules.check_end(algorithm, now)?;
        let kid = header.kid.as_ref().map(|kid| kid.read(text));
        let missing = MissingKey::new(kid, algorithm);
        let mut segment = Segment::new();
        let signature = compact.signature(&mut segment)?;
        let (chosen, most) = (rules.algorithms.is_some(), limits.candidate_keys());
        let input = compact.signing_input();
        match self.keyring.verify(input, signature, missing, chosen, most) {
            Ok(verifying) => {
                read.keep(&compact, limits);
                Ok(Ok(Signed {
                    header: read,
                    verifying,
                }))
            }
            Err(search) => Ok(Err(Unsigned {
                compact,
                header: read,
                search,
            })),
        }
    }

    /// Checks the unverified `iss` before a key source is queried for the token's key.
    fn check_name(&self, token: &Compact<'_>, limits: &Limits) -> Result<(), Rejection> {
        let rules = &self.entry.rules;
        if rules.issuer.is_none() {
            return Ok(());
        }
        let claimed = ClaimedIssuer::of(token, limits)?;
        let name = if rules.spiffe {
            claimed.trust_domain.as_deref()
        } else {
            claimed.issuer.as_deref()
        };
        rules.check_name(name)
    }
}

/// A token whose signature no key has verified.
struct Unsigned<'t, 'h> {
    compact: Compact<'t>,
    header: ReadHeader<'h>,
    search: Search,
}

/// A token whose signature a key of the issuer has verified. Its claims are not checked yet.
struct Signed<'h> {
    header: ReadHeader<'h>,
    verifying: Verifying,
}

impl Signed<'_> {
    /// Reads the claims and checks them against the issuer's rules, the last check of a token. The
    /// source of the key and the epochs of the sources are for the cache.
    fn verified(
        self,
        payload: &[u8],
        issuer: &Issuer,
        now: u64,
        limits: &Limits,
    ) -> Result<(Arc<Verified>, Option<usize>, Epochs), Rejection> {
        let Verifying {
            key,
            source,
            epochs,
        } = self.verifying;
        let met = MetRules::new(issuer.entry.clone(), key, &issuer.keyring);
        let (header, text) = self.header.parts();
        let verified = Verified::read(header.clone(), met, |claims, met| {
            claims.read(payload, text, limits)?;
            claims.check_subject(met.rules().numeric_subject)?;
            let of_key = met.key().issuer();
            met.rules().check_claims(claims, of_key, now, limits)?;
            met.note_roles(claims);
            Ok(())
        })?;
        Ok((verified, source, epochs))
    }
}

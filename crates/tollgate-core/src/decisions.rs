//! Decisions as metrics, with the feature `metrics`.
//!
//! Every label has a bounded number of values, none of which a client can invent.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::sync::OnceLock;

#[cfg(feature = "metrics")]
use metrics::{Key, Label, Level, Metadata, SharedString};

use crate::http::SourceKind;
use crate::rejection::Rejection;

#[cfg(feature = "metrics")]
const NAME: &str = "tollgate_decisions_total";

/// The name of an issuer in events and metrics: as configured, and one for all tenants.
pub(crate) struct IssuerLabel {
    name: Arc<str>,
    /// The keys of the counters of accepted tokens, by the index of the source.
    #[cfg(feature = "metrics")]
    accepted: [OnceLock<Key>; 16],
}

impl IssuerLabel {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            #[cfg(feature = "metrics")]
            accepted: [const { OnceLock::new() }; 16],
        }
    }

    pub(crate) const fn name(&self) -> &Arc<str> {
        &self.name
    }
}

impl fmt::Debug for IssuerLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// Counts a token that a gate accepts. Does not allocate after the first of its issuer and source.
#[inline]
pub(crate) fn count_accepted(issuer: &IssuerLabel, source: Option<SourceKind>) {
    #[cfg(feature = "metrics")]
    {
        let place = source.map_or(0, |source| 1 + source as usize);
        count(issuer.accepted[place].get_or_init(|| key("accepted", Some(&issuer.name), source)));
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (issuer, source);
}

/// Counts a request that a gate admits without a token.
#[inline]
pub(crate) fn count_anonymous(preflight: bool) {
    #[cfg(feature = "metrics")]
    {
        static KEYS: [OnceLock<Key>; 2] = [const { OnceLock::new() }; 2];
        let outcome = if preflight { "preflight" } else { "anonymous" };
        count(KEYS[usize::from(preflight)].get_or_init(|| key(outcome, None, None)));
    }
    #[cfg(not(feature = "metrics"))]
    let _ = preflight;
}

/// Counts a refusal, by a gate or after it.
pub(crate) fn count_refusal(rejection: &Rejection) {
    #[cfg(feature = "metrics")]
    count(&key(
        snake_case(rejection.kind()),
        rejection.issuer(),
        rejection.source(),
    ));
    #[cfg(not(feature = "metrics"))]
    let _ = rejection;
}

/// Looks the counter up each time, because a handle of an earlier recorder would count nothing.
#[cfg(feature = "metrics")]
fn count(key: &Key) {
    static METADATA: Metadata<'_> =
        Metadata::new("tollgate", Level::INFO, Some("tollgate::decisions"));
    metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(1));
}

#[cfg(feature = "metrics")]
fn key(
    outcome: impl Into<SharedString>,
    issuer: Option<&Arc<str>>,
    source: Option<SourceKind>,
) -> Key {
    let unknown = || SharedString::const_str("unknown");
    let issuer = issuer.map_or_else(unknown, |issuer| Arc::clone(issuer).into());
    let source = source.map_or("none", SourceKind::name);
    let labels = vec![
        Label::new("outcome", outcome),
        Label::new("issuer", issuer),
        Label::new("source", source),
    ];
    Key::from_parts(NAME, labels)
}

/// Returns the name of a kind as other metrics would write it: `missing_credential`.
#[cfg(feature = "metrics")]
fn snake_case(kind: crate::rejection::RejectionKind) -> String {
    struct Snake(String);

    impl fmt::Write for Snake {
        fn write_str(&mut self, name: &str) -> fmt::Result {
            for letter in name.chars() {
                if letter.is_ascii_uppercase() && !self.0.is_empty() {
                    self.0.push('_');
                }
                self.0.push(letter.to_ascii_lowercase());
            }
            Ok(())
        }
    }

    let mut snake = Snake(String::with_capacity(32));
    // Writing into a `String` cannot fail.
    let _ = fmt::write(&mut snake, format_args!("{kind:?}"));
    snake.0
}

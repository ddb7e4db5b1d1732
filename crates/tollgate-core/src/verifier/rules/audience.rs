//! The rules for the audience of a token and for its authorized party.

use std::borrow::Cow;

use super::{Rules, missing};
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::claims::ClaimSetText;

/// The clients whose tokens are accepted. An empty list accepts any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizedParties {
    pub(crate) clients: Vec<String>,
    /// `true` if `azp` is required even if `aud` has exactly one value.
    pub(crate) required: bool,
}

impl Rules {
    pub(super) fn check_audience(
        &self,
        claims: &ClaimSetText,
        limits: &Limits,
    ) -> Result<(), Rejection> {
        if self.audiences.is_empty() {
            return Ok(());
        }
        if let Some(name) = &self.audience_claim {
            claims.check_strings_at(name, limits.audiences())?;
            self.check_audience_among(name, claims.strings_at(name))?;
        }
        // RFC 7519 section 4.1.3: an `aud` that is present must name this service, regardless of
        // other claims.
        if self.audience_claim.is_none() || claims.has_audience() {
            self.check_audience_among("aud", claims.audiences())?;
        }
        match &self.further_audiences {
            None => Ok(()),
            Some(further) => self.check_further_audiences(claims, further),
        }
    }

    /// Checks that one of the values identifies this service (RFC 7519 section 4.1.3).
    fn check_audience_among<'c>(
        &self,
        name: &str,
        values: impl Iterator<Item = Cow<'c, str>>,
    ) -> Result<(), Rejection> {
        let mut first = None;
        for got in values {
            if self.audiences.iter().any(|wanted| *wanted == got) {
                return Ok(());
            }
            first.get_or_insert(got);
        }
        match first {
            Some(got) if name == "aud" => Err(Rejection::wrong_audience(&got, &self.audiences)),
            Some(got) => Err(Rejection::new(
                RejectionKind::WrongAudience,
                format!(
                    "`{name}` has {}; wanted one of {:?}",
                    Shown(&got),
                    self.audiences
                ),
            )),
            None => Err(missing(name)),
        }
    }

    /// Refuses further audiences that are not trusted (OpenID Connect Core 1.0 section 3.1.3.7,
    /// point 3).
    fn check_further_audiences(
        &self,
        claims: &ClaimSetText,
        further: &[String],
    ) -> Result<(), Rejection> {
        let known = |got: &Cow<'_, str>| self.audiences.iter().chain(further).any(|one| one == got);
        match claims.audiences().find(|got| !known(got)) {
            None => Ok(()),
            Some(got) => Err(Rejection::new(
                RejectionKind::WrongAudience,
                format!("`aud` has {} beside this service", Shown(&got)),
            )),
        }
    }

    /// Checks `azp` (OpenID Connect Core 1.0 sections 2 and 3.1.3.7, points 4 and 5).
    pub(super) fn check_authorized_party(&self, claims: &ClaimSetText) -> Result<(), Rejection> {
        let AuthorizedParties { clients, required } = &self.authorized_parties;
        if clients.is_empty() {
            return Ok(());
        }
        match claims.string_at("azp")? {
            Some(got) if clients.iter().any(|client| *client == got) => Ok(()),
            Some(got) => Err(Rejection::new(
                RejectionKind::WrongClaim,
                format!("`azp` is {}; wanted one of {clients:?}", Shown(&got)),
            )),
            None if *required || claims.audiences().nth(1).is_some() => Err(missing("azp")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn check(rules: &Rules, json: &str) -> Result<(), RejectionKind> {
        let limits = Limits::default().with_audiences(3);
        let mut claims = ClaimSetText::default();
        claims.read(json.as_bytes(), "", &limits).unwrap();
        rules
            .check_audience(&claims, &limits)
            .and_then(|()| rules.check_authorized_party(&claims))
            .map_err(|rejection| rejection.kind())
    }

    fn rules() -> Rules {
        Rules {
            audiences: Arc::new(vec!["app".into()]),
            ..Rules::default()
        }
    }

    #[test]
    fn the_audience_may_be_in_another_claim() {
        let rules = Rules {
            audience_claim: Some("client.id".into()),
            ..rules()
        };
        for good in [
            r#"{"client":{"id":"app"}}"#,
            r#"{"client.id":"app"}"#,
            r#"{"client.id":["other","app"]}"#,
            r#"{"client.id":"app","aud":["app","other"]}"#,
        ] {
            assert_eq!(check(&rules, good), Ok(()), "{good}");
        }
        for (bad, wanted) in [
            ("{}", RejectionKind::MissingClaim),
            (r#"{"aud":"app"}"#, RejectionKind::MissingClaim),
            (r#"{"client":{"id":"other"}}"#, RejectionKind::WrongAudience),
            (
                r#"{"client.id":"other","aud":"app"}"#,
                RejectionKind::WrongAudience,
            ),
            (
                r#"{"client.id":"app","aud":"other"}"#,
                RejectionKind::WrongAudience,
            ),
            (
                r#"{"client.id":"app","aud":[]}"#,
                RejectionKind::MissingClaim,
            ),
            (r#"{"client.id":[]}"#, RejectionKind::MissingClaim),
            (r#"{"client.id":"app "}"#, RejectionKind::WrongAudience),
            (r#"{"client.id":7}"#, RejectionKind::MalformedClaims),
            (r#"{"client.id":null}"#, RejectionKind::MalformedClaims),
            (r#"{"client.id":["app",7]}"#, RejectionKind::MalformedClaims),
            (r#"{"client":"app"}"#, RejectionKind::MalformedClaims),
            (
                r#"{"client.id":"app","client":{"id":"x"}}"#,
                RejectionKind::MalformedClaims,
            ),
            (
                r#"{"client.id":["app","b","c","d"]}"#,
                RejectionKind::TooLarge,
            ),
        ] {
            assert_eq!(check(&rules, bad), Err(wanted), "{bad}");
        }
    }

    #[test]
    fn further_audiences_must_be_trusted() {
        let alone = Rules {
            further_audiences: Some(Vec::new()),
            ..rules()
        };
        assert_eq!(check(&alone, r#"{"aud":"app"}"#), Ok(()));
        assert_eq!(check(&alone, r#"{"aud":["app","app"]}"#), Ok(()));
        assert_eq!(
            check(&alone, r#"{"aud":["app","other"]}"#),
            Err(RejectionKind::WrongAudience)
        );
        let beside = Rules {
            further_audiences: Some(vec!["project".into()]),
            ..rules()
        };
        assert_eq!(check(&beside, r#"{"aud":["project","app"]}"#), Ok(()));
        // It is allowed beside this service, not instead of it.
        assert_eq!(
            check(&beside, r#"{"aud":"project"}"#),
            Err(RejectionKind::WrongAudience)
        );
        assert_eq!(
            check(&beside, r#"{"aud":["app","project","other"]}"#),
            Err(RejectionKind::WrongAudience)
        );
    }

    #[test]
    fn the_authorized_party_must_be_configured() {
        let party = |required| Rules {
            authorized_parties: AuthorizedParties {
                clients: vec!["app".into(), "cli".into()],
                required,
            },
            ..rules()
        };
        for rules in [party(true), party(false)] {
            assert_eq!(check(&rules, r#"{"aud":"app","azp":"cli"}"#), Ok(()));
            assert_eq!(
                check(&rules, r#"{"aud":"app","azp":"other"}"#),
                Err(RejectionKind::WrongClaim)
            );
            assert_eq!(
                check(&rules, r#"{"aud":"app","azp":"App"}"#),
                Err(RejectionKind::WrongClaim)
            );
            for azp in ["7", "null", r#"["app"]"#] {
                assert_eq!(
                    check(&rules, &format!(r#"{{"aud":"app","azp":{azp}}}"#)),
                    Err(RejectionKind::MalformedClaims)
                );
            }
            assert_eq!(
                check(&rules, r#"{"aud":["app","other"]}"#),
                Err(RejectionKind::MissingClaim)
            );
        }
        assert_eq!(
            check(&party(true), r#"{"aud":"app"}"#),
            Err(RejectionKind::MissingClaim)
        );
        assert_eq!(check(&party(false), r#"{"aud":"app"}"#), Ok(()));
    }
}

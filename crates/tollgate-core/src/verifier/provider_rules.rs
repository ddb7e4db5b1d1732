//! Rules for the peculiarities of single providers: aliases of an issuer, tenants, and other claims
//! than the registered ones.

use super::issuer_rules::IssuerRules;
use crate::claim_path::ClaimPath;
use crate::verifier::rules::{Tenants, Typ};

impl<Of> IssuerRules<Of> {
    /// Adds an alias of the issuer, compared exactly, for a provider with several spellings. All
    /// spellings have the same keys and rules. `build` refuses an alias that is already present.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let verifier = Verifier::builder()
    ///     .issuer("https://accounts.google.com")
    ///     .issuer_alias("accounts.google.com")
    ///     .audience("app")
    ///     .key(key.verifying_key())
    ///     .build()?;
    /// let token =
    ///     |iss| key.encode(&serde_json::json!({"iss": iss, "aud": "app",
    ///     "exp": 4_000_000_000_u64}));
    /// assert!(verifier.verify(token("accounts.google.com")?).is_ok());
    /// let rejection = verifier.verify(token("http://accounts.google.com")?).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn issuer_alias(mut self, issuer: impl Into<String>) -> Self {
        self.config().rules.issuer_aliases.push(issuer.into());
        self
    }

    /// Makes the issuer's name, and its [aliases](Self::issuer_alias), a template. `{tenantid}`
    /// stands for one of these tenants, each a GUID in lower case, and the `tid` claim must name
    /// the same tenant. A key whose JWK has a member [`issuer`](crate::Key::issuer) verifies only
    /// tokens of that issuer.
    ///
    /// Use it for Microsoft Entra, which publishes the keys of all tenants together. `build`
    /// refuses an empty list, a tenant in another form, tenants that are set twice, and a name
    /// without `{tenantid}` as one whole segment of its path.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let contoso = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
    /// let verifier = Verifier::builder()
    ///     .issuer("https://login.microsoftonline.com/{tenantid}/v2.0")
    ///     .tenants([contoso])
    ///     .audience("app")
    ///     .key(key.verifying_key())
    ///     .build()?;
    /// let token = |tenant: &str| {
    ///     let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
    ///     let claims =
    ///         serde_json::json!({"iss": issuer, "tid": tenant, "aud": "app",
    ///         "exp": 4_000_000_000_u64});
    ///     key.encode(&claims)
    /// };
    /// assert!(verifier.verify(token(contoso)?).is_ok());
    /// let rejection = verifier.verify(token("00000000-0000-0000-0000-000000000001")?)
    ///     .unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn tenants(mut self, tenants: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let tenants = tenants.into_iter().map(Into::into).collect();
        self.config().set_tenants(Tenants::These(tenants));
        self
    }

    /// Like [`tenants`](Self::tenants), for tokens of **every** tenant of the provider. Anyone can
    /// open a tenant, so the service must separate the data of the tenants by `tid`.
    ///
    /// ```
    /// # use tollgate::{SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let verifier = Verifier::builder()
    ///     .issuer("https://sts.windows.net/{tenantid}/")
    ///     .dangerous_any_tenant()
    ///     .audience("app")
    ///     .key(key.verifying_key())
    ///     .build()?;
    /// let token = |tid| {
    ///     let iss = "https://sts.windows.net/00000000-0000-0000-0000-000000000001/";
    ///     key.encode(&serde_json::json!({"iss": iss, "tid": tid, "aud": "app",
    ///         "exp": 4_000_000_000_u64}))
    /// };
    /// assert!(verifier.verify(token("00000000-0000-0000-0000-000000000001")?).is_ok());
    /// assert!(verifier.verify(token("00000000-0000-0000-0000-000000000002")?).is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_any_tenant(mut self) -> Self {
        self.config().set_tenants(Tenants::Any);
        self
    }

    /// Reads the [audience](Self::audience) from this claim, a string or an array of strings,
    /// instead of `aud`. See [`ClaimPath`] for the path.
    ///
    /// The claim is then required. An `aud` that is also present must name an audience of this
    /// service too (RFC 7519 section 4.1.3). The last call replaces earlier ones. `build` refuses
    /// it together with [`dangerous_any_audience`](Self::dangerous_any_audience) or the
    /// [profile](Self::access_token_profile).
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().key(key.verifying_key());
    /// let verifier = builder.audience("app").audience_claim("client_id").build()?;
    /// let token =
    ///     |id| key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "client_id": id}));
    /// assert!(verifier.verify(token("app")?).is_ok());
    /// assert_eq!(verifier.verify(token("other")?).unwrap_err()
    ///     .kind(), RejectionKind::WrongAudience);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn audience_claim(mut self, path: impl Into<ClaimPath>) -> Self {
        self.config().rules.audience_claim = Some(path.into());
        self
    }

    /// Refuses tokens whose `aud` contains audiences other than this service and these (OpenID
    /// Connect Core 1.0 section 3.1.3.7, point 3). They are allowed only beside an audience of this
    /// service. An empty list allows no further audience. The last call replaces earlier ones.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().key(key.verifying_key());
    /// let verifier = builder.audience("app").further_audiences(["project"]).build()?;
    /// let token =
    ///     |aud: &[&str]| key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "aud": aud}));
    /// assert!(verifier.verify(token(&["app", "project"])?).is_ok());
    /// let rejection = verifier.verify(token(&["app", "other"])?).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn further_audiences(
        mut self,
        trusted: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let trusted = trusted.into_iter().map(Into::into).collect();
        self.config().rules.further_audiences = Some(trusted);
        self
    }

    /// Refuses tokens of other clients: `azp` must be this client (OpenID Connect Core 1.0 section
    /// 2). Repeated calls allow several clients.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.authorized_party("web").authorized_party("cli").build()?;
    /// let token = |azp| key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "azp": azp}));
    /// assert!(verifier.verify(token("cli")?).is_ok());
    /// assert_eq!(verifier.verify(token("other")?).unwrap_err().kind(), RejectionKind::WrongClaim);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn authorized_party(mut self, client: impl Into<String>) -> Self {
        self.config()
            .rules
            .authorized_parties
            .clients
            .push(client.into());
        self
    }

    /// Accepts a token without `azp` if `aud` has exactly one value, which then is the client
    /// (OpenID Connect Core 1.0 section 3.1.3.7, points 4 and 5). `build` refuses it without an
    /// [`authorized_party`](Self::authorized_party).
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().audience("web")
    ///     .key(key.verifying_key());
    /// let verifier = builder.authorized_party("web").dangerous_allow_missing_authorized_party()
    ///     .build()?;
    /// let token =
    ///     |aud: &[&str]| key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "aud": aud}));
    /// assert!(verifier.verify(token(&["web"])?).is_ok());
    /// let rejection = verifier.verify(token(&["web", "api"])?).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_allow_missing_authorized_party(mut self) -> Self {
        self.config().rules.authorized_parties.required = false;
        self
    }

    /// Like [`typ`](Self::typ), but also accepts a token without `typ`. It is for tokens that are
    /// recognised by their claims, such as ID tokens. The last call of the two replaces earlier
    /// ones.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.dangerous_optional_typ("JWT").build()?;
    /// let claims = serde_json::json!({"exp": 4_000_000_000_u64});
    /// assert!(verifier.verify(key.encode(&claims)?).is_ok());
    /// let rejection = verifier.verify(key.encode_with("at+jwt", &claims)?).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::WrongType);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_optional_typ(mut self, typ: impl Into<String>) -> Self {
        self.config().rules.typ = Some(Typ {
            name: typ.into(),
            required: false,
        });
        self
    }

    /// Refuses tokens in which this claim is not one of these strings. See [`ClaimPath`] for the
    /// path. Providers distinguish the kinds of their tokens by such a claim. `build` refuses a
    /// second call for the same claim, and an empty list of values.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.require_value("token_use", ["access"]).build()?;
    /// let token =
    ///     |kind| key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "token_use": kind}));
    /// assert!(verifier.verify(token("access")?).is_ok());
    /// assert_eq!(verifier.verify(token("id")?).unwrap_err().kind(), RejectionKind::WrongClaim);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require_value(
        mut self,
        path: impl Into<ClaimPath>,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.config().rules.values.push((path.into(), values));
        self
    }

    /// Refuses tokens in which this member of the header is not one of these strings, before their
    /// key is looked up. `build` refuses a second call for the same member, an empty list of
    /// values, and members with a rule of their own, such as `alg` and `typ`.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.require_header("signer", ["gateway-1"]).build()?;
    /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?;
    /// let rejection = verifier.verify(token).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require_header(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.config().rules.headers.push((name.into(), values));
        self
    }

    /// Accepts tokens of this issuer whose segments are padded with `=`, against RFC 7515 section
    /// 2. The signature covers the padding. The AWS Application Load Balancer sends such tokens.
    ///
    /// Either each segment is padded to a multiple of four characters, or none is. Only canonical
    /// base64url is accepted (RFC 4648 sections 3.5 and 5). Padded tokens of other issuers of the
    /// verifier are refused. [`prepare`](crate::TrustedIssuer::prepare) refuses the option: an
    /// issuer from an [`IssuerSource`](crate::IssuerSource) cannot have it.
    ///
    /// ```
    /// # use tollgate::{Key, RejectionKind, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = Key::hs256([7; 32])?;
    /// let builder = || Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.clone());
    /// let token = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjQwMDAwMDAwMDB9.\
    ///     2288ZeWnV6E6t4BKM2wccaYkO9vRiRHBeI6bXGZJj24=";
    /// let rejection = builder().build()?.verify(&token).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::MalformedToken);
    /// assert!(builder().dangerous_padded_segments().build()?.verify(&token).is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_padded_segments(mut self) -> Self {
        self.config().rules.padded_segments = true;
        self
    }

    /// Like [`require_value`](Self::require_value), but also accepts a token without the claim.
    /// `build` refuses both for the same claim.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.require_value_if_present("status", ["active"]).build()?;
    /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?;
    /// assert!(verifier.verify(token).is_ok());
    /// let token =
    ///     key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "status": "pending"}))?;
    /// assert_eq!(verifier.verify(token).unwrap_err().kind(), RejectionKind::WrongClaim);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require_value_if_present(
        mut self,
        path: impl Into<ClaimPath>,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        let rules = &mut self.config().rules;
        rules.optional_values.push((path.into(), values));
        self
    }

    /// Makes `build` refuse the rules until [`require_value`](Self::require_value) is set for one
    /// of these claims. It is for an issuer that signs tokens for the public: its signature and a
    /// public audience say nothing about the caller. Repeated calls add claims.
    ///
    /// ```
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::{Key, TrustedIssuer};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let rules = TrustedIssuer::new("https://ci.example").audience("orders")
    ///     .key(Key::hs256([1; 32])?)
    ///     .require_constraint(["repository", "owner"]);
    /// let error = rules.clone().prepare().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::MissingConstraint);
    /// assert!(rules.require_value("owner", ["octo-org"]).prepare().is_ok());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require_constraint(
        mut self,
        claims: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let claims = claims.into_iter().map(Into::into);
        self.config().rules.constraints.extend(claims);
        self
    }

    /// Refuses tokens without `auth_time`, the time of the user's login (OpenID Connect Core 1.0
    /// section 2), and tokens in which it is later than now and the [leeway](Self::leeway).
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.clock(|| 2_000).require_auth_time().build()?;
    /// let token = |at| key.encode(&serde_json::json!({"exp": 9_000, "auth_time": at}));
    /// assert!(verifier.verify(token(1_999)?).is_ok());
    /// let rejection = verifier.verify(token(2_011)?).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::NotYetValid);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn require_auth_time(mut self) -> Self {
        self.config().rules.require_auth_time = true;
        self
    }

    /// Reads only the roles whose own object has this member, from [role claims](Self::role_claim)
    /// that are objects. Zitadel lists there the organisations that granted the role. A role claim
    /// in another form is then malformed. The last call replaces earlier ones. `build` refuses it
    /// without a role claim.
    ///
    /// ```
    /// # use tollgate::{SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.role_claim("roles").role_member("2812").build()?;
    /// let roles = serde_json::json!({
    ///     "reader": {"2812": "shop.example"}, "admin": {"9999": "other.example"},
    /// });
    /// let token = key.encode(&serde_json::json!({"exp": 4_000_000_000_u64, "roles": roles}))?;
    /// let principal = verifier.verify(token)?;
    /// assert_eq!(principal.roles().collect::<Vec<_>>(), ["reader"]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn role_member(mut self, member: impl Into<String>) -> Self {
        self.config().rules.role_member = Some(member.into());
        self
    }

    /// Adds a claim that holds scopes, in addition to `scope` and `scp`: a string or an array of
    /// strings, bounded by [`Limits::scopes`](crate::Limits::scopes). See [`ClaimPath`] for the
    /// path. Repeated calls add claims.
    ///
    /// ```
    /// # use tollgate::{SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let verifier = builder.scope_claim("permissions").build()?;
    /// let claims = serde_json::json!({
    ///     "exp": 4_000_000_000_u64, "scope": "openid", "permissions": ["orders:read"],
    /// });
    /// let principal = verifier.verify(key.encode(&claims)?)?;
    /// assert_eq!(principal.scopes().collect::<Vec<_>>(), ["openid", "orders:read"]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn scope_claim(mut self, path: impl Into<ClaimPath>) -> Self {
        self.config().rules.scope_claims.push(path.into());
        self
    }
}

//! JSON Web Keys: RFC 7517, with the types of RFC 7518 section 6 and RFC 8037 section 2.

use std::borrow::Cow;
use std::collections::HashSet;

use zeroize::Zeroizing;

use super::base64::{self, Bytes};
use super::der;
use super::error::{KeyError, KeyErrorKind};
use super::prepared::Material;
use super::public::{Curve, KeyType, PublicKey, without_zeros};
use super::secret;
use super::{Key, both_names};
use crate::algorithm::Algorithm;
use crate::rejection::Shown;
use crate::token::json::{Bounds, Flaw, Kind, Member, Object, StringItems, elements};

const MAX_BYTES: usize = 1 << 20;

const BOUNDS: Bounds = Bounds {
    // More than any registered key type has.
    members: 64,
    ..Bounds::DOCUMENT
};

/// The registered values of `key_ops` that are not for signatures.
const NOT_SIG: [&str; 6] = [
    "encrypt",
    "decrypt",
    "wrapKey",
    "unwrapKey",
    "deriveKey",
    "deriveBits",
];

const UNREADABLE: &str = "cannot be read";
const ZEROS: &str = "has leading zero bytes";

/// The purpose of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Verify,
    /// For a key in a SPIFFE trust bundle that verifies JWT-SVIDs.
    VerifySvid,
    Sign,
}

/// The value of `kty`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kty {
    Rsa,
    Ec,
    Okp,
    Oct,
}

/// A JSON object that should be a JWK.
pub(super) struct Jwk<'t> {
    text: &'t str,
    object: Object,
    /// A flaw that [`kty`](Self::kty) returns, so that the `kid` can be reported with it.
    flaw: Option<KeyError>,
    /// The members that were read although they violate the standard, and the violations.
    tolerated: Vec<(Cow<'t, str>, &'static str)>,
}

impl<'t> Jwk<'t> {
    pub(super) fn read(text: &'t str) -> Result<Self, KeyError> {
        let mut object = Object::default();
        let flaw = match object.parse(text, BOUNDS) {
            Ok(()) => None,
            Err(Flaw::Syntax | Flaw::NotAnObject) => {
                return Err(KeyError::malformed("it is not a JSON object"));
            }
            Err(Flaw::Duplicate) => Some(KeyError::new(
                KeyErrorKind::DuplicateMember,
                "an object has two members of the same name",
            )),
            Err(Flaw::Members) => Some(KeyError::new(
                KeyErrorKind::TooLarge,
                "an object has more than 64 members",
            )),
            Err(Flaw::Depth) => Some(KeyError::malformed("it is nested too deeply")),
            Err(Flaw::Reserved) => {
                Some(KeyError::malformed("it has a member name that is reserved"))
            }
        };
        let mut jwk = Self {
            text,
            object,
            flaw,
            tolerated: Vec::new(),
        };
        jwk.tolerated = jwk.empty_arrays();
        Ok(jwk)
    }

    /// Reads a JWK from bytes. A byte order mark is refused.
    pub(super) fn from_bytes(json: &'t [u8]) -> Result<Self, KeyError> {
        if json.len() > MAX_BYTES {
            return Err(KeyError::new(
                KeyErrorKind::TooLarge,
                "the JWK has more than 1 MiB",
            ));
        }
        Self::read(
            std::str::from_utf8(json).map_err(|_| KeyError::malformed("the JWK is not UTF-8"))?,
        )
    }

    /// The `kid`, even if the key cannot be used.
    pub(super) fn kid(&self) -> Option<Cow<'t, str>> {
        self.text("kid").ok().flatten()
    }

    /// Returns `true` if the JWK declares another type than a shared secret.
    pub(super) fn is_not_secret(&self) -> bool {
        self.text("kty")
            .is_ok_and(|kty| kty.is_some_and(|kty| kty != "oct"))
    }

    /// Refuses a key with a long `kid` or `issuer`, because both are stored.
    pub(super) fn check_texts(&self, most: usize) -> Result<(), KeyError> {
        for name in ["kid", "issuer"] {
            if self.text(name)?.is_some_and(|text| text.len() > most) {
                return Err(KeyError::new(KeyErrorKind::TooLarge, "the text is too long").at(name));
            }
        }
        Ok(())
    }

    /// The members that were tolerated up to now, with the reasons.
    pub(super) fn tolerated(self) -> Vec<(Cow<'t, str>, &'static str)> {
        self.tolerated
    }

    /// Logs the tolerated members of a single key, which has no report.
    pub(super) fn log_tolerated(&self) {
        for (member, reason) in &self.tolerated {
            let (kid, member) = (self.kid(), Shown(member));
            tracing::warn!(target: "tollgate", ?kid, %member, reason, "member of a JWK tolerated");
        }
    }

    fn tolerate(&mut self, member: &'static str, reason: &'static str) {
        self.tolerated.push((member.into(), reason));
    }

    /// Returns the key for verifying.
    pub(super) fn key(&mut self, purpose: Purpose) -> Result<Key, KeyError> {
        let kty = self.kty(purpose)?;
        if purpose == Purpose::VerifySvid {
            self.required_text("kid")?;
        }
        let declared = self.algorithm()?;
        let (material, algorithm) = if kty == Kty::Oct {
            let (secret, algorithm) = self.secret(declared)?;
            (Material::Secret(secret), algorithm)
        } else {
            let key = self.public(kty)?;
            let algorithm = declared.unwrap_or(key.key_type().default_algorithm());
            key.key_type()
                .require(algorithm)
                .map_err(|error| error.at("alg"))?;
            (Material::Public(key), algorithm)
        };
        let issuer = self.text("issuer")?;
        let mut key = Key::new(material, both_names(algorithm))?.bound_to(issuer.as_deref());
        if declared.is_none() {
            key = key.without_algorithm();
        }
        Ok(match self.text("kid")? {
            Some(kid) => key.with_kid(kid),
            None => key,
        })
    }

    /// Checks everything but the key material: names, type, privacy and use.
    pub(super) fn kty(&mut self, purpose: Purpose) -> Result<Kty, KeyError> {
        if let Some(flaw) = self.flaw {
            return Err(flaw);
        }
        let kty = match &*self.required_text("kty")? {
            "RSA" => Kty::Rsa,
            "EC" => Kty::Ec,
            "OKP" => Kty::Okp,
            "oct" => Kty::Oct,
            _ => {
                return Err(KeyError::new(
                    KeyErrorKind::UnsupportedKeyType,
                    "neither RSA, EC, OKP nor oct",
                )
                .at("kty"));
            }
        };
        let private = kty != Kty::Oct
            && ["d", "p", "q", "dp", "dq", "qi", "oth"]
                .iter()
                .any(|name| self.has(name));
        match purpose {
            Purpose::Verify | Purpose::VerifySvid if private => {
                return Err(KeyError::new(
                    KeyErrorKind::PrivateKey,
                    "the JWK holds a private key",
                ));
            }
            Purpose::Sign if kty != Kty::Oct && !self.has("d") => {
                return Err(KeyError::new(
                    KeyErrorKind::PublicKey,
                    "the JWK holds no private key",
                ));
            }
            _ => {}
        }
        self.check_use(purpose)?;
        Ok(kty)
    }

    /// Checks `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3). A malformed one is tolerated if
    /// `alg` or the other says that the key is for signatures.
    fn check_use(&mut self, purpose: Purpose) -> Result<(), KeyError> {
        let (usage, operations) = (self.words("use"), self.words("key_ops"));
        let (wanted, detail) = match purpose {
            Purpose::VerifySvid => ("jwt-svid", "not `jwt-svid`"),
            Purpose::Verify | Purpose::Sign => ("sig", "not `sig`"),
        };
        if usage.iter().any(|usage| usage != wanted) {
            return Err(KeyError::new(KeyErrorKind::WrongUse, detail).at("use"));
        }
        if purpose == Purpose::VerifySvid {
            self.required_text("use")?;
        }
        // The two members must agree.
        let other = |operation: &Cow<'_, str>| NOT_SIG.contains(&&**operation);
        if !usage.is_empty() && operations.iter().any(other) {
            return Err(
                KeyError::new(KeyErrorKind::WrongUse, "it contradicts `use`").at("key_ops"),
            );
        }
        let (needed, detail) = match purpose {
            Purpose::Verify | Purpose::VerifySvid => ("verify", "`verify` is not among them"),
            Purpose::Sign => ("sign", "`sign` is not among them"),
        };
        let operates = operations.iter().any(|operation| operation == needed);
        if !operations.is_empty() && !operates {
            return Err(KeyError::new(KeyErrorKind::WrongUse, detail).at("key_ops"));
        }
        let bad_usage = self.text("use").err();
        let mut distinct = HashSet::new();
        let twice = !operations.iter().all(|each| distinct.insert(each));
        let twice = twice.then(|| KeyError::malformed("an operation is there twice").at("key_ops"));
        let bad_operations = self.texts("key_ops").err().or(twice);
        let signs = matches!(self.algorithm(), Ok(Some(_)));
        let by_usage = !usage.is_empty() && bad_usage.is_none();
        let by_operations = operates && bad_operations.is_none();
        for (name, flaw, confirmed) in [
            ("use", bad_usage, by_operations),
            ("key_ops", bad_operations, by_usage),
        ] {
            match flaw {
                Some(_) if signs || confirmed => self.tolerate(name, UNREADABLE),
                Some(flaw) => return Err(flaw),
                None => {}
            }
        }
        Ok(())
    }

    /// The `alg` of the key.
    pub(super) fn algorithm(&self) -> Result<Option<Algorithm>, KeyError> {
        let Some(name) = self.text("alg")? else {
            return Ok(None);
        };
        Algorithm::from_name(&name).map(Some).ok_or(
            KeyError::new(
                KeyErrorKind::UnsupportedAlgorithm,
                "not a supported signature algorithm",
            )
            .at("alg"),
        )
    }

    /// Reads a secret (RFC 7518 section 6.4).
    pub(super) fn secret(
        &mut self,
        algorithm: Option<Algorithm>,
    ) -> Result<(Bytes, Algorithm), KeyError> {
        let algorithm = algorithm.unwrap_or(Algorithm::HS256);
        let secret = self.bytes("k")?;
        secret::check(algorithm, &secret).map_err(|error| {
            error.at(if error.kind() == KeyErrorKind::AlgorithmMismatch {
                "alg"
            } else {
                "k"
            })
        })?;
        Ok((secret, algorithm))
    }

    /// The public key or public half, from the first certificate if no other member has it.
    pub(super) fn public(&mut self, kty: Kty) -> Result<PublicKey, KeyError> {
        const OTHER: KeyError = KeyError::new(
            KeyErrorKind::Inconsistent,
            "the certificate is of another key",
        );
        let given = match kty {
            Kty::Rsa => ["n", "e"]
                .iter()
                .any(|name| self.has(name))
                .then(|| self.rsa())
                .transpose()?,
            Kty::Ec => {
                let curve = self.text("crv")?.map(|name| ec_curve(&name)).transpose()?;
                ["x", "y"]
                    .iter()
                    .any(|name| self.has(name))
                    .then(|| self.ec(curve))
                    .transpose()?
            }
            Kty::Okp => {
                if self.text("crv")?.is_some_and(|curve| curve != "Ed25519") {
                    return Err(KeyError::new(
                        KeyErrorKind::UnsupportedCurve,
                        "of OKP only Ed25519",
                    )
                    .at("crv"));
                }
                self.has("x").then(|| self.ed()).transpose()?
            }
            Kty::Oct => None,
        };
        match (given, self.certified()) {
            (Some(given), Ok(Some(certified))) if given != certified => Err(OTHER.at("x5c")),
            (Some(_), Err(error)) if der::is_of_other_key(error) => Err(OTHER.at("x5c")),
            (Some(given), Err(_)) => {
                self.tolerate("x5c", UNREADABLE);
                Ok(given)
            }
            (Some(given), Ok(_)) => Ok(given),
            (None, Ok(Some(certified))) => self.as_declared(kty, certified),
            (None, Err(error)) => Err(error.at("x5c")),
            (None, Ok(None)) => Err(KeyError::new(
                KeyErrorKind::MissingMember,
                "the JWK holds no key",
            )),
        }
    }

    /// Reads an RSA key (RFC 7518 section 6.3.1).
    fn rsa(&mut self) -> Result<PublicKey, KeyError> {
        let (n, e) = (self.integer("n")?, self.integer("e")?);
        PublicKey::rsa(&n, &e)
    }

    /// Reads an EC key (RFC 7518 section 6.2.1).
    fn ec(&mut self, curve: Option<Curve>) -> Result<PublicKey, KeyError> {
        let Some(curve) = curve else {
            return Err(KeyError::new(KeyErrorKind::MissingMember, "it is required").at("crv"));
        };
        let mut point = vec![4];
        for name in ["x", "y"] {
            let Some(coordinate) = self.integer_of(curve.field_len(), name)? else {
                return Err(KeyError::new(
                    KeyErrorKind::InvalidPoint,
                    "empty, or longer than the field of the curve",
                )
                .at(name));
            };
            point.extend_from_slice(&coordinate);
        }
        PublicKey::ec(curve, &point)
    }

    /// Reads an Ed25519 key (RFC 8037 section 2).
    fn ed(&mut self) -> Result<PublicKey, KeyError> {
        self.required_text("crv")?;
        PublicKey::ed(&self.bytes("x")?).map_err(|error| error.at("x"))
    }

    /// The key of the first certificate (RFC 7517 section 4.7), if there is an `x5c`.
    fn certified(&mut self) -> Result<Option<PublicKey>, KeyError> {
        let Some(member) = self.member("x5c") else {
            return Ok(None);
        };
        let mut chain = StringItems::new(member.raw(self.text), member.kind);
        let Some(Ok(first)) = chain.as_mut().and_then(Iterator::next) else {
            return Err(KeyError::malformed("not an array of strings"));
        };
        let solid: String = first.split_ascii_whitespace().collect();
        let (certificate, _) =
            base64::decode_near(&solid).ok_or(KeyError::malformed("not base64"))?;
        let key = der::certificate(&certificate)?;
        if self.texts("x5c").is_err() || base64::decode_standard(first.as_bytes()).is_none() {
            self.tolerate("x5c", "is not an array of texts in base64 with padding");
        }
        Ok(Some(key))
    }

    /// A key that comes from the certificate alone must have the type and curve of the JWK.
    fn as_declared(&self, kty: Kty, key: PublicKey) -> Result<PublicKey, KeyError> {
        let curve = self.text("crv")?;
        let fits = match (kty, key.key_type()) {
            (Kty::Rsa, KeyType::Rsa) | (Kty::Okp, KeyType::Ed) => true,
            (Kty::Ec, KeyType::Ec(of)) => curve.is_none_or(|curve| curve == of.name()),
            _ => false,
        };
        if fits {
            Ok(key)
        } else {
            Err(KeyError::new(
                KeyErrorKind::Inconsistent,
                "the certificate is of another type of key",
            )
            .at("x5c"))
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// Returns the member with this name. `null` and an empty array are absent.
    fn member(&self, name: &str) -> Option<&Member> {
        let member = self.object.get(self.text, name)?;
        let absent = member.kind == Kind::Null || self.is_empty_array(member);
        (!absent).then_some(member)
    }

    fn is_empty_array(&self, member: &Member) -> bool {
        let raw = member.raw(self.text);
        member.kind == Kind::Array && raw[1..raw.len() - 1].trim_ascii().is_empty()
    }

    /// The members that are ignored because they are empty arrays. Long names are left out, because
    /// the report is stored.
    fn empty_arrays(&self) -> Vec<(Cow<'t, str>, &'static str)> {
        let members = self.object.members().iter();
        let empty = members.filter(|member| self.is_empty_array(member));
        let names = empty.map(|member| member.name(self.text));
        let short = names.filter(|name| name.len() <= 64);
        short.map(|name| (name, "is empty")).collect()
    }

    /// A string member; `None` if it is absent.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<Cow<'t, str>>, KeyError> {
        let Some(member) = self.member(name) else {
            return Ok(None);
        };
        let text = member.string(self.text);
        text.map(Some)
            .ok_or(KeyError::malformed("not a string").at(name))
    }

    /// A required string member.
    fn required_text(&self, name: &'static str) -> Result<Cow<'t, str>, KeyError> {
        self.text(name)?
            .ok_or(KeyError::new(KeyErrorKind::MissingMember, "it is required").at(name))
    }

    /// A required member with bytes in base64url. Padding and the standard alphabet are tolerated.
    pub(super) fn bytes(&mut self, name: &'static str) -> Result<Bytes, KeyError> {
        let decoded = match self.required_text(name)? {
            Cow::Borrowed(text) => base64::decode_near(text),
            Cow::Owned(text) => base64::decode_near(&Zeroizing::new(text)), // it may be secret
        };
        let (bytes, flaw) = decoded.ok_or(KeyError::malformed("not base64url").at(name))?;
        if let Some(flaw) = flaw {
            self.tolerate(name, flaw);
        }
        Ok(bytes)
    }

    /// A required integer (`Base64urlUInt`, RFC 7518 section 2). Leading zero bytes are tolerated
    /// and removed.
    pub(super) fn integer(&mut self, name: &'static str) -> Result<Bytes, KeyError> {
        let mut bytes = self.bytes(name)?;
        let zeros = bytes.len() - without_zeros(&bytes).len();
        if zeros > 0 {
            self.tolerate(name, ZEROS);
            bytes.drain(..zeros);
        }
        Ok(bytes)
    }

    /// A required integer as exactly `length` bytes; `None` if it is empty or does not fit. More
    /// zero bytes are removed, and missing ones are added.
    pub(super) fn integer_of(
        &mut self,
        length: usize,
        name: &'static str,
    ) -> Result<Option<Bytes>, KeyError> {
        let bytes = self.bytes(name)?;
        let magnitude = without_zeros(&bytes);
        if bytes.is_empty() || magnitude.len() > length {
            return Ok(None);
        }
        if bytes.len() != length {
            let short = bytes.len() < length;
            self.tolerate(name, if short { "has too few bytes" } else { ZEROS });
        }
        let mut exact: Bytes = Zeroizing::new(Vec::with_capacity(length));
        exact.resize(length - magnitude.len(), 0);
        exact.extend_from_slice(magnitude);
        Ok(Some(exact))
    }

    /// The strings that a member is or contains, also beside values of other types.
    fn words(&self, name: &str) -> Vec<Cow<'t, str>> {
        let Some(member) = self.member(name) else {
            return Vec::new();
        };
        let raw = member.raw(self.text);
        let values = match member.kind {
            Kind::Array => elements(raw, usize::MAX).unwrap_or_default(),
            _ => vec![raw],
        };
        let strings = values.into_iter().filter(|value| value.starts_with('"'));
        strings
            .filter_map(|value| StringItems::new(value, Kind::String { escaped: true }))
            .flat_map(Iterator::flatten)
            .collect()
    }

    /// A member with an array of strings; `None` if it is absent.
    fn texts(&self, name: &'static str) -> Result<Option<Vec<Cow<'t, str>>>, KeyError> {
        let Some(member) = self.member(name) else {
            return Ok(None);
        };
        let items = match member.kind {
            Kind::Array => StringItems::new(member.raw(self.text), member.kind),
            _ => None,
        };
        items
            .and_then(|items| items.collect::<Result<_, ()>>().ok())
            .map(Some)
            .ok_or(KeyError::malformed("not an array of strings").at(name))
    }
}

fn ec_curve(name: &str) -> Result<Curve, KeyError> {
    Curve::ALL
        .into_iter()
        .find(|curve| curve.name() == name)
        .ok_or(
            KeyError::new(
                KeyErrorKind::UnsupportedCurve,
                "neither P-256, P-384 nor P-521",
            )
            .at("crv"),
        )
}

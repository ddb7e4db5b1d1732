//! JSON Web Keys: RFC 7517, with the types of RFC 7518 section 6 and RFC 8037 section 2.

use std::borrow::Cow;
use std::collections::HashSet;

use zeroize::Zeroizing;

use super::base64::{self, Bytes};
use super::der;
use super::error::{KeyError, KeyErrorKind};
use super::prepared::Material;
use super::public::{Curve, KeyType, PublicKey};
use super::secret;
use super::{Key, both_names};
use crate::algorithm::Algorithm;
use crate::token::json::{Bounds, Flaw, Kind, Member, Object, StringItems};

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

/// The purpose of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Verify,
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
        Ok(Self { text, object, flaw })
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

    /// Returns the key for verifying.
    pub(super) fn key(&self) -> Result<Key, KeyError> {
        let kty = self.kty(Purpose::Verify)?;
        let algorithm = self.algorithm()?;
        let (material, algorithm) = if kty == Kty::Oct {
            let (secret, algorithm) = self.secret(algorithm)?;
            (Material::Secret(secret), algorithm)
        } else {
            let key = self.public(kty)?;
            let algorithm = algorithm.unwrap_or(key.key_type().default_algorithm());
            key.key_type()
                .require(algorithm)
                .map_err(|error| error.at("alg"))?;
            (Material::Public(key), algorithm)
        };
        let issuer = self.text("issuer")?;
        let key = Key::new(material, both_names(algorithm))?.bound_to(issuer.as_deref());
        Ok(match self.text("kid")? {
            Some(kid) => key.with_kid(kid),
            None => key,
        })
    }

    /// Checks everything but the key material: names, type, privacy and use.
    pub(super) fn kty(&self, purpose: Purpose) -> Result<Kty, KeyError> {
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
            Purpose::Verify if private => {
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

    /// Checks `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3).
    fn check_use(&self, purpose: Purpose) -> Result<(), KeyError> {
        let usage = self.text("use")?;
        if usage.as_ref().is_some_and(|usage| usage != "sig") {
            return Err(KeyError::new(KeyErrorKind::WrongUse, "not `sig`").at("use"));
        }
        let Some(operations) = self.texts("key_ops")? else {
            return Ok(());
        };
        let mut distinct = HashSet::new();
        if !operations
            .iter()
            .all(|operation| distinct.insert(operation))
        {
            return Err(KeyError::malformed("an operation is there twice").at("key_ops"));
        }
        // The two members must agree.
        if usage.is_some()
            && operations
                .iter()
                .any(|operation| NOT_SIG.contains(&&**operation))
        {
            return Err(
                KeyError::new(KeyErrorKind::WrongUse, "it contradicts `use`").at("key_ops"),
            );
        }
        let (needed, detail) = match purpose {
            Purpose::Verify => ("verify", "`verify` is not among them"),
            Purpose::Sign => ("sign", "`sign` is not among them"),
        };
        if !operations.iter().any(|operation| operation == needed) {
            return Err(KeyError::new(KeyErrorKind::WrongUse, detail).at("key_ops"));
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
        &self,
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
    pub(super) fn public(&self, kty: Kty) -> Result<PublicKey, KeyError> {
        let certified = self.certified()?;
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
        match (given, certified) {
            (Some(given), Some(certified)) if given != certified => Err(KeyError::new(
                KeyErrorKind::Inconsistent,
                "the certificate is of another key",
            )
            .at("x5c")),
            (Some(given), _) => Ok(given),
            (None, Some(certified)) => self.as_declared(kty, certified),
            (None, None) => Err(KeyError::new(
                KeyErrorKind::MissingMember,
                "the JWK holds no key",
            )),
        }
    }

    /// Reads an RSA key (RFC 7518 section 6.3.1).
    fn rsa(&self) -> Result<PublicKey, KeyError> {
        let (n, e) = (self.bytes("n")?, self.bytes("e")?);
        // Some providers publish the sign byte that section 6.3.1.1 warns of. It changes nothing.
        let n = match n.as_slice() {
            [0, n @ ..] if n.first().is_some_and(|first| *first >= 0x80) => n,
            n => n,
        };
        PublicKey::rsa(n, &e)
    }

    /// Reads an EC key (RFC 7518 section 6.2.1).
    fn ec(&self, curve: Option<Curve>) -> Result<PublicKey, KeyError> {
        let Some(curve) = curve else {
            return Err(KeyError::new(KeyErrorKind::MissingMember, "it is required").at("crv"));
        };
        let mut point = vec![4];
        for name in ["x", "y"] {
            let coordinate = self.bytes(name)?;
            if coordinate.len() != curve.field_len() {
                return Err(KeyError::new(
                    KeyErrorKind::InvalidPoint,
                    "not as long as the field of the curve",
                )
                .at(name));
            }
            point.extend_from_slice(&coordinate);
        }
        PublicKey::ec(curve, &point)
    }

    /// Reads an Ed25519 key (RFC 8037 section 2).
    fn ed(&self) -> Result<PublicKey, KeyError> {
        self.required_text("crv")?;
        PublicKey::ed(&self.bytes("x")?).map_err(|error| error.at("x"))
    }

    /// The key of the first certificate (RFC 7517 section 4.7), if there is an `x5c`.
    fn certified(&self) -> Result<Option<PublicKey>, KeyError> {
        let Some(chain) = self.texts("x5c")? else {
            return Ok(None);
        };
        let Some(first) = chain.first() else {
            return Ok(None);
        };
        let certificate = base64::decode_standard(first.as_bytes())
            .ok_or(KeyError::malformed("not base64 with padding").at("x5c"))?;
        der::certificate(&certificate)
            .map(Some)
            .map_err(|error| error.at("x5c"))
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

    /// The names of the members that are ignored because they are empty arrays.
    pub(super) fn empty_arrays(&self) -> impl Iterator<Item = Cow<'t, str>> {
        let empty = |member: &&Member| self.is_empty_array(member);
        let members = self.object.members().iter().filter(empty);
        members.map(|member| member.name(self.text))
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

    /// A required member with bytes in base64url.
    pub(super) fn bytes(&self, name: &'static str) -> Result<Bytes, KeyError> {
        let bytes = match self.required_text(name)? {
            Cow::Borrowed(text) => base64::decode_url(text),
            Cow::Owned(text) => base64::decode_url(&Zeroizing::new(text)), // it may be secret
        };
        bytes.ok_or(KeyError::malformed("not base64url without padding").at(name))
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

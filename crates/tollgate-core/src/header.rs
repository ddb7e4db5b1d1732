//! The JOSE header (RFC 7515 section 4, RFC 8725).

use crate::algorithm::Algorithm;
use crate::json::{Kind, Object, StringItems, Text, tag};
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind, Shown};

/// The members of a header that decide something. `jku`, `x5u`, `x5c` and `jwk` are not among them: a key never comes
/// from the token that it is to verify (RFC 8725 section 3.5).
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<Text>,
    pub(crate) typ: Option<Text>,
}

// Names of at most seven bytes, which their tags tell apart.
const ALG: u64 = tag(b"alg");
const KID: u64 = tag(b"kid");
const TYP: u64 = tag(b"typ");
const CRIT: u64 = tag(b"crit");
const B64: u64 = tag(b"b64");
const ZIP: u64 = tag(b"zip");
const ENC: u64 = tag(b"enc");

impl Header {
    pub(crate) fn read(json: &[u8], limits: &Limits) -> Result<Self, Rejection> {
        let text = std::str::from_utf8(json).map_err(|_| malformed("the header is not UTF-8"))?;
        let mut object = Object::default();
        object
            .parse(text, 0, limits.json())
            .map_err(|flaw| malformed(format!("the header {}", flaw.as_str())))?;
        let (mut algorithm, mut key_id, mut typ) = (None, None, None);
        for member in object.members() {
            let string = |what| member.text(text).ok_or_else(|| malformed(what));
            match member.tag() {
                ALG => algorithm = Some(string("`alg` is not a string")?),
                KID => {
                    let kid = string("`kid` is not a string")?;
                    if kid.read(text).len() > limits.key_id_bytes() {
                        return Err(Rejection::too_large(
                            "`kid`",
                            kid.read(text).len(),
                            limits.key_id_bytes(),
                        ));
                    }
                    key_id = Some(kid);
                }
                TYP => typ = Some(string("`typ` is not a string")?),
                CRIT => return Err(critical(member.raw(text), member.kind)),
                B64 => match member.kind {
                    Kind::Bool(true) => {}
                    Kind::Bool(false) => return Err(unsupported("`b64` is false")),
                    _ => return Err(malformed("`b64` is not a boolean")),
                },
                // A nested token is not a claims set, and what is compressed or encrypted is not a signed one.
                ZIP | ENC => return Err(unsupported("`zip` and `enc` belong to encrypted tokens")),
                _ => {}
            }
        }
        let algorithm = algorithm.ok_or_else(|| malformed("there is no `alg`"))?;
        let name = algorithm.read(text);
        let algorithm = Algorithm::from_name(name).ok_or_else(|| {
            Rejection::new(
                RejectionKind::WrongAlgorithm,
                format!("`alg` is {}, which is not supported", Shown(name)),
            )
        })?;
        Ok(Self {
            algorithm,
            key_id,
            typ,
        })
    }
}

/// RFC 7515 section 4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the
/// recipient, then the JWS is invalid." None is supported; a list that is empty or not of strings is malformed.
fn critical(raw: &str, kind: Kind) -> Rejection {
    let items = match kind {
        Kind::Array => StringItems::new(raw, kind),
        _ => None,
    };
    let names: Option<Vec<_>> = items.and_then(|items| items.collect::<Result<_, ()>>().ok());
    match names.as_deref() {
        None | Some([]) => malformed("`crit` is not an array of at least one name"),
        Some([first, ..]) => unsupported(format!("`crit` names {}", Shown(first))),
    }
}

fn malformed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(RejectionKind::MalformedHeader, detail)
}

fn unsupported(detail: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(RejectionKind::UnsupportedExtension, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Header, RejectionKind> {
        Header::read(json.as_bytes(), &Limits::default()).map_err(|rejection| rejection.kind())
    }

    #[test]
    fn the_members_that_count_are_read() {
        let json =
            r#"{"typ":"JWT","alg":"RS256","kid":"k\u0031","jku":"https://evil.example","jwk":{"kty":"oct"}}"#;
        let header = read(json).unwrap();
        assert_eq!(header.algorithm, Algorithm::RS256);
        assert_eq!(header.key_id.unwrap().read(json), "k1");
        assert_eq!(header.typ.unwrap().read(json), "JWT");
    }

    #[test]
    fn present_but_malformed_is_refused() {
        for json in [
            "{}",
            r#"{"alg":256}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":"HS256","kid":1}"#,
            r#"{"alg":"HS256","kid":null}"#,
            r#"{"alg":"HS256","typ":["JWT"]}"#,
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"alg":"HS256","\u0061lg":"none"}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","crit":"exp"}"#,
            r#"{"alg":"HS256","crit":["exp",1]}"#,
            r#"{"alg":"HS256","b64":"false"}"#,
            "[]",
            "",
            r#""alg""#,
        ] {
            assert_eq!(read(json).unwrap_err(), RejectionKind::MalformedHeader, "{json}");
        }
        assert!(Header::read(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}", &Limits::default()).is_err());
    }

    #[test]
    fn extensions_are_refused() {
        for json in [
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
            r#"{"alg":"HS256","b64":false}"#,
            r#"{"crit":["x"],"alg":"HS256"}"#,
            r#"{"alg":"HS256","zip":"DEF"}"#,
        ] {
            assert_eq!(
                read(json).unwrap_err(),
                RejectionKind::UnsupportedExtension,
                "{json}"
            );
        }
    }

    #[test]
    fn names_of_algorithms_are_exact() {
        for alg in [
            "none",
            "None",
            "nOnE",
            "NONE",
            "",
            "hs256",
            "HS256 ",
            " HS256",
            "HS-256",
            "RSA-OAEP",
            "HS256\\u0000",
        ] {
            let json = format!(r#"{{"alg":"{alg}"}}"#);
            assert_eq!(read(&json).unwrap_err(), RejectionKind::WrongAlgorithm, "{json}");
        }
    }

    #[test]
    fn a_long_kid_is_refused() {
        let json = |length| format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(length));
        assert!(read(&json(256)).is_ok());
        assert_eq!(read(&json(257)).unwrap_err(), RejectionKind::TooLarge);
    }
}

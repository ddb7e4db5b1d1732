//! The JOSE header (RFC 7515 section 4, RFC 8725).

use crate::algorithm::Algorithm;
use crate::limits::Limits;
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::bounds;
use crate::token::json::{Kind, Object, Span, StringItems, Text, plain_end, tag};

/// The members of a header that are used. `jku`, `x5u`, `x5c` and `jwk` are ignored: a key never
/// comes from the token that it verifies (RFC 8725 section 3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<Text>,
    pub(crate) typ: Option<Text>,
}

// Tags identify names of up to seven bytes.
const ALG: u64 = tag(b"alg");
const KID: u64 = tag(b"kid");
const TYP: u64 = tag(b"typ");
const CRIT: u64 = tag(b"crit");
const B64: u64 = tag(b"b64");
const ZIP: u64 = tag(b"zip");
const ENC: u64 = tag(b"enc");

impl Header {
    /// Reads the header. Returns it with its text.
    pub(crate) fn read<'j>(json: &'j [u8], limits: &Limits) -> Result<(Self, &'j str), Rejection> {
        let text = std::str::from_utf8(json).map_err(|_| malformed("the header is not UTF-8"))?;
        let header = match Self::plain(text, limits) {
            Some(header) => header,
            None => Self::parse(text, limits)?,
        };
        Ok((header, text))
    }

    /// The fast path for most headers: `alg`, `typ` and `kid` as strings without escapes, each at
    /// most once, in any order, without white space. `None` for all others, which
    /// [`parse`](Self::parse) reads.
    fn plain(text: &str, limits: &Limits) -> Option<Self> {
        if bounds(limits).depth < 1
            || bounds(limits).members < 3
            || u32::try_from(text.len()).is_err()
        {
            return None;
        }
        let bytes = text.as_bytes();
        let (mut algorithm, mut kid, mut typ) = (None, None, None);
        let mut at = 0;
        while bytes.get(at) == Some(if at == 0 { &b'{' } else { &b',' }) {
            let name: &[u8; 7] = bytes.get(at + 1..)?.first_chunk()?;
            let start = at + 8;
            let end = plain_end(bytes, start);
            if bytes.get(end) != Some(&b'"') {
                return None;
            }
            let value = Span::new(start, end);
            match name {
                b"\"alg\":\"" if algorithm.is_none() => {
                    algorithm = Some(Algorithm::from_name(value.of(text))?);
                }
                b"\"kid\":\"" if kid.is_none() && end - start <= limits.kid_bytes() => {
                    kid = Some(Text::Verbatim(value));
                }
                b"\"typ\":\"" if typ.is_none() => typ = Some(Text::Verbatim(value)),
                _ => return None,
            }
            at = end + 1;
        }
        (bytes.get(at..)? == b"}").then_some(())?;
        Some(Self {
            algorithm: algorithm?,
            kid,
            typ,
        })
    }

    #[cold]
    fn parse(text: &str, limits: &Limits) -> Result<Self, Rejection> {
        let mut object = Object::default();
        object
            .parse(text, bounds(limits))
            .map_err(|flaw| malformed(format!("the header {}", flaw.as_str())))?;
        let (mut algorithm, mut kid, mut typ) = (None, None, None);
        for member in object.members() {
            let string = |what| member.text(text).ok_or_else(|| malformed(what));
            match member.tag() {
                KID if member.kind == Kind::Null => {} // absent
                ALG => algorithm = Some(string("`alg` is not a string")?),
                KID => {
                    let got = string("`kid` is not a string")?;
                    let bytes = got.read(text).len();
                    if bytes > limits.kid_bytes() {
                        return Err(Rejection::too_large("`kid`", bytes, limits.kid_bytes()));
                    }
                    kid = Some(got);
                }
                TYP => typ = Some(string("`typ` is not a string")?),
                CRIT => return Err(critical(member.raw(text), member.kind)),
                B64 => match member.kind {
                    Kind::Bool(true) => {}
                    Kind::Bool(false) => return Err(unsupported("`b64` is false")),
                    _ => return Err(malformed("`b64` is not a boolean")),
                },
                // Encrypted and compressed tokens are not supported here.
                ZIP | ENC if member.string(text).is_none_or(|name| name.is_empty()) => {
                    return Err(malformed("`zip` or `enc` is not a name"));
                }
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
            kid,
            typ,
        })
    }
}

/// Returns the refusal of a header with `crit`. No extension is supported, so the token is invalid
/// (RFC 7515 section 4.1.11). An empty list, and one with other types than strings, is malformed.
fn critical(raw: &str, kind: Kind) -> Rejection {
    let items = match kind {
        Kind::Array => StringItems::new(raw, kind),
        _ => None,
    };
    let mut names = items.into_iter().flatten();
    match names.next() {
        Some(Ok(first)) if names.all(|name| name.is_ok()) => {
            unsupported(format!("`crit` names {}", Shown(&first)))
        }
        _ => malformed("`crit` is not an array of at least one name"),
    }
}

fn malformed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(RejectionKind::MalformedHeader, detail)
}

fn unsupported(detail: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(RejectionKind::UnsupportedExtension, detail)
}

#[cfg(test)]
mod tests;

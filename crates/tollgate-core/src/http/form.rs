//! Content of HTML forms: `application/x-www-form-urlencoded` (URL standard section 5.1) and
//! `multipart/form-data` (RFC 7578).

use crate::http::field;
use crate::http::request::RequestView;

/// The media type of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormType(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    UrlEncoded,
    /// The line break, the two hyphens and the boundary (RFC 2046 section 5.1.1).
    Multipart(Vec<u8>),
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    /// The decoded name.
    pub name: String,
    /// The decoded value.
    pub value: Vec<u8>,
    /// Whether the field has a file name.
    pub is_file: bool,
}

impl FormType {
    /// The media type of a request's content, if it is one of a form.
    ///
    /// `None` for a repeated header field, for a parameter twice, and for another parameter than
    /// `charset=utf-8` and one valid `boundary`.
    pub fn of(request: &impl RequestView) -> Option<Self> {
        let mut lines = request.header("content-type");
        let line = lines.next().filter(|_| lines.next().is_none())?;
        let mut parts = line.split(|byte| *byte == b';').map(field::trim);
        let name = parts.next()?;
        let multipart = name.eq_ignore_ascii_case(b"multipart/form-data");
        if !multipart && !name.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            return None;
        }
        let (mut charset, mut boundary) = (false, None);
        for part in parts.filter(|part| !part.is_empty()) {
            let at = part.iter().position(|byte| *byte == b'=')?;
            let value = unquoted(&part[at + 1..]);
            if part[..at].eq_ignore_ascii_case(b"charset") && !charset {
                charset = value.eq_ignore_ascii_case(b"utf-8");
                charset.then_some(())?;
            } else if part[..at].eq_ignore_ascii_case(b"boundary") && multipart {
                is_boundary(value).then_some(())?;
                let delimiter = [b"\r\n--", value].concat();
                boundary.replace(delimiter).is_none().then_some(())?;
            } else {
                return None;
            }
        }
        Some(Self(if multipart {
            Kind::Multipart(boundary?)
        } else {
            Kind::UrlEncoded
        }))
    }

    /// Returns `true` for `multipart/form-data`.
    pub const fn is_multipart(&self) -> bool {
        matches!(self.0, Kind::Multipart(_))
    }

    /// Reads the fields of a form, or of its first bytes: then a field that is not complete is left
    /// out. `None` if the content does not follow its type.
    pub fn fields(&self, content: &[u8], is_whole: bool) -> Option<Vec<FormField>> {
        match &self.0 {
            Kind::UrlEncoded => url_encoded(content, is_whole),
            Kind::Multipart(delimiter) => multipart(content, delimiter, is_whole),
        }
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

/// RFC 2046 section 5.1.1, without the semicolon and the space, which browsers never send.
fn is_boundary(text: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(byte);
    (1..=70).contains(&text.len()) && text.iter().all(is_allowed)
}

fn url_encoded(content: &[u8], is_whole: bool) -> Option<Vec<FormField>> {
    let content = if is_whole {
        content
    } else {
        let end = content.iter().rposition(|byte| *byte == b'&');
        &content[..end.unwrap_or(0)]
    };
    let pairs = content.split(|byte| *byte == b'&');
    pairs
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = pair.split_at(at.unwrap_or(pair.len()));
            Some(FormField {
                name: String::from_utf8(decoded(name)?).ok()?,
                value: decoded(value.get(1..).unwrap_or_default())?,
                is_file: false,
            })
        })
        .collect()
}

/// Decodes percent-encoding; `None` if it is incomplete.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let mut bytes = text.iter().copied();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            byte => byte,
        });
    }
    Some(decoded)
}

/// The first part begins at the start: browsers send no preamble.
fn multipart(content: &[u8], delimiter: &[u8], is_whole: bool) -> Option<Vec<FormField>> {
    let mut fields = Vec::new();
    let Some(mut rest) = content.strip_prefix(&delimiter[2..]) else {
        let may_continue = !is_whole && delimiter[2..].starts_with(content);
        return may_continue.then_some(fields);
    };
    loop {
        if let Some(epilogue) = rest.strip_prefix(b"--") {
            return b"\r\n".starts_with(epilogue).then_some(fields);
        }
        if rest.starts_with(delimiter) {
            return None; // two delimiters share a line break
        }
        let Some(part) = rest.strip_prefix(b"\r\n") else {
            return (!is_whole && matches!(rest, b"" | b"\r" | b"-")).then_some(fields);
        };
        let Some(end) = find(part, delimiter) else {
            return (!is_whole).then_some(fields);
        };
        fields.push(part_of(&part[..end])?);
        rest = &part[end + delimiter.len()..];
    }
}

/// Reads a part: header fields, an empty line and the value.
fn part_of(part: &[u8]) -> Option<FormField> {
    let end = find(part, b"\r\n\r\n")?;
    let mut disposition = None;
    for line in std::str::from_utf8(&part[..end]).ok()?.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-disposition") {
            disposition.replace(value).is_none().then_some(())?;
        }
    }
    let (name, is_file) = names(disposition?)?;
    Some(FormField {
        name,
        value: part[end + 4..].to_vec(),
        is_file,
    })
}

/// Reads the parameters of `form-data` (RFC 7578 section 4.2): the name, and whether there is a
/// file name. Browsers quote both and percent-encode quotes.
fn names(disposition: &str) -> Option<(String, bool)> {
    let mut rest = disposition
        .trim_start_matches(' ')
        .strip_prefix("form-data")?;
    let (mut found, mut is_file) = (None, false);
    while !rest.is_empty() {
        let parameter = rest.strip_prefix(';')?.trim_start_matches(' ');
        let (name, quoted) = parameter.split_once("=\"")?;
        let (value, after) = quoted.split_once('"')?;
        match name {
            "name" => found.replace(value.to_owned()).is_none().then_some(())?,
            "filename" if !is_file => is_file = true,
            _ => return None,
        }
        rest = after;
    }
    Some((found?, is_file))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests;

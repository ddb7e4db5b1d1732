//! The `Set-Cookie` field (RFC 6265bis section 4.1).

use std::fmt::Write as _;

use super::SameSite;
use crate::error::{SessionError, SessionErrorKind};

/// The size that every browser supports: name, value and attributes together (RFC 6265 section
/// 6.1).
const MOST_BYTES: usize = 4096;

/// A cookie without its value. It is set and deleted by the same name, path and attributes, because
/// a browser deletes no other cookie (RFC 6265bis section 5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) name: String,
    pub(super) path: String,
    /// `None` restricts the cookie to the host that sets it.
    pub(super) domain: Option<String>,
    pub(super) secure: bool,
    pub(super) same_site: SameSite,
}

impl Cookie {
    /// Returns the field value that sets the cookie for `max_age` seconds; `None` until the browser
    /// ends.
    pub(super) fn set(&self, value: &str, max_age: Option<u64>) -> Result<String, SessionError> {
        // A delimiter in the value would let its rest be read as attributes.
        if value.is_empty() || !value.bytes().all(is_cookie_octet) {
            return Err(SessionError::new(
                SessionErrorKind::Misconfigured,
                "the token is not a valid cookie value",
            ));
        }
        let line = self.line(value, max_age);
        if line.len() > MOST_BYTES {
            return Err(SessionError::new(
                SessionErrorKind::TooLarge,
                format!(
                    "the cookie {:?} has {} bytes, more than the {MOST_BYTES} that browsers store",
                    self.name,
                    line.len()
                ),
            ));
        }
        Ok(line)
    }

    /// Returns the field value that deletes the cookie.
    pub(super) fn delete(&self) -> String {
        self.line("", Some(0))
    }

    fn line(&self, value: &str, max_age: Option<u64>) -> String {
        let mut line = format!("{}={value}; Path={}", self.name, self.path);
        if let Some(domain) = &self.domain {
            line.push_str("; Domain=");
            line.push_str(domain);
        }
        // Writing to a string cannot fail.
        if let Some(max_age) = max_age {
            let _ = write!(line, "; Max-Age={max_age}");
        }
        if self.secure {
            line.push_str("; Secure");
        }
        let _ = write!(line, "; HttpOnly; SameSite={}", self.same_site.as_str());
        line
    }
}

/// Returns `true` for a byte of a cookie value (RFC 6265bis section 4.1.1): no control character,
/// white space, quote, comma, semicolon or backslash.
const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2B | 0x2D..=0x3A | 0x3C..=0x5B | 0x5D..=0x7E)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie() -> Cookie {
        Cookie {
            name: "__Host-access".to_owned(),
            path: "/".to_owned(),
            domain: None,
            secure: true,
            same_site: SameSite::Lax,
        }
    }

    #[test]
    fn a_value_cannot_inject_attributes_or_fields() {
        for value in [
            "",
            "a; Domain=evil.example",
            "a\r\nSet-Cookie: b=1",
            "a b",
            "a,b",
            "\"a\"",
            "a\\b",
            "ä",
            "a\0",
            "a\tb",
            "a\u{7f}",
        ] {
            let error = cookie().set(value, Some(1)).unwrap_err();
            assert_eq!(error.kind(), SessionErrorKind::Misconfigured, "{value:?}");
        }
    }

    #[test]
    fn a_cookie_that_browsers_drop_is_an_error() {
        let fixed = cookie().set("x", Some(900)).unwrap().len() - 1;
        assert_eq!(
            cookie()
                .set(&"x".repeat(4096 - fixed), Some(900))
                .map(|line| line.len()),
            Ok(4096)
        );
        let error = cookie()
            .set(&"x".repeat(4097 - fixed), Some(900))
            .unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::TooLarge);
        assert!(!error.to_string().contains("xxx"));
    }
}

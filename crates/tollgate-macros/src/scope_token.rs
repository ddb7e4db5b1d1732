//! The grammar of one scope (RFC 6749 section 3.3), checked at compile time. `tollgate-core` checks
//! it again.

use syn::{Error, LitStr};

/// Returns an error for a literal that is not a scope-token, with the reason.
pub(crate) fn check(literal: &LitStr) -> syn::Result<()> {
    let text = literal.value();
    // scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
    let wrong = text
        .chars()
        .find(|char| !matches!(char, '\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e'));
    let message = match wrong {
        None if text.is_empty() => "a scope is not empty".to_owned(),
        None => return Ok(()),
        Some(' ') => {
            format!("{text:?} has a space, which separates scopes: write each scope by itself")
        }
        Some(char) => {
            format!(
                "{char:?} is not allowed in a scope (RFC 6749 section 3.3: visible ASCII without '\"' and '\\')"
            )
        }
    };
    Err(Error::new(literal.span(), message))
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn accepts(text: &str) -> bool {
        check(&LitStr::new(text, Span::call_site())).is_ok()
    }

    #[test]
    fn agrees_with_the_core_on_every_character() {
        for char in
            (0..=0x17f)
                .filter_map(char::from_u32)
                .chain(['\u{200b}', '\u{202e}', '\u{1f600}'])
        {
            for text in [char.to_string(), format!("a{char}"), format!("{char}a")] {
                assert_eq!(
                    accepts(&text),
                    tollgate_core::policy::is_scope_token(&text),
                    "{text:?}"
                );
            }
        }
        assert!(!accepts(""));
    }
}

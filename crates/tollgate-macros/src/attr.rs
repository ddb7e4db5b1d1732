//! The grammar of `#[claims(..)]`.

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, LitStr, Meta, Path, Token, parenthesized, token};

use crate::scope_token;

/// All `#[claims(..)]` attributes of a type.
#[derive(Default)]
pub(crate) struct Attrs {
    /// The value of `crate`.
    pub(crate) krate: Option<Path>,
    pub(crate) requirements: Vec<Requirement>,
}

/// One requirement. All requirements of a type must hold.
pub(crate) enum Requirement {
    Scope(ScopeRef),
    Role(LitStr),
    AnyScope(Vec<ScopeRef>),
    AnyRole(Vec<LitStr>),
}

/// A scope, by its type or by its name.
pub(crate) enum ScopeRef {
    Type(Path),
    Text(LitStr),
}

const KEYS: &str = "`scope`, `role`, `any_scope`, `any_role` or `crate`";

impl Attrs {
    pub(crate) fn from_syn(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut attrs = Self::default();
        for attribute in attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("claims"))
        {
            let Meta::List(list) = &attribute.meta else {
                return Err(Error::new_spanned(
                    &attribute.meta,
                    "expected `#[claims(..)]` with a list in parentheses",
                ));
            };
            if list.tokens.is_empty() {
                return Err(Error::new_spanned(
                    &attribute.meta,
                    format!("`claims` lists nothing: expected {KEYS}"),
                ));
            }
            for item in
                attribute.parse_args_with(Punctuated::<Item, Token![,]>::parse_terminated)?
            {
                match item {
                    Item::Crate(key, _) if attrs.krate.is_some() => {
                        return Err(Error::new(key.span(), "`crate` is given twice"));
                    }
                    Item::Crate(_, path) => attrs.krate = Some(path),
                    Item::Requirement(requirement) => attrs.requirements.push(requirement),
                }
            }
        }
        Ok(attrs)
    }

    /// Returns the value of `crate`, even when other parts of the attributes are invalid.
    pub(crate) fn find_crate(attributes: &[Attribute]) -> Option<Path> {
        let in_list = |input: ParseStream<'_>| {
            let mut found = None;
            while !input.is_empty() {
                if input.peek(Token![crate]) && input.peek2(Token![=]) {
                    input.parse::<Token![crate]>()?;
                    found = Some(crate_path(input)?);
                } else {
                    input.parse::<TokenTree>()?;
                }
            }
            Ok(found)
        };
        attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("claims"))
            .find_map(|attribute| attribute.parse_args_with(in_list).ok().flatten())
    }
}

/// One member of the list.
enum Item {
    Crate(Ident, Path),
    Requirement(Requirement),
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Token![crate]) {
            let keyword: Token![crate] = input.parse()?;
            return Ok(Self::Crate(
                Ident::new("crate", keyword.span),
                crate_path(input)?,
            ));
        }
        let key: Ident = input
            .parse()
            .map_err(|error| Error::new(error.span(), format!("expected {KEYS}")))?;
        Ok(Self::Requirement(match key.to_string().as_str() {
            "scope" => {
                value_follows(&key, input, "= OrdersRead` or `scope = \"orders:read\"")?;
                Requirement::Scope(input.parse()?)
            }
            "role" => {
                value_follows(&key, input, "= \"admin\"")?;
                Requirement::Role(role(input)?)
            }
            "any_scope" => Requirement::AnyScope(list(&key, input, ScopeRef::parse)?),
            "any_role" => Requirement::AnyRole(list(&key, input, role)?),
            _ => return Err(unknown(&key)),
        }))
    }
}

impl Parse for ScopeRef {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            let text: LitStr = input.parse()?;
            scope_token::check(&text)?;
            return Ok(Self::Text(text));
        }
        input.parse().map(Self::Type).map_err(|error| {
            Error::new(
                error.span(),
                "expected a type made by `scopes!`, or the scope in quotes",
            )
        })
    }
}

impl ToTokens for ScopeRef {
    fn to_tokens(&self, tokens: &mut proc_macro2::TokenStream) {
        match self {
            Self::Type(path) => path.to_tokens(tokens),
            Self::Text(text) => text.to_tokens(tokens),
        }
    }
}

fn role(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let role: LitStr = input
        .parse()
        .map_err(|error| Error::new(error.span(), "expected the name of a role, in quotes"))?;
    if role.value().is_empty() {
        return Err(Error::new(role.span(), "a role is not empty"));
    }
    Ok(role)
}

/// Parses the part after the keyword `crate`, in `#[claims(..)]` and in `scopes!`.
pub(crate) fn crate_path(input: ParseStream<'_>) -> syn::Result<Path> {
    input.parse::<Token![=]>()?;
    if input.peek(LitStr) {
        return Err(input.error("write the path of the crate without quotes"));
    }
    Path::parse_mod_style(input)
}

fn value_follows(key: &Ident, input: ParseStream<'_>, rest: &str) -> syn::Result<()> {
    if input.parse::<Option<Token![=]>>()?.is_none() {
        return Err(Error::new(key.span(), format!("expected `{key} {rest}`")));
    }
    Ok(())
}

fn list<T>(
    key: &Ident,
    input: ParseStream<'_>,
    item: fn(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<Vec<T>> {
    if !input.peek(token::Paren) {
        return Err(Error::new(
            key.span(),
            format!("expected a list: `{key}(.., ..)`"),
        ));
    }
    let content;
    parenthesized!(content in input);
    if content.is_empty() {
        return Err(Error::new(
            key.span(),
            format!("`{key}` of nothing never holds: list at least one"),
        ));
    }
    Ok(content
        .parse_terminated(item, Token![,])?
        .into_iter()
        .collect())
}

fn unknown(key: &Ident) -> Error {
    let name = key.to_string();
    let message = match name.as_str() {
        "rename"
        | "rename_all"
        | "default"
        | "flatten"
        | "alias"
        | "skip"
        | "with"
        | "deny_unknown_fields" => {
            format!("`{name}` is serde's: write `#[serde({name} ..)]`")
        }
        "scopes" => "unknown `scopes`: write `scope = ..` once for each scope".to_owned(),
        "roles" => "unknown `roles`: write `role = ..` once for each role".to_owned(),
        _ => format!("unknown `{name}`: expected {KEYS}"),
    };
    Error::new(key.span(), message)
}

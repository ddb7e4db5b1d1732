//! The grammar and the expansion of `scopes!`.

use std::collections::{HashMap, HashSet};

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, LitStr, Path, Token, Visibility, parse_quote};

use crate::{attr, scope_token};

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    match syn::parse2::<Scopes>(input) {
        Ok(scopes) => scopes.expand(),
        Err(error) => error.to_compile_error(),
    }
}

/// The parsed input, and the recoverable errors.
struct Scopes {
    krate: Path,
    declarations: Vec<Declaration>,
    errors: Vec<Error>,
}

/// `/// doc` `pub OrdersRead = "orders:read"`
struct Declaration {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    ident: Ident,
    value: syn::Result<LitStr>,
}

impl Parse for Scopes {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let krate = if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            let path = attr::crate_path(input)?;
            input.parse::<Token![;]>()?;
            path
        } else {
            parse_quote!(::tollgate)
        };
        let (mut declarations, mut errors) = (Vec::new(), Vec::new());
        while !input.is_empty() {
            declarations.push(input.parse()?);
            if !input.is_empty()
                && let Err(missing) = input.parse::<Token![,]>()
            {
                errors.push(missing);
            }
        }
        Ok(Self {
            krate,
            declarations,
            errors,
        })
    }
}

impl Parse for Declaration {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let ident = input.parse()?;
        input.parse::<Token![=]>()?;
        let value = input
            .parse::<LitStr>()
            .map_err(|error| Error::new(error.span(), "expected the scope in quotes"));
        if value.is_err() {
            while !input.is_empty() && !input.peek(Token![,]) {
                input.parse::<TokenTree>()?;
            }
        }
        Ok(Self {
            attributes,
            visibility,
            ident,
            value,
        })
    }
}

impl Scopes {
    fn expand(self) -> TokenStream {
        let Self {
            krate,
            declarations,
            mut errors,
        } = self;
        let mut names = HashSet::new();
        let mut values = HashMap::new();
        let mut output = TokenStream::new();
        for Declaration {
            attributes,
            visibility,
            ident,
            value,
        } in declarations
        {
            if !names.insert(ident.to_string()) {
                // A second struct with that name would give one error for each of its
                // implementations.
                errors.push(Error::new(
                    ident.span(),
                    format!("`{ident}` is declared twice"),
                ));
                continue;
            }
            let value = value.and_then(|value| {
                scope_token::check(&value)?;
                match values.insert(value.value(), ident.clone()) {
                    None => Ok(value.value()),
                    Some(first) => {
                        let message =
                            format!("{:?} is the scope of `{first}` already", value.value());
                        Err(Error::new(value.span(), message))
                    }
                }
            });
            // The type is generated even for an invalid value, so that its uses report no further
            // errors.
            let value = value.unwrap_or_else(|error| {
                errors.push(error);
                "invalid".to_owned()
            });
            output.extend(declare(&krate, &attributes, &visibility, &ident, &value));
        }
        output.extend(errors.iter().map(Error::to_compile_error));
        output
    }
}

fn declare(
    krate: &Path,
    attributes: &[Attribute],
    visibility: &Visibility,
    ident: &Ident,
    value: &str,
) -> TokenStream {
    let documented = attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("doc"));
    let doc = (!documented)
        .then(|| format!("The scope `{value}`."))
        .into_iter();
    quote! {
        #(#attributes)*
        #(#[doc = #doc])*
        #[derive(
            ::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug,
                ::core::default::Default,
            ::core::cmp::PartialEq, ::core::cmp::Eq, ::core::hash::Hash,
        )]
        #visibility struct #ident;

        #[automatically_derived]
        impl #krate::policy::Scope for #ident {
            const NAME: &'static str = #value;
        }
    }
}

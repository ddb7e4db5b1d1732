//! The expansion of `#[derive(Claims)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, GenericParam, Generics, Path, parse_quote};

use crate::ast::Input;
use crate::attr::{Attrs, Requirement, ScopeRef};

pub(crate) fn claims(input: &DeriveInput) -> TokenStream {
    match Input::from_syn(input).and_then(|input| input.validate().map(|()| input)) {
        Ok(input) => {
            let krate = krate(&input.attrs);
            let claim_set = claim_set(&input, &krate);
            let extraction = Extraction::of(input.ident, input.generics, &krate);
            let body = quote!(authentication.claims::<Self>());
            let extractors = extraction.expand(&body);
            quote!(#claim_set #extractors)
        }
        Err(error) => fallback(input, &error),
    }
}

fn krate(attrs: &Attrs) -> Path {
    attrs
        .krate
        .clone()
        .unwrap_or_else(|| parse_quote!(::tollgate))
}

/// Returns the error together with the extractors, so that handlers that use the type report no
/// further errors.
fn fallback(input: &DeriveInput, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    // A second error about a missing crate would hide the first.
    let krate = Attrs::find_crate(&input.attrs).unwrap_or_else(|| parse_quote!(::tollgate));
    if input.generics.lifetimes().next().is_some() {
        return error; // without a crate path, no extractor compiles
    }
    let extractors = Extraction::of(&input.ident, &input.generics, &krate)
        .without_bound()
        .expand(&quote!(::core::unreachable!()));
    quote!(#error #extractors)
}

fn claim_set(input: &Input<'_>, krate: &Path) -> TokenStream {
    let Input { ident, .. } = input;
    let generics = readable(ident, input.generics, krate);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let policy = policy(&input.attrs, krate);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Claims for #ident #type_generics #where_clause {
            fn policy() -> ::core::option::Option<&'static #krate::policy::Policy> {
                #policy
            }
        }
    }
}

fn policy(attrs: &Attrs, krate: &Path) -> TokenStream {
    if attrs.requirements.is_empty() {
        return quote!(::core::option::Option::None);
    }
    let requirements = attrs
        .requirements
        .iter()
        .map(|requirement| match requirement {
            Requirement::Scope(scope) => scope_policy(scope, krate),
            Requirement::Role(role) => quote!(#krate::policy::Policy::role(#role)),
            Requirement::AnyScope(scopes) => {
                let scopes = scopes.iter().map(|scope| scope_policy(scope, krate));
                quote!(#krate::policy::Policy::any([#(#scopes),*]))
            }
            Requirement::AnyRole(roles) => {
                quote!(#krate::policy::Policy::any([#(#krate::policy::Policy::role(#roles)),*]))
            }
        });
    quote! {
        static POLICY: ::std::sync::LazyLock<#krate::policy::Policy> =
            ::std::sync::LazyLock::new(|| #krate::policy::Policy::all([#(#requirements),*]));
        ::core::option::Option::Some(&POLICY)
    }
}

fn scope_policy(scope: &ScopeRef, krate: &Path) -> TokenStream {
    match scope {
        // Spanned at the path, so that the error for a type that is not a scope points there.
        ScopeRef::Type(path) => {
            quote_spanned!(path.span()=> <#path as #krate::policy::ScopeSet>::policy())
        }
        ScopeRef::Text(text) => quote!(#krate::policy::Policy::scope(#text)),
    }
}

/// The generics with the `Deserialize` bound. For a type without parameters, the compiler checks
/// the bound at the implementation of `Claims` and reports a missing `Deserialize` at the name of
/// the type.
fn readable(ident: &syn::Ident, generics: &Generics, krate: &Path) -> Generics {
    let mut generics = generics.clone();
    if !generics.params.is_empty() {
        let (_, type_generics, _) = generics.split_for_impl();
        let bound = parse_quote!(#ident #type_generics: #krate::__private::DeserializeOwned);
        generics.make_where_clause().predicates.push(bound);
    }
    generics
}

/// The extractor implementations for the web frameworks.
struct Extraction<'a> {
    ident: &'a syn::Ident,
    declared: &'a Generics,
    generics: Generics,
    krate: &'a Path,
}

impl<'a> Extraction<'a> {
    fn of(ident: &'a syn::Ident, declared: &'a Generics, krate: &'a Path) -> Self {
        Self {
            ident,
            declared,
            generics: readable(ident, declared, krate),
            krate,
        }
    }

    fn without_bound(self) -> Self {
        Self {
            generics: self.declared.clone(),
            ..self
        }
    }

    fn expand(&self, body: &TokenStream) -> TokenStream {
        let Self {
            ident,
            generics,
            krate,
            ..
        } = self;
        let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
        let parameters = generics.params.iter().map(declaration);
        let predicates = where_clause
            .into_iter()
            .flat_map(|clause| &clause.predicates);
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::__private::FromAuthentication for #ident #type_generics #where_clause {
                fn from_authentication(
                    authentication: &#krate::__private::Authentication,
                ) -> ::core::result::Result<Self, #krate::__private::Refusal> {
                    #body
                }
            }

            #krate::__impl_extractors! {
                [#(#parameters,)*] [#ident #type_generics] [#(#predicates,)*]
            }
        }
    }
}

/// Returns the parameter in the form of an `impl` header: without attributes and default.
fn declaration(parameter: &GenericParam) -> TokenStream {
    let mut parameter = parameter.clone();
    match &mut parameter {
        GenericParam::Type(parameter) => {
            parameter.attrs.clear();
            parameter.default = None;
        }
        GenericParam::Const(parameter) => {
            parameter.attrs.clear();
            parameter.default = None;
        }
        GenericParam::Lifetime(_) => {}
    }
    parameter.into_token_stream()
}

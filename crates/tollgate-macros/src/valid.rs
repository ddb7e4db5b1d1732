//! Validation beyond the grammar of the input.

use std::collections::HashSet;

use quote::ToTokens;
use syn::{Error, GenericParam, Generics, Path};

use crate::ast::{Input, Shape};
use crate::attr::{Requirement, ScopeRef};

impl Input<'_> {
    /// Returns the first error of the type.
    pub(crate) fn validate(&self) -> syn::Result<()> {
        self.check_shape()?;
        check_lifetimes(self.generics)?;
        if let Some(attribute) = self.misplaced.first() {
            return Err(Error::new_spanned(
                attribute,
                "`#[claims(..)]` stands on the type; fields and variants take serde's attributes",
            ));
        }
        self.check_requirements()
    }

    fn check_shape(&self) -> syn::Result<()> {
        match &self.shape {
            Shape::Object => Ok(()),
            Shape::Tuple(fields) => Err(Error::new_spanned(
                fields,
                "the claims of a token are an object: name the fields, or wrap one type",
            )),
            Shape::Unit => Err(Error::new_spanned(
                self.ident,
                format!(
                    "the claims of a token are an object: write `struct {} {{}}` to read none of \
                     them",
                    self.ident
                ),
            )),
            Shape::Union(span) => Err(Error::new(
                *span,
                "a union cannot be read from claims: use a struct or an enum",
            )),
        }
    }

    fn check_requirements(&self) -> syn::Result<()> {
        let mut seen = HashSet::new();
        for requirement in &self.attrs.requirements {
            match requirement {
                Requirement::Scope(scope) => self.check_scope(scope, &mut seen)?,
                Requirement::Role(role) => check_twice(role, &mut seen, "role")?,
                Requirement::AnyScope(scopes) => {
                    let mut seen = HashSet::new();
                    scopes
                        .iter()
                        .try_for_each(|scope| self.check_scope(scope, &mut seen))?;
                }
                Requirement::AnyRole(roles) => {
                    let mut seen = HashSet::new();
                    roles
                        .iter()
                        .try_for_each(|role| check_twice(role, &mut seen, "role"))?;
                }
            }
        }
        Ok(())
    }

    fn check_scope(
        &self,
        scope: &ScopeRef,
        seen: &mut HashSet<(&'static str, String)>,
    ) -> syn::Result<()> {
        if let ScopeRef::Type(path) = scope
            && self.is_parameter(path)
        {
            return Err(Error::new_spanned(
                path,
                "the policy is one for all uses of the type: a scope cannot depend on a parameter",
            ));
        }
        check_twice(scope, seen, "scope")
    }

    /// Returns whether the path goes through a type parameter, which a static cannot name.
    fn is_parameter(&self, path: &Path) -> bool {
        path.leading_colon.is_none()
            && path.segments.first().is_some_and(|first| {
                first.ident == "Self"
                    || self
                        .generics
                        .type_params()
                        .any(|param| param.ident == first.ident)
            })
    }
}

fn check_lifetimes(generics: &Generics) -> syn::Result<()> {
    match generics
        .params
        .iter()
        .find(|param| matches!(param, GenericParam::Lifetime(_)))
    {
        Some(lifetime) => Err(Error::new_spanned(
            lifetime,
            "claims own their data, since they outlive the token: use `String` or `Cow<'static, \
             str>` for borrowed text",
        )),
        None => Ok(()),
    }
}

fn check_twice(
    value: &impl ToTokens,
    seen: &mut HashSet<(&'static str, String)>,
    kind: &'static str,
) -> syn::Result<()> {
    if seen.insert((kind, value.to_token_stream().to_string())) {
        return Ok(());
    }
    Err(Error::new_spanned(
        value,
        format!("this {kind} is listed twice"),
    ))
}

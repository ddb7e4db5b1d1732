//! The input of a derive, reduced to the parts that the expansion needs.

use proc_macro2::Span;
use syn::{Attribute, Data, DeriveInput, Fields, Generics, Ident};

use crate::attr::Attrs;

/// The type that derives `Claims`.
pub(crate) struct Input<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) attrs: Attrs,
    pub(crate) shape: Shape<'a>,
    /// `#[claims]` attributes on fields or variants, where they are an error.
    pub(crate) misplaced: Vec<&'a Attribute>,
}

/// The kind of a type.
pub(crate) enum Shape<'a> {
    /// A type that serde can deserialize from an object.
    Object,
    /// A tuple struct whose number of fields is not one.
    Tuple(&'a Fields),
    Unit,
    Union(Span),
}

impl<'a> Input<'a> {
    pub(crate) fn from_syn(input: &'a DeriveInput) -> syn::Result<Self> {
        let (shape, inner) = match &input.data {
            Data::Struct(data) => {
                let shape = match &data.fields {
                    Fields::Unnamed(fields) if fields.unnamed.len() != 1 => {
                        Shape::Tuple(&data.fields)
                    }
                    Fields::Unit => Shape::Unit,
                    Fields::Named(_) | Fields::Unnamed(_) => Shape::Object,
                };
                (
                    shape,
                    data.fields.iter().flat_map(|field| &field.attrs).collect(),
                )
            }
            Data::Enum(data) => {
                let fields = data.variants.iter().flat_map(|variant| &variant.fields);
                let attrs = data.variants.iter().flat_map(|variant| &variant.attrs);
                (
                    Shape::Object,
                    attrs.chain(fields.flat_map(|field| &field.attrs)).collect(),
                )
            }
            Data::Union(data) => (Shape::Union(data.union_token.span), Vec::new()),
        };
        Ok(Self {
            ident: &input.ident,
            generics: &input.generics,
            attrs: Attrs::from_syn(&input.attrs)?,
            shape,
            misplaced: inner
                .into_iter()
                .filter(|attr: &&Attribute| attr.path().is_ident("claims"))
                .collect(),
        })
    }
}

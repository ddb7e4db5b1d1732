use proc_macro2::{TokenStream, TokenTree};

use super::{Module, Scan};

fn scan(path: &[&str], text: &str) -> Vec<Module> {
    let path = path.iter().map(|&name| name.to_owned()).collect();
    let tokens: TokenStream = text.parse().unwrap();
    let mut scan = Scan::new(path, "file.rs");
    scan.tokens(&tokens.into_iter().collect::<Vec<TokenTree>>());
    scan.finished
}

/// The paths in a file of the module `a::b`, joined.
fn paths(text: &str) -> Vec<String> {
    scan(&["a", "b"], text)
        .iter()
        .flat_map(|module| &module.paths)
        .map(|path| path.join("::"))
        .collect()
}

#[test]
fn paths_are_relative_to_the_root() {
    assert_eq!(paths("use crate::x::Y;"), ["x::Y"]);
    assert_eq!(paths("use super::x;"), ["a::x"]);
    assert_eq!(paths("pub(crate) use super::super::x;"), ["x"]);
    assert_eq!(paths("use self::x::*;"), ["a::b::x"]);
    assert_eq!(
        paths("fn f(x: &crate::x::Y) -> super::Z { crate::w::v() }"),
        ["x::Y", "a::Z", "w::v"]
    );
    assert_eq!(paths("m! { $crate::x::Y [crate::z::W] }"), ["x::Y", "z::W"]);
    assert!(
        paths("use serde::de::Error; use std::fmt; pub(crate) fn f(&self) { self.crate_x }")
            .is_empty()
    );
}

#[test]
fn groups_are_expanded() {
    let text = "use crate::{x::{self, Y as Z}, super_name::*, w::{a::A, b::{B, C}}};";
    assert_eq!(
        paths(text),
        ["x", "x::Y", "super_name", "w::a::A", "w::b::B", "w::b::C"]
    );
}

#[test]
fn an_inline_module_has_its_own_path() {
    assert_eq!(
        paths("mod inner { use super::x; use super::super::y; }"),
        ["a::b::x", "a::y"]
    );
}

#[test]
fn names_of_uses_are_read() {
    let modules = scan(
        &[],
        "pub use a::{A, b::B as C, self}; use x::*; use ::serde::Serialize;",
    );
    let names: Vec<_> = modules[0]
        .uses
        .iter()
        .map(|import| (import.name.as_str(), import.absolute.join("::")))
        .collect();
    let expected = [
        ("A", "a::A"),
        ("C", "a::b::B"),
        ("a", "a"),
        ("Serialize", "serde::Serialize"),
    ]
    .map(|(name, path)| (name, path.to_owned()));
    assert_eq!(names, expected);
}

#[test]
fn only_items_for_tests_are_skipped() {
    assert!(
        paths("#[cfg(test)] mod tests { use crate::x; } #[test] fn t() { crate::x::y(); }")
            .is_empty()
    );
    assert!(paths("#[cfg(test)] #[allow(dead_code)] mod tests { use crate::x; }").is_empty());
    assert_eq!(paths("#[cfg(test)] use crate::x; use crate::y;"), ["y"]);
    assert_eq!(
        paths("#[cfg(not(test))] use crate::x; #[cfg(unix)] use crate::y;"),
        ["x", "y"]
    );
}

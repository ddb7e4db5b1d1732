//! Generic types with claims.

#![allow(non_camel_case_types)] // r#type

#[path = "../tollgate_stub/mod.rs"]
mod tollgate_stub;

use std::fmt::Debug;

use serde::Deserialize;
use tollgate_macros::Claims;
use tollgate_stub::{Claims, Extract};

#[derive(Deserialize, Claims)]
#[claims(crate = tollgate_stub, scope = "orders:read")]
struct Plain<T> {
    _custom: T,
}

#[derive(Deserialize, Claims)]
#[claims(crate = tollgate_stub)]
struct Bounded<T: Debug + Clone = String, U = Vec<T>, const N: usize = 3>
where
    T: PartialEq,
    [T; N]: Debug,
    U: Default,
{
    _custom: T,
    #[serde(skip)]
    _more: U,
    #[serde(skip)]
    _size: std::marker::PhantomData<[T; N]>,
}

#[derive(Deserialize, Claims)]
#[claims(crate = tollgate_stub)]
struct Raw<r#type> {
    _type: r#type,
}

fn extracts<T: Extract<()> + Claims>() {}

fn main() {
    extracts::<Plain<u64>>();
    extracts::<Plain<Plain<String>>>();
    extracts::<Bounded>();
    extracts::<Bounded<u8, (), 7>>();
    extracts::<Raw<u8>>();
    assert!(Plain::<u64>::policy().is_some());
}

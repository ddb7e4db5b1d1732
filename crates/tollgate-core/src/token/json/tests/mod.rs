//! Tests of the strict JSON reader.

mod document;
mod names;
mod object;
mod proptests;
mod read;

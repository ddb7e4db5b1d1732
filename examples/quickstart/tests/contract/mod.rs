//! What both quickstarts do, whatever the framework.

mod arguments;
mod demo;
mod foreign;

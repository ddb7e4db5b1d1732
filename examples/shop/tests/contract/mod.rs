//! The tests of both shops.

mod program;
mod visitor;

use std::path::Path;

use crate::PROGRAM;
use crate::running::{Server, folder};

fn start(name: &str) -> Server {
    start_in(&folder(name), &[])
}

fn start_in(folder: &Path, arguments: &[&str]) -> Server {
    let arguments = [&["--front-end", "127.0.0.1:0"], arguments].concat();
    Server::start(PROGRAM, folder, &arguments)
}

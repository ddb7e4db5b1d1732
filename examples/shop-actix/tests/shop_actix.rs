//! Runs the shop on actix-web as a process, with the same tests as for axum.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[path = "../../shop/tests/contract/mod.rs"]
mod contract;
#[allow(dead_code)] // not every function is used here
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

const PROGRAM: &str = env!("CARGO_BIN_EXE_shop-actix");

/// Each example is copied from its own folder, so the code that does not depend on a framework is
/// in both.
#[test]
fn only_the_main_file_and_the_routes_differ_from_the_axum_example() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    for folder in ["src", "templates"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let here = entry.unwrap().path();
            let name = here.file_name().unwrap().to_owned();
            if name != "main.rs" && name != "web.rs" {
                let there = root.join("../shop").join(folder).join(&name);
                assert_eq!(read(here), read(there), "{name:?}");
            }
        }
    }
}

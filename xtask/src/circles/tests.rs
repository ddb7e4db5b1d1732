use super::{Imports, circles};

fn imports(edges: &[(&str, &str)]) -> Imports {
    let mut imports = Imports::new();
    for (importer, imported) in edges {
        imports
            .entry((*importer).to_owned())
            .or_default()
            .insert((*imported).to_owned(), format!("{importer}.rs"));
    }
    imports
}

#[test]
fn imports_in_one_direction_are_not_a_cycle() {
    assert!(circles(&imports(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
}

#[test]
fn a_cycle_of_two_modules_is_found_from_both() {
    let found = circles(&imports(&[("a", "b"), ("b", "a"), ("c", "a")]));
    assert_eq!(
        found,
        [
            "`a` imports `b` (in a.rs), which imports it: b -> a",
            "`b` imports `a` (in b.rs), which imports it: a -> b",
        ]
    );
}

#[test]
fn a_cycle_through_other_modules_is_found() {
    let found = circles(&imports(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].ends_with("b -> c -> a"), "{found:?}");
}

mod in_a_crate {
    use std::fs;
    use std::path::PathBuf;

    use crate::circles;

    /// A crate in its own directory.
    struct Source(PathBuf);

    impl Source {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root =
                std::env::temp_dir().join(format!("xtask-circles-{name}-{}", std::process::id()));
            for (file, text) in files {
                let path = root.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }

        fn circles(&self) -> Vec<String> {
            circles::circles_of(&self.0).unwrap()
        }
    }

    impl Drop for Source {
        fn drop(&mut self) {
            // A remaining temporary directory is harmless.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_directory_counts_as_one_module() {
        let source = Source::new(
            "directory",
            &[
                ("lib.rs", "mod gate; mod key;"),
                (
                    "gate/mod.rs",
                    "mod builder; use crate::key::Key; pub struct Gate;",
                ),
                ("gate/builder.rs", "use super::Gate;"),
                (
                    "key.rs",
                    "pub struct Key; fn f(gate: &crate::gate::builder::Builder) {}",
                ),
            ],
        );
        let found = source.circles();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[1].starts_with("`key` imports `gate` (in key.rs)"),
            "{found:?}"
        );
    }

    #[test]
    fn a_name_from_the_root_counts_for_its_module() {
        let source = Source::new(
            "reexport",
            &[
                ("lib.rs", "mod a; mod b; pub use a::{A as Front, Other};"),
                ("a.rs", "use super::b::B; pub struct A; pub struct Other;"),
                ("b.rs", "use crate::Front; pub struct B;"),
            ],
        );
        assert_eq!(source.circles().len(), 2);
    }

    #[test]
    fn directories_below_the_root_count() {
        let source = Source::new(
            "below",
            &[
                ("lib.rs", "mod gate;"),
                (
                    "gate/mod.rs",
                    "mod csrf; mod refusal; mod source; pub use source::Source;",
                ),
                ("gate/csrf.rs", "mod token; pub struct Csrf;"),
                ("gate/csrf/token.rs", "use crate::gate::Source;"),
                ("gate/source.rs", "mod cookie; pub struct Source;"),
                ("gate/source/cookie.rs", "use crate::gate::csrf::Csrf;"),
                // A file below the root may import its neighbours.
                ("gate/refusal.rs", "use super::csrf::Csrf;"),
            ],
        );
        let found = source.circles();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[1].starts_with("`source` imports `csrf` (in gate/source/cookie.rs)"),
            "{found:?}"
        );
    }

    #[test]
    fn the_root_is_not_part_of_a_cycle() {
        let source = Source::new(
            "root",
            &[
                (
                    "lib.rs",
                    "mod a; pub use a::A; pub mod __private { pub use crate::a::A; } pub fn f() {}",
                ),
                ("a.rs", "use crate::{__private, f}; pub struct A;"),
            ],
        );
        assert!(source.circles().is_empty(), "{:?}", source.circles());
    }

    #[test]
    fn tests_comments_and_strings_do_not_count() {
        let source = Source::new(
            "tests",
            &[
                ("lib.rs", "mod a; mod b; #[cfg(test)] mod fixture;"),
                ("a.rs", "use crate::b::B; pub struct A;"),
                (
                    "b.rs",
                    "//! See [`crate::a::A`].\n\
                     pub struct B; // crate::a::A\n\
                     const TEXT: &str = \"crate::a::A\";\n\
                     #[cfg(test)] use crate::a::A;\n\
                     #[cfg(test)] fn sample() -> crate::a::A { crate::a::A }\n\
                     #[cfg(test)] mod tests { use crate::a::A; }",
                ),
            ],
        );
        assert!(source.circles().is_empty(), "{:?}", source.circles());
    }
}

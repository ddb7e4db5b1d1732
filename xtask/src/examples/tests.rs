use super::{code, imported, named};

const RUST: &str = "\
//! Not `tollgate_core` in prose.
//! ```
//! # use tollgate_core::Hidden;
//! use tollgate::{Gate, tollgate_core_like};
//! ~~~
//! let gate = tollgate_tower::Gate;
//! ```
//! tollgate_core
use tollgate_core::Outside;
/// ```text
fn ended_with_its_comment() {}
/// tollgate_core
    /// ```toml
    /// tollgate-core = \"0.1\"
    /// tollgate = \"0.1\"
    /// ```
";

fn crates() -> Vec<String> {
    vec!["tollgate_core".to_owned(), "tollgate_tower".to_owned()]
}

#[test]
fn names_in_code_blocks_of_comments_are_found() {
    let expected = [
        (3, "tollgate_core"),
        (6, "tollgate_tower"),
        (14, "tollgate_core"),
    ];
    assert_eq!(named(&code(RUST, false), &crates()), expected);
}

#[test]
fn names_in_code_blocks_of_pages_are_found() {
    let page = "tollgate_core\n```rust\nuse tollgate_core::Key;\nuse tollgate::Key;\n```\n\
                `tollgate_core`\n";
    assert_eq!(named(&code(page, true), &crates()), [(3, "tollgate_core")]);
}

#[test]
fn visible_imports_of_other_crates_are_found() {
    let page = "```rust\nuse std::sync::Arc;\n# use redis_pool::ArcSwap;\nuse redis_pool::Guard;\n\
                use tollgate::Key;\n```\nuse redis_pool::Prose;\n";
    assert_eq!(imported(&code(page, true)), [(4, "redis_pool")]);
}

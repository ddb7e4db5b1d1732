//! Texts that a store may stumble over.

use tollgate_session::{SessionId, SystemRandom};

/// Fresh text, 22 characters of it, so that runs of the suite do not meet in a store.
pub(super) fn fresh() -> String {
    fresh_id().to_string()
}

pub(super) fn fresh_id() -> SessionId {
    SessionId::generate(&SystemRandom).expect("a test machine has randomness")
}

/// Texts that are easily taken for one another, for patterns, or for syntax: all different, none to be changed.
pub(super) fn texts() -> Vec<String> {
    let texts = [
        "",
        " ",
        "a",
        "A",
        "a ",
        " a",
        "a:b",
        "a:b:c",
        "{a}",
        "{a}b",
        "}{",
        "{}",
        "a*",
        "*",
        "?",
        "[a-z]",
        "%",
        "_",
        "'",
        "''",
        "a'; drop table sessions; --",
        "\"",
        "\\",
        "\\x00",
        "a\nb",
        "a\r\nb",
        "a\0b",
        "a\0",
        "\0",
        "null",
        "-1",
        "1e3",
        "ß",
        "ss",
        "é",
        "e\u{301}",
        "\u{1f9d1}\u{200d}\u{1f680}",
        "\u{202e}a",
        "\u{feff}a",
        "\u{10ffff}",
    ];
    let mut texts: Vec<String> = texts.map(str::to_owned).to_vec();
    let long = incompressible(4095);
    texts.extend([format!("{long}a"), format!("{long}b")]);
    texts
}

/// So many characters with nothing in them that repeats, for a store that compresses what it indexes.
pub(super) fn incompressible(length: usize) -> String {
    let blocks = length.div_ceil(22);
    let mut text: String = (0..blocks).map(|_| fresh()).collect();
    text.truncate(length);
    text
}

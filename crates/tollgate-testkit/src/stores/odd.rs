//! Unusual texts that a store may mishandle.

use tollgate_session::{SessionId, SystemRandom};

/// Generates 22 random characters, so that runs of the suite do not collide in a store.
pub(super) fn fresh() -> String {
    fresh_id().to_string()
}

pub(super) fn fresh_id() -> SessionId {
    SessionId::generate(&SystemRandom).expect("a test machine has randomness")
}

/// Returns texts that are easily confused with each other, or look like patterns or syntax. All are
/// different, and a store must not change any.
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

/// Returns a text of this length without repetitions, for a store that compresses its index.
pub(super) fn incompressible(length: usize) -> String {
    let blocks = length.div_ceil(22);
    let mut text: String = (0..blocks).map(|_| fresh()).collect();
    text.truncate(length);
    text
}

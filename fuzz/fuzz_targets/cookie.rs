//! Fuzzes a `Cookie` field line: the values of one name must agree with a plain parser.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// Returns the values of a cookie. Splits on `;` and on the first `=`, and trims spaces and tabs
/// around each part.
fn plain<'a>(line: &'a [u8], name: &[u8]) -> Vec<&'a [u8]> {
    let mut values = Vec::new();
    for pair in line.split(|byte| *byte == b';') {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let got = trim(parts.next().unwrap_or_default());
        let value = trim(parts.next().unwrap_or_default());
        if got == name {
            values.push(value);
        }
    }
    values
}

fn trim(mut part: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = part {
        part = rest;
    }
    part
}

fuzz_target!(|data: &[u8]| {
    for name in [&b"a"[..], b"token"] {
        assert_eq!(
            tollgate_core::fuzzing::cookie(data, name),
            plain(data, name)
        );
    }
});

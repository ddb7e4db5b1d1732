//! Duplicate names: found in every spelling, at every level, in linear time.

use crate::token::json::object::Object;
use crate::token::json::{Bounds, Flaw, work};

const BOUNDS: Bounds = Bounds {
    depth: 127,
    members: usize::MAX,
};

fn parse(text: &str) -> Result<Object, Flaw> {
    let mut object = Object::default();
    object.parse(text, BOUNDS).map(|()| object)
}

fn object(names: impl IntoIterator<Item = String>) -> String {
    let members: Vec<_> = names
        .into_iter()
        .map(|name| format!("\"{name}\":0"))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Creates objects whose names are as similar as possible: equal tags, equal lengths, equal
/// filters.
fn adversarial(count: usize) -> Vec<(&'static str, String)> {
    let numbers = || 0..count;
    let escaped = |n: usize| format!("\\u0061bcdefg{n:06}");
    vec![
        ("escaped", object(numbers().map(escaped))),
        ("plain", object(numbers().map(|n| format!("abcdefg{n:06}")))),
        ("short", object(numbers().map(|n| format!("{n:06x}")))),
        (
            "every character escaped",
            object(numbers().map(|n| {
                let name = format!("abcdefg{n:06}");
                let units: Vec<_> = name.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
                units.concat()
            })),
        ),
        (
            "surrogate pairs",
            object(numbers().map(|n| format!("\\ud83d\\ude00abc{n:06}"))),
        ),
        (
            "long common prefix",
            object(numbers().map(|n| format!("\\u0061{}{n:06}", "x".repeat(200)))),
        ),
        (
            "nested",
            format!("{{\"a\":[[{}]]}}", object(numbers().map(escaped))),
        ),
        (
            "many small objects",
            format!(
                "{{\"a\":[{}]}}",
                vec![object((0..8).map(escaped)); count / 8].join(",")
            ),
        ),
        (
            "many objects below the set's bound",
            format!(
                "{{\"a\":[{}]}}",
                vec![object((0..30).map(|n| format!("abcdefg{n:06}"))); count / 30].join(",")
            ),
        ),
        (
            "objects within objects",
            (0..100).fold("0".to_owned(), |inner, n| {
                let siblings = (0..count / 100).map(|n| format!("\"{}\":0", escaped(n)));
                let siblings: Vec<_> = siblings.collect();
                format!("{{{},\"inner{n}\":{inner}}}", siblings.join(","))
            }),
        ),
    ]
}

#[test]
fn names_cost_time_in_proportion_to_the_text() {
    for count in [500, 4_000] {
        for (what, text) in adversarial(count) {
            work::take();
            parse(&text).unwrap();
            let work = work::take();
            assert!(
                work <= 16 * text.len(),
                "{what}: {work} for {} bytes",
                text.len()
            );
            // Like the reader of a JWK Set: the outermost object only.
            work::take();
            Object::default().outline(&text).unwrap();
            let work = work::take();
            assert!(work <= 16 * text.len(), "{what}: {work} in outline");
        }
    }
}

#[test]
fn one_duplicate_among_thousands_is_found() {
    for (what, text) in adversarial(2_000) {
        // The first name of the text again, in the outermost object or in an object of its own.
        let name = text.split('"').nth(1).unwrap();
        let again = format!("{},\"{name}\":1}}", text.strip_suffix('}').unwrap());
        assert_eq!(parse(&again).unwrap_err(), Flaw::Duplicate, "{what}");
    }
}

#[test]
fn names_are_equal_after_unescaping_only() {
    for (one, other) in [
        ("a", r"\u0061"),
        (r"\u0061", "a"),
        ("", ""),
        ("/", r"\/"),
        (r"\n", r"\u000A"),
        ("\u{1f600}", r"\ud83d\ude00"),
        (r"\uD83D\uDE00", r"\ud83d\ude00"),
        ("client_id", r"client_i\u0064"),
        (r"client_\u0069d", r"client_i\u0064"),
        (r"\u0000", r"\u0000"),
        ("ä", r"\u00e4"),
    ] {
        let pair = format!("{{\"{one}\":1,\"{other}\":2}}");
        assert_eq!(parse(&pair).unwrap_err(), Flaw::Duplicate, "{pair}");
        let nested = format!("{{\"x\":[0,{{\"y\":{pair}}}]}}");
        assert_eq!(parse(&nested).unwrap_err(), Flaw::Duplicate, "{nested}");
        // In a large object, with the names far apart.
        let many = object((0..100).map(|n| n.to_string()));
        let many = &many[1..many.len() - 1];
        let large = format!("{{\"{one}\":1,{many},\"{other}\":2}}");
        assert_eq!(parse(&large).unwrap_err(), Flaw::Duplicate, "{large}");
        // Each name alone, in objects side by side and within each other.
        let apart = format!(
            "{{\"{one}\":{{\"{other}\":{{\"{one}\":1}}}},\"z\":[{{\"{one}\":1}},{{\"{other}\":2}}]}}"
        );
        assert!(parse(&apart).is_ok(), "{apart}");
    }
    for text in [
        r#"{"a":1,"A":2,"\\u0061":3,"a ":4,"":5," ":6,"\u0000":7}"#,
        r#"{"client_id":1,"client_ib":2,"client_i\u0063":3}"#,
        "{\"\u{e4}\":1,\"a\u{308}\":2}",
    ] {
        assert!(parse(text).is_ok(), "{text}");
    }
}

#[test]
fn the_members_before_a_flaw_are_kept() {
    let kept = |text: &str| {
        let mut object = Object::default();
        let flaw = object.parse(text, BOUNDS).unwrap_err();
        let names: Vec<_> = object
            .members()
            .iter()
            .map(|member| member.name(text).into_owned())
            .collect();
        (flaw, names.join(" "))
    };
    let (flaw, names) = kept(r#"{"a":1,"b":{"c":1,"c":2},"a":3,"d":4}"#);
    assert_eq!((flaw, &*names), (Flaw::Duplicate, "a b a d"));
    let (flaw, names) = kept(r#"{"a":1,"b":{"c":1,"d":[{"e":1,"f":}]}}"#);
    assert_eq!((flaw, &*names), (Flaw::Syntax, "a"));
    assert_eq!(
        kept(r#"{"a":1,"a":2"#).0,
        Flaw::Syntax,
        "the grammar comes first"
    );
}

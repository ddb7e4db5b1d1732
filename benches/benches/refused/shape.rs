//! JSON members that fill a token to its length, each dear in another way.

/// A name and members of at most that many bytes.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) fill: fn(usize) -> String,
}

/// The shapes for configurations that differ only in their keys.
pub(crate) const FEW: &[Shape] = SHAPES.split_at(2).0;

pub(crate) const SHAPES: &[Shape] = &[
    Shape {
        name: "one string",
        fill: |bytes| text("x", bytes),
    },
    Shape {
        name: "wide objects within",
        fill: |bytes| {
            let most = 1500.min(bytes - 10);
            let object = format!("{{{}}}", list(most, "", "", 200, |n| format!("\"{n}\":0")));
            list(bytes, "\"a\":[", "]", usize::MAX, |_| object.clone())
        },
    },
    Shape {
        name: "wide object",
        fill: |bytes| list(bytes, "", "", 200, |n| format!("\"member-{n}\":0")),
    },
    Shape {
        name: "empty objects",
        fill: |bytes| list(bytes, "\"a\":[", "]", usize::MAX, |_| "{\"\":{}}".into()),
    },
    Shape {
        name: "deep",
        fill: |bytes| {
            let nested = format!("{}0{}", "{\"a\":".repeat(13), "}".repeat(13));
            list(bytes, "\"a\":[", "]", usize::MAX, |_| nested.clone())
        },
    },
    Shape {
        name: "deep arrays",
        fill: |bytes| {
            let nested = format!("{}{}", "[".repeat(13), "]".repeat(13));
            list(bytes, "\"a\":[", "]", usize::MAX, |_| nested.clone())
        },
    },
    Shape {
        name: "similar names",
        fill: |bytes| {
            let object = format!(
                "{{{}}}",
                list(1000, "", "", 32, |n| format!("\"similar-{n:02}\":0"))
            );
            list(bytes, "\"a\":[", "]", usize::MAX, |_| object.clone())
        },
    },
    Shape {
        name: "escaped names",
        fill: |bytes| {
            list(bytes, "\"a\":{", "}", 256, |n| {
                format!("\"\\u00{n:02x}a\":0")
            })
        },
    },
    Shape {
        name: "escaped names of few",
        fill: |bytes| {
            let object = format!(
                "{{{}}}",
                list(1000, "", "", 32, |n| format!(
                    "\"similar-\\u00{:02x}\":0",
                    n + 48
                ))
            );
            list(bytes, "\"a\":[", "]", usize::MAX, |_| object.clone())
        },
    },
    Shape {
        name: "escapes",
        fill: |bytes| text("\\u0061", bytes),
    },
    Shape {
        name: "short escapes",
        fill: |bytes| text("\\n", bytes),
    },
    Shape {
        name: "surrogates",
        fill: |bytes| text("\\ud83d\\ude00", bytes),
    },
    Shape {
        name: "letters outside ASCII",
        fill: |bytes| text("é", bytes),
    },
    Shape {
        name: "long number",
        fill: |bytes| format!("\"a\":{}", "7".repeat(bytes.saturating_sub(4).max(1))),
    },
    Shape {
        name: "exponents",
        fill: |bytes| list(bytes, "\"a\":[", "]", usize::MAX, |_| "1.5e-9".into()),
    },
    Shape {
        name: "digits",
        fill: |bytes| list(bytes, "\"a\":[", "]", usize::MAX, |_| "0".into()),
    },
    Shape {
        name: "empty strings",
        fill: |bytes| list(bytes, "\"a\":[", "]", usize::MAX, |_| "\"\"".into()),
    },
    Shape {
        name: "nulls",
        fill: |bytes| list(bytes, "\"a\":[", "]", usize::MAX, |_| "null".into()),
    },
    Shape {
        name: "white space",
        fill: |bytes| format!("{}\"a\":0", " ".repeat(bytes.saturating_sub(5))),
    },
    Shape {
        name: "white space between",
        fill: |bytes| list(bytes, "\"a\":[", "]", usize::MAX, |_| "\n{ } ".into()),
    },
    Shape {
        name: "roles",
        fill: |bytes| {
            list(bytes, "\"roles\":[", "]", 256, |n| {
                format!("\"role-number-{n}\"")
            })
        },
    },
    Shape {
        name: "escaped roles",
        fill: |bytes| {
            list(bytes, "\"roles\":[", "]", 256, |n| {
                format!("\"\\u0072ole-{n}\"")
            })
        },
    },
    Shape {
        name: "scopes",
        fill: |bytes| {
            list(bytes, "\"scp\":[", "]", 256, |n| {
                format!("\"scope-number-{n}\"")
            })
        },
    },
    Shape {
        name: "audiences",
        fill: |bytes| {
            list(bytes, "\"aud\":[", ",\"orders-api\"]", 31, |n| {
                format!("\"an-audience-{n}\"")
            })
        },
    },
];

fn text(unit: &str, bytes: usize) -> String {
    let count = bytes.saturating_sub(6) / unit.len();
    format!("\"a\":\"{}\"", unit.repeat(count))
}

/// Joins as many items as fit.
fn list(
    bytes: usize,
    open: &str,
    close: &str,
    most: usize,
    item: impl Fn(usize) -> String,
) -> String {
    let mut out = open.to_owned();
    for number in 0..most {
        let item = item(number);
        if out.len() + 1 + item.len() + close.len() > bytes {
            break;
        }
        if number > 0 {
            out.push(',');
        }
        out.push_str(&item);
    }
    out + close
}

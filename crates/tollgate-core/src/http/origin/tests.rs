//! Tests of `origin`.

use proptest::prelude::*;

use super::*;

#[test]
fn origins_of_browsers_are_accepted() {
    for origin in [
        "https://app.example.com",
        "https://a",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "https://[::1]:8443",
        "https://[2001:db8::1]",
        "https://[::ffff:102:304]",
        "https://xn--bcher-kva.example",
        "https://my_app.example",
        "http://a.example:443",
        "https://a.example:80",
        "tauri://localhost",
        "capacitor://localhost",
        "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
    ] {
        assert_eq!(check(origin), Ok(()));
    }
}

const APP: &str = "https://app.example.com";

/// An origin, its mistake, and the correct form if there is one.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("https://app.example.com/", "has a trailing slash", APP),
    ("https://app.example.com/login", "has a path", APP),
    ("https://app.example.com//", "has a path", APP),
    ("https://app.example.com\\", "has a path", APP),
    ("https://app.example.com?x=/", "has a query", APP),
    ("https://app.example.com#/", "has a fragment", APP),
    ("HTTPS://app.example.com", "has a scheme in upper case", APP),
    ("https://App.Example.com", "has a host in upper case", APP),
    (
        "https://app.example.com:443",
        "has the default port of its scheme",
        APP,
    ),
    (
        "http://localhost:80/",
        "has a trailing slash",
        "http://localhost",
    ),
    ("https://app.example.com:", "has an invalid port", APP),
    ("https://a:08443", "has an invalid port", ""),
    ("https://a:65536", "has an invalid port", ""),
    ("https://a:0", "has an invalid port", ""),
    ("https://a:+1", "has an invalid port", ""),
    ("https://a:b:c", "has an invalid port", ""),
    ("https://a:1:2", "has a host that browsers do not send", ""),
    ("app.example.com", "has no scheme", APP),
    ("//app.example.com/", "has no scheme", APP),
    ("localhost:3000", "has no scheme", "https://localhost:3000"),
    (
        "wss://app.example.com/ws",
        "has a scheme that is not supported",
        APP,
    ),
    ("file://localhost", "has a scheme that is not supported", ""),
    (
        "://app.example.com",
        "has a scheme that is not supported",
        "",
    ),
    (
        "null",
        "is the origin of sandboxed pages of every site, which cannot be trusted",
        "",
    ),
    (
        "*",
        "has a wildcard: add each origin by a call of its own",
        "",
    ),
    (
        "https://*.example.com",
        "has a wildcard: add each origin by a call of its own",
        "",
    ),
    ("", "has no scheme", ""),
    ("https://", "has no host", ""),
    ("https://:8443", "has no host", ""),
    ("https://me@app.example.com", "has user information", ""),
    ("https://me:pw@a", "has user information", ""),
    (
        "https://app.example.com ",
        "has a host that browsers do not send",
        APP,
    ),
    (
        " https://app.example.com",
        "has a scheme that is not supported",
        APP,
    ),
    ("https://a.example,https://b.example", "has a path", ""),
    (
        "https://a.example, b.example",
        "has a host that browsers do not send",
        "",
    ),
    (
        "https://bücher.example",
        "has a host that is not ASCII: browsers send its form with `xn--`",
        "",
    ),
    ("https://127.1", "has a host that browsers do not send", ""),
    (
        "https://1.2.3.4.5",
        "has a host that browsers do not send",
        "",
    ),
    (
        "https://[0:0:0:0:0:0:0:1]",
        "has a host that browsers do not send",
        "https://[::1]",
    ),
    (
        "https://[::FFFF]",
        "has a host in upper case",
        "https://[::ffff]",
    ),
    ("https://[::1", "has a host that browsers do not send", ""),
    ("https://a%2eb", "has a host that browsers do not send", ""),
];

#[test]
fn a_mistake_is_named_and_corrected() {
    for (origin, mistake, correct) in MISTAKES {
        let correct = if correct.is_empty() {
            String::new()
        } else {
            format!(": write {correct:?}")
        };
        let expected = format!("{origin:?} {mistake}{correct}");
        assert_eq!(check(origin), Err(expected));
    }
}

#[test]
fn apps_and_extensions_have_one_spelling() {
    for origin in [
        "tauri://localhost/",
        "tauri://",
        "tauri://tauri.localhost",
        "capacitor://localhost:80",
        "capacitor://evil.example",
        "Capacitor://localhost",
        "chrome-extension://",
        "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcle",
        "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb/",
        "chrome-extension://AAPBDBDOMJKKJKAONFHKKIKFGJLLCLEB",
        "chrome-extension://qapbdbdomjkkjkaonfhkkikfgjllcleb",
        "chrome-extension://*",
        "moz-extension://0a1b",
        "file://",
    ] {
        assert!(check(origin).is_err(), "{origin}");
    }
}

proptest! {
    #[test]
    fn a_correction_is_accepted(text in "(https?|HTTP|wss?|x)?(://)?[a-cA-C@:/?#*é.\\[\\] 0-9]{0,12}") {
        if let Some(correct) = corrected(&text) {
            prop_assert_eq!(check(&correct), Ok(()));
            prop_assert_eq!(corrected(&correct), Some(correct));
        }
    }

    #[test]
    fn any_text_is_checked(text in ".{0,40}") {
        if check(&text).is_ok() {
            prop_assert_eq!(corrected(&text), Some(text));
        }
    }
}

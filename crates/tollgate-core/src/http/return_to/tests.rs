use proptest::prelude::*;

use super::*;

fn read(query: &str) -> Option<String> {
    ReturnTo::from_query(query).map(|to| to.to_string())
}

#[test]
fn only_paths_of_the_service_are_accepted() {
    for own in [
        "/",
        "/a",
        "/a/b?c=d&e=//f",
        "/a//b",
        "/a#b",
        "/%2F/evil.example",
        "/:80",
        "/.well-known/a",
        "/a/..b/...?c=/../d#/../e",
        "/@b",
    ] {
        assert_eq!(ReturnTo::parse(own).unwrap().as_str(), own);
    }
    for foreign in [
        "",
        "a",
        "?a",
        "//",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/a\\b",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: a=b",
        "\t//evil.example",
        " //evil.example",
        "/a b",
        "/a\0",
        "/a\x7f",
        "/\u{e9}",
        "/\u{2f}\u{2f}evil.example",
        "/\u{ff0f}evil.example",
        "https://evil.example",
        "https:/evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        // A browser removes the dot segments, and requests `//evil.example` of the service.
        "/.//evil.example",
        "/..//evil.example",
        "/a/..//evil.example",
        "/%2e//evil.example",
        "/.%2E//evil.example",
        "/a/.",
        "/..?b",
        "/a/%2e%2E#b",
    ] {
        assert_eq!(ReturnTo::parse(foreign), None, "{foreign:?}");
    }
    let long = format!("/{}", "a".repeat(LONGEST - 1));
    assert!(ReturnTo::parse(&*long).is_some());
    assert_eq!(ReturnTo::parse(long + "a"), None);
}

#[test]
fn the_parameter_is_decoded_once() {
    assert_eq!(read("return_to=/a%3Fb=c").as_deref(), Some("/a?b=c"));
    assert_eq!(read("a=b&return_to=%2fa&c").as_deref(), Some("/a"));
    assert_eq!(read("return_to=/%252Fevil").as_deref(), Some("/%2Fevil"));
    for other in [
        "",
        "return_to",
        "return_to=",
        "Return_to=/a",
        "xreturn_to=/a",
        "return_to=/a&return_to=/b",
        "return_to=/a&return_to=",
        "return_to=%2F%2Fevil.example",
        "return_to=/%5Cevil.example",
        "return_to=/%09/evil.example",
        "return_to=/a+b",
        "return_to=/a%",
        "return_to=/a%2",
        "return_to=/a%zz",
        "return_to=/a%+1",
        "return_to=/%FF",
        "return_to=/%C3%A9",
    ] {
        assert_eq!(read(other), None, "{other:?}");
    }
}

#[test]
fn the_target_of_a_request_returns_through_the_parameter() {
    for (path, query, expected) in [
        ("/", None, Some("/")),
        (
            "/orders",
            Some("page=2&x=a+b%20c"),
            Some("/orders?page=2&x=a+b%20c"),
        ),
        ("/caf\u{e9}", Some("\""), Some("/caf%C3%A9?\"")),
        ("/a\\b", Some(""), Some("/a%5Cb?")),
        ("//evil.example", None, None),
        ("/\\evil.example", None, Some("/%5Cevil.example")),
        ("", Some("a"), None),
        ("*", None, None),
    ] {
        let to = ReturnTo::of_target(path, query);
        assert_eq!(to.as_ref().map(ReturnTo::as_str), expected);
        for page in ["/login", "/login?lang=de"] {
            let page = to.as_ref().map(|to| to.appended_to(page));
            let query = page.as_deref().and_then(|page| page.split_once('?'));
            assert_eq!(query.and_then(|(_, query)| ReturnTo::from_query(query)), to);
        }
    }
    assert_eq!(
        ReturnTo::of_target(&format!("/{}", "\u{e9}".repeat(500)), None),
        None
    );
}

/// The host of a target for a browser on `https://own.example`, by the URL standard: tabs, line
/// breaks and outer white space are removed, and a backslash is a slash.
fn host_of(target: &str) -> Option<String> {
    let text: String = target
        .trim_matches(|letter: char| letter <= ' ')
        .chars()
        .filter(|letter| !matches!(letter, '\t' | '\n' | '\r'))
        .map(|letter| if letter == '\\' { '/' } else { letter })
        .collect();
    let path = text.strip_prefix('/')?;
    (!path.starts_with('/')).then(|| "own.example".to_owned())
}

proptest! {
    #[test]
    fn an_accepted_target_stays_on_the_host(text in "[/\\\\a:@?#%.\t\n\r \0\u{e9}]{0,8}") {
        if let Some(to) = ReturnTo::parse(&*text) {
            prop_assert_eq!(host_of(to.as_str()), Some("own.example".to_owned()));
            prop_assert_eq!(to.as_str(), &text);
            let page = to.appended_to("/login");
            prop_assert!(page.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(ReturnTo::from_query(&page["/login?".len()..]), Some(to));
        }
    }

    #[test]
    fn any_query_is_read(query in "(return_to=)?[/%25Ff&=+a\\\\\u{e9}]{0,12}") {
        if let Some(to) = ReturnTo::from_query(&query) {
            prop_assert_eq!(ReturnTo::parse(to.as_str()), Some(to.clone()));
        }
    }

    #[test]
    fn any_target_of_a_request_is_own_or_dropped(path in ".{0,20}", query in proptest::option::of(".{0,20}")) {
        if let Some(to) = ReturnTo::of_target(&path, query.as_deref()) {
            prop_assert_eq!(ReturnTo::parse(to.as_str()), Some(to.clone()));
        }
    }
}

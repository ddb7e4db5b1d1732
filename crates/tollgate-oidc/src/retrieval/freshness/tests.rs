//! Tests of the life of a response.

use proptest::prelude::*;

use super::*;

/// 2031-11-20T00:00:00Z, a Thursday.
const NOW: u64 = 1_952_899_200;

fn life_of(headers: &[(&str, &str)]) -> Option<u64> {
    life(&response(headers), NOW).map(|life| life.as_secs())
}

fn response(headers: &[(&str, &str)]) -> FetchResponse {
    let empty = FetchResponse::new(200, "");
    headers.iter().fold(empty, |response, (name, value)| {
        response.with_header(name, *value)
    })
}

#[test]
fn cache_control_sets_the_life() {
    for (said, life) in [
        ("", None),
        ("public", None),
        ("s-maxage=60", None),
        ("must-revalidate, stale-if-error=60", None),
        ("max-age=60", Some(60)),
        ("Max-Age=60", Some(60)),
        ("max-age=\"60\"", Some(60)),
        ("max-age=\"6\\0\"", Some(60)),
        ("max-age=060", Some(60)),
        ("public , max-age=60 ,, immutable", Some(60)),
        ("a=\"max-age=5, \\\" no-store\", max-age=60", Some(60)),
        ("max-age=60, max-age=30", Some(30)),
        ("max-age=30, MAX-AGE=60", Some(30)),
        ("max-age=60, s-maxage=10", Some(60)),
        ("max-age=18446744073709551616", Some(u64::MAX)),
        ("max-age=0", Some(0)),
        ("max-age=60, no-store", Some(0)),
        ("NO-CACHE, max-age=60", Some(0)),
        ("no-cache=\"set-cookie\", max-age=60", Some(0)),
        ("max-age", Some(0)),
        ("max-age=", Some(0)),
        ("max-age=\"\"", Some(0)),
        ("max-age=-1", Some(0)),
        ("max-age=+1", Some(0)),
        ("max-age=1.5", Some(0)),
        ("max-age=6_0", Some(0)),
        ("max-age = 60", Some(0)),
        ("max-age=60 public", Some(0)),
        ("max-age=\"60", Some(0)),
        ("max-age=\"60\\", Some(0)),
        ("max-age=60; public", Some(0)),
        ("=60", Some(0)),
        ("\u{e9}", Some(0)),
    ] {
        assert_eq!(life_of(&[("cache-control", said)]), life, "{said}");
    }
    // Lines are one list (RFC 9110 section 5.3).
    assert_eq!(
        life_of(&[
            ("cache-control", "max-age=60"),
            ("cache-control", "max-age=30")
        ]),
        Some(30)
    );
    assert_eq!(
        life_of(&[
            ("cache-control", "max-age=60"),
            ("cache-control", "no-store")
        ]),
        Some(0)
    );
    let binary =
        FetchResponse::new(200, "").with_header("cache-control", b"max-age=60, a=\xff".to_vec());
    assert_eq!(life(&binary, NOW), Some(Duration::ZERO));
}

#[test]
fn the_age_header_counts() {
    for (age, life) in [
        ("0", 60),
        ("10", 50),
        (" 10 ", 50),
        ("60", 0),
        ("99999999999999999999", 0),
        ("", 0),
        ("-5", 0),
        ("a", 0),
        ("10, 20", 0),
    ] {
        assert_eq!(
            life_of(&[("cache-control", "max-age=60"), ("age", age)]),
            Some(life),
            "{age}"
        );
    }
    assert_eq!(
        life_of(&[
            ("cache-control", "max-age=60"),
            ("age", "10"),
            ("age", "20")
        ]),
        Some(40)
    );
    assert_eq!(life_of(&[("age", "10")]), None);
}

#[test]
fn expires_sets_the_life() {
    const DATE: &str = "Thu, 20 Nov 2031 00:00:00 GMT";
    const LATER: &str = "Thu, 20 Nov 2031 00:01:00 GMT";
    for (expires, life) in [
        (LATER, 60),
        ("Thursday, 20-Nov-31 00:01:00 GMT", 60),
        ("Thu Nov 20 00:01:00 2031", 60),
        (DATE, 0),
        ("Wed, 19 Nov 2031 00:00:00 GMT", 0),
        ("0", 0),
        ("-1", 0),
        ("", 0),
        ("2031-11-20T00:01:00Z", 0),
    ] {
        assert_eq!(
            life_of(&[("expires", expires), ("date", DATE)]),
            Some(life),
            "{expires}"
        );
        // Without `date`, the current time counts.
        assert_eq!(life_of(&[("expires", expires)]), Some(life), "{expires}");
    }
    assert_eq!(
        life_of(&[("expires", LATER), ("date", DATE), ("age", "10")]),
        Some(50)
    );
    assert_eq!(life_of(&[("expires", LATER), ("date", "now")]), Some(0));
    assert_eq!(
        life_of(&[("expires", LATER), ("expires", DATE), ("date", DATE)]),
        Some(0)
    );
    assert_eq!(
        life_of(&[("expires", LATER), ("date", DATE), ("date", LATER)]),
        Some(0)
    );
    assert_eq!(life_of(&[("date", DATE)]), None);
    // RFC 9111 section 5.3: `max-age` counts, regardless of `expires`.
    assert_eq!(
        life_of(&[("expires", LATER), ("cache-control", "max-age=5")]),
        Some(5)
    );
    assert_eq!(
        life_of(&[("expires", "0"), ("cache-control", "max-age=5")]),
        Some(5)
    );
    assert_eq!(
        life_of(&[("expires", LATER), ("cache-control", "public")]),
        Some(60)
    );
}

#[test]
fn http_dates_are_parsed() {
    assert_eq!(http_date(b"Thu, 20 Nov 2031 00:00:00 GMT"), Some(NOW));
}

proptest! {
    #[test]
    fn odd_headers_never_extend_the_life(
        name in prop::sample::select(vec!["cache-control", "age", "expires", "date"]),
        value in prop::collection::vec(any::<u8>(), 0..64),
        more in "[a-zA-Z0-9=\", \\\\-]{0,40}",
    ) {
        let base = response(&[("cache-control", "max-age=60")]);
        let odd = base.with_header(name, value).with_header("cache-control", more);
        // No additional header extends the life.
        prop_assert!(life(&odd, NOW) <= Some(Duration::from_secs(60)));
    }

    #[test]
    fn the_list_notation_does_not_matter(
        seconds in prop::collection::vec(0..1_000_000_u64, 1..5),
        quoted in any::<[bool; 5]>(),
        upper in any::<[bool; 5]>(),
        split in any::<[bool; 5]>(),
        blank in "[ \t,]{0,4}",
    ) {
        let mut lines = vec![String::new()];
        for (i, seconds) in seconds.iter().enumerate() {
            let name = if upper[i] { "MAX-AGE" } else { "max-age" };
            let quote = if quoted[i] { "\"" } else { "" };
            if split[i] {
                lines.push(String::new());
            }
            let line = format!("{blank},{name}={quote}{seconds}{quote},{blank}");
            lines.last_mut().unwrap().push_str(&line);
        }
        let headers: Vec<_> = lines.iter().map(|line| ("Cache-Control", line.as_str())).collect();
        prop_assert_eq!(life_of(&headers), seconds.iter().min().copied());
    }
}

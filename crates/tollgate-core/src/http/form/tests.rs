use proptest::prelude::*;

use super::*;
use crate::http::request::TestRequest;

fn form(content_type: &str) -> Option<FormType> {
    FormType::of(&TestRequest::new("POST").with("content-type", content_type))
}

fn read(content_type: &str, content: &str, is_whole: bool) -> Option<Vec<(String, String)>> {
    let fields = form(content_type)?.fields(content.as_bytes(), is_whole)?;
    let text = |value: Vec<u8>| String::from_utf8(value).expect("UTF-8");
    let pairs = fields.into_iter();
    Some(pairs.map(|it| (it.name, text(it.value))).collect())
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "compared with the result of `read`"
)]
fn pairs(wanted: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
    let owned = wanted.iter();
    Some(
        owned
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect(),
    )
}

const URL: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=XX";

fn part(name: &str, value: &str) -> String {
    format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

#[test]
fn only_strict_content_types_of_forms_are_read() {
    for good in [
        URL,
        "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=\"utf-8\";",
        PARTS,
        "Multipart/Form-Data;Boundary=\"XX\"; charset=utf-8",
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
    ] {
        assert!(form(good).is_some(), "{good}");
    }
    for bad in [
        "",
        "text/plain",
        "application/json",
        "application/x-www-form-urlencoded2",
        "application/x-www-form-urlencoded; boundary=XX",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=utf-8; charset=utf-8",
        "multipart/form-data",
        "multipart/mixed; boundary=XX",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=XX; boundary=YY",
        "multipart/form-data; boundary=XX; boundary=XX",
        "multipart/form-data; boundary=\"X\"X\"",
        "multipart/form-data; boundary=X X",
        "multipart/form-data; boundary=\"X;X\"",
        "multipart/form-data, multipart/form-data; boundary=XX",
    ] {
        assert!(form(bad).is_none(), "{bad}");
    }
    assert!(form(&format!("multipart/form-data; boundary={}", "x".repeat(70))).is_some());
    assert!(form(&format!("multipart/form-data; boundary={}", "x".repeat(71))).is_none());
    let twice = TestRequest::new("POST")
        .with("content-type", URL)
        .with("content-type", URL);
    assert!(FormType::of(&twice).is_none());
}

#[test]
fn url_encoded_fields_are_decoded() {
    assert_eq!(read(URL, "", true), pairs(&[]));
    assert_eq!(
        read(URL, "a=1&&b=%C3%A4+x&c&=d&e=f=g", true),
        pairs(&[("a", "1"), ("b", "ä x"), ("c", ""), ("", "d"), ("e", "f=g")])
    );
    for broken in ["a=%", "a=%4", "a=%zz", "%=1", "%FF=1"] {
        assert_eq!(read(URL, broken, true), None, "{broken}");
    }
}

#[test]
fn an_incomplete_field_is_left_out() {
    assert_eq!(read(URL, "a=1&b=2", false), pairs(&[("a", "1")]));
    assert_eq!(read(URL, "a=1", false), pairs(&[]));
    let whole = part("a", "1") + &part("b", "2") + "--XX--\r\n";
    assert_eq!(read(PARTS, &whole, true), pairs(&[("a", "1"), ("b", "2")]));
    for length in 0..whole.len() {
        let read = read(PARTS, &whole[..length], false).expect("a good start");
        let complete = (part("a", "1").len() + 4, part("a", "1").len() * 2 + 4);
        let wanted = usize::from(length >= complete.0) + usize::from(length >= complete.1);
        assert_eq!(read.len(), wanted, "{length}");
    }
}

#[test]
fn a_broken_multipart_form_has_no_fields() {
    let good = part("a", "1");
    let end = "--XX--\r\n";
    assert!(read(PARTS, &(good.clone() + end), true).is_some());
    for broken in [
        String::new(),
        good.clone(),
        format!("preamble\r\n{good}{end}"),
        format!("\r\n{good}{end}"),
        format!("{good}--XX--x"),
        format!("{good}--XX\n{end}"),
        good.replace("\r\n", "\n") + end,
        good.replace("form-data", "attachment") + end,
        good.replace("name=\"a\"", "name=a") + end,
        good.replace("name=\"a\"", "name=\"a\"; name=\"b\"") + end,
        good.replace("name=\"a\"", "name=\"a\"; name*=\"b\"") + end,
        good.replace("; name=\"a\"", "") + end,
        good.replace(
            "\r\n\r\n",
            "\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n",
        ) + end,
        good.replace("Content-Disposition", " Content-Disposition") + end,
        good.replace("Content-Disposition:", "Content-Disposition") + end,
    ] {
        assert_eq!(read(PARTS, &broken, true), None, "{broken:?}");
    }
}

#[test]
fn a_value_may_look_like_a_delimiter() {
    for value in ["\r\n-XX", "\r\n--X", "\n--XX\n", "a=1&b=2", "\r\n\r\n"] {
        let content = part("a", value) + "--XX--";
        assert_eq!(
            read(PARTS, &content, true),
            pairs(&[("a", value)]),
            "{value:?}"
        );
    }
    // The empty line before the value is the start of a delimiter.
    for value in ["--XX", "--XX--", "--XXY"] {
        let content = part("a", value) + "--XX--";
        assert_eq!(read(PARTS, &content, true), None, "{value:?}");
    }
}

#[test]
fn a_file_is_marked() {
    let content = part("a", "1").replace("\"a\"", "\"a\"; filename=\"%22x\"") + "--XX--";
    let fields = form(PARTS).and_then(|form| form.fields(content.as_bytes(), true));
    assert!(fields.is_some_and(|fields| fields[0].is_file));
}

/// The parts of a whole form: the pieces between delimiters (RFC 2046 section 5.1.1), where the
/// first delimiter has no line break before it.
fn plain(content: &str) -> Option<Vec<FormField>> {
    let all = format!("\r\n{content}");
    let pieces: Vec<_> = all.split("\r\n--XX").collect();
    let (first, rest) = pieces.split_first()?;
    let (last, parts) = rest.split_last()?;
    if !first.is_empty() || !["--", "--\r", "--\r\n"].contains(last) {
        return None;
    }
    let parts = parts.iter().map(|part| part.strip_prefix("\r\n"));
    parts.map(|part| part_of(part?.as_bytes())).collect()
}

#[test]
fn two_delimiters_share_no_line_break() {
    let hidden = "--XX\r\n--XX:\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XX--";
    assert_eq!(read(PARTS, hidden, true), None);
    assert_eq!(plain(hidden), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_multipart_form_is_divided_at_its_delimiters(
        pieces in proptest::collection::vec(
            prop_oneof![
                4 => Just("--XX\r\n"),
                4 => Just("\r\n--XX\r\n"),
                2 => Just("\r\n--XX--"),
                6 => Just("Content-Disposition: form-data; name=\"a\"\r\n\r\nv"),
                2 => Just("Content-Disposition: form-data; name=\"csrf_token\"\r\n\r\n"),
                1 => Just("content-disposition: form-data; name=\"b\"; filename=\"b\"\r\n\r\n"),
                1 => Just("X: y\r\n"),
                1 => Just("\r\n"),
                1 => Just("--XX"),
                1 => Just("--"),
                1 => Just(":"),
                1 => Just("\r"),
                1 => Just("\n"),
                1 => Just("-"),
            ],
            0..9,
        ),
        has_start: bool,
        has_end: bool,
        cut in 0_usize..400,
    ) {
        let start = if has_start { "--XX\r\n" } else { "" };
        let end = if has_end { "\r\n--XX--\r\n" } else { "" };
        let content = format!("{start}{}{end}", pieces.concat());
        let form = form(PARTS).expect("a form");
        let fields = form.fields(content.as_bytes(), true);
        prop_assert_eq!(&fields, &plain(&content));
        // A start has the first of them, or none.
        let start = &content.as_bytes()[..cut.min(content.len())];
        if let (Some(all), some) = (fields, form.fields(start, false)) {
            let some = some.expect("the start of a well-formed form");
            prop_assert_eq!(&all[..some.len()], &some[..]);
        }
    }
}

proptest! {
    #[test]
    fn every_content_is_read_within_its_bounds(
        content in proptest::collection::vec(any::<u8>(), 0..300),
        is_whole: bool,
    ) {
        for form in [form(URL), form(PARTS)].into_iter().flatten() {
            let prefixed = [b"--XX\r\n", &content[..]].concat();
            for content in [&content, &prefixed] {
                let fields = form.fields(content, is_whole).unwrap_or_default();
                let total: usize = fields.iter().map(|it| it.name.len() + it.value.len()).sum();
                prop_assert!(total <= content.len());
            }
        }
    }

    #[test]
    fn a_start_has_the_first_fields_of_the_whole(
        values in proptest::collection::vec("[a-z\r\n&=-]{0,9}", 1..5),
        cut in 0_usize..200,
    ) {
        let parts: String = values.iter().map(|value| part("n", value)).collect();
        let whole = parts + "--XX--\r\n";
        let cut = cut.min(whole.len());
        let all = read(PARTS, &whole, true).expect("well-formed");
        let some = read(PARTS, &whole[..cut], false).expect("a good start");
        prop_assert_eq!(all.len(), values.len());
        prop_assert_eq!(&all[..some.len()], &some[..]);
    }
}

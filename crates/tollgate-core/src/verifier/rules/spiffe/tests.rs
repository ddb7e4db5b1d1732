use proptest::prelude::*;

use super::*;

#[test]
fn a_workload_has_exactly_one_spelling() {
    let long = format!("spiffe://example.org/{}", "a".repeat(2048 - 21));
    for id in [
        "spiffe://example.org/billing",
        "spiffe://example.org/ns/prod/sa/Billing_1.x-y",
        "spiffe://example.org/...",
        "spiffe://example.org/.a/b..",
        &long,
    ] {
        assert_eq!(trust_domain(id), Some("spiffe://example.org"), "{id}");
    }
    assert_eq!(trust_domain("spiffe://1.2.3.4/a"), Some("spiffe://1.2.3.4"));
    let longer = format!("{long}a");
    let domain = format!("spiffe://{}/a", "a".repeat(256));
    for id in [
        "",
        "spiffe://",
        "spiffe:///a",
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://example.org/billing/",
        "spiffe://example.org//billing",
        "spiffe://example.org/./billing",
        "spiffe://example.org/a/../billing",
        "spiffe://example.org/billing?x",
        "spiffe://example.org/billing#x",
        "spiffe://example.org/bill%69ng",
        "spiffe://example.org/b\u{69}\u{308}lling",
        "spiffe://example.org/a b",
        "spiffe://example.org\\@evil/a",
        "spiffe://Example.org/billing",
        "spiffe://example.org:443/billing",
        "spiffe://user@example.org/billing",
        "spiffe://exa%6dple.org/billing",
        "SPIFFE://example.org/billing",
        "https://example.org/billing",
        " spiffe://example.org/billing",
        &longer,
        &domain,
    ] {
        assert_eq!(trust_domain(id), None, "{id}");
    }
}

proptest! {
    #[test]
    fn every_text_has_at_most_the_trust_domain_that_it_begins_with(id in "spiffe://[a-z.%/@:A-Z]{0,20}|.{0,30}") {
        if let Some(domain) = trust_domain(&id) {
            prop_assert!(is_trust_domain(domain.strip_prefix(SCHEME).unwrap()));
            prop_assert!(id[domain.len()..].starts_with('/'));
            prop_assert!(!id.ends_with('/') && !id.contains(['%', '?', '#', '@']));
        }
    }
}

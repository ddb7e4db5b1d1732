//! Tests of the table of methods.

use tollgate_core::policy::{Held, scope};

use super::*;

fn table() -> MethodPolicies {
    MethodPolicies::builder()
        .open("/grpc.health.v1.Health/Check")
        .require("/shop.v1.Orders/*", scope("orders:read"))
        .require("/shop.v1.Orders/Cancel", scope("orders:write"))
        .build()
        .expect("consistent")
}

fn named(path: &str) -> String {
    let table = table();
    let policy = table.policy(path);
    policy.map_or_else(|| "open".to_owned(), ToString::to_string)
}

#[test]
fn a_method_has_its_own_policy_or_that_of_its_service() {
    assert_eq!(named("/grpc.health.v1.Health/Check"), "open");
    assert_eq!(named("/shop.v1.Orders/Cancel"), r#"scope("orders:write")"#);
    assert_eq!(named("/shop.v1.Orders/List"), r#"scope("orders:read")"#);
    assert_eq!(named("/shop.v1.Orders/"), r#"scope("orders:read")"#);
}

#[test]
fn only_the_exact_path_is_open() {
    for path in [
        "",
        "/",
        "*",
        "/grpc.health.v1.Health/Watch",
        "/grpc.health.v1.Health/check",
        "/grpc.health.v1.Health/Check/",
        "/grpc.health.v1.Health/Check/x",
        "/grpc.health.v1.Health/Check/../Watch",
        "//grpc.health.v1.Health/Check",
        "/x/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Chec%6b",
        "/grpc.health.v1.Health",
        "/shop.v1.Orders/Cancel/x",
        "/shop.v1.Orders/x/Cancel",
        "shop.v1.Orders/Cancel",
        "/SHOP.v1.Orders/Cancel",
    ] {
        assert_eq!(named(path), "deny()", "{path}");
    }
    // Below a service, everything that is no open method needs the policy of the service.
    for path in [
        "/shop.v1.Orders/cancel",
        "/shop.v1.Orders/Cance%6c",
        "/shop.v1.Orders/*",
    ] {
        assert_eq!(named(path), r#"scope("orders:read")"#, "{path}");
    }
}

#[test]
fn the_policy_of_other_methods_can_be_set() {
    let table = MethodPolicies::builder()
        .open("/a.B/C")
        .unlisted(scope("x"))
        .unlisted(Policy::allow())
        .build()
        .expect("consistent");
    let policy = table.policy("/a.B/D").expect("not open");
    assert!(policy.permits(&Held::new()));
}

#[test]
fn names_are_checked() {
    let require = |name: &str| {
        MethodPolicies::builder()
            .require(name, Policy::allow())
            .build()
    };
    for name in ["/a/b", "/a.b.C/D", "/a.b.C/*", "/a_1.B-2/c_D"] {
        assert!(require(name).is_ok(), "{name}");
    }
    for name in [
        "",
        "/",
        "a/b",
        "/a",
        "/a/",
        "//b",
        "/a/b/c",
        "/a/b?c",
        "/a/b%20",
        "/a /b",
        "/*/b",
        "/a*/b",
        "/a/b*",
        "/*",
        "/é/b",
        " /a/b",
        "/a/b\n",
        "https://x/a/b",
    ] {
        let error = require(name).expect_err(name);
        assert_eq!(error.kind(), ConfigErrorKind::InvalidText, "{name}");
    }
    let twice = MethodPolicies::builder()
        .require("/a.B/*", Policy::allow())
        .require("/a.B/*", Policy::allow());
    assert_eq!(
        twice.build().expect_err("twice").kind(),
        ConfigErrorKind::Duplicate
    );
}

//! The examples of RFC 7515 appendix A, RFC 7519, RFC 7797, RFC 8037 and RFC 9068, as printed
//! there.

#![allow(clippy::unwrap_used)]

use tollgate_core::{Key, Principal, Rejection, RejectionKind, SigningKey, Verifier};

/// RFC 7515 appendix A.1.1.
const A1_KEY: &str = concat!(
    r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZ"#,
    r#"r1Z9CAow"}"#,
);

/// RFC 7515 appendix A.1.1; RFC 7519 section 3.1 shows the same token.
const A1: &str = concat!(
    r#"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA"#,
    r#"6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"#,
);

/// RFC 7515 appendix A.2.1, the public part.
const A2_KEY: &str = concat!(
    r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2"#,
    r#"mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH"#,
    r#"SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7"#,
    r#"aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
);

/// RFC 7515 appendix A.2.1.
const A2: &str = concat!(
    r#"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9"#,
    r#"pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Q"#,
    r#"c_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARN"#,
    r#"PvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6I"#,
    r#"eYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"#,
);

/// RFC 7515 appendix A.3.1, the public part.
const A3_KEY: &str = concat!(
    r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_"#,
    r#"tue659LNpXW6pCyStikYjKIWI5a0"}"#,
);

/// RFC 7515 appendix A.3.1.
const A3: &str = concat!(
    r#"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9"#,
    r#"pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqP"#,
    r#"P3-Kg6NU1Q"#,
);

/// RFC 7515 appendix A.4.1, the public part.
const A4_KEY: &str = concat!(
    r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLF"#,
    r#"V1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd"#,
    r#"0AZMaZmh9ubmf63e3kyMj2"}"#,
);

/// RFC 7515 appendix A.4.1: the payload is the word "Payload".
const A4: &str = concat!(
    r#"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZq"#,
    r#"wqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9E"#,
    r#"RBXukOXolLzeO_Jn"#,
);

/// RFC 7515 appendix A.5 and RFC 7519 section 6.1: an unsecured token.
const A5: &str = concat!(
    r#"eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p"#,
    r#"c19yb290Ijp0cnVlfQ."#,
);

/// RFC 7515 appendix E: a critical extension that is unknown.
const E: &str = concat!(
    r#"eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFt"#,
    r#"cGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA."#,
);

/// RFC 7797 section 4.
const B64_KEY: &str = concat!(
    r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZ"#,
    r#"r1Z9CAow"}"#,
);

/// RFC 7797 section 4.2, the payload detached.
const B64: &str = concat!(
    r#"eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff"#,
    r#"6dmDY"#,
);

/// RFC 8037 appendix A.1.
const ED_KEY: &str = concat!(
    r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfV"#,
    r#"S_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
);

/// RFC 8037 appendix A.2.
const ED_PUBLIC: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// RFC 8037 appendix A.4: the payload is a sentence.
const ED: &str = concat!(
    r#"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AI"#,
    r#"bQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"#,
);

/// The expiry of the tokens of RFC 7515.
const EXPIRY: u64 = 1_300_819_380;

fn verify(key: &str, token: &str, now: u64) -> Result<Principal, Rejection> {
    let verifier = Verifier::builder()
        .issuer("joe")
        .dangerous_any_audience()
        .key(Key::from_jwk(key).unwrap())
        .leeway(std::time::Duration::ZERO)
        .clock(move || now)
        .build()
        .unwrap();
    verifier.verify(token)
}

fn refused(key: &str, token: &str) -> RejectionKind {
    verify(key, token, EXPIRY - 1).unwrap_err().kind()
}

/// Changes the second-to-last character of the signature: the last one may have unused bits.
fn tampered(token: &str) -> String {
    let at = token.len() - 2;
    let other = if token.as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

#[test]
fn rfc_7515_appendix_a_1_to_a_3_verify_until_they_expire() {
    for (key, token) in [(A1_KEY, A1), (A2_KEY, A2), (A3_KEY, A3)] {
        let principal = verify(key, token, EXPIRY - 1).unwrap();
        assert_eq!(principal.issuer(), Some("joe"));
        assert_eq!(principal.expires_at(), Some(EXPIRY));
        assert_eq!(
            principal.claim("http://example.com/is_root"),
            Some(true.into())
        );
        assert_eq!(
            verify(key, token, EXPIRY).unwrap_err().kind(),
            RejectionKind::Expired
        );
        assert_eq!(refused(key, &tampered(token)), RejectionKind::BadSignature);
    }
}

#[test]
fn rfc_7515_appendix_a_keys_do_not_verify_other_tokens() {
    for (key, token) in [
        (A1_KEY, A2),
        (A2_KEY, A3),
        (A3_KEY, A1),
        (A2_KEY, A1),
        (A4_KEY, A3),
    ] {
        assert_eq!(refused(key, token), RejectionKind::WrongAlgorithm);
    }
}

#[test]
fn rfc_7515_appendix_a_4_is_signed_but_not_a_claims_set() {
    assert_eq!(refused(A4_KEY, A4), RejectionKind::MalformedClaims);
    assert_eq!(refused(A4_KEY, &tampered(A4)), RejectionKind::BadSignature);
}

#[test]
fn rfc_7515_appendix_a_5_is_never_accepted() {
    for key in [A1_KEY, A2_KEY, A3_KEY, A4_KEY, ED_PUBLIC] {
        assert_eq!(refused(key, A5), RejectionKind::WrongAlgorithm);
    }
}

#[test]
fn rfc_7515_appendix_e_is_refused_for_its_extension() {
    let rejection = verify(A1_KEY, E, EXPIRY - 1).unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::UnsupportedExtension);
}

#[test]
fn rfc_7797_an_unencoded_payload_is_not_a_jwt() {
    let (header, signature) = B64.split_once("..").unwrap();
    assert_eq!(refused(B64_KEY, B64), RejectionKind::UnsupportedExtension);
    assert_eq!(
        refused(B64_KEY, &format!("{header}.JC4wMg.{signature}")),
        RejectionKind::UnsupportedExtension
    );
}

#[test]
fn rfc_8037_appendix_a_4_signs_and_verifies() {
    let (input, printed) = ED.rsplit_once('.').unwrap();
    let signature = SigningKey::from_jwk(ED_KEY)
        .unwrap()
        .sign(input.as_bytes())
        .unwrap();
    // Ed25519 is deterministic: the bytes equal those of the RFC.
    assert_eq!(
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(signature),
        printed
    );
    // The payload is not JSON: the error shows that the signature was accepted.
    assert_eq!(refused(ED_PUBLIC, ED), RejectionKind::MalformedClaims);
    assert_eq!(
        refused(ED_PUBLIC, &tampered(ED)),
        RejectionKind::BadSignature
    );
}

/// RFC 9068 section 3, figure 2: header and claims of an access token. The RFC has no key.
#[test]
fn rfc_9068_figure_2_meets_the_profile() {
    let key = SigningKey::hs256([7; 32]).unwrap();
    let claims = serde_json::json!({
        "iss": "https://authorization-server.example.com/",
        "sub": "5ba552d67",
        "aud": "https://rs.example.com/",
        "exp": 1_639_528_912_u64,
        "iat": 1_618_354_090_u64,
        "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
        "client_id": "s6BhdRkqt3",
        "scope": "openid profile reademail",
    });
    let verifier = Verifier::builder()
        .issuer("https://authorization-server.example.com/")
        .audience("https://rs.example.com/")
        .key(key.verifying_key())
        .access_token_profile()
        .clock(|| 1_618_354_100)
        .build()
        .unwrap();
    let principal = verifier
        .verify(key.encode_with("at+JWT", &claims).unwrap())
        .unwrap();
    assert_eq!(principal.client_id(), Some("s6BhdRkqt3"));
    assert!(principal.has_scope("reademail"));
    let plain = verifier.verify(key.encode(&claims).unwrap()).unwrap_err();
    assert_eq!(plain.kind(), RejectionKind::WrongType);
}

//! Malformed signatures (RFC 7518 section 3, RFC 8032 section 5.1.7, RFC 8017).

use tollgate_core::{Algorithm, Gate};

use super::case::{Case, bearer, bearers, case};
use super::expect::{Seen, bad_signature, seen};
use super::fixtures::{plain, rules, token_by};
use crate::keys;

/// The base64url of `{"alg":"PS256"}`, `{"alg":"RS256"}`, `{"alg":"EdDSA"}` and the mint's claims.
const PS256: &str = "eyJhbGciOiJQUzI1NiJ9";
const RS256: &str = "eyJhbGciOiJSUzI1NiJ9";
const EDDSA: &str = "eyJhbGciOiJFZERTQSJ9";
const CLAIMS: &str = "eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjoib3JkZXJzLWFwaSIsInN1YiI6InUtNyIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwOTAwfQ";

// Created with Python's `cryptography` and the issuer's keys, because correct signers create only
// few of them.
const SALT_32: &str = "eGF6PTlHoUSI1hF1arvhO4WJpnlIeU5wuf662GGrinR_4gLQV60FuOKmuzhqrShuHoDYPfjDOm3SpQ2trF7rxaXTxNEIPTf1PGQ79VNW6Wazfei1GZWM5zkdYxUccThwyCPxIruPZNzO6NOYaNfH_JVkEXVz5SkPuX2DNuAO0dUoujtYd3eMVNJiABuL3LfqPiKhETsXlU5Y7Ld_8w0SnLM-eUqgOsJWPZ5G53ToGG6LJnY5w0YTEP_NKTYU87KdLd0ETRxQ_ook20lYGnUqQqop2IEAOstSbWADQJ-Or9ft2uYSCq7xB8wQboyCcqANp1X58cqavqWV8wDyHcWeEQ";
const SALT_0: &str = "ohOIejcsi7Um9vP5zERW13tHtuUM1Wr2A_AYhHhUnkRBKGS3_ciHNyf17mozYwNJ-vCcKK175uOdiWLR2W2aYz1D772QEGKMe_GvVviignMZzQpkrRkpLLKPrv9x2RzpHPVWrat05MZ-7WkiNjv7AiegtkcvReHQGpU9-rUngCE-vSAsCrUbVEedQ9WpM5NXpnXTMWKFsyzaHaxdjVhWzffYflBTRkHpziL9N9rRoOnpan9SOmk1cf1vAzyvY5Fm3tdG_unaDXnlfMkBb5HIVhCK9ngkQHoUXKFrIOLrzEsogcXvKe4doYCcC6BO65rnzV2Isvpwq9gpier-l7pA5g";
const SALT_20: &str = "uZteq1lRSZcxkM_7WNSR0wsPBvkz799RBuRoS7ayEpjp-mqu-UbD7rh0zwWxnNwOU69MX3mgPQ_aWv_PzBm8dL3M3iby68_wA1usLQgtPLe3ctrjuwI7dGV85RJUgaeUBdPTdq9WwcPnNvCxlNwCcQYy6dYYTEF5g5u-wwW9V0f0dpr-_dIN7zE5tt1410JnN09LUGoR8dq_B_s13LH2HEvJNw80xoDn7vHBGSYq1-wRPrLVFRjmkBhkKnrZQHaeE0-tgp9KJnFapUkPJyjSQbYGJhrlL8WFMGjIQ9pmPHISN6-DmPqx1t4D8Y7dq5GK0C3AdN_XlQbqm5d24O66xg";
const SALT_MAX: &str = "Z7de12mKgVLV3zutUo_QIbKpDSrWnBehh4N9CFnJHgqmMPoEU9nfx_7J3MC2dBBvw0covNKXy-Y18tk9ggSuGzcuQSxNPviR1X98jjBtxIQgggDr4qVh617ezMbBqfIyRL3dkJKc6yLzQddb23chvbGEGhG8RY4ErVA_hB8HKJE6Ygb3SwInvOjcYrVQ-WBzOej9K4wZ34vp9zxZQLCs5GcrOnQINkJd27yIZ-MGVN7DB192BlY19xY4wnvTdaDEkYFtaqnEmmkfriRHbjcmoAhLhHVakYl-m9Tm188qRe8_O-8Q2unjS0a3DPVngcwHBLh_H8jtaGNMqxOPKVbTNA";
const MASK_SHA1: &str = "JzLFLSl7S1Ln8Pu2_7_n6C7QtuCxXmnetqoHk04I0jmQ_-a8KlS-SWQD9v3hCqh_VMToLPt_IOl-V3jM8pqqBlVtkzeQMAfkkxW_2CgsnAsQ6mqVzq22dlcPAVBop76kimJkOEzAMukN96KffwdFg8w6wSujG-uNOLLPlm-bQwlQAyavChoIunWeu9zPH3-LjDE98ZjcA_DSju1wRG-AgJvmVzsFJQ979qKLpjW_NHkpXh2Yp09rrRJb3KCb4EsXQmz2hQv4N6bEVaqNHy85Pz5rbkrf3xnyPOUzgMSc_uwtyUfx10qmnBThs5BHLoVrhhYYYxZjzZ0a19TEMCAD6g";
const PKCS1: &str = "VVPDPgSHZVQnz7E8sAayNmTSWzyuHkO3hul5kxQbpX9MrniNONeNnUZbqTuuNk0Jtknd9G1lCTwjtoQ1URgXKdXb1PGTPXsj3bIQZcFHT4acNZvq99sKWog9ayn9Q9N--yaEbBaOr2BgyaF-93yFe10lerhV07tlHSITogJ90FMp4AXpuykRPYqjcdlU_0h6xjBISIKaLzWS7hlDAWpa0pU-bUQ6BI-wfPt_gACrCnT6dkp2utzCYg8223yV_fioqS0O3BSwkOa3vwRJlW1HL3fUKl73URhAlDJ6erM7Pp7snR26qwBqwHPD_vB4kN-rGyWgKwm7GYwQ9-83W1CE5Q";
const PKCS1_SHA1: &str = "VpmM_UFZQ8qKmJRybSVDSlrVIHr5HsX8LaClgQ7znOYY3NIL65T7Q8DnTHsZiv70km57RjBIDnypszKD_oEdXB1FfvCaC0Wi3I_AZ-hJJIH9yjPv9l7YaNC1Q2LSyTtc8w5Kv0DYHw5z1RLZAqcjZR5touGKRsDVc_clZGzxT9JTBWbHwzVAunBncBkHtzmEurWBpHFZAv_s8pDXbW79zfoLLJpl2xdNoIIYP5cMmXKLv2OPLkC2P23Z_N--dDjuWBstO-Satx0dKHmD2sFbD0ShBhn-tdIkk3iNMuVIKUQDBH_TBxyJV7CXvPmE_-Xw6j4iKNrTc45o758l4FwBMg";
const PKCS1_GARBAGE: &str = "CBZx-m9aWaBsMoZqklfJwaVmQiBxDeLqE3bnV-kuxU-h7DaDtXgFxXF4AaBXB8OH7MCfQT6M7KKtbJkiqh2V_lg-WUbqLMk7mYUMjvXM7DKYGqgtzILXhuXPDHpJo1pMnHhjlS63rWfNZwzauixYPX6rOOVsmF6QzO85FdirXCqJ6sAv65AvBJhrbxEYTCWd3sea9IucOWggnZ2kGnDNFLLtR1UsiSmCZTJ7vb9YEOjjCL8eD7MdH5j6mHw6RcG58pXY2isxg6NnZGuxqvp3Mae_0FhTJatCraHhUTEqDnWDVCAQLscWL9MUfQH6RAGRN14ApdeCQeaxO-X24hv38A";
const PKCS1_NO_NULL: &str = "b3JmXTr9-67c8wRXh5U1RSrbtiuQ2i08q61ungZT-xsB1L2EiuM91VZYpoG09D9fhPL97jUD1usvCManGVVzd9Y-N2y1yF6WcDK6hIerb6TxSxQHG8xXAkkpQPkGM5C-U0eSqKDL_ccjUPT_ji7t89nLqysUCntOB2mZJ4KdGyoAw8wVhY2Dc7PZnuX-fH1lUsLLwjr551WqNyznqUi5ejczHfxqsmGjGMsD7C3_FsNPUrMVaMJWOIS39kzPv4VdWHqMtjhZsmhAIFJB78UeNu6PviTFYZLvMBDbuhqeufI1NJQoHYO21wAY3gMVsFWlxFCmCsDImGJbjd6Irt484w";
const PKCS1_PLUS_MODULUS: &str = "ARiO6P4uAlJBUHl-fXSPAHdrgH1_9N8r_FfLZOUICit3lSlrdzwEAca69BIFiR4-B_ZRlbzr7-vnJWJxHyL8YSJbPcbjtRZ3UBgYbh855cIceDJUE2OPyfp6Veo9DJbHJwtkdHVZ5xtn4QXCDG3RGhbgUae-fzzDyz4rA2BBw_-xSTQxPGlbGwz2hHw8BsJHqPiZhWar-4MYuFV9jTPvpXUqrg_9iG4vcrD4fLTHINfcKirYMXJC6OoiRB7q-AdBYasd4DFgTzWyCQtXz2sl7VsMkE8D_mb2bQlXu3nMTL1aXJ5hd7v1H68YJEgDaBec87TPwcqI1sEnhT_EN4nIt8A";
const EDWARDS: &str =
    "lENVpDHU8Pz2LyPQWJGFy0Fh-PCyBKI-kDOMdVLgTTGiZHvfJN6fcCdbyvuMSMgUcLIUPQ6U7YpG9zOOlP34DQ";
const EDWARDS_PLUS_ORDER: &str =
    "lENVpDHU8Pz2LyPQWJGFy0Fh-PCyBKI-kDOMdVLgTTGPOHE8P0GyyP33wZ5rQqcpcLIUPQ6U7YpG9zOOlP34HQ";

fn only(algorithm: Algorithm) -> Gate {
    plain(rules().key(keys::verifying(algorithm)))
}

/// Expects a token with only `alg` in its header.
fn bare(algorithm: &str) -> Seen {
    seen().by(algorithm).but("key id", "-").but("type", "-")
}

fn made(header: &str, signature: &str) -> String {
    format!("{header}.{CLAIMS}.{signature}")
}

/// Encodes `r` and `s` as the `SEQUENCE` of two `INTEGER`s that X.509 and most libraries use.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let first = number
            .iter()
            .position(|byte| *byte != 0)
            .unwrap_or(number.len() - 1);
        let sign = if number[first] & 0x80 == 0 {
            &[][..]
        } else {
            &[0]
        };
        let body = [sign, &number[first..]].concat();
        [&[2, u8::try_from(body.len()).unwrap_or(u8::MAX)], &body[..]].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    if length < 0x80 {
        [&[0x30, length], &body[..]].concat()
    } else {
        [&[0x30, 0x81, length], &body[..]].concat()
    }
}

/// The order of P-256.
const P256_ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = ecdsa();
    cases.extend(rsa());
    cases.extend(others());
    cases
}

fn ecdsa() -> Vec<Case> {
    let es256 = only(Algorithm::ES256);
    let good = token_by(Algorithm::ES256).segments();
    let signature = good.signature_bytes();
    let (r, s) = signature.split_at(32);
    let signed = |octets: Vec<u8>| bearer(good.clone().with_signature(octets).to_string());
    let zero = [0; 32];
    let one = [&[0; 31][..], &[1]].concat();
    let sized = [
        (Algorithm::ES256, 64),
        (Algorithm::ES384, 96),
        (Algorithm::ES512, 132),
    ];
    let curves = || {
        plain(sized.iter().fold(rules(), |rules, (algorithm, _)| {
            rules.key(keys::verifying(*algorithm))
        }))
    };
    let each = |change: &dyn Fn(Vec<u8>, usize) -> Vec<u8>| {
        bearers(sized.iter().map(|(algorithm, length)| {
            let token = token_by(*algorithm).segments();
            let signature = change(token.signature_bytes(), *length);
            token.with_signature(signature).to_string()
        }))
    };
    vec![
        case(
            "r = s = 0 (CVE-2022-21449)",
            curves(),
            each(&|_, length| vec![0; length]),
            bad_signature(),
        ),
        case(
            "r or s is 0, or the order of the curve",
            es256.clone(),
            [
                signed([r, &zero].concat()),
                signed([&zero, s].concat()),
                signed([P256_ORDER, P256_ORDER].concat()),
                signed([r, &P256_ORDER].concat()),
                signed([&P256_ORDER, s].concat()),
                signed([P256_ORDER, zero].concat()),
            ],
            bad_signature(),
        ),
        case(
            "r = s = 1, and the maximum values",
            es256.clone(),
            [
                signed([one.clone(), one.clone()].concat()),
                signed(vec![0xFF; 64]),
                signed([&one[..], s].concat()),
                signed([r, &one].concat()),
            ],
            bad_signature(),
        ),
        case(
            "a signature in DER",
            curves(),
            each(&|signature, _| der(&signature)),
            bad_signature(),
        ),
        case(
            "r = s = 0 in DER",
            es256.clone(),
            signed(vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
            bad_signature(),
        ),
        case(
            "r and s swapped",
            es256.clone(),
            signed([s, r].concat()),
            bad_signature(),
        ),
        case(
            "a signature one octet short, or long",
            curves(),
            each(&|signature, length| signature[..length - 1].to_vec())
                .into_iter()
                .chain(each(&|signature, _| [signature, vec![0]].concat()))
                .chain(each(&|signature, _| [vec![0], signature].concat()))
                .collect::<Vec<_>>(),
            bad_signature(),
        ),
        case(
            "r and s padded to the size of another curve",
            es256.clone(),
            signed([&[0; 16][..], r, &[0; 16], s].concat()),
            bad_signature(),
        ),
        case(
            "half a signature, and two",
            es256,
            [
                signed(r.to_vec()),
                signed([&signature[..], &signature].concat()),
            ],
            bad_signature(),
        ),
    ]
}

fn rsa() -> Vec<Case> {
    let rs256 = only(Algorithm::RS256);
    let ps256 = only(Algorithm::PS256);
    let good = token_by(Algorithm::RS256).segments();
    let signed = |octets: Vec<u8>| bearer(good.clone().with_signature(octets).to_string());
    let octets = good.signature_bytes();
    let number = |last: u8| [&[0; 255][..], &[last]].concat();
    vec![
        case(
            "PSS with a salt as long as the hash, from another library",
            ps256.clone(),
            bearer(made(PS256, SALT_32)),
            bare("PS256"),
        ),
        case(
            "PSS with a salt of another length",
            ps256.clone(),
            bearers([SALT_0, SALT_20, SALT_MAX].map(|signature| made(PS256, signature))),
            bad_signature(),
        ),
        case(
            "PSS with an MGF1 of SHA-1",
            ps256,
            bearer(made(PS256, MASK_SHA1)),
            bad_signature(),
        ),
        case(
            "PKCS #1 v1.5, from another library",
            rs256.clone(),
            bearer(made(RS256, PKCS1)),
            bare("RS256"),
        ),
        case(
            "PKCS #1 v1.5 over SHA-1",
            rs256.clone(),
            bearer(made(RS256, PKCS1_SHA1)),
            bad_signature(),
        ),
        case(
            "PKCS #1 v1.5 with a short padding and garbage behind the hash",
            rs256.clone(),
            bearer(made(RS256, PKCS1_GARBAGE)),
            bad_signature(),
        ),
        case(
            "PKCS #1 v1.5 without the parameters of the hash",
            rs256.clone(),
            bearer(made(RS256, PKCS1_NO_NULL)),
            bad_signature(),
        ),
        case(
            "an RSA signature plus the modulus",
            rs256.clone(),
            bearer(made(RS256, PKCS1_PLUS_MODULUS)),
            bad_signature(),
        ),
        case(
            "RSA signatures that are 0, 1 and too large",
            rs256.clone(),
            [
                signed(number(0)),
                signed(number(1)),
                signed(vec![0xFF; 256]),
            ],
            bad_signature(),
        ),
        case(
            "an RSA signature of another length",
            rs256,
            [
                signed(octets[..255].to_vec()),
                signed([&octets[..], &[0]].concat()),
                signed([&[0], &octets[..]].concat()),
                signed(vec![0]),
                signed(vec![1; 512]),
            ],
            bad_signature(),
        ),
    ]
}

fn others() -> Vec<Case> {
    let eddsa = only(Algorithm::EdDSA);
    let hs256 = only(Algorithm::HS256);
    let edwards = token_by(Algorithm::EdDSA).segments();
    let octets = edwards.signature_bytes();
    let good = token_by(Algorithm::HS256).segments();
    let tag = good.signature_bytes();
    let tagged = |tag: Vec<u8>| bearer(good.clone().with_signature(tag).to_string());
    let other = token_by(Algorithm::HS256).subject("admin").segments();
    vec![
        case(
            "EdDSA, from another library",
            eddsa.clone(),
            bearer(made(EDDSA, EDWARDS)),
            bare("EdDSA"),
        ),
        case(
            "EdDSA with S above the order (RFC 8032 section 5.1.7)",
            eddsa.clone(),
            bearer(made(EDDSA, EDWARDS_PLUS_ORDER)),
            bad_signature(),
        ),
        case(
            "EdDSA of zeros, of the neutral point, and of another length",
            eddsa,
            [
                vec![0; 64],
                [&[1][..], &[0; 63]].concat(),
                octets[..63].to_vec(),
                [&octets[..], &[0]].concat(),
            ]
            .map(|signature| bearer(edwards.clone().with_signature(signature).to_string())),
            bad_signature(),
        ),
        case(
            "an HMAC that is truncated, extended, empty or constant",
            hs256.clone(),
            [
                tagged(tag[..31].to_vec()),
                tagged(tag[..16].to_vec()),
                tagged(tag[..1].to_vec()),
                tagged([&tag[..], &[0]].concat()),
                tagged([&tag[..], &tag].concat()),
                tagged(vec![0; 32]),
                tagged(vec![0xFF; 32]),
                tagged(Vec::new()),
            ],
            bad_signature(),
        ),
        case(
            "the signature of another token",
            hs256.clone(),
            [
                bearer(
                    good.clone()
                        .with_signature(other.signature_bytes())
                        .to_string(),
                ),
                bearer(format!(
                    "{}.{}.{}",
                    good.header, other.payload, good.signature
                )),
            ],
            bad_signature(),
        ),
        case(
            "an HMAC with a guessed secret",
            hs256,
            bearers(
                [
                    b"".as_slice(),
                    b"secret",
                    b"your-256-bit-secret",
                    b"test-hs256",
                    &[0; 32],
                ]
                .map(|secret| {
                    good.clone()
                        .signed_with_secret(Algorithm::HS256, secret)
                        .to_string()
                }),
            ),
            bad_signature(),
        ),
    ]
}

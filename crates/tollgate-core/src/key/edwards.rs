//! Checks of an Ed25519 public key. aws-lc-rs decodes the point only when it verifies.

use ed25519_compact::{PublicKey, x25519};

/// 2^255 - 19, the order of the field (RFC 8032 section 5.1), least significant byte first.
const P: [u8; 32] = {
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    p
};

/// The `y` of the points of order 4, 1 and 2, and of the two kinds of order 8.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = P;
        minus_one[0] = 0xec;
        minus_one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Returns `true` for the canonical encoding (RFC 8032 section 5.1.3) of a point that is not one of
/// the eight of small order. Anyone can forge signatures for those.
pub(super) fn is_usable(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    y[31] &= 0x7f; // without the sign of x
    let canonical = y.iter().rev().lt(P.iter().rev());
    canonical && !SMALL_ORDER.contains(&y) && is_on_curve(encoded)
}

/// Returns `true` if a point has this encoding: the conversion has to compute its other coordinate.
fn is_on_curve(encoded: &[u8; 32]) -> bool {
    x25519::PublicKey::from_ed25519(&PublicKey::new(*encoded)).is_ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    fn signed(mut y: [u8; 32], sign: bool) -> [u8; 32] {
        y[31] |= u8::from(sign) << 7;
        y
    }

    fn small(y: u8) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0] = y;
        bytes
    }

    #[test]
    fn every_generated_key_is_usable() {
        for _ in 0..200 {
            let pair = Ed25519KeyPair::generate().expect("a key");
            let mut point: [u8; 32] = pair.public_key().as_ref().try_into().expect("32 bytes");
            assert!(is_usable(&point), "{point:02x?}");
            point[31] ^= 0x80; // its negative
            assert!(is_usable(&point), "{point:02x?}");
        }
    }

    #[test]
    fn points_off_the_curve_are_refused() {
        // computed with arbitrary-precision integers
        const ON: [u8; 37] = [
            3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 19, 21, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 35,
            37, 39, 40, 42, 43, 44, 48, 51, 52, 54, 55, 56, 57, 58,
        ];
        for y in 2..60 {
            for sign in [false, true] {
                assert_eq!(is_usable(&signed(small(y), sign)), ON.contains(&y), "{y}");
            }
        }
    }

    #[test]
    fn points_of_small_order_are_refused() {
        for y in SMALL_ORDER {
            assert!(!is_usable(&signed(y, false)));
            assert!(!is_usable(&signed(y, true)));
        }
    }

    #[test]
    fn encodings_are_canonical() {
        // p + 3 is a second encoding of the point with y = 3
        assert!(is_usable(&small(3)));
        for above in 0..19 {
            let mut y = P;
            y[0] += above;
            for sign in [false, true] {
                assert!(!is_usable(&signed(y, sign)), "{above}");
            }
        }
    }
}

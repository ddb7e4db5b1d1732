//! Whether 32 bytes are a usable Ed25519 public key. The library reads the point only when it verifies.

/// A number below 2^256, least significant limb first, that stands for its remainder modulo 2^255 - 19.
type Element = [u64; 4];

const P: Element = [0xffff_ffff_ffff_ffed, u64::MAX, u64::MAX, 0x7fff_ffff_ffff_ffff];
const ONE: Element = [1, 0, 0, 0];
/// -1
const MINUS_ONE: Element = [0xffff_ffff_ffff_ffec, u64::MAX, u64::MAX, 0x7fff_ffff_ffff_ffff];
/// The `d` of the curve -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032 section 5.1).
const D: Element = [
    0x75eb_4dca_1359_78a3,
    0x0070_0a4d_4141_d8ab,
    0x8cc7_4079_7779_e898,
    0x5203_6cee_2b6f_fe73,
];
/// The `y` of the points of order 4, 1, 2, and of the two kinds of order 8.
const SMALL_ORDER: [Element; 5] = [
    [0; 4],
    ONE,
    MINUS_ONE,
    [
        0xb027_b2c2_8f95_e826,
        0xf098_eff2_89f4_c345,
        0x3933_c6d3_05ac_dfd5,
        0x05fc_536d_8802_38b1,
    ],
    [
        0x4fd8_4d3d_706a_17c7,
        0x0f67_100d_760b_3cba,
        0xc6cc_392c_fa53_202a,
        0x7a03_ac92_77fd_c74e,
    ],
];

/// Whether the bytes are the canonical encoding (RFC 8032 section 5.1.3) of a point of the curve that is
/// not one of the eight of small order, for which anybody can make signatures.
pub(super) fn is_usable(encoded: &[u8; 32]) -> bool {
    let mut y: Element = [0; 4];
    for (limb, bytes) in y.iter_mut().zip(encoded.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*bytes);
    }
    y[3] &= 0x7fff_ffff_ffff_ffff; // without the sign of x
    if !is_below(&y, &P) || SMALL_ORDER.contains(&y) {
        return false;
    }
    // x^2 = (y^2 - 1) / (d y^2 + 1). The divisor is never zero, since -1/d is no square, so the quotient
    // is a square exactly if the product is. It is not zero either: that y would be 1 or -1.
    let square = multiply(&y, &y);
    let numerator = add(&square, &MINUS_ONE);
    let denominator = add(&multiply(&D, &square), &ONE);
    is_square(&multiply(&numerator, &denominator))
}

/// Euler's criterion: a^((p - 1) / 2) = 1.
fn is_square(a: &Element) -> bool {
    // (p - 1) / 2 = 2^254 - 10
    const EXPONENT: Element = [0xffff_ffff_ffff_fff6, u64::MAX, u64::MAX, 0x3fff_ffff_ffff_ffff];
    let mut power = ONE;
    for bit in (0..256).rev() {
        power = multiply(&power, &power);
        if EXPONENT[bit / 64] >> (bit % 64) & 1 == 1 {
            power = multiply(&power, a);
        }
    }
    reduce(power) == ONE
}

fn is_below(a: &Element, b: &Element) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn add(a: &Element, b: &Element) -> Element {
    let mut sum = [0; 4];
    let mut carry = false;
    for i in 0..4 {
        let (low, first) = a[i].overflowing_add(b[i]);
        let (low, second) = low.overflowing_add(u64::from(carry));
        sum[i] = low;
        carry = first || second;
    }
    fold(sum, u64::from(carry))
}

fn multiply(a: &Element, b: &Element) -> Element {
    let mut wide = [0; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (wide[i + j], carry) = multiply_add(a[i], b[j], wide[i + j], carry);
        }
        wide[i + 4] = carry;
    }
    // 2^256 is 38 modulo p
    let mut product = [0; 4];
    let mut carry = 0;
    for i in 0..4 {
        (product[i], carry) = multiply_add(wide[i + 4], 38, wide[i], carry);
    }
    fold(product, carry)
}

/// a * b + c + d as low and high half; it never overflows 128 bits.
fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    a.carrying_mul_add(b, c, d)
}

/// Brings `high` times 2^256 back below 2^256.
fn fold(mut low: Element, mut high: u64) -> Element {
    while high != 0 {
        let mut carry = high * 38;
        high = 0;
        for limb in &mut low {
            let (sum, over) = limb.overflowing_add(carry);
            *limb = sum;
            carry = u64::from(over);
        }
        high += carry;
    }
    low
}

/// The remainder itself, below p.
fn reduce(mut a: Element) -> Element {
    while !is_below(&a, &P) {
        let mut borrow = false;
        for i in 0..4 {
            let (difference, first) = a[i].overflowing_sub(P[i]);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            a[i] = difference;
            borrow = first || second;
        }
    }
    a
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    fn encode(y: Element, sign: bool) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (bytes, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(y) {
            *bytes = limb.to_le_bytes();
        }
        bytes[31] |= u8::from(sign) << 7;
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
    fn points_off_the_curve_are_not() {
        // worked out with whole numbers of any length
        const ON: [u64; 37] = [
            3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 19, 21, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 35, 37, 39,
            40, 42, 43, 44, 48, 51, 52, 54, 55, 56, 57, 58,
        ];
        for y in 2..60 {
            for sign in [false, true] {
                assert_eq!(is_usable(&encode([y, 0, 0, 0], sign)), ON.contains(&y), "{y}");
            }
        }
    }

    #[test]
    fn points_of_small_order_are_not() {
        for y in SMALL_ORDER {
            assert!(!is_usable(&encode(y, false)));
            assert!(!is_usable(&encode(y, true)));
        }
    }

    #[test]
    fn encodings_are_canonical() {
        // p + 3 names the point of y = 3 a second time
        assert!(is_usable(&encode([3, 0, 0, 0], false)));
        for above in 0..19 {
            let y = [P[0] + above, P[1], P[2], P[3]];
            for sign in [false, true] {
                assert!(!is_usable(&encode(y, sign)), "{above}");
            }
        }
    }

    #[test]
    fn arithmetic_at_the_edges() {
        let most = [u64::MAX; 4]; // 2^256 - 1 is 37
        assert_eq!(reduce(most), [37, 0, 0, 0]);
        assert_eq!(reduce(multiply(&most, &most)), [37 * 37, 0, 0, 0]);
        assert_eq!(reduce(add(&most, &most)), [74, 0, 0, 0]);
        assert_eq!(reduce(multiply(&MINUS_ONE, &MINUS_ONE)), ONE);
        assert_eq!(reduce(add(&MINUS_ONE, &ONE)), [0; 4]);
        assert_eq!(reduce(P), [0; 4]);
        assert_eq!(reduce(multiply(&[0; 4], &most)), [0; 4]);
        // d is -121665/121666
        let product = multiply(&D, &[121_666, 0, 0, 0]);
        assert_eq!(reduce(add(&product, &[121_665, 0, 0, 0])), [0; 4]);
        assert!(!is_square(&D));
        assert!(is_square(&MINUS_ONE));
    }
}

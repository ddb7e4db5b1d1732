//! `NumericDate` (RFC 7519 section 2).

/// Seconds since 1970-01-01T00:00:00Z without leap seconds, and whether there is a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumericDate {
    seconds: u64,
    fraction: bool,
}

impl NumericDate {
    /// Reads a JSON number that the scanner accepted. `None` if it is negative or does not fit in
    /// 63 bits.
    #[inline]
    pub(crate) fn parse(raw: &[u8]) -> Option<Self> {
        // Any eighteen digits fit.
        if raw.len() <= 18
            && let Some(seconds) = digits(raw)
        {
            return Some(Self {
                seconds,
                fraction: false,
            });
        }
        Self::parse_other(std::str::from_utf8(raw).ok()?)
    }

    #[inline(never)]
    fn parse_other(raw: &str) -> Option<Self> {
        const END: f64 = 9_223_372_036_854_775_808.0; // 2^63
        if raw.starts_with('-') {
            return None;
        }
        if raw.bytes().all(|byte| byte.is_ascii_digit()) {
            let seconds: i64 = raw.parse().ok()?;
            return Some(Self {
                seconds: seconds.unsigned_abs(),
                fraction: false,
            });
        }
        let float: f64 = raw.parse().ok()?;
        if !(0.0..END).contains(&float) {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within 0..2^63
        let seconds = float as u64;
        Some(Self {
            seconds,
            fraction: float.fract() > 0.0,
        })
    }

    /// The date rounded down: for `exp`, so that a fraction never prolongs a token.
    pub(crate) const fn floor(self) -> u64 {
        self.seconds
    }

    /// The date rounded up: for `nbf` and `iat`.
    pub(crate) const fn ceil(self) -> u64 {
        self.seconds + self.fraction as u64
    }
}

/// The number of at most 18 digits; `None` if there is another character. Eight digits at a time:
/// a loop over single digits takes 50 instructions more for each date.
#[inline]
fn digits(digits: &[u8]) -> Option<u64> {
    let mut number = 0;
    let mut rest = digits;
    while let Some((eight, after)) = rest.split_first_chunk() {
        number = number * 100_000_000 + eight_digits(*eight)?;
        rest = after;
    }
    for digit in rest {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        number = number * 10 + u64::from(value);
    }
    Some(number)
}

/// Joins digits to pairs, pairs to groups of four, and these to the number.
#[inline]
const fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    let values = u64::from_le_bytes(digits) ^ 0x3030_3030_3030_3030;
    let over_nine = (values & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676;
    if (over_nine | values) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = (values.wrapping_mul(10 << 8 | 1) >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_FFFF_0000_FFFF;
    Some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_parsed_to_their_number(number in 0..10_u64.pow(18),
            width in 1_usize..19) {
            let text = format!("{number:0width$}");
            prop_assert_eq!(digits(text.as_bytes()), Some(number));
            for at in 0..text.len() {
                let mut other = text.clone().into_bytes();
                other[at] = b'0' + 10 + u8::try_from(number % 190).unwrap();
                prop_assert_eq!(digits(&other), None);
                other[at] = u8::try_from(number % 48).unwrap();
                prop_assert_eq!(digits(&other), None);
            }
        }
    }

    #[test]
    fn whole_fractional_and_exponent_forms() {
        let read =
            |raw: &str| NumericDate::parse(raw.as_bytes()).map(|date| (date.floor(), date.ceil()));
        assert_eq!(read("0"), Some((0, 0)));
        assert_eq!(read("1516239022"), Some((1_516_239_022, 1_516_239_022)));
        assert_eq!(read("1516239022.5"), Some((1_516_239_022, 1_516_239_023)));
        assert_eq!(read("1.5e9"), Some((1_500_000_000, 1_500_000_000)));
        assert_eq!(read("1e-400"), Some((0, 0)));
        for length in 1..=18 {
            let nines = "9".repeat(length);
            let number = nines.parse().unwrap();
            assert_eq!(read(&nines), Some((number, number)));
        }
        assert_eq!(
            read("1000000000000000000"),
            Some((10_u64.pow(18), 10_u64.pow(18)))
        );
        assert_eq!(
            read("9223372036854775807"),
            Some((i64::MAX as u64, i64::MAX as u64))
        );
    }

    #[test]
    fn negative_and_too_large_dates_are_refused() {
        for raw in [
            "-1",
            "-0",
            "-0.5",
            "1e400",
            "9223372036854775808",
            "99999999999999999999",
            "1e19",
            "9.3e18",
        ] {
            assert_eq!(NumericDate::parse(raw.as_bytes()), None, "{raw}");
        }
    }
}

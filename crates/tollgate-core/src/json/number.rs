//! `NumericDate` (RFC 7519 section 2).

/// Seconds since 1970-01-01T00:00:00Z, leap seconds ignored; a fraction is kept as the fact that there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumericDate {
    seconds: u64,
    fraction: bool,
}

impl NumericDate {
    /// Reads a JSON number that the scanner has accepted. `None` for what is negative or does not fit 63 bits.
    pub(crate) fn parse(raw: &str) -> Option<Self> {
        const END: f64 = 9_223_372_036_854_775_808.0; // 2^63
        if raw.starts_with('-') {
            return None;
        }
        if raw.bytes().all(|byte| byte.is_ascii_digit()) {
            let seconds = raw.bytes().try_fold(0_i64, |sum, digit| {
                sum.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
            })?;
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

    /// The last whole second not after the date: how `exp` is read, so that a fraction never prolongs.
    pub(crate) const fn floor(self) -> u64 {
        self.seconds
    }

    /// The first whole second not before the date: how `nbf` and `iat` are read.
    pub(crate) const fn ceil(self) -> u64 {
        self.seconds + self.fraction as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_fractional_and_exponent_forms() {
        let read = |raw| NumericDate::parse(raw).map(|date| (date.floor(), date.ceil()));
        assert_eq!(read("0"), Some((0, 0)));
        assert_eq!(read("1516239022"), Some((1_516_239_022, 1_516_239_022)));
        assert_eq!(read("1516239022.5"), Some((1_516_239_022, 1_516_239_023)));
        assert_eq!(read("1.5e9"), Some((1_500_000_000, 1_500_000_000)));
        assert_eq!(read("1e-400"), Some((0, 0)));
        assert_eq!(
            read("9223372036854775807"),
            Some((i64::MAX as u64, i64::MAX as u64))
        );
    }

    #[test]
    fn what_is_negative_or_too_large_is_refused() {
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
            assert_eq!(NumericDate::parse(raw), None, "{raw}");
        }
    }
}

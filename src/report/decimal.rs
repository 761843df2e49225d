//! Exact numbers: what integers, decimals, days and times are compared as. No float comes near them.

use arrow::datatypes::i256;
use std::cmp::Ordering;
use std::fmt;

/// `units / 10^scale`; a scale is at most [`Decimal::DIGITS`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    units: i256,
    scale: u8,
}

impl Decimal {
    /// Digits that a value may have.
    pub(super) const DIGITS: u8 = 76;

    pub(super) fn new(units: i256, scale: u8) -> Self {
        Decimal { units, scale: scale.min(Self::DIGITS) }
    }

    pub(super) fn whole(n: impl Into<i128>) -> Self {
        Self::new(i256::from_i128(n.into()), 0)
    }

    /// Reads `12`, `-12.50`, `1e3`; `None` for what is no number or has too many digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = [whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
        if !all_digits || whole.len() + fraction.len() == 0 {
            return None;
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let zeros = usize::try_from(-scale).unwrap_or(0);
        let significant = format!("{whole}{fraction}");
        let significant = significant.trim_start_matches('0');
        if significant.len() + zeros > usize::from(Self::DIGITS) {
            return None;
        }
        let units = i256::from_string(&format!("{sign}0{significant}{}", "0".repeat(zeros)))?;
        Some(Decimal { units, scale: u8::try_from(scale.max(0)).ok().filter(|scale| *scale <= Self::DIGITS)? })
    }

    /// The sum, or `None` beyond 76 digits.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let units = |n: Self| n.units.checked_mul(ten_to(scale - n.scale));
        Some(Decimal { units: units(self)?.checked_add(units(other)?)?, scale })
    }

    /// The product, or `None` beyond 76 digits.
    pub(super) fn times(self, n: u64) -> Option<Self> {
        Some(Decimal { units: self.units.checked_mul(i256::from_i128(n.into()))?, scale: self.scale })
    }

    /// The quotient to show, with six more digits where there is room for them, cut there.
    pub(super) fn over(self, n: u64) -> Option<Self> {
        const MORE: u8 = 6;
        let longer = self.units.checked_mul(ten_to(MORE)).filter(|_| self.scale + MORE <= Self::DIGITS);
        let (units, scale) = longer.map_or((self.units, self.scale), |units| (units, self.scale + MORE));
        Some(Decimal { units: units.checked_div(i256::from_i128(n.into()))?, scale }.trimmed())
    }

    /// Without zeros at the fraction's end.
    fn trimmed(self) -> Self {
        let (mut units, mut scale) = (self.units, self.scale);
        while scale > 0 && units.wrapping_rem(i256::from_i128(10)) == i256::ZERO {
            (units, scale) = (units.wrapping_div(i256::from_i128(10)), scale - 1);
        }
        Decimal { units, scale }
    }

    /// The whole part, and the fraction in 76 digits; both have the number's sign.
    fn parts(self) -> (i256, i256) {
        let one = ten_to(self.scale);
        let fraction = self.units.wrapping_rem(one).wrapping_mul(ten_to(Self::DIGITS - self.scale));
        (self.units.wrapping_div(one), fraction)
    }
}

/// 10^76 is the largest power of ten that 256 bits hold.
fn ten_to(exponent: u8) -> i256 {
    i256::from_i128(10).wrapping_pow(u32::from(exponent))
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By value: 1.50 is 1.5. Comparing part by part cannot overflow.
impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.scale == other.scale {
            true => self.units.cmp(&other.units),
            false => self.parts().cmp(&other.parts()),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = self.units.to_string();
        let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        write!(f, "{sign}{whole}{}{fraction}", if scale > 0 { "." } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn texts_there_and_back() {
        let cases =
            [("0", "0"), ("-0.50", "-0.50"), ("+7", "7"), (".5", "0.5"), ("1e3", "1000"), ("12.5e-3", "0.0125")];
        for (text, expected) in cases {
            assert_eq!(decimal(text).to_string(), expected);
        }
        for wrong in ["", "-", ".", "1.2.3", "1e", "0x1", "1_000", "1e99", "1e-99", "NaN", &"9".repeat(77)] {
            assert!(Decimal::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn ordered_by_value_at_every_scale() {
        let (most, one) = ("9".repeat(76), format!("1.{}", "0".repeat(75)));
        let ordered =
            [&format!("-{most}"), "-1.5", "-1", "-0.5", "0", "0.000001", &one, "9007199254740993", most.as_str()];
        for pair in ordered.windows(2) {
            assert!(decimal(pair[0]) < decimal(pair[1]), "{pair:?}");
        }
        assert_eq!(decimal("1.50"), decimal("1.5"));
        assert_eq!(decimal("-0.0"), decimal("0"));
    }

    #[test]
    fn sums_are_exact_or_none() {
        assert_eq!(decimal("0.1").plus(decimal("0.2")), Some(decimal("0.3")));
        assert_eq!(decimal("0.1").times(3), Some(decimal("0.3")));
        assert_eq!(decimal("10").over(4).unwrap().to_string(), "2.5");
        assert_eq!(decimal("-1").over(3).unwrap().to_string(), "-0.333333");
        assert_eq!(decimal("9e75").plus(decimal("0.1")), None);
        assert_eq!(decimal("5e75").times(12), None);
    }
}

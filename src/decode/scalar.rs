//! Numbers and truth values out of text: what fits, and never a value that was rounded.

use arrow::datatypes::Decimal128Type;

/// The usual number: some digits, too few to overflow.
#[inline]
pub(super) fn digits(text: &[u8]) -> Option<i64> {
    let digit = |b: &u8| b.is_ascii_digit();
    let value = |sum: i64, b: &u8| sum * 10 + i64::from(b - b'0');
    ((1..=18).contains(&text.len()) && text.iter().all(digit)).then(|| text.iter().fold(0, value))
}

/// `200`, `+5`, ` 7 `, and `200.0` or `2e2`, which are whole numbers all the same; never one that is rounded.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        let value = double(text)?;
        (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64)
    })
}

pub(crate) fn double(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "TRUE" | "True" => Some(true),
        "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Exact: digits beyond the scale must be zeros.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = text.trim();
    if text.contains(['e', 'E']) {
        return None;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let kept = fraction.trim_end_matches('0');
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    if digits.len() + fraction.len() == 0 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if kept.len() > scale as usize || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    arrow::compute::kernels::cast_utils::parse_decimal::<Decimal128Type>(&format!("{whole}.{kept}0"), precision, scale)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_fit_and_that_do_not() {
        assert_eq!(
            [integer("200"), integer("+5"), integer(" -7 "), integer("200.0"), integer("2e2")],
            [Some(200), Some(5), Some(-7), Some(200), Some(200)]
        );
        assert_eq!(
            [digits(b"0"), digits(b"042"), digits(b"999999999999999999")],
            [Some(0), Some(42), Some(999_999_999_999_999_999)]
        );
        assert_eq!([digits(b""), digits(b"-1"), digits(b"1.0"), digits(b"9223372036854775807")], [None; 4]);
        for wrong in ["", "-", "abc", "1.5", "99999999999999999999", "9007199254740993.0", "0x10", "NaN", "1e400"] {
            assert_eq!(integer(wrong), None, "{wrong}");
        }
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(
            [decimal("1.50", 10, 2), decimal("-3", 10, 2), decimal("1.500", 10, 2)],
            [Some(150), Some(-300), Some(150)]
        );
        assert_eq!(
            [decimal("1.505", 10, 2), decimal("123456789", 10, 2), decimal("x", 10, 2), decimal("1e2", 10, 2)],
            [None; 4]
        );
    }

    #[test]
    fn a_decimal_needs_a_digit() {
        for wrong in ["", "-", "+", ".", "-.", "1.2.3", "--1", "1 2"] {
            assert_eq!(decimal(wrong, 10, 2), None, "{wrong:?}");
        }
        assert_eq!([decimal(".5", 10, 2), decimal("5.", 10, 2)], [Some(50), Some(500)]);
    }
}

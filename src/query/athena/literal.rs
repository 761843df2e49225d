//! The one function that makes SQL of values: what it writes is exactly one expression, whatever the value holds.

use crate::query::{ParamType, Value};

/// Where a literal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// Anywhere that takes an expression.
    Expression,
    /// After LIMIT and OFFSET, where Trino's grammar takes digits and nothing else.
    Count,
}

/// The value as an SQL literal of its own type, as Trino reads it.
pub(super) fn literal(value: &Value, position: Position) -> String {
    match value {
        Value::Null(param_type) => format!("CAST(NULL AS {})", trino(*param_type)),
        Value::String(text) => quoted(text),
        Value::Int(number) => int(*number),
        Value::Bigint(number) if position == Position::Count => number.to_string(),
        Value::Bigint(number) => format!("CAST('{number}' AS bigint)"),
        Value::Double(number) => double(*number),
        Value::Boolean(truth) => truth.to_string(),
        Value::Date(day) => format!("DATE '{}'", day.format("%Y-%m-%d")),
        Value::Timestamp(time) => format!("TIMESTAMP '{}'", time.format("%Y-%m-%d %H:%M:%S%.3f")),
    }
}

/// Text as a string literal: Trino knows no escape but the doubled quote.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Negative numbers stand in brackets, so that a minus before them does not make a comment.
fn int(number: i32) -> String {
    const FIRST: i32 = i32::MIN + 1;
    match number {
        i32::MIN => format!("CAST('{number}' AS integer)"), // its digits alone are a bigint
        FIRST..0 => format!("({number})"),
        0.. => number.to_string(),
    }
}

/// With an exponent: without one it would be a decimal.
fn double(number: f64) -> String {
    match number {
        number if number.is_nan() => "CAST('NaN' AS double)".into(),
        f64::INFINITY => "CAST('Infinity' AS double)".into(),
        f64::NEG_INFINITY => "CAST('-Infinity' AS double)".into(),
        number if number.is_sign_negative() => format!("({number:E})"),
        number => format!("{number:E}"),
    }
}

fn trino(param_type: ParamType) -> &'static str {
    match param_type {
        ParamType::String => "varchar",
        ParamType::Int => "integer",
        ParamType::Bigint => "bigint",
        ParamType::Double => "double",
        ParamType::Boolean => "boolean",
        ParamType::Date => "date",
        ParamType::Timestamp => "timestamp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;
    use datafusion::sql::sqlparser::dialect::AnsiDialect;
    use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
    use proptest::prelude::*;

    #[test]
    fn literals_by_example() {
        let day = NaiveDate::from_ymd_opt(2015, 5, 20).unwrap();
        for (value, expected) in [
            (Value::Null(ParamType::String), "CAST(NULL AS varchar)"),
            (Value::String("it's :x ? \\ -- \n".into()), "'it''s :x ? \\ -- \n'"),
            (Value::Int(7), "7"),
            (Value::Int(-7), "(-7)"),
            (Value::Int(i32::MIN), "CAST('-2147483648' AS integer)"),
            (Value::Bigint(7), "CAST('7' AS bigint)"),
            (Value::Double(1.5), "1.5E0"),
            (Value::Double(-0.0), "(-0E0)"),
            (Value::Double(f64::NAN), "CAST('NaN' AS double)"),
            (Value::Double(f64::NEG_INFINITY), "CAST('-Infinity' AS double)"),
            (Value::Boolean(true), "true"),
            (Value::Date(day), "DATE '2015-05-20'"),
            (Value::Timestamp(day.and_hms_milli_opt(21, 5, 0, 250).unwrap()), "TIMESTAMP '2015-05-20 21:05:00.250'"),
        ] {
            assert_eq!(literal(&value, Position::Expression), expected);
        }
        assert_eq!(literal(&Value::Bigint(7), Position::Count), "7");
    }

    proptest! {
        #[test]
        fn any_text_is_one_string_and_comes_back(text in any::<String>()) {
            let sql = quoted(&text);
            let tokens = Tokenizer::new(&AnsiDialect {}, &sql).tokenize().unwrap();
            prop_assert_eq!(tokens, vec![Token::SingleQuotedString(text)]);
        }

        #[test]
        fn quotes_and_backslashes_too(text in "['\\\\?:x\n\u{1F600}-]{0,12}") {
            let sql = quoted(&text);
            let tokens = Tokenizer::new(&AnsiDialect {}, &sql).tokenize().unwrap();
            prop_assert_eq!(tokens, vec![Token::SingleQuotedString(text)]);
        }

        #[test]
        fn any_double_comes_back(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let sql = double(number);
            let back: f64 = sql.trim_matches(['(', ')']).parse().unwrap();
            prop_assert_eq!(back.to_bits(), number.to_bits());
        }
    }
}

//! Typed parameter values: what a header declares and `--param` gives.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, Utc};
use std::fmt;
use std::str::FromStr;

/// A parameter's type, in Glue's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamType {
    /// UTF-8 text.
    String,
    /// 32-bit signed.
    Int,
    /// 64-bit signed.
    Bigint,
    /// 64-bit IEEE 754.
    Double,
    /// true or false.
    Boolean,
    /// A calendar day.
    Date,
    /// UTC, milliseconds.
    Timestamp,
}

impl ParamType {
    const ALL: [ParamType; 7] = [
        ParamType::String,
        ParamType::Int,
        ParamType::Bigint,
        ParamType::Double,
        ParamType::Boolean,
        ParamType::Date,
        ParamType::Timestamp,
    ];

    /// The word in a header.
    pub fn word(self) -> &'static str {
        match self {
            ParamType::String => "string",
            ParamType::Int => "int",
            ParamType::Bigint => "bigint",
            ParamType::Double => "double",
            ParamType::Boolean => "boolean",
            ParamType::Date => "date",
            ParamType::Timestamp => "timestamp",
        }
    }

    /// Reads a value as `--param` gives it. `now` is what relative times count from.
    pub(crate) fn parse(self, text: &str, now: DateTime<Utc>) -> Result<Value, String> {
        let bare = text.trim();
        let value = match self {
            ParamType::String => Some(Value::String(text.to_owned())),
            ParamType::Int => bare.parse().ok().map(Value::Int),
            ParamType::Bigint => bare.parse().ok().map(Value::Bigint),
            ParamType::Double => bare.parse().ok().map(Value::Double),
            ParamType::Boolean => bare.to_ascii_lowercase().parse().ok().map(Value::Boolean),
            ParamType::Date => moment(bare, now).map(|time| Value::Date(time.date())),
            ParamType::Timestamp => moment(bare, now).map(Value::Timestamp),
        };
        value.ok_or_else(|| format!("{text:?} is no {self}{}", self.example()))
    }

    fn example(self) -> &'static str {
        match self {
            ParamType::Boolean => "; write true or false",
            ParamType::Date => "; write 2015-05-20 or now - 7d",
            ParamType::Timestamp => "; write 2015-05-20 21:05:00, now or now - 1h (units s, m, h, d, w)",
            ParamType::String | ParamType::Int | ParamType::Bigint | ParamType::Double => "",
        }
    }
}

impl fmt::Display for ParamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for ParamType {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        ParamType::ALL.into_iter().find(|known| known.word() == word).ok_or_else(|| {
            let words = ParamType::ALL.map(ParamType::word).join(", ");
            format!("unknown type {word:?}; the types are {words}")
        })
    }
}

/// A typed value, bound and never spliced into SQL text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// NULL of a type: a default only.
    Null(ParamType),
    /// Text as it was given.
    String(String),
    /// 32-bit signed.
    Int(i32),
    /// 64-bit signed.
    Bigint(i64),
    /// 64-bit IEEE 754.
    Double(f64),
    /// true or false.
    Boolean(bool),
    /// A calendar day.
    Date(NaiveDate),
    /// UTC, whole milliseconds.
    Timestamp(NaiveDateTime),
}

/// A day, a time, or `now` and what lies before it; whole milliseconds.
fn moment(text: &str, now: DateTime<Utc>) -> Option<NaiveDateTime> {
    let time = match text.strip_prefix("now") {
        Some(rest) => relative(rest.trim(), now)?,
        None => literal(text)?,
    };
    DateTime::from_timestamp_millis(time.and_utc().timestamp_millis()).map(|time| time.naive_utc())
}

fn relative(rest: &str, now: DateTime<Utc>) -> Option<NaiveDateTime> {
    if rest.is_empty() {
        return Some(now.naive_utc());
    }
    let amount = rest.strip_prefix('-')?.trim();
    let unit_at = amount.find(|c: char| !c.is_ascii_digit())?;
    let number: i64 = amount[..unit_at].parse().ok()?;
    let seconds = match amount[unit_at..].trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let before = Duration::try_seconds(number.checked_mul(seconds)?)?;
    now.checked_sub_signed(before).map(|time| time.naive_utc())
}

fn literal(text: &str) -> Option<NaiveDateTime> {
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return Some(zoned.naive_utc());
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return day.and_hms_opt(0, 0, 0);
    }
    let text = text.replacen('T', " ", 1);
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    formats.iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_by_example() {
        let now = DateTime::parse_from_rfc3339("2026-11-20T03:59:59.9994Z").unwrap().to_utc();
        let cases = [
            ("now", Some("2026-11-20 03:59:59.999")),
            ("now - 1h", Some("2026-11-20 02:59:59.999")),
            ("now-7d", Some("2026-11-13 03:59:59.999")),
            ("2015-05-20", Some("2015-05-20 00:00:00")),
            ("2015-05-20 21:05", Some("2015-05-20 21:05:00")),
            ("2015-05-20T21:05:00.123456", Some("2015-05-20 21:05:00.123")),
            ("2015-05-20T21:05:00+02:00", Some("2015-05-20 19:05:00")),
            ("now + 1h", None),
            ("now - 1y", None),
            ("now - h", None),
            ("now - 99999999999999999999d", None),
            ("now - 999999999999999d", None),
            ("yesterday", None),
            ("2015-02-30", None),
            ("nowé - ", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let parsed = ParamType::Timestamp.parse(text, now).ok();
            let text_of = |value| match value {
                Value::Timestamp(time) => time.to_string(),
                other => panic!("{other:?}"),
            };
            assert_eq!(parsed.map(text_of).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn every_type_refuses_what_it_is_not() {
        let now = DateTime::UNIX_EPOCH;
        for (word, wrong) in
            [("int", "3000000000"), ("bigint", "1.5"), ("double", "x"), ("boolean", "1"), ("date", "20/05/2015")]
        {
            let error = word.parse::<ParamType>().unwrap().parse(wrong, now).unwrap_err();
            assert!(error.starts_with(&format!("{wrong:?} is no {word}")), "{error}");
        }
        assert!("integer".parse::<ParamType>().unwrap_err().contains("string, int, bigint"));
    }
}

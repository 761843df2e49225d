//! The units of `date_add` and `date_diff`, and their arithmetic. Pure.

use chrono::{DateTime, Datelike, Months, NaiveDateTime};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::scalar::ScalarValue;

/// A fixed number of milliseconds, or a number of calendar months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis(i64),
    Months(i64),
}

const UNITS: [(&str, Unit); 9] = [
    ("millisecond", Unit::Millis(1)),
    ("second", Unit::Millis(1000)),
    ("minute", Unit::Millis(60_000)),
    ("hour", Unit::Millis(3_600_000)),
    ("day", Unit::Millis(86_400_000)),
    ("week", Unit::Millis(604_800_000)),
    ("month", Unit::Months(1)),
    ("quarter", Unit::Months(3)),
    ("year", Unit::Months(12)),
];

impl Unit {
    pub(super) fn parse(function: &str, word: &str) -> Result<Unit> {
        let found = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        found.map(|(_, unit)| *unit).ok_or_else(|| {
            let names = UNITS.map(|(name, _)| name).join(", ");
            DataFusionError::Plan(format!("{function}: '{word}' is no unit; the units are {names}"))
        })
    }

    /// The unit of every row: a literal in practice. `None` where it is NULL.
    pub(super) fn of_argument(function: &str, argument: &ColumnarValue) -> Result<Option<Unit>> {
        let word = match argument {
            ColumnarValue::Scalar(scalar) => text(scalar),
            ColumnarValue::Array(array) if *array.data_type() == DataType::Utf8 && array.len() == 1 => {
                let strings = array.as_string::<i32>();
                strings.is_valid(0).then(|| strings.value(0).to_owned())
            }
            ColumnarValue::Array(_) => {
                return Err(DataFusionError::Plan(format!("{function}: the unit must be a literal such as 'second'")));
            }
        };
        word.map(|word| Unit::parse(function, &word)).transpose()
    }

    /// Whether a day plus this stays a day.
    pub(super) fn is_whole_days(self) -> bool {
        match self {
            Unit::Millis(millis) => millis % 86_400_000 == 0,
            Unit::Months(_) => true,
        }
    }

    /// `time` plus `n` of this; a day that its month does not have becomes the month's last. `None`: out of range.
    pub(super) fn add(self, n: i64, time: i64) -> Option<i64> {
        match self {
            Unit::Millis(millis) => time.checked_add(n.checked_mul(millis)?),
            Unit::Months(months) => {
                Some(add_months(moment(time)?, n.checked_mul(months)?)?.and_utc().timestamp_millis())
            }
        }
    }

    /// How many whole units lie between; towards zero, negative where `end` is earlier.
    pub(super) fn between(self, begin: i64, end: i64) -> Option<i64> {
        match self {
            Unit::Millis(millis) => end.checked_sub(begin).map(|between| between / millis),
            Unit::Months(months) if end >= begin => Some(months_between(moment(begin)?, moment(end)?)? / months),
            Unit::Months(months) => Some(-(months_between(moment(end)?, moment(begin)?)? / months)),
        }
    }
}

fn text(scalar: &ScalarValue) -> Option<String> {
    scalar.try_as_str().flatten().map(str::to_owned)
}

fn moment(millis: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_millis(millis).map(|time| time.naive_utc())
}

fn add_months(time: NaiveDateTime, months: i64) -> Option<NaiveDateTime> {
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { time.checked_sub_months(count) } else { time.checked_add_months(count) }
}

/// `begin <= end`.
fn months_between(begin: NaiveDateTime, end: NaiveDateTime) -> Option<i64> {
    let months = i64::from(end.year() - begin.year()) * 12 + i64::from(end.month()) - i64::from(begin.month());
    let is_whole = add_months(begin, months)? <= end;
    Some(if is_whole { months } else { months - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_millis()
    }

    #[test]
    fn months_clamp_to_their_last_day() {
        let cases = [
            ("month", 1, "2020-01-31 10:00", "2020-02-29 10:00"),
            ("month", -1, "2021-03-31 10:00", "2021-02-28 10:00"),
            ("quarter", 1, "2020-11-30 00:00", "2021-02-28 00:00"),
            ("year", 1, "2020-02-29 00:00", "2021-02-28 00:00"),
            ("week", -1, "2020-01-08 00:00", "2020-01-01 00:00"),
            ("MINUTE", 90, "2020-01-01 00:00", "2020-01-01 01:30"),
        ];
        for (unit, n, from, to) in cases {
            assert_eq!(Unit::parse("f", unit).unwrap().add(n, at(from)), Some(at(to)), "{n} {unit}");
        }
        assert_eq!(Unit::Millis(1000).add(i64::MAX, 0), None);
        assert_eq!(Unit::Months(12).add(i64::MAX / 12, 0), None);
    }

    #[test]
    fn differences_are_whole_units_towards_zero() {
        let cases = [
            ("month", "2020-01-31 00:00", "2020-02-29 00:00", 1),
            ("month", "2020-01-31 00:00", "2020-02-28 23:59", 0),
            ("month", "2020-03-15 00:00", "2020-01-16 00:00", -1),
            ("year", "2019-03-01 00:00", "2020-02-29 00:00", 0),
            ("day", "2020-01-02 00:00", "2020-01-01 01:00", 0),
            ("hour", "2020-01-01 00:00", "2020-01-01 02:59", 2),
        ];
        for (unit, from, to, expected) in cases {
            assert_eq!(Unit::parse("f", unit).unwrap().between(at(from), at(to)), Some(expected), "{from} {to} {unit}");
        }
    }
}

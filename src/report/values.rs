//! A column's values as they are compared: each type belongs to a kind, and each kind has one order.

use super::decimal::Decimal;
use super::expectation::Literal;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, Decimal256Array, Float64Array, LargeStringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal256Type, Float64Type, TimeUnit, i256};
use chrono::NaiveTime;
use std::borrow::Cow;
use std::cmp::Ordering;

/// What a type's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Integers and decimals.
    Exact,
    Double,
    Text,
    /// Timestamps and days: seconds of UTC.
    Time,
    Boolean,
}

impl Kind {
    /// `None` for lists, structs, binary and others that nothing is compared with.
    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Boolean => Some(Kind::Boolean),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Kind::Text),
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Some(Kind::Time),
            DataType::Dictionary(_, values) => Kind::of(values),
            number if number.is_floating() => Some(Kind::Double),
            number if number.is_numeric() => Some(Kind::Exact),
            _ => None,
        }
    }

    /// What a literal is to a column of this kind, unless the two cannot be compared.
    pub(super) fn key(self, literal: &Literal) -> Option<Key<'static>> {
        match (self, literal) {
            (Kind::Exact, Literal::Number(number, _)) => Some(Key::Exact(*number)),
            (Kind::Double, Literal::Number(_, text)) => text.parse().ok().map(Key::Double),
            (Kind::Text, Literal::Text(text)) => Some(Key::Text(Cow::Owned(text.clone()))),
            (Kind::Boolean, Literal::Boolean(is)) => Some(Key::Exact(Decimal::whole(*is))),
            (Kind::Time, Literal::Timestamp(time)) => {
                Some(Key::Exact(Decimal::new(i256::from_i128(time.and_utc().timestamp_millis().into()), 3)))
            }
            (Kind::Time, Literal::Date(day)) => {
                Some(Key::Exact(Decimal::whole(day.and_time(NaiveTime::MIN).and_utc().timestamp())))
            }
            _ => None,
        }
    }

    /// What its columns hold and are compared with, for people.
    pub(super) fn told(self) -> &'static str {
        match self {
            Kind::Exact | Kind::Double => "holds numbers: compare it with a number such as 100",
            Kind::Text => "holds texts: compare it with a text such as 'GET'",
            Kind::Time => {
                "holds times: compare it with one such as timestamp '2015-05-20 21:05:00' or date '2015-05-20'"
            }
            Kind::Boolean => "holds booleans: compare it with true or false",
        }
    }
}

/// A value to compare.
#[derive(Debug, Clone)]
pub(super) enum Key<'a> {
    Exact(Decimal),
    Double(f64),
    Text(Cow<'a, str>),
}

impl Key<'_> {
    /// How the two stand; `None` with NaN. Texts go by their code points, as both engines have it.
    pub(super) fn order(&self, other: &Key<'_>) -> Option<Ordering> {
        match (self, other) {
            (Key::Exact(a), Key::Exact(b)) => Some(a.cmp(b)),
            (Key::Double(a), Key::Double(b)) => a.partial_cmp(b),
            (Key::Text(a), Key::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    pub(super) fn into_owned(self) -> Key<'static> {
        match self {
            Key::Exact(number) => Key::Exact(number),
            Key::Double(number) => Key::Double(number),
            Key::Text(text) => Key::Text(Cow::Owned(text.into_owned())),
        }
    }
}

/// A batch's column, ready to compare.
pub(super) enum Values {
    Exact(Exact),
    Double(Float64Array),
    Text(LargeStringArray),
}

/// `array * factor / 10^scale`.
pub(super) struct Exact {
    array: Decimal256Array,
    factor: i64,
    scale: u8,
}

impl Values {
    /// Makes a column comparable; its type has a [`Kind`].
    pub(super) fn new(column: &ArrayRef) -> Result<Self> {
        let data_type = match column.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            plain => plain,
        };
        let exact = |column: &ArrayRef, digits: i8, factor, scale: u8| {
            let array = cast(column, &DataType::Decimal256(Decimal::DIGITS, digits))?;
            Ok(Values::Exact(Exact { array: array.as_primitive::<Decimal256Type>().clone(), factor, scale }))
        };
        match data_type {
            DataType::Boolean => exact(&cast(column, &DataType::Int8)?, 0, 1, 0),
            DataType::Date32 => exact(&cast(column, &DataType::Int32)?, 0, 86_400, 0),
            DataType::Date64 => exact(&cast(column, &DataType::Int64)?, 0, 1, 3),
            DataType::Timestamp(unit, _) => exact(&cast(column, &DataType::Int64)?, 0, 1, digits(*unit)),
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => {
                let scale = (*scale).max(0);
                exact(column, scale, 1, scale.unsigned_abs())
            }
            number if number.is_floating() => {
                Ok(Values::Double(cast(column, &DataType::Float64)?.as_primitive::<Float64Type>().clone()))
            }
            number if number.is_numeric() => exact(column, 0, 1, 0),
            _ => Ok(Values::Text(cast(column, &DataType::LargeUtf8)?.as_string::<i64>().clone())),
        }
    }

    /// The value of a row; `None` is NULL.
    pub(super) fn key(&self, row: usize) -> Option<Key<'_>> {
        match self {
            Values::Exact(Exact { array, factor, scale }) => array.is_valid(row).then(|| {
                let units = array.value(row);
                let units = if *factor == 1 { units } else { units.wrapping_mul(i256::from(*factor)) };
                Key::Exact(Decimal::new(units, *scale))
            }),
            Values::Double(array) => array.is_valid(row).then(|| Key::Double(array.value(row))),
            Values::Text(array) => array.is_valid(row).then(|| Key::Text(Cow::Borrowed(array.value(row)))),
        }
    }
}

fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// A cast that fails rather than give NULL.
fn cast(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..Default::default() };
    let failed = |error| Error::query(format!("cannot compare values of {}", column.data_type())).caused_by(error);
    cast_with_options(column, to, &options).map_err(failed)
}

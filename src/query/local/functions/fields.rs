//! `second(ts)` … `year(ts)`: one field of a timestamp or day, as bigint.

use super::{TIMESTAMP, millis, time_type, wrong_count};
use chrono::{DateTime, Datelike, Timelike};
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

pub(super) fn all() -> Vec<ScalarUDF> {
    use Field::*;
    [Second, Minute, Hour, Day, Month, Year].map(|field| ScalarUDF::new_from_impl(TimeField::new(field))).into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Field {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
}

impl Field {
    fn of(self, millis: i64) -> Option<i64> {
        let seconds = millis.div_euclid(1000);
        match self {
            Field::Second => Some(seconds.rem_euclid(60)),
            Field::Minute => Some(seconds.div_euclid(60).rem_euclid(60)),
            Field::Hour => Some(seconds.div_euclid(3600).rem_euclid(24)),
            Field::Day | Field::Month | Field::Year => DateTime::from_timestamp(seconds, 0).map(|time| match self {
                Field::Day => time.day().into(),
                Field::Month => time.month().into(),
                Field::Year => time.year().into(),
                Field::Second | Field::Minute | Field::Hour => time.hour().into(),
            }),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Field::Second => "second",
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::Day => "day",
            Field::Month => "month",
            Field::Year => "year",
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeField {
    field: Field,
    signature: Signature,
}

impl TimeField {
    fn new(field: Field) -> Self {
        TimeField { field, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for TimeField {
    fn name(&self) -> &str {
        self.field.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [time] => time_type(self.name(), time).map(|_| vec![TIMESTAMP]),
            _ => Err(wrong_count(self.name(), "one timestamp")),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [time] = args.args.as_slice() else {
            return Err(wrong_count(self.name(), "one timestamp"));
        };
        let field = self.field;
        let fields: Int64Array = millis(time, args.number_rows)?.unary_opt(|millis| field.of(millis));
        Ok(ColumnarValue::Array(Arc::new(fields)))
    }
}

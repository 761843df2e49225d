//! From the ledger's bounds of a file to DataFusion's statistics.

use crate::ledger::{ColumnStats, LiveFile};
use arrow::compute::kernels::cast_utils::parse_decimal;
use arrow::datatypes::{DataType, Decimal128Type, FieldRef, Schema, TimeUnit};
use chrono::{NaiveDate, NaiveDateTime};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::scalar::ScalarValue;
use serde_json::Value;

/// What the ledger knows of a file, in the order of `file_schema`. Partition keys follow later: their values bound themselves.
///
/// Exact throughout, so that counts and bounds are answered from here. The size of the rows in memory is not known: the
/// file's own says little about it, and a wrong one would misplace the sides of a join.
pub(super) fn statistics(file: &LiveFile, file_schema: &Schema) -> Statistics {
    let column = |field: &FieldRef| file.stats.get(field.name()).map(|stats| column(stats, field.data_type()));
    Statistics {
        num_rows: exact(file.rows),
        total_byte_size: Precision::Absent,
        column_statistics: file_schema
            .fields()
            .iter()
            .map(|field| column(field).unwrap_or_else(ColumnStatistics::new_unknown))
            .collect(),
    }
}

fn column(stats: &ColumnStats, data_type: &DataType) -> ColumnStatistics {
    let bound = |bound: &Option<Value>| match bound.as_ref().and_then(|value| scalar(value, data_type)) {
        Some(scalar) => Precision::Exact(scalar),
        None => Precision::Absent,
    };
    ColumnStatistics {
        null_count: exact(stats.nulls),
        min_value: bound(&stats.min),
        max_value: bound(&stats.max),
        ..ColumnStatistics::new_unknown()
    }
}

pub(super) fn exact(count: u64) -> Precision<usize> {
    usize::try_from(count).map_or(Precision::Absent, Precision::Exact)
}

/// A bound as the ledger writes it; `None` for what does not fit the type, which is then no bound at all.
fn scalar(value: &Value, data_type: &DataType) -> Option<ScalarValue> {
    Some(match data_type {
        DataType::Utf8 => ScalarValue::Utf8(Some(value.as_str()?.to_owned())),
        DataType::Int64 => ScalarValue::Int64(Some(value.as_i64()?)),
        DataType::Int32 => ScalarValue::Int32(Some(value.as_i64()?.try_into().ok()?)),
        DataType::Float64 => ScalarValue::Float64(Some(value.as_f64()?)),
        DataType::Float32 => ScalarValue::Float32(Some(value.as_f64()? as f32)),
        DataType::Boolean => ScalarValue::Boolean(Some(value.as_bool()?)),
        DataType::Date32 => ScalarValue::Date32(Some(days(value.as_str()?)?)),
        DataType::Timestamp(TimeUnit::Millisecond, None) => {
            ScalarValue::TimestampMillisecond(Some(millis(value.as_str()?)?), None)
        }
        DataType::Decimal128(precision, scale) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let number = parse_decimal::<Decimal128Type>(&text, *precision, *scale).ok()?;
            ScalarValue::Decimal128(Some(number), *precision, *scale)
        }
        _ => return None,
    })
}

fn days(text: &str) -> Option<i32> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

fn millis(text: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    Some(time.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds_by_example() {
        let ms = DataType::Timestamp(TimeUnit::Millisecond, None);
        let cases = [
            (json!("2015-05-20T21:05:00.000"), ms.clone(), "1432155900000"),
            (json!("2015-05-20"), DataType::Date32, "2015-05-20"),
            (json!(7), DataType::Int32, "7"),
            (json!("-12.50"), DataType::Decimal128(10, 2), "-12.50"),
            (json!(12.5), DataType::Decimal128(10, 2), "12.50"),
            (json!("a"), DataType::Utf8, "a"),
        ];
        for (value, data_type, expected) in cases {
            assert_eq!(scalar(&value, &data_type).unwrap().to_string(), expected, "{value}");
        }
        for (value, data_type) in
            [(json!("x"), ms), (json!(3_000_000_000_i64), DataType::Int32), (json!(1), DataType::Utf8)]
        {
            assert_eq!(scalar(&value, &data_type), None, "{value}");
        }
    }
}

//! Functions under Trino's names and with its types, where DataFusion has none or means something else. One file a family.

mod arithmetic;
mod bytes;
mod fields;
mod trunc;
mod unit;
mod unix;

use datafusion::arrow::array::{ArrayRef, TimestampMillisecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::cast::as_timestamp_millisecond_array;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};

/// Every function that the local engine adds or replaces.
pub(super) fn all() -> Vec<ScalarUDF> {
    let mut all = fields::all();
    all.extend(arithmetic::all());
    all.extend(bytes::all());
    all.extend(trunc::all());
    all.extend(unix::all());
    all
}

/// `timestamp` as the lake has it.
const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// What a function that wants a time makes of an argument's type; a day stays a day.
fn time_type(function: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Timestamp(_, Some(zone)) if !matches!(zone.as_ref(), "UTC" | "+00:00" | "Z") => {
            Err(DataFusionError::Plan(format!("{function} knows no zone but UTC, not {zone}")))
        }
        DataType::Timestamp(..) | DataType::Null => Ok(TIMESTAMP),
        DataType::Date32 | DataType::Date64 => Ok(DataType::Date32),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Err(DataFusionError::Plan(format!(
            "{function} wants a timestamp, not a string: write TIMESTAMP '2015-05-20 21:05:00' or cast the value"
        ))),
        other => Err(DataFusionError::Plan(format!("{function} wants a timestamp, not {other}"))),
    }
}

/// The argument as milliseconds, a day as its midnight.
fn millis(argument: &ColumnarValue, rows: usize) -> Result<TimestampMillisecondArray> {
    let array = cast(&argument.to_array(rows)?, &TIMESTAMP)?;
    Ok(as_timestamp_millisecond_array(&array)?.clone())
}

/// A result of milliseconds as the type that the argument had.
fn like(argument: &DataType, result: ArrayRef) -> Result<ColumnarValue> {
    match argument {
        DataType::Date32 => Ok(ColumnarValue::Array(cast(&result, &DataType::Date32)?)),
        _ => Ok(ColumnarValue::Array(result)),
    }
}

fn wrong_count(function: &str, wants: &str) -> DataFusionError {
    DataFusionError::Plan(format!("{function} wants {wants}"))
}

fn out_of_range(function: &str) -> datafusion::arrow::error::ArrowError {
    datafusion::arrow::error::ArrowError::ComputeError(format!("{function}: the result is out of range"))
}

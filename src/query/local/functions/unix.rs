//! `from_unixtime(seconds)` and `to_unixtime(time)`.

use super::{TIMESTAMP, millis, out_of_range, time_type, wrong_count};
use datafusion::arrow::array::{Float64Array, TimestampMillisecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMillisecondType};
use datafusion::common::cast::as_float64_array;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

pub(super) fn all() -> Vec<ScalarUDF> {
    let signature = || Signature::user_defined(Volatility::Immutable);
    vec![
        ScalarUDF::new_from_impl(FromUnixtime { signature: signature() }),
        ScalarUDF::new_from_impl(ToUnixtime { signature: signature() }),
    ]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FromUnixtime {
    signature: Signature,
}

impl ScalarUDFImpl for FromUnixtime {
    fn name(&self) -> &str {
        "from_unixtime"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [seconds] if seconds.is_numeric() || seconds.is_null() => Ok(vec![DataType::Float64]),
            _ => Err(wrong_count(self.name(), "a number of seconds since 1970")),
        }
    }

    /// With a zone, as in Trino.
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [seconds] = args.args.as_slice() else {
            return Err(wrong_count(self.name(), "a number of seconds since 1970"));
        };
        let seconds = cast(&seconds.to_array(args.number_rows)?, &DataType::Float64)?;
        let times: TimestampMillisecondArray = as_float64_array(&seconds)?
            .try_unary::<_, TimestampMillisecondType, _>(|seconds| {
                let millis = (seconds * 1000.0).round();
                let fits = millis.abs() < 9.0e15;
                fits.then_some(millis as i64).ok_or_else(|| out_of_range("from_unixtime"))
            })?;
        Ok(ColumnarValue::Array(Arc::new(times.with_timezone("UTC"))))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToUnixtime {
    signature: Signature,
}

impl ScalarUDFImpl for ToUnixtime {
    fn name(&self) -> &str {
        "to_unixtime"
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
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [time] = args.args.as_slice() else {
            return Err(wrong_count(self.name(), "one timestamp"));
        };
        let seconds: Float64Array = millis(time, args.number_rows)?.unary(|millis| millis as f64 / 1000.0);
        Ok(ColumnarValue::Array(Arc::new(seconds)))
    }
}

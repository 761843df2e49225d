//! `date_add(unit, n, time)` and `date_diff(unit, begin, end)`.

use super::unit::Unit;
use super::{TIMESTAMP, like, millis, out_of_range, time_type, wrong_count};
use datafusion::arrow::array::{ArrayRef, Int64Array, TimestampMillisecondArray, new_null_array};
use datafusion::arrow::compute::kernels::arity::try_binary;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimestampMillisecondType};
use datafusion::common::cast::as_int64_array;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

pub(super) fn all() -> Vec<ScalarUDF> {
    let signature = || Signature::user_defined(Volatility::Immutable);
    vec![
        ScalarUDF::new_from_impl(DateAdd { signature: signature() }),
        ScalarUDF::new_from_impl(DateDiff { signature: signature() }),
    ]
}

const DATE_ADD_WANTS: &str = "a unit, a number and a time: date_add('second', -10, ts)";
const DATE_DIFF_WANTS: &str = "a unit and two times: date_diff('second', ts, now)";

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateAdd {
    signature: Signature,
}

impl ScalarUDFImpl for DateAdd {
    fn name(&self) -> &str {
        "date_add"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [_, n, time] if n.is_integer() || n.is_null() => {
                Ok(vec![DataType::Utf8, DataType::Int64, time_type(self.name(), time)?])
            }
            _ => Err(wrong_count(self.name(), DATE_ADD_WANTS)),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.get(2).cloned().unwrap_or(TIMESTAMP))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [unit, n, time] = args.args.as_slice() else {
            return Err(wrong_count(self.name(), DATE_ADD_WANTS));
        };
        let time_type = time.data_type();
        let Some(unit) = Unit::of_argument(self.name(), unit)? else {
            return Ok(ColumnarValue::Array(new_null_array(&time_type, args.number_rows)));
        };
        if time_type == DataType::Date32 && !unit.is_whole_days() {
            return Err(DataFusionError::Plan(
                "date_add: a date takes no unit below a day; cast it to timestamp".into(),
            ));
        }
        let n = n.to_array(args.number_rows)?;
        let times = millis(time, args.number_rows)?;
        let add = |n, time| unit.add(n, time).ok_or_else(|| out_of_range("date_add"));
        let sums: TimestampMillisecondArray =
            try_binary::<_, _, _, TimestampMillisecondType>(as_int64_array(&n)?, &times, add)?;
        like(&time_type, Arc::new(sums))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateDiff {
    signature: Signature,
}

impl ScalarUDFImpl for DateDiff {
    fn name(&self) -> &str {
        "date_diff"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [_, begin, end] => {
                time_type(self.name(), begin)?;
                time_type(self.name(), end)?;
                Ok(vec![DataType::Utf8, TIMESTAMP, TIMESTAMP])
            }
            _ => Err(wrong_count(self.name(), DATE_DIFF_WANTS)),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [unit, begin, end] = args.args.as_slice() else {
            return Err(wrong_count(self.name(), DATE_DIFF_WANTS));
        };
        let Some(unit) = Unit::of_argument(self.name(), unit)? else {
            return Ok(ColumnarValue::Array(new_null_array(&DataType::Int64, args.number_rows)));
        };
        let (begins, ends) = (millis(begin, args.number_rows)?, millis(end, args.number_rows)?);
        let between = |begin, end| unit.between(begin, end).ok_or_else(|| out_of_range("date_diff"));
        let units: Int64Array = try_binary::<_, _, _, Int64Type>(&begins, &ends, between)?;
        Ok(ColumnarValue::Array(Arc::new(units) as ArrayRef))
    }
}

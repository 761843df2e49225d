//! `date_trunc(unit, time)`: DataFusion's own, with the types that Trino gives: a day stays a day, a timestamp has milliseconds.

use super::unit::Unit;
use super::{TIMESTAMP, time_type, wrong_count};
use datafusion::arrow::array::new_null_array;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::functions::datetime;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

pub(super) fn all() -> Vec<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    vec![ScalarUDF::new_from_impl(DateTrunc { own: datetime::date_trunc(), signature })]
}

const WANTS: &str = "a unit and a time: date_trunc('minute', ts)";

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateTrunc {
    own: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        "date_trunc"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [_, time] => Ok(vec![DataType::Utf8, time_type(self.name(), time)?]),
            _ => Err(wrong_count(self.name(), WANTS)),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.get(1).cloned().unwrap_or(TIMESTAMP))
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.own.output_ordering(inputs)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [unit, time] = args.args.as_mut_slice() else {
            return Err(wrong_count(self.name(), WANTS));
        };
        let time_type = time.data_type();
        if Unit::of_argument(self.name(), unit)?.is_none() {
            return Ok(ColumnarValue::Array(new_null_array(&time_type, args.number_rows)));
        }
        *time = time.cast_to(&TIMESTAMP, None)?;
        args.return_field = Arc::new(Field::new(self.name(), TIMESTAMP, true));
        let rows = args.number_rows;
        let start = self.own.invoke_with_args(args)?;
        match time_type {
            DataType::Date32 => Ok(ColumnarValue::Array(cast(&start.to_array(rows)?, &time_type)?)),
            _ => Ok(start),
        }
    }
}

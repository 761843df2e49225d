//! `from_utf8(binary)`, for people who look at rejected records.

use super::wrong_count;
use datafusion::arrow::array::{BinaryArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_binary_array;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![ScalarUDF::new_from_impl(FromUtf8 { signature: Signature::user_defined(Volatility::Immutable) })]
}

/// Bytes as text; what is not UTF-8 becomes U+FFFD, as in Trino, so that one bad row does not fail a query.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FromUtf8 {
    signature: Signature,
}

impl ScalarUDFImpl for FromUtf8 {
    fn name(&self) -> &str {
        "from_utf8"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::Null] => {
                Ok(vec![DataType::Binary])
            }
            _ => Err(wrong_count(self.name(), "one binary value")),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [bytes] = args.args.as_slice() else {
            return Err(wrong_count(self.name(), "one binary value"));
        };
        let bytes = cast(&bytes.to_array(args.number_rows)?, &DataType::Binary)?;
        let bytes: &BinaryArray = as_binary_array(&bytes)?;
        let text: StringArray = bytes.iter().map(|bytes| bytes.map(String::from_utf8_lossy)).collect();
        Ok(ColumnarValue::Array(Arc::new(text)))
    }
}

//! `DESCRIBE`: a table's columns in Glue's type words, as Athena tells them.

use crate::error::{Error, Result};
use crate::table::HiveType;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Schema};
use std::sync::Arc;

/// One row a column: its name and its type.
pub(super) fn columns(schema: &Schema) -> Result<RecordBatch> {
    let names: StringArray = schema.fields().iter().map(|field| Some(field.name().as_str())).collect();
    let types: StringArray = schema.fields().iter().map(|field| Some(word(field.data_type()))).collect();
    let columns = [("column_name", Arc::new(names) as ArrayRef), ("data_type", Arc::new(types) as ArrayRef)];
    RecordBatch::try_from_iter(columns).map_err(|e| Error::internal("cannot describe a table").caused_by(e))
}

/// Arrow's own word where Glue has none.
fn word(data_type: &DataType) -> String {
    HiveType::of_arrow(data_type).map_or_else(|| data_type.to_string(), |glue| glue.to_string())
}

//! Reference tables: a small CSV, read whole, all strings.

use super::Reference;
use crate::error::{Error, Result};
use crate::table::ReferenceCsv;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use std::sync::Arc;

/// Reads the CSV into memory, where its statistics are exact, so that a join builds its hash table from this small side.
pub(super) async fn load(reference: &Reference) -> Result<MemTable> {
    let (url, csv) = reference.read().await?;
    in_memory(&csv)
        .map_err(DataFusionError::from)
        .and_then(|batch| MemTable::try_new(batch.schema(), vec![vec![batch]]))
        .map_err(|e| Error::internal(format!("cannot hold {url} in memory")).caused_by(e))
}

fn in_memory(csv: &ReferenceCsv) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<Field> = csv.columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let column = |at: usize| StringArray::from_iter_values(csv.records.iter().map(|record| &record[at]));
    let columns = (0..fields.len()).map(|at| Arc::new(column(at)) as ArrayRef).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

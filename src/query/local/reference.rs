//! Reference tables: a small CSV, read whole, all strings.

use super::Reference;
use crate::error::{Error, Result};
use crate::table::ReferenceCsv;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use object_store::ObjectStoreExt;
use std::sync::Arc;

/// Reads the CSV into memory, where its statistics are exact, so that a join builds its hash table from this small side.
///
/// # Errors
/// Usage, with the line: no such file, no header, two columns of one name, a record that is no CSV or not as wide as the header.
pub(super) async fn load(reference: &Reference) -> Result<MemTable> {
    let path = reference.folder.path(&reference.key);
    let origin = format!("reference table {}: {}", reference.name, reference.folder.url_of(&path));
    let bytes = match reference.folder.store().get(&path).await {
        Ok(object) => object.bytes().await,
        Err(object_store::Error::NotFound { .. }) => {
            return Err(Error::usage(format!("{origin} does not exist"))
                .hint(format!("check file in [reference.{}] of firelake.toml", reference.name)));
        }
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(|e| Error::from(e).context(format!("cannot read {origin}")))?;
    let csv = ReferenceCsv::parse(&origin, &bytes)?;
    in_memory(&csv)
        .map_err(DataFusionError::from)
        .and_then(|batch| MemTable::try_new(batch.schema(), vec![vec![batch]]))
        .map_err(|e| Error::internal(format!("cannot hold {origin} in memory")).caused_by(e))
}

fn in_memory(csv: &ReferenceCsv) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<Field> = csv.columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let column = |at: usize| StringArray::from_iter_values(csv.records.iter().map(|record| &record[at]));
    let columns = (0..fields.len()).map(|at| Arc::new(column(at)) as ArrayRef).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

//! Arrow batches and Parquet files as rows of text, to compare.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use firelake::storage::Location;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::Arc;

/// A row; `None` is NULL. A time is its milliseconds since 1970.
pub type Row = Vec<Option<String>>;

/// A value that is there.
pub fn cell(value: impl ToString) -> Option<String> {
    Some(value.to_string())
}

pub fn rows(batch: &RecordBatch) -> Vec<Row> {
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Timestamp(..) => cast(&cast(column, &DataType::Int64).unwrap(), &DataType::Utf8).unwrap(),
            nested if nested.is_nested() => shown(column),
            _ => cast(column, &DataType::Utf8).unwrap(),
        })
        .collect();
    let text = |column: &ArrayRef, row| {
        let texts = column.as_string::<i32>();
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    (0..batch.num_rows()).map(|row| columns.iter().map(|column| text(column, row)).collect()).collect()
}

/// Nested values, as Arrow prints them.
fn shown(column: &ArrayRef) -> ArrayRef {
    let options = FormatOptions::default().with_null("NULL");
    let texts = ArrayFormatter::try_new(column, &options).unwrap();
    let text = |row| column.is_valid(row).then(|| texts.value(row).to_string());
    Arc::new((0..column.len()).map(text).collect::<StringArray>())
}

/// The rows of a Parquet file, and its size.
pub async fn of_file(near: &Location, path: &Path) -> (Vec<Row>, u64) {
    let bytes = near.store().get(path).await.unwrap().bytes().await.unwrap();
    let size = bytes.len() as u64;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    (reader.flat_map(|batch| rows(&batch.unwrap())).collect(), size)
}

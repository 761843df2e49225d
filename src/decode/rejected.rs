//! Records that could not be decoded, as rows of the rejected table.

use crate::error::{Error, Result};
use crate::table::rejected_columns;
use arrow::array::{ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use std::sync::Arc;

/// The longest `raw` of one row, so that any engine can read the table.
pub const MAX_CHUNK: usize = 1 << 20;

/// A record that could not be decoded, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Where it begins in the decompressed object.
    pub offset: u64,
    /// Why it could not be decoded.
    pub reason: String,
    /// Its bytes as they landed.
    pub raw: Vec<u8>,
}

impl RejectedRecord {
    fn chunks(&self) -> impl Iterator<Item = (i32, &[u8])> {
        (0..).zip(self.raw.chunks(MAX_CHUNK))
    }
}

/// The rows of one object's rejected records; a record longer than [`MAX_CHUNK`] is several.
pub fn rejected_batch(object: &str, records: &[RejectedRecord]) -> Result<RecordBatch> {
    let rows: Vec<(&RejectedRecord, i32, &[u8])> =
        records.iter().flat_map(|record| record.chunks().map(move |(chunk, raw)| (record, chunk, raw))).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|_| object))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(record, ..)| record.offset as i64))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(record, ..)| record.raw.len() as i64))),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|(_, chunk, _)| *chunk))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(record, ..)| &record.reason))),
        Arc::new(BinaryArray::from_iter_values(rows.iter().map(|(.., raw)| raw))),
    ];
    RecordBatch::try_new(rejected_schema(), columns)
        .map_err(|e| Error::internal("the rejected records do not fit their table").caused_by(e))
}

fn rejected_schema() -> SchemaRef {
    let fields =
        rejected_columns().into_iter().map(|(name, hive_type, _)| Field::new(name, hive_type.to_arrow(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;

    #[test]
    fn a_long_record_is_several_rows_of_the_same_bytes() {
        let raw: Vec<u8> = (0..MAX_CHUNK + 5).map(|i| i as u8).collect();
        let record = RejectedRecord { offset: 7, reason: "bad".into(), raw: raw.clone() };
        let batch = rejected_batch("memory:///x", &[record]).unwrap();
        let chunks = batch.column(5).as_binary::<i32>();
        assert_eq!(batch.num_rows(), 2);
        assert_eq!([chunks.value(0), chunks.value(1)].concat(), raw);
    }
}

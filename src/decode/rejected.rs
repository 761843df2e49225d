//! Records that could not be decoded, as rows of the rejected table.

use super::frame::Reason;
use crate::error::{Error, Result};
use crate::table::rejected_columns;
use arrow::array::{ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use std::sync::Arc;

/// The longest `raw` of one row, so that any engine can read the table.
pub const MAX_CHUNK: usize = 1 << 20;

/// A record that could not be decoded, byte for byte, or a chunk of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedChunk {
    /// Where the record begins in the decompressed object.
    pub offset: u64,
    /// How long the whole record is. Of a record that was too long to be held, only chunk 0 knows it.
    pub length: Option<u64>,
    /// The chunk's number, from 0. Each but the last is [`MAX_CHUNK`] bytes.
    pub chunk: i32,
    /// Why the record could not be decoded.
    pub reason: Reason,
    /// Its bytes as they landed.
    pub raw: Vec<u8>,
}

impl RejectedChunk {
    /// Whether it is all of its record.
    pub fn is_whole(&self) -> bool {
        self.chunk == 0 && self.length == Some(self.raw.len() as u64)
    }
}

/// The chunks of a record that is known whole.
pub(super) fn chunks<'a>(offset: u64, reason: &'a Reason, raw: &'a [u8]) -> impl Iterator<Item = RejectedChunk> + 'a {
    let length = Some(raw.len() as u64);
    let chunk = move |(chunk, raw): (i32, &[u8])| RejectedChunk {
        offset,
        length,
        chunk,
        reason: reason.clone(),
        raw: raw.to_vec(),
    };
    (0..).zip(raw.chunks(MAX_CHUNK)).map(chunk)
}

/// A record that comes in parts. Its chunks are handed on as they fill; chunk 0 waits for the end, because it tells the
/// record's length.
pub(super) struct Parts {
    offset: u64,
    reason: Reason,
    length: u64,
    first: Vec<u8>,
    filling: Vec<u8>,
    next: i32,
}

impl Parts {
    pub(super) fn new(offset: u64, reason: Reason) -> Self {
        Parts { offset, reason, length: 0, first: Vec::new(), filling: Vec::new(), next: 1 }
    }

    /// Takes the next part.
    pub(super) fn push(&mut self, mut part: &[u8], sink: &mut dyn FnMut(RejectedChunk) -> Result<()>) -> Result<()> {
        self.length += part.len() as u64;
        while !part.is_empty() {
            if self.filling.len() == MAX_CHUNK {
                self.hand_on(sink)?;
            }
            let filling = if self.first.len() < MAX_CHUNK { &mut self.first } else { &mut self.filling };
            let (now, later) = part.split_at(part.len().min(MAX_CHUNK - filling.len()));
            filling.extend_from_slice(now);
            part = later;
        }
        Ok(())
    }

    fn hand_on(&mut self, sink: &mut dyn FnMut(RejectedChunk) -> Result<()>) -> Result<()> {
        let (chunk, raw) = (self.next, std::mem::take(&mut self.filling));
        self.next += 1;
        sink(RejectedChunk { offset: self.offset, length: None, chunk, reason: self.reason.clone(), raw })
    }

    /// The record has ended.
    pub(super) fn end(mut self, sink: &mut dyn FnMut(RejectedChunk) -> Result<()>) -> Result<()> {
        if !self.filling.is_empty() {
            self.hand_on(sink)?;
        }
        let Parts { offset, reason, length, first, .. } = self;
        sink(RejectedChunk { offset, length: Some(length), chunk: 0, reason, raw: first })
    }
}

/// The rows of one object's rejected records.
pub fn rejected_batch(object: &str, chunks: &[RejectedChunk]) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(chunks.iter().map(|_| object))),
        Arc::new(Int64Array::from_iter_values(chunks.iter().map(|chunk| chunk.offset as i64))),
        Arc::new(Int64Array::from_iter(chunks.iter().map(|chunk| chunk.length.map(|length| length as i64)))),
        Arc::new(Int32Array::from_iter_values(chunks.iter().map(|chunk| chunk.chunk))),
        Arc::new(StringArray::from_iter_values(chunks.iter().map(|chunk| &chunk.reason))),
        Arc::new(BinaryArray::from_iter_values(chunks.iter().map(|chunk| &chunk.raw))),
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
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int64Type;

    /// The bytes of all chunks in order, and the lengths that they tell, chunk 0 first.
    fn rows(mut chunks: Vec<RejectedChunk>) -> (Vec<u8>, Vec<Option<i64>>) {
        chunks.sort_by_key(|chunk| chunk.chunk);
        assert!(chunks.iter().enumerate().all(|(at, chunk)| chunk.chunk == at as i32 && chunk.offset == 7));
        let batch = rejected_batch("memory:///x", &chunks).unwrap();
        let (lengths, raw) = (batch.column(2).as_primitive::<Int64Type>(), batch.column(5).as_binary::<i32>());
        assert!((0..raw.len()).all(|at| raw.value(at).len() <= MAX_CHUNK));
        (raw.iter().flatten().collect::<Vec<_>>().concat(), lengths.iter().collect())
    }

    #[test]
    fn a_long_record_is_several_rows_of_the_same_bytes() {
        for length in [1, MAX_CHUNK, MAX_CHUNK + 5, 3 * MAX_CHUNK] {
            let raw: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let (whole, lengths) = rows(chunks(7, &"bad".into(), &raw).collect());
            assert!(whole == raw);
            assert_eq!(lengths, vec![Some(length as i64); length.div_ceil(MAX_CHUNK)]);
        }
    }

    #[test]
    fn parts_of_any_size_are_the_same_bytes() {
        for (length, step) in [(5, 2), (MAX_CHUNK, 70_001), (MAX_CHUNK + 1, 70_001), (3 * MAX_CHUNK, 2 * MAX_CHUNK + 3)]
        {
            let raw: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let (mut parts, mut given) = (Parts::new(7, "bad".into()), Vec::new());
            let mut sink = |chunk| {
                given.push(chunk);
                Ok(())
            };
            raw.chunks(step).for_each(|part| parts.push(part, &mut sink).unwrap());
            parts.end(&mut sink).unwrap();
            let (whole, lengths) = rows(given);
            assert!(whole == raw);
            assert_eq!(lengths.len(), length.div_ceil(MAX_CHUNK));
            assert_eq!(lengths.iter().flatten().collect::<Vec<_>>(), [&(length as i64)]);
        }
    }
}

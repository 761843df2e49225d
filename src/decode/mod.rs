//! Bytes to rows. Four seams: *landing* gives plain bytes, `frame` cuts them into records, [`parse`] finds a record's
//! fields, `build` appends them to columns. Each can be replaced alone; a record keeps its place in the object
//! through all of them. Sync and pure.

mod build;
mod cloudwatch;
mod expr;
mod frame;
mod inside;
pub mod parse;
mod plan;
mod record;
mod rejected;
mod scalar;
mod time;
mod values;

pub use frame::{Frame, next_frame};
pub use rejected::{MAX_CHUNK, RejectedRecord, rejected_batch};

use crate::error::{Error, Result};
use crate::table::{Format, TableSchema};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use build::RowBuilder;
use chrono::{DateTime, Utc};
use cloudwatch::Envelope;
use expr::Computed;
use parse::Fields;
use std::io::Read;
use std::ops::Range;

/// Bytes read at a time; the buffer grows where one record is longer.
const CHUNK: usize = 256 * 1024;
/// A record longer than this is rejected.
pub const MAX_RECORD: usize = 16 << 20;
/// A batch is handed on at either of these: it fits a processor's cache, and little waits between the threads.
const BATCH_ROWS: usize = 8 * 1024;
const BATCH_BYTES: usize = 16 << 20;

/// What came out of an object.
#[derive(Debug)]
pub enum Decoded {
    /// Rows with the columns of [`TableSchema::arrow`].
    Rows(Rows),
    /// A record that could not be decoded.
    Rejected(RejectedRecord),
}

/// A batch of rows.
#[derive(Debug)]
pub struct Rows {
    /// The columns.
    pub batch: RecordBatch,
    /// Each row's time for partitioning, milliseconds UTC: its event time, or its delivery time where it has no usable one.
    pub times: Vec<i64>,
}

/// What an object held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectCounts {
    /// Decompressed bytes.
    pub bytes: u64,
    /// Records, rejected ones included.
    pub records: u64,
    /// Records that could not be decoded.
    pub rejected: u64,
    /// Rows that went by their delivery time.
    pub by_delivery: u64,
}

/// Decodes objects of one table, one after the other.
pub struct Decoder {
    rows: RowBuilder,
    computed: Computed,
    fields: Fields,
    /// Where records come in envelopes.
    envelope: Option<Envelope>,
    buffer: Vec<u8>,
}

impl Decoder {
    /// Prepares for a table.
    ///
    /// # Errors
    /// Usage: a time format or an expression of the schema is wrong; the message names the column.
    pub fn new(schema: &TableSchema) -> Result<Self> {
        Ok(Decoder {
            rows: RowBuilder::new(schema)?,
            computed: Computed::new(schema)?,
            fields: Fields::default(),
            envelope: match schema.format {
                Format::Json => None,
                Format::CloudwatchLogs => Some(Envelope::default()),
            },
            buffer: Vec::new(),
        })
    }

    /// The columns of the batches.
    pub fn schema(&self) -> &SchemaRef {
        self.computed.schema()
    }

    /// Decodes one object: `plain` are its bytes without compression, `delivered` its delivery time. `sink` gets what comes
    /// out, as it comes.
    ///
    /// # Errors
    /// Unreadable: `plain` failed; what `sink` got so far must not count. Errors of `sink` as they are.
    pub fn decode(
        &mut self,
        plain: &mut dyn Read,
        delivered: DateTime<Utc>,
        sink: &mut dyn FnMut(Decoded) -> Result<()>,
    ) -> Result<ObjectCounts> {
        self.rows.start_object(delivered);
        self.buffer.clear();
        let mut counts = ObjectCounts::default();
        let mut eof = false;
        while !eof {
            eof = self.fill(plain, counts.bytes)?;
            let used = self.drain(eof, &mut counts, sink)?;
            counts.bytes += used as u64;
            self.buffer.drain(..used);
        }
        self.flush(sink)?;
        counts.by_delivery = self.rows.by_delivery();
        Ok(counts)
    }

    /// Reads one more chunk; true at the end of the object.
    fn fill(&mut self, plain: &mut dyn Read, offset: u64) -> Result<bool> {
        let more = CHUNK.max(self.buffer.len()) as u64;
        let read = (&mut *plain).take(more).read_to_end(&mut self.buffer).map_err(|e| {
            let at = offset + self.buffer.len() as u64;
            Error::unreadable(format!("reading failed at byte {at} of its content: {e}")).caused_by(e)
        })?;
        Ok((read as u64) < more)
    }

    /// Decodes every whole record of the buffer; gives how many bytes are done with.
    fn drain(
        &mut self,
        eof: bool,
        counts: &mut ObjectCounts,
        sink: &mut dyn FnMut(Decoded) -> Result<()>,
    ) -> Result<usize> {
        let mut at = 0;
        loop {
            match next_frame(&self.buffer, at, eof, &mut self.fields) {
                Frame::Record { start, end } => {
                    self.record(start, end, counts, sink)?;
                    at = end;
                }
                Frame::Damaged { start, end, reason } => {
                    self.reject(start..end, reason, counts, sink)?;
                    at = end;
                }
                Frame::NeedMore { start } => return Ok(start),
                Frame::End => return Ok(self.buffer.len()),
            }
        }
    }

    /// A whole object of the buffer: a record, or an envelope of some.
    fn record(
        &mut self,
        start: usize,
        end: usize,
        counts: &mut ObjectCounts,
        sink: &mut dyn FnMut(Decoded) -> Result<()>,
    ) -> Result<()> {
        let Some(envelope) = &mut self.envelope else {
            self.rows.append(&self.buffer, &self.fields);
            return self.appended(end - start, counts, sink);
        };
        let events = match envelope.events(&self.buffer, &self.fields) {
            Ok(events) => events,
            Err(reason) => return self.reject(start..end, reason.into(), counts, sink),
        };
        for event in events {
            let Some(envelope) = &mut self.envelope else { break };
            let bytes = event.len();
            let (record, fields) = envelope.record(&self.buffer, &self.fields, event);
            self.rows.append(record, fields);
            self.appended(bytes, counts, sink)?;
        }
        Ok(())
    }

    /// Counts a record, and hands rows on where they are enough; the next record may be as long as this one was.
    #[inline]
    fn appended(
        &mut self,
        bytes: usize,
        counts: &mut ObjectCounts,
        sink: &mut dyn FnMut(Decoded) -> Result<()>,
    ) -> Result<()> {
        counts.records += 1;
        match self.rows.len() >= BATCH_ROWS || self.rows.bytes() + bytes >= BATCH_BYTES {
            true => self.flush(sink),
            false => Ok(()),
        }
    }

    fn reject(
        &mut self,
        place: Range<usize>,
        reason: String,
        counts: &mut ObjectCounts,
        sink: &mut dyn FnMut(Decoded) -> Result<()>,
    ) -> Result<()> {
        counts.records += 1;
        counts.rejected += 1;
        let offset = counts.bytes + place.start as u64;
        sink(Decoded::Rejected(RejectedRecord { offset, reason, raw: self.buffer[place].to_vec() }))
    }

    fn flush(&mut self, sink: &mut dyn FnMut(Decoded) -> Result<()>) -> Result<()> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        let batch = self.computed.complete(self.rows.finish()?)?;
        let times = self.rows.times(&batch);
        sink(Decoded::Rows(Rows { batch, times }))
    }
}

#[cfg(test)]
mod tests;

//! Bytes to rows. Four seams: *landing* gives plain bytes, `frame` cuts them into records, [`parse`] finds a record's
//! fields, `build` appends them to columns. Each can be replaced alone; a record keeps its place in the object
//! through all of them. Sync and pure.

mod again;
mod build;
mod cloudwatch;
mod expr;
mod failed;
mod frame;
mod inside;
mod look;
pub mod parse;
mod plan;
mod record;
mod rejected;
mod repair;
mod scalar;
mod scan;
mod time;
mod values;

pub use again::OnceMore;
pub use frame::{Frame, Framer, Reason};
pub(crate) use inside::{element, members};
pub use look::{Looked, Looker, Seen, Shown};
pub use rejected::{MAX_CHUNK, RejectedChunk, rejected_batch};
pub(crate) use scalar::{boolean, double, integer};
pub(crate) use time::TimeFormat;

use crate::error::{Error, Result};
use crate::table::{Format, TableSchema};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use build::RowBuilder;
use chrono::{DateTime, Utc};
use cloudwatch::Envelope;
use expr::Computed;
use failed::{Failed, FailedRecord, unopened};
use parse::{Fields, parse_object};
use rejected::{Parts, chunks};
use repair::repair;
use std::io::Read;
use std::ops::Range;

/// Bytes read at a time; the buffer grows where one record is longer.
const CHUNK: usize = 256 * 1024;
/// The most bytes read at a time where a record is longer than what is there.
const MOST: usize = 4 << 20;
/// Failed records inside of failed records: what Firehose could not deliver twice over.
const ENVELOPES: u8 = 3;
/// A record longer than this is rejected, unless told.
pub const MAX_RECORD: usize = 16 << 20;
/// A batch is handed on at either of these: it fits a processor's cache, and little waits between the threads.
const BATCH_ROWS: usize = 8 * 1024;
const BATCH_BYTES: usize = 16 << 20;

/// What came out of an object.
#[derive(Debug)]
pub enum Decoded {
    /// Rows with the columns of [`TableSchema::arrow`].
    Rows(Rows),
    /// A record that could not be decoded, or a chunk of one; each record has one chunk 0.
    Rejected(RejectedChunk),
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
    /// Records that could not be decoded, failed records among them.
    pub rejected: u64,
    /// Failed records of Firehose, in their envelopes.
    pub failed: u64,
    /// Failed records that were opened: what was inside of them is counted in their stead.
    pub opened: u64,
    /// Rows that went by their delivery time.
    pub by_delivery: u64,
    /// Rows of records that were no strict JSON and could be repaired: each row of an envelope that was.
    pub repaired: u64,
}

impl ObjectCounts {
    /// What was inside of one of its records.
    fn add(&mut self, inside: &ObjectCounts) {
        self.records += inside.records;
        self.rejected += inside.rejected;
        self.failed += inside.failed;
        self.opened += inside.opened;
        self.repaired += inside.repaired;
    }
}

/// Decodes objects of one table, one after the other.
pub struct Decoder {
    batch: Batch,
    fields: Fields,
    /// Where records come in envelopes.
    envelope: Option<Envelope>,
    failed: Failed,
    /// How many envelopes inside one another are opened.
    open_failed: u8,
    max_record: usize,
    buffer: Vec<u8>,
    repaired: Vec<u8>,
}

impl Decoder {
    /// Prepares for a table.
    ///
    /// # Errors
    /// Usage: a time format or an expression of the schema is wrong; the message names the column.
    pub fn new(schema: &TableSchema) -> Result<Self> {
        Ok(Decoder {
            batch: Batch { rows: RowBuilder::new(schema)?, computed: Computed::new(schema)? },
            fields: Fields::default(),
            envelope: match schema.format {
                Format::Json => None,
                Format::CloudwatchLogs => Some(Envelope::default()),
            },
            failed: Failed::new(schema),
            open_failed: 0,
            max_record: MAX_RECORD,
            buffer: Vec::new(),
            repaired: Vec::new(),
        })
    }

    /// Rejects records of more than so many bytes, instead of [`MAX_RECORD`].
    pub fn max_record(self, bytes: usize) -> Self {
        Decoder { max_record: bytes, ..self }
    }

    /// Whether failed records of Firehose in the objects that follow are opened, and what was put into the stream is decoded.
    /// Else they are rejected records, whole.
    pub fn open_failed(&mut self, open: bool) {
        self.open_failed = if open { ENVELOPES } else { 0 };
    }

    /// The columns of the batches.
    pub fn schema(&self) -> &SchemaRef {
        self.batch.computed.schema()
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
        self.begin(delivered);
        self.buffer.clear();
        self.buffer.shrink_to(MOST);
        let mut object = Object::new(self.max_record, 0, sink);
        let mut eof = false;
        while !eof {
            eof = fill(&mut self.buffer, plain, object.counts.bytes)?;
            let used = self.drain(eof, &mut object)?;
            object.counts.bytes += used as u64;
            self.buffer.drain(..used);
            if self.buffer.len() < CHUNK {
                self.buffer.shrink_to(MOST); // a long record is behind
            }
        }
        let mut counts = object.counts;
        counts.by_delivery = self.end(sink)?;
        Ok(counts)
    }

    /// Decodes every whole record of the buffer; gives how many bytes are done with.
    fn drain(&mut self, eof: bool, object: &mut Object<'_>) -> Result<usize> {
        let mut at = 0;
        object.may_have_failed |= self.failed.may_be_in(&self.buffer);
        loop {
            match object.framer.next(&self.buffer, at, eof, &mut self.fields) {
                Frame::Record { start, end } => {
                    at = end;
                    self.record(start..end, false, object)?;
                }
                Frame::Damaged { start, end, reason } => {
                    at = end;
                    match parse_repaired(&self.buffer[start..end], &mut self.repaired, &mut self.fields) {
                        true => self.record(start..end, true, object)?,
                        false => object.reject(start, &self.buffer[start..end], &reason)?,
                    }
                }
                Frame::Part { start, end, last } => {
                    at = end;
                    object.part(start, &self.buffer[start..end], last)?;
                }
                Frame::NeedMore { start } => return Ok(start),
                Frame::End => return Ok(self.buffer.len()),
            }
        }
    }

    /// A whole JSON object, which stands at `place`: a record, or an envelope of some.
    #[inline]
    fn record(&mut self, place: Range<usize>, repaired: bool, object: &mut Object<'_>) -> Result<()> {
        let text = if repaired { &self.repaired } else { &self.buffer };
        if object.may_have_failed
            && let Some(failed) = FailedRecord::of(text, &self.fields)
        {
            object.counts.failed += 1;
            let reason = failed.reason(text);
            return match self.open_failed {
                0 => object.reject(place.start, &self.buffer[place], &reason),
                _ => match failed.open(text) {
                    Ok(inside) => self.failed_record(place, inside, object),
                    Err(why) => object.reject(place.start, &self.buffer[place], &unopened(&why)),
                },
            };
        }
        let Some(envelope) = &mut self.envelope else {
            return self.batch.append(text, &self.fields, place.len(), repaired, object);
        };
        let events = match envelope.events(text, &self.fields) {
            Ok(events) => events,
            Err(reason) => return object.reject(place.start, &self.buffer[place], &reason.into()),
        };
        for event in events {
            let bytes = event.len();
            let (record, fields) = envelope.record(text, &self.fields, event);
            self.batch.append(record, fields, bytes, repaired, object)?;
        }
        Ok(())
    }
}

/// Reads one more chunk of an object, whose buffer begins at `offset`; true at its end.
fn fill(buffer: &mut Vec<u8>, plain: &mut dyn Read, offset: u64) -> Result<bool> {
    let more = buffer.len().clamp(CHUNK, MOST) as u64;
    let read = (&mut *plain).take(more).read_to_end(buffer);
    let read = read.map_err(|e| failed(e, offset + buffer.len() as u64))?;
    Ok((read as u64) < more)
}

/// Whether damaged bytes are a JSON object after a repair.
fn parse_repaired(raw: &[u8], repaired: &mut Vec<u8>, fields: &mut Fields) -> bool {
    raw.first() == Some(&b'{') && repair(raw, repaired) && parse_object(repaired, 0, fields) == Ok(repaired.len())
}

/// Rows on their way to a batch.
struct Batch {
    rows: RowBuilder,
    computed: Computed,
}

impl Batch {
    /// Appends a record and counts it, and hands rows on where they are enough: the next record may be as long as this one was.
    #[inline]
    fn append(
        &mut self,
        text: &[u8],
        fields: &Fields,
        bytes: usize,
        repaired: bool,
        object: &mut Object<'_>,
    ) -> Result<()> {
        object.counts.records += 1;
        object.counts.repaired += u64::from(repaired);
        if object.dry {
            return Ok(());
        }
        self.rows.append(text, fields);
        match self.rows.len() >= BATCH_ROWS || self.rows.bytes() + bytes >= BATCH_BYTES {
            true => self.flush(object.sink),
            false => Ok(()),
        }
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

/// An object on its way.
struct Object<'a> {
    framer: Framer,
    long: Option<Parts>,
    counts: ObjectCounts,
    /// A failed record may be among what was read.
    may_have_failed: bool,
    /// Records are counted, and become no rows.
    dry: bool,
    sink: &'a mut dyn FnMut(Decoded) -> Result<()>,
}

impl<'a> Object<'a> {
    /// `offset` is the place of the buffer's first byte.
    fn new(max_record: usize, offset: u64, sink: &'a mut dyn FnMut(Decoded) -> Result<()>) -> Self {
        let counts = ObjectCounts { bytes: offset, ..Default::default() };
        Object { framer: Framer::new(max_record), long: None, counts, may_have_failed: false, dry: false, sink }
    }

    /// A record that was rejected; `start` is its place in the buffer.
    fn reject(&mut self, start: usize, raw: &[u8], reason: &Reason) -> Result<()> {
        self.counts.records += 1;
        self.counts.rejected += 1;
        let offset = self.counts.bytes + start as u64;
        chunks(offset, reason, raw).try_for_each(|chunk| (self.sink)(Decoded::Rejected(chunk)))
    }

    /// A part of a record that is too long.
    fn part(&mut self, start: usize, raw: &[u8], last: bool) -> Result<()> {
        let offset = self.counts.bytes + start as u64;
        let mut long = self.long.take().unwrap_or_else(|| Parts::new(offset, self.framer.too_long()));
        let mut sink = |chunk| (self.sink)(Decoded::Rejected(chunk));
        long.push(raw, &mut sink)?;
        match last {
            true => {
                long.end(&mut sink)?;
                self.counts.records += 1;
                self.counts.rejected += 1;
            }
            false => self.long = Some(long),
        }
        Ok(())
    }
}

/// Reading failed at this byte; what our own readers say needs no place.
fn failed(error: std::io::Error, at: u64) -> Error {
    match error.downcast::<Error>() {
        Ok(told) => told,
        Err(e) => Error::unreadable(format!("reading failed at byte {at} of its content: {e}")).caused_by(e),
    }
}

#[cfg(test)]
mod tests;

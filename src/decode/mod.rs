//! Bytes to rows. Four seams: *landing* gives plain bytes, `frame` cuts them into records, [`parse`] finds a record's
//! fields, `build` appends them to columns. Each can be replaced alone; a record keeps its place in the object
//! through all of them. Sync and pure.

mod build;
mod expr;
mod frame;
pub mod parse;
mod rejected;
mod repair;
mod scan;
mod time;

pub use frame::{Frame, Framer, Reason};
pub use rejected::{MAX_CHUNK, RejectedChunk, rejected_batch};

use crate::error::{Error, Result};
use crate::table::TableSchema;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use build::RowBuilder;
use chrono::{DateTime, Utc};
use expr::Computed;
use parse::{Fields, parse_object};
use rejected::{Parts, chunks};
use repair::repair;
use std::io::Read;

/// Bytes read at a time; the buffer grows where one record is longer.
const CHUNK: usize = 256 * 1024;
/// The most bytes read at a time where a record is longer than what is there.
const MOST: usize = 4 << 20;
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
    /// Records that could not be decoded.
    pub rejected: u64,
    /// Rows that went by their delivery time.
    pub by_delivery: u64,
    /// Rows of records that were no strict JSON and could be repaired.
    pub repaired: u64,
}

/// Decodes objects of one table, one after the other.
pub struct Decoder {
    rows: RowBuilder,
    computed: Computed,
    fields: Fields,
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
            rows: RowBuilder::new(schema)?,
            computed: Computed::new(schema)?,
            fields: Fields::default(),
            max_record: MAX_RECORD,
            buffer: Vec::new(),
            repaired: Vec::new(),
        })
    }

    /// Rejects records of more than so many bytes, instead of [`MAX_RECORD`].
    pub fn max_record(self, bytes: usize) -> Self {
        Decoder { max_record: bytes, ..self }
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
        self.buffer.shrink_to(MOST);
        let mut object =
            Object { framer: Framer::new(self.max_record), long: None, counts: ObjectCounts::default(), sink };
        let mut eof = false;
        while !eof {
            eof = self.fill(plain, object.counts.bytes)?;
            let used = self.drain(eof, &mut object)?;
            object.counts.bytes += used as u64;
            self.buffer.drain(..used);
            if self.buffer.len() < CHUNK {
                self.buffer.shrink_to(MOST); // a long record is behind
            }
        }
        let mut counts = object.counts;
        self.flush(sink)?;
        counts.by_delivery = self.rows.by_delivery();
        Ok(counts)
    }

    /// Reads one more chunk; true at the end of the object.
    fn fill(&mut self, plain: &mut dyn Read, offset: u64) -> Result<bool> {
        let more = self.buffer.len().clamp(CHUNK, MOST) as u64;
        let read = (&mut *plain).take(more).read_to_end(&mut self.buffer);
        let read = read.map_err(|e| failed(e, offset + self.buffer.len() as u64))?;
        Ok((read as u64) < more)
    }

    /// Decodes every whole record of the buffer; gives how many bytes are done with.
    fn drain(&mut self, eof: bool, object: &mut Object<'_>) -> Result<usize> {
        let mut at = 0;
        loop {
            match object.framer.next(&self.buffer, at, eof, &mut self.fields) {
                Frame::Record { start, end } => {
                    self.rows.append(&self.buffer, &self.fields);
                    object.counts.records += 1;
                    at = end;
                    self.flush_if_full(end - start, object.sink)?;
                }
                Frame::Damaged { start, end, reason } => {
                    at = end;
                    match self.append_repaired(start, end) {
                        true => {
                            object.counts.records += 1;
                            object.counts.repaired += 1;
                            self.flush_if_full(end - start, object.sink)?;
                        }
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

    /// Appends a damaged record as a row, where it is one after a repair.
    fn append_repaired(&mut self, start: usize, end: usize) -> bool {
        let raw = &self.buffer[start..end];
        let is_json = raw.first() == Some(&b'{')
            && repair(raw, &mut self.repaired)
            && parse_object(&self.repaired, 0, &mut self.fields) == Ok(self.repaired.len());
        if is_json {
            self.rows.append(&self.repaired, &self.fields);
        }
        is_json
    }

    fn flush_if_full(&mut self, last: usize, sink: &mut dyn FnMut(Decoded) -> Result<()>) -> Result<()> {
        match self.rows.len() >= BATCH_ROWS || self.rows.bytes() + last >= BATCH_BYTES {
            true => self.flush(sink),
            false => Ok(()),
        }
    }

    fn flush(&mut self, sink: &mut dyn FnMut(Decoded) -> Result<()>) -> Result<()> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        let (columns, times) = self.rows.finish()?;
        let batch = self.computed.complete(columns)?;
        sink(Decoded::Rows(Rows { batch, times }))
    }
}

/// An object on its way.
struct Object<'a> {
    framer: Framer,
    long: Option<Parts>,
    counts: ObjectCounts,
    sink: &'a mut dyn FnMut(Decoded) -> Result<()>,
}

impl Object<'_> {
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
mod tests {
    use super::*;
    use arrow::array::Array;
    use arrow::util::display::ArrayFormatter;
    use proptest::prelude::*;

    const SCHEMA: &str = r#"
[[column]]
name = "ts"
type = "timestamp"
from = ["time"]
event_time = true
[[column]]
name = "who"
type = "string"
from = ["host", "client"]
[[column]]
name = "status"
type = "int"
null = ["-"]
[[column]]
name = "class"
type = "int"
expr = "status / (status - 500)"
"#;

    /// Hands out `step` bytes a read.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(out.len()).min(self.0.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn decode(text: &[u8]) -> (Vec<Rows>, Vec<RejectedChunk>, ObjectCounts) {
        decode_by(SCHEMA, text)
    }

    fn decode_by(schema: &str, text: &[u8]) -> (Vec<Rows>, Vec<RejectedChunk>, ObjectCounts) {
        let schema = TableSchema::parse("t", "t", schema).unwrap();
        let (mut rows, mut rejected) = (Vec::new(), Vec::new());
        let delivered = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
        let counts = Decoder::new(&schema)
            .unwrap()
            .decode(&mut Slow(text, 7), delivered, &mut |decoded| {
                match decoded {
                    Decoded::Rows(batch) => rows.push(batch),
                    Decoded::Rejected(record) => rejected.push(record),
                }
                Ok(())
            })
            .unwrap();
        (rows, rejected, counts)
    }

    #[test]
    fn rows_by_example() {
        let text = r#"{"time":"2023-11-14T10:00:00","host":"a","status":"200"}
{"TIME":"2023-11-14T10:00:01Z","client":"b","status":-1,"more":{"x":[1]}}
{"host":"\u00e9\n","client":"second","status":"abc"}
{"time":"1999-01-01T00:00:00","status":500}
{"time":"soon","status":null,"status":1}
{"status":"-"}
"#;
        let (rows, rejected, counts) = decode(text.as_bytes());
        assert_eq!((counts.records, counts.rejected, counts.by_delivery), (6, 0, 4));
        assert!(rejected.is_empty());
        assert_eq!(rows[0].times[..2], [1_699_956_000_000, 1_699_956_001_000]);
        assert!(rows[0].times[2..].iter().all(|time| *time == 1_700_000_000_000));
        // 500 / 0 fails as a batch: it costs that value only
        let json: Vec<serde_json::Value> = as_json(&rows[0].batch);
        let expected = serde_json::json!([
            {"ts": "2023-11-14T10:00:00", "who": "a", "status": 200, "class": 0},
            {"ts": "2023-11-14T10:00:01", "who": "b", "status": -1, "class": 0, "extra": r#"{"more":{"x":[1]}}"#},
            {"who": "é\n", "extra": r#"{"client":"second","status":"abc"}"#},
            {"ts": "1999-01-01T00:00:00", "status": 500},
            {"extra": r#"{"time":"soon","status":1}"#},
            {},
        ]);
        assert_eq!(serde_json::Value::from(json), expected);
    }

    /// A batch's rows as JSON objects without their NULLs.
    fn as_json(batch: &RecordBatch) -> Vec<serde_json::Value> {
        let formatters: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &Default::default()).unwrap()).collect();
        let cell = |row: usize, column: usize| {
            let text = formatters[column].value(row).to_string();
            let number = batch.column(column).data_type().is_integer().then(|| text.parse().unwrap());
            let value = number.map_or(serde_json::Value::String(text), |n: i64| n.into());
            (batch.schema().field(column).name().clone(), value)
        };
        let columns = |row: usize| (0..batch.num_columns()).filter(move |c| batch.column(*c).is_valid(row));
        (0..batch.num_rows())
            .map(|row| columns(row).map(|c| cell(row, c)).collect::<serde_json::Map<_, _>>().into())
            .collect()
    }

    #[test]
    fn an_object_that_fails_half_way_leaves_nothing_behind() {
        struct Fails(bool);
        impl Read for Fails {
            fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
                match std::mem::replace(&mut self.0, true) {
                    true => Err(std::io::Error::other("cut")),
                    false => Ok(Slow(b"{\"host\":\"a\"}{\"host\":\"b\"}", 100).read(out)?),
                }
            }
        }
        let schema = TableSchema::parse("t", "t", SCHEMA).unwrap();
        let mut decoder = Decoder::new(&schema).unwrap();
        let now = DateTime::UNIX_EPOCH;
        let error = decoder.decode(&mut Fails(false), now, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Unreadable);
        let mut rows = 0;
        decoder
            .decode(&mut Slow(b"{\"host\":\"c\"}", 9), now, &mut |d| {
                if let Decoded::Rows(batch) = d {
                    rows += batch.batch.num_rows()
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(rows, 1);
    }

    /// `abs(10 / n)` is computed once for both columns, and fails on a batch with a 0, where neither would have computed it.
    #[test]
    fn what_expressions_share_changes_no_value() {
        let schema = r#"
            [[column]]
            name = "one"
            type = "int"
            expr = "1"
            [[column]]
            name = "n"
            type = "int"
            [[column]]
            name = "a"
            type = "int"
            expr = "CASE WHEN n <> 0 THEN abs(10 / n) END"
            [[column]]
            name = "b"
            type = "int"
            expr = "CASE WHEN n <> 0 THEN abs(10 / n) + a ELSE abs(n) END""#;
        let values = |text: &str| as_json(&decode_by(schema, text.as_bytes()).0[0].batch);
        let five = serde_json::json!({"one": 1, "n": -5, "a": 2, "b": 4});
        assert_eq!(values(r#"{"n":-5}"#), std::slice::from_ref(&five));
        let zero = serde_json::json!({"one": 1, "n": 0, "b": 0});
        assert_eq!(values(r#"{"n":-5}{"n":0}{}"#), [five, zero, serde_json::json!({"one": 1})]);
    }

    #[test]
    fn a_wrong_expression_names_its_column_and_line() {
        let wrong = SCHEMA.replace("status / (status - 500)", "stat + 1");
        let error = Decoder::new(&TableSchema::parse("t", "t", &wrong).unwrap()).err().unwrap();
        assert!(error.message().contains("line 18") && error.message().contains("class"), "{error:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_record_is_a_row_or_rejected_and_rejected_bytes_are_the_bytes(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "{\"host\":\"a\"}", "{\"host\":\"b", "\n", "garbage", "{\"status\":[1,{\"x\":2}]}", "}", "\u{feff}", "{\"host\":\"\\x41\"}",
            ]), 0..30)) {
            let text = pieces.concat();
            let (rows, rejected, counts) = decode(text.as_bytes());
            let written: usize = rows.iter().map(|r| r.batch.num_rows()).sum();
            prop_assert_eq!(counts.records, (written + rejected.len()) as u64);
            prop_assert_eq!(counts.bytes, text.len() as u64);
            for record in rejected {
                let at = record.offset as usize;
                prop_assert_eq!(&text.as_bytes()[at..at + record.raw.len()], &record.raw[..]);
            }
        }
    }
}

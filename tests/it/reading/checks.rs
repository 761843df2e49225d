//! What must hold of the reader, whatever it reads: called by the tests here with seeds, and by the fuzz targets in `fuzz/`.
//!
//! Each takes bytes that somebody else drew, and panics where a promise is broken.

use super::text::{Draw, Good, Piece};
use arrow::array::AsArray;
use chrono::DateTime;
use firelake::decode::parse::Fields;
use firelake::decode::{Decoded, Decoder, Frame, Framer, ObjectCounts, OnceMore, RejectedChunk};
use firelake::landing::compression::{Told, plain};
use firelake::table::TableSchema;
use serde_json::{Map, Value};
use std::cell::Cell;
use std::io::Read;

/// Any bytes as they are: nothing panics, nothing is lost, and the pieces in which they come do not matter.
pub fn any_bytes(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (longest, step) = (draw.longest(), draw.step());
    conserved(draw.rest(), longest, step);
}

/// The same with bytes that are mostly what objects are made of.
pub fn any_pieces(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (longest, step) = (draw.longest(), draw.step());
    conserved(&draw.pieces(), longest, step);
}

/// Valid records, however they are framed, are rows with the values that serde_json reads.
pub fn valid_records(data: &[u8]) {
    let mut draw = Draw::new(data);
    let step = draw.step();
    let (text, expected) = draw.valid();
    let read = read(&text, 1 << 20, step);
    let shown = String::from_utf8_lossy(&text);
    assert_eq!(read.rejected, [], "{shown}");
    assert_eq!(read.rows, expected, "{shown}");
    assert_eq!(read.counts.repaired, 0, "{shown}");
}

/// Between damaged ones, every good record is a row, in its order.
pub fn neighbours(data: &[u8]) {
    let mut draw = Draw::new(data);
    let step = draw.step();
    let pieces = draw.with_damage();
    let text: Vec<u8> = pieces.iter().flat_map(|Piece { text, .. }| text.clone()).collect();
    let read = read(&text, 1 << 20, step);
    let mut rows = read.rows.iter();
    for Good(number) in pieces.iter().filter_map(|piece| piece.good) {
        let is_it = |row: &Value| row.get("n") == Some(&Value::from(number));
        assert!(rows.any(is_it), "record {number} is no row: {}", String::from_utf8_lossy(&text));
    }
    conserved(&text, 1 << 20, step);
}

/// Any bytes are read or refused, by any compression that they look like, and no more comes out than is allowed.
pub fn compressed(data: &[u8]) {
    let mut draw = Draw::new(data);
    let names = ["x", "x.snappy", "x.gz"];
    let encodings = [None, Some("hadoop-snappy"), Some("gzip"), Some("br")];
    let (name, encoding) = (names[draw.below(names.len())], encodings[draw.below(encodings.len())]);
    let limit = 1 << 16;
    let mut out = Vec::new();
    let rest = draw.rest();
    if let Ok(mut plain) = plain(rest, &Told { name, encoding, limit }) {
        let _any = plain.read_to_end(&mut out);
        assert!(out.len() as u64 <= limit.max(rest.len() as u64));
    }
}

/// What became of an object.
struct ReadObject {
    rows: Vec<Value>,
    /// Each rejected record: its place, its bytes, its reason.
    rejected: Vec<(usize, Vec<u8>, String)>,
    counts: ObjectCounts,
}

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

thread_local! {
    /// One for all objects: what an object leaves behind would show in the next.
    static DECODER: Cell<Option<Decoder>> = const { Cell::new(None) };
}

/// For a table whose only column of its own takes no field, so that `extra` has the records whole.
fn decoder() -> Decoder {
    DECODER.take().unwrap_or_else(|| {
        let schema = "[[column]]\nname = \"none\"\ntype = \"string\"\nfrom = [\"no such field\"]";
        Decoder::new(&TableSchema::parse("t", "t", schema).unwrap()).unwrap()
    })
}

fn read(text: &[u8], longest: usize, step: usize) -> ReadObject {
    let (mut rows, mut chunks) = (Vec::new(), Vec::new());
    let mut decoder = decoder().max_record(longest);
    let counts = decoder
        .decode(&mut Slow(text, step), DateTime::UNIX_EPOCH, &mut |decoded| {
            match decoded {
                Decoded::Rows(batch) => {
                    let extra = batch.batch.column_by_name("extra").unwrap().as_string::<i32>();
                    rows.extend(extra.iter().map(|extra| extra.map_or(Value::Object(Map::new()), lenient)));
                }
                Decoded::Rejected(chunk) => chunks.push(chunk),
            }
            Ok(())
        })
        .unwrap();
    DECODER.set(Some(decoder));
    ReadObject { rows, rejected: joined(chunks), counts }
}

/// What serde_json makes of a record; it refuses numbers beyond a double, and deep nesting, which are JSON all the same.
fn lenient(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| {
        let told = e.to_string();
        assert!(told.contains("out of range") || told.contains("recursion limit"), "{told}: {text}");
        Value::Null
    })
}

/// Chunks as whole records, with what must hold of the chunks.
fn joined(mut chunks: Vec<RejectedChunk>) -> Vec<(usize, Vec<u8>, String)> {
    chunks.sort_by_key(|chunk| (chunk.offset, chunk.chunk));
    let mut records: Vec<(usize, Vec<u8>, String)> = Vec::new();
    let mut length = 0;
    for chunk in chunks {
        if chunk.chunk == 0 {
            length = chunk.length.unwrap() as usize;
            records.push((chunk.offset as usize, Vec::new(), chunk.reason.to_string()));
        }
        let (offset, raw, _) = records.last_mut().unwrap();
        assert!(*offset == chunk.offset as usize && chunk.length.is_none_or(|told| told as usize == length));
        raw.extend(chunk.raw);
        assert!(raw.len() <= length);
    }
    records
}

/// The spans of an object's frames, and whether each is a record: the framer alone, which drops what it is done with.
fn spans(text: &[u8], longest: usize, step: usize) -> Vec<(usize, usize, bool)> {
    let (mut framer, mut fields, mut spans) = (Framer::new(longest), Fields::default(), Vec::new());
    let (mut from, mut at, mut known, mut begun) = (0, 0, step.min(text.len()), None);
    loop {
        match framer.next(&text[from..known], at - from, known == text.len(), &mut fields) {
            Frame::Record { start, end } => {
                spans.push((from + start, from + end, true));
                at = from + end;
            }
            Frame::Damaged { start, end, .. } => {
                spans.push((from + start, from + end, false));
                at = from + end;
            }
            Frame::Part { start, end, last } => {
                let start = *begun.get_or_insert(from + start);
                at = from + end;
                if last {
                    spans.push((start, at, false));
                    begun = None;
                }
            }
            Frame::NeedMore { start } => {
                assert!(known < text.len());
                (from, at) = (from + start, from + start);
                known = (known + step).min(text.len());
            }
            Frame::End => return spans,
        }
    }
}

/// Every byte is in exactly one row, in one rejected record or separates them; and records read = rows + rejected.
fn conserved(text: &[u8], longest: usize, step: usize) {
    let shown = || format!("{:?}, longest {longest}, step {step}", String::from_utf8_lossy(text));
    let whole = spans(text, longest, text.len().max(1));
    assert_eq!(spans(text, longest, step), whole, "{}", shown());
    let mut at = 0;
    for (start, end, is_record) in &whole {
        assert!(at <= *start && start < end, "{}", shown());
        separates(&text[at..*start]);
        check_span(&text[*start..*end], *is_record, longest);
        at = *end;
    }
    separates(&text[at..]);

    let read = read(text, longest, step);
    let counts = read.counts;
    assert_eq!(counts.bytes, text.len() as u64);
    assert_eq!(counts.records, whole.len() as u64, "{}", shown());
    assert_eq!(counts.rejected, read.rejected.len() as u64);
    assert_eq!(counts.records, read.rows.len() as u64 + counts.rejected, "{}", shown());
    let damaged: Vec<_> = whole.iter().filter(|(.., is_record)| !is_record).collect();
    // a failed record of Firehose is one that is no data
    let failed = |reason: &str| reason.starts_with("a failed record of Firehose");
    assert_eq!(read.rejected.iter().filter(|(.., reason)| failed(reason)).count() as u64, counts.failed);
    assert_eq!(damaged.len() as u64, counts.rejected - counts.failed + counts.repaired, "{}", shown());
    for (offset, raw, reason) in &read.rejected {
        let of = |span: &&(usize, usize, bool)| {
            span.2 == failed(reason) && (span.0, span.1) == (*offset, offset + raw.len())
        };
        assert!(whole.iter().any(|span| of(&span)), "{}", shown());
        assert!(text[*offset..offset + raw.len()] == raw[..] && !reason.is_empty(), "{}", shown());
        stays(*offset, raw, longest);
    }
}

/// Alone, as a redrive reads it, a rejected record is no row either: what looks like a record in a damaged one is none.
fn stays(offset: usize, raw: &[u8], longest: usize) {
    let mut decoder = decoder().max_record(longest);
    decoder.begin(DateTime::UNIX_EPOCH);
    let once_more = decoder.again(offset as u64, raw, &mut |_| panic!("something came out")).unwrap();
    let shown = String::from_utf8_lossy(raw);
    assert!(matches!(once_more, OnceMore::Stays { .. }), "{shown}: {once_more:?}");
    assert_eq!(decoder.end(&mut |_| panic!("rows came out")).unwrap(), 0, "{shown}");
    DECODER.set(Some(decoder));
}

fn separates(between: &[u8]) {
    let known = between.iter().all(|byte| b" \n\r\t\0\x1e,[]\xEF\xBB\xBF".contains(byte));
    assert!(known, "{:?} separates nothing", String::from_utf8_lossy(between));
}

/// A record is what serde_json takes for an object; what is damaged, and short enough, it does not take for one.
fn check_span(span: &[u8], is_record: bool, longest: usize) {
    if is_record {
        let value = lenient(std::str::from_utf8(span).unwrap());
        assert!(value.is_object() || value.is_null());
    } else if span.len() < longest {
        let taken = serde_json::from_slice::<Map<String, Value>>(span);
        assert!(taken.is_err(), "a good record is damaged: {}", String::from_utf8_lossy(span));
    }
}

//! An object's records, shown one by one and made into nothing: for whoever wants to know what landed before there is a
//! schema. They are found as [`Decoder`](super::Decoder) finds them, and envelopes are known by what is in them.

use super::cloudwatch::{Envelope, NO_ENVELOPE};
use super::failed::{Failed, FailedRecord};
use super::frame::{Frame, Framer, Reason};
use super::parse::Fields;
use super::{CHUNK, MOST, fill, parse_repaired};
use crate::error::Result;
use crate::table::TableSchema;
use std::io::Read;
use std::ops::Range;

/// The next thing of an object.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A record.
    Record(Shown<'a>),
    /// An envelope of CloudWatch Logs, its text; its events follow.
    Envelope(&'a [u8]),
    /// One event of it as the record that it is.
    Event(Shown<'a>),
    /// What Firehose writes about a record that it could not deliver. It is about a record, and none of the table's.
    Failed,
    /// Bytes that are no record: where they begin in the object, and why.
    Damaged(u64, &'a Reason),
}

/// A record: strict JSON.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// What its fields are spans of.
    pub bytes: &'a [u8],
    /// Its place there.
    pub place: Range<usize>,
    /// Its fields.
    pub fields: &'a Fields,
}

impl<'a> Shown<'a> {
    /// Its own text.
    pub fn text(&self) -> &'a [u8] {
        &self.bytes[self.place.clone()]
    }
}

/// How much of an object was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Bytes without compression.
    pub bytes: u64,
    /// All of them.
    pub whole: bool,
}

/// Shows objects one after the other.
pub struct Looker {
    knows_failed: bool,
    fields: Fields,
    envelope: Envelope,
    max_record: usize,
    buffer: Vec<u8>,
    repaired: Vec<u8>,
}

impl Looker {
    /// For records of at most so many bytes; a longer one is damaged. Where `schema` takes failed records for data, they are shown
    /// as records.
    pub fn new(max_record: usize, schema: Option<&TableSchema>) -> Self {
        Looker {
            knows_failed: schema.is_none_or(|schema| Failed::new(schema).are_known()),
            fields: Fields::default(),
            envelope: Envelope::default(),
            max_record,
            buffer: Vec::new(),
            repaired: Vec::new(),
        }
    }

    /// Shows an object's records until `most` bytes of it are read, and at least one. What is cut there is not shown.
    ///
    /// # Errors
    /// Unreadable: `plain` failed; what was shown so far is as it was.
    pub fn look(&mut self, plain: &mut dyn Read, most: u64, show: &mut dyn FnMut(Seen<'_>)) -> Result<Looked> {
        self.buffer.clear();
        let mut object = Object { framer: Framer::new(self.max_record), bytes: 0, shown: 0, long: None, show };
        loop {
            let whole = fill(&mut self.buffer, plain, object.bytes)?;
            let used = self.drain(whole, &mut object);
            object.bytes += used as u64;
            self.buffer.drain(..used);
            if self.buffer.len() < CHUNK {
                self.buffer.shrink_to(MOST);
            }
            if whole || (object.bytes >= most && object.shown > 0) {
                return Ok(Looked { bytes: object.bytes, whole });
            }
        }
    }

    /// Shows every whole record of the buffer; gives how many bytes are done with.
    fn drain(&mut self, eof: bool, object: &mut Object<'_>) -> usize {
        let mut at = 0;
        loop {
            match object.framer.next(&self.buffer, at, eof, &mut self.fields) {
                Frame::Record { start, end } => {
                    at = end;
                    self.record(start..end, false, object);
                }
                Frame::Damaged { start, end, reason } => {
                    at = end;
                    match parse_repaired(&self.buffer[start..end], &mut self.repaired, &mut self.fields) {
                        true => self.record(start..end, true, object),
                        false => object.damaged(start, &reason),
                    }
                }
                Frame::Part { start, end, last } => {
                    at = end;
                    object.part(start, last);
                }
                Frame::NeedMore { start } => return start,
                Frame::End => return self.buffer.len(),
            }
        }
    }

    fn record(&mut self, place: Range<usize>, repaired: bool, object: &mut Object<'_>) {
        let start = place.start;
        let (bytes, place) =
            if repaired { (&self.repaired[..], 0..self.repaired.len()) } else { (&self.buffer[..], place) };
        if self.knows_failed && FailedRecord::of(bytes, &self.fields).is_some() {
            return object.show(Seen::Failed);
        }
        match self.envelope.events(bytes, &self.fields) {
            Err(NO_ENVELOPE) => object.show(Seen::Record(Shown { bytes, place, fields: &self.fields })),
            Err(reason) => object.damaged(start, &reason.into()),
            Ok(events) => {
                object.show(Seen::Envelope(&bytes[place]));
                for event in events {
                    let (bytes, fields) = self.envelope.record(bytes, &self.fields, event);
                    object.show(Seen::Event(Shown { bytes, place: 0..bytes.len(), fields }));
                }
            }
        }
    }
}

/// An object on its way.
struct Object<'a> {
    framer: Framer,
    bytes: u64,
    shown: u64,
    /// Where a record began that is too long.
    long: Option<u64>,
    show: &'a mut dyn FnMut(Seen<'_>),
}

impl Object<'_> {
    fn show(&mut self, seen: Seen<'_>) {
        self.shown += 1;
        (self.show)(seen);
    }

    fn damaged(&mut self, start: usize, reason: &Reason) {
        self.show(Seen::Damaged(self.bytes + start as u64, reason));
    }

    fn part(&mut self, start: usize, last: bool) {
        let begin = *self.long.get_or_insert(self.bytes + start as u64);
        if last {
            self.long = None;
            let reason = self.framer.too_long();
            self.show(Seen::Damaged(begin, &reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, most: u64) -> (Vec<String>, Looked) {
        let mut seen = Vec::new();
        let mut show = |next: Seen<'_>| {
            seen.push(match next {
                Seen::Record(record) => {
                    format!("{} in {}", record.fields.items.len(), String::from_utf8_lossy(record.text()))
                }
                Seen::Envelope(text) => format!("envelope {}", text.len()),
                Seen::Event(record) => String::from_utf8_lossy(record.text()).into_owned(),
                Seen::Failed => "failed".into(),
                Seen::Damaged(at, reason) => format!("{at}: {reason}"),
            });
        };
        let looked = Looker::new(100, None).look(&mut text.as_bytes(), most, &mut show).unwrap();
        (seen, looked)
    }

    #[test]
    fn each_thing_by_example() {
        let envelope = r#"{"messageType":"DATA_MESSAGE","logEvents":[{"message":"a"},{"message":"{\"b\":1}"}]}"#;
        let text = format!(
            "{{\"a\":1}}x\n{{\"rawData\":\"e30=\",\"attemptsMade\":1,\"errorCode\":\"x\"}}{envelope}{{\"a\":\"{}\"}}",
            "y".repeat(100)
        );
        let (seen, looked) = shown(&text, u64::MAX);
        let expected = [
            "1 in {\"a\":1}",
            "7: it is not a JSON object",
            "failed",
            "envelope 84",
            r#"{"cloudwatch":{},"message":"a"}"#,
            r#"{"cloudwatch":{},"b":1}"#,
            "144: the record is longer than 100 bytes",
        ];
        assert_eq!(seen, expected);
        assert_eq!(looked, Looked { bytes: text.len() as u64, whole: true });
    }

    /// A sample's end is no damage.
    #[test]
    fn what_the_bound_cuts_is_not_shown() {
        let text = "{\"a\":1}\n".repeat(CHUNK);
        let (seen, looked) = shown(&text, 1);
        assert!(!looked.whole && looked.bytes <= CHUNK as u64 && looked.bytes > 0, "{looked:?}");
        assert!(seen.iter().all(|seen| seen == "1 in {\"a\":1}"), "{:?}", seen.last());
        assert_eq!(shown("", 1), (vec![], Looked { bytes: 0, whole: true }));
    }
}

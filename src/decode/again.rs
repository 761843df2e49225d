//! Records decoded once more, one by one, and failed records of Firehose, opened.

use super::failed::unopened;
use super::frame::{Frame, Framer, Reason};
use super::rejected::RejectedChunk;
use super::{Decoded, Decoder, Object, ObjectCounts, parse_repaired};
use crate::error::Result;
use chrono::{DateTime, Utc};
use std::ops::Range;

/// What became of a rejected record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnceMore {
    /// It is rejected as before.
    Stays {
        /// Whether it is a failed record of Firehose.
        failed: bool,
        /// Why, as it is told now.
        reason: Option<Reason>,
    },
    /// It holds these, in its stead.
    Decoded(ObjectCounts),
}

impl Decoder {
    /// Begins an object of which single records are decoded once more, by [`again`](Self::again).
    pub fn begin(&mut self, delivered: DateTime<Utc>) {
        self.batch.rows.start_object(delivered);
    }

    /// Decodes the bytes of one rejected record, which stood at `offset` of its object. Rows may come out later; rejected is then
    /// what was inside of a failed record, beside rows. Bytes that are not one object as a whole stay what they are: a piece of a
    /// damaged record could look like one, and what stood around it decided what it is.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn again(&mut self, offset: u64, raw: &[u8], sink: &mut dyn FnMut(Decoded) -> Result<()>) -> Result<OnceMore> {
        self.buffer.clear();
        self.buffer.extend_from_slice(raw);
        if !self.is_one_record() {
            return Ok(OnceMore::Stays { failed: false, reason: None });
        }
        let mut reason = None;
        let mut keep = |decoded| {
            if let Decoded::Rejected(chunk) = decoded {
                reason.get_or_insert(chunk.reason);
            }
            Ok(())
        };
        let mut dry = Object { dry: true, ..Object::new(self.max_record, offset, &mut keep) };
        self.drain(true, &mut dry)?;
        let counts = dry.counts;
        if counts.opened == 0 && (counts.rejected > 0 || counts.records == 0) {
            return Ok(OnceMore::Stays { failed: counts.failed > 0, reason });
        }
        let mut object = Object::new(self.max_record, offset, sink);
        self.drain(true, &mut object)?;
        Ok(OnceMore::Decoded(object.counts))
    }

    /// Ends it: hands on the rows that are left, and gives how many of the object's went by their delivery time.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn end(&mut self, sink: &mut dyn FnMut(Decoded) -> Result<()>) -> Result<u64> {
        self.batch.flush(sink)?;
        Ok(self.batch.rows.by_delivery())
    }

    /// Whether the buffer is an object from its first byte to its last, as it stands or after a repair.
    fn is_one_record(&mut self) -> bool {
        let all = self.buffer.len();
        match Framer::new(self.max_record).next(&self.buffer, 0, true, &mut self.fields) {
            Frame::Record { start, end } => (start, end) == (0, all),
            Frame::Damaged { start, end, .. } => {
                (start, end) == (0, all) && parse_repaired(&self.buffer, &mut self.repaired, &mut self.fields)
            }
            _ => false,
        }
    }

    /// A failed record whose envelope stands at `place`: the records inside of it count in its stead, where any of them becomes
    /// a row; else it is kept as it is.
    #[cold]
    pub(super) fn failed_record(
        &mut self,
        place: Range<usize>,
        inside: Vec<u8>,
        object: &mut Object<'_>,
    ) -> Result<()> {
        let around = std::mem::replace(&mut self.buffer, inside);
        self.open_failed -= 1;
        let done = self.opened(object.counts.bytes + place.start as u64, object);
        self.open_failed += 1;
        self.buffer = around;
        match done? {
            Ok(()) => Ok(()),
            Err(why) => object.reject(place.start, &self.buffer[place], &unopened(&why)),
        }
    }

    /// Decodes the buffer, which was inside of the envelope at `offset`; the inner error is why it cannot be.
    fn opened(&mut self, offset: u64, object: &mut Object<'_>) -> Result<Result<(), String>> {
        let mut rejected = Vec::new();
        let mut keep = |decoded| {
            if let Decoded::Rejected(chunk) = decoded {
                rejected.push(chunk);
            }
            Ok(())
        };
        // First only to see what there is: what was handed on could not be taken back.
        let mut dry = Object { dry: true, ..Object::new(self.max_record, 0, &mut keep) };
        self.drain(true, &mut dry)?;
        let counts = dry.counts;
        let rows = counts.records - counts.rejected;
        let is_control = self.envelope.is_some() && !self.buffer.trim_ascii().is_empty();
        match rejected.iter().find(|chunk| rows == 0 || !chunk.is_whole()) {
            Some(chunk) => return Ok(Err(chunk.reason.to_string())),
            None if counts.records == 0 && !is_control => return Ok(Err("it holds no record".into())),
            None => {}
        }
        // In the envelope they have no place of their own.
        let mut sink = |decoded| match decoded {
            Decoded::Rejected(chunk) => (object.sink)(Decoded::Rejected(RejectedChunk { offset, ..chunk })),
            rows => (object.sink)(rows),
        };
        let mut wet = Object { dry: object.dry, ..Object::new(self.max_record, 0, &mut sink) };
        self.drain(true, &mut wet)?;
        let counts = wet.counts;
        object.counts.failed -= 1;
        object.counts.opened += 1;
        object.counts.add(&counts);
        Ok(Ok(()))
    }
}

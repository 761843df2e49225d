//! Where one record ends and the next begins: newlines, nothing at all between them, white space, arrays, pretty-printed,
//! mixed.
//!
//! The parser is the framer's oracle: a record is what parses as one JSON object. Only where that fails does [`Scan`] look
//! for the place at which records begin again, so that a damaged record costs itself and not its neighbours.

use super::parse::{Damage, Fields, any_value, parse_object};
use super::scan::{Found, Scan, spaces};
use std::borrow::Cow;

/// Why bytes are no record: few different texts, so that rejected records group by them.
pub type Reason = Cow<'static, str>;

/// The next thing in a buffer. Spans do not include what separates records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A record; its fields are in the `Fields` that were passed.
    Record {
        /// Its first byte in the buffer.
        start: usize,
        /// The byte after its last.
        end: usize,
    },
    /// Bytes that are no record.
    Damaged {
        /// The first byte.
        start: usize,
        /// The byte after the last.
        end: usize,
        /// Why.
        reason: Reason,
    },
    /// A part of a record that is too long to be held. The parts follow one another without a gap.
    Part {
        /// Its first byte in the buffer.
        start: usize,
        /// The byte after its last.
        end: usize,
        /// Whether the record ends here.
        last: bool,
    },
    /// The bytes from `start` on may be a record: call again with more of them.
    NeedMore {
        /// The first byte that is still needed.
        start: usize,
    },
    /// Nothing but separators is left, and nothing follows.
    End,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Cuts one object's bytes into frames. Each call goes on where the last frame ended.
#[derive(Debug)]
pub struct Framer {
    longest: usize,
    /// Inside a top-level array: each of its elements is a record.
    array: bool,
    /// A record has just ended: a comma after it separates.
    comma: bool,
    /// Inside a record that is too long.
    long: Option<Scan>,
    /// Bytes that were looked at for elements of arrays and were none; counted up to this place in the object.
    wasted: usize,
    counted: u64,
    /// Where the next call goes on in the object, and where the buffer of this call begins.
    at: u64,
    base: u64,
}

/// So many times the longest record may be looked at in vain, in one object, before its arrays are text: what never closes
/// its brackets must not cost the square of its size.
const IN_VAIN: usize = 4;

impl Framer {
    /// For records of at most `longest` bytes.
    pub fn new(longest: usize) -> Self {
        Framer { longest, array: false, comma: false, long: None, wasted: 0, counted: 0, at: 0, base: 0 }
    }

    /// Why a record comes in parts.
    pub fn too_long(&self) -> Reason {
        let limit = self.longest;
        let limit =
            if limit.is_multiple_of(1 << 20) { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
        format!("the record is longer than {limit}").into()
    }

    /// Finds the next frame from `from` on; `eof` says that no bytes follow `bytes`.
    pub fn next(&mut self, bytes: &[u8], from: usize, eof: bool, fields: &mut Fields) -> Frame {
        self.base = self.at.wrapping_sub(from as u64);
        let frame = self.find(bytes, from, eof, fields);
        let done = match &frame {
            Frame::Record { end, .. } | Frame::Damaged { end, .. } | Frame::Part { end, .. } => *end,
            Frame::NeedMore { start } => *start,
            Frame::End => bytes.len(),
        };
        self.at = self.base.wrapping_add(done as u64);
        frame
    }

    fn find(&mut self, bytes: &[u8], from: usize, eof: bool, fields: &mut Fields) -> Frame {
        if let Some(scan) = self.long.take() {
            return self.part(scan, bytes, from, eof);
        }
        let start = match self.separators(bytes, from, eof) {
            Ok(start) => start,
            Err(start) => return Frame::NeedMore { start },
        };
        match bytes.get(start) {
            None if eof => Frame::End,
            None => Frame::NeedMore { start },
            Some(b'{') => self.object(bytes, start, eof, fields),
            Some(_) if !eof && BOM.starts_with(&bytes[start..]) => Frame::NeedMore { start },
            Some(_) => self.no_object(bytes, start, eof),
        }
    }

    /// The place after what separates records; `Err` where more bytes are needed to tell.
    fn separators(&mut self, bytes: &[u8], mut at: usize, eof: bool) -> Result<usize, usize> {
        loop {
            at = spaces(bytes, at);
            match bytes.get(at) {
                Some(b',') if self.comma => self.comma = false,
                Some(b']') if self.array => (self.array, self.comma) = (false, true),
                Some(b'[') => match self.opens_array(bytes, at, eof) {
                    Some(true) => (self.array, self.comma) = (true, false),
                    Some(false) => return Ok(at),
                    None => return Err(at),
                },
                Some(0xEF) if bytes[at..].starts_with(BOM) => at += BOM.len() - 1,
                _ => return Ok(at),
            }
            at += 1;
        }
    }

    /// Whether the bracket at `at` opens an array, and no line of text such as `[12:30] got {}`: an object follows, or a
    /// whole value and a comma or the end. `None` where more bytes are needed to tell.
    fn opens_array(&mut self, bytes: &[u8], at: usize, eof: bool) -> Option<bool> {
        if self.array && self.element(bytes, at, eof)?.is_some() {
            return Some(false);
        }
        let window = self.window(bytes, at);
        let first = spaces(window, at + 1);
        match window.get(first) {
            None if eof || window.len() < bytes.len() => Some(false),
            None => None,
            Some(b'{' | b']') => Some(true),
            Some(_) => self.element(bytes, first, eof).map(|end| end.is_some()),
        }
    }

    /// The end of the value at `at`, where a comma or the array's end follows; the outer `None` where more bytes are needed
    /// to tell.
    fn element(&mut self, bytes: &[u8], at: usize, eof: bool) -> Option<Option<usize>> {
        if self.wasted > self.longest.saturating_mul(IN_VAIN) {
            return Some(None);
        }
        let window = self.window(bytes, at);
        let whole = eof || window.len() < bytes.len();
        let seen = match any_value(window, at) {
            Ok(end) => match window.get(spaces(window, end)) {
                Some(b',' | b']') => return Some(Some(end)),
                Some(_) => end,
                None if !whole => return None,
                None => end,
            },
            Err(damage) if damage.at == window.len() && !whole => return None,
            Err(damage) => damage.at,
        };
        let place = self.base.wrapping_add(at as u64);
        if place >= self.counted {
            self.counted = place + 1; // it may be looked at again when more bytes are there
            self.wasted += seen - at;
        }
        Some(None)
    }

    /// What a record that begins at `at` may be made of, whatever else is known already: so it does not matter in which
    /// pieces bytes come.
    fn window<'a>(&self, bytes: &'a [u8], at: usize) -> &'a [u8] {
        &bytes[..bytes.len().min(at.saturating_add(self.longest))]
    }

    fn object(&mut self, bytes: &[u8], start: usize, eof: bool, fields: &mut Fields) -> Frame {
        let window = self.window(bytes, start);
        match parse_object(window, start, fields) {
            Ok(end) => {
                self.comma = true;
                record(bytes, start, end)
            }
            Err(damage) if damage.at < window.len() => self.damaged(bytes, start, eof, damage.what.into()),
            Err(_) if window.len() < bytes.len() => self.part(Scan::sound(), bytes, start, eof),
            Err(Damage { what, .. }) if eof => self.damaged(bytes, start, eof, what.into()),
            Err(_) => Frame::NeedMore { start },
        }
    }

    fn no_object(&mut self, bytes: &[u8], start: usize, eof: bool) -> Frame {
        let reason = "it is not a JSON object".into();
        match if self.array { self.element(bytes, start, eof) } else { Some(None) } {
            Some(Some(end)) => {
                self.comma = true;
                Frame::Damaged { start, end, reason }
            }
            Some(None) => self.damaged(bytes, start, eof, reason),
            None => Frame::NeedMore { start },
        }
    }

    fn damaged(&mut self, bytes: &[u8], start: usize, eof: bool, reason: Reason) -> Frame {
        let until = self.window(bytes, start).len();
        let mut scan = Scan::damaged(bytes[start]);
        match scan.look(bytes, start, until, self.longest, eof) {
            Found::End(end) => {
                self.comma = bytes[start] == b'{';
                Frame::Damaged { start, end: trimmed(bytes, start, end), reason }
            }
            Found::NotYet(at) if at == until && until < bytes.len() => {
                self.long = Some(scan);
                Frame::Part { start, end: at, last: false }
            }
            Found::NotYet(_) => Frame::NeedMore { start },
        }
    }

    /// The next part of a record that is too long.
    fn part(&mut self, mut scan: Scan, bytes: &[u8], start: usize, eof: bool) -> Frame {
        match scan.look(bytes, start, bytes.len(), self.longest, eof) {
            Found::End(end) => {
                self.comma = true;
                Frame::Part { start, end, last: true }
            }
            Found::NotYet(end) => {
                self.long = Some(scan);
                if end > start { Frame::Part { start, end, last: false } } else { Frame::NeedMore { start } }
            }
        }
    }
}

fn record(bytes: &[u8], start: usize, end: usize) -> Frame {
    match simdutf8::basic::from_utf8(&bytes[start..end]) {
        Ok(_) => Frame::Record { start, end },
        Err(_) => Frame::Damaged { start, end, reason: "it is not valid UTF-8".into() },
    }
}

fn trimmed(bytes: &[u8], start: usize, end: usize) -> usize {
    let blank = |b: &u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
    start + bytes[start..end].iter().rposition(|b| !blank(b)).map_or(end - start, |last| last + 1)
}

#[cfg(test)]
mod tests;

//! Where one record ends and the next begins: newlines, nothing at all between them, white space, pretty-printed, mixed.
//!
//! The parser is the framer's oracle: a record is what parses as one JSON object. Only where that fails does the framer
//! look for the place at which records begin again, so that a damaged record costs itself and not its neighbours.

use super::MAX_RECORD;
use super::parse::{Damage, Fields, blanks, parse_object};

/// The next thing in a buffer. Spans do not include white space around records.
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
        /// Why: few different texts, so that rejected records group by them.
        reason: String,
    },
    /// The bytes from `start` on may be a record: call again with more of them.
    NeedMore {
        /// The first byte that is still needed.
        start: usize,
    },
    /// Nothing but white space is left, and nothing follows.
    End,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Finds the next frame from `from` on; `eof` says that no bytes follow `bytes`.
pub fn next_frame(bytes: &[u8], from: usize, eof: bool, fields: &mut Fields) -> Frame {
    let start = separators(bytes, from);
    if start == bytes.len() {
        return if eof { Frame::End } else { Frame::NeedMore { start } };
    }
    if !eof && BOM.starts_with(&bytes[start..]) {
        return Frame::NeedMore { start };
    }
    if bytes[start] != b'{' {
        return damaged(bytes, start, eof, "it is not a JSON object".into());
    }
    match parse_object(bytes, start, fields) {
        Ok(end) => record(bytes, start, end),
        Err(Damage { at, .. }) if at == bytes.len() && !eof && at - start < MAX_RECORD => Frame::NeedMore { start },
        Err(Damage { what, .. }) => damaged(bytes, start, eof, what.into()),
    }
}

fn separators(bytes: &[u8], from: usize) -> usize {
    let mut at = blanks(bytes, from);
    while bytes[at..].starts_with(BOM) {
        at = blanks(bytes, at + BOM.len());
    }
    at
}

fn record(bytes: &[u8], start: usize, end: usize) -> Frame {
    if end - start > MAX_RECORD {
        return Frame::Damaged { start, end, reason: too_long() };
    }
    match simdutf8::basic::from_utf8(&bytes[start..end]) {
        Ok(_) => Frame::Record { start, end },
        Err(_) => Frame::Damaged { start, end, reason: "it is not valid UTF-8".into() },
    }
}

fn too_long() -> String {
    format!("the record is longer than {} MiB", MAX_RECORD >> 20)
}

fn damaged(bytes: &[u8], start: usize, eof: bool, reason: String) -> Frame {
    match damage_end(bytes, start, eof) {
        Some(end) => Frame::Damaged { start, end: trimmed(bytes, start, end), reason },
        None if bytes.len() - start < MAX_RECORD => Frame::NeedMore { start },
        None => Frame::Damaged { start, end: bytes.len(), reason: too_long() },
    }
}

fn trimmed(bytes: &[u8], start: usize, end: usize) -> usize {
    let blank = |b: &u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
    start + bytes[start..end].iter().rposition(|b| !blank(b)).map_or(end - start, |last| last + 1)
}

/// Where the damaged record that begins at `start` ends: the first of
/// - its own last bracket, where its brackets balance (bad escapes, bad values),
/// - a newline after which a record begins (a cut record in newline-delimited data), or any newline where `start` begins no object,
/// - a whole record that follows without any delimiter (a cut record in concatenated data).
///
/// `None`: more bytes are needed to tell.
fn damage_end(bytes: &[u8], start: usize, eof: bool) -> Option<usize> {
    let object = bytes[start] == b'{';
    let mut brackets = Brackets { depth: 0, string: false, lost: !object };
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' if !object => return Some(at),
            b'\n' => match record_after_newline(bytes, at) {
                Next::Yes => return Some(at),
                Next::No => {}
                Next::Unknown if eof => return Some(at),
                Next::Unknown => return None,
            },
            b'{' if at > start => match record_without_delimiter(bytes, at, eof, !object) {
                Next::Yes => return Some(at),
                Next::No => {}
                Next::Unknown => return None,
            },
            _ => {}
        }
        if brackets.closed_by(bytes, &mut at) {
            return Some(at);
        }
    }
    eof.then_some(bytes.len())
}

enum Next {
    Yes,
    No,
    Unknown,
}

/// A `{` in the first column begins a record. An indented one does too, unless it stands where a value is due.
fn record_after_newline(bytes: &[u8], newline: usize) -> Next {
    match bytes.get(newline + 1) {
        Some(b'{') => return Next::Yes,
        None => return Next::Unknown,
        Some(_) => {}
    }
    match bytes.get(blanks(bytes, newline)) {
        Some(b'{') if !value_is_due(bytes, newline) => Next::Yes,
        Some(_) => Next::No,
        None => Next::Unknown,
    }
}

/// An object that is whole, is not empty (texts hold `{}`), and stands like a record: not where a value is due, and with a record or the end after it.
///
/// After bytes that begin no object (`text`), only a record that another one follows will do: a line of plain text may quote
/// an object, and a row made of that would be nobody's record.
fn record_without_delimiter(bytes: &[u8], at: usize, eof: bool, text: bool) -> Next {
    let inside = blanks(bytes, at + 1);
    match bytes.get(inside) {
        None if !eof => return Next::Unknown,
        Some(b'"') if !value_is_due(bytes, at) => {}
        _ => return Next::No,
    }
    match parse_object(bytes, at, &mut Fields::default()) {
        Ok(end) => match bytes.get(blanks(bytes, end)) {
            Some(next) if text => match *next == b'{' && !ends_line(bytes, end) {
                true => Next::Yes,
                false => Next::No,
            },
            Some(b'{') => Next::Yes,
            Some(_) if ends_line(bytes, end) => Next::Yes,
            Some(_) => Next::No,
            None if eof && text => Next::No,
            None if eof => Next::Yes,
            None => Next::Unknown,
        },
        Err(damage) if damage.at == bytes.len() && !eof => Next::Unknown,
        Err(_) => Next::No,
    }
}

/// Whether nothing but white space stands between `at` and the end of its line.
fn ends_line(bytes: &[u8], at: usize) -> bool {
    bytes[at..blanks(bytes, at)].contains(&b'\n')
}

/// Whether the last byte before `at` that is not white space makes a value follow.
fn value_is_due(bytes: &[u8], at: usize) -> bool {
    let last = bytes[..at].iter().rev().find(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t'));
    matches!(last, Some(b':' | b',' | b'['))
}

/// Counts brackets outside strings, whatever else is wrong.
struct Brackets {
    depth: usize,
    string: bool,
    lost: bool,
}

impl Brackets {
    /// Takes the byte at `at` (two after a backslash) and moves on; true where the first bracket is closed by it.
    fn closed_by(&mut self, bytes: &[u8], at: &mut usize) -> bool {
        let byte = bytes[*at];
        *at += 1;
        match byte {
            _ if self.lost => {}
            b'\n' if self.string => self.lost = true,
            b'\\' if self.string && bytes.get(*at) != Some(&b'\n') => *at = (*at + 1).min(bytes.len()),
            b'"' => self.string = !self.string,
            _ if self.string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every frame of `text` as it is: records plain, damaged ones after a `!`.
    fn frames(text: &[u8]) -> Vec<String> {
        let (mut at, mut seen, mut fields) = (0, Vec::new(), Fields::default());
        loop {
            match next_frame(text, at, true, &mut fields) {
                Frame::Record { start, end } => {
                    seen.push(String::from_utf8_lossy(&text[start..end]).into_owned());
                    at = end;
                }
                Frame::Damaged { start, end, .. } => {
                    assert!(end > start);
                    seen.push(format!("!{}", String::from_utf8_lossy(&text[start..end])));
                    at = end;
                }
                Frame::NeedMore { .. } => panic!("there is no more"),
                Frame::End => return seen,
            }
        }
    }

    #[test]
    fn framing_by_example() {
        let cases: [(&str, &[&str]); 24] = [
            ("", &[]),
            (" \r\n\n", &[]),
            ("{\"a\":1}", &["{\"a\":1}"]),
            ("{\"a\":1}\n{\"a\":2}\n", &["{\"a\":1}", "{\"a\":2}"]),
            ("{\"a\":1}\r\n{\"a\":2}\r\n", &["{\"a\":1}", "{\"a\":2}"]),
            ("{\"a\":1}{\"a\":2} {\"a\":3}", &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]),
            ("\u{feff}{\n  \"a\" : [\n    1\n  ]\n}\n{\n}\n", &["{\n  \"a\" : [\n    1\n  ]\n}", "{\n}"]),
            // a cut record in newline-delimited data
            ("{\"a\":\"x\n{\"a\":2}\n", &["!{\"a\":\"x", "{\"a\":2}"]),
            ("{\"a\":\n{\"a\":2}\n", &["!{\"a\":", "{\"a\":2}"]),
            ("{\"a\":{\"b\":1},\n{\"a\":2}\n", &["!{\"a\":{\"b\":1},", "{\"a\":2}"]),
            ("{\"a\":1}\n{\"a\":\"x", &["{\"a\":1}", "!{\"a\":\"x"]),
            // in concatenated data
            ("{\"a\":\"x{\"a\":2}{\"a\":3}", &["!{\"a\":\"x", "{\"a\":2}", "{\"a\":3}"]),
            ("{\"a\":1,\"b{\"a\":2}", &["!{\"a\":1,\"b", "{\"a\":2}"]),
            // bad escapes and values, also twice in a row
            ("{\"a\":\"\\x41\"}{\"a\":\"\\x42\"}{\"a\":3}", &["!{\"a\":\"\\x41\"}", "!{\"a\":\"\\x42\"}", "{\"a\":3}"]),
            ("{\"a\":-}{\"a\":2}", &["!{\"a\":-}", "{\"a\":2}"]),
            ("{\"a\":\"\\x22{\\\"b\\\":1}\"}\n{\"a\":2}", &["!{\"a\":\"\\x22{\\\"b\\\":1}\"}", "{\"a\":2}"]),
            (
                "{\"a\":tru,\"f\":\"failed {} {} to {}\"}\n{\"a\":2}",
                &["!{\"a\":tru,\"f\":\"failed {} {} to {}\"}", "{\"a\":2}"],
            ),
            // damage beside nested objects gives no phantom records
            ("{\"a\":tru,\"o\":{\"b\":1}}\n{\"a\":2}", &["!{\"a\":tru,\"o\":{\"b\":1}}", "{\"a\":2}"]),
            (
                "{\n \"a\":tru,\n \"o\":\n  {\"b\":1}\n}\n{\"a\":2}",
                &["!{\n \"a\":tru,\n \"o\":\n  {\"b\":1}\n}", "{\"a\":2}"],
            ),
            // what is no object
            ("123\n\"x\"\n{\"a\":1}", &["!123", "!\"x\"", "{\"a\":1}"]),
            ("garbage{\"a\":1}{\"a\":2}\n", &["!garbage", "{\"a\":1}", "{\"a\":2}"]),
            (
                "INFO got {\"a\":1}\nINFO got {\"a\":1} done\nINFO got {\"a\":1}\n{\"a\":2}",
                &["!INFO got {\"a\":1}", "!INFO got {\"a\":1} done", "!INFO got {\"a\":1}", "{\"a\":2}"],
            ),
            ("{\"a\":1}}\n{\"a\":2}", &["{\"a\":1}", "!}", "{\"a\":2}"]),
            ("{\"a\":\"\t\"}\n{\"a\":2}", &["!{\"a\":\"\t\"}", "{\"a\":2}"]),
        ];
        for (text, expected) in cases {
            assert_eq!(frames(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn invalid_utf8_is_damage_of_its_own_record() {
        assert_eq!(frames(b"{\"a\":\"\xff\"}{\"a\":1}").len(), 2);
    }

    /// The frames of `text` when it comes in two pieces, as `(start, end, damaged)`.
    fn in_two(text: &[u8], cut: usize) -> Vec<(usize, usize, bool)> {
        let (mut at, mut seen, mut fields, mut known) = (0, Vec::new(), Fields::default(), cut);
        loop {
            match next_frame(&text[..known], at, known == text.len(), &mut fields) {
                Frame::Record { start, end } => (seen.push((start, end, false)), at = end).1,
                Frame::Damaged { start, end, .. } => (seen.push((start, end, true)), at = end).1,
                Frame::NeedMore { start } => (at = start, known = text.len()).1,
                Frame::End => return seen,
            }
        }
    }

    proptest! {
        #[test]
        fn a_cut_buffer_changes_nothing(pieces in prop::collection::vec(prop::sample::select(vec![
            "{\"a\":1}", "{\"a\":\"x{\"", "{\"a\":\"\\x41\"}", "\n", " ", "}", "{\"o\":{\"b\":[1]}}", "\u{feff}", "123", "{\"a\":", "\"", "\\", "{\n \"p\": 1\n}",
        ]), 0..9)) {
            let text = pieces.concat().into_bytes();
            let whole = in_two(&text, text.len());
            for cut in 0..text.len() {
                prop_assert_eq!(&in_two(&text, cut), &whole, "cut at {}", cut);
            }
            // every byte is in exactly one frame or is a separator
            let mut at = 0;
            for (start, end, _) in whole {
                prop_assert!(start >= at && end > start);
                let between = String::from_utf8(text[at..start].to_vec()).unwrap();
                let separators_only = between.chars().all(|c| c.is_ascii_whitespace() || c == '\u{feff}');
                prop_assert!(separators_only);
                at = end;
            }
        }
    }
}

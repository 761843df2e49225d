//! Where damage ends and a record begins again. Bytes are looked at once, in order, and may come in any pieces.
//!
//! A wrong guess in one direction makes a row of what is nobody's record (an object that a line of text quotes, an object
//! inside another); in the other it rejects a good record with its damaged neighbour, where it is kept. The first is worse.

use super::parse::{Fields, blanks, parse_object, special};

/// Looks for the end of damaged bytes. After bytes that begin an object it is the first of
/// - their own last bracket, where their brackets balance (bad escapes, bad values),
/// - a line that begins a record (a cut record in newline-delimited data),
/// - a whole record that follows without any delimiter (a cut record in concatenated data).
///
/// After other bytes, text as a rule, it is the end of their line, or a whole record that does not look quoted.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    /// The bytes begin no object.
    text: bool,
    /// Nothing is wrong so far: what looks like a record inside is none.
    sound: bool,
    /// Whether a value has just ended: in sound JSON, none may follow.
    value: bool,
    depth: usize,
    string: bool,
    escaped: bool,
    /// Brackets and quotes tell nothing any more.
    lost: bool,
    /// The byte before, and the one before that is not white space.
    before: u8,
    last: u8,
    /// What stands in this line so far.
    line: Line,
    /// Nothing but closing brackets and commas so far.
    closers: bool,
    /// The first byte is behind.
    begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Empty,
    Blank,
    Begun,
}

/// What looking gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The damage ends before this place.
    End(usize),
    /// It does not end before this place; more bytes are needed to go on from here.
    NotYet(usize),
}

enum Begins {
    Yes,
    No,
    Unknown,
}

impl Begins {
    fn when(yes: bool) -> Self {
        if yes { Begins::Yes } else { Begins::No }
    }
}

impl Scan {
    /// For damaged bytes that begin with this one.
    pub(super) fn damaged(first: u8) -> Self {
        let text = first != b'{';
        Scan {
            text,
            sound: false,
            value: false,
            depth: 0,
            string: false,
            escaped: false,
            lost: text,
            before: 0,
            last: 0,
            line: Line::Begun,
            closers: true,
            begun: false,
        }
    }

    /// For an object that is only too long, as far as it was read.
    pub(super) fn sound() -> Self {
        Scan { sound: true, ..Scan::damaged(b'{') }
    }

    /// Goes on at `at`, up to `until`. A record that begins there is looked at as far as `longest` bytes; `eof` says that no
    /// bytes follow `bytes`.
    pub(super) fn look(&mut self, bytes: &[u8], mut at: usize, until: usize, longest: usize, eof: bool) -> Found {
        while at < until {
            at = self.skip(bytes, at, until);
            let Some(byte) = bytes.get(at).copied().filter(|_| at < until) else { break };
            if self.sound && self.is_wrong(byte) {
                self.sound = false;
            }
            if self.text && byte == b'\n' {
                return Found::End(at);
            }
            let window = &bytes[..bytes.len().min(at.saturating_add(longest))];
            match self.begins(window, at, eof || window.len() < bytes.len(), byte) {
                Begins::Yes => return Found::End(at),
                Begins::Unknown => return Found::NotYet(at),
                Begins::No => {}
            }
            at += 1;
            if self.pass(byte) {
                return Found::End(at);
            }
        }
        match eof && until == bytes.len() {
            true => Found::End(until),
            false => Found::NotYet(at),
        }
    }

    /// Jumps over bytes that say nothing.
    fn skip(&mut self, bytes: &[u8], at: usize, until: usize) -> usize {
        let to = match self.text {
            true => memchr::memchr2(b'\n', b'{', &bytes[at..until]).map_or(until, |n| at + n),
            false if self.sound && self.string && !self.escaped => special(bytes, at).min(until),
            false => at,
        };
        if to > at {
            let passed = &bytes[at..to];
            self.closers &= !self.text || passed.iter().all(|b| is_closer(*b));
            self.before = passed[passed.len() - 1];
            self.last = passed.iter().rev().copied().find(|b| !is_blank(*b)).unwrap_or(self.last);
            self.line = Line::Begun;
            self.begun = true;
        }
        to
    }

    /// Whether this byte cannot stand here in JSON, as far as that is seen without a stack.
    fn is_wrong(&self, byte: u8) -> bool {
        match byte {
            _ if self.string => byte < b' ',
            b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b'}' | b']' => false,
            b'{' | b'[' | b'"' => self.value,
            _ => self.value && !is_of_scalar(self.before),
        }
    }

    /// Takes note of a byte; true where it closes the first bracket.
    fn pass(&mut self, byte: u8) -> bool {
        let escaped = std::mem::take(&mut self.escaped);
        let closed = !self.lost && self.count(byte, escaped);
        self.line = match byte {
            b'\n' => Line::Empty,
            _ if is_blank(byte) && self.line != Line::Begun => Line::Blank,
            _ => Line::Begun,
        };
        self.closers &= is_closer(byte);
        self.begun = true;
        self.before = byte;
        self.last = if is_blank(byte) { self.last } else { byte };
        closed
    }

    fn count(&mut self, byte: u8, escaped: bool) -> bool {
        match byte {
            b'\n' if self.string => self.lost = true,
            _ if escaped => {}
            b'\\' if self.string => self.escaped = true,
            b'"' => {
                self.string = !self.string;
                self.value = !self.string;
            }
            _ if self.string || is_blank(byte) => {}
            b'{' | b'[' => {
                self.depth += 1;
                self.value = false;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.value = true;
                return self.depth == 0;
            }
            b',' | b':' => self.value = false,
            _ => self.value = true,
        }
        false
    }

    /// Whether a record, or an array of records, begins here. `whole` says that nothing can be learnt from more bytes.
    fn begins(&self, bytes: &[u8], at: usize, whole: bool, byte: u8) -> Begins {
        let at_all = self.begun && !self.sound;
        match byte {
            b'{' if !at_all => Begins::No,
            b'{' if self.text => self.begins_after_text(bytes, at, whole),
            b'{' if self.line == Line::Empty => Begins::Yes,
            b'{' if self.value_is_due() => Begins::No,
            b'{' if self.line == Line::Blank => Begins::Yes,
            b'{' => begins_without_delimiter(bytes, at, whole),
            b'[' if at_all && !self.text && self.line == Line::Empty && !self.value_is_due() => match bytes.get(at + 1)
            {
                None if !whole => Begins::Unknown,
                next => Begins::when(next == Some(&b'{')),
            },
            _ => Begins::No,
        }
    }

    /// Whether the last byte that is not white space makes a value follow.
    fn value_is_due(&self) -> bool {
        matches!(self.last, b':' | b',' | b'[')
    }

    /// A line of text may quote an object, and a row made of that would be nobody's record. Text sets apart what it quotes,
    /// by a blank, a colon, a quote: so an object is a record only where it follows directly on a word, on a bracket that
    /// closes or on a byte that no text has, and where it ends likewise, or with its line.
    fn begins_after_text(&self, bytes: &[u8], at: usize, whole: bool) -> Begins {
        if !self.closers && !follows_directly(self.before) {
            return Begins::No;
        }
        match strict_object(bytes, at, whole) {
            Ok(end) => match bytes.get(end) {
                Some(next) if is_word(*next) => Begins::Yes,
                Some(next) if matches!(self.before, b'}' | b']') && !is_blank(*next) => Begins::Yes,
                _ => ends_certainly(bytes, end, whole),
            },
            Err(no) => no,
        }
    }
}

fn begins_without_delimiter(bytes: &[u8], at: usize, whole: bool) -> Begins {
    strict_object(bytes, at, whole).map_or_else(|no| no, |end| ends_certainly(bytes, end, whole))
}

/// The end of an object that is strict JSON and not empty: texts hold `{}`.
fn strict_object(bytes: &[u8], at: usize, whole: bool) -> Result<usize, Begins> {
    match bytes.get(blanks(bytes, at + 1)) {
        None if !whole => return Err(Begins::Unknown),
        Some(b'"') => {}
        _ => return Err(Begins::No),
    }
    match parse_object(bytes, at, &mut Fields::default()) {
        Ok(end) if simdutf8::basic::from_utf8(&bytes[at..end]).is_ok() => Ok(end),
        Err(damage) if damage.at == bytes.len() && !whole => Err(Begins::Unknown),
        _ => Err(Begins::No),
    }
}

/// Whether a record, the end of the line or the end of all follows.
fn ends_certainly(bytes: &[u8], end: usize, whole: bool) -> Begins {
    let next = spaces(bytes, end);
    match bytes.get(next) {
        Some(b'{') => Begins::Yes,
        Some(_) => Begins::when(bytes[end..next].contains(&b'\n')),
        None if whole => Begins::Yes,
        None => Begins::Unknown,
    }
}

/// Skips white space, padding and record separators (RFC 7464).
#[inline]
pub(super) fn spaces(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t' | 0 | 0x1e) = bytes.get(at) {
        at += 1;
    }
    at
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn is_closer(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'}' | b']' | b',' | 0)
}

fn is_of_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Letters and digits, and bytes that no text of ASCII has.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || byte < b' ' && !is_blank(byte)
}

fn follows_directly(before: u8) -> bool {
    is_word(before) || matches!(before, b'}' | b']' | b')' | b'.' | b'!' | b'?' | b';')
}

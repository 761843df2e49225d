//! A record's fields: strict JSON (RFC 8259), found in one pass and left where they are.
//!
//! Nothing is copied and nothing is converted here: a field is two spans of the buffer. Strings are checked (escapes,
//! paired surrogates, no raw control bytes); that the record is UTF-8 is checked by `frame`, which has all of it.

use std::ops::Range;

/// What a JSON value is, as far as its text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    /// A number.
    Number,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
    /// An object or an array.
    Nested,
}

/// One field of a record: spans of the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSpan {
    /// The name, without its quotes.
    pub key: Range<usize>,
    /// Whether the name has escapes.
    pub key_escaped: bool,
    /// The value as it stands, a string with its quotes.
    pub value: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// The fields of the record that was parsed last, in its order, duplicates included.
#[derive(Debug, Default)]
pub struct Fields {
    /// The fields.
    pub items: Vec<FieldSpan>,
    open: Vec<u8>,
    /// By place in the record: the name that stood there last, from its quote to the colon, and whether it has escapes.
    /// Producers write one shape over and over, so most names need no scan.
    names: Vec<(Vec<u8>, bool)>,
    /// Counts the changes of `names`.
    version: u64,
    /// Whether every name of this record is the one in `names`.
    known: bool,
}

/// Records with more fields than any log format has are scanned.
const REMEMBERED: usize = 256;

impl Fields {
    /// Stands for this record's names: records with the same shape and the same number of fields have the same names at
    /// the same places. `None` where it was not told.
    pub fn shape(&self) -> Option<u64> {
        self.known.then_some(self.version)
    }

    /// The end of the name and colon at `at`, where they are what stood at this place before.
    #[inline]
    fn known_name(&self, bytes: &[u8], at: usize) -> Option<(usize, bool)> {
        let (name, escaped) = self.names.get(self.items.len())?;
        (!name.is_empty() && bytes.get(at..)?.starts_with(name)).then_some((at + name.len(), *escaped))
    }

    #[cold]
    fn learn_name(&mut self, name: &[u8], escaped: bool) {
        let at = self.items.len();
        self.known &= at < REMEMBERED;
        if at < REMEMBERED {
            self.version += 1;
            self.names.resize_with(self.names.len().max(at + 1), Default::default);
            self.names[at].0.clear();
            self.names[at].0.extend_from_slice(name);
            self.names[at].1 = escaped;
        }
    }
}

/// Where and why text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Byte in the buffer. At the buffer's end, more bytes might have helped.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// What parsing gives.
pub type Parsed<T> = Result<T, Damage>;

const fn damage<T>(at: usize, what: &'static str) -> Parsed<T> {
    Err(Damage { at, what })
}

/// Parses the object that begins at `start` (its `{`); gives the place after its `}`.
///
/// # Errors
/// The first byte that is wrong. With `at == bytes.len()` the object is cut.
pub fn parse_object(bytes: &[u8], start: usize, fields: &mut Fields) -> Parsed<usize> {
    fields.items.clear();
    fields.known = true;
    let mut at = blanks(bytes, start + 1);
    if peek(bytes, at)? == b'}' {
        return Ok(at + 1);
    }
    loop {
        let name = name(bytes, at, fields)?;
        at = blanks(bytes, name.end);
        let (end, kind) = value(bytes, at, &mut fields.open)?;
        fields.items.push(FieldSpan { key: name.key, key_escaped: name.escaped, value: at..end, kind });
        at = blanks(bytes, end);
        match peek(bytes, at)? {
            b',' => at = blanks(bytes, at + 1),
            b'}' => return Ok(at + 1),
            _ => return damage(at, "a comma or } is missing after a value"),
        }
    }
}

struct Name {
    key: Range<usize>,
    escaped: bool,
    /// The place after the colon.
    end: usize,
}

/// A field's name, which begins at `at`, and its colon.
#[inline]
fn name(bytes: &[u8], at: usize, fields: &mut Fields) -> Parsed<Name> {
    match fields.known_name(bytes, at) {
        Some((end, escaped)) => Ok(Name { key: at + 1..end - 2, escaped, end }),
        None => new_name(bytes, at, fields),
    }
}

fn new_name(bytes: &[u8], at: usize, fields: &mut Fields) -> Parsed<Name> {
    if peek(bytes, at)? != b'"' {
        return damage(at, "a field's name in quotes is missing");
    }
    let (key_end, escaped) = string(bytes, at)?;
    let colon = blanks(bytes, key_end);
    if peek(bytes, colon)? != b':' {
        return damage(colon, "the colon after a field's name is missing");
    }
    match colon == key_end {
        true => fields.learn_name(&bytes[at..=colon], escaped),
        false => fields.known = false,
    }
    Ok(Name { key: at + 1..key_end - 1, escaped, end: colon + 1 })
}

/// Skips the white space of JSON.
#[inline]
pub fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

#[inline]
fn peek(bytes: &[u8], at: usize) -> Parsed<u8> {
    match bytes.get(at) {
        Some(byte) => Ok(*byte),
        None => damage(bytes.len(), "the record is cut"),
    }
}

pub(super) fn value(bytes: &[u8], at: usize, open: &mut Vec<u8>) -> Parsed<(usize, Kind)> {
    match peek(bytes, at)? {
        b'{' | b'[' => nested(bytes, at, open).map(|end| (end, Kind::Nested)),
        _ => scalar(bytes, at),
    }
}

/// Parses any value that begins at `at`; gives the place after it.
///
/// # Errors
/// As [`parse_object`].
pub fn any_value(bytes: &[u8], at: usize) -> Parsed<usize> {
    value(bytes, at, &mut Vec::new()).map(|(end, _)| end)
}

fn scalar(bytes: &[u8], at: usize) -> Parsed<(usize, Kind)> {
    match peek(bytes, at)? {
        b'"' => string(bytes, at).map(|(end, escaped)| (end, if escaped { Kind::Escaped } else { Kind::Plain })),
        b'-' | b'0'..=b'9' => number(bytes, at).map(|end| (end, Kind::Number)),
        b't' => word(bytes, at, b"true").map(|end| (end, Kind::True)),
        b'f' => word(bytes, at, b"false").map(|end| (end, Kind::False)),
        b'n' => word(bytes, at, b"null").map(|end| (end, Kind::Null)),
        _ => damage(at, "a value is missing"),
    }
}

#[inline]
fn word(bytes: &[u8], at: usize, expected: &[u8]) -> Parsed<usize> {
    if bytes[at..].starts_with(expected) {
        return Ok(at + expected.len());
    }
    for (i, byte) in expected.iter().enumerate() {
        if peek(bytes, at + i)? != *byte {
            return damage(at, "a value is neither a string, a number, true, false nor null");
        }
    }
    Ok(at + expected.len())
}

/// Checks an object or an array without recursion, so that deep nesting cannot overflow the stack.
fn nested(bytes: &[u8], start: usize, open: &mut Vec<u8>) -> Parsed<usize> {
    open.clear();
    let mut at = start;
    loop {
        // at a value
        match peek(bytes, at)? {
            bracket @ (b'{' | b'[') => {
                at = blanks(bytes, at + 1);
                if peek(bytes, at)? == bracket + 2 {
                    at += 1;
                } else {
                    open.push(bracket);
                    at = member(bytes, at, bracket)?;
                    continue;
                }
            }
            _ => at = scalar(bytes, at)?.0,
        }
        // after a value
        loop {
            let Some(bracket) = open.last().copied() else {
                return Ok(at);
            };
            at = blanks(bytes, at);
            match peek(bytes, at)? {
                b',' => {
                    at = member(bytes, blanks(bytes, at + 1), bracket)?;
                    break;
                }
                close if close == bracket + 2 => {
                    open.pop();
                    at += 1;
                }
                _ => return damage(at, "a comma or a closing bracket is missing"),
            }
        }
    }
}

/// The place of the next value inside an open bracket: after the name and the colon in an object.
fn member(bytes: &[u8], at: usize, bracket: u8) -> Parsed<usize> {
    if bracket == b'[' {
        return Ok(at);
    }
    if peek(bytes, at)? != b'"' {
        return damage(at, "a field's name in quotes is missing");
    }
    let at = blanks(bytes, string(bytes, at)?.0);
    match peek(bytes, at)? {
        b':' => Ok(blanks(bytes, at + 1)),
        _ => damage(at, "the colon after a field's name is missing"),
    }
}

fn number(bytes: &[u8], start: usize) -> Parsed<usize> {
    let mut at = start + usize::from(bytes[start] == b'-');
    match peek(bytes, at)? {
        b'0' => at += 1,
        b'1'..=b'9' => at = digits(bytes, at),
        _ => return damage(at, "a number has no digits"),
    }
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = some_digits(bytes, at + 1 + sign)?;
    }
    Ok(at)
}

fn digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

fn some_digits(bytes: &[u8], at: usize) -> Parsed<usize> {
    match peek(bytes, at)?.is_ascii_digit() {
        true => Ok(digits(bytes, at)),
        false => damage(at, "a number's digits are missing"),
    }
}

/// The place after the closing quote of the string that begins at `start`, and whether it has escapes.
pub(super) fn string(bytes: &[u8], start: usize) -> Parsed<(usize, bool)> {
    let mut at = start + 1;
    let mut escaped = false;
    loop {
        at = special(bytes, at);
        match peek(bytes, at)? {
            b'"' => return Ok((at + 1, escaped)),
            b'\\' => {
                escaped = true;
                at = escape(bytes, at)?;
            }
            b'\n' => return damage(at, "a string does not end on its line"),
            _ => return damage(at, "a raw control byte in a string"),
        }
    }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The first byte from `at` on that ends a run of plain string bytes: a quote, a backslash or a control byte.
///
/// Eight bytes at a time: in `(w - n) & !w & HIGHS` a byte below `n` sets its high bit. Borrows make false hits, but only
/// above a true one, so the lowest hit is true.
#[inline]
pub(super) fn special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let w = u64::from_le_bytes(*chunk);
        let below = |w: u64, n: u64| w.wrapping_sub(ONES * n) & !w;
        let hits = (below(w, 0x20) | below(w ^ (ONES * b'"' as u64), 1) | below(w ^ (ONES * b'\\' as u64), 1)) & HIGHS;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|b| *b >= 0x20 && *b != b'"' && *b != b'\\') {
        at += 1;
    }
    at
}

/// The place after the escape at `at`; a high surrogate takes its low one along.
fn escape(bytes: &[u8], at: usize) -> Parsed<usize> {
    match peek(bytes, at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
        b'u' => match hex4(bytes, at + 2)? {
            0xD800..=0xDBFF => low_surrogate(bytes, at),
            0xDC00..=0xDFFF => damage(at, "a low surrogate without its high one"),
            _ => Ok(at + 6),
        },
        _ => damage(at, "an escape that JSON does not know"),
    }
}

fn low_surrogate(bytes: &[u8], at: usize) -> Parsed<usize> {
    let follows = peek(bytes, at + 6)? == b'\\' && peek(bytes, at + 7)? == b'u';
    match follows && (0xDC00..=0xDFFF).contains(&hex4(bytes, at + 8)?) {
        true => Ok(at + 12),
        false => damage(at, "a high surrogate without its low one"),
    }
}

pub(super) fn hex4(bytes: &[u8], at: usize) -> Parsed<u32> {
    let mut code = 0;
    for i in at..at + 4 {
        match (peek(bytes, i)? as char).to_digit(16) {
            Some(digit) => code = code * 16 + digit,
            None => return damage(i, "four hex digits are missing after \\u"),
        }
    }
    Ok(code)
}

/// Appends the text of a string's inside, which [`parse_object`] accepted, to `out`.
pub fn unescape(inside: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < inside.len() {
        let run = memchr::memchr(b'\\', &inside[at..]).map_or(inside.len(), |i| at + i);
        out.extend_from_slice(&inside[at..run]);
        if run + 1 >= inside.len() {
            return;
        }
        at = run + 2;
        match inside[run + 1] {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => at = push_code(inside, run, out),
            other => out.push(other),
        }
    }
}

fn push_code(inside: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let high = hex4(inside, at + 2).unwrap_or(0xFFFD);
    let (code, end) = match high {
        0xD800..=0xDBFF => {
            let low = hex4(inside, at + 8).unwrap_or(0xDC00);
            (0x10000 + ((high - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF), at + 12)
        }
        code => (code, at + 6),
    };
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &[u8]) -> Parsed<usize> {
        parse_object(text, 0, &mut Fields::default())
    }

    #[test]
    fn names_that_stood_there_before_change_nothing() {
        let shapes: [&[u8]; 9] = [
            br#"{"a":1,"b":2}"#,
            br#"{"a" :1,"b":2}"#,
            br#"{"b":1,"a":2}"#,
            br#"{"ab":1,"b":2,"c":3}"#,
            br#"{"\u0061":1,"b":2}"#,
            br#"{}"#,
            br#"{"a":"#,
            br#"{"a"#,
            br#"{"a":1,b:2}"#,
        ];
        for (first, second) in shapes.iter().flat_map(|first| shapes.iter().map(move |second| (first, second))) {
            let (mut used, mut fresh) = (Fields::default(), Fields::default());
            let _any = parse_object(first, 0, &mut used);
            assert_eq!(parse_object(second, 0, &mut used), parse_object(second, 0, &mut fresh));
            assert_eq!(used.items, fresh.items);
        }
    }

    #[test]
    fn one_shape_means_one_list_of_names() {
        let mut fields = Fields::default();
        let mut shape = |text: &[u8]| (parse_object(text, 0, &mut fields), fields.shape()).1;
        let first = shape(br#"{"a":1,"b":2}"#);
        assert!(first.is_some());
        assert_eq!(shape(br#"{ "a": 3, "b":4 }"#), first);
        assert_ne!(shape(br#"{"a":1,"c":2}"#), first);
        assert_ne!(shape(br#"{"a":1,"b":2}"#), first);
        assert_eq!(shape(br#"{"a" :1,"b":2}"#), None);
    }

    #[test]
    fn fields_are_spans_in_order_with_duplicates() {
        let text = br#"{ "a" : "x\n" , "b":-1.5e+3,"a":[{"c":[]},{}],"\u0064":null}"#;
        let mut fields = Fields::default();
        assert_eq!(parse_object(text, 0, &mut fields), Ok(text.len()));
        let seen: Vec<_> = fields
            .items
            .iter()
            .map(|f| {
                (
                    std::str::from_utf8(&text[f.key.clone()]).unwrap(),
                    std::str::from_utf8(&text[f.value.clone()]).unwrap(),
                    f.kind,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("a", r#""x\n""#, Kind::Escaped),
                ("b", "-1.5e+3", Kind::Number),
                ("a", r#"[{"c":[]},{}]"#, Kind::Nested),
                ("\\u0064", "null", Kind::Null)
            ]
        );
    }

    #[test]
    fn what_serde_json_accepts_and_refuses() {
        let values = [
            "1",
            "-0",
            "0.5",
            "1E9",
            "1e-9",
            "\"\"",
            "\"\\u00e9\\ud83d\\ude00\"",
            "true",
            "false",
            "null",
            "[]",
            "[1,[2,{}]]",
            "{\"x\":{\"y\":[]}}",
            "01",
            "+1",
            "1.",
            ".5",
            "1e",
            "-",
            "--1",
            "tru",
            "nul",
            "NaN",
            "'x'",
            "\"\t\"",
            "\"\\x41\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"x\"}",
            "{\"x\":}",
            "{x:1}",
            "{\"x\":1,}",
            "[}",
            "{]",
            "",
            "\"\\u12\"",
            "\"a",
            "\"\\",
        ];
        for value in values {
            for text in [
                format!("{{\"k\":{value}}}"),
                format!("{{\"k\":[{value}]}}"),
                format!("{{\"k\": {value} ,\"l\":{{\"m\":{value}}}}}"),
            ] {
                let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
                assert_eq!(parse(text.as_bytes()) == Ok(text.len()), theirs, "{text}");
            }
        }
    }

    #[test]
    fn a_cut_at_any_byte_says_that_it_is_cut() {
        let text = br#"{"a":"x\u00e9\ud83d\ude00","b":[1.5,true,null,{"c":"d"}],"e":-12e3}"#;
        for length in 1..text.len() {
            assert_eq!(parse(&text[..length]).unwrap_err().at, length, "{}", String::from_utf8_lossy(&text[..length]));
        }
    }

    #[test]
    fn deep_nesting_is_only_a_longer_value() {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(parse(text.as_bytes()), Ok(text.len()));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"\{("[ab\\u0-9"]{0,4}"?[:,]?([0-9.eE+-]{1,4}|"[a-z\\"/]{0,5}"|true|null|[\[\]{}])[,}]?){0,4}\}?"#) {
            let ours = parse(text.as_bytes()) == Ok(text.len());
            let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            // serde_json refuses numbers that do not fit a double; they are JSON all the same
            let theirs = theirs.map_or_else(|e| e.to_string().contains("out of range"), |_| true);
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn strings_come_back(value in any::<String>()) {
            let text = serde_json::json!({ "k": value }).to_string();
            let mut fields = Fields::default();
            prop_assert_eq!(parse_object(text.as_bytes(), 0, &mut fields), Ok(text.len()));
            let span = fields.items[0].value.clone();
            let mut out = Vec::new();
            unescape(&text.as_bytes()[span.start + 1..span.end - 1], &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), value);
        }
    }
}

//! Objects made of somebody else's random bytes.

use serde_json::{Map, Number, Value};

/// What objects are made of, and what damages them.
const PIECES: [&[u8]; 35] = [
    b"{\"a\":1}",
    b"{\"a\":\"x{\"",
    b"{\"a\":\"\\x41\"}",
    b"\n",
    b"\r\n",
    b" ",
    b"}",
    b"{",
    b"{\"o\":{\"b\":[1]}}",
    b"\xEF\xBB\xBF",
    b"123",
    b"{\"a\":",
    b"\"",
    b"\\",
    b"{\n \"p\": 1\n}",
    b"[",
    b"]",
    b",",
    b":",
    b"[{\"a\":1},",
    b"{\"a\":2}]",
    b"\0",
    b"got ",
    "é".as_bytes(),
    b"\xff\xfe",
    b"\x01",
    b"-",
    b"{\"a\":-}",
    b"\\u00e9\\ud83d",
    b"tru",
    b"{\"rawData\":\"eyJhIjoxfXsiYSI6\",\"attemptsMade\":1,\"errorCode\":\"x\"}",
    b"1e400",
    b"{\"a\":\"b\tc\"}",
    b"{\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",\"b\":[{\"c\":1},{\"c\":2}]}",
    b"{\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

/// Decisions, drawn from bytes; zeros where these have run out.
pub struct Draw<'a>(&'a [u8]);

/// A good record's number.
#[derive(Debug, Clone, Copy)]
pub struct Good(pub u64);

/// A piece of an object.
pub struct Piece {
    pub text: Vec<u8>,
    pub good: Option<Good>,
}

impl<'a> Draw<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Draw(data)
    }

    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(first, rest)| (*first, rest));
        self.0 = rest;
        first
    }

    /// A number below `n`, which is at most 256.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// The longest record allowed.
    pub fn longest(&mut self) -> usize {
        [1 << 20, 1 << 20, 100, 64, 33, 8, 1][self.below(7)]
    }

    /// How many bytes come at a time.
    pub fn step(&mut self) -> usize {
        [1 << 20, 64, 17, 5, 3, 2, 1][self.below(7)]
    }

    /// What is left of the bytes.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Pieces of objects, one after the other.
    pub fn pieces(&mut self) -> Vec<u8> {
        self.rest().iter().flat_map(|byte| PIECES[usize::from(*byte) % PIECES.len()]).copied().collect()
    }

    fn text(&mut self) -> String {
        const CHARS: [&str; 20] = [
            "a", "Z", "0", " ", "{", "}", "[", "]", ",", ":", "\"", "\\", "/", "\n", "\u{1}", "é", "漢", "😀", "x41",
            "u0041",
        ];
        (0..self.below(7)).map(|_| CHARS[self.below(CHARS.len())]).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => Value::from(i64::from(self.byte()) - 100),
            3 => Value::from(u64::MAX - u64::from(self.byte())),
            4 => Number::from_f64(f64::from(self.byte()) * 1e-7 - 3.5e200).map_or(Value::Null, Value::Number),
            5 => Value::String(self.text()),
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => self.object(depth - 1),
        }
    }

    fn object(&mut self, depth: usize) -> Value {
        Value::Object((0..self.below(4)).map(|_| (self.text(), self.value(depth))).collect::<Map<_, _>>())
    }

    /// Valid records in one mixture of framings, and their values.
    pub fn valid(&mut self) -> (Vec<u8>, Vec<Value>) {
        const BETWEEN: [&str; 10] = ["\n", "", "\r\n", " ", "\n\n\t", "\0\0", "\u{feff}", ",\n", ",", "\u{1e}"];
        let (mut text, mut values, mut array) = (String::new(), Vec::new(), false);
        for _ in 0..1 + self.below(8) {
            let value = self.object(3);
            match (array, self.below(8)) {
                (false, 0) => {
                    text += if self.below(2) == 0 { "[" } else { "[\n  " };
                    array = true;
                }
                (true, 0) => {
                    text += "]";
                    array = false;
                }
                _ => {}
            }
            text += &match self.below(3) {
                0 => serde_json::to_string_pretty(&value).unwrap(),
                _ => value.to_string(),
            };
            text += if array { [",", " ,\n"][self.below(2)] } else { BETWEEN[self.below(BETWEEN.len())] };
            values.push(value);
        }
        text += if array { "{}]" } else { "{}" };
        values.push(Value::Object(Map::new()));
        (text.into_bytes(), values)
    }

    fn good(&mut self, number: u64) -> Vec<u8> {
        let text = self.text();
        serde_json::json!({ "n": number, "s": text, "t": ["x", number] }).to_string().into_bytes()
    }

    /// Good records with damage between them, in newline-delimited or in concatenated data.
    pub fn with_damage(&mut self) -> Vec<Piece> {
        let lines = self.below(2) == 0;
        let kinds = self.below(4);
        let (mut pieces, mut number) = (Vec::new(), 0);
        for _ in 0..1 + self.below(6) {
            // after a cut record, only one that another follows is certain
            for _ in 0..2 {
                number += 1;
                pieces.push(Piece { text: self.good(number), good: Some(Good(number)) });
                pieces.extend(lines.then(newline));
            }
            let text = match kinds {
                0 => self.cut(),
                1 => self.tail(),
                2 => self.binary(),
                _ => [&b"}"[..], b"}}", b"]", b"}]", b"\0}", b"},"][self.below(6)].to_vec(),
            };
            pieces.push(Piece { text, good: None });
            pieces.extend(lines.then(newline));
        }
        number += 1;
        pieces.push(Piece { text: self.good(number), good: Some(Good(number)) });
        pieces
    }

    /// A record without its end, and not cut where a value is due: what follows there could be the value.
    fn cut(&mut self) -> Vec<u8> {
        let mut whole = self.good(1_000_000);
        whole.truncate(1 + self.below(whole.len() - 1));
        while let Some(b':' | b',' | b'[') = whole.trim_ascii_end().last() {
            whole.truncate(whole.trim_ascii_end().len() - 1);
        }
        whole
    }

    /// A record without its beginning.
    fn tail(&mut self) -> Vec<u8> {
        let whole = self.good(1_000_000);
        whole[1 + self.below(whole.len() - 1)..].to_vec()
    }

    fn binary(&mut self) -> Vec<u8> {
        const BYTES: [u8; 12] = [0, 1, 0x0b, 0x7f, 0x80, 0xbf, 0xc3, 0xef, 0xff, b'x', b'9', 0xfe];
        (0..1 + self.below(9)).map(|_| BYTES[self.below(BYTES.len())]).chain([0x80]).collect()
    }
}

fn newline() -> Piece {
    Piece { text: b"\n".to_vec(), good: None }
}

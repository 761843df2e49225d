//! What web servers do to JSON, undone: tried only on records that are no strict JSON, and counted.
//!
//! Apache and nginx write log fields as C does (`\xhh`, `\v`) and a missing number as a bare `-`; others write raw control
//! bytes, half a surrogate pair, or text that is not UTF-8. What a repair makes must be strict JSON, or the record stays
//! rejected: nothing is guessed that a bracket or a quote depends on.

use super::parse::hex4;

/// Writes `raw`, an object, to `out` as JSON; false where there was nothing to repair.
pub(super) fn repair(raw: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let mut repaired = false;
    let (mut at, mut string) = (0, false);
    while let Some(byte) = raw.get(at).copied() {
        let (end, fixed) = match byte {
            b'\\' if string => escape(raw, at, out),
            _ if byte < b' ' && string => push(char::from(byte), at + 1, out),
            b'-' if !string && is_bare(raw, at) => {
                out.extend_from_slice(b"null");
                (at + 1, true)
            }
            _ => copy(raw, at, 1, out),
        };
        string ^= byte == b'"';
        repaired |= fixed;
        at = end;
    }
    if let Err(_invalid) = simdutf8::basic::from_utf8(out) {
        *out = String::from_utf8_lossy(out).into_owned().into_bytes();
        repaired = true;
    }
    repaired
}

/// Where the next byte of `raw` is, and whether anything was repaired.
type Step = (usize, bool);

fn copy(raw: &[u8], at: usize, bytes: usize, out: &mut Vec<u8>) -> Step {
    let end = raw.len().min(at + bytes);
    out.extend_from_slice(&raw[at..end]);
    (end, false)
}

/// A character of a string, as JSON has it.
fn push(c: char, end: usize, out: &mut Vec<u8>) -> Step {
    match c {
        '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
        c if c < ' ' => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
    (end, true)
}

/// The escape at `at`. Two backslashes are one escape, so what follows them is none.
fn escape(raw: &[u8], at: usize, out: &mut Vec<u8>) -> Step {
    match raw.get(at + 1) {
        Some(b'v') => push('\u{b}', at + 2, out),
        Some(b'x') => hex_run(raw, at, out),
        Some(b'u') => surrogate(raw, at, out),
        _ => copy(raw, at, 2, out),
    }
}

/// A run of `\xhh` is bytes: UTF-8 where they are valid, else each is the character of that number.
fn hex_run(raw: &[u8], at: usize, out: &mut Vec<u8>) -> Step {
    let (mut bytes, mut end) = (Vec::new(), at);
    while let Some(byte) = hex_byte(raw, end) {
        bytes.push(byte);
        end += 4;
    }
    if bytes.is_empty() {
        return copy(raw, at, 2, out);
    }
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars().chain(chunk.invalid().iter().map(|byte| char::from(*byte))) {
            push(c, end, out);
        }
    }
    (end, true)
}

fn hex_byte(raw: &[u8], at: usize) -> Option<u8> {
    match raw.get(at..at + 4)? {
        [b'\\', b'x', high, low] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
        }
        _ => None,
    }
}

/// Half of a surrogate pair is no character.
fn surrogate(raw: &[u8], at: usize, out: &mut Vec<u8>) -> Step {
    let follows = raw.get(at + 6..at + 8) == Some(b"\\u");
    match (hex4(raw, at + 2), hex4(raw, at + 8)) {
        (Ok(0xD800..=0xDBFF), Ok(0xDC00..=0xDFFF)) if follows => copy(raw, at, 12, out),
        (Ok(0xD800..=0xDFFF), _) => push(char::REPLACEMENT_CHARACTER, at + 6, out),
        _ => copy(raw, at, 2, out),
    }
}

/// A `-` that is all of a value.
fn is_bare(raw: &[u8], at: usize) -> bool {
    let is_blank = |b: &&u8| !matches!(b, b' ' | b'\n' | b'\r' | b'\t');
    let before = raw[..at].iter().rev().find(is_blank);
    let after = raw[at + 1..].iter().find(is_blank);
    matches!(before, Some(b':' | b',' | b'[')) && matches!(after, Some(b',' | b'}' | b']'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn repaired(raw: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        repair(raw, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_web_servers_write() {
        let cases: [(&[u8], &str); 17] = [
            (br#"{"a":"\x41"}"#, r#"{"a":"A"}"#),
            (br#"{"a":"\xc3\xa9\xe2\x82\xac"}"#, r#"{"a":"é€"}"#),
            (br#"{"a":"\xe9\x41"}"#, r#"{"a":"éA"}"#),
            (br#"{"a":"\xc3\xa9\xff\xC3"}"#, r#"{"a":"éÿÃ"}"#),
            (br#"{"a":"\x22\x5c\x0a\x00"}"#, r#"{"a":"\"\\\u000a\u0000"}"#),
            (br#"{"a":"\\\x41\\x41"}"#, r#"{"a":"\\A\\x41"}"#),
            (br#"{"\x41":"\v"}"#, r#"{"A":"\u000b"}"#),
            (br#"{"a":-,"b": - ,"c":[-,-1]}"#, r#"{"a":null,"b": null ,"c":[null,-1]}"#),
            (br#"{"a":"-","b":-}"#, r#"{"a":"-","b":null}"#),
            (b"{\"a\":\"\x01\t\n\"}", r#"{"a":"\u0001\u0009\u000a"}"#),
            (b"{\"a\":\"\xff\xc3\"}", "{\"a\":\"\u{fffd}\u{fffd}\"}"),
            (b"{\"a\":\"\\\xff\"}", "{\"a\":\"\\\u{fffd}\"}"),
            (br#"{"a":"\ud83d\ude00 \ud83d \ude00"}"#, "{\"a\":\"\\ud83d\\ude00 \u{fffd} \u{fffd}\"}"),
            (br#"{"a":"\ud83d\ud83d\ude00"}"#, "{\"a\":\"\u{fffd}\\ud83d\\ude00\"}"),
            (br#"{"a":"\uD83Dx"}"#, "{\"a\":\"\u{fffd}x\"}"),
            (b"{\"a\":\"\\x41\x02\",\"b\":-}", r#"{"a":"A\u0002","b":null}"#),
            (br#"{"a":"\x4\x41"}"#, r#"{"a":"\x4A"}"#), // no JSON yet: it stays rejected
        ];
        for (raw, expected) in cases {
            assert_eq!(repaired(raw).as_deref(), Some(expected), "{}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn what_is_not_repaired() {
        for raw in [
            &br#"{"a":"\\x41","b":-1,"c":"\u0041\n"}"#[..],
            br#"{"a":"\x4g"}"#,
            br#"{"a":"\x"#,
            br#"{"a":"\"#,
            br#"{"a":"\u12"}"#,
            br#"{"a":1-}"#,
            br#"{"a":--}"#,
            br#"{-:1}"#,
            br#"{"a":+}"#,
            br#"{"a":NaN}"#,
            br#"{'a':1}"#,
            br#"{"a":"\q"}"#,
            b"",
        ] {
            assert_eq!(repaired(raw), None, "{}", String::from_utf8_lossy(raw));
        }
    }

    proptest! {
        /// What Apache makes of any bytes comes back: as text where they are UTF-8.
        #[test]
        fn what_apache_escapes_comes_back(value in any::<String>()) {
            let mut text = String::new();
            for byte in value.bytes() {
                match byte {
                    b'"' | b'\\' => text += &format!("\\{}", char::from(byte)),
                    0x20..0x7f => text.push(char::from(byte)),
                    0x0b => text += "\\v",
                    _ => text += &format!("\\x{byte:02x}"),
                }
            }
            let raw = format!("{{\"a\":\"{text}\"}}");
            let json = repaired(raw.as_bytes()).unwrap_or(raw);
            let back: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back["a"].as_str(), Some(&value[..]));
        }

        #[test]
        fn strict_json_is_left_alone(value in any::<String>()) {
            let raw = serde_json::json!({ "a": value, "b": [-1, { "c": "-" }] }).to_string();
            prop_assert_eq!(repaired(raw.as_bytes()), None);
        }

        #[test]
        fn any_bytes(raw in prop::collection::vec(prop::sample::select(&b"\\xuv\"0dD8-,:{}\x01\xff\xc3\xa9"[..]), 0..30)) {
            let _any = repaired(&raw);
        }
    }
}

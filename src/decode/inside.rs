//! The members of an object and the elements of an array that [`parse_object`](super::parse::parse_object) accepted.

use super::parse::{FieldSpan, blanks, string, value};
use std::ops::Range;

/// The members of the object at `object`, duplicates included; none where it is something else.
pub(crate) fn members(bytes: &[u8], object: Range<usize>, open: &mut Vec<u8>, out: &mut Vec<FieldSpan>) -> Option<()> {
    let mut at = first(bytes, &object, b'{')?;
    while bytes[at] != b'}' {
        let (end, escaped) = string(bytes, at).ok()?;
        let colon = blanks(bytes, end);
        let key = at + 1..end - 1;
        let begin = blanks(bytes, colon + 1);
        let (end, kind) = value(bytes, begin, open).ok()?;
        out.push(FieldSpan { key, key_escaped: escaped, value: begin..end, kind });
        at = next(bytes, end);
    }
    Some(())
}

/// The first element of the array at `array`, or the one after the element that ends at `after`, as a member without a name.
/// The outer `None` is no array, the inner one its end.
pub(crate) fn element(
    bytes: &[u8],
    array: &Range<usize>,
    after: Option<usize>,
    open: &mut Vec<u8>,
) -> Option<Option<FieldSpan>> {
    let at = match after {
        None => first(bytes, array, b'[')?,
        Some(end) => next(bytes, end),
    };
    if bytes[at] == b']' {
        return Some(None);
    }
    let (end, kind) = value(bytes, at, open).ok()?;
    Some(Some(FieldSpan { key: at..at, key_escaped: false, value: at..end, kind }))
}

fn first(bytes: &[u8], of: &Range<usize>, bracket: u8) -> Option<usize> {
    (bytes[of.start] == bracket).then(|| blanks(bytes, of.start + 1))
}

/// The place after a comma, or the closing bracket.
fn next(bytes: &[u8], at: usize) -> usize {
    let at = blanks(bytes, at);
    if bytes[at] == b',' { blanks(bytes, at + 1) } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_inside_by_example() {
        let text = br#"{"a" : [1, {"x":[]} ,"s"],"a":{ },"\u0062":null }"#;
        let (mut out, mut open) = (Vec::new(), Vec::new());
        members(text, 0..text.len(), &mut open, &mut out).unwrap();
        let shown = |range: &Range<usize>| String::from_utf8_lossy(&text[range.clone()]).into_owned();
        let seen: Vec<_> = out.iter().map(|m| (shown(&m.key), shown(&m.value))).collect();
        let expected = [("a", r#"[1, {"x":[]} ,"s"]"#), ("a", "{ }"), ("\\u0062", "null")];
        assert_eq!(seen, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let array = out[0].value.clone();
        assert_eq!(members(text, array.clone(), &mut open, &mut out), None);
        assert_eq!(element(text, &out[1].value, None, &mut open), None);
        let mut after = None;
        for expected in ["1", r#"{"x":[]}"#, "\"s\""] {
            let found = element(text, &array, after, &mut open).unwrap().unwrap();
            assert_eq!(shown(&found.value), expected);
            after = Some(found.value.end);
        }
        assert_eq!(element(text, &array, after, &mut open), Some(None));
    }
}

//! The envelope in which CloudWatch Logs delivers: an object with many log events, each of them a record of its own.
//!
//! An event becomes the record
//! `{"cloudwatch":{<the envelope's fields>,<the event's fields>},<the fields of its message>}`, or `"message":<text>` at the
//! end where the message is no JSON object. `messageType`, `logEvents` and `message` are what the envelope is made of, and
//! are in no record.

use super::inside::{element, members};
use super::parse::{FieldSpan, Fields, Kind, blanks, parse_object, unescape};
use std::ops::Range;

/// Makes records of events; keeps the last one.
#[derive(Default)]
pub(super) struct Envelope {
    text: Vec<u8>,
    fields: Fields,
    of_event: Vec<FieldSpan>,
    message: Vec<u8>,
    of_message: Fields,
    open: Vec<u8>,
}

/// Why an object is none, as opposed to one that is damaged.
pub(super) const NO_ENVELOPE: &str = "it is not an envelope of CloudWatch Logs";

impl Envelope {
    /// The places of an envelope's events, in their order; none in a control message.
    ///
    /// # Errors
    /// Why the object is no envelope that could be read whole.
    pub(super) fn events(&mut self, bytes: &[u8], envelope: &Fields) -> Result<Vec<Range<usize>>, &'static str> {
        let is =
            |text: &[u8]| only(bytes, envelope, b"messageType").is_some_and(|span| &bytes[span.value.clone()] == text);
        if is(b"\"CONTROL_MESSAGE\"") {
            return Ok(Vec::new());
        }
        let events = only(bytes, envelope, b"logEvents").filter(|_| is(b"\"DATA_MESSAGE\"")).ok_or(NO_ENVELOPE)?;
        let (array, mut after, mut places) = (events.value.clone(), None, Vec::new());
        if events.kind != Kind::Nested {
            return Err(NO_ENVELOPE);
        }
        while let Some(event) = element(bytes, &array, after, &mut self.open).ok_or(NO_ENVELOPE)? {
            if bytes[event.value.start] != b'{' {
                return Err("one of its logEvents is not a JSON object");
            }
            after = Some(event.value.end);
            places.push(event.value);
        }
        Ok(places)
    }

    /// The record that an event is, and its fields.
    pub(super) fn record(&mut self, bytes: &[u8], envelope: &Fields, event: Range<usize>) -> (&[u8], &Fields) {
        self.of_event.clear();
        let _whole = members(bytes, event, &mut self.open, &mut self.of_event);
        self.text.clear();
        self.text.extend_from_slice(b"{\"cloudwatch\":");
        let begin = self.text.len();
        let apart = |span: &&FieldSpan| !matches!(&bytes[span.key.clone()], b"messageType" | b"logEvents");
        for span in envelope.items.iter().filter(apart) {
            push_member(&mut self.text, begin, bytes, span);
        }
        let mut message = None;
        for span in &self.of_event {
            match &bytes[span.key.clone()] {
                b"message" if message.is_none() => message = Some(span),
                _ => push_member(&mut self.text, begin, bytes, span),
            }
        }
        self.text.extend_from_slice(if self.text.len() == begin { b"{}" } else { b"}" });
        if let Some(span) = message {
            push_message(&mut self.text, &mut self.message, &mut self.of_message, bytes, span);
        }
        self.text.push(b'}');
        let _whole = parse_object(&self.text, 0, &mut self.fields);
        (&self.text, &self.fields)
    }
}

/// The field of this name, where there is exactly one.
fn only<'a>(bytes: &[u8], fields: &'a Fields, name: &[u8]) -> Option<&'a FieldSpan> {
    let mut named = fields.items.iter().filter(|span| &bytes[span.key.clone()] == name);
    named.next().filter(|_| named.next().is_none())
}

fn push_member(out: &mut Vec<u8>, begin: usize, bytes: &[u8], span: &FieldSpan) {
    out.push(if out.len() == begin { b'{' } else { b',' });
    out.extend_from_slice(&bytes[span.key.start - 1..span.key.end + 1]);
    out.push(b':');
    out.extend_from_slice(&bytes[span.value.clone()]);
}

/// The message's own fields, or the message.
fn push_message(out: &mut Vec<u8>, text: &mut Vec<u8>, fields: &mut Fields, bytes: &[u8], span: &FieldSpan) {
    let raw = &bytes[span.value.clone()];
    text.clear();
    match span.kind {
        Kind::Plain => text.extend_from_slice(&raw[1..raw.len() - 1]),
        Kind::Escaped => unescape(&raw[1..raw.len() - 1], text),
        _ => text.extend_from_slice(raw),
    }
    match object(text, fields) {
        Some(_) if fields.items.is_empty() => {}
        Some(inside) => {
            out.push(b',');
            out.extend_from_slice(&text[inside]);
        }
        None => {
            out.extend_from_slice(b",\"message\":");
            out.extend_from_slice(raw);
        }
    }
}

/// What stands between the braces, where the text is one JSON object.
fn object(text: &[u8], fields: &mut Fields) -> Option<Range<usize>> {
    let start = blanks(text, 0);
    let end = text.get(start).filter(|first| **first == b'{').and_then(|_| parse_object(text, start, fields).ok())?;
    (blanks(text, end) == text.len()).then(|| start + 1..end - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Result<Vec<String>, &'static str> {
        let (mut envelope, mut fields) = (Envelope::default(), Fields::default());
        parse_object(text.as_bytes(), 0, &mut fields).unwrap();
        let events = envelope.events(text.as_bytes(), &fields)?;
        let record = |event| {
            let (record, of_record) = envelope.record(text.as_bytes(), &fields, event);
            assert!(of_record.items.iter().all(|span| span.value.end < record.len()));
            String::from_utf8(record.to_vec()).unwrap()
        };
        let records: Vec<String> = events.into_iter().map(record).collect();
        assert!(records.iter().all(|record| serde_json::from_str::<serde_json::Value>(record).is_ok()), "{records:?}");
        Ok(records)
    }

    fn data(events: &str) -> String {
        format!(
            r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","subscriptionFilters":["f"],"logEvents":[{events}]}}"#
        )
    }

    #[test]
    fn events_by_example() {
        let of =
            |rest: &str| format!(r#"{{"cloudwatch":{{"owner":"1","logGroup":"g","subscriptionFilters":["f"]{rest}}}"#);
        for (event, record) in [
            (
                r#"{"id":"7","timestamp":5,"message":"plain \"text\"\n"}"#,
                of(r#","id":"7","timestamp":5"#) + r#","message":"plain \"text\"\n"}"#,
            ),
            (
                r#"{"id":"7","message":" {\"a\": \"\\u00e9\", \"id\":2}\n"}"#,
                of(r#","id":"7""#) + r#","a": "\u00e9", "id":2}"#,
            ),
            (r#"{"message":"{}"}"#, of("") + "}"),
            (r#"{"message":"{\"a\":1} tail"}"#, of("") + r#","message":"{\"a\":1} tail"}"#),
            (r#"{"message":"[1]","message":2}"#, of(r#","message":2"#) + r#","message":"[1]"}"#),
            (r#"{"message":{"a":1}}"#, of("") + r#","a":1}"#),
            (r#"{"message":null}"#, of("") + r#","message":null}"#),
            ("{}", of("") + "}"),
        ] {
            assert_eq!(records(&data(event)).unwrap(), [record], "{event}");
        }
        assert_eq!(records(&data("{} , {}")).unwrap().len(), 2);
        assert_eq!(records(&data("")).unwrap().len(), 0);
        assert_eq!(records(r#"{"messageType":"DATA_MESSAGE","logEvents":[{}]}"#).unwrap(), [r#"{"cloudwatch":{}}"#]);
        let control =
            r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"CWL CONTROL MESSAGE: Checking health"}]}"#;
        assert_eq!(records(control).unwrap().len(), 0);
    }

    #[test]
    fn what_is_no_envelope_is_told() {
        for text in [
            "{}",
            r#"{"messageType":"DATA_MESSAGE"}"#,
            r#"{"messageType":"OTHER","logEvents":[]}"#,
            r#"{"messageType":"DATA_MESSAGE","logEvents":{"a":1}}"#,
            r#"{"messageType":"DATA_MESSAGE","logEvents":"[]"}"#,
            r#"{"messageType":"DATA_MESSAGE","logEvents":[],"logEvents":[{}]}"#,
        ] {
            assert_eq!(records(text), Err(NO_ENVELOPE), "{text}");
        }
        assert!(records(&data("{},1")).unwrap_err().contains("not a JSON object"));
    }
}

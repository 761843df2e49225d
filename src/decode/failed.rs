//! Failed records: what Firehose could not transform, convert or deliver, and wrote below an error prefix, each in an envelope
//! of its own. Known by what they hold, wherever they land.
//!
//! | fields of the envelope | |
//! |---|---|
//! | `rawData` | the record as it was put into the stream, in base64 |
//! | `attemptsMade` | in every kind of envelope |
//! | `errorCode` or `lastErrorCode`, `arrivalTimestamp`, `attemptEndingTimestamp` | why, and when; one of them must be there, so that a record with fields of the first two names is none |
//!
//! <https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html>

use super::frame::Reason;
use super::parse::{FieldSpan, Fields, Kind, unescape};
use crate::landing::compression::{Told, plain};
use crate::table::{ColumnSource, TableSchema};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem::Finder;
use std::io::Read;

/// The most that a record may hold without its compression. One that is put into a stream has a megabyte at most.
const MOST: u64 = 64 << 20;
/// Of an error's code, so many characters are told.
const CODE: usize = 80;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Fields of which an envelope has some.
const OTHERS: [&[u8]; 4] = [b"arrivalTimestamp", b"errorCode", b"lastErrorCode", b"attemptEndingTimestamp"];

/// Finds envelopes among records.
pub(super) struct Failed {
    /// None: a column of the table takes `rawData`, so these are its records.
    name: Option<Finder<'static>>,
}

/// An envelope, as fields of a record.
pub(super) struct FailedRecord<'a> {
    raw: &'a FieldSpan,
    code: Option<&'a FieldSpan>,
}

impl Failed {
    pub(super) fn new(schema: &TableSchema) -> Self {
        let takes = |name: &String| name.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case("rawData"));
        let taken = schema.columns.iter().any(|column| match &column.source {
            ColumnSource::Fields { from, .. } => from.iter().any(takes),
            ColumnSource::Expr { .. } => false,
        });
        Failed { name: (!taken).then(|| Finder::new(b"\"rawData\"")) }
    }

    /// Whether there may be an envelope in these bytes.
    pub(super) fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.name.as_ref().is_some_and(|name| name.find(bytes).is_some())
    }
}

impl<'a> FailedRecord<'a> {
    /// The envelope that a record is; `None` where it is none.
    pub(super) fn of(text: &[u8], fields: &'a Fields) -> Option<Self> {
        let named = |name: &[u8]| fields.items.iter().find(|span| &text[span.key.clone()] == name);
        let raw = named(b"rawData").filter(|span| is_text(span))?;
        named(b"attemptsMade").filter(|span| span.kind == Kind::Number || is_text(span))?;
        OTHERS.iter().find_map(|name| named(name))?;
        let code = named(b"errorCode").or_else(|| named(b"lastErrorCode")).filter(|span| is_text(span));
        Some(FailedRecord { raw, code })
    }

    /// Why it is kept with the rejected records.
    pub(super) fn reason(&self, text: &[u8]) -> Reason {
        let code = self.code.map(|code| String::from_utf8_lossy(&inside(text, code)).into_owned()).unwrap_or_default();
        let code: String = code.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(CODE).collect();
        match code.is_empty() {
            true => "a failed record of Firehose".into(),
            false => format!("a failed record of Firehose: {code}").into(),
        }
    }

    /// The bytes that were put into the stream, without their compression.
    ///
    /// # Errors
    /// Why they cannot be told, as a part of a reason.
    pub(super) fn open(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        let stored = BASE64.decode(inside(text, self.raw)).map_err(|_| "it is not base64")?;
        let told = Told { name: "", encoding: None, limit: MOST };
        let mut bytes = Vec::new();
        let read = plain(&*stored, &told).map_err(|e| e.message().to_owned())?.read_to_end(&mut bytes);
        match read {
            Err(_) if bytes.len() as u64 >= MOST => Err("it holds more than 64 MiB".into()),
            Err(e) => Err(e.to_string()),
            Ok(_) => Ok(bytes),
        }
    }
}

/// Why an envelope stays one, though it was to be opened.
pub(super) fn unopened(why: &str) -> Reason {
    format!("a failed record of Firehose whose rawData cannot be decoded: {why}").into()
}

fn is_text(span: &FieldSpan) -> bool {
    matches!(span.kind, Kind::Plain | Kind::Escaped)
}

fn inside(text: &[u8], span: &FieldSpan) -> Vec<u8> {
    let (mut out, inside) = (Vec::new(), &text[span.value.start + 1..span.value.end - 1]);
    unescape(inside, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::parse::parse_object;

    fn of(text: &str) -> Option<(String, Result<String, String>)> {
        let mut fields = Fields::default();
        parse_object(text.as_bytes(), 0, &mut fields).unwrap();
        let found = FailedRecord::of(text.as_bytes(), &fields)?;
        let opened = found.open(text.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Some((found.reason(text.as_bytes()).into_owned(), opened))
    }

    #[test]
    fn envelopes_by_example() {
        for (text, reason, opened) in [
            (
                r#"{"attemptsMade":4,"errorCode":"Lambda.FunctionError","rawData":"eyJhIjoxfQ=="}"#,
                ": Lambda.FunctionError",
                Ok("{\"a\":1}"),
            ),
            (
                r#"{"attemptsMade":"1","lastErrorCode":"DataFormatConversion.ParseError","rawData":"eyJhIjoxfQ"}"#,
                ": DataFormatConversion.ParseError",
                Ok("{\"a\":1}"),
            ),
            (
                r#"{"rawData":"eyJhIjp0cnVlfQ\/=","attemptsMade":0,"arrivalTimestamp":1,"esDocumentId":"7"}"#,
                "",
                Err("it is not base64"),
            ),
            (r#"{"rawData":"","attemptsMade":0,"errorCode":"\u001b[31m\ud83d\ude00x"}"#, ": [31mx", Ok("")),
            // gzip of {"a":1}, cut
            (r#"{"rawData":"H4sIAAAAAAAAA6tWSlSyMqwFAHWB","attemptsMade":0,"arrivalTimestamp":1}"#, "", Err("")),
        ] {
            let (told, found) = of(text).unwrap();
            assert_eq!(told, format!("a failed record of Firehose{reason}"));
            match (opened, found) {
                (Ok(expected), Ok(found)) => assert_eq!(found, expected),
                (Err(expected), Err(found)) => assert!(found.contains(expected) && !found.is_empty(), "{found}"),
                (_, found) => panic!("{text}: {found:?}"),
            }
        }
        for text in [
            r#"{"rawData":"eyJhIjoxfQ=="}"#,
            r#"{"rawData":7,"attemptsMade":4}"#,
            r#"{"rawData":"eyJhIjoxfQ==","attemptsMade":null,"errorCode":"x"}"#,
            r#"{"x":{"rawData":"","attemptsMade":4,"errorCode":"x"}}"#,
            r#"{"webhook":"w","attemptsMade":3,"rawData":"eyJhIjoxfQ=="}"#,
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_table_of_failed_records_has_them_as_rows() {
        let failed = |from: &str| {
            let text = format!("[[column]]\nname = \"a\"\ntype = \"string\"\nfrom = [\"{from}\"]");
            Failed::new(&TableSchema::parse("t", "t", &text).unwrap()).may_be_in(br#"{"rawData":"#)
        };
        assert_eq!((failed("rawdata"), failed("x"), failed("x.rawData")), (false, true, true));
    }
}

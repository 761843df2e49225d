//! A reference table: a small CSV with a header, all strings.

use super::id::check_name;
use crate::error::{Error, Result};

/// The CSV, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceCsv {
    /// The header's names, in lower case.
    pub columns: Vec<String>,
    /// As wide as the header. An empty field is the empty string, not NULL.
    pub records: Vec<Vec<String>>,
    /// What it is and where, for messages.
    origin: String,
    /// The line that each record begins in.
    lines: Vec<u64>,
}

impl ReferenceCsv {
    /// Reads RFC 4180 (quotes are doubled inside quotes), with or without a byte order mark. `origin` is for messages.
    ///
    /// # Errors
    /// Usage, with the line: no header, two columns of one name, a record that is no CSV or not as wide as the header.
    pub fn parse(origin: &str, bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
        let columns = names(origin, reader.headers().map_err(|e| wrong(origin, e))?)?;
        let (mut records, mut lines) = (Vec::new(), Vec::new());
        for record in reader.records() {
            let record = record.map_err(|e| wrong(origin, e))?;
            lines.push(record.position().map_or(0, csv::Position::line));
            records.push(record.iter().map(str::to_owned).collect());
        }
        Ok(ReferenceCsv { columns, records, origin: origin.into(), lines })
    }

    /// The same table as OpenCSVSerDe, Athena's reader of CSV, reads it: every field in quotes, `\` before `"` and `\`. With the header.
    ///
    /// # Errors
    /// Usage, with the line: a field with a line break, since that reader takes each line for a record; a column that Athena cannot name.
    pub fn for_athena(&self) -> Result<Vec<u8>> {
        for column in &self.columns {
            check_name("column", column, 128).map_err(|e| e.context(format!("{} cannot be published", self.origin)))?;
        }
        let mut out = line(&self.columns);
        for (record, at) in self.records.iter().zip(&self.lines) {
            if let Some(field) = record.iter().find(|field| field.contains(['\n', '\r'])) {
                return Err(Error::usage(format!(
                    "{}, line {at}: the field {field:?} holds a line break",
                    self.origin
                ))
                .hint("Athena reads CSV line by line: write the field without a line break"));
            }
            out.extend(line(record));
        }
        Ok(out)
    }
}

fn line(fields: &[String]) -> Vec<u8> {
    let quoted = |field: &String| format!("\"{}\"", field.replace('\\', "\\\\").replace('"', "\\\""));
    let fields: Vec<String> = fields.iter().map(quoted).collect();
    format!("{}\n", fields.join(",")).into_bytes()
}

fn names(origin: &str, header: &csv::StringRecord) -> Result<Vec<String>> {
    let names: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
    if let Some(at) = names.iter().position(String::is_empty) {
        return Err(Error::usage(format!("{origin}, line 1: column {} has no name", at + 1))
            .hint("the first line of a reference table names its columns"));
    }
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, name)) => Err(Error::usage(format!("{origin}, line 1: a second column named {name}"))),
        None if names.is_empty() => Err(Error::usage(format!("{origin} is empty: it has no header"))),
        None => Ok(names),
    }
}

fn wrong(origin: &str, error: csv::Error) -> Error {
    let line = error.position().map(|position| format!(", line {}", position.line())).unwrap_or_default();
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields, the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
        _ => error.to_string(),
    };
    Error::usage(format!("{origin}{line}: {what}")).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_strings_and_empty_ones_stay_so() {
        let csv = ReferenceCsv::parse("hosts", b"\xef\xbb\xbfHost,applicationName\n10.0.0.1,\n\"a,b\",007\n").unwrap();
        assert_eq!(csv.columns, ["host", "applicationname"]);
        assert_eq!(csv.records, [["10.0.0.1", ""], ["a,b", "007"]]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, expected) in [
            (&b"a,b\n1,2\n3\n"[..], "hosts, line 3: 1 fields, the header has 2"),
            (b"a,A\n", "hosts, line 1: a second column named a"),
            (b"a,\n", "hosts, line 1: column 2 has no name"),
            (b"", "hosts is empty: it has no header"),
            (b"a\n\xff\n", "hosts, line 2: not UTF-8"),
        ] {
            assert_eq!(ReferenceCsv::parse("hosts", text).unwrap_err().message(), expected);
        }
    }

    #[test]
    fn athena_gets_its_own_quotes() {
        let csv = ReferenceCsv::parse("hosts", b"host,said\n1,\"a\"\"b\\c, d\"\n2,\n").unwrap();
        let text = String::from_utf8(csv.for_athena().unwrap()).unwrap();
        assert_eq!(text, "\"host\",\"said\"\n\"1\",\"a\\\"b\\\\c, d\"\n\"2\",\"\"\n");
        let two_lines = ReferenceCsv::parse("hosts", b"host\n\"a\nb\"\n").unwrap().for_athena().unwrap_err();
        assert_eq!(two_lines.message(), "hosts, line 2: the field \"a\\nb\" holds a line break");
        let spaced = ReferenceCsv::parse("hosts", b"host name\n1\n").unwrap().for_athena().unwrap_err();
        assert_eq!(spaced.message(), "hosts cannot be published");
    }
}

//! Reference tables: a small CSV, read whole, all strings.

use super::Reference;
use crate::error::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::MemTable;
use object_store::ObjectStoreExt;
use std::sync::Arc;

/// Reads the CSV. The header's names are put in lower case; an empty field is the empty string, not NULL.
///
/// In memory its statistics are exact, so that a join builds its hash table from this small side.
///
/// # Errors
/// Usage, with the line: no such file, no header, two columns of one name, a record that is no CSV or not as wide as the header.
pub(super) async fn load(reference: &Reference) -> Result<MemTable> {
    let path = reference.folder.path(&reference.key);
    let origin = format!("reference table {}: {}", reference.name, reference.folder.url_of(&path));
    let bytes = match reference.folder.store().get(&path).await {
        Ok(object) => object.bytes().await,
        Err(object_store::Error::NotFound { .. }) => {
            return Err(Error::usage(format!("{origin} does not exist"))
                .hint(format!("check file in [reference.{}] of firelake.toml", reference.name)));
        }
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(|e| Error::from(e).context(format!("cannot read {origin}")))?;
    let batch = parse(&origin, &bytes)?;
    MemTable::try_new(batch.schema(), vec![vec![batch]])
        .map_err(|e| Error::internal(format!("cannot hold {origin} in memory")).caused_by(e))
}

fn parse(origin: &str, bytes: &[u8]) -> Result<RecordBatch> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let names = names(origin, reader.headers().map_err(|e| wrong(origin, e))?)?;
    let mut columns: Vec<StringBuilder> = names.iter().map(|_| StringBuilder::new()).collect();
    for record in reader.records() {
        let record = record.map_err(|e| wrong(origin, e))?;
        for (column, field) in columns.iter_mut().zip(&record) {
            column.append_value(field);
        }
    }
    let fields: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|e| Error::internal(format!("cannot hold {origin} in memory")).caused_by(e))
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
    use arrow::array::AsArray;

    #[test]
    fn fields_are_strings_and_empty_ones_stay_so() {
        let batch = parse("hosts", b"\xef\xbb\xbfHost,applicationName\n10.0.0.1,\n\"a,b\",007\n").unwrap();
        assert_eq!(batch.schema().field(1).name(), "applicationname");
        assert_eq!(batch.column(1).null_count(), 0);
        assert_eq!(batch.column(0).as_string::<i32>().value(1), "a,b");
        assert_eq!(batch.column(1).as_string::<i32>().iter().collect::<Vec<_>>(), [Some(""), Some("007")]);
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
            assert_eq!(parse("hosts", text).unwrap_err().message(), expected);
        }
    }
}

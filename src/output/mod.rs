//! Rows to text: one file a format. Writers take batches as they stream; `docs/query-file.md` states the rules.
//!
//! - [`Format`]: the closed set of formats.
//! - [`Writer`]: a result on its way out. csv, json and ndjson are written batch by batch, the table once all is known.

mod csv;
mod json;
mod table;
mod value;

pub use table::escaped;

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people: aligned, cut to the terminal's width, control characters escaped.
    Table,
    /// RFC 4180 with a header; NULL is an empty field, the empty string is `""`.
    Csv,
    /// One array of objects.
    Json,
    /// One object a line.
    Ndjson,
}

impl Format {
    /// Every format, in the order of the help.
    pub const ALL: [Format; 4] = [Format::Table, Format::Csv, Format::Json, Format::Ndjson];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let found = Format::ALL.into_iter().find(|format| format.word() == word);
        found.ok_or_else(|| {
            let words = Format::ALL.map(Format::word).join(", ");
            Error::usage(format!("unknown format {word:?}")).hint(format!("the formats are {words}"))
        })
    }
}

/// A result on its way out. Nothing is complete before [`finish`](Self::finish).
pub struct Writer<'a> {
    out: &'a mut dyn Write,
    schema: SchemaRef,
    format: Format,
    /// Only the table format keeps cells: column widths are known at the end.
    kept: Vec<Vec<String>>,
    /// Rows of the table format that are out.
    shown: usize,
    width: Option<usize>,
    rows: u64,
}

/// Rows that the table format lays out together.
const PAGE: usize = 5_000;

impl<'a> Writer<'a> {
    /// Begins a result: csv writes its header, json its bracket. `width` is the terminal's, for the table format; `None` cuts
    /// nothing.
    pub fn begin(format: Format, schema: SchemaRef, out: &'a mut dyn Write, width: Option<usize>) -> Result<Self> {
        match format {
            Format::Csv => csv::header(out, &schema),
            Format::Json => out.write_all(b"["),
            Format::Table | Format::Ndjson => Ok(()),
        }
        .map_err(unwritten)?;
        Ok(Writer { out, schema, format, kept: Vec::new(), shown: 0, width, rows: 0 })
    }

    /// Writes the next rows.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = &unpacked(batch)?;
        match self.format {
            Format::Csv => csv::rows(self.out, batch),
            Format::Json => json::rows(self.out, batch, self.rows == 0),
            Format::Ndjson => json::lines(self.out, batch),
            Format::Table => self.page(batch),
        }
        .map_err(unwritten)?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Rows of the table format are laid out a page at a time: memory does not grow with the answer.
    fn page(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in table::rows(batch) {
            self.kept.push(row);
            if self.kept.len() == PAGE {
                table::print(self.out, &self.schema, std::mem::take(&mut self.kept), self.shown, self.width)?;
                self.shown += PAGE;
            }
        }
        Ok(())
    }

    /// Ends the result; gives the number of rows.
    pub fn finish(self) -> Result<u64> {
        match self.format {
            Format::Csv | Format::Ndjson => Ok(()),
            Format::Json => self.out.write_all(if self.rows == 0 { b"]\n" } else { b"\n]\n" }),
            Format::Table if self.kept.is_empty() && self.shown > 0 => Ok(()),
            Format::Table => table::print(self.out, &self.schema, self.kept, self.shown, self.width),
        }
        .and_then(|()| self.out.flush())
        .map_err(unwritten)?;
        Ok(self.rows)
    }
}

/// Dictionaries unpacked once a batch: looking a key up cell by cell costs more.
fn unpacked(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    if !schema.fields().iter().any(|field| matches!(field.data_type(), DataType::Dictionary(..))) {
        return Ok(batch.clone());
    }
    let failed = |error: ArrowError| Error::internal("cannot unpack a dictionary column").caused_by(error);
    let columns: Result<Vec<ArrayRef>> = batch
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Dictionary(_, values) => arrow::compute::cast(column, values).map_err(failed),
            _ => Ok(column.clone()),
        })
        .collect();
    let columns = columns?;
    let fields = schema.fields().iter().zip(&columns);
    let fields: Vec<Field> =
        fields.map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone())).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(failed)
}

fn unwritten(error: io::Error) -> Error {
    Error::storage("cannot write the result").caused_by(error)
}

/// A value as table and csv have it; `None` is NULL.
pub fn text(array: &ArrayRef, row: usize) -> Option<String> {
    value::text(array, row).map(std::borrow::Cow::into_owned)
}

/// Whether the reader of the output went away (`| head`): no failure for whoever prints.
pub fn reader_is_gone(error: &Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe) {
            return true;
        }
        next = cause.source();
    }
    false
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use arrow::array::*;
    use arrow::datatypes::Int32Type;

    pub(crate) fn print(format: Format, batches: &[RecordBatch], width: Option<usize>) -> String {
        let mut out = Vec::new();
        let mut writer = Writer::begin(format, batches[0].schema(), &mut out, width).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        let fields: Vec<Field> =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect())
            .unwrap()
    }

    fn strings(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn words_go_there_and_back() {
        for format in Format::ALL {
            assert_eq!(format.word().parse::<Format>().unwrap(), format);
        }
        let error = "xml".parse::<Format>().unwrap_err();
        assert_eq!(error.hint_text(), Some("the formats are table, csv, json, ndjson"));
    }

    #[test]
    fn csv_tells_null_from_the_empty_string_and_quotes_only_where_it_must() {
        let values =
            [None, Some(""), Some("a"), Some("a,b"), Some("a\"b"), Some("a\nb"), Some("\r"), Some(" a"), Some("a ")];
        let rows = batch(vec![("n", Arc::new(Int64Array::from_iter_values(0..9))), ("x,y", strings(&values))]);
        let expected =
            "n,\"x,y\"\n0,\n1,\"\"\n2,a\n3,\"a,b\"\n4,\"a\"\"b\"\n5,\"a\nb\"\n6,\"\r\"\n7,\" a\"\n8,\"a \"\n";
        assert_eq!(print(Format::Csv, &[rows], None), expected);
    }

    #[test]
    fn every_type_has_one_text() {
        let ms = 1_432_155_900_000;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("ts", Arc::new(TimestampMillisecondArray::from(vec![Some(ms), None]))),
            ("us", Arc::new(TimestampMicrosecondArray::from(vec![Some(ms * 1000 + 7), None]))),
            ("utc", Arc::new(TimestampMillisecondArray::from(vec![Some(ms), None]).with_timezone("+00:00"))),
            ("d", Arc::new(Date32Array::from(vec![Some(16575), None]))),
            ("f", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
            ("nan", Arc::new(Float64Array::from(vec![Some(f64::NAN), None]))),
            ("inf", Arc::new(Float64Array::from(vec![Some(f64::NEG_INFINITY), None]))),
            ("dec", {
                let decimals = Decimal128Array::from(vec![Some(-1250), None]).with_precision_and_scale(10, 2).unwrap();
                Arc::new(decimals)
            }),
            ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("big", Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
            ("bin", Arc::new(BinaryArray::from(vec![Some(&b"\xde\xad"[..]), None]))),
            ("view", Arc::new(StringViewArray::from(vec![Some("v"), None]))),
            ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None]), None]))),
            ("dict", Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("k"), None]))),
        ];
        let rows = batch(columns);
        let csv = print(Format::Csv, std::slice::from_ref(&rows), None);
        let expected = "2015-05-20 21:05:00.000,2015-05-20 21:05:00.000007,2015-05-20 21:05:00.000 UTC,2015-05-20,0.1,NaN,-Infinity,\
             -12.50,true,9223372036854775807,de ad,v,\"[1,null]\",k";
        assert_eq!(csv.lines().nth(1).unwrap(), expected);
        assert_eq!(csv.lines().nth(2).unwrap(), ",".repeat(13));
        let json = print(Format::Ndjson, &[rows], None);
        let expected = "{\"ts\":\"2015-05-20T21:05:00.000\",\"us\":\"2015-05-20T21:05:00.000007\",\"utc\":\"2015-05-20T21:05:00.000Z\",\
             \"d\":\"2015-05-20\",\"f\":0.1,\"nan\":\"NaN\",\"inf\":\"-Infinity\",\"dec\":-12.50,\"b\":true,\
             \"big\":9223372036854775807,\"bin\":\"de ad\",\"view\":\"v\",\"list\":[1,null],\"dict\":\"k\"}";
        assert_eq!(json.lines().next().unwrap(), expected);
        assert!(json.lines().nth(1).unwrap().starts_with("{\"ts\":null,\"us\":null"));
    }

    #[test]
    fn json_is_one_valid_array_over_many_batches_and_keeps_duplicate_names() {
        let rows = batch(vec![("a", strings(&[Some("x\u{1}\"")])), ("a", strings(&[None]))]);
        let text = print(Format::Json, &[rows.clone(), rows.slice(0, 0), rows.clone()], None);
        assert_eq!(text.matches("\"a\":").count(), 4);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value.as_array().unwrap().len(), 2);
        assert_eq!(print(Format::Json, &[rows.slice(0, 0)], None), "[]\n");
    }

    #[test]
    fn structs_and_maps_are_objects() {
        let inner: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let object = StructArray::from(vec![(Arc::new(Field::new("k", inner.data_type().clone(), true)), inner)]);
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        map.keys().append_value("m");
        map.values().append_value(2);
        map.append(true).unwrap();
        let rows = batch(vec![("s", Arc::new(object)), ("m", Arc::new(map.finish()))]);
        assert_eq!(print(Format::Ndjson, std::slice::from_ref(&rows), None), "{\"s\":{\"k\":1},\"m\":{\"m\":2}}\n");
        assert_eq!(print(Format::Csv, &[rows], None), "s,m\n\"{\"\"k\"\":1}\",\"{\"\"m\"\":2}\"\n");
    }

    #[test]
    fn doubles_read_back_as_themselves() {
        for number in [0.1, 1e300, -0.0, 1.0, 123_456_789.125, f64::MIN_POSITIVE] {
            let rows = batch(vec![("f", Arc::new(Float64Array::from(vec![number])))]);
            let text = print(Format::Csv, std::slice::from_ref(&rows), None);
            let text = text.lines().nth(1).unwrap();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{text}");
            assert_eq!(print(Format::Ndjson, &[rows], None), format!("{{\"f\":{text}}}\n"));
        }
    }

    #[test]
    fn a_table_is_aligned_and_bytes_of_a_log_cannot_drive_the_terminal() {
        let rows = batch(vec![
            ("path", strings(&[Some("/a\u{1b}[2J\n\u{9b}\u{202e}"), None])),
            ("n", Arc::new(Int64Array::from(vec![7, 1234]))),
        ]);
        let text = print(Format::Table, &[rows], None);
        assert!(text.contains(r"│ /a\x1b[2J\n\u{9b}\u{202e} ┆    7 │"), "{text}");
        assert!(text.contains("│ NULL                      ┆ 1234 │"), "{text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }

    #[test]
    fn a_table_fits_the_terminal_by_cutting_cells() {
        let long = "lorem ipsum dolor sit amet ".repeat(10);
        let rows = batch(vec![("text", strings(&[Some(&long)])), ("n", Arc::new(Int64Array::from(vec![7])))]);
        let text = print(Format::Table, std::slice::from_ref(&rows), Some(40));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.contains("lorem ipsum dol") && text.contains('…') && text.contains('7'), "{text}");
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(print(Format::Table, std::slice::from_ref(&rows), None).contains(&long));
        assert!(print(Format::Csv, &[rows], Some(40)).contains(&long));
    }

    #[test]
    fn a_reader_that_went_away_is_told_apart() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = Writer::begin(Format::Json, Arc::new(Schema::empty()), &mut Gone, None).err().unwrap();
        assert!(reader_is_gone(&error) && !reader_is_gone(&Error::storage("x")));
    }
}

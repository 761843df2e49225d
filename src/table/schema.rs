//! A table's schema file: TOML in, checked columns out. `docs/schema-file.md` is its reference.

use super::id::check_name;
use super::partition::{PartitionKey, Transform};
use super::types::HiveType;
use crate::error::{Error, Result};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono_tz::Tz;
use serde::Deserialize;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

/// The column that keeps what no other column took: a JSON object of fields under their own names.
pub(crate) const EXTRA: &str = "extra";

/// How deep a name with dots may reach.
const DEEPEST_FROM: usize = 16;

/// A checked schema file.
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// The shipped schema's name, or the file's stem: the default name of the table.
    pub name: String,
    /// The file's text as it was read: what the ledger pins.
    pub text: String,
    /// One line for people.
    pub description: String,
    /// How its records land.
    pub format: Format,
    /// The columns in order, without `extra` and without partition keys.
    pub columns: Vec<Column>,
    /// The partition keys, coarsest first; none makes the table one partition.
    pub partitions: Vec<PartitionKey>,
    /// The place in `columns` of the one that holds the event time; without one, rows go by their delivery time.
    pub event_time: Option<usize>,
    /// How its Parquet files are laid out.
    pub parquet: ParquetOptions,
}

/// How a table's records land.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JSON objects, one a record, with or without anything between them.
    #[default]
    Json,
    /// Envelopes of CloudWatch Logs, each with many events: one event a record.
    CloudwatchLogs,
}

/// One column and where its values come from.
#[derive(Debug, Clone)]
pub struct Column {
    /// Lower case, as Athena wants it.
    pub name: String,
    /// Its type in Glue's words.
    pub hive_type: HiveType,
    /// What it means, for people; published as the catalog's column comment.
    pub comment: Option<String>,
    /// Where its values come from.
    pub source: ColumnSource,
}

/// Where a column's values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnSource {
    /// Fields of the record.
    Fields {
        /// The first of these that the record has wins; compared without case.
        from: Vec<String>,
        /// Texts that mean NULL.
        null: Vec<String>,
        /// strftime formats of times and dates, tried in order.
        formats: Vec<String>,
        /// The zone of values that carry no offset.
        zone: Tz,
    },
    /// SQL over the columns above.
    Expr {
        /// The expression.
        sql: String,
        /// Its line in the schema file, for errors.
        line: usize,
    },
}

impl ColumnSource {
    pub(super) fn same(&self, other: &ColumnSource) -> bool {
        match (self, other) {
            (ColumnSource::Expr { sql, .. }, ColumnSource::Expr { sql: theirs, .. }) => sql == theirs,
            (one, other) => one == other,
        }
    }
}

/// How a table's Parquet files are laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParquetOptions {
    /// Columns that rows are sorted by, within each row group.
    pub sort: Vec<String>,
    /// Columns that get a bloom filter.
    pub bloom: Vec<String>,
}

impl TableSchema {
    /// Reads a schema file's text. `origin` names it in errors, `name` becomes the default table name.
    ///
    /// # Errors
    /// Usage, with the line, the column and what is wrong there.
    pub fn parse(name: &str, origin: &str, text: &str) -> Result<Self> {
        let file: RawFile = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| place(text, &span)).unwrap_or_default();
            Error::usage(format!("schema {origin}{at}: {}", error.message()))
                .hint("docs/schema-file.md describes every key of a schema file")
        })?;
        Checker { origin, text }.check(name, file)
    }

    /// The columns of a data file: the schema's own, then `extra`. Partition keys are not stored.
    pub fn arrow(&self) -> SchemaRef {
        let mut fields: Vec<Field> =
            self.columns.iter().map(|c| Field::new(&c.name, c.hive_type.to_arrow(), true)).collect();
        fields.push(Field::new(EXTRA, DataType::Utf8, true));
        Arc::new(Schema::new(fields))
    }

    /// Every column of a data file as (name, type, comment), `extra` last: what a catalog lists.
    pub fn catalog_columns(&self) -> Vec<(String, HiveType, Option<String>)> {
        let extra = "JSON object of the fields that no column takes, and of values that did not fit their column";
        let own = self.columns.iter().map(|c| (c.name.clone(), c.hive_type.clone(), c.comment.clone()));
        own.chain([(EXTRA.into(), HiveType::String, Some(extra.into()))]).collect()
    }
}

/// The columns of a rejected table, in files and in the catalog. `byte_offset` and `byte_length` count decompressed bytes
/// of `object`; a record longer than 1 MiB is several rows, `chunk` 0, 1, ….
pub fn rejected_columns() -> Vec<(String, HiveType, Option<String>)> {
    [
        ("object", HiveType::String, "URL of the landed object"),
        ("byte_offset", HiveType::Bigint, "where the record begins in the decompressed object"),
        ("byte_length", HiveType::Bigint, "how long the whole record is"),
        ("chunk", HiveType::Int, "0, or which piece of a record longer than 1 MiB this is"),
        ("reason", HiveType::String, "why it could not be decoded"),
        ("raw", HiveType::Binary, "the bytes as they landed"),
    ]
    .map(|(name, hive_type, comment)| (name.to_owned(), hive_type, Some(comment.to_owned())))
    .into()
}

// ── the file as TOML has it ──

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    description: String,
    #[serde(default)]
    source: RawSource,
    column: Vec<Spanned<RawColumn>>,
    /// Absent: by day. `partition = []`: none.
    partition: Option<Vec<Spanned<RawPartition>>>,
    #[serde(default)]
    parquet: RawParquet,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawSource {
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawColumn {
    name: Spanned<String>,
    #[serde(rename = "type")]
    hive_type: Spanned<String>,
    comment: Option<String>,
    from: Option<Vec<String>>,
    expr: Option<Spanned<String>>,
    #[serde(default)]
    null: Vec<String>,
    #[serde(default)]
    formats: Vec<String>,
    zone: Option<Spanned<String>>,
    #[serde(default)]
    event_time: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPartition {
    name: Spanned<String>,
    transform: RawTransform,
    /// Of `identity`.
    column: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawTransform {
    Year,
    Month,
    Day,
    Hour,
    Identity,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawParquet {
    #[serde(default)]
    sort: Vec<Spanned<String>>,
    #[serde(default)]
    bloom: Vec<Spanned<String>>,
}

// ── the checks that TOML cannot make ──

struct Checker<'a> {
    origin: &'a str,
    text: &'a str,
}

impl Checker<'_> {
    fn check(&self, name: &str, file: RawFile) -> Result<TableSchema> {
        let mut columns = Vec::with_capacity(file.column.len());
        let mut event_time = None;
        let mut names = HashSet::from([EXTRA.to_owned()]);
        for (at, raw) in file.column.into_iter().enumerate() {
            let span = raw.span();
            let raw = raw.into_inner();
            if raw.event_time && event_time.replace(at).is_some() {
                return Err(self.wrong(&span, "a second column with event_time = true"));
            }
            let event = raw.event_time;
            let column = self.column(&span, raw, &mut names)?;
            if event && column.hive_type != HiveType::Timestamp {
                return Err(self.wrong(&span, "event_time wants a timestamp"));
            }
            columns.push(column);
        }
        if columns.is_empty() {
            return Err(Error::usage(format!("schema {}: no [[column]]", self.origin)));
        }
        let partitions = self.partitions(file.partition, &columns, &mut names)?;
        let parquet = ParquetOptions {
            sort: self.column_names(file.parquet.sort, &columns)?,
            bloom: self.column_names(file.parquet.bloom, &columns)?,
        };
        Ok(TableSchema {
            name: name.into(),
            text: self.text.into(),
            description: file.description,
            format: file.source.format,
            columns,
            partitions,
            event_time,
            parquet,
        })
    }

    fn column(&self, span: &Range<usize>, raw: RawColumn, names: &mut HashSet<String>) -> Result<Column> {
        self.new_name("column", &raw.name, 128, names)?;
        let hive_type: HiveType =
            raw.hive_type.as_ref().parse().map_err(|e: String| self.wrong(&raw.hive_type.span(), e))?;
        let zone = match &raw.zone {
            None => Tz::UTC,
            Some(zone) => zone.as_ref().parse().map_err(|_| {
                self.wrong(
                    &zone.span(),
                    format!("unknown zone {:?}; use an IANA name such as Europe/Berlin", zone.as_ref()),
                )
            })?,
        };
        let source = match (raw.from, raw.expr) {
            (Some(_), Some(expr)) => return Err(self.wrong(&expr.span(), "a column has from or expr, not both")),
            (None, Some(expr)) => {
                if !raw.formats.is_empty() || !raw.null.is_empty() || raw.zone.is_some() {
                    return Err(self.wrong(&expr.span(), "null, formats and zone go with from, not with expr"));
                }
                ColumnSource::Expr { line: line_of(self.text, expr.span().start), sql: expr.into_inner() }
            }
            (from, None) => {
                if !hive_type.has_times() && (!raw.formats.is_empty() || raw.zone.is_some()) {
                    return Err(self.wrong(span, "formats and zone go with the types timestamp and date"));
                }
                let from = from.unwrap_or_else(|| vec![raw.name.as_ref().clone()]);
                if from.is_empty() {
                    return Err(self.wrong(span, "from names no field"));
                }
                if let Some(name) = from.iter().find(|name| name.split('.').count() > DEEPEST_FROM) {
                    return Err(self.wrong(span, format!("from = {name:?} reaches deeper than {DEEPEST_FROM} levels")));
                }
                ColumnSource::Fields { from, null: raw.null, formats: raw.formats, zone }
            }
        };
        Ok(Column { name: raw.name.into_inner(), hive_type, comment: raw.comment, source })
    }

    fn partitions(
        &self,
        raw: Option<Vec<Spanned<RawPartition>>>,
        columns: &[Column],
        names: &mut HashSet<String>,
    ) -> Result<Vec<PartitionKey>> {
        let Some(raw) = raw else {
            return Ok(vec![PartitionKey::by_day()]);
        };
        let mut keys: Vec<PartitionKey> = Vec::with_capacity(raw.len());
        for partition in raw {
            let span = partition.span();
            let RawPartition { name, transform, column } = partition.into_inner();
            self.new_name("partition key", &name, 128, names)?;
            let transform = self.transform(&span, transform, column, columns)?;
            if transform == Transform::Hour && !keys.iter().any(|key| key.transform == Transform::Day) {
                return Err(self.wrong(&span, "an hour key needs a day key above it: its values are 00 to 23"));
            }
            keys.push(PartitionKey { name: name.into_inner(), transform });
        }
        Ok(keys)
    }

    fn transform(
        &self,
        span: &Range<usize>,
        transform: RawTransform,
        column: Option<Spanned<String>>,
        columns: &[Column],
    ) -> Result<Transform> {
        let of_time = match transform {
            RawTransform::Year => Transform::Year,
            RawTransform::Month => Transform::Month,
            RawTransform::Day => Transform::Day,
            RawTransform::Hour => Transform::Hour,
            RawTransform::Identity => {
                let wanted = column.ok_or_else(|| self.wrong(span, "transform = \"identity\" wants a column"))?;
                let found = columns.iter().find(|column| column.name == *wanted.as_ref());
                let what = match found.map(|column| &column.hive_type) {
                    Some(of) if Transform::takes(of) => return Ok(Transform::Identity(wanted.into_inner())),
                    Some(of) => {
                        format!("column {} is {of}: a key is of text, whole numbers, boolean or date", wanted.as_ref())
                    }
                    None => format!("no column named {:?}", wanted.as_ref()),
                };
                return Err(self.wrong(&wanted.span(), what));
            }
        };
        match column {
            Some(column) => Err(self.wrong(&column.span(), "column goes with transform = \"identity\"")),
            None => Ok(of_time),
        }
    }

    fn new_name(&self, what: &str, name: &Spanned<String>, longest: usize, names: &mut HashSet<String>) -> Result<()> {
        check_name(what, name.as_ref(), longest).map_err(|e| self.wrong(&name.span(), e.message()))?;
        if !names.insert(name.as_ref().clone()) {
            return Err(self
                .wrong(&name.span(), format!("a second {what} named {:?} (extra is firelake's own)", name.as_ref())));
        }
        Ok(())
    }

    fn column_names(&self, wanted: Vec<Spanned<String>>, columns: &[Column]) -> Result<Vec<String>> {
        let check = |name: Spanned<String>| match columns.iter().find(|c| c.name == *name.as_ref()) {
            None => Err(self.wrong(&name.span(), format!("no column named {:?}", name.as_ref()))),
            Some(column) if column.hive_type.is_nested() => {
                let what =
                    format!("column {} is {}: sort and bloom are for single values", column.name, column.hive_type);
                Err(self.wrong(&name.span(), what))
            }
            Some(_) => Ok(name.into_inner()),
        };
        wanted.into_iter().map(check).collect()
    }

    fn wrong(&self, span: &Range<usize>, what: impl AsRef<str>) -> Error {
        Error::usage(format!("schema {}{}: {}", self.origin, place(self.text, span), what.as_ref()))
            .hint("docs/schema-file.md describes every key of a schema file")
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
}

fn place(text: &str, span: &Range<usize>) -> String {
    format!(", line {}", line_of(text, span.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TableSchema> {
        TableSchema::parse("t", "t.toml", text)
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let cases = [
            ("[[column]]\nname = \"a\"\ntype = \"integer\"", "line 3: unknown type \"integer\""),
            ("[[column]]\nname = \"A\"\ntype = \"int\"", "line 2: column name \"A\""),
            ("[[column]]\nname = \"a\"\ntyp = \"int\"", "line 3: unknown field `typ`"),
            ("[[column]]\nname = \"a\"\ntype = \"int\"\nevent_time = true", "line 1: event_time wants"),
            (
                "[[column]]\nname = \"a\"\ntype = \"int\"\n[[column]]\nname = \"a\"\ntype = \"int\"",
                "line 5: a second column",
            ),
            ("[[column]]\nname = \"extra\"\ntype = \"int\"", "line 2: a second column"),
            ("[[column]]\nname = \"a\"\ntype = \"timestamp\"\nzone = \"Mars\"", "line 4: unknown zone"),
            ("[parquet]\nsort = [\"b\"]\n[[column]]\nname = \"a\"\ntype = \"int\"", "line 2: no column named \"b\""),
            (
                "[[column]]\nname = \"a\"\ntype = \"int\"\n[[partition]]\nname = \"h\"\ntransform = \"hour\"",
                "line 4: an hour key needs",
            ),
            ("[[column]]\nname = \"a\"\ntype = \"int\"\nzone = \"UTC\"", "line 1: formats and zone go with"),
            (
                "[parquet]\nbloom = [\"a\"]\n[[column]]\nname = \"a\"\ntype = \"array<int>\"",
                "line 2: column a is array<int>: sort and bloom",
            ),
            (
                "[[column]]\nname = \"a\"\ntype = \"double\"\n[[partition]]\nname = \"k\"\ntransform = \"identity\"\ncolumn = \"a\"",
                "line 7: column a is double: a key is",
            ),
            (
                "[[column]]\nname = \"a\"\ntype = \"int\"\n[[partition]]\nname = \"k\"\ntransform = \"identity\"",
                "line 4: transform = \"identity\" wants a column",
            ),
            (
                "[[column]]\nname = \"a\"\ntype = \"int\"\n[[partition]]\nname = \"k\"\ntransform = \"day\"\ncolumn = \"a\"",
                "line 7: column goes with",
            ),
            (
                "[[column]]\nname = \"a\"\ntype = \"int\"\n[[partition]]\nname = \"a\"\ntransform = \"identity\"\ncolumn = \"a\"",
                "line 5: a second partition key named",
            ),
            ("column = []", "no [[column]]"),
            ("x = ", "line 1"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.message().contains(expected), "{text}: {error}");
            assert_eq!(error.kind(), crate::error::Kind::Usage);
        }
    }

    #[test]
    fn partitions_default_to_the_day_and_can_be_none() {
        let column = "[[column]]\nname = \"a\"\ntype = \"int\"\n";
        assert_eq!(parse(column).unwrap().partitions, [PartitionKey::by_day()]);
        assert_eq!(parse(&format!("partition = []\n{column}")).unwrap().partitions, []);
    }

    #[test]
    fn every_shipped_schema_is_right() {
        for name in super::super::shipped_schemas() {
            let text = super::super::shipped_schema(name).unwrap();
            let schema = TableSchema::parse(name, name, text).unwrap();
            assert!(schema.event_time.is_some() && !schema.description.is_empty(), "{name}");
        }
    }
}

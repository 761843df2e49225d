//! Live files read back, as the table's columns are now.

use crate::error::{Error, Result};
use crate::storage::Location;
use crate::table::{FileSet, Partition, TableSchema, rejected_columns};
use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit, TimestampMillisecondType};
use arrow::error::ArrowError;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Rows that are read at a time, at most.
const BATCH_ROWS: u64 = 8192;
/// Encoded bytes that they may have: rows of a rejected table may be a mebibyte each.
const BATCH_BYTES: u64 = 4 << 20;

/// A live file that is to be replaced.
#[derive(Debug, Clone)]
pub(super) struct OldFile {
    pub(super) set: FileSet,
    pub(super) partition: Partition,
    pub(super) path: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// Reads files one after the other. Held are a row group as it is stored, and a batch of its rows.
pub(super) struct Reader {
    table: Location,
    data: SchemaRef,
    rejected: SchemaRef,
}

/// Gets a file's place among those that are read, and rows of it.
type Give<'a> = dyn FnMut(usize, RecordBatch) -> Result<()> + 'a;

impl Reader {
    pub(super) fn new(table: &Location, schema: &TableSchema) -> Self {
        let rejected = rejected_columns().into_iter().map(|(name, hive, _)| Field::new(name, hive.to_arrow(), true));
        let rejected = Arc::new(Schema::new(rejected.collect::<Vec<_>>()));
        Reader { table: table.clone(), data: schema.arrow(), rejected }
    }

    /// Gives every row, file by file. Blocks.
    ///
    /// # Errors
    /// Storage: a file is missing, damaged, not as long as the ledger says, or the store failed; it is named. Those of `give`.
    pub(super) fn read(&self, files: &[OldFile], give: &mut Give<'_>) -> Result<()> {
        let mut read = |(at, file)| Handle::current().block_on(self.file(at, file, give));
        files.iter().enumerate().try_for_each(&mut read)
    }

    async fn file(&self, at: usize, file: &OldFile, give: &mut Give<'_>) -> Result<()> {
        let columns = if file.set == FileSet::Data { &self.data } else { &self.rejected };
        let failed = |error| self.unreadable(file, error);
        let stored = Stored::new(&self.table, file);
        let builder = ParquetRecordBatchStreamBuilder::new(stored).await.map_err(failed)?;
        let batch_rows = batch_rows(builder.metadata());
        let mut batches = builder.with_batch_size(batch_rows).build().map_err(failed)?;
        let mut rows = 0;
        while let Some(batch) = batches.try_next().await.map_err(failed)? {
            rows += batch.num_rows() as u64;
            let batch = fit(&batch, columns).map_err(|e| self.damaged(file, e.to_string()).caused_by(e))?;
            give(at, batch)?;
        }
        match rows == file.rows {
            true => Ok(()),
            false => Err(self.damaged(file, format!("it has {rows} rows, it should have {}", file.rows))),
        }
    }

    /// What the store says of the file, or else damage of it.
    fn unreadable(&self, file: &OldFile, error: ParquetError) -> Error {
        let url = self.table.url_of(&self.table.path(&file.path));
        match error {
            ParquetError::External(cause) => match cause.downcast::<object_store::Error>() {
                Ok(error) if matches!(*error, object_store::Error::NotFound { .. }) => {
                    Error::storage(format!("the live file {url} is missing")).caused_by(*error).hint(RESTORE)
                }
                Ok(error) => Error::from(*error).context(format!("cannot read the live file {url}")),
                Err(other) => Error::storage(format!("cannot read the live file {url}")).caused_by(other),
            },
            damage => self.damaged(file, damage.to_string()).caused_by(damage),
        }
    }

    fn damaged(&self, file: &OldFile, what: String) -> Error {
        let url = self.table.url_of(&self.table.path(&file.path));
        Error::storage(format!("the live file {url} is damaged: {what}")).hint(RESTORE)
    }
}

const RESTORE: &str = "restore this file from a backup or an older version; `firelake verify` names all that are missing or \
damaged. Nothing was changed";

/// So many rows that a batch has [`BATCH_BYTES`] or so, by the row group with the widest rows.
fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let width = |(bytes, rows): (i64, i64)| (bytes.max(0) / rows.max(1)).max(1) as u64;
    let groups = metadata.row_groups().iter().map(|group| width((group.total_byte_size(), group.num_rows())));
    (BATCH_BYTES / groups.max().unwrap_or(1)).clamp(1, BATCH_ROWS) as usize
}

/// The batch with the columns that the table has now: those that the file is older than are NULL, promoted types are cast.
///
/// # Errors
/// It has a column or a field that the table has not, or a type that does not become the table's.
pub fn fit(batch: &RecordBatch, columns: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    if let Some(unknown) = schema.fields().iter().find(|field| columns.index_of(field.name()).is_err()) {
        return Err(ArrowError::SchemaError(format!("it has a column {}, and the table has none", unknown.name())));
    }
    let column = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
        Some(column) => fit_column(field.name(), column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    };
    let arrays = columns.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(columns.clone(), arrays, &options)
}

/// Files mark their instants as UTC, columns do not: the values are the same. A value that does not fit is an error: a merge
/// changes none. arrow's own cast takes a struct's fields by their places where names differ, and drops those that the other
/// has not: here names alone decide, at every depth. `path` names the column in errors.
fn fit_column(path: &str, column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    if let Some(times) = column.as_primitive_opt::<TimestampMillisecondType>()
        && *wanted == DataType::Timestamp(TimeUnit::Millisecond, None)
    {
        return Ok(Arc::new(times.clone().with_timezone_opt(None::<Arc<str>>)));
    }
    match (column.data_type(), wanted) {
        (of, _) if of == wanted => Ok(column.clone()),
        (DataType::Struct(_), DataType::Struct(fields)) => Ok(Arc::new(fit_struct(path, column.as_struct(), fields)?)),
        (DataType::List(_), DataType::List(element)) => {
            let list = column.as_list::<i32>();
            let values = fit_column(&format!("{path}.[]"), list.values(), element.data_type())?;
            let (element, offsets) = (element.clone(), list.offsets().clone());
            Ok(Arc::new(ListArray::try_new(element, offsets, values, list.nulls().cloned())?))
        }
        (DataType::Map(_, _), DataType::Map(entry, sorted)) => fit_map(path, column.as_map(), entry, *sorted),
        (of, _) if of.is_nested() || wanted.is_nested() => Err(misfit(path, of, wanted)),
        (of, _) => cast_with_options(column, wanted, &CastOptions { safe: false, ..Default::default() })
            .map_err(|e| ArrowError::CastError(format!("{}: {e}", misfit(path, of, wanted)))),
    }
}

fn fit_struct(path: &str, of: &StructArray, wanted: &Fields) -> Result<StructArray, ArrowError> {
    if let Some(unknown) = of.fields().iter().find(|field| wanted.find(field.name()).is_none()) {
        let told = format!("it has a field {path}.{}, and the table has none", unknown.name());
        return Err(ArrowError::SchemaError(told));
    }
    let field = |field: &FieldRef| match of.column_by_name(field.name()) {
        Some(values) => fit_column(&format!("{path}.{}", field.name()), values, field.data_type()),
        None => Ok(new_null_array(field.data_type(), of.len())),
    };
    let values = wanted.iter().map(field).collect::<Result<_, _>>()?;
    StructArray::try_new_with_length(wanted.clone(), values, of.nulls().cloned(), of.len())
}

fn fit_map(path: &str, of: &MapArray, entry: &FieldRef, sorted: bool) -> Result<ArrayRef, ArrowError> {
    let DataType::Struct(fields) = entry.data_type() else {
        return Err(misfit(path, of.data_type(), entry.data_type()));
    };
    // An entry is a key and a value by their places: writers name them as they like.
    let columns = of.entries().columns().iter().zip(fields).zip(["key", "{}"]);
    let columns =
        columns.map(|((column, field), name)| fit_column(&format!("{path}.{name}"), column, field.data_type()));
    let entries = StructArray::try_new(fields.clone(), columns.collect::<Result<_, _>>()?, None)?;
    Ok(Arc::new(MapArray::try_new(entry.clone(), of.offsets().clone(), entries, of.nulls().cloned(), sorted)?))
}

fn misfit(path: &str, of: &DataType, wanted: &DataType) -> ArrowError {
    ArrowError::CastError(format!("its column {path} is {of}, and the table's is {wanted}"))
}

/// A file on the store, of the size that the ledger says.
struct Stored {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl Stored {
    fn new(table: &Location, file: &OldFile) -> Self {
        Stored { store: table.store().clone(), path: table.path(&file.path), size: file.bytes }
    }
}

impl AsyncFileReader for Stored {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.store.get_range(&self.path, range).await.map_err(external) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        let size = self.size;
        let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(64 << 10));
        async move { Ok(Arc::new(reader.load_and_finish(self, size).await?)) }.boxed()
    }
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Decoded, Decoder};
    use crate::table::HiveType;
    use arrow::array::{Int32Array, Int64Array, StringArray, TimestampMillisecondArray};

    fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
        Arc::new(Schema::new(columns.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>()))
    }

    #[test]
    fn old_columns_become_those_of_now_by_name() {
        let (numbers, names) = (Int32Array::from(vec![Some(7), None]), StringArray::from(vec!["a", "b"]));
        let times = TimestampMillisecondArray::from(vec![1, 2]).with_timezone("UTC");
        let old: [(&str, ArrayRef); 3] = [("name", Arc::new(names)), ("n", Arc::new(numbers)), ("at", Arc::new(times))];
        let old = RecordBatch::try_from_iter_with_nullable(old.map(|(name, column)| (name, column, true))).unwrap();
        let at = DataType::Timestamp(TimeUnit::Millisecond, None);
        let now = schema(&[("at", at), ("n", DataType::Int64), ("name", DataType::Utf8), ("new", DataType::Float64)]);
        let fitted = fit(&old, &now).unwrap();
        assert_eq!(fitted.schema(), now);
        assert_eq!(fitted.column(1).as_ref(), &Int64Array::from(vec![Some(7), None]) as &dyn Array);
        assert_eq!(fitted.column(3).null_count(), 2);
    }

    /// Column `c` of these records, with the type that is told.
    fn nested(of: &str, records: &str) -> RecordBatch {
        let text = format!("[[column]]\nname = \"c\"\ntype = \"{of}\"");
        let mut decoder = Decoder::new(&TableSchema::parse("t", "t", &text).unwrap()).unwrap();
        let mut batch = None;
        let mut take = |decoded| {
            if let Decoded::Rows(rows) = decoded {
                batch = Some(rows.batch.project(&[0]).unwrap());
            }
            Ok(())
        };
        decoder.decode(&mut records.as_bytes(), chrono::DateTime::UNIX_EPOCH, &mut take).unwrap();
        batch.unwrap()
    }

    #[test]
    fn nested_columns_become_those_of_now_by_name_at_every_depth() {
        let deep = "array<map<string,struct<n:int,s:struct<a:tinyint,at:timestamp>>>>";
        let json = r#"{"c":[{"x":{"n":1,"s":{"a":2,"at":"2026-11-20T00:00:00"}},"y":null},null,{"z":{"n":null,"s":null}}]}{"c":[]}{"c":null}"#;
        let old = nested(deep, json);
        assert_eq!(fit(&old, &old.schema()).unwrap(), old);
        let now = nested("array<map<string,struct<n:bigint,s:struct<a:int,at:timestamp,b:string>,t:date>>>", json);
        assert_eq!(fit(&old, &now.schema()).unwrap(), now);
        let moved = nested("struct<b:int,a:int>", r#"{"c":{"a":1,"b":2}}"#);
        let as_was = nested("struct<a:int,b:int>", r#"{"c":{"a":1,"b":2}}"#);
        assert_eq!(fit(&as_was, &moved.schema()).unwrap(), moved);
    }

    #[test]
    fn nested_columns_that_differ_are_told_by_their_path() {
        for (of, json, now, told) in [
            ("struct<a:int,b:int>", r#"{"c":{"b":1}}"#, "struct<a:int>", "a field c.b, and the table has none"),
            ("struct<a:int>", r#"{"c":{"a":1}}"#, "struct<b:int>", "a field c.a, and the table has none"),
            ("array<struct<a:int>>", r#"{"c":[]}"#, "array<int>", "column c.[] is Struct"),
            ("array<int>", r#"{"c":[1]}"#, "map<string,int>", "column c is List"),
            ("int", r#"{"c":1}"#, "array<int>", "column c is Int32"),
            (
                "map<string,array<bigint>>",
                r#"{"c":{"x":[4294967296]}}"#,
                "map<string,array<int>>",
                "column c.{}.[] is Int64",
            ),
        ] {
            let now = schema(&[("c", now.parse::<HiveType>().unwrap().to_arrow())]);
            let error = fit(&nested(of, json), &now).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn no_value_and_no_column_is_dropped() {
        let old = |column: ArrayRef| RecordBatch::try_from_iter([("n", column)]).unwrap();
        let long = old(Arc::new(Int64Array::from(vec![1 << 40])));
        assert!(fit(&long, &schema(&[("n", DataType::Int32)])).is_err());
        let error = fit(&long, &schema(&[("m", DataType::Int64)])).unwrap_err();
        assert!(error.to_string().contains("a column n"), "{error}");
    }
}

//! Rows to Parquet files: a thread a share of the partitions. Rows wait in memory until they are many or memory is short,
//! then they are sorted and become a row group.

use super::WorkLimits;
use super::order::order;
use super::thread::{self, Running};
use super::work::MOST_THREADS;
use crate::error::{Error, Kind, Result};
use crate::ledger::{ColumnStats, DataFile};
use crate::storage::{Fault, Location, Meaning};
use crate::table::{FileSet, ParquetOptions, Partition, TableSchema};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches, interleave_record_batch, max, min};
use arrow::datatypes::{
    DataType, Date32Type, Field, FieldRef, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMillisecondType,
};
use arrow::error::ArrowError;
use chrono::{DateTime, NaiveDate, TimeDelta};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, WriteMultipart};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::runtime::Handle;
use uuid::Uuid;

/// Rows of a row group: with an 8 MB limit for dictionaries this measures smallest.
const GROUP_ROWS: usize = 1_000_000;
const DICTIONARY_BYTES: usize = 8 << 20;
/// Rows that are brought into order and encoded at a time.
const SLICE_ROWS: usize = 16 * 1024;
/// Level 6 costs two thirds more CPU for a few per cent.
const ZSTD_LEVEL: i32 = 3;
/// A file that has reached this is closed, and the next row group begins another.
const FILE_BYTES: u64 = 256 << 20;
/// Encoded bytes that are kept before an upload in parts begins; smaller files are one PUT.
const PART_BYTES: usize = 8 << 20;
/// How often a small file is put that may be there, and is not.
const CREATES: usize = 3;

/// Rows of one object for one partition.
pub(super) struct Piece {
    pub(super) set: FileSet,
    pub(super) partition: Partition,
    pub(super) batch: RecordBatch,
    /// The object's place in the batch.
    pub(super) input: u32,
}

/// What each column of a batch takes in memory beside what it says of itself: its buffers are allocated for themselves. Where an
/// object's records are of many partitions, pieces have a few rows each, and this is most of them.
const COLUMN_BYTES: usize = 400;

/// What a batch takes in memory.
pub(super) fn footprint(batch: &RecordBatch) -> usize {
    batch.get_array_memory_size() + batch.num_columns() * COLUMN_BYTES
}

impl Piece {
    /// Gives it to the writer that has its partition.
    pub(super) fn hand_to(self, writers: &[SyncSender<Piece>]) -> Result<()> {
        let writer = &writers[self.writer(writers.len())];
        // A writer that is gone has failed; its own error is told by `Writers::finish`.
        writer.send(self).map_err(|_| Error::internal("a writer stopped"))
    }

    /// Which writer has this partition.
    fn writer(&self, writers: usize) -> usize {
        let mut hasher = DefaultHasher::new();
        (self.set, &self.partition).hash(&mut hasher);
        (hasher.finish() % writers as u64) as usize
    }
}

/// The threads that write an attempt.
pub(super) struct Writers {
    threads: Vec<Running<Result<Vec<DataFile>>>>,
    senders: Vec<SyncSender<Piece>>,
}

impl Writers {
    pub(super) fn start(table: &Location, schema: &TableSchema, work: &WorkLimits, attempt: Uuid) -> Result<Self> {
        let numbers = Arc::new(AtomicU32::new(0));
        let count = work.threads.clamp(1, MOST_THREADS);
        let start = |_| {
            let writer = Writer {
                target: Target { table: table.clone(), attempt, numbers: numbers.clone() },
                layouts: [Layout::data(schema), Layout::rejected()],
                memory: work.memory / count,
                open_files: (work.open_files / count).max(1),
                buffers: BTreeMap::new(),
                open: HashMap::new(),
                held: 0,
                clock: 0,
                done: Vec::new(),
            };
            let (send, receive) = sync_channel(2);
            Ok((thread::start(move || writer.run(receive))?, send))
        };
        let (threads, senders) = (0..count).map(start).collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok(Writers { threads, senders })
    }

    pub(super) fn senders(&self) -> Vec<SyncSender<Piece>> {
        self.senders.clone()
    }

    /// Waits for every file to be on the store. All who send must be gone.
    pub(super) async fn finish(self) -> Result<Vec<DataFile>> {
        drop(self.senders);
        let mut files = Vec::new();
        let mut failed = None;
        for thread in self.threads {
            match thread.end().await.flatten() {
                Ok(written) => files.extend(written),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(files), Err)
    }
}

/// How files of one set look.
struct Layout {
    schema: SchemaRef,
    sort: Vec<usize>,
    properties: WriterProperties,
}

impl Layout {
    fn data(schema: &TableSchema) -> Self {
        let arrow = schema.arrow();
        let place = |name: &String| arrow.index_of(name).ok();
        let sort: Vec<usize> = schema.parquet.sort.iter().filter_map(place).collect();
        let properties = properties(&schema.parquet, &sort, &arrow);
        Layout { schema: in_files(&arrow), sort, properties }
    }

    fn rejected() -> Self {
        let columns =
            crate::table::rejected_columns().into_iter().map(|(name, hive, _)| Field::new(name, hive.to_arrow(), true));
        let properties = properties(&ParquetOptions::default(), &[], &Schema::empty());
        Layout { schema: Arc::new(Schema::new(columns.collect::<Vec<_>>())), sort: vec![], properties }
    }

    /// The batch as files have it: instants are marked as UTC.
    fn for_file(&self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = batch.columns().iter().zip(self.schema.fields()).map(|(column, field)| {
            match column.as_primitive_opt::<TimestampMillisecondType>() {
                Some(times) => Ok(Arc::new(times.clone().with_timezone("UTC")) as ArrayRef),
                None if column.data_type() == field.data_type() => Ok(column.clone()),
                None => cast(column, field.data_type()),
            }
        });
        RecordBatch::try_new(self.schema.clone(), columns.collect::<Result<_, _>>()?)
    }
}

/// Files carry TIMESTAMP(MILLIS, UTC): an instant for every reader. Both engines show it without a zone.
fn in_files(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| Field::new(field.name(), instants(field.data_type()), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The type with its times marked as UTC, at every depth.
fn instants(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(instants(field.data_type())));
    match data_type {
        DataType::Timestamp(unit, None) => DataType::Timestamp(*unit, Some("UTC".into())),
        DataType::List(element) => DataType::List(inner(element)),
        DataType::Map(entry, sorted) => DataType::Map(inner(entry), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    }
}

/// How many columns of a Parquet file a type is.
fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(inner) | DataType::Map(inner, _) => leaves(inner.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        _ => 1,
    }
}

fn properties(options: &ParquetOptions, sort: &[usize], schema: &Schema) -> WriterProperties {
    let leaf = |at: usize| schema.fields()[..at].iter().map(|field| leaves(field.data_type())).sum::<usize>();
    let sorting = |at: &usize| SortingColumn { column_idx: leaf(*at) as i32, descending: false, nulls_first: true };
    let sorting: Vec<SortingColumn> = sort.iter().map(sorting).collect();
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(concat!("firelake ", env!("CARGO_PKG_VERSION")).into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns((!sorting.is_empty()).then_some(sorting));
    for name in &options.bloom {
        builder = builder.set_column_bloom_filter_enabled(ColumnPath::from(name.as_str()), true);
    }
    for at in sort {
        let field = schema.field(*at);
        let column = ColumnPath::from(field.name().as_str());
        builder = builder.set_column_statistics_enabled(column.clone(), EnabledStatistics::Page);
        if matches!(field.data_type(), DataType::Timestamp(TimeUnit::Millisecond, _)) {
            // Sorted times as differences are a tenth smaller than by dictionary.
            builder = builder
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
    }
    for column in floats(schema) {
        builder = builder
            .set_column_statistics_enabled(column.clone(), EnabledStatistics::None)
            .set_column_dictionary_enabled(column, false);
    }
    builder.build()
}

/// The columns of four-byte floats, at every depth. They go without bounds and dictionaries: after a promotion to `double` Trino
/// compares those of the old files with the wide type and fails (trinodb/trino#30544).
fn floats(schema: &Schema) -> Vec<ColumnPath> {
    // A schema that is none for Parquet fails where the file is opened, with its reason.
    let columns = ArrowSchemaConverter::new().convert(schema);
    let columns = columns.iter().flat_map(|all| all.columns());
    columns.filter(|column| column.physical_type() == Type::FLOAT).map(|column| column.path().clone()).collect()
}

/// Where an attempt's files go.
struct Target {
    table: Location,
    attempt: Uuid,
    numbers: Arc<AtomicU32>,
}

impl Target {
    /// A path that no file ever had: relative to the table's folder.
    fn next(&self, set: FileSet, partition: &Partition) -> String {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (folder, attempt) = (set.folder(), self.attempt);
        let middle = if partition.path().is_empty() { String::new() } else { format!("{}/", partition.path()) };
        format!("{folder}/{attempt}/{middle}{attempt}-{number:05}.parquet")
    }
}

type PartitionOfSet = (FileSet, Partition);

/// A thread that writes: rows that wait, and files that are open, by partition.
struct Writer {
    target: Target,
    layouts: [Layout; 2],
    memory: usize,
    open_files: usize,
    buffers: BTreeMap<PartitionOfSet, Buffer>,
    open: HashMap<PartitionOfSet, OpenFile>,
    held: usize,
    clock: u64,
    done: Vec<DataFile>,
}

#[derive(Default)]
struct Buffer {
    batches: Vec<RecordBatch>,
    inputs: Vec<u32>,
    rows: usize,
    bytes: usize,
    /// How many of the last batches are small.
    small: usize,
}

/// A batch that takes less than this is small, and so many of them are made one: apart, they take several times their content.
const SMALL_BYTES: usize = 32 << 10;
const SMALL_BATCHES: usize = 8;

impl Buffer {
    fn push(&mut self, piece: Piece) -> Result<()> {
        self.rows += piece.batch.num_rows();
        self.bytes += footprint(&piece.batch);
        self.small = if footprint(&piece.batch) < SMALL_BYTES { self.small + 1 } else { 0 };
        self.batches.push(piece.batch);
        if self.inputs.last() != Some(&piece.input) {
            self.inputs.push(piece.input);
        }
        if self.small == SMALL_BATCHES { self.join_small() } else { Ok(()) }
    }

    fn join_small(&mut self) -> Result<()> {
        let small = self.batches.split_off(self.batches.len() - std::mem::take(&mut self.small));
        let Some(first) = small.first() else { return Ok(()) };
        let joined = concat_batches(&first.schema(), &small)
            .map_err(|e| Error::internal("cannot join rows for a Parquet file").caused_by(e))?;
        self.bytes -= small.iter().map(footprint).sum::<usize>();
        self.bytes += footprint(&joined);
        self.small = usize::from(footprint(&joined) < SMALL_BYTES);
        self.batches.push(joined);
        Ok(())
    }
}

impl Writer {
    fn run(mut self, pieces: Receiver<Piece>) -> Result<Vec<DataFile>> {
        for piece in pieces {
            self.push(piece)?;
        }
        while let Some((partition, buffer)) = self.buffers.pop_first() {
            self.write(partition.clone(), buffer)?;
            self.close(&partition)?;
        }
        let open: Vec<PartitionOfSet> = self.open.keys().cloned().collect();
        open.iter().try_for_each(|partition| self.close(partition))?;
        Ok(self.done)
    }

    fn push(&mut self, piece: Piece) -> Result<()> {
        let key = (piece.set, piece.partition.clone());
        let buffer = self.buffers.entry(key.clone()).or_default();
        let before = buffer.bytes;
        buffer.push(piece)?;
        self.held = self.held + buffer.bytes - before;
        if buffer.rows >= GROUP_ROWS {
            self.flush(&key)?;
        }
        while self.held > self.memory {
            let Some(largest) = self.buffers.iter().max_by_key(|(_, buffer)| buffer.bytes).map(|(key, _)| key.clone())
            else {
                break;
            };
            self.flush(&largest)?;
        }
        Ok(())
    }

    fn flush(&mut self, key: &PartitionOfSet) -> Result<()> {
        match self.buffers.remove(key) {
            Some(buffer) => self.write(key.clone(), buffer),
            None => Ok(()),
        }
    }

    /// Rows that waited become a row group of the partition's open file.
    fn write(&mut self, key: PartitionOfSet, buffer: Buffer) -> Result<()> {
        self.held -= buffer.bytes;
        self.make_room(&key)?;
        let layout = &self.layouts[key.0 as usize];
        self.clock += 1;
        let file = match self.open.entry(key.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(OpenFile::create(&self.target, layout, &key)?)
            }
        };
        file.used = self.clock;
        file.write(layout, buffer)?;
        match file.bytes >= FILE_BYTES {
            true => self.close(&key),
            false => Ok(()),
        }
    }

    /// Closes the file that was written to longest ago where too many are open.
    fn make_room(&mut self, wanted: &PartitionOfSet) -> Result<()> {
        if self.open.len() < self.open_files || self.open.contains_key(wanted) {
            return Ok(());
        }
        let oldest = self.open.iter().min_by_key(|(_, file)| file.used).map(|(key, _)| key.clone());
        oldest.map_or(Ok(()), |key| self.close(&key))
    }

    fn close(&mut self, key: &PartitionOfSet) -> Result<()> {
        if let Some(file) = self.open.remove(key) {
            self.done.push(file.close()?);
        }
        Ok(())
    }
}

/// A file that row groups are still added to.
struct OpenFile {
    path: String,
    partition: Partition,
    location: Location,
    parquet: ArrowWriter<Vec<u8>>,
    upload: Option<WriteMultipart>,
    rows: u64,
    bytes: u64,
    inputs: Vec<u32>,
    stats: BTreeMap<String, Bounds>,
    used: u64,
}

impl OpenFile {
    fn create(target: &Target, layout: &Layout, key: &PartitionOfSet) -> Result<Self> {
        let parquet = ArrowWriter::try_new(Vec::new(), layout.schema.clone(), Some(layout.properties.clone()))
            .map_err(|e| Error::internal("cannot begin a Parquet file").caused_by(e))?;
        Ok(OpenFile {
            path: target.next(key.0, &key.1),
            partition: key.1.clone(),
            location: target.table.clone(),
            parquet,
            upload: None,
            rows: 0,
            bytes: 0,
            inputs: Vec::new(),
            stats: BTreeMap::new(),
            used: 0,
        })
    }

    /// Writes a row group. Rows are brought into order a slice at a time: no second copy of them all is ever held.
    fn write(&mut self, layout: &Layout, buffer: Buffer) -> Result<()> {
        let failed = |e: ArrowError| Error::internal("cannot sort rows for a Parquet file").caused_by(e);
        self.inputs.extend(buffer.inputs);
        match order(&buffer.batches, &layout.sort).map_err(failed)? {
            None => buffer.batches.into_iter().try_for_each(|batch| self.encode(layout, batch))?,
            Some(order) => {
                let batches: Vec<&RecordBatch> = buffer.batches.iter().collect();
                for slice in order.chunks(SLICE_ROWS) {
                    self.encode(layout, interleave_record_batch(&batches, slice).map_err(failed)?)?;
                }
            }
        }
        self.parquet.flush().map_err(|e| self.unencodable(e))?;
        self.bytes = self.parquet.bytes_written() as u64;
        match self.parquet.inner().len() >= PART_BYTES {
            true => self.upload_part(),
            false => Ok(()),
        }
    }

    fn encode(&mut self, layout: &Layout, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        observe(&mut self.stats, &batch);
        let batch = layout
            .for_file(batch)
            .map_err(|e| Error::internal("rows do not fit the columns of their file").caused_by(e))?;
        self.parquet.write(&batch).map_err(|e| self.unencodable(e))
    }

    fn unencodable(&self, error: ParquetError) -> Error {
        Error::internal(format!("cannot encode {}", self.path)).caused_by(error)
    }

    fn upload_part(&mut self) -> Result<()> {
        let part = std::mem::take(self.parquet.inner_mut());
        self.send(part)
    }

    fn send(&mut self, part: Vec<u8>) -> Result<()> {
        let path = self.location.path(&self.path);
        let (store, upload) = (self.location.store().clone(), &mut self.upload);
        let sent: object_store::Result<()> = Handle::current().block_on(async {
            let upload = match upload {
                Some(upload) => upload,
                None => {
                    upload.insert(WriteMultipart::new_with_chunk_size(store.put_multipart(&path).await?, PART_BYTES))
                }
            };
            upload.wait_for_capacity(4).await?;
            upload.put(part.into());
            Ok(())
        });
        sent.map_err(|e| self.unwritable(e))
    }

    fn close(mut self) -> Result<DataFile> {
        self.parquet.finish().map_err(|e| Error::internal(format!("cannot finish {}", self.path)).caused_by(e))?;
        let rest = std::mem::take(self.parquet.inner_mut());
        self.bytes = self.parquet.bytes_written() as u64;
        match self.upload.is_some() {
            true => {
                self.send(rest)?;
                if let Some(upload) = self.upload.take() {
                    Handle::current().block_on(upload.finish()).map_err(|e| self.unwritable(e))?;
                }
            }
            false => self.put(rest)?,
        }
        self.inputs.sort_unstable();
        self.inputs.dedup();
        let stats = self.stats.into_iter().map(|(name, bounds)| (name, bounds.stats())).collect();
        Ok(DataFile {
            path: self.path,
            partition: self.partition,
            rows: self.rows,
            bytes: self.bytes,
            inputs: self.inputs,
            origin: None,
            stats,
        })
    }

    /// A small file: one conditional PUT.
    fn put(&self, bytes: Vec<u8>) -> Result<()> {
        Handle::current().block_on(self.put_new(bytes.into())).map_err(|e| self.unwritable(e))
    }

    /// The path is of a fresh attempt, so what exists there can only be of our own PUT, whose answer was lost. Whether it does
    /// exist must be looked at: the commit will name it.
    async fn put_new(&self, bytes: PutPayload) -> object_store::Result<()> {
        let path = self.location.path(&self.path);
        let mut tries = CREATES;
        loop {
            tries -= 1;
            let put = self.location.store().put_opts(&path, bytes.clone(), PutMode::Create.into()).await;
            let Err(refused) = put else { return Ok(()) };
            if !may_have_landed(&refused) {
                return Err(refused);
            }
            if self.location.holds(&path, bytes.content_length() as u64).await? {
                return Ok(());
            }
            if tries == 0 {
                return Err(refused);
            }
        }
    }

    fn unwritable(&self, error: object_store::Error) -> Error {
        let told = format!("cannot write {} of the lake", self.location.url_of(&self.location.path(&self.path)));
        match &error {
            object_store::Error::AlreadyExists { .. } => {
                Error::new(Kind::TryAgain, format!("{told}: the store says that it exists, and it does not"))
                    .caused_by(error)
                    .hint("run the same command again: nothing is lost")
            }
            _ => Error::from(error).context(told),
        }
    }
}

/// After a conditional PUT: whether the object may be there all the same. The store's client sends it again after a server's
/// error or a lost connection, and then finds its own; after a silence it gives up.
fn may_have_landed(error: &object_store::Error) -> bool {
    let unreachable = |fault: &Fault| fault.meaning == Meaning::Unreachable;
    matches!(error, object_store::Error::AlreadyExists { .. }) || Fault::find(error).is_some_and(unreachable)
}

/// Smallest, largest, and how many are NULL, of a column whose values are whole numbers inside.
struct Bounds {
    data_type: DataType,
    range: Option<(i64, i64)>,
    nulls: u64,
}

fn observe(stats: &mut BTreeMap<String, Bounds>, batch: &RecordBatch) {
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let Some(range) = range(column) else { continue };
        let bounds = stats.entry(field.name().clone()).or_insert_with(|| Bounds {
            data_type: field.data_type().clone(),
            range: None,
            nulls: 0,
        });
        bounds.nulls += column.null_count() as u64;
        bounds.range = match (bounds.range, range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
    }
}

/// The bounds of a column; the outer `None` is a type that has none here.
fn range(column: &ArrayRef) -> Option<Option<(i64, i64)>> {
    match column.data_type() {
        DataType::Int32 => {
            let values = column.as_primitive::<Int32Type>();
            Some(min(values).zip(max(values)).map(|(a, b)| (a.into(), b.into())))
        }
        DataType::Date32 => {
            let values = column.as_primitive::<Date32Type>();
            Some(min(values).zip(max(values)).map(|(a, b)| (a.into(), b.into())))
        }
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            Some(min(values).zip(max(values)))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let values = column.as_primitive::<TimestampMillisecondType>();
            Some(min(values).zip(max(values)))
        }
        _ => None,
    }
}

impl Bounds {
    fn stats(self) -> ColumnStats {
        let (min, max) = self.range.unzip();
        let json = |value: Option<i64>| value.and_then(|value| json(&self.data_type, value));
        ColumnStats { min: json(min), max: json(max), nulls: self.nulls }
    }
}

fn json(data_type: &DataType, value: i64) -> Option<serde_json::Value> {
    Some(match data_type {
        DataType::Timestamp(..) => {
            DateTime::from_timestamp_millis(value)?.format("%Y-%m-%dT%H:%M:%S%.3f").to_string().into()
        }
        DataType::Date32 => NaiveDate::default().checked_add_signed(TimeDelta::try_days(value)?)?.to_string().into(),
        _ => value.into(),
    })
}

#[cfg(test)]
mod tests;

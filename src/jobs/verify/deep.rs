//! The content: inputs read again, compared with what the files hold that were made of them.
//!
//! Rows have no order and no number that they could be found by, so what is compared is a sum of hashes: each row, all its
//! columns, is hashed, and the hashes of a partition are added up. Two sums are equal where both sides hold the same rows
//! as often each; that other rows give the same sum by accident has a chance of one in 2^64. Memory does not grow with the
//! table: a batch of rows of each commit that is read at once, and of a file the whole, where it is not on a local disk.
//!
//! Inputs are decoded with the schema that the table had when they were brought, and both sides fitted to the columns that it has
//! now: what an evolution added is NULL in either.
//!
//! The unit is a commit; commits whose files were replaced by others' (a merge) are compared together with those. Where inputs of
//! such a group are gone, the partitions without rows of theirs are compared all the same.

use super::books::{Books, Brought};
use super::landed::Landed;
use super::{Check, Verdict, VerifyJob, VerifyReport, counted};
use crate::compact::{Again, fit, read_again};
use crate::error::{Error, Result};
use crate::landing::LandedObject;
use crate::ledger::{DataFile, Input, Ledger, PinnedSchema};
use crate::storage::Location;
use crate::table::{FileSet, Partition, PartitionKey, TableSchema, rejected_columns};
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use object_store::{GetResultPayload, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hasher;
use std::sync::Arc;

const OTHER_ROWS: &str = "restore the files from a backup or older versions; firelake history says which they are";

/// The columns of rejected records.
const REJECTED: [&str; 6] = ["object", "byte_offset", "byte_length", "chunk", "reason", "raw"];

/// Rows and the sum of their hashes, by partition.
type Sums = BTreeMap<Place, Sum>;
type Place = (FileSet, Partition);

fn place(file: &DataFile) -> Place {
    (FileSet::of_path(&file.path), file.partition.clone())
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    hashes: u64,
}

/// Commits that are compared together.
#[derive(Default)]
struct Group<'a> {
    commits: Vec<u64>,
    inputs: Vec<&'a Brought>,
    files: Vec<&'a DataFile>,
}

/// The schemas that a table had, and the columns that it has now, of both sets.
struct Schemas {
    each: Vec<TableSchema>,
    columns: Columns,
}

#[derive(Clone)]
struct Columns {
    data: SchemaRef,
    rejected: SchemaRef,
}

impl Schemas {
    fn of(books: &Books) -> Result<Option<Self>> {
        let parse = |schema: &PinnedSchema| TableSchema::parse(&schema.name, "pinned in the ledger", &schema.text);
        let each = books.schemas.iter().map(parse).collect::<Result<Vec<_>>>()?;
        let Some(now) = each.last().filter(|_| books.pins.is_some()) else { return Ok(None) };
        let rejected = rejected_columns().into_iter().map(|(name, hive, _)| Field::new(name, hive.to_arrow(), true));
        let rejected = Arc::new(Schema::new(rejected.collect::<Vec<_>>()));
        Ok(Some(Schemas { columns: Columns { data: now.arrow(), rejected }, each }))
    }

    /// The partition keys, which no evolution changes.
    fn keys(&self) -> &[PartitionKey] {
        self.each.last().map_or(&[], |now| &now.partitions)
    }
}

impl Columns {
    fn of(&self, set: FileSet) -> &SchemaRef {
        if set == FileSet::Data { &self.data } else { &self.rejected }
    }
}

pub(super) async fn check(
    job: &VerifyJob,
    folder: &Location,
    books: &Books,
    landed: Landed,
    report: &mut VerifyReport,
) {
    let (schemas, landed) = match (Schemas::of(books), landed) {
        (Ok(Some(schemas)), Some(landed)) => (schemas, landed),
        (Err(error), _) => return report.unchecked(Check::Content, &job.table, &error),
        _ => {
            let told = "inputs cannot be read again without commit 0 and the whole landing zone".into();
            return report.add(Verdict::Unchecked, Check::Content, &job.table, told, "see above");
        }
    };
    let groups = groups(books);
    let count: u64 = groups.iter().map(|group| group.inputs.len() as u64).sum();
    let (mut done, mut compared) = (0, 0);
    let checks = groups.into_iter().map(|group| {
        let (schemas, landed) = (&schemas, &landed);
        async move {
            let mut found = VerifyReport::default();
            let outcome =
                group.check((schemas, job.max_record), books.expired_before, folder, landed, &mut found).await;
            let records = outcome.unwrap_or_else(|error| {
                found.unchecked(Check::Content, group.name(), &error);
                0
            });
            (group.inputs.len() as u64, records, found.findings)
        }
    });
    let mut checks = futures::stream::iter(checks).buffered(job.threads.max(1));
    while let Some((inputs, records, findings)) = checks.next().await {
        done += inputs;
        compared += records;
        report.findings.extend(findings);
        (job.watch)("inputs read again", done, count);
    }
    report.compared = Some(compared);
}

/// Commits with inputs, each alone but for those that replace files of others.
fn groups(books: &Books) -> Vec<Group<'_>> {
    let mut first: BTreeMap<u64, u64> = BTreeMap::new();
    let root = |first: &BTreeMap<u64, u64>, mut of: u64| {
        while let Some(next) = first.get(&of) {
            of = *next;
        }
        of
    };
    for (a, b) in &books.related {
        let (a, b) = (root(&first, *a), root(&first, *b));
        if a != b {
            first.insert(a.max(b), a.min(b));
        }
    }
    let mut groups: BTreeMap<u64, Group> = BTreeMap::new();
    for brought in books.inputs.values() {
        let group = groups.entry(root(&first, brought.commit)).or_default();
        group.inputs.push(brought);
        group.commits.push(brought.commit);
    }
    for (commit, file) in books.files.values().filter(|(commit, _)| !books.doubled.contains(commit)) {
        let group = groups.entry(root(&first, *commit)).or_default();
        group.files.push(file);
        group.commits.push(*commit);
    }
    for group in groups.values_mut() {
        group.commits.sort_unstable();
        group.commits.dedup();
        group.inputs.sort_by(|a, b| (a.schema, &a.input.url).cmp(&(b.schema, &b.input.url)));
    }
    groups.into_values().collect()
}

impl Group<'_> {
    fn name(&self) -> String {
        match &self.commits[..] {
            [only] => format!("commit {only}"),
            several => format!("commits {}", several.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Gives how many records were compared.
    async fn check(
        &self,
        (schemas, max_record): (&Schemas, usize),
        expired_before: Option<DateTime<Utc>>,
        folder: &Location,
        landed: &HashMap<String, LandedObject>,
        report: &mut VerifyReport,
    ) -> Result<u64> {
        let there = |input: &Input| landed.get(&input.url).filter(|object| object.size == input.size).cloned();
        let again: Vec<(&Brought, LandedObject)> =
            self.inputs.iter().filter_map(|brought| Some((*brought, there(&brought.input)?))).collect();
        let expired = self.inputs.len() - again.len();
        if expired > 0 {
            let all = counted(self.inputs.len(), "input");
            let told = format!("not all of its rows can be compared: gone or changed are {expired} of its {all}");
            report.add(Verdict::Note, Check::Content, self.name(), told, "nothing to do: what landed has expired");
        }
        let read = read_all(schemas, max_record, &again).await?;
        let mut sound = true;
        for ((brought, _), end) in again.iter().zip(&read.ends) {
            sound &= compare_counts(&brought.input, end, report);
        }
        let mixed = self.inputs.iter().any(|brought| brought.mixed);
        if mixed {
            let told =
                "its rows are not compared: a redrive has read some of them with another schema than the others".into();
            report.add(Verdict::Note, Check::Content, self.name(), told, "firelake rebuild reads all with one");
        } else if sound {
            let kept = |place: &Place| !is_expired(expired_before, schemas.keys(), place);
            let read_again: HashSet<&str> = again.iter().map(|(brought, _)| brought.input.url.as_str()).collect();
            let left = if expired > 0 { self.not_comparable(folder, &read_again).await? } else { BTreeSet::new() };
            self.compare_rows(
                (folder, &schemas.columns),
                &read.sums,
                |place| kept(place) && !left.contains(place),
                report,
            )
            .await?;
        }
        Ok(again.iter().filter(|_| !mixed).map(|(brought, _)| brought.input.records).sum())
    }

    /// Where files have rows of inputs that could not be read again.
    async fn not_comparable(&self, folder: &Location, read_again: &HashSet<&str>) -> Result<BTreeSet<Place>> {
        let (ledger, mut left) = (Ledger::new(folder), BTreeSet::new());
        for number in &self.commits {
            let Some(commit) = ledger.commit(*number).await? else { continue };
            let made: HashMap<&str, &DataFile> = commit.add.iter().map(|file| (file.path.as_str(), file)).collect();
            for file in self.files.iter().filter_map(|file| made.get(file.path.as_str())) {
                if commit.inputs_of(file).iter().any(|url| !read_again.contains(url)) {
                    left.insert(place(file));
                }
            }
        }
        Ok(left)
    }

    async fn compare_rows(
        &self,
        (folder, columns): (&Location, &Columns),
        expected: &Sums,
        compared: impl Fn(&Place) -> bool,
        report: &mut VerifyReport,
    ) -> Result<()> {
        let mut found = Sums::new();
        for file in self.files.iter().filter(|file| compared(&place(file))) {
            let sum = match sum_of_file(folder, file, columns).await? {
                Ok(sum) => sum,
                Err(damage) => {
                    let (url, told) =
                        (folder.url_of(&folder.path(&file.path)), format!("it cannot be decoded: {damage}"));
                    report.add(Verdict::Failed, Check::Content, url, told, OTHER_ROWS);
                    return Ok(());
                }
            };
            found.entry(place(file)).or_default().add(sum);
        }
        let places: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        for place in places.into_iter().filter(|place| compared(place)) {
            let (wants, has) =
                (expected.get(place).copied().unwrap_or_default(), found.get(place).copied().unwrap_or_default());
            if wants != has {
                let at = format!("{}, {}/ {}", self.name(), place.0.folder(), place.1);
                report.add(Verdict::Failed, Check::Content, at, difference(wants, has), OTHER_ROWS);
            }
        }
        Ok(())
    }
}

/// What is left of an expired partition came after its end: the inputs give more rows than the files hold.
fn is_expired(before: Option<DateTime<Utc>>, keys: &[PartitionKey], (set, partition): &(FileSet, Partition)) -> bool {
    let by_day = [PartitionKey::by_day()];
    let keys = if *set == FileSet::Data { keys } else { &by_day };
    before.zip(partition.end(keys)).is_some_and(|(before, end)| end <= before)
}

fn difference(wants: Sum, has: Sum) -> String {
    match wants.rows == has.rows {
        true => format!("its {} rows are not those that its inputs give", has.rows),
        false => format!("its files hold {} rows, its inputs give {}", has.rows, wants.rows),
    }
}

fn compare_counts(input: &Input, end: &Result<(u64, u64), String>, report: &mut VerifyReport) -> bool {
    match end {
        Ok((records, rejected)) if (*records, *rejected) == (input.records, input.rejected) => true,
        Ok((records, rejected)) => {
            let told = format!(
                "it holds {records} records and {rejected} of them rejected; when it was compacted {} and {}",
                input.records, input.rejected
            );
            let hint = "it was changed since, compacted with another --max-record, or another version of firelake reads it otherwise";
            report.add(Verdict::Failed, Check::Content, &input.url, told, hint);
            false
        }
        Err(why) => {
            let told = format!("it cannot be read again: {why}");
            report.add(
                Verdict::Unchecked,
                Check::Content,
                &input.url,
                told,
                "see to that it can be read, and verify again",
            );
            false
        }
    }
}

/// Reads objects again, each with the schema that it was brought with; they are in the order of those.
async fn read_all(schemas: &Schemas, max_record: usize, objects: &[(&Brought, LandedObject)]) -> Result<Reading> {
    let mut read = Reading { columns: schemas.columns.clone(), sums: Sums::new(), ends: Vec::new() };
    for alike in objects.chunk_by(|(a, _), (b, _)| a.schema == b.schema) {
        let schema = alike.first().and_then(|(brought, _)| schemas.each.get(brought.schema));
        let schema = schema.ok_or_else(|| Error::internal("an object was brought without a schema"))?;
        let as_brought = |(brought, object): &(&Brought, LandedObject)| {
            (LandedObject { delivered: brought.input.delivered, ..object.clone() }, brought.input.opened)
        };
        read = read_again(schema, max_record, alike.iter().map(as_brought).collect(), read, Reading::take).await?;
    }
    Ok(read)
}

/// What the inputs of a group gave so far.
struct Reading {
    columns: Columns,
    sums: Sums,
    ends: Vec<Result<(u64, u64), String>>,
}

impl Reading {
    fn take(&mut self, _: usize, again: Again) -> Result<()> {
        match again {
            Again::Rows(set, partition, batch) => {
                let failed = |e| Error::internal("rows do not fit the table's columns").caused_by(e);
                let batch = fit(&batch, self.columns.of(set)).map_err(failed)?;
                self.sums.entry((set, partition)).or_default().add(sum_of(&batch)?);
            }
            Again::End(end) => {
                let end = end.map(|counts| (counts.records, counts.rejected)).map_err(|e| e.chain().join(": "));
                self.ends.push(end);
            }
        }
        Ok(())
    }
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.rows += other.rows;
        self.hashes = self.hashes.wrapping_add(other.hashes);
    }
}

/// The columns that are compared. Why a record was rejected is told by whoever read it last: another firelake may put it otherwise,
/// and a redrive knows more.
fn content(batch: &RecordBatch) -> Vec<ArrayRef> {
    let names = batch.schema();
    let is_rejected = names.fields().iter().map(|field| field.name().as_str()).eq(REJECTED);
    let is_reason = |at: usize| is_rejected && names.field(at).name() == "reason";
    let columns = batch.columns().iter().enumerate().filter(|(at, _)| !is_reason(*at));
    columns.map(|(_, column)| column.clone()).collect()
}

fn sum_of(batch: &RecordBatch) -> Result<Sum> {
    let failed = |e: ArrowError| Error::internal("cannot compare rows").caused_by(e);
    let columns = content(batch);
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let rows = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&columns)).map_err(failed)?;
    let hash = |row: arrow::row::Row| {
        let mut hasher = DefaultHasher::new();
        hasher.write(row.as_ref());
        hasher.finish()
    };
    Ok(Sum { rows: rows.num_rows() as u64, hashes: rows.iter().map(hash).fold(0, u64::wrapping_add) })
}

/// The inner error is damage of the file, the outer one something else that keeps it from being read.
async fn sum_of_file(folder: &Location, file: &DataFile, columns: &Columns) -> Result<Result<Sum, ParquetError>> {
    let columns = columns.of(FileSet::of_path(&file.path)).clone();
    let path = folder.path(&file.path);
    let failed = |e| Error::from(e).context(format!("cannot read {}", folder.url_of(&path)));
    let found = folder.store().get(&path).await.map_err(failed)?;
    let sum = match found.payload {
        GetResultPayload::File(file, _) => tokio::task::spawn_blocking(move || sum_of_parquet(file, &columns)).await,
        GetResultPayload::Stream(_) => {
            let bytes = found.bytes().await.map_err(failed)?;
            tokio::task::spawn_blocking(move || sum_of_parquet(bytes, &columns)).await
        }
    };
    sum.map_err(|e| Error::internal("a worker thread died").caused_by(e))?
}

fn sum_of_parquet(chunks: impl ChunkReader + 'static, columns: &SchemaRef) -> Result<Result<Sum, ParquetError>> {
    let reader = match ParquetRecordBatchReaderBuilder::try_new(chunks).and_then(|builder| builder.build()) {
        Ok(reader) => reader,
        Err(damage) => return Ok(Err(damage)),
    };
    let mut sum = Sum::default();
    for batch in reader {
        match batch.and_then(|batch| fit(&batch, columns)) {
            Ok(batch) => sum.add(sum_of(&batch)?),
            Err(damage) => return Ok(Err(damage.into())),
        }
    }
    Ok(Ok(sum))
}

//! The content: inputs read again, compared with what the files hold that were made of them.
//!
//! Rows have no order and no number that they could be found by, so what is compared is a sum of hashes: each row, all its
//! columns, is hashed, and the hashes of a partition are added up. Two sums are equal where both sides hold the same rows
//! as often each; that other rows give the same sum by accident has a chance of one in 2^64. Memory does not grow with the
//! table: a batch of rows of each commit that is read at once, and of a file the whole, where it is not on a local disk.
//!
//! The unit is a commit; commits whose files were replaced by others' (a merge) are compared together with those. Where inputs of
//! such a group are gone, the partitions without rows of theirs are compared all the same.

use super::books::Books;
use super::landed::Landed;
use super::{Check, Verdict, VerifyJob, VerifyReport, counted};
use crate::compact::{Again, read_again};
use crate::error::{Error, Result};
use crate::landing::LandedObject;
use crate::ledger::{DataFile, Input, Ledger};
use crate::storage::Location;
use crate::table::{FileSet, Partition, PartitionKey, TableSchema};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, TimestampMillisecondType};
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
    inputs: Vec<&'a Input>,
    files: Vec<&'a DataFile>,
}

pub(super) async fn check(
    job: &VerifyJob,
    folder: &Location,
    books: &Books,
    landed: Landed,
    report: &mut VerifyReport,
) {
    let schema =
        books.pins.as_ref().map(|pins| TableSchema::parse(&pins.schema_name, "pinned in the ledger", &pins.schema));
    let (schema, landed) = match (schema, landed) {
        (Some(Ok(schema)), Some(landed)) => (schema, landed),
        (Some(Err(error)), _) => return report.unchecked(Check::Content, &job.table, &error),
        _ => {
            let told = "inputs cannot be read again without commit 0 and the whole landing zone".into();
            return report.add(Verdict::Unchecked, Check::Content, &job.table, told, "see above");
        }
    };
    let groups = groups(books);
    let count: u64 = groups.iter().map(|group| group.inputs.len() as u64).sum();
    let (mut done, mut compared) = (0, 0);
    let checks = groups.into_iter().map(|group| {
        let (schema, landed) = (&schema, &landed);
        async move {
            let mut found = VerifyReport::default();
            let outcome = group.check((schema, job.max_record), books.expired_before, folder, landed, &mut found).await;
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
    for (commit, input) in books.inputs.values() {
        let group = groups.entry(root(&first, *commit)).or_default();
        group.inputs.push(input);
        group.commits.push(*commit);
    }
    for (commit, file) in books.files.values().filter(|(commit, _)| !books.doubled.contains(commit)) {
        let group = groups.entry(root(&first, *commit)).or_default();
        group.files.push(file);
        group.commits.push(*commit);
    }
    for group in groups.values_mut() {
        group.commits.sort_unstable();
        group.commits.dedup();
        group.inputs.sort_by(|a, b| a.url.cmp(&b.url));
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
        (schema, max_record): (&TableSchema, usize),
        expired_before: Option<DateTime<Utc>>,
        folder: &Location,
        landed: &HashMap<String, LandedObject>,
        report: &mut VerifyReport,
    ) -> Result<u64> {
        let there = |input: &&Input| landed.get(&input.url).filter(|object| object.size == input.size).cloned();
        let again: Vec<(&Input, LandedObject)> =
            self.inputs.iter().filter_map(|input| Some((*input, there(input)?))).collect();
        let expired = self.inputs.len() - again.len();
        if expired > 0 {
            let all = counted(self.inputs.len(), "input");
            let told = format!("not all of its rows can be compared: gone or changed are {expired} of its {all}");
            report.add(Verdict::Note, Check::Content, self.name(), told, "nothing to do: what landed has expired");
        }
        let as_read = |(input, object): &(&Input, LandedObject)| {
            (LandedObject { delivered: input.delivered, ..object.clone() }, input.opened)
        };
        let objects = again.iter().map(as_read).collect();
        let read = read_again(schema, max_record, objects, Reading::new(), Reading::take).await?;
        let mut sound = true;
        for ((input, _), end) in again.iter().zip(&read.ends) {
            sound &= compare_counts(input, end, report);
        }
        if sound {
            let kept = |place: &Place| !is_expired(expired_before, schema, place);
            let read_again: HashSet<&str> = again.iter().map(|(input, _)| input.url.as_str()).collect();
            let left = if expired > 0 { self.not_comparable(folder, &read_again).await? } else { BTreeSet::new() };
            self.compare_rows(folder, &read.sums, |place| kept(place) && !left.contains(place), report).await?;
        }
        Ok(again.iter().map(|(input, _)| input.records).sum())
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
        folder: &Location,
        expected: &Sums,
        compared: impl Fn(&Place) -> bool,
        report: &mut VerifyReport,
    ) -> Result<()> {
        let mut found = Sums::new();
        for file in self.files.iter().filter(|file| compared(&place(file))) {
            let sum = match sum_of_file(folder, file).await? {
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
fn is_expired(before: Option<DateTime<Utc>>, schema: &TableSchema, (set, partition): &(FileSet, Partition)) -> bool {
    let by_day = [PartitionKey::by_day()];
    let keys = if *set == FileSet::Data { &schema.partitions[..] } else { &by_day };
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

/// What the inputs of a group gave so far.
struct Reading {
    sums: Sums,
    ends: Vec<Result<(u64, u64), String>>,
}

impl Reading {
    fn new() -> Self {
        Reading { sums: Sums::new(), ends: Vec::new() }
    }

    fn take(&mut self, _: usize, again: Again) -> Result<()> {
        match again {
            Again::Rows(set, partition, batch) => self.sums.entry((set, partition)).or_default().add(sum_of(&batch)?),
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
fn content(batch: &RecordBatch) -> impl Iterator<Item = &ArrayRef> {
    let names = batch.schema();
    let is_rejected = names.fields().iter().map(|field| field.name().as_str()).eq(REJECTED);
    let is_reason = move |at: usize| is_rejected && names.field(at).name() == "reason";
    batch.columns().iter().enumerate().filter(move |(at, _)| !is_reason(*at)).map(|(_, column)| column)
}

/// Files mark their instants as UTC, batches that were just decoded do not: the values are the same.
fn sum_of(batch: &RecordBatch) -> Result<Sum> {
    let failed = |e: ArrowError| Error::internal("cannot compare rows").caused_by(e);
    let without_zone = |column: &ArrayRef| match column.as_primitive_opt::<TimestampMillisecondType>() {
        Some(times) => Ok(Arc::new(times.clone().with_timezone_opt(None::<Arc<str>>)) as ArrayRef),
        None if column.data_type().is_nested() => cast(column, &zoneless(column.data_type())),
        None => Ok(column.clone()),
    };
    let columns = content(batch).map(without_zone).collect::<Result<Vec<ArrayRef>, _>>().map_err(failed)?;
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let rows = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&columns)).map_err(failed)?;
    let hash = |row: arrow::row::Row| {
        let mut hasher = DefaultHasher::new();
        hasher.write(row.as_ref());
        hasher.finish()
    };
    Ok(Sum { rows: rows.num_rows() as u64, hashes: rows.iter().map(hash).fold(0, u64::wrapping_add) })
}

/// The type without the zones of times inside of it.
fn zoneless(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(zoneless(field.data_type())));
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, None),
        DataType::List(element) => DataType::List(inner(element)),
        DataType::Map(entry, sorted) => DataType::Map(inner(entry), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    }
}

/// The inner error is damage of the file, the outer one something else that keeps it from being read.
async fn sum_of_file(folder: &Location, file: &DataFile) -> Result<Result<Sum, ParquetError>> {
    let path = folder.path(&file.path);
    let failed = |e| Error::from(e).context(format!("cannot read {}", folder.url_of(&path)));
    let found = folder.store().get(&path).await.map_err(failed)?;
    let sum = match found.payload {
        GetResultPayload::File(file, _) => tokio::task::spawn_blocking(move || sum_of_parquet(file)).await,
        GetResultPayload::Stream(_) => {
            let bytes = found.bytes().await.map_err(failed)?;
            tokio::task::spawn_blocking(move || sum_of_parquet(bytes)).await
        }
    };
    sum.map_err(|e| Error::internal("a worker thread died").caused_by(e))?
}

fn sum_of_parquet(chunks: impl ChunkReader + 'static) -> Result<Result<Sum, ParquetError>> {
    let reader = match ParquetRecordBatchReaderBuilder::try_new(chunks).and_then(|builder| builder.build()) {
        Ok(reader) => reader,
        Err(damage) => return Ok(Err(damage)),
    };
    let mut sum = Sum::default();
    for batch in reader {
        match batch {
            Ok(batch) => sum.add(sum_of(&batch)?),
            Err(damage) => return Ok(Err(damage.into())),
        }
    }
    Ok(Ok(sum))
}

//! Rejected records, decoded once more: what becomes rows leaves the rejected table in the same commit.
//!
//! Files of rejected records are read, and each record of theirs is decoded as the table's schema and this firelake's reader have
//! it now, failed records of Firehose opened. A file with a record that becomes rows is replaced: by data files with those, and by
//! a rejected file with the records that stay. The landed objects are not needed.
//!
//! The same pass is made twice: to see which files hold such records, with nothing written, and over those files to write.

use super::live::{OldFile, Reader};
use super::split::Splitter;
use super::work::Expired;
use super::write::{Piece, Writers};
use super::{WorkLimits, thread};
use crate::decode::{Decoded, Decoder, ObjectCounts, OnceMore, RejectedChunk, rejected_batch};
use crate::error::{Error, Result};
use crate::ledger::{Action, Commit, Counts, Input, Snapshot};
use crate::sabotage;
use crate::storage::Location;
use crate::table::{FileSet, Partition, TableSchema};
use arrow::array::{Array, AsArray, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Int32Type, Int64Type};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::mpsc::SyncSender;
use uuid::Uuid;

/// Different reasons that are counted one by one; there are few, but for what Firehose's error codes may be.
const REASONS: usize = 1000;
/// Chunks of long records that wait for their others, beside one record of the longest kind.
const CHUNKS_HELD: usize = 64 << 20;

/// What a redrive needs.
pub struct RedriveRun<'a> {
    /// The table's folder.
    pub table: &'a Location,
    /// Its schema.
    pub schema: &'a TableSchema,
    /// Threads and memory, and the longest record.
    pub work: WorkLimits,
    /// The clock.
    pub now: DateTime<Utc>,
    /// Who writes, for people who read the ledger.
    pub writer: &'a str,
}

/// What rejected records are now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnceMoreSeen {
    /// Rejected records that were decoded.
    pub records: u64,
    /// Those that became rows, or were failed records that hold none.
    pub decoded: u64,
    /// What is in their stead.
    pub counts: Counts,
    /// How many are rejected still, or were inside of failed records and are rejected now: by reason as it is told now.
    pub stays: BTreeMap<String, u64>,
    /// Paths of the files with records that became something else: these are replaced.
    pub files: BTreeSet<String>,
    /// By URL: what changes of an object.
    objects: BTreeMap<String, Change>,
}

/// What changes of one object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Change {
    /// Rejected records that are no longer what they were.
    left: u64,
    /// What they hold.
    counts: ObjectCounts,
}

impl OnceMoreSeen {
    /// URLs of the objects that have records in the files that were read.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str)
    }

    /// Adds what was seen in other files.
    pub fn add(&mut self, other: OnceMoreSeen) {
        self.records += other.records;
        self.decoded += other.decoded;
        self.counts.rows_written += other.counts.rows_written;
        self.counts.records_rejected += other.counts.records_rejected;
        self.counts.expired += other.counts.expired;
        other.stays.into_iter().for_each(|(reason, count)| *self.stays.entry(reason).or_default() += count);
        self.files.extend(other.files);
        self.objects.extend(other.objects);
    }
}

impl RedriveRun<'_> {
    /// Decodes every record of some live files of rejected records, and writes nothing.
    ///
    /// # Errors
    /// Usage: the schema cannot be used. Storage: a file is missing or damaged; it is named.
    pub async fn look(&self, now: &Snapshot, files: &[String]) -> Result<OnceMoreSeen> {
        let old = old_files(now, files);
        let pass = Pass::new(self, now, &old, self.out(now, None))?;
        self.pass(pass, old).await
    }

    /// Decodes the records of files that are to be replaced, and writes what they hold now under a fresh attempt. Gives the
    /// commit that replaces the files; `inputs` are the objects of [`OnceMoreSeen::objects`], as the ledger has them.
    ///
    /// # Errors
    /// Those of [`look`](Self::look). Nothing of the attempt counts then.
    pub async fn replace(&self, now: &Snapshot, files: &[String], inputs: Vec<Input>) -> Result<Commit> {
        let old = old_files(now, files);
        let id = sabotage::attempt(Uuid::now_v7());
        let writers = Writers::start(self.table, self.schema, &self.work, id)?;
        let urls = inputs.iter().enumerate().map(|(at, input)| (input.url.clone(), at as u32)).collect();
        let out = self.out(now, Some(Writing { to_writers: writers.senders(), urls }));
        let seen = match Pass::new(self, now, &old, out) {
            Ok(pass) => self.pass(pass, old).await,
            Err(error) => Err(error),
        };
        let written = writers.finish().await?; // where a writer failed, its own error says why
        let (seen, mut add) = (seen?, written);
        for file in &mut add {
            file.inputs = file.inputs.iter().copied().collect::<BTreeSet<u32>>().into_iter().collect();
        }
        add.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Commit {
            attempt: (!add.is_empty()).then_some(id),
            inputs: inputs.into_iter().map(|input| seen.since(input)).collect(),
            add,
            remove: files.to_vec(),
            counts: seen.counts,
            ..Commit::new(Action::Redrive, self.now, self.writer)
        })
    }

    fn out(&self, now: &Snapshot, writing: Option<Writing>) -> Out {
        let keys = self.schema.partitions.clone();
        Out { splitter: Splitter::new(keys.clone()), expired: Expired { before: now.expired_before, keys }, writing }
    }

    async fn pass(&self, mut pass: Pass, old: Vec<OldFile>) -> Result<OnceMoreSeen> {
        let reader = Reader::new(self.table, self.schema);
        let work = move || {
            reader.read(&old, &mut |at, batch| pass.rows(at, &batch))?;
            pass.finish(&old)
        };
        thread::start(work)?.end().await.flatten()
    }
}

impl OnceMoreSeen {
    /// The object with what it holds since.
    fn since(&self, input: Input) -> Input {
        let Some(change) = self.objects.get(&input.url) else { return input };
        let Change { left, counts } = change;
        Input {
            records: (input.records + counts.records).saturating_sub(*left),
            rejected: (input.rejected + counts.rejected).saturating_sub(*left),
            repaired: input.repaired + counts.repaired,
            opened: input.opened || counts.opened > 0,
            ..input
        }
    }
}

fn old_files(now: &Snapshot, files: &[String]) -> Vec<OldFile> {
    let old = |path: &String| {
        let live = now.files.get(path)?;
        let (set, partition) = (FileSet::of_path(path), live.partition.clone());
        Some(OldFile { set, partition, path: path.clone(), rows: live.rows, bytes: live.bytes })
    };
    files.iter().filter_map(old).collect()
}

/// One pass over files of rejected records.
struct Pass {
    decoder: Decoder,
    /// When objects were delivered, by URL.
    delivered: HashMap<String, DateTime<Utc>>,
    /// Of each file.
    partitions: Vec<Partition>,
    max_record: usize,
    /// The object whose records are decoded, and the file that they are in.
    object: Option<(String, usize)>,
    long: HashMap<(String, i64), Long>,
    held: usize,
    changed: BTreeSet<usize>,
    seen: OnceMoreSeen,
    out: Out,
}

/// Chunks of a record that are known so far, each with its file.
#[derive(Default)]
struct Long {
    chunks: Vec<(usize, RejectedChunk)>,
    bytes: u64,
    length: Option<u64>,
    /// There are too many: what comes is handed on as it is.
    given_up: bool,
}

/// Where what comes out of a pass goes.
struct Out {
    splitter: Splitter,
    expired: Expired,
    /// None: nowhere.
    writing: Option<Writing>,
}

struct Writing {
    to_writers: Vec<SyncSender<Piece>>,
    /// The place of each object among the commit's inputs.
    urls: HashMap<String, u32>,
}

impl Pass {
    fn new(run: &RedriveRun<'_>, now: &Snapshot, old: &[OldFile], out: Out) -> Result<Self> {
        let mut decoder = Decoder::new(run.schema)?.max_record(run.work.max_record);
        decoder.open_failed(true);
        let days: BTreeSet<&Partition> = old.iter().map(|file| &file.partition).collect();
        let there = now.compacted.all()?.iter().filter(|(_, input)| days.contains(&super::work::day(input.delivered)));
        Ok(Pass {
            decoder,
            delivered: there.map(|(url, input)| (url.clone(), input.delivered)).collect(),
            partitions: old.iter().map(|file| file.partition.clone()).collect(),
            max_record: run.work.max_record,
            object: None,
            long: HashMap::new(),
            held: 0,
            changed: BTreeSet::new(),
            seen: OnceMoreSeen::default(),
            out,
        })
    }

    /// Rows of a file.
    fn rows(&mut self, file: usize, batch: &RecordBatch) -> Result<()> {
        let rows = Rows::of(batch)?;
        let mut kept: Vec<u32> = Vec::new();
        for row in 0..batch.num_rows() {
            if self.object.as_ref().is_none_or(|(object, of)| object != rows.object.value(row) || *of != file) {
                self.keep(file, batch, &mut kept)?;
                self.turn_to(rows.object.value(row), file)?;
            }
            match rows.is_whole(row) {
                true => match self.decode(rows.offset.value(row), rows.raw.value(row), rows.reason.value(row))? {
                    true => _ = self.changed.insert(file),
                    false => kept.push(row as u32),
                },
                false => self.long(file, rows.chunk_of(row))?,
            }
        }
        self.keep(file, batch, &mut kept)
    }

    /// Ends the object, and begins another, or the same one in another file.
    fn turn_to(&mut self, object: &str, file: usize) -> Result<()> {
        self.end_object()?;
        self.object = Some((object.to_owned(), file));
        self.seen.objects.entry(object.to_owned()).or_default();
        if let Some(delivered) = self.delivered.get(object) {
            self.decoder.begin(*delivered);
        }
        Ok(())
    }

    fn end_object(&mut self) -> Result<()> {
        let Pass { decoder, object, out, seen, partitions, .. } = self;
        let Some((url, file)) = object.take() else { return Ok(()) };
        let by_delivery = decoder.end(&mut |decoded| out.take(&url, &partitions[file], decoded, seen))?;
        seen.counts.by_delivery += by_delivery;
        Ok(())
    }

    /// One record of the object, rejected for the reason that is told; true where it is something else now.
    fn decode(&mut self, offset: i64, raw: &[u8], told: &str) -> Result<bool> {
        let Pass { decoder, object, out, seen, partitions, delivered, .. } = self;
        let Some((url, file)) = object.as_ref() else { return Ok(false) };
        seen.records += 1;
        let mut sink = |decoded| out.take(url, &partitions[*file], decoded, seen);
        let once_more = match delivered.contains_key(url) {
            true => decoder.again(offset.max(0) as u64, raw, &mut sink)?,
            false => OnceMore::Stays { failed: false, reason: Some("no compacted object is named so".into()) },
        };
        let counts = match once_more {
            OnceMore::Decoded(counts) => counts,
            OnceMore::Stays { failed, reason } => {
                seen.counts.failed += u64::from(failed);
                seen.stay(reason.as_deref().unwrap_or(told));
                return Ok(false);
            }
        };
        seen.decode(url, &counts);
        Ok(true)
    }

    /// Rows of the current object that stay as they are.
    fn keep(&mut self, file: usize, batch: &RecordBatch, kept: &mut Vec<u32>) -> Result<()> {
        if let (false, Some((url, _))) = (kept.is_empty(), &self.object) {
            let failed = |e| Error::internal("cannot take rejected records out of their batch").caused_by(e);
            let rows = take_record_batch(batch, &UInt32Array::from(std::mem::take(kept))).map_err(failed)?;
            self.out.rejected(url, &self.partitions[file], rows)?;
        }
        kept.clear();
        Ok(())
    }

    /// A chunk of a long record, which is decoded once all of it is there.
    fn long(&mut self, file: usize, chunk: RejectedChunk) -> Result<()> {
        let Some((url, _)) = &self.object else { return Ok(()) };
        let key = (url.clone(), chunk.offset as i64);
        let long = self.long.entry(key.clone()).or_default();
        if long.given_up {
            return self.stays(key.0, vec![(file, chunk)]);
        }
        self.held += chunk.raw.len();
        long.bytes += chunk.raw.len() as u64;
        long.length = long.length.or(chunk.length.filter(|_| chunk.chunk == 0));
        long.chunks.push((file, chunk));
        let (whole, too_long) = (long.length == Some(long.bytes), long.bytes > self.max_record as u64);
        match () {
            () if too_long || (self.held > CHUNKS_HELD + self.max_record) => self.give_up(&key),
            () if whole => self.whole(&key),
            () => Ok(()),
        }
    }

    fn whole(&mut self, key: &(String, i64)) -> Result<()> {
        let Some(mut long) = self.long.remove(key) else { return Ok(()) };
        self.held -= long.bytes as usize;
        long.chunks.sort_by_key(|(_, chunk)| chunk.chunk);
        let raw: Vec<u8> = long.chunks.iter().flat_map(|(_, chunk)| chunk.raw.iter().copied()).collect();
        let told = long.chunks.first().map_or(String::new(), |(_, chunk)| chunk.reason.to_string());
        match self.decode(key.1, &raw, &told)? {
            true => self.changed.extend(long.chunks.iter().map(|(file, _)| *file)),
            false => self.stays(key.0.clone(), long.chunks)?,
        }
        Ok(())
    }

    /// The record is too long to be decoded, or not all of it is there.
    fn give_up(&mut self, key: &(String, i64)) -> Result<()> {
        let Some(long) = self.long.get_mut(key) else { return Ok(()) };
        long.given_up = true;
        self.held -= std::mem::take(&mut long.bytes) as usize;
        let chunks = std::mem::take(&mut long.chunks);
        self.seen.records += 1;
        self.seen.stay(chunks.first().map_or("", |(_, chunk)| &chunk.reason));
        self.stays(key.0.clone(), chunks)
    }

    fn stays(&mut self, url: String, chunks: Vec<(usize, RejectedChunk)>) -> Result<()> {
        for (file, chunk) in chunks {
            self.out.rejected(&url, &self.partitions[file], rejected_batch(&url, &[chunk])?)?;
        }
        Ok(())
    }

    fn finish(mut self, old: &[OldFile]) -> Result<OnceMoreSeen> {
        let open: Vec<(String, i64)> =
            self.long.iter().filter(|(_, long)| !long.given_up).map(|(key, _)| key.clone()).collect();
        open.iter().try_for_each(|key| self.give_up(key))?;
        self.end_object()?;
        let mut seen = self.seen;
        seen.files = self.changed.iter().map(|at| old[*at].path.clone()).collect();
        let counts = &mut seen.counts;
        counts.records_rejected += seen.records - seen.decoded;
        counts.rows_written -= counts.expired;
        counts.records_read = counts.rows_written + counts.records_rejected + counts.expired;
        Ok(seen)
    }
}

impl OnceMoreSeen {
    fn stay(&mut self, reason: &str) {
        let known = self.stays.len() < REASONS || self.stays.contains_key(reason);
        *self.stays.entry(if known { reason } else { "other reasons" }.to_owned()).or_default() += 1;
    }

    /// A record of the object is these now.
    fn decode(&mut self, url: &str, counts: &ObjectCounts) {
        self.decoded += 1;
        self.counts.rows_written += counts.records - counts.rejected;
        self.counts.records_rejected += counts.rejected;
        self.counts.failed += counts.failed;
        self.counts.repaired += counts.repaired;
        let change = self.objects.entry(url.to_owned()).or_default();
        change.left += 1;
        change.counts.records += counts.records;
        change.counts.rejected += counts.rejected;
        change.counts.repaired += counts.repaired;
        change.counts.opened += counts.opened;
    }
}

impl Out {
    /// What the decoder gave of an object, whose rejected records are in this partition.
    fn take(&mut self, url: &str, rejected: &Partition, decoded: Decoded, seen: &mut OnceMoreSeen) -> Result<()> {
        if let Decoded::Rejected(chunk) = &decoded
            && chunk.chunk == 0
        {
            seen.stay(&chunk.reason);
        }
        match decoded {
            Decoded::Rejected(chunk) => self.rejected(url, rejected, rejected_batch(url, &[chunk])?),
            Decoded::Rows(rows) => {
                for (partition, batch) in self.splitter.split(rows.batch, &rows.times)? {
                    match (self.expired.is(FileSet::Data, &partition), &self.writing) {
                        (true, _) => seen.counts.expired += batch.num_rows() as u64,
                        (false, Some(writing)) => writing.give(url, FileSet::Data, partition, batch)?,
                        (false, None) => {}
                    }
                }
                Ok(())
            }
        }
    }

    fn rejected(&self, url: &str, partition: &Partition, batch: RecordBatch) -> Result<()> {
        match &self.writing {
            None => Ok(()),
            Some(writing) => writing.give(url, FileSet::Rejected, partition.clone(), batch),
        }
    }
}

impl Writing {
    fn give(&self, url: &str, set: FileSet, partition: Partition, batch: RecordBatch) -> Result<()> {
        let unknown = || Error::internal(format!("{url} has rejected records that were not seen before"));
        let input = *self.urls.get(url).ok_or_else(unknown)?;
        Piece { set, partition, batch, input }.hand_to(&self.to_writers)
    }
}

/// Rows of the rejected table.
struct Rows<'a> {
    object: &'a StringArray,
    offset: &'a Int64Array,
    length: &'a Int64Array,
    chunk: &'a Int32Array,
    reason: &'a StringArray,
    raw: &'a BinaryArray,
}

impl<'a> Rows<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let columns = || {
            Some(Rows {
                object: batch.column(0).as_string_opt()?,
                offset: batch.column(1).as_primitive_opt::<Int64Type>()?,
                length: batch.column(2).as_primitive_opt::<Int64Type>()?,
                chunk: batch.column(3).as_primitive_opt::<Int32Type>()?,
                reason: batch.column(4).as_string_opt()?,
                raw: batch.column(5).as_binary_opt()?,
            })
        };
        let fits = (batch.num_columns() == 6).then(columns).flatten();
        fits.ok_or_else(|| Error::internal("a file of rejected records was read with other columns"))
    }

    /// Whether the row is all of its record.
    fn is_whole(&self, row: usize) -> bool {
        self.chunk.value(row) == 0 && self.length(row) == Some(self.raw.value(row).len() as u64)
    }

    fn length(&self, row: usize) -> Option<u64> {
        self.length.is_valid(row).then(|| self.length.value(row) as u64)
    }

    fn chunk_of(&self, row: usize) -> RejectedChunk {
        RejectedChunk {
            offset: self.offset.value(row) as u64,
            length: self.length(row),
            chunk: self.chunk.value(row),
            reason: self.reason.value(row).to_owned().into(),
            raw: self.raw.value(row).to_vec(),
        }
    }
}

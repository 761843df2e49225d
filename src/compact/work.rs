//! One attempt: threads that decode, threads that write, and what they made.
//!
//! An object counts whole or not at all: its rows are held back until its last byte was read. One that is too large to
//! hold is handed on early; where such a one fails after all, the attempt is given up and done again without it.

use super::Run;
use super::fetch::{Fetched, fetch};
use super::split::Splitter;
use super::thread;
use super::write::{Piece, Writers, footprint};
use crate::decode::{Decoded, Decoder, MAX_RECORD, ObjectCounts, RejectedChunk, rejected_batch};
use crate::error::{Error, Kind, Result};
use crate::landing::LandedObject;
use crate::landing::compression::MAX_DECOMPRESSED;
use crate::ledger::{Counts, DataFile, Input, Waiting};
use crate::sabotage;
use crate::storage::Fault;
use crate::table::{FileSet, Partition, PartitionKey};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, mpsc::SyncSender};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Threads, memory and other bounds of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkLimits {
    /// Threads that decode, and as many that write.
    pub threads: usize,
    /// Rows held in memory before some are written, in bytes over all threads.
    pub memory: usize,
    /// Partition files open at once, over all threads.
    pub open_files: usize,
    /// A record of more bytes is rejected.
    pub max_record: usize,
    /// An object that holds more bytes without its compression waits.
    pub max_decompressed: u64,
}

impl Default for WorkLimits {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        WorkLimits {
            threads,
            memory: 128 << 20,
            open_files: 128,
            max_record: MAX_RECORD,
            max_decompressed: MAX_DECOMPRESSED,
        }
    }
}

/// Told when an object is done with: its landed bytes.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// What an attempt made. Nothing of it counts before its commit.
pub(super) struct Attempt {
    pub(super) id: Uuid,
    pub(super) inputs: Vec<Input>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) files: Vec<DataFile>,
    pub(super) counts: Counts,
}

/// Bytes of rows that one object may hold back.
const HELD: usize = 32 << 20;
/// Bytes of rejected records that become one batch: for a moment they are held twice.
const REJECTED_BATCH: usize = 4 << 20;
/// What a chunk of a rejected record costs in memory beside its bytes and its object's URL.
const REJECTED_ROW: usize = 160;
/// More threads than this bring nothing, and the runtime's pool for blocking work has 512 for everything.
pub(super) const MOST_THREADS: usize = 64;
/// Objects that are fetched ahead.
const AHEAD: usize = 8;

/// Why the work on one object ended.
enum Failure {
    /// It is left out, and waits.
    Waits(Error),
    /// It failed after some of its rows were handed on.
    Spoils(Error),
    /// Nothing to do with the object.
    Fatal(Error),
}

/// Does a batch under fresh attempts until one holds only whole objects.
pub(super) async fn attempt(run: &Run<'_>, batch: &[LandedObject]) -> Result<Attempt> {
    let mut spoilt: HashMap<usize, Error> = HashMap::new();
    loop {
        match once(run, batch, &spoilt).await? {
            Ok(attempt) => return Ok(attempt),
            Err((object, error)) => spoilt.insert(object, error),
        };
    }
}

type Job = (usize, Result<Fetched>);
type Outcome = (usize, Result<Read, Failure>);

/// What was read of an object, to its end.
struct Read {
    counts: ObjectCounts,
    /// Rows that were left out, because their partitions are expired.
    expired: u64,
}

/// One attempt; the inner error is an object that spoilt it.
async fn once(
    run: &Run<'_>,
    batch: &[LandedObject],
    spoilt: &HashMap<usize, Error>,
) -> Result<Result<Attempt, (usize, Error)>> {
    let id = sabotage::attempt(Uuid::now_v7());
    let writers = Writers::start(run.table, run.schema, &run.work, id)?;
    let (send, receive) = mpsc::channel::<Job>(2);
    let receive = Arc::new(Mutex::new(receive));
    let objects: Arc<Vec<LandedObject>> = Arc::new(batch.to_vec());
    let opened = Arc::new(run.opened.clone());
    let threads = (0..run.work.threads.clamp(1, MOST_THREADS).min(batch.len())).map(|_| {
        let worker = Worker {
            decoder: Decoder::new(run.schema)?.max_record(run.work.max_record),
            splitter: Splitter::new(run.schema.partitions.clone()),
            max_decompressed: run.work.max_decompressed,
            expired: Expired { before: run.expired_before, keys: run.schema.partitions.clone() },
            to_writers: writers.senders(),
            progress: run.progress.clone(),
            objects: objects.clone(),
            opened: opened.clone(),
        };
        let receive = receive.clone();
        thread::start(move || worker.work(&receive))
    });
    let threads = threads.collect::<Result<Vec<_>>>()?;
    drop(receive);

    let wanted = (0..batch.len()).filter(|object| !spoilt.contains_key(object));
    let mut bodies =
        futures::stream::iter(wanted).map(|at| async move { (at, fetch(&batch[at]).await) }).buffered(AHEAD);
    while let Some(job) = bodies.next().await {
        if send.send(job).await.is_err() {
            break; // every worker stopped: their outcomes say why
        }
    }
    drop((send, bodies));
    let mut outcomes = Vec::with_capacity(batch.len());
    for thread in threads {
        outcomes.extend(thread.end().await?);
    }
    let files = writers.finish().await?;
    for (at, error) in spoilt {
        let told = Error::new(error.kind(), error.message());
        outcomes.push((*at, Err(Failure::Waits(told))));
    }
    outcomes.sort_by_key(|(at, _)| *at);
    assemble(run, id, batch, outcomes, files)
}

fn assemble(
    run: &Run<'_>,
    id: Uuid,
    batch: &[LandedObject],
    outcomes: Vec<Outcome>,
    mut files: Vec<DataFile>,
) -> Result<Result<Attempt, (usize, Error)>> {
    let mut attempt =
        Attempt { id, inputs: Vec::new(), waiting: Vec::new(), files: Vec::new(), counts: Counts::default() };
    let mut places: HashMap<u32, u32> = HashMap::new();
    for (at, outcome) in outcomes {
        let object = &batch[at];
        match outcome {
            Ok(read) => {
                places.insert(at as u32, attempt.inputs.len() as u32);
                attempt.count(&read, is_expired(run.expired_before, &[PartitionKey::by_day()], &day_of(object)));
                attempt.inputs.push(input(object, &read.counts, run.opened.contains(&object.url)));
            }
            Err(Failure::Waits(error)) => {
                attempt.waiting.push(Waiting {
                    url: object.url.clone(),
                    reason: error.message().into(),
                    since: run.now,
                });
            }
            Err(Failure::Spoils(error)) => return Ok(Err((at, error))),
            Err(Failure::Fatal(error)) => return Err(error),
        }
    }
    for file in &mut files {
        file.inputs = file.inputs.iter().filter_map(|at| places.get(at).copied()).collect();
        file.inputs.sort_unstable();
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    attempt.files = files;
    Ok(Ok(attempt))
}

impl Attempt {
    fn count(&mut self, read: &Read, rejected_are_expired: bool) {
        let Read { counts, expired } = read;
        let (kept, left_out) = if rejected_are_expired { (0, counts.rejected) } else { (counts.rejected, 0) };
        self.counts.records_read += counts.records;
        self.counts.records_rejected += kept;
        self.counts.failed += if rejected_are_expired { 0 } else { counts.failed };
        self.counts.rows_written += counts.records - counts.rejected - expired;
        self.counts.by_delivery += counts.by_delivery;
        self.counts.expired += expired + left_out;
        self.counts.repaired += counts.repaired;
    }
}

fn input(object: &LandedObject, counts: &ObjectCounts, opened: bool) -> Input {
    Input {
        url: object.url.clone(),
        etag: object.etag.clone(),
        size: object.size,
        delivered: object.delivered,
        records: counts.records,
        rejected: counts.rejected,
        repaired: counts.repaired,
        opened,
    }
}

/// Which partitions get no rows.
pub(super) struct Expired {
    pub(super) before: Option<DateTime<Utc>>,
    pub(super) keys: Vec<PartitionKey>,
}

impl Expired {
    pub(super) fn is(&self, set: FileSet, partition: &Partition) -> bool {
        match set {
            FileSet::Data => is_expired(self.before, &self.keys, partition),
            FileSet::Rejected => is_expired(self.before, &[PartitionKey::by_day()], partition),
        }
    }
}

fn is_expired(before: Option<DateTime<Utc>>, keys: &[PartitionKey], partition: &Partition) -> bool {
    before.zip(partition.end(keys)).is_some_and(|(before, end)| end <= before)
}

/// Where an object's rejected records go.
fn day_of(object: &LandedObject) -> Partition {
    day(object.delivered)
}

/// Where the rejected records of an object go that was delivered then.
pub(super) fn day(delivered: DateTime<Utc>) -> Partition {
    Partition::of(&[PartitionKey::by_day()], delivered)
}

/// A thread that decodes.
struct Worker {
    decoder: Decoder,
    splitter: Splitter,
    max_decompressed: u64,
    expired: Expired,
    to_writers: Vec<SyncSender<Piece>>,
    progress: Progress,
    objects: Arc<Vec<LandedObject>>,
    /// URLs of objects whose failed records are opened.
    opened: Arc<HashSet<String>>,
}

/// What an error of one object means for the run. Where no object could be read now, for want of credentials or because the store
/// is busy, the run ends: nothing is wrong with the object.
fn failure(error: Error, handed_on: bool) -> Failure {
    let of_service = Fault::carried_by(&error).filter(|told| matches!(told.kind(), Kind::Credentials | Kind::TryAgain));
    match (of_service, error.kind()) {
        (Some(told), _) => Failure::Fatal(told),
        (None, Kind::Unreadable) if handed_on => Failure::Spoils(error),
        (None, Kind::Unreadable) => Failure::Waits(error),
        (None, _) => Failure::Fatal(error),
    }
}

impl Worker {
    fn work(mut self, jobs: &Mutex<mpsc::Receiver<Job>>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        loop {
            let job = jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).blocking_recv();
            let Some((at, body)) = job else {
                return outcomes;
            };
            let outcome = body.map_err(|error| failure(error, false)).and_then(|body| self.object(at, body));
            let fatal = matches!(outcome, Err(Failure::Fatal(_) | Failure::Spoils(_)));
            (self.progress)(self.objects[at].size);
            outcomes.push((at, outcome));
            if fatal {
                return outcomes;
            }
        }
    }

    fn object(&mut self, at: usize, body: Fetched) -> Result<Read, Failure> {
        let object = self.objects[at].clone();
        let mut held = Held::new(at as u32);
        let result = self.decode(&object, body, &mut held);
        let result = result.and_then(|counts| {
            held.finish(&object)?;
            held.hand_on(&self.to_writers, &self.expired)?;
            Ok(Read { counts, expired: held.expired })
        });
        result.map_err(|error| failure(error, held.handed_on))
    }

    fn decode(&mut self, object: &LandedObject, body: Fetched, held: &mut Held) -> Result<ObjectCounts> {
        let mut plain = body.plain(object, self.max_decompressed)?;
        let Worker { decoder, splitter, to_writers, expired, .. } = self;
        decoder.open_failed(self.opened.contains(&object.url));
        decoder.decode(&mut *plain, object.delivered, &mut |decoded| {
            match decoded {
                Decoded::Rows(rows) => {
                    for (partition, batch) in splitter.split(rows.batch, &rows.times)? {
                        held.push(FileSet::Data, partition, batch);
                    }
                }
                Decoded::Rejected(chunk) => held.reject(object, chunk)?,
            }
            match held.bytes + held.rejected_bytes > HELD {
                true => held.finish(object).and_then(|()| held.hand_on(to_writers, expired)),
                false => Ok(()),
            }
        })
    }
}

/// What one object gave so far.
struct Held {
    input: u32,
    pieces: Vec<Piece>,
    rejected: Vec<RejectedChunk>,
    rejected_bytes: usize,
    bytes: usize,
    handed_on: bool,
    /// Rows of the table that were left out.
    expired: u64,
}

impl Held {
    fn new(input: u32) -> Self {
        Held {
            input,
            pieces: Vec::new(),
            rejected: Vec::new(),
            rejected_bytes: 0,
            bytes: 0,
            handed_on: false,
            expired: 0,
        }
    }

    fn push(&mut self, set: FileSet, partition: Partition, batch: arrow::array::RecordBatch) {
        self.bytes += footprint(&batch);
        self.pieces.push(Piece { set, partition, batch, input: self.input });
    }

    fn reject(&mut self, object: &LandedObject, chunk: RejectedChunk) -> Result<()> {
        self.rejected_bytes += chunk.raw.len() + object.url.len() + REJECTED_ROW;
        self.rejected.push(chunk);
        if self.rejected_bytes >= REJECTED_BATCH { self.finish(object) } else { Ok(()) }
    }

    /// Makes rows of the rejected records: their partition is the day of their object's delivery.
    fn finish(&mut self, object: &LandedObject) -> Result<()> {
        if !self.rejected.is_empty() {
            let batch = rejected_batch(&object.url, &self.rejected)?;
            self.rejected = Vec::new();
            self.rejected_bytes = 0;
            self.push(FileSet::Rejected, day_of(object), batch);
        }
        Ok(())
    }

    fn hand_on(&mut self, to_writers: &[SyncSender<Piece>], expired: &Expired) -> Result<()> {
        for piece in self.pieces.drain(..) {
            if expired.is(piece.set, &piece.partition) {
                self.expired += if piece.set == FileSet::Data { piece.batch.num_rows() as u64 } else { 0 };
                continue;
            }
            self.handed_on = true;
            piece.hand_to(to_writers)?;
        }
        self.bytes = 0;
        Ok(())
    }
}

//! Job 1: landed objects to Parquet, each record exactly once. One run, step by step:
//!
//! 1. [`candidates`]: (listed ∪ waiting) − compacted, oldest first.
//! 2. [`batches`]: whole objects, bounded by bytes and count. Pure.
//! 3. attempt: read, decode, split by partition, sort, write, all under a fresh attempt.
//! 4. Commit by [`Ledger::append`]: conditional create, read-back, rebase.
//!
//! Merging ([`MergeRun`]) is a commit of its own, after them.
//!
//! Lost a race: the attempt is abandoned, never deleted, and what is still to do is planned again.

mod again;
mod fetch;
mod live;
mod merge;
mod order;
mod plan;
mod rebuild;
mod redrive;
mod split;
mod thread;
mod work;
mod write;

pub use again::{Again, read_again};
pub use fetch::{Fetched, fetch};
pub use live::fit;
pub use merge::{Merge, MergeLimits, MergeRun, Merged, merges};
pub use plan::{BatchLimits, Candidates, Shard, batches, candidates};
pub use rebuild::{Together, together, unreadable};
pub use redrive::{OnceMoreSeen, RedriveRun};
pub use work::{Progress, WorkLimits};

use crate::error::{Error, Kind, Result};
use crate::landing::LandedObject;
use crate::ledger::{Action, Appended, Commit, Ledger, Snapshot, Waiting};
use crate::storage::Location;
use crate::table::TableSchema;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;
use work::Attempt;

/// How often one batch is planned again after lost races, or without an object that turned out unreadable late.
const REPLANS: usize = 20;

/// How long listings may begin at the lookback: then every landed object is listed once.
const FULL_LISTING_EVERY: TimeDelta = TimeDelta::days(1);

/// Whether the last listing of every landed object, or of every one of the shard, is a day old, or there was none, or a clock was
/// wrong then.
pub fn full_listing_is_due(snapshot: &Snapshot, shard: Option<Shard>, now: DateTime<Utc>) -> bool {
    let of_shard = shard.and_then(|shard| snapshot.shard_listings.get(&shard.to_string()).copied());
    let recent = |at: DateTime<Utc>| at <= now && now - at < FULL_LISTING_EVERY;
    ![snapshot.full_listing_at, of_shard].into_iter().flatten().any(recent)
}

/// What a run needs besides its objects.
pub struct Run<'a> {
    /// The table's folder.
    pub table: &'a Location,
    /// Its ledger.
    pub ledger: &'a Ledger,
    /// Its schema.
    pub schema: &'a TableSchema,
    /// Bounds of batches.
    pub batch: BatchLimits,
    /// Threads and memory.
    pub work: WorkLimits,
    /// The share of the landed objects that the run takes; none: all.
    pub shard: Option<Shard>,
    /// The clock.
    pub now: DateTime<Utc>,
    /// Who writes, for people who read the ledger.
    pub writer: &'a str,
    /// Told as the work goes on.
    pub progress: &'a Progress,
    /// URLs of objects whose failed records of Firehose are opened, because a redrive has opened them before.
    pub opened: HashSet<String>,
    /// Rows of partitions that end at this time or before are left out, and counted.
    pub expired_before: Option<DateTime<Utc>>,
}

/// What a run has to do.
pub struct Work {
    /// The objects, in the order in which they are compacted.
    pub objects: Vec<LandedObject>,
    /// Objects that waited and are no longer there.
    pub gone: Vec<Waiting>,
    /// Whether `objects` are of a listing of every landed object.
    pub full_listing: bool,
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Done {
    /// This run's commits, oldest first.
    pub commits: Vec<Commit>,
    /// Landed bytes that were read for them.
    pub bytes_read: u64,
}

impl Run<'_> {
    /// Compacts the objects, batch by batch, onto `snapshot`, which is the newest state in the end.
    pub async fn compact(&self, snapshot: &mut Snapshot, work: Work) -> Result<Done> {
        let mut done = Done::default();
        let listed_at = work.full_listing.then_some(self.now);
        let mut batches = batches(work.objects, &self.batch).into_iter().peekable();
        while let Some(batch) = batches.next() {
            // Only where nothing that was listed is left to do may later listings begin at the lookback.
            let listed_at = listed_at.filter(|_| batches.peek().is_none());
            self.compact_batch(snapshot, batch, listed_at, &mut done).await?;
        }
        if snapshot.hold.is_some() {
            return Ok(done); // objects were left, so that nothing of the listing may be noted
        }
        self.note(snapshot, work.gone, listed_at, &mut done).await?;
        Ok(done)
    }

    /// What no batch's commit says: objects that are gone, and a full listing, at most one a day.
    async fn note(
        &self,
        snapshot: &mut Snapshot,
        gone: Vec<Waiting>,
        listed_at: Option<DateTime<Utc>>,
        done: &mut Done,
    ) -> Result<()> {
        let full_listing_at = listed_at.filter(|_| full_listing_is_due(snapshot, self.shard, self.now));
        if gone.is_empty() && full_listing_at.is_none() {
            return Ok(());
        }
        let commit = Commit { gone, full_listing_at, ..self.blank() };
        self.append(snapshot, commit, done).await.map(drop)
    }

    async fn compact_batch(
        &self,
        snapshot: &mut Snapshot,
        mut batch: Vec<LandedObject>,
        listed_at: Option<DateTime<Utc>>,
        done: &mut Done,
    ) -> Result<()> {
        for _ in 0..REPLANS {
            if snapshot.pins.schema != self.schema.text {
                let told = format!("another run changed the schema of {}", self.table);
                return Err(
                    Error::new(Kind::TryAgain, told).hint("what is committed stands; run the same command again")
                );
            }
            batch = still_to_do(batch, snapshot)?;
            if batch.is_empty() || snapshot.hold.is_some() {
                return Ok(());
            }
            let attempt = work::attempt(self, &batch).await?;
            let bytes_read = attempt.inputs.iter().map(|input| input.size).sum::<u64>();
            let commit = self.commit_of(attempt, snapshot, listed_at);
            if commit.inputs.is_empty() && commit.waiting.is_empty() {
                return Ok(());
            }
            if self.append(snapshot, commit, done).await? {
                done.bytes_read += bytes_read;
                return Ok(());
            }
        }
        Err(Error::new(
            Kind::TryAgain,
            format!("lost the race for a commit {REPLANS} times: other compactors are at work on {}", self.table),
        )
        .hint("nothing is lost or counted twice; run the same command again, or fewer compactors at once"))
    }

    /// Appends; true where it is committed, false where the work must be planned again on the newer snapshot.
    async fn append(&self, snapshot: &mut Snapshot, commit: Commit, done: &mut Done) -> Result<bool> {
        match self.ledger.append(snapshot, commit).await? {
            Appended::Committed(commit) => done.commits.push(*commit),
            Appended::Conflict { .. } => return Ok(false),
        }
        Ok(true)
    }

    fn commit_of(&self, attempt: Attempt, snapshot: &Snapshot, full_listing_at: Option<DateTime<Utc>>) -> Commit {
        Commit {
            attempt: (!attempt.files.is_empty()).then_some(attempt.id),
            inputs: attempt.inputs,
            waiting: news(attempt.waiting, snapshot),
            add: attempt.files,
            counts: attempt.counts,
            full_listing_at,
            ..self.blank()
        }
    }

    fn blank(&self) -> Commit {
        let shard = self.shard.map(|shard| shard.to_string());
        Commit { shard, ..Commit::new(Action::Add, self.now, self.writer) }
    }
}

/// What no other run has compacted meanwhile.
fn still_to_do(batch: Vec<LandedObject>, snapshot: &Snapshot) -> Result<Vec<LandedObject>> {
    let mut left = Vec::with_capacity(batch.len());
    for object in batch {
        if !snapshot.compacted.contains(&object.url)? {
            left.push(object);
        }
    }
    Ok(left)
}

/// What the ledger does not know yet of the objects that wait: new ones, and new reasons.
fn news(waiting: Vec<Waiting>, snapshot: &Snapshot) -> Vec<Waiting> {
    let new = |waiting: Waiting| match snapshot.waiting.get(&waiting.url) {
        Some(known) if known.reason == waiting.reason => None,
        Some(known) => Some(Waiting { since: known.since, ..waiting }),
        None => Some(waiting),
    };
    waiting.into_iter().filter_map(new).collect()
}

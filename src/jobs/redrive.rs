//! A table's rejected records are decoded once more, with its schema and this firelake's reader as they are now, and failed
//! records of Firehose are opened: what becomes rows leaves the rejected table in the same commit.

use super::change::{ChangeJob, Changed, Planned, inputs};
use crate::compact::{OnceMoreSeen, RedriveRun, WorkLimits};
use crate::error::Result;
use crate::ledger::{Counts, Ledger, LiveFile, Snapshot};
use crate::table::{FileSet, PartitionKey};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Files of one commit, and their bytes, at most: a commit names every object with a record in them.
const BATCH_FILES: usize = 1000;
const BATCH_BYTES: u64 = 256 << 20;
/// Reasons that are told.
const REASONS: usize = 10;

/// What is to be decoded once more, and how.
pub struct Redrive {
    /// Only records of objects that were delivered on a day from this time on.
    pub from: Option<DateTime<Utc>>,
    /// Only records of objects that were delivered on a day before this time.
    pub to: Option<DateTime<Utc>>,
    /// Threads and memory, and the longest record.
    pub work: WorkLimits,
}

/// What a redrive changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RedrivePlan {
    /// Live files of rejected records that were read.
    pub files: u64,
    /// Rejected records in them.
    pub records: u64,
    /// Those that are no longer rejected, or were failed records with something else inside.
    pub decoded: u64,
    /// Rows that they are.
    pub rows: u64,
    /// Records that were inside of failed records and are rejected by themselves now.
    pub rejected_inside: u64,
    /// Rows that were left out, because their partitions are expired. Known once it was done.
    pub expired: u64,
    /// Files of rejected records that are replaced.
    pub files_out: u64,
    /// Records that are rejected still, those from inside of failed records with them.
    pub stays: u64,
    /// How many of those have each reason, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// First and last commit.
    pub commits: Option<[u64; 2]>,
}

/// What was seen and done so far, over several commits.
#[derive(Default)]
struct SoFar {
    /// Files that were read and have nothing that becomes rows.
    settled: BTreeSet<String>,
    plan: RedrivePlan,
    reasons: BTreeMap<String, u64>,
}

impl ChangeJob {
    /// Redrives, batch by batch of files, each a commit.
    ///
    /// # Errors
    /// Usage: there is no such table. Storage: a file is missing or damaged. Ledger, TryAgain and those of the stores. What was
    /// committed before an error stands.
    pub async fn redrive(&self, asked: &Redrive) -> Result<Changed<RedrivePlan>> {
        let mut so_far = SoFar::default();
        let mut unpublished = None;
        loop {
            let (ledger, snapshot) = self.open().await?;
            let plan = async |now: &Snapshot| self.plan_redrive(&ledger, asked, now, &mut so_far).await;
            let changed = self.change(&ledger, snapshot, plan).await?;
            unpublished = changed.unpublished.or(unpublished);
            let Some(commit) = changed.commit else { break };
            if let Some(counts) = changed.plan {
                so_far.committed(commit, &counts);
            }
        }
        let plan = so_far.told();
        let commit = plan.commits.map(|[_, last]| last);
        Ok(Changed { plan, commit, unpublished })
    }

    /// The next commit; what needs none is noted. The plan is what the commit counts.
    async fn plan_redrive(
        &self,
        ledger: &Ledger,
        asked: &Redrive,
        now: &Snapshot,
        so_far: &mut SoFar,
    ) -> Result<Planned<Option<Committing>>> {
        let (folder, schema) = (self.folder(), now.schema()?);
        let run = RedriveRun { table: &folder, schema: &schema, work: asked.work, now: self.now, writer: &self.writer };
        for batch in batches(now, asked, &so_far.settled) {
            let seen = run.look(now, &batch).await?;
            if seen.files.is_empty() || !self.yes {
                so_far.looked(&batch, seen);
                continue;
            }
            let files: Vec<String> = seen.files.into_iter().collect();
            let seen = run.look(now, &files).await?; // of these alone: which objects have records in them
            let commits = seen.objects().map(|url| Ok((url, now.compacted.get(url)?.map_or(0, |input| input.commit))));
            let inputs = inputs(ledger, &commits.collect::<Result<Vec<_>>>()?).await?;
            let commit = run.replace(now, &files, inputs).await?;
            let committing = Committing {
                counts: commit.counts,
                decoded: seen.decoded,
                files: files.len() as u64,
                new: rejected(&seen),
            };
            return Ok((Some(committing), Some(commit)));
        }
        Ok((None, None))
    }
}

/// What a commit does, for the sum.
struct Committing {
    counts: Counts,
    decoded: u64,
    files: u64,
    new: u64,
}

/// Records that are rejected in the stead of others.
fn rejected(seen: &OnceMoreSeen) -> u64 {
    seen.counts.records_rejected.saturating_sub(seen.records - seen.decoded)
}

/// Live files of rejected records that are still to be read, by day and age.
fn batches(now: &Snapshot, asked: &Redrive, settled: &BTreeSet<String>) -> Vec<Vec<String>> {
    let live = now.live(FileSet::Rejected).filter(|(path, file)| !settled.contains(*path) && asked.takes(file));
    let mut files: Vec<(&str, &LiveFile)> = live.collect();
    files.sort_by(|(a, one), (b, other)| (&one.partition, a).cmp(&(&other.partition, b)));
    let (mut batches, mut bytes): (Vec<Vec<String>>, u64) = (Vec::new(), 0);
    for (path, file) in files {
        bytes += file.bytes;
        match batches.last_mut() {
            Some(last) if bytes <= BATCH_BYTES && last.len() < BATCH_FILES => last.push(path.to_owned()),
            _ => {
                bytes = file.bytes;
                batches.push(vec![path.to_owned()]);
            }
        }
    }
    batches
}

impl Redrive {
    /// Whether the file's day is in the range.
    fn takes(&self, file: &LiveFile) -> bool {
        let Some(end) = file.partition.end(&[PartitionKey::by_day()]) else { return true };
        self.from.is_none_or(|from| end > from) && self.to.is_none_or(|to| end - TimeDelta::days(1) < to)
    }
}

impl SoFar {
    /// Files that stay, or, where nothing is to be done, whatever becomes of them.
    fn looked(&mut self, files: &[String], seen: OnceMoreSeen) {
        self.settled.extend(files.iter().cloned());
        let plan = &mut self.plan;
        plan.files += files.len() as u64;
        plan.files_out += seen.files.len() as u64;
        plan.records += seen.records;
        plan.decoded += seen.decoded;
        plan.rows += seen.counts.rows_written;
        plan.rejected_inside += rejected(&seen);
        seen.stays.into_iter().for_each(|(reason, count)| *self.reasons.entry(reason).or_default() += count);
    }

    /// What stays of those files is in new ones, which are looked at again.
    fn committed(&mut self, commit: u64, done: &Committing) {
        let plan = &mut self.plan;
        let first = plan.commits.map_or(commit, |[first, _]| first);
        plan.commits = Some([first, commit]);
        plan.records += done.decoded;
        plan.decoded += done.decoded;
        plan.files_out += done.files;
        plan.rows += done.counts.rows_written;
        plan.rejected_inside += done.new;
        plan.expired += done.counts.expired;
    }

    fn told(self) -> RedrivePlan {
        let mut reasons: Vec<(String, u64)> = self.reasons.into_iter().collect();
        let stays = reasons.iter().map(|(_, count)| count).sum();
        reasons.sort_by(|(a, some), (b, more)| (more, a).cmp(&(some, b)));
        reasons.truncate(REASONS);
        // What was inside of failed records was looked at again where it was committed, and was no record of before.
        let again = if self.plan.commits.is_some() { self.plan.rejected_inside } else { 0 };
        RedrivePlan { stays, reasons, records: self.plan.records.saturating_sub(again), ..self.plan }
    }
}

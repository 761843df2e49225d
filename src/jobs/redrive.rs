//! A table's rejected records are decoded once more, with its schema and this firelake's reader as they are now, and failed
//! records of Firehose are opened: what becomes rows leaves the rejected table in the same commit.

use super::change::{ChangeJob, Changed, Planned, inputs};
use crate::compact::{OnceMoreSeen, RedriveRun, WorkLimits};
use crate::error::{Error, Result};
use crate::ledger::{Counts, Ledger, LiveFile, Snapshot};
use crate::table::{FileSet, Partition, PartitionKey};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Rows that are left out, because their partitions are expired.
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
    /// What was seen last of each day; of a day that something was committed of, since then.
    days: BTreeMap<Partition, Day>,
    /// The sum of the commits.
    done: RedrivePlan,
}

/// A day's files of rejected records, and what is in them.
struct Day {
    files: BTreeSet<String>,
    seen: OnceMoreSeen,
}

impl ChangeJob {
    /// Redrives, day by day, each a commit.
    ///
    /// # Errors
    /// Usage: there is no such table. Storage: a file is missing or damaged. Ledger, TryAgain and those of the stores. What was
    /// committed before an error stands.
    pub async fn redrive(&self, asked: &Redrive) -> Result<Changed<RedrivePlan>> {
        let mut so_far = SoFar::default();
        let mut unpublished;
        loop {
            let changed = self.next(asked, &mut so_far).await.map_err(|error| so_far.stands(error))?;
            unpublished = changed.unpublished;
            let Some(commit) = changed.commit else { break };
            if let Some(counts) = changed.plan {
                so_far.committed(commit, &counts);
            }
        }
        let plan = so_far.told();
        let commit = plan.commits.map(|[_, last]| last);
        Ok(Changed { plan, commit, unpublished })
    }

    async fn next(&self, asked: &Redrive, so_far: &mut SoFar) -> Result<Changed<Option<Committing>>> {
        let (ledger, snapshot) = self.open().await?;
        let plan = async |now: &Snapshot| self.plan_redrive(&ledger, asked, now, so_far).await;
        self.change(&ledger, snapshot, plan).await
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
        for (day, files) in days(now, asked) {
            if so_far.days.get(&day).is_some_and(|known| known.files.iter().eq(&files)) {
                continue;
            }
            let seen = run.look(now, &files).await?;
            if seen.files.is_empty() || !self.yes {
                so_far.days.insert(day, Day { files: files.into_iter().collect(), seen });
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

/// Live files of rejected records, in order, by day: all rejected records of an object are of one day, so that none of an object is
/// left closed by a commit that says that it was opened.
fn days(now: &Snapshot, asked: &Redrive) -> BTreeMap<Partition, Vec<String>> {
    let mut days: BTreeMap<Partition, Vec<String>> = BTreeMap::new();
    for (path, file) in now.live(FileSet::Rejected).filter(|(_, file)| asked.takes(file)) {
        days.entry(file.partition.clone()).or_default().push(path.to_owned());
    }
    days
}

impl Redrive {
    /// Whether the file's day is in the range.
    fn takes(&self, file: &LiveFile) -> bool {
        let Some(end) = file.partition.end(&[PartitionKey::by_day()]) else { return true };
        self.from.is_none_or(|from| end > from) && self.to.is_none_or(|to| end - TimeDelta::days(1) < to)
    }
}

impl SoFar {
    fn committed(&mut self, commit: u64, done: &Committing) {
        let sum = &mut self.done;
        let first = sum.commits.map_or(commit, |[first, _]| first);
        sum.commits = Some([first, commit]);
        sum.records += done.decoded;
        sum.decoded += done.decoded;
        sum.files_out += done.files;
        sum.rows += done.counts.rows_written;
        sum.rejected_inside += done.new;
        sum.expired += done.counts.expired;
    }

    /// An error after commits that stand.
    fn stands(&self, error: Error) -> Error {
        match self.done.commits {
            None => error,
            Some([first, last]) => error.context(format!("commits {first} to {last} of this redrive stand, and then")),
        }
    }

    /// What was done, and what there is besides, or would be done.
    fn told(self) -> RedrivePlan {
        let mut plan = self.done;
        // What was inside of failed records is seen again where it was committed, and was no record of before.
        let again = plan.rejected_inside;
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        for Day { files, seen } in self.days.into_values() {
            plan.files += files.len() as u64;
            plan.files_out += seen.files.len() as u64;
            plan.records += seen.records;
            plan.decoded += seen.decoded;
            plan.rows += seen.counts.rows_written;
            plan.expired += seen.counts.expired;
            plan.rejected_inside += rejected(&seen);
            seen.stays.into_iter().for_each(|(reason, count)| *reasons.entry(reason).or_default() += count);
        }
        plan.records = plan.records.saturating_sub(again);
        plan.stays = reasons.values().sum();
        plan.reasons = reasons.into_iter().collect();
        plan.reasons.sort_by(|(a, some), (b, more)| (more, a).cmp(&(some, b)));
        plan.reasons.truncate(REASONS);
        plan
    }
}

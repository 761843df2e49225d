//! Compacted objects of some delivery hours are read again, with the table's schema as it is pinned now: all files with records
//! of theirs are replaced, in one commit.

use super::change::{ChangeJob, Changed, Planned, Tally};
use super::compact::Watch;
use crate::compact::{BatchLimits, Run, Together, WorkLimits, together, unreadable};
use crate::error::{Error, Result};
use crate::landing::LandedObject;
use crate::ledger::{CompactedInput, Ledger, Snapshot, Waiting};
use crate::table::FileSet;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

/// What is to be read again, and how.
pub struct Rebuild {
    /// Delivery times: from the first on, before the second.
    pub delivered: Range<DateTime<Utc>>,
    /// Threads and memory.
    pub work: WorkLimits,
    /// Told what is read again, then as objects are done with.
    pub watch: Watch,
}

/// What a rebuild changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RebuildPlan {
    /// Compacted objects delivered in the range.
    pub objects_asked: u64,
    /// Objects that are read again: those, and all that share files with them.
    pub objects: u64,
    /// Their size.
    pub bytes: u64,
    /// Objects that have another etag or size than when they were compacted: what they hold now counts.
    pub changed: Vec<String>,
    /// Live files of the table that are replaced.
    pub files_out: Tally,
    /// Live files of rejected records that are replaced.
    pub rejected_out: Tally,
    /// What came out, once it was done.
    pub rebuilt: Option<Rebuilt>,
}

/// What came out of reading objects again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Files of both sets.
    pub files: u64,
    /// Records in the objects.
    pub records_read: u64,
    /// Rows of the table.
    pub rows_written: u64,
    /// Records that could not be decoded.
    pub records_rejected: u64,
    /// Rows and rejected records that were left out, because their partitions are expired.
    pub expired: u64,
}

impl ChangeJob {
    /// Rebuilds.
    ///
    /// # Errors
    /// Usage: there is no such table, or a landing prefix is gone. Unreadable: an object that must be read again cannot be; it is
    /// named. Ledger, TryAgain and those of the stores.
    pub async fn rebuild(&self, asked: &Rebuild) -> Result<Changed<RebuildPlan>> {
        let (ledger, snapshot) = self.open().await?;
        let plan = async |now: &Snapshot| self.plan_rebuild(&ledger, asked, now).await;
        self.change(&ledger, snapshot, plan).await
    }

    async fn plan_rebuild(&self, ledger: &Ledger, asked: &Rebuild, now: &Snapshot) -> Result<Planned<RebuildPlan>> {
        let delivered = now.compacted.all()?.iter().filter(|(_, input)| asked.delivered.contains(&input.delivered));
        let inputs: BTreeSet<String> = delivered.map(|(url, _)| url.clone()).collect();
        let objects_asked = inputs.len() as u64;
        let together = together(ledger, now, inputs).await?;
        let objects = self.objects(now, &together).await?;
        self.check_unasked(asked, now, &objects)?;
        let mut plan = RebuildPlan {
            objects_asked,
            objects: objects.len() as u64,
            bytes: objects.iter().map(|object| object.size).sum(),
            changed: objects.iter().filter(|object| is_changed(object, now)).map(|o| o.url.clone()).collect(),
            files_out: tally(now, &together, FileSet::Data),
            rejected_out: tally(now, &together, FileSet::Rejected),
            rebuilt: None,
        };
        if objects.is_empty() || !self.yes {
            return Ok((plan, None));
        }
        (asked.watch.planned)(plan.bytes, plan.objects);
        let run = Run {
            table: &self.folder(),
            ledger,
            schema: &now.schema()?,
            batch: BatchLimits::default(),
            work: asked.work,
            now: self.now,
            shard: None,
            writer: &self.writer,
            progress: &asked.watch.progress,
            opened: opened(now, &objects),
            expired_before: now.expired_before,
        };
        let commit = run.rebuild(&objects, &together.files).await?;
        plan.rebuilt = Some(Rebuilt {
            files: commit.add.len() as u64,
            records_read: commit.counts.records_read,
            rows_written: commit.counts.rows_written,
            records_rejected: commit.counts.records_rejected,
            expired: commit.counts.expired,
        });
        Ok((plan, Some(commit)))
    }

    /// What an object held that has changed since, only the lake has: who did not ask for that object must not lose it.
    fn check_unasked(&self, asked: &Rebuild, now: &Snapshot, objects: &[LandedObject]) -> Result<()> {
        let unasked = |object: &&LandedObject| !asked.delivered.contains(&object.delivered) && holds_other(object, now);
        let changed: Vec<&LandedObject> = objects.iter().filter(unasked).collect();
        let Some(first) = changed.first() else { return Ok(()) };
        let told = format!(
            "{} that was not asked for shares files with what was, and has changed since it was compacted: {}",
            if changed.len() == 1 { "an object".into() } else { format!("one of {} objects", changed.len()) },
            first.url
        );
        Err(Error::usage(told).hint(
            "nothing was changed. What it held then is only in the lake: put it back, or ask for its hour, too; then what it holds now counts",
        ))
    }

    /// The objects as they are in the landing zone now, oldest delivery first.
    async fn objects(&self, now: &Snapshot, together: &Together) -> Result<Vec<LandedObject>> {
        let looked = self.landed(now, together.inputs.iter().map(String::as_str)).await?;
        let (mut objects, mut gone) = (Vec::new(), Vec::new());
        for (url, object) in looked {
            match (object, now.compacted.get(url)?) {
                (Some(object), Some(CompactedInput { delivered, .. })) => {
                    objects.push(LandedObject { delivered: *delivered, ..object });
                }
                _ => gone.push(Waiting { url: url.into(), reason: "it is gone".into(), since: self.now }),
            }
        }
        if !gone.is_empty() {
            return Err(unreadable(&gone));
        }
        objects.sort_by(|a, b| (a.delivered, &a.url).cmp(&(b.delivered, &b.url)));
        Ok(objects)
    }
}

/// Those whose failed records a redrive has opened: they stay open.
fn opened(now: &Snapshot, objects: &[LandedObject]) -> HashSet<String> {
    let is =
        |object: &&LandedObject| now.compacted.get(&object.url).is_ok_and(|then| then.is_some_and(|then| then.opened));
    objects.iter().filter(is).map(|object| object.url.clone()).collect()
}

/// Another size, or in S3 another etag: local etags change with `touch`.
fn holds_other(object: &LandedObject, now: &Snapshot) -> bool {
    let size = now.compacted.get(&object.url).ok().flatten().map(|then| then.size);
    size != Some(object.size) || (object.local.is_none() && is_changed(object, now))
}

fn is_changed(object: &LandedObject, now: &Snapshot) -> bool {
    let other = |(then, now): (&String, &String)| then != now;
    let changed = |then: &CompactedInput| {
        then.size != object.size || then.etag.as_ref().zip(object.etag.as_ref()).is_some_and(other)
    };
    now.compacted.get(&object.url).is_ok_and(|then| then.is_some_and(changed)) // all are loaded here
}

fn tally(now: &Snapshot, together: &Together, set: FileSet) -> Tally {
    let mut tally = Tally::default();
    let files = together.files.iter().filter(|path| FileSet::of_path(path) == set);
    files.filter_map(|path| now.files.get(path)).for_each(|file| tally.add(file.rows, file.bytes));
    tally
}

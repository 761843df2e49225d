//! Merging one table, on its own: what the scheduled run does after compacting, and the publishing of it.

use super::status::no_table;
use super::tail;
use crate::catalog::{Catalog, Reach, publish};
use crate::compact::{MergeLimits, MergeRun, Merged, WorkLimits};
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::storage::{Location, RequestCounts, Stores};
use crate::table::TableId;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::sync::Arc;

/// What to merge.
pub struct MergeJob {
    /// The lake's folder.
    pub lake: Location,
    /// The table.
    pub table: TableId,
    /// Where it is published.
    pub catalog: Arc<dyn Catalog>,
    /// When files are merged, and how much at a time.
    pub limits: MergeLimits,
    /// Threads and memory.
    pub work: WorkLimits,
    /// Counts requests.
    pub stores: Stores,
    /// The clock: which partitions are closed.
    pub now: DateTime<Utc>,
    /// Who writes, for people who read the ledger.
    pub writer: String,
}

/// What was merged: the line that `merge --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct MergeSummary {
    /// First and last commit; none where nothing was to merge.
    pub commits: Option<[u64; 2]>,
    /// Partitions that have fewer files now, of both tables.
    pub partitions: u64,
    /// Files that were replaced.
    pub files_merged: u64,
    /// Files that replaced them.
    pub files_written: u64,
    /// The size of those.
    pub bytes_written: u64,
    /// Whether the catalog says what the ledger says.
    pub published: bool,
    /// Requests to AWS by kind, each retry too; all zero where everything is on this machine.
    pub requests: RequestCounts,
}

/// What was merged, and what went less than well. What is committed stands.
#[derive(Debug, Default)]
pub struct MergeReport {
    /// The counts.
    pub summary: MergeSummary,
    /// Why merging ended early, why the catalog does not say what the ledger says, why there is no checkpoint.
    pub failed: Vec<Error>,
}

impl MergeJob {
    /// Merges what is due and publishes.
    ///
    /// # Errors
    /// Usage: there is no such table. Ledger, and those of the store, where the ledger cannot be read.
    pub async fn run(&self) -> Result<MergeReport> {
        let before = self.stores.requests();
        let folder = self.lake.join(self.table.database()).join(self.table.table());
        let ledger = Ledger::new(&folder);
        let mut snapshot = ledger.load().await?.ok_or_else(|| no_table(&self.lake, &self.table))?;
        tail::check(&self.table, self.catalog.as_ref(), &ledger, &mut snapshot).await?;
        let (mut merged, mut report) = (Merged::default(), MergeReport::default());
        let run = MergeRun {
            table: &folder,
            ledger: &ledger,
            work: self.work,
            limits: self.limits,
            shard: None,
            now: self.now,
            writer: &self.writer,
        };
        report.failed.extend(run.merge(&mut snapshot, &mut merged).await.err());
        report.summary = MergeSummary::of(&merged);
        match publish(&self.table, &folder, &ledger, self.catalog.as_ref(), &mut snapshot, Reach::Changed).await {
            Ok(_) => report.summary.published = true,
            Err(error) => {
                report.failed.push(error.context(format!("{} is committed, publishing is pending", self.table)));
            }
        }
        if snapshot.checkpoint_is_due() {
            let told = || format!("{} has no new checkpoint, so that loading it takes longer", self.table);
            report.failed.extend(ledger.checkpoint(&mut snapshot).await.err().map(|error| error.context(told())));
        }
        report.summary.requests = self.stores.requests().since(&before);
        Ok(report)
    }
}

impl MergeSummary {
    fn of(merged: &Merged) -> Self {
        MergeSummary {
            commits: merged.numbers(),
            partitions: merged.partitions.len() as u64,
            files_merged: merged.files_merged,
            files_written: merged.files_written,
            bytes_written: merged.bytes_written,
            ..Default::default()
        }
    }
}

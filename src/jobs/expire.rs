//! Old partitions are taken out, rows and rejected records. Their inputs stay compacted, so nothing brings them back; the files
//! are deleted later, by gc.

use super::change::{ChangeJob, Changed, PartitionMove, Planned, moves};
use crate::error::{Error, Result};
use crate::ledger::{Action, Commit, LiveFile, Snapshot};
use crate::table::{FileSet, PartitionKey};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// What an expire changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpirePlan {
    /// Partitions that end at this time or before go.
    pub expired_before: DateTime<Utc>,
    /// The bound of an earlier expire, where this one moves it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_back: Option<DateTime<Utc>>,
    /// The partitions that change.
    pub partitions: Vec<PartitionMove>,
}

impl ChangeJob {
    /// Takes out partitions that ended at least so long ago.
    ///
    /// # Errors
    /// Usage: there is no such table, its partitions have no time, or the span is longer than the calendar. Ledger, TryAgain and
    /// those of the store.
    pub async fn expire(&self, older_than: TimeDelta) -> Result<Changed<ExpirePlan>> {
        self.expire_by(older_than, false).await
    }

    /// The same; and where the bound of an earlier expire is later, it moves back, so that a rebuild brings in again what that
    /// one took out.
    ///
    /// # Errors
    /// Those of [`expire`](Self::expire).
    pub async fn expire_less(&self, older_than: TimeDelta) -> Result<Changed<ExpirePlan>> {
        self.expire_by(older_than, true).await
    }

    async fn expire_by(&self, older_than: TimeDelta, lower: bool) -> Result<Changed<ExpirePlan>> {
        let (ledger, snapshot) = self.open().await?;
        let bound = self.now.checked_sub_signed(older_than);
        let bound = bound.ok_or_else(|| Error::usage(format!("{older_than} is longer than the calendar reaches")))?;
        let plan = async |now: &Snapshot| self.plan_expire(bound, lower, now);
        self.change(&ledger, snapshot, plan).await
    }

    fn plan_expire(&self, bound: DateTime<Utc>, lower: bool, now: &Snapshot) -> Result<Planned<ExpirePlan>> {
        let keys = now.schema()?.partitions;
        if keys.is_empty() {
            return Err(Error::usage(format!("{} has no partitions, so nothing tells which of its rows are old", self.table))
                .hint("nothing was changed. A table expires by its partitions' time: its schema needs a [[partition]], which a table gets when it is made"));
        }
        let by_day = [PartitionKey::by_day()];
        let is_old = |path: &str, file: &LiveFile| {
            let keys = if FileSet::of_path(path) == FileSet::Data { &keys[..] } else { &by_day };
            file.partition.end(keys).is_some_and(|end| end <= bound)
        };
        let old = now.files.iter().map(|(path, file)| (path.as_str(), file)).filter(|(path, file)| is_old(path, file));
        let old: Vec<(&str, &LiveFile)> = old.collect();
        let moved_back = now.expired_before.filter(|before| lower && *before > bound);
        let expired_before = if lower { Some(bound) } else { now.expired_before.max(Some(bound)) };
        let commit = (!old.is_empty() || moved_back.is_some()).then(|| Commit {
            expired_before,
            remove: old.iter().map(|(path, _)| (*path).to_owned()).collect(),
            ..Commit::new(Action::Expire, self.now, &self.writer)
        });
        Ok((ExpirePlan { expired_before: bound, moved_back, partitions: moves(old, []) }, commit))
    }
}

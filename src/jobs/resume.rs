//! The end of a rollback's hold: the next run of compact takes again what the rollback took out.

use super::change::{ChangeJob, Changed};
use crate::error::Result;
use crate::ledger::{Action, Commit, Ledger, Snapshot};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// Why nothing is compacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// The rollback.
    pub commit: u64,
    /// When it was written, by its writer's clock.
    pub at: Option<DateTime<Utc>>,
    /// The commit whose state it brought back.
    pub to: Option<u64>,
}

impl Hold {
    /// The hold that a table is on.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn of(ledger: &Ledger, snapshot: &Snapshot) -> Result<Option<Hold>> {
        let Some(number) = snapshot.hold else { return Ok(None) };
        let rollback = ledger.commit(number).await?;
        let (at, to) = rollback.map(|rollback| (rollback.at, rollback.to)).unzip();
        Ok(Some(Hold { commit: number, at, to: to.flatten() }))
    }
}

/// What a resume changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResumePlan {
    /// The hold that ends; none where the table is on none.
    pub hold: Option<Hold>,
    /// Objects that wait: the next run of compact tries them.
    pub objects_waiting: u64,
}

impl ChangeJob {
    /// Ends the hold.
    ///
    /// # Errors
    /// Usage: there is no such table. Ledger, TryAgain and those of the store.
    pub async fn resume(&self) -> Result<Changed<ResumePlan>> {
        let (ledger, snapshot) = self.open().await?;
        let plan = async |now: &Snapshot| {
            let hold = Hold::of(&ledger, now).await?;
            let resumes = hold.as_ref().map(|hold| hold.commit);
            let commit = resumes.map(|_| Commit { resumes, ..Commit::new(Action::Resume, self.now, &self.writer) });
            Ok((ResumePlan { hold, objects_waiting: now.waiting.len() as u64 }, commit))
        };
        self.change(&ledger, snapshot, plan).await
    }
}

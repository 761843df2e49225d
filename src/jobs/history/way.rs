//! An object's way through the commits: brought, rebuilt, taken out, brought back; and the files that hold its records now.

use super::{MadeFile, missing};
use crate::error::Result;
use crate::ledger::{Action, Commit, Input, Ledger, Snapshot};
use crate::table::FileSet;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use serde::Serialize;

/// Commits that were written so long before an object was delivered say nothing of it, however wrong their writer's clock was.
const BEFORE_DELIVERY: TimeDelta = TimeDelta::days(1);

/// What one commit did with an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The commit.
    pub commit: u64,
    /// When, by the writer's clock.
    pub at: DateTime<Utc>,
    /// What it did.
    #[serde(flatten)]
    pub what: What,
}

/// What a commit can do with an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum What {
    /// It was read, and its records became live.
    Compacted {
        /// Records in it.
        records: u64,
    },
    /// It was read again, and its records replaced.
    Rebuilt {
        /// Records in it.
        records: u64,
    },
    /// Its rejected records were decoded once more.
    Redriven {
        /// Records in it since.
        records: u64,
        /// How many of them are still rejected.
        rejected: u64,
    },
    /// A rollback took its records out.
    TakenOut {
        /// The commit that was rolled back to.
        to: Option<u64>,
    },
    /// A rollback made its records live again, as an earlier commit had them.
    BroughtBack {
        /// The commit that was rolled back to.
        to: Option<u64>,
    },
    /// It could not be read.
    Waits {
        /// Why.
        reason: String,
    },
    /// It waited, and was deleted before it could be read.
    Gone,
}

/// All that the commits say of an object.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Newest first.
    pub(super) steps: Vec<Step>,
    /// Files with records of it: the live ones, or else those of the newest commit that wrote any.
    pub(super) files: Vec<MadeFile>,
    /// The object as the newest commit has it that made one of `files`.
    pub(super) read: Option<(u64, DateTime<Utc>, Input)>,
}

impl Way {
    /// Reads commits from the newest on; of an object that was delivered at a known time and was read, to those before that.
    pub(super) async fn of(
        ledger: &Ledger,
        snapshot: &Snapshot,
        url: &str,
        delivered: Option<DateTime<Utc>>,
    ) -> Result<Way> {
        let mut way = Way::default();
        let mut commits = std::pin::pin!(ledger.each((0..=snapshot.head).rev()));
        while let Some((number, commit)) = commits.next().await {
            let commit = commit?.ok_or_else(|| missing(ledger, number))?;
            if delivered.is_some_and(|delivered| way.read.is_some() && commit.at + BEFORE_DELIVERY < delivered) {
                break;
            }
            way.steps.extend(step(&commit, url));
            way.read_files(&commit, snapshot, url);
        }
        Ok(way)
    }

    fn read_files(&mut self, commit: &Commit, snapshot: &Snapshot, url: &str) {
        let of_object = commit.add.iter().filter(|file| commit.inputs_of(file).contains(&url));
        let made: Vec<MadeFile> = of_object
            .map(|file| MadeFile {
                path: file.path.clone(),
                rejected: FileSet::of_path(&file.path) == FileSet::Rejected,
                rows: file.rows,
                inputs: file.inputs.len() as u64,
                live: snapshot.files.contains_key(&file.path),
            })
            .collect();
        let (known_live, is_live) = (self.files.iter().any(|file| file.live), made.iter().any(|file| file.live));
        let named = commit.inputs.iter().find(|input| input.url == url);
        if !known_live && (is_live || self.files.is_empty()) {
            self.files = made;
        } else {
            self.files.extend(made.into_iter().filter(|file| file.live && is_live));
        }
        let reads = !matches!(commit.action, Action::Rollback | Action::Redrive)
            && (self.read.is_none() || (is_live && !known_live));
        if let (true, Some(input)) = (reads, named) {
            self.read = Some((commit.number, commit.at, input.clone()));
        }
    }
}

fn step(commit: &Commit, url: &str) -> Option<Step> {
    let input = commit.inputs.iter().find(|input| input.url == url);
    let waits = commit.waiting.iter().find(|waiting| waiting.url == url);
    let what = match (commit.action, input) {
        (Action::Rollback, Some(_)) => What::BroughtBack { to: commit.to },
        (Action::Rebuild, Some(input)) => What::Rebuilt { records: input.records },
        (Action::Redrive, Some(input)) => What::Redriven { records: input.records, rejected: input.rejected },
        (_, Some(input)) => What::Compacted { records: input.records },
        (Action::Rollback, None) if commit.taken_out.iter().any(|out| out == url) => What::TakenOut { to: commit.to },
        _ if commit.gone.iter().any(|gone| gone.url == url) => What::Gone,
        _ => What::Waits { reason: waits?.reason.clone() },
    };
    Some(Step { commit: commit.number, at: commit.at, what })
}

//! What happened to a table: its commits, and where one object's records went or one file came from.

mod way;

pub use way::{Step, What};

use super::status::no_table;
use crate::error::{Error, Result};
use crate::landing;
use crate::ledger::{Action, Commit, DataFile, Input, Ledger, Snapshot, Waiting};
use crate::storage::{Location, Stores};
use crate::table::TableId;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use serde::Serialize;
use uuid::Uuid;
use way::Way;

/// A table whose history is told.
pub struct HistoryJob {
    /// The lake's folder.
    pub lake: Location,
    /// The table.
    pub table: TableId,
    /// Landing prefixes that are open already; the others of the ledger are opened by `stores`.
    pub landing: Vec<Location>,
    /// Opens landing prefixes.
    pub stores: Stores,
}

/// One commit in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedCommit {
    /// Its number.
    pub commit: u64,
    /// The writer's clock.
    pub at: DateTime<Utc>,
    /// What it does.
    pub action: Action,
    /// Landed objects that it compacted.
    pub objects: u64,
    /// Records in them.
    pub records: u64,
    /// Rows that it wrote.
    pub rows: u64,
    /// Records that it rejected.
    pub rejected: u64,
    /// Of its rows, those of records that were repaired.
    pub repaired: u64,
    /// Files that it made live.
    pub files: u64,
    /// Files that it replaced.
    pub removed: u64,
    /// Objects that it found unreadable.
    pub waiting: u64,
    /// Objects that it gave up, because they were deleted before they could be read.
    #[serde(skip_serializing_if = "is_zero")]
    pub gone: u64,
    /// `rollback`: the commit whose state it brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// `rollback`: objects that are no longer compacted.
    #[serde(skip_serializing_if = "is_zero")]
    pub taken_out: u64,
    /// `resume`: the rollback whose hold ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumes: Option<u64>,
    /// `expire`: the bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired_before: Option<DateTime<Utc>>,
    /// `rebuild`: rows and rejected records that it left out, because their partitions are expired.
    #[serde(skip_serializing_if = "is_zero")]
    pub expired: u64,
    /// `evolve`: what became of the schema.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schema_changes: Vec<String>,
    /// `condemn`: folders that gc may delete later.
    #[serde(skip_serializing_if = "is_zero")]
    pub condemned: u64,
    /// `condemn`: folders that gc has deleted.
    #[serde(skip_serializing_if = "is_zero")]
    pub deleted: u64,
    /// Who wrote it.
    pub writer: String,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What became of a landed object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ObjectHistory {
    /// Its records are in files.
    Compacted {
        /// The commit that brought it.
        commit: u64,
        /// When, by the writer's clock.
        at: DateTime<Utc>,
        /// The object as it was then.
        input: Input,
        /// The files that its records went into.
        files: Vec<MadeFile>,
    },
    /// It could not be read, and is tried again by each run.
    Waiting {
        /// Since when, and why.
        waiting: Waiting,
    },
    /// It waited, and was deleted before it could be read.
    Gone {
        /// The commit that gave it up.
        commit: u64,
        /// When, and why.
        gone: Waiting,
    },
    /// It is in the landing zone, and no run has taken it yet.
    Landed {
        /// When it was delivered.
        delivered: DateTime<Utc>,
        /// Its size.
        size: u64,
    },
    /// No commit names it, and it is not in the landing zone.
    Unknown,
}

/// A file that an object's records went into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MadeFile {
    /// Relative to the table's folder.
    pub path: String,
    /// Whether it holds rejected records.
    pub rejected: bool,
    /// Its rows, also those of other objects.
    pub rows: u64,
    /// How many objects have records in it.
    pub inputs: u64,
    /// Whether readers read it; if not, a later commit has put its rows into another file.
    pub live: bool,
}

/// Where a file came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileHistory {
    /// Relative to the table's folder.
    pub path: String,
    /// The commit that made it live.
    pub commit: u64,
    /// When, by the writer's clock.
    pub at: DateTime<Utc>,
    /// The attempt that wrote it.
    pub attempt: Option<Uuid>,
    /// Its partition.
    pub partition: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Whether readers read it.
    pub live: bool,
    /// The commit that replaced it.
    pub removed_by: Option<u64>,
    /// The rollback that made it live again, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brought_back_by: Option<u64>,
    /// The objects that have records in it.
    pub inputs: Vec<String>,
}

impl HistoryJob {
    fn folder(&self) -> Location {
        self.lake.join(self.table.database()).join(self.table.table())
    }

    /// The newest commits, newest first. Reads no more than those.
    ///
    /// # Errors
    /// Usage: there is no such table. Ledger: one of these commits is missing or damaged.
    pub async fn commits(&self, limit: usize) -> Result<Vec<ListedCommit>> {
        let ledger = Ledger::new(&self.folder());
        let head = ledger.numbers().await?.last().copied().ok_or_else(|| no_table(&self.lake, &self.table))?;
        let mut commits = std::pin::pin!(ledger.each((0..=head).rev().take(limit)));
        let mut listed = Vec::new();
        while let Some((number, commit)) = commits.next().await {
            listed.push(ListedCommit::from(&commit?.ok_or_else(|| missing(&ledger, number))?));
        }
        Ok(listed)
    }

    /// What became of the object with this canonical URL.
    ///
    /// # Errors
    /// Usage: there is no such table. Ledger, and those of the stores.
    pub async fn object(&self, url: &str) -> Result<ObjectHistory> {
        Ok(self.story(url).await?.0)
    }

    /// What became of it, and what each commit did with it, newest first. Of an object that is compacted,
    /// only commits since its delivery are read.
    ///
    /// # Errors
    /// Those of [`object`](Self::object).
    pub async fn story(&self, url: &str) -> Result<(ObjectHistory, Vec<Step>)> {
        let (ledger, snapshot) = self.load().await?;
        let compacted = snapshot.compacted.get(url)?;
        let way = Way::of(&ledger, &snapshot, url, compacted.map(|compacted| compacted.delivered)).await?;
        if compacted.is_some() {
            let Some((commit, at, input)) = way.read else {
                return Err(Error::internal(format!("no commit names {url}, which is compacted")));
            };
            return Ok((ObjectHistory::Compacted { commit, at, input, files: way.files }, way.steps));
        }
        let gone = way.steps.iter().find(|step| step.what == What::Gone).map(|step| step.commit);
        if let Some(waiting) = snapshot.waiting.get(url) {
            return Ok((ObjectHistory::Waiting { waiting: waiting.clone() }, way.steps));
        }
        if let Some(landed) = self.landed(&snapshot, url).await? {
            return Ok((landed, way.steps));
        }
        let gone = match gone {
            Some(number) => ledger.commit(number).await?,
            None => None,
        };
        let gone = gone.and_then(|commit| Some((commit.number, commit.gone.into_iter().find(|gone| gone.url == url)?)));
        let state = gone.map_or(ObjectHistory::Unknown, |(commit, gone)| ObjectHistory::Gone { commit, gone });
        Ok((state, way.steps))
    }

    async fn landed(&self, snapshot: &Snapshot, url: &str) -> Result<Option<ObjectHistory>> {
        for prefix in &snapshot.pins.landing {
            if landing::below(prefix, url).is_none() {
                continue;
            }
            let prefix = self.stores.open_like(prefix, &self.landing).await?;
            if let Some(object) = landing::head(&prefix, url).await? {
                return Ok(Some(ObjectHistory::Landed { delivered: object.delivered, size: object.size }));
            }
        }
        Ok(None)
    }

    /// Where a file came from: by its URL or path, its path below the table's folder, or its name alone. A published copy
    /// has the name of the file that it is a copy of.
    ///
    /// # Errors
    /// Usage: there is no such table, or no commit ever named such a file. Ledger, and those of the store.
    pub async fn file(&self, path: &str) -> Result<FileHistory> {
        let (ledger, snapshot) = self.load().await?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let named = |file: &DataFile| file.path.rsplit('/').next() == Some(name);
        let live = snapshot.files.iter().find(|(path, _)| path.rsplit('/').next() == Some(name));
        let made = |commit: &Commit| commit.action != Action::Rollback && commit.add.iter().any(named);
        let found = match live {
            Some((_, file)) => ledger.commit(file.origin).await?,
            None => find(&ledger, &snapshot, |commit| made(commit).then_some(())).await?.map(|(commit, ())| commit),
        };
        let found = found.and_then(|commit| Some((commit.add.iter().find(|file| named(file))?.clone(), commit)));
        let Some((file, commit)) = found else {
            return Err(Error::usage(format!("no commit of {} names a file {name}", self.table)).hint(
                "files that no commit names are left over from runs that were interrupted, and count for nothing",
            ));
        };
        let removed_by = match live {
            Some(_) => None,
            None => find(&ledger, &snapshot, |commit| commit.remove.contains(&file.path).then_some(())).await?,
        };
        Ok(FileHistory {
            commit: commit.number,
            at: commit.at,
            attempt: commit.attempt,
            partition: file.partition.path().into(),
            rows: file.rows,
            bytes: file.bytes,
            live: live.is_some(),
            removed_by: removed_by.map(|(commit, ())| commit.number),
            brought_back_by: live.filter(|(_, live)| live.commit != live.origin).map(|(_, live)| live.commit),
            inputs: commit.inputs_of(&file).into_iter().map(str::to_owned).collect(),
            path: file.path,
        })
    }

    async fn load(&self) -> Result<(Ledger, Snapshot)> {
        let ledger = Ledger::new(&self.folder());
        match ledger.load().await? {
            Some(snapshot) => Ok((ledger, snapshot)),
            None => Err(no_table(&self.lake, &self.table)),
        }
    }
}

/// The newest commit that `what` finds something in. Reads commits from the newest on, and no more than it must.
async fn find<T>(
    ledger: &Ledger,
    snapshot: &Snapshot,
    what: impl Fn(&Commit) -> Option<T>,
) -> Result<Option<(Commit, T)>> {
    let mut commits = std::pin::pin!(ledger.each((0..=snapshot.head).rev()));
    while let Some((number, commit)) = commits.next().await {
        let commit = commit?.ok_or_else(|| missing(ledger, number))?;
        if let Some(found) = what(&commit) {
            return Ok(Some((commit, found)));
        }
    }
    Ok(None)
}

fn missing(ledger: &Ledger, number: u64) -> Error {
    Error::ledger(format!("commit {} is missing", ledger.url_of(number)))
        .hint("firelake verify says what is wrong with the ledger, and what to do")
}

impl From<&Commit> for ListedCommit {
    fn from(commit: &Commit) -> Self {
        ListedCommit {
            commit: commit.number,
            at: commit.at,
            action: commit.action,
            objects: commit.inputs.len() as u64,
            records: commit.counts.records_read,
            rows: commit.counts.rows_written,
            rejected: commit.counts.records_rejected,
            repaired: commit.counts.repaired,
            files: commit.add.len() as u64,
            removed: commit.remove.len() as u64,
            waiting: commit.waiting.len() as u64,
            gone: commit.gone.len() as u64,
            to: commit.to,
            taken_out: commit.taken_out.len() as u64,
            resumes: commit.resumes,
            expired_before: commit.expired_before,
            expired: commit.counts.expired,
            schema_changes: commit.schema.as_ref().map(|schema| schema.changes.clone()).unwrap_or_default(),
            condemned: commit.condemned.len() as u64,
            deleted: commit.deleted.len() as u64,
            writer: commit.writer.clone(),
        }
    }
}

//! The state of a table after a commit: the fold of all commits up to it.

use super::checkpoint::Base;
use super::commit::{Action, ColumnStats, Commit, Pins, Waiting};
use crate::error::{Error, Result};
use crate::table::{FileSet, Partition, TableSchema};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// What is true of a table after its commit [`head`](Self::head).
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The newest commit in this state.
    pub head: u64,
    /// Its id, drawn by its writer.
    pub id: Uuid,
    /// What the table is, with every evolution and every added landing prefix.
    pub pins: Pins,
    /// Live files of both sets by path.
    pub files: BTreeMap<String, LiveFile>,
    /// Objects that are compacted, by canonical URL.
    pub compacted: HashMap<String, CompactedInput>,
    /// Objects that could not be read, by canonical URL. Never one that is compacted.
    pub waiting: BTreeMap<String, Waiting>,
    /// The commit that last changed each partition of each set, also where none of its files is left.
    pub changed: BTreeMap<(FileSet, Partition), u64>,
    /// When every landed object was last listed, by the clock of the run that did it.
    pub full_listing_at: Option<DateTime<Utc>>,
    /// The checkpoint that it was loaded from.
    pub(super) base: Base,
}

/// A file that a reader of this snapshot reads.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveFile {
    /// Its partition.
    pub partition: Partition,
    /// Rows in it.
    pub rows: u64,
    /// Size of it.
    pub bytes: u64,
    /// What is known of its columns.
    pub stats: BTreeMap<String, ColumnStats>,
    /// The commit that made it live.
    pub commit: u64,
    /// The attempt that wrote it.
    pub attempt: Uuid,
}

/// What a snapshot keeps of a compacted object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactedInput {
    /// Its etag when it was read.
    pub etag: Option<String>,
    /// Its size when it was read.
    pub size: u64,
    /// When it was delivered.
    pub delivered: DateTime<Utc>,
    /// The commit that compacted it.
    pub commit: u64,
}

impl Snapshot {
    /// The state after commit 0.
    ///
    /// # Errors
    /// Ledger: `first` is not a `create` commit 0.
    pub fn begin(first: &Commit) -> Result<Self> {
        match &first.pins {
            Some(pins) if first.action == Action::Create && first.number == 0 => Ok(Snapshot {
                head: 0,
                id: first.id,
                pins: pins.clone(),
                files: BTreeMap::new(),
                compacted: HashMap::new(),
                waiting: BTreeMap::new(),
                changed: BTreeMap::new(),
                full_listing_at: None,
                base: Base::default(),
            }),
            _ => Err(broken(first, "the ledger does not begin with a create commit".into())),
        }
    }

    /// Adds the next commit to this state.
    ///
    /// # Errors
    /// Ledger: the commit is not the next one, compacts an object twice, adds a path twice, or removes what is not live.
    /// Such a ledger was not written by this protocol.
    pub fn apply(&mut self, commit: &Commit) -> Result<()> {
        if commit.number != self.head + 1 {
            return Err(broken(commit, format!("it follows commit {}", self.head)));
        }
        match (commit.action, &commit.landing) {
            (Action::Create, _) => return Err(broken(commit, "a second create commit".into())),
            (Action::AddLanding, Some(landing)) => self.pins.landing.push(landing.clone()),
            (Action::AddLanding, None) => return Err(broken(commit, "it names no landing prefix".into())),
            (Action::Add, _) => {}
        }
        self.apply_files(commit)?;
        self.apply_inputs(commit)?;
        self.full_listing_at = commit.full_listing_at.or(self.full_listing_at);
        self.head = commit.number;
        self.id = commit.id;
        Ok(())
    }

    fn apply_files(&mut self, commit: &Commit) -> Result<()> {
        for path in &commit.remove {
            let Some(file) = self.files.remove(path) else {
                return Err(broken(commit, format!("it removes {path}, which is not live")));
            };
            self.changed.insert((FileSet::of_path(path), file.partition), commit.number);
        }
        for file in &commit.add {
            let Some(attempt) = commit.attempt else {
                return Err(broken(commit, "it adds files of no attempt".into()));
            };
            let live = LiveFile {
                partition: file.partition.clone(),
                rows: file.rows,
                bytes: file.bytes,
                stats: file.stats.clone(),
                commit: commit.number,
                attempt,
            };
            if self.files.insert(file.path.clone(), live).is_some() {
                return Err(broken(commit, format!("it adds {} a second time", file.path)));
            }
            self.changed.insert((FileSet::of_path(&file.path), file.partition.clone()), commit.number);
        }
        Ok(())
    }

    fn apply_inputs(&mut self, commit: &Commit) -> Result<()> {
        for input in &commit.inputs {
            let compacted = CompactedInput {
                etag: input.etag.clone(),
                size: input.size,
                delivered: input.delivered,
                commit: commit.number,
            };
            if let Some(earlier) = self.compacted.insert(input.url.clone(), compacted) {
                return Err(broken(
                    commit,
                    format!("{} is compacted already, by commit {}", input.url, earlier.commit),
                ));
            }
            self.waiting.remove(&input.url);
        }
        for gone in &commit.gone {
            self.waiting.remove(&gone.url);
        }
        for waiting in &commit.waiting {
            if !self.compacted.contains_key(&waiting.url) {
                self.waiting.insert(waiting.url.clone(), waiting.clone());
            }
        }
        Ok(())
    }

    /// The table's schema, as pinned.
    ///
    /// # Errors
    /// Usage, where a newer firelake wrote a schema that this one does not read.
    pub fn schema(&self) -> Result<TableSchema> {
        TableSchema::parse(&self.pins.schema_name, "pinned in the ledger", &self.pins.schema)
    }

    /// The live files of one set, with their paths.
    pub fn live(&self, set: FileSet) -> impl Iterator<Item = (&str, &LiveFile)> {
        let live = self.files.iter().filter(move |(path, _)| FileSet::of_path(path) == set);
        live.map(|(path, file)| (path.as_str(), file))
    }

    /// The newest delivery time of what is compacted.
    pub fn newest_delivery(&self) -> Option<DateTime<Utc>> {
        self.compacted.values().map(|input| input.delivered).max()
    }
}

fn broken(commit: &Commit, what: String) -> Error {
    Error::ledger(format!("commit {} does not fit the ledger: {what}", commit.number))
        .hint("nothing was changed; restore the table's _ledger folder from a backup, or report this")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{DataFile, Input};

    fn begun() -> Snapshot {
        let pins =
            Pins { schema_name: "s".into(), schema: String::new(), landing: vec!["l".into()], catalog: "file".into() };
        Snapshot::begin(&Commit { pins: Some(pins), ..commit(0, Action::Create) }).unwrap()
    }

    fn commit(number: u64, action: Action) -> Commit {
        Commit { number, ..Commit::new(action, DateTime::UNIX_EPOCH, "test") }
    }

    fn input(url: &str) -> Input {
        Input { url: url.into(), etag: None, size: 1, delivered: DateTime::UNIX_EPOCH, records: 0, rejected: 0 }
    }

    fn waiting(url: &str) -> Waiting {
        Waiting { url: url.into(), reason: "cut".into(), since: DateTime::UNIX_EPOCH }
    }

    fn file(path: &str) -> DataFile {
        DataFile {
            path: path.into(),
            partition: "dt=1".into(),
            rows: 0,
            bytes: 1,
            inputs: vec![],
            stats: BTreeMap::new(),
        }
    }

    #[test]
    fn what_waits_is_void_where_it_is_compacted() {
        let mut state = begun();
        state.apply(&Commit { waiting: vec![waiting("a"), waiting("b")], ..commit(1, Action::Add) }).unwrap();
        state.apply(&Commit { inputs: vec![input("a")], ..commit(2, Action::Add) }).unwrap();
        state.apply(&Commit { waiting: vec![waiting("a")], ..commit(3, Action::Add) }).unwrap();
        assert_eq!(state.waiting.keys().collect::<Vec<_>>(), ["b"]);
        state.apply(&Commit { gone: vec![waiting("b")], ..commit(4, Action::Add) }).unwrap();
        assert!(state.waiting.is_empty());
    }

    #[test]
    fn files_come_and_go_and_partitions_remember_when() {
        let mut state = begun();
        let attempt = Some(Uuid::nil());
        state
            .apply(&Commit { attempt, add: vec![file("data/x"), file("rejected/y")], ..commit(1, Action::Add) })
            .unwrap();
        state.apply(&Commit { remove: vec!["data/x".into()], ..commit(2, Action::Add) }).unwrap();
        assert_eq!(state.live(FileSet::Data).count(), 0);
        assert_eq!(state.live(FileSet::Rejected).count(), 1);
        assert_eq!(state.changed[&(FileSet::Data, "dt=1".into())], 2);
        assert_eq!(state.changed[&(FileSet::Rejected, "dt=1".into())], 1);
    }

    #[test]
    fn a_ledger_that_this_protocol_cannot_write_is_refused() {
        let mut state = begun();
        let attempt = Some(Uuid::nil());
        state
            .apply(&Commit { attempt, inputs: vec![input("a")], add: vec![file("data/x")], ..commit(1, Action::Add) })
            .unwrap();
        let wrong = [
            commit(3, Action::Add),
            commit(2, Action::Create),
            commit(2, Action::AddLanding),
            Commit { inputs: vec![input("a")], ..commit(2, Action::Add) },
            Commit { attempt, add: vec![file("data/x")], ..commit(2, Action::Add) },
            Commit { add: vec![file("data/z")], ..commit(2, Action::Add) },
            Commit { remove: vec!["data/z".into()], ..commit(2, Action::Add) },
        ];
        for commit in wrong {
            assert!(state.clone().apply(&commit).is_err(), "{commit:?}");
        }
    }
}

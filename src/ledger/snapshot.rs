//! The state of a table after a commit: the fold of all commits up to it.

use super::brought::{self, Brought};
use super::checkpoint::Base;
use super::commit::{Action, ColumnStats, Commit, Pins, Waiting, attempt_of};
use super::compacted::Compacted;
use crate::error::{Error, Result};
use crate::sabotage::{Broken, broken};
use crate::table::{FileSet, Partition, TableSchema};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashSet};
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
    /// The commit that pinned the schema: 0, or the last one that evolved it.
    pub schema_commit: u64,
    /// Live files of both sets by path.
    pub files: BTreeMap<String, LiveFile>,
    /// Objects that are compacted.
    pub compacted: Compacted,
    /// Below which landing prefixes objects were brought, and the newest delivery of each.
    pub(super) brought: Vec<Brought>,
    /// Objects that could not be read, by canonical URL. Never one that is compacted.
    pub waiting: BTreeMap<String, Waiting>,
    /// The commit that last changed each partition of each set, also where none of its files is left.
    pub changed: BTreeMap<(FileSet, Partition), u64>,
    /// When every landed object was last listed, by the clock of the run that did it.
    pub full_listing_at: Option<DateTime<Utc>>,
    /// When all of a share of the landed objects was last listed, by the share's name.
    pub shard_listings: BTreeMap<String, DateTime<Utc>>,
    /// The rollback that put the table on hold: nothing is compacted until it is resumed.
    pub hold: Option<u64>,
    /// Partitions that end at this time or before are expired: a rebuild brings nothing back into them.
    pub expired_before: Option<DateTime<Utc>>,
    /// Folders that were condemned and are not known to be deleted, with the commit that did it.
    pub condemned: BTreeMap<String, u64>,
    /// What it was loaded from.
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
    /// The commit that made it live: the last one, where a rollback brought it back.
    pub commit: u64,
    /// The commit that its attempt made, which names its inputs.
    pub origin: u64,
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
    /// Rows of it that were repaired.
    pub repaired: u64,
    /// The commit that compacted it, or the last redrive that read its rejected records.
    pub commit: u64,
    /// Whether failed records of Firehose in it were opened.
    pub opened: bool,
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
                schema_commit: 0,
                files: BTreeMap::new(),
                compacted: Compacted::default(),
                brought: Vec::new(),
                waiting: BTreeMap::new(),
                changed: BTreeMap::new(),
                full_listing_at: None,
                shard_listings: BTreeMap::new(),
                hold: None,
                expired_before: None,
                condemned: BTreeMap::new(),
                base: Base::default(),
            }),
            _ => Err(broken_ledger(first, "the ledger does not begin with a create commit".into())),
        }
    }

    /// Adds the next commit to this state, whole or not at all.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn apply(&mut self, commit: &Commit) -> Result<()> {
        self.check(commit)?;
        match commit.action {
            Action::AddLanding => self.pins.landing.extend(commit.landing.clone()),
            Action::Rollback => (self.hold, self.expired_before) = (Some(commit.number), commit.expired_before),
            Action::Resume => self.hold = None,
            Action::Expire => self.expired_before = commit.expired_before,
            Action::Evolve => {
                if let Some(schema) = &commit.schema {
                    self.pins.schema_name.clone_from(&schema.name);
                    self.pins.schema.clone_from(&schema.text);
                    self.schema_commit = commit.number;
                }
            }
            _ => {}
        }
        self.apply_files(commit);
        self.apply_inputs(commit)?;
        self.apply_condemned(commit);
        match &commit.shard {
            Some(shard) => self.shard_listings.extend(commit.full_listing_at.map(|at| (shard.clone(), at))),
            None => self.full_listing_at = commit.full_listing_at.or(self.full_listing_at),
        }
        self.head = commit.number;
        self.id = commit.id;
        self.base.entries += commit.entries();
        Ok(())
    }

    fn apply_files(&mut self, commit: &Commit) {
        for path in &commit.remove {
            if let Some(file) = self.files.remove(path) {
                self.changed.insert((FileSet::of_path(path), file.partition), commit.number);
            }
        }
        for file in &commit.add {
            let live = LiveFile {
                partition: file.partition.clone(),
                rows: file.rows,
                bytes: file.bytes,
                stats: file.stats.clone(),
                commit: commit.number,
                origin: file.origin.unwrap_or(commit.number),
                attempt: commit.attempt.or(attempt_of(&file.path)).unwrap_or_default(),
            };
            self.changed.insert((FileSet::of_path(&file.path), file.partition.clone()), commit.number);
            self.files.insert(file.path.clone(), live);
        }
    }

    fn apply_inputs(&mut self, commit: &Commit) -> Result<()> {
        for input in &commit.inputs {
            let compacted = CompactedInput {
                etag: input.etag.clone(),
                size: input.size,
                delivered: input.delivered,
                repaired: input.repaired,
                commit: commit.number,
                opened: input.opened,
            };
            self.compacted.insert(input.url.clone(), compacted);
            self.waiting.remove(&input.url);
            // What other commits bring was brought before.
            if commit.action == Action::Add {
                let object = (input.url.as_str(), input.delivered);
                brought::note(&mut self.brought, &self.pins.landing, &commit.shard, object, commit.at);
            }
        }
        for gone in &commit.gone {
            self.waiting.remove(&gone.url);
        }
        for url in &commit.taken_out {
            self.compacted.remove(url);
            let reason =
                format!("commit {} took it out: rolled back to commit {}", commit.number, commit.to.unwrap_or(0));
            self.waiting.insert(url.clone(), Waiting { url: url.clone(), reason, since: commit.at });
        }
        for waiting in &commit.waiting {
            if !self.compacted.contains(&waiting.url)? || broken(Broken::WaitingBeatsCompacted) {
                self.waiting.insert(waiting.url.clone(), waiting.clone());
            }
        }
        Ok(())
    }

    fn apply_condemned(&mut self, commit: &Commit) {
        for folder in &commit.condemned {
            self.condemned.entry(folder.clone()).or_insert(commit.number);
        }
        for folder in &commit.deleted {
            self.condemned.remove(folder);
        }
    }

    /// Whether the commit fits this state as the next one. Each is checked before it is written and when it is read.
    ///
    /// # Errors
    /// Ledger: it is not the next one, compacts an object twice, adds a path twice, removes what is not live, makes a condemned
    /// file live, changes the number of rows in a merge, or brings objects in during a hold. Such a commit was not written by
    /// this protocol. Internal: it is not loaded whether its objects are compacted.
    pub fn check(&self, commit: &Commit) -> Result<()> {
        let follows = (commit.number != self.head + 1).then(|| format!("it follows commit {}", self.head));
        let mut wrong = follows.or_else(|| self.wrong_action(commit)).or_else(|| self.wrong_files(commit));
        if wrong.is_none() {
            wrong = self.wrong_inputs(commit)?;
        }
        wrong.map_or(Ok(()), |what| Err(broken_ledger(commit, what)))
    }

    fn wrong_action(&self, commit: &Commit) -> Option<String> {
        let brings = commit.has_files() || !commit.inputs.is_empty();
        match commit.action {
            Action::Create => Some("a second create commit".into()),
            Action::AddLanding if commit.landing.is_none() => Some("it names no landing prefix".into()),
            Action::Add if self.hold.is_some() && brings => Some("the table is on hold".into()),
            Action::Rollback if commit.to.is_none_or(|to| to > self.head) => Some("it rolls back to no commit".into()),
            Action::Resume if self.hold.is_none() || self.hold != commit.resumes => {
                Some("there is no hold of the rollback that it names".into())
            }
            Action::Expire if commit.expired_before.is_none() => Some("it names no bound".into()),
            Action::Evolve if commit.schema.is_none() => Some("it names no schema".into()),
            Action::Resume | Action::Condemn | Action::Mark | Action::Evolve | Action::AddLanding if brings => {
                Some("it has files or inputs".into())
            }
            _ => None,
        }
    }

    fn wrong_files(&self, commit: &Commit) -> Option<String> {
        let mut removed = HashSet::new();
        let gone = commit.remove.iter().find(|path| !self.files.contains_key(*path) || !removed.insert(path.as_str()));
        if let Some(path) = gone {
            return Some(format!("it removes {path}, which is not live"));
        }
        let rows = commit.remove.iter().find(|path| FileSet::of_path(path) == FileSet::Data);
        if let Some(path) = rows.filter(|_| commit.action == Action::Redrive) {
            return Some(format!("it removes {path}, which holds no rejected records"));
        }
        if commit.attempt.is_none() && commit.action != Action::Rollback && !commit.add.is_empty() {
            return Some("it adds files of no attempt".into());
        }
        let mut added = HashSet::new();
        let twice =
            commit.add.iter().find(|file| self.files.contains_key(&file.path) || !added.insert(file.path.as_str()));
        if let Some(file) = twice {
            return Some(format!("it adds {} a second time", file.path));
        }
        self.condemned_file(commit).or_else(|| self.wrong_rows(commit))
    }

    /// A file that may be deleted any time must not become live.
    fn condemned_file(&self, commit: &Commit) -> Option<String> {
        let below = |path: &str| path.match_indices('/').any(|(at, _)| self.condemned.contains_key(&path[..=at]));
        let hit = commit.add.iter().find(|file| below(&file.path))?;
        Some(format!("it adds {}, which is condemned", hit.path))
    }

    /// A merge moves rows from file to file within their partition, and loses none.
    fn wrong_rows(&self, commit: &Commit) -> Option<String> {
        if commit.action != Action::Merge {
            return None;
        }
        let mut rows: BTreeMap<(FileSet, &Partition), i128> = BTreeMap::new();
        for file in &commit.add {
            *rows.entry((FileSet::of_path(&file.path), &file.partition)).or_default() += i128::from(file.rows);
        }
        for (path, file) in commit.remove.iter().filter_map(|path| Some((path, self.files.get(path)?))) {
            *rows.entry((FileSet::of_path(path), &file.partition)).or_default() -= i128::from(file.rows);
        }
        let ((_, partition), more) = rows.into_iter().find(|(_, more)| *more != 0)?;
        Some(format!("it merges partition {} into {more} rows more than there were", partition.path()))
    }

    fn wrong_inputs(&self, commit: &Commit) -> Result<Option<String>> {
        let again = matches!(commit.action, Action::Rebuild | Action::Redrive);
        let other = again || commit.action == Action::Rollback; // as an earlier commit brought it
        let mut brought = HashSet::new();
        for input in &commit.inputs {
            let told = match self.compacted.get(&input.url)? {
                _ if broken(Broken::OverlapUnchecked) => continue,
                Some(earlier) if !other => {
                    format!("{} is compacted already, by commit {}", input.url, earlier.commit)
                }
                None if again => format!("it reads {} again, which is not compacted", input.url),
                _ if !brought.insert(&input.url) => format!("it brings {} twice", input.url),
                _ => continue,
            };
            return Ok(Some(told));
        }
        for url in &commit.taken_out {
            if !self.compacted.contains(url)? {
                return Ok(Some(format!("it takes out {url}, which is not compacted")));
            }
        }
        // what waits is void where it is compacted, so that must be known, too
        commit.waiting.iter().try_for_each(|waiting| self.compacted.get(&waiting.url).map(drop))?;
        Ok(None)
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
    ///
    /// # Errors
    /// Internal: not all of it is loaded.
    pub fn newest_delivery(&self) -> Result<Option<DateTime<Utc>>> {
        Ok(self.compacted.all()?.values().map(|input| input.delivered).max())
    }

    /// Rows of records that were no strict JSON and could be repaired, of all that is compacted.
    ///
    /// # Errors
    /// Internal: not all of it is loaded.
    pub fn repaired(&self) -> Result<u64> {
        Ok(self.compacted.all()?.values().map(|input| input.repaired).sum())
    }

    /// The newest delivery below a landing prefix with date folders that runs of a share of its objects have compacted, or
    /// runs of all; without a share, that any run has. Also of objects that were taken out again.
    pub fn newest_below(&self, landing: &str, shard: Option<&str>) -> Option<DateTime<Utc>> {
        brought::newest(&self.brought, landing, shard)
    }

    /// How the date folders right below a landing prefix are written of which objects were compacted.
    pub fn layouts_below(&self, landing: &str) -> Vec<String> {
        brought::layouts(&self.brought, landing)
    }

    /// Whether any object below the landing prefix was ever compacted.
    pub fn knows_below(&self, landing: &str) -> bool {
        brought::any(&self.brought, landing)
    }
}

fn broken_ledger(commit: &Commit, what: String) -> Error {
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
        Input {
            url: url.into(),
            etag: None,
            size: 1,
            delivered: DateTime::UNIX_EPOCH,
            records: 0,
            rejected: 0,
            opened: false,
            repaired: 0,
        }
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
            origin: None,
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
    fn a_rollback_takes_inputs_out_and_holds_the_table_until_it_is_resumed() {
        let mut state = begun();
        let attempt = Some(Uuid::nil());
        let add = |number, url: &str, path: &str| Commit {
            attempt,
            inputs: vec![input(url)],
            add: vec![file(path)],
            ..commit(number, Action::Add)
        };
        state.apply(&add(1, "a", "data/x")).unwrap();
        state.apply(&add(2, "b", "data/y")).unwrap();
        let back = Commit {
            to: Some(1),
            remove: vec!["data/y".into()],
            taken_out: vec!["b".into()],
            ..commit(3, Action::Rollback)
        };
        state.apply(&back).unwrap();
        assert_eq!((state.hold, state.files.len(), state.compacted.all().unwrap().len()), (Some(3), 1, 1));
        assert_eq!(state.waiting["b"].reason, "commit 3 took it out: rolled back to commit 1");
        assert!(state.clone().apply(&add(4, "b", "data/z")).is_err(), "the table is on hold");
        assert!(state.clone().apply(&Commit { resumes: Some(2), ..commit(4, Action::Resume) }).is_err());
        state.apply(&Commit { waiting: vec![waiting("c")], ..commit(4, Action::Add) }).unwrap();
        state.apply(&Commit { resumes: Some(3), ..commit(5, Action::Resume) }).unwrap();
        state.apply(&add(6, "b", "data/z")).unwrap();
        assert_eq!(state.hold, None);
        assert_eq!(state.waiting.keys().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn what_is_condemned_never_comes_back() {
        let mut state = begun();
        let condemned = vec!["data/a/dt=1/".into(), "data/b/".into()];
        state.apply(&Commit { condemned, ..commit(1, Action::Condemn) }).unwrap();
        let add = |path: &str| Commit { attempt: Some(Uuid::nil()), add: vec![file(path)], ..commit(2, Action::Add) };
        for path in ["data/a/dt=1/x", "data/b/dt=9/x", "data/b/x"] {
            assert!(state.check(&add(path)).is_err(), "{path}");
        }
        for path in ["data/a/dt=11/x", "data/bb/x", "rejected/b/dt=1/x"] {
            assert!(state.check(&add(path)).is_ok(), "{path}");
        }
        state.apply(&Commit { deleted: vec!["data/b/".into()], ..commit(2, Action::Condemn) }).unwrap();
        assert_eq!(state.condemned.into_iter().collect::<Vec<_>>(), [("data/a/dt=1/".to_owned(), 1)]);
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
            Commit { remove: vec!["data/x".into(), "data/x".into()], ..commit(2, Action::Merge) },
            Commit { inputs: vec![input("b")], ..commit(2, Action::Rebuild) },
            Commit { inputs: vec![input("a"), input("a")], ..commit(2, Action::Rebuild) },
            Commit { to: Some(2), ..commit(2, Action::Rollback) },
            Commit { to: Some(0), taken_out: vec!["b".into()], ..commit(2, Action::Rollback) },
            Commit { resumes: Some(1), ..commit(2, Action::Resume) },
            Commit { attempt, add: vec![file("data/y")], ..commit(2, Action::Condemn) },
            commit(2, Action::Expire),
            commit(2, Action::Evolve),
            Commit {
                attempt,
                add: vec![DataFile { rows: 1, ..file("data/y") }],
                remove: vec!["data/x".into()],
                ..commit(2, Action::Merge)
            },
        ];
        for commit in wrong {
            assert!(state.clone().apply(&commit).is_err(), "{commit:?}");
        }
    }
}

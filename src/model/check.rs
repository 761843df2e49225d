//! What must hold after every operation: I1 to I6.

use super::catalog::Entries;
use super::store::Disk;
use super::truth::{Content, Home, Record, State};
use crate::catalog::COMMIT_PARAMETER;
use crate::ledger::Commit;
use crate::table::{FileSet, Partition};
use arrow::array::{Array, AsArray};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

const TABLE: &str = "lake/logs/t/";
/// A reader that took something from the ledger or the catalog may read it for so long.
const READING: TimeDelta = TimeDelta::hours(4);

#[derive(Default)]
pub(super) struct Checker {
    /// Where each delivered record belongs.
    pub(super) homes: BTreeMap<Record, Home>,
    /// URLs of the delivered objects, in order.
    pub(super) objects: Vec<String>,
    /// The state after each commit.
    past: Vec<State>,
    /// When each commit was seen first.
    seen: Vec<DateTime<Utc>>,
    /// Everything that was ever in a file: it must not change (I5).
    contents: HashMap<String, Bytes>,
    files: HashMap<String, Arc<Content>>,
    /// The newest commit whose columns the catalog had.
    columns_of: u64,
    /// Every folder that the catalog named, with its commit, and until when it did.
    named: BTreeMap<(FileSet, Partition, String, u64), DateTime<Utc>>,
}

impl Checker {
    pub(super) async fn check(&mut self, disk: &Disk, entries: &Entries) -> Result<(), String> {
        let on_disk = self.read(disk).await?;
        self.follow(disk).await?;
        let Some(state) = self.past.last() else { return Ok(()) };
        self.check_readers_of_the_ledger(&on_disk, disk.now())?;
        _ = state;
        self.check_readers_of_the_catalog(&on_disk, entries, disk.now())
    }

    /// All files of the table, and whether any that was there before has changed.
    async fn read(&mut self, disk: &Disk) -> Result<BTreeSet<String>, String> {
        let mut there = BTreeSet::new();
        for meta in disk.all(TABLE).await {
            let path = meta.location.to_string();
            let relative = path.trim_start_matches(TABLE).to_owned();
            let changed = |known: &Bytes| meta.size != known.len() as u64;
            let known = self.contents.get(&relative);
            // A file of the same size is read again, too: the attempt's name may be one that was used before.
            let bytes = disk.read(&meta.location).await.unwrap_or_default();
            if known.is_some_and(|known| changed(known) || *known != bytes) {
                return Err(format!("I5: {relative} has changed"));
            }
            if known.is_none() {
                self.contents.insert(relative.clone(), bytes);
            }
            there.insert(relative);
        }
        Ok(there)
    }

    /// Folds the commits that are new.
    async fn follow(&mut self, disk: &Disk) -> Result<(), String> {
        loop {
            let number = self.past.len() as u64;
            let path = Path::from(format!("{TABLE}_ledger/{}", Commit::file_name(number)));
            let Some(bytes) = disk.read(&path).await else { return Ok(()) };
            let commit = Commit::from_bytes(path.as_ref(), number, &bytes).map_err(|e| format!("I4: {e}"))?;
            for file in &commit.add {
                self.open(&file.path)?;
            }
            let files = &self.files;
            let of = |path: &str| files.get(path).cloned().unwrap_or_default();
            let before = self.past.last().cloned().unwrap_or_default();
            let state = before.after(&commit, &self.past, &of, &self.homes)?;
            state.check(&self.homes).map_err(|what| format!("after commit {number} ({:?}): {what}", commit.action))?;
            self.past.push(state);
            self.seen.push(disk.now());
        }
    }

    /// The records in a file.
    fn open(&mut self, path: &str) -> Result<(), String> {
        if self.files.contains_key(path) {
            return Ok(());
        }
        let Some(bytes) = self.contents.get(path) else {
            return Err(format!("I6: {path} is live, and not there"));
        };
        self.files.insert(path.to_owned(), Arc::new(content(bytes.clone()).ok_or(format!("{path} cannot be read"))?));
        Ok(())
    }

    /// Whoever loaded the ledger within the last hours still finds the files of what was the head then.
    fn check_readers_of_the_ledger(&self, there: &BTreeSet<String>, now: DateTime<Utc>) -> Result<(), String> {
        for (number, state) in self.past.iter().enumerate() {
            let was_head_until = self.seen.get(number + 1).copied().unwrap_or(now);
            if now - was_head_until >= READING {
                continue;
            }
            if let Some(path) = state.files.keys().find(|path| !there.contains(*path)) {
                return Err(format!("I6: {path}, live at commit {number}, was deleted"));
            }
        }
        Ok(())
    }

    /// I3: each folder that the catalog names, or named within the last hours, holds exactly the files of its partition as of
    /// its commit.
    fn check_readers_of_the_catalog(
        &mut self,
        there: &BTreeSet<String>,
        entries: &Entries,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        if let Some((columns, commit)) = columns(entries) {
            let state =
                self.past.get(commit as usize).ok_or(format!("I4: columns of commit {commit}, which is not there"))?;
            if commit < self.columns_of || columns != state.columns || state.evolved != commit {
                return Err(format!(
                    "I3: the catalog shows {columns:?} as of commit {commit}, after {}",
                    self.columns_of
                ));
            }
            self.columns_of = commit;
        }
        for (set, partition, location, commit) in located(entries) {
            self.named.insert((set, partition, location, commit), now);
        }
        self.named.retain(|_, until| now - *until < READING);
        for (set, partition, location, commit) in self.named.keys() {
            let Some(state) = self.past.get(*commit as usize) else {
                return Err(format!("I4: the catalog knows commit {commit}, the ledger does not"));
            };
            let folder = location.trim_start_matches("memory:///").trim_start_matches(TABLE);
            let inside = there.range(folder.to_owned()..).take_while(|path| path.starts_with(folder));
            let found: BTreeSet<&str> = inside.clone().map(|path| &path[folder.len()..]).collect();
            let wanted = state.names(*set, partition);
            if found != wanted {
                return Err(format!(
                    "I3: the catalog shows {partition} of commit {commit} at {folder}: {found:?}, should be {wanted:?}"
                ));
            }
            for path in inside {
                self.same_as_written(path, state)?;
            }
        }
        Ok(())
    }

    /// A copy holds what the file of its name holds.
    fn same_as_written(&self, path: &str, state: &State) -> Result<(), String> {
        let name = path.rsplit('/').next();
        let original = state.files.keys().find(|live| live.rsplit('/').next() == name);
        match original.is_some_and(|original| self.contents.get(original) == self.contents.get(path)) {
            true => Ok(()),
            false => Err(format!("I3: {path} is not a copy of {original:?}")),
        }
    }

    /// After all is mended and has run to its end.
    pub(super) fn at_rest(&self, entries: &Entries) -> Result<(), String> {
        let Some(state) = self.past.last() else {
            return if self.objects.is_empty() { Ok(()) } else { Err("I2: nothing was compacted".into()) };
        };
        if let Some(url) = self.objects.iter().find(|url| !state.compacted.contains(*url)) {
            return Err(format!("I2: {url} was never compacted, in the end"));
        }
        if let Some(url) = state.waiting.first() {
            return Err(format!("I2: {url} waits in the end"));
        }
        self.is_published(entries)
    }

    /// I4: the catalog says of each partition what the ledger says.
    pub(super) fn is_published(&self, entries: &Entries) -> Result<(), String> {
        let Some(state) = self.past.last() else { return Ok(()) };
        let says: BTreeMap<(FileSet, Partition), u64> =
            located(entries).into_iter().map(|(set, partition, _, commit)| ((set, partition), commit)).collect();
        let columns = columns(entries).map(|(columns, _)| columns);
        match says == state.changed && columns.as_ref().is_none_or(|columns| *columns == state.columns) {
            true => Ok(()),
            false if says == state.changed => {
                Err(format!("I4: the catalog has {columns:?}, the ledger {:?}", state.columns))
            }
            false => Err(format!("I4: all ended well, and the catalog says {says:?}, the ledger {:?}", state.changed)),
        }
    }
}

/// The table's columns in the catalog, and the commit that gave it the last of them.
fn columns(entries: &Entries) -> Option<(Vec<String>, u64)> {
    let tables = entries.0.lock().unwrap();
    let definition = &tables.get("t")?.definition;
    let names = definition.columns.iter().map(|column| column.name.clone()).filter(|name| name != "extra");
    Some((names.collect(), definition.schema_commit()))
}

/// What the catalog says of all partitions.
fn located(entries: &Entries) -> Vec<(FileSet, Partition, String, u64)> {
    let tables = entries.0.lock().unwrap();
    let mut found = Vec::new();
    for (name, entry) in tables.iter() {
        let set = if name.ends_with("_rejected") { FileSet::Rejected } else { FileSet::Data };
        assert!(entry.definition.parameters.contains_key(COMMIT_PARAMETER));
        let located = |(partition, at): (&Partition, &crate::catalog::PartitionEntry)| {
            (set, partition.clone(), at.location.clone(), at.commit)
        };
        found.extend(entry.partitions.iter().map(located));
    }
    found
}

fn content(bytes: Bytes) -> Option<Content> {
    let (mut found, reader) = (Vec::new(), ParquetRecordBatchReaderBuilder::try_new(bytes).ok()?);
    let names = reader.schema().fields().iter().map(|field| field.name().clone());
    let columns = names.filter(|name| name != "extra").collect();
    for batch in reader.build().ok()? {
        let batch = batch.ok()?;
        match (batch.column_by_name("id"), batch.column_by_name("raw")) {
            (Some(ids), _) => found.extend(ids.as_string_opt::<i32>()?.iter().map(|id| id.and_then(record))),
            (_, Some(raw)) => {
                let raw = raw.as_binary_opt::<i32>()?;
                let text = |at| std::str::from_utf8(raw.value(at)).ok()?.split('"').nth(3);
                found.extend((0..raw.len()).map(|at| text(at).and_then(record)));
            }
            _ => return None,
        }
    }
    Some(Content { records: Arc::new(found.into_iter().collect::<Option<_>>()?), columns })
}

fn record(id: &str) -> Option<Record> {
    let (object, record) = id.split_once('-')?;
    Some((object.parse().ok()?, record.parse().ok()?))
}

//! What the commits say, folded a second time and as plainly as can be: what the product's own fold is compared with.

use crate::ledger::{Action, Commit};
use crate::table::{FileSet, Partition, PartitionKey, TableSchema};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A record: its object's place among the delivered ones, and its own in the object.
pub(super) type Record = (usize, usize);

/// The table after a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) files: BTreeMap<String, Live>,
    pub(super) compacted: BTreeSet<String>,
    pub(super) waiting: BTreeSet<String>,
    /// Of the compacted objects, those whose failed records were opened.
    pub(super) opened: BTreeSet<String>,
    pub(super) changed: BTreeMap<(FileSet, Partition), u64>,
    /// The columns of the rows, in order, and the commit that gave the table the last of them.
    pub(super) columns: Vec<String>,
    pub(super) evolved: u64,
    pub(super) on_hold: bool,
    /// Records of compacted objects that are in no file, because they expired.
    pub(super) expired: BTreeSet<Record>,
    bound: Option<DateTime<Utc>>,
    /// Folders that gc may delete.
    condemned: BTreeSet<String>,
}

/// What is in a file.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) records: Arc<Vec<Record>>,
    pub(super) columns: Vec<String>,
}

/// A live file, with the records that are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) partition: Partition,
    pub(super) records: Arc<Vec<Record>>,
}

/// Where a record belongs by its object.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) url: String,
    pub(super) set: FileSet,
    pub(super) partition: Partition,
    /// Of a failed record: where the row goes that is inside, once it is opened.
    pub(super) opened: Option<Partition>,
}

impl State {
    /// Where the record belongs in this state.
    fn home<'a>(&self, home: &'a Home) -> (FileSet, &'a Partition) {
        match &home.opened {
            Some(partition) if self.opened.contains(&home.url) => (FileSet::Data, partition),
            _ => (home.set, &home.partition),
        }
    }

    /// The files of one partition, by their names.
    pub(super) fn names(&self, set: FileSet, partition: &Partition) -> BTreeSet<&str> {
        let of = |(path, live): &(&String, &Live)| FileSet::of_path(path) == set && live.partition == *partition;
        self.files.iter().filter(of).filter_map(|(path, _)| path.rsplit('/').next()).collect()
    }

    /// The state with one more commit. `past` holds all states before it, `content` what is in the files that it adds.
    pub(super) fn after(
        &self,
        commit: &Commit,
        past: &[State],
        content: &dyn Fn(&str) -> Arc<Content>,
        homes: &BTreeMap<Record, Home>,
    ) -> Result<State, String> {
        let mut next = self.clone();
        let wrong = |what: String| Err(format!("commit {} ({:?}): {what}", commit.number, commit.action));
        for path in &commit.remove {
            match next.files.remove(path) {
                Some(live) => _ = next.changed.insert((FileSet::of_path(path), live.partition), commit.number),
                None => return wrong(format!("I1: it removes {path}, which is not live")),
            }
        }
        next.evolve(commit)?;
        for file in &commit.add {
            let content = content(&file.path);
            let is_older = commit.action == Action::Rollback || FileSet::of_path(&file.path) == FileSet::Rejected;
            if !is_older && content.columns != next.columns {
                let of = &content.columns;
                return wrong(format!("{} has the columns {of:?}, the table {:?}", file.path, next.columns));
            }
            let live = Live { partition: file.partition.clone(), records: content.records.clone() };
            next.changed.insert((FileSet::of_path(&file.path), file.partition.clone()), commit.number);
            if next.files.insert(file.path.clone(), live).is_some() {
                return wrong(format!("I5: it adds {} a second time", file.path));
            }
        }
        for input in &commit.inputs {
            next.compacted.insert(input.url.clone());
            next.waiting.remove(&input.url);
            match input.opened {
                true => next.opened.insert(input.url.clone()),
                false => next.opened.remove(&input.url),
            };
        }
        for url in &commit.taken_out {
            next.compacted.remove(url);
            next.opened.remove(url);
            next.waiting.insert(url.clone());
        }
        next.waiting.extend(commit.waiting.iter().map(|w| w.url.clone()).filter(|url| !self.compacted.contains(url)));
        next.condemned.extend(commit.condemned.iter().cloned());
        if self.on_hold && commit.action == Action::Add && (commit.has_files() || !commit.inputs.is_empty()) {
            return wrong("it brings objects in while the table is on hold".into());
        }
        match commit.action {
            Action::Rollback => {
                let to = &past[commit.to.unwrap_or(0) as usize];
                (next.on_hold, next.bound, next.expired) = (true, to.bound, to.expired.clone());
                if (&next.files, &next.compacted, &next.opened) != (&to.files, &to.compacted, &to.opened) {
                    return wrong(format!("the state is not that of commit {:?}", commit.to));
                }
            }
            Action::Resume => next.on_hold = false,
            Action::Expire => {
                next.bound = commit.expired_before;
                let gone = commit.remove.iter().flat_map(|path| self.files[path].records.to_vec());
                next.expired.extend(gone);
            }
            Action::Rebuild | Action::Redrive => next.expire_rebuilt(commit, homes),
            _ => {}
        }
        Ok(next)
    }

    /// The table's columns: each stays what it is, and where it is.
    fn evolve(&mut self, commit: &Commit) -> Result<(), String> {
        let pinned = commit.pins.as_ref().map(|pins| &pins.schema);
        let Some(text) = pinned.or(commit.schema.as_ref().map(|schema| &schema.text)) else { return Ok(()) };
        let schema = TableSchema::parse("model", "the model", text).map_err(|e| e.to_string())?;
        let columns: Vec<String> = schema.columns.into_iter().map(|column| column.name).collect();
        if !columns.starts_with(&self.columns) {
            return Err(format!("commit {}: the columns {:?} become {columns:?}", commit.number, self.columns));
        }
        (self.columns, self.evolved) = (columns, commit.number);
        Ok(())
    }

    /// A rebuild leaves out what belongs below the bound, and nothing else; so does a redrive.
    fn expire_rebuilt(&mut self, commit: &Commit, homes: &BTreeMap<Record, Home>) {
        let live: BTreeSet<Record> = self.files.values().flat_map(|live| live.records.to_vec()).collect();
        let rebuilt: BTreeSet<&str> = commit.inputs.iter().map(|input| input.url.as_str()).collect();
        for (record, home) in homes.iter().filter(|(_, home)| rebuilt.contains(home.url.as_str())) {
            let (_, partition) = self.home(home);
            let below =
                partition.end(&[PartitionKey::by_day()]).zip(self.bound).is_some_and(|(end, bound)| end <= bound);
            match !live.contains(record) && below {
                true => _ = self.expired.insert(*record),
                false => _ = self.expired.remove(record),
            }
        }
    }

    /// I1 and I2: each record of a compacted object is in one file, of the right set and partition, or expired; no record of
    /// another is anywhere; nothing that is compacted waits.
    pub(super) fn check(&self, homes: &BTreeMap<Record, Home>) -> Result<(), String> {
        if let Some(url) = self.compacted.intersection(&self.waiting).next() {
            return Err(format!("I2: {url} is compacted, and waits"));
        }
        let may_go = |path: &str| path.match_indices('/').any(|(at, _)| self.condemned.contains(&path[..=at]));
        if let Some(path) = self.files.keys().find(|path| may_go(path)) {
            return Err(format!("I6: {path} is live, and condemned"));
        }
        let mut found: BTreeMap<Record, Vec<(&str, &Live)>> = BTreeMap::new();
        for (path, live) in &self.files {
            live.records.iter().for_each(|record| found.entry(*record).or_default().push((path, live)));
        }
        for (record, home) in homes {
            let at = found.remove(record).unwrap_or_default();
            let wanted = usize::from(self.compacted.contains(&home.url) && !self.expired.contains(record));
            if at.len() != wanted {
                let paths: Vec<&str> = at.iter().map(|(path, _)| *path).collect();
                return Err(format!(
                    "I1: record {record:?} is in {} live files {paths:?}, should be in {wanted}",
                    at.len()
                ));
            }
            let (set, partition) = self.home(home);
            let strays = at.iter().find(|(p, live)| FileSet::of_path(p) != set || live.partition != *partition);
            if let Some((path, _)) = strays {
                return Err(format!("I1: record {record:?} is in {path}, should be in {}/ {partition}", set.folder()));
            }
        }
        match found.keys().next() {
            Some(record) => Err(format!("I1: record {record:?} was never delivered")),
            None => Ok(()),
        }
    }
}

//! A lake in memory, its ledger, and a catalog to be published to.

use super::faults::{Faults, Faulty};
use crate::catalog::{Catalog, Changes, Finding, Published, Reach, drift, files_at, plan, publish};
use crate::error::Result;
use crate::ledger::{Action, Appended, Commit, DataFile, Ledger, PinnedSchema, Pins, Snapshot};
use crate::storage::Location;
use crate::table::{FileSet, Partition, TableId};
use chrono::DateTime;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Opens the catalog of a lake.
pub(crate) type Make = fn(&Location, &Faults) -> Arc<dyn Catalog>;

const KEYED: &str = "[[column]]\nname = \"ts\"\ntype = \"timestamp\"\nevent_time = true\n";

/// What a test table is.
pub(crate) fn pins(catalog: &str, keyed: bool) -> Pins {
    let schema = if keyed { KEYED.to_owned() } else { format!("partition = []\n{KEYED}") };
    Pins { schema_name: "access".into(), schema, landing: vec![], catalog: catalog.into() }
}

/// A commit that adds and removes files by path. A file's text is its path, so its size is the path's length.
pub(crate) fn commit(attempt: Uuid, add: &[&str], remove: &[&str]) -> Commit {
    let file = |path: &&str| DataFile {
        path: (*path).to_owned(),
        partition: partition_of(path),
        rows: 0,
        bytes: path.len() as u64,
        inputs: Vec::new(),
        origin: None,
        stats: BTreeMap::new(),
    };
    Commit {
        attempt: Some(attempt),
        add: add.iter().map(file).collect(),
        remove: remove.iter().map(|path| (*path).to_owned()).collect(),
        ..Commit::new(Action::Add, DateTime::UNIX_EPOCH, "test")
    }
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// What stands between the attempt and the name.
fn partition_of(path: &str) -> Partition {
    let parts: Vec<&str> = path.split('/').collect();
    parts[2..parts.len() - 1].join("/").as_str().into()
}

pub(crate) struct Rig {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) faults: Faults,
    pub(crate) lake: Location,
    pub(crate) table: Location,
    pub(crate) catalog: Arc<dyn Catalog>,
    /// The state after each commit.
    pub(crate) history: Vec<Snapshot>,
    /// The attempt of each commit.
    pub(crate) attempts: Vec<Uuid>,
    pub(crate) ledger: Ledger,
    id: TableId,
    keyed: bool,
}

impl Rig {
    /// A new table: commit 0 is in its ledger, nothing is published.
    pub(crate) async fn new(make: Make, keyed: bool) -> Rig {
        let faults = Faults::default();
        let store: Arc<dyn ObjectStore> = Arc::new(Faulty { inner: InMemory::new(), faults: faults.clone() });
        Self::at(Location::in_store(store, "memory:///", "lake"), faults, make, keyed).await
    }

    pub(crate) async fn at(lake: Location, faults: Faults, make: Make, keyed: bool) -> Rig {
        let (table, id) = (lake.join("logs/access"), TableId::new("logs", "access").unwrap());
        let (ledger, catalog) = (Ledger::new(&table), make(&lake, &faults));
        let create = Commit {
            pins: Some(pins(catalog.name(), keyed)),
            ..Commit::new(Action::Create, DateTime::UNIX_EPOCH, "test")
        };
        let first = ledger.create(create).await.unwrap().unwrap();
        let store = lake.store().clone();
        let (history, attempts) = (vec![first], vec![Uuid::nil()]);
        Rig { store, faults, lake, table, catalog, history, attempts, ledger, id, keyed }
    }

    /// Another process at the same lake.
    pub(crate) fn another_writer(&self) -> Rig {
        Rig {
            store: self.store.clone(),
            faults: self.faults.clone(),
            lake: self.lake.clone(),
            table: self.table.clone(),
            catalog: self.catalog.clone(),
            history: self.history.clone(),
            attempts: self.attempts.clone(),
            ledger: self.ledger.clone(),
            id: self.id.clone(),
            keyed: self.keyed,
        }
    }

    /// Reads what others committed.
    pub(crate) async fn catch_up(&mut self) -> Vec<Commit> {
        let mut read = Vec::new();
        while let Some(commit) = self.ledger.commit(self.head() + 1).await.unwrap() {
            let mut next = self.history.last().unwrap().clone();
            next.apply(&commit).unwrap();
            self.history.push(next);
            self.attempts.push(Uuid::nil());
            read.push(commit);
        }
        read
    }

    pub(crate) fn head(&self) -> u64 {
        self.history.len() as u64 - 1
    }

    /// Commits: `+1` adds a file to `dt=1`, `-1` takes out all of its files, `/1` the first; with `r`, of the rejected records.
    /// Beside it, a beaten attempt leaves its orphans.
    pub(crate) async fn commit(&mut self, tokens: &str) {
        let (attempt, orphan) = (Uuid::now_v7(), Uuid::now_v7());
        let base = self.history.last().unwrap().clone();
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        for (at, token) in tokens.split_whitespace().enumerate() {
            let (set, partition) = self.place(&token[1..]);
            match &token[..1] {
                "+" => {
                    let hive = format!("{}/", partition.path()).trim_start_matches('/').to_owned();
                    let path = |attempt| format!("{}/{attempt}/{hive}{attempt}-{at:05}.parquet", set.folder());
                    self.write(&path(orphan)).await;
                    self.write(&path(attempt)).await;
                    add.push(path(attempt));
                }
                verb => {
                    let live = base.live(set).filter(|(_, file)| file.partition == partition);
                    let most = if verb == "-" { usize::MAX } else { 1 };
                    remove.extend(live.map(|(path, _)| path.to_owned()).take(most));
                }
            }
        }
        remove.sort();
        remove.dedup();
        let commit = commit(attempt, &strs(&add), &strs(&remove));
        let mut next = base;
        let appended = self.ledger.append(&mut next, commit).await.unwrap();
        assert!(matches!(appended, Appended::Committed(_)), "{appended:?}");
        self.history.push(next);
        self.attempts.push(attempt);
    }

    /// Commits the schema of before, but for the columns after the first one.
    pub(crate) async fn evolve(&mut self, columns: &str) {
        let mut next = self.history.last().unwrap().clone();
        let text = pins("", self.keyed).schema + columns;
        let schema = Some(PinnedSchema { name: "access".into(), text, changes: Vec::new() });
        let commit = Commit { schema, ..Commit::new(Action::Evolve, DateTime::UNIX_EPOCH, "test") };
        assert!(matches!(self.ledger.append(&mut next, commit).await.unwrap(), Appended::Committed(_)));
        self.history.push(next);
        self.attempts.push(Uuid::nil());
    }

    fn place(&self, token: &str) -> (FileSet, Partition) {
        let set = if token.starts_with('r') { FileSet::Rejected } else { FileSet::Data };
        match set == FileSet::Data && !self.keyed {
            true => (set, Partition::default()),
            false => (set, format!("dt={}", token.trim_start_matches('r')).as_str().into()),
        }
    }

    async fn write(&self, path: &str) {
        self.store.put(&self.table.path(path), path.to_owned().into()).await.unwrap();
    }

    pub(crate) async fn lose_last_commit(&mut self) {
        let name = format!("_ledger/{}", Commit::file_name(self.head()));
        self.store.delete(&self.table.path(&name)).await.unwrap();
        self.history.pop();
    }

    /// As a run does it that loaded the ledger a while ago.
    pub(crate) async fn publish(&self) -> Result<Published> {
        self.publish_from(&mut self.history[self.history.len() / 2].clone()).await
    }

    pub(crate) async fn publish_from(&self, snapshot: &mut Snapshot) -> Result<Published> {
        publish(&self.id, &self.table, &self.ledger, &*self.catalog, snapshot, Reach::Changed).await
    }

    pub(crate) async fn publish_at(&self, location: &Location) -> Result<Published> {
        publish(&self.id, location, &self.ledger, &*self.catalog, &mut self.history[0].clone(), Reach::Changed).await
    }

    /// Publishes, checks readers before and after, and that the catalog is at the head.
    pub(crate) async fn publish_all(&self) -> Published {
        self.check().await;
        let published = self.publish().await.unwrap();
        assert_eq!(published.commit, self.head());
        self.check_current().await;
        published
    }

    pub(crate) async fn plan(&self) -> [Changes; 2] {
        let mut snapshot = self.history[0].clone();
        plan(&self.id, &self.table, &self.ledger, &*self.catalog, &mut snapshot, Reach::Changed).await.unwrap()
    }

    /// Publishes with all partitions compared.
    pub(crate) async fn publish_reaching_all(&self) -> Published {
        let mut snapshot = self.history[0].clone();
        publish(&self.id, &self.table, &self.ledger, &*self.catalog, &mut snapshot, Reach::All).await.unwrap()
    }

    /// What differs from the ledger.
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        let mut snapshot = self.history[0].clone();
        drift(&self.id, &self.table, &self.ledger, &*self.catalog, &mut snapshot).await.unwrap()
    }

    /// That, a line each.
    pub(crate) async fn drift(&self) -> Vec<String> {
        self.findings().await.iter().map(ToString::to_string).collect()
    }

    /// Every object of the lake with its size.
    pub(crate) async fn objects(&self) -> BTreeMap<String, u64> {
        let listed = self.store.list(None).try_collect::<Vec<_>>().await.unwrap();
        listed.into_iter().map(|object| (object.location.to_string(), object.size)).collect()
    }

    /// The live files of the newest state.
    pub(crate) async fn live(&self) -> Vec<String> {
        self.history.last().unwrap().files.keys().cloned().collect()
    }

    /// Where the catalog says that each partition is.
    pub(crate) async fn locations(&self) -> BTreeMap<Partition, String> {
        let entries = self.catalog.partitions("logs", "access", None).await.unwrap();
        entries.into_iter().map(|(partition, entry)| (partition, entry.location)).collect()
    }

    /// What readers find: each partition is exactly as some commit left it (I3), the one that the catalog names.
    pub(crate) async fn check(&self) {
        for set in FileSet::BOTH {
            for (partition, (commit, location)) in self.named(set).await {
                let state = &self.history[commit as usize];
                let live: BTreeMap<String, u64> = state
                    .live(set)
                    .filter(|(_, file)| file.partition == partition)
                    .map(|(path, file)| (path.rsplit('/').next().unwrap().to_owned(), file.bytes))
                    .collect();
                let found = files_at(&self.lake, &location).await.unwrap();
                let found: BTreeMap<String, u64> = found
                    .into_iter()
                    .map(|object| (object.location.filename().unwrap().to_owned(), object.size))
                    .collect();
                assert_eq!(found, live, "{set:?} {partition} at {location}, commit {commit}");
            }
        }
    }

    /// That, and each partition is as the ledger's head has it.
    pub(crate) async fn check_current(&self) {
        self.check().await;
        let head = self.history.last().unwrap();
        for set in FileSet::BOTH {
            let whole = set == FileSet::Data && !self.keyed;
            let named: BTreeMap<_, _> = self.named(set).await.into_iter().map(|(p, (commit, _))| (p, commit)).collect();
            let of_set = head.changed.iter().filter(|((of, _), _)| *of == set);
            let changed: BTreeMap<_, _> = of_set.map(|((_, partition), commit)| (partition.clone(), *commit)).collect();
            match (whole, changed.first_key_value()) {
                (true, changed) => assert!(named[&Partition::default()] >= changed.map_or(0, |(_, commit)| *commit)),
                (false, _) => assert_eq!(named, changed, "{set:?}"),
            }
        }
    }

    /// The commit and the location that the catalog names for each partition; of a table without keys, the watermark.
    async fn named(&self, set: FileSet) -> BTreeMap<Partition, (u64, String)> {
        let name = if set == FileSet::Data { "access" } else { "access_rejected" };
        let Some(table) = self.catalog.table("logs", name).await.unwrap() else { return BTreeMap::new() };
        if table.partition_keys.is_empty() {
            return BTreeMap::from([(Partition::default(), (table.watermark().unwrap(), table.location))]);
        }
        let entries = self.catalog.partitions("logs", name, None).await.unwrap();
        entries.into_iter().map(|(partition, entry)| (partition, (entry.commit, entry.location))).collect()
    }
}

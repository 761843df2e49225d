//! Whether a lake says what is true: by the ledger's live files, and by what a reader of the catalog finds.

use super::rows::{Row, of_file};
use super::truth::Truth;
use firelake::catalog::{FileCatalog, files};
use firelake::ledger::{Ledger, Snapshot};
use firelake::storage::Location;
use firelake::table::FileSet;
use std::collections::{BTreeMap, BTreeSet};

type Partitions = BTreeMap<String, Vec<Row>>;

/// The newest state of `logs.access`.
pub async fn snapshot(lake: &Location) -> Option<Snapshot> {
    Ledger::new(&lake.join("logs/access")).load().await.unwrap()
}

/// Checks promises I1 to I4 of `logs.access`, of schema combined_apache: each record once, by ledger and by catalog.
#[track_caller]
pub fn check<'a>(lake: &'a Location, landing: &'a Location, truth: &'a Truth) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let snapshot = snapshot(lake).await.unwrap_or_else(|| panic!("no table; {caller}"));
        counts(lake, &snapshot, truth).await;
        assert!(snapshot.waiting.is_empty(), "{:?}; {caller}", snapshot.waiting);
        holds(lake, landing, truth).await;
    }
}

/// Checks that the live files hold exactly the truth, by ledger and by catalog, whatever commits made it so.
#[track_caller]
pub fn holds<'a>(lake: &'a Location, landing: &'a Location, truth: &'a Truth) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let snapshot = snapshot(lake).await.unwrap_or_else(|| panic!("no table; {caller}"));
        let ledger =
            [by_ledger(lake, &snapshot, FileSet::Data).await, by_ledger(lake, &snapshot, FileSet::Rejected).await];
        assert!(ledger[0] == truth.partitions(), "{}; {caller}", difference(&ledger[0], &truth.partitions()));
        assert_eq!(rejected(&ledger[1], landing), truth.rejected(), "{caller}");
        for (set, name) in [(0, "access"), (1, "access_rejected")] {
            let mut found = by_catalog(lake, name).await;
            found.retain(|_, rows| !rows.is_empty()); // emptied partitions stay in the catalog
            assert!(found == ledger[set], "{name} in the catalog: {}; {caller}", difference(&found, &ledger[set]));
        }
    }
}

/// I2: what was read is what was written and what was rejected, in each commit and of each object.
async fn counts(lake: &Location, snapshot: &Snapshot, truth: &Truth) {
    let ledger = Ledger::new(&lake.join("logs/access"));
    let (mut read, mut rejected, mut objects) = (0, 0, BTreeSet::new());
    for number in 0..=snapshot.head {
        let commit = ledger.commit(number).await.unwrap().unwrap();
        assert_eq!(commit.counts.records_read, commit.counts.rows_written + commit.counts.records_rejected);
        assert_eq!(commit.counts.records_read, commit.inputs.iter().map(|input| input.records).sum::<u64>());
        read += commit.counts.records_read;
        rejected += commit.counts.records_rejected;
        for input in commit.inputs {
            assert!(objects.insert(input.url.clone()), "{} is an input twice", input.url);
        }
    }
    let landed: BTreeSet<&str> = truth.events.iter().map(|event| &*event.object).collect();
    assert_eq!((read, rejected, objects.len()), (truth.events.len() as u64, truth.broken(), landed.len()));
}

/// The rows of the live files, sorted; each file must be what the ledger says of it.
async fn by_ledger(lake: &Location, snapshot: &Snapshot, set: FileSet) -> Partitions {
    let table = lake.join("logs/access");
    let mut found = Partitions::new();
    for (path, file) in snapshot.live(set) {
        let (rows, size) = of_file(lake, &table.path(path)).await;
        assert_eq!((rows.len() as u64, size), (file.rows, file.bytes), "{path}");
        assert!(path.contains(&format!("/{}/", file.partition.path())), "{path} is in {}", file.partition);
        found.entry(file.partition.path().into()).or_default().extend(rows);
    }
    found.values_mut().for_each(|rows| rows.sort());
    found
}

/// The rows that a reader finds who knows only the catalog, sorted.
async fn by_catalog(lake: &Location, table: &str) -> Partitions {
    let listed = files(&FileCatalog::new(lake), lake, "logs", table).await.unwrap();
    let mut found = Partitions::new();
    for (partition, objects) in listed.unwrap_or_else(|| panic!("{table} is not in the catalog")) {
        let rows = found.entry(partition.path().into()).or_default();
        for object in objects {
            rows.extend(of_file(lake, &object.location).await.0);
        }
        rows.sort();
    }
    found
}

/// How many records of each object were rejected, by partition and key; each record once.
fn rejected(found: &Partitions, landing: &Location) -> BTreeMap<(String, String), u64> {
    let (mut counts, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for (partition, row) in found.iter().flat_map(|(partition, rows)| rows.iter().map(move |row| (partition, row))) {
        let [object, offset] = [0, 1].map(|at| row[at].clone().unwrap());
        let key = object.strip_prefix(&format!("{}/", landing.url())).unwrap_or_else(|| panic!("{object}")).to_owned();
        assert!(seen.insert((object, offset)), "{key} is there twice");
        *counts.entry((partition.clone(), key)).or_default() += 1;
    }
    counts
}

/// What to tell of two sets of rows that differ: the counts, and the first row of one that the other has not.
fn difference(found: &Partitions, expected: &Partitions) -> String {
    let sizes = |all: &Partitions| all.iter().map(|(name, rows)| format!("{name}: {}", rows.len())).collect::<Vec<_>>();
    let lone = |one: &Partitions, other: &Partitions| {
        let known: BTreeSet<&Row> = other.values().flatten().collect();
        one.values().flatten().find(|row| !known.contains(row)).cloned()
    };
    format!(
        "found {:?}, expected {:?}; found and not expected {:?}, expected and not found {:?}",
        sizes(found),
        sizes(expected),
        lone(found, expected),
        lone(expected, found)
    )
}

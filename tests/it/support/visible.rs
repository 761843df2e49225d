//! I3: whatever went wrong, a reader of the catalog sees each partition as some commit left it.

use firelake::catalog::{Catalog, FileCatalog, files_at};
use firelake::ledger::{Ledger, Snapshot};
use firelake::storage::Location;
use firelake::table::{FileSet, Partition};
use std::collections::BTreeMap;

/// Checks every partition that the catalog has of `logs.access` and of its rejected records.
pub async fn nothing_half_visible(lake: &Location) {
    let states = states(lake).await;
    let catalog = FileCatalog::new(lake);
    for (set, table) in [(FileSet::Data, "access"), (FileSet::Rejected, "access_rejected")] {
        for (partition, entry) in catalog.partitions("logs", table, None).await.unwrap() {
            let state = states.get(entry.commit as usize).unwrap_or_else(|| panic!("no commit {}", entry.commit));
            let found = files_at(lake, &entry.location).await.unwrap();
            let found = found.iter().map(|file| (file.location.filename().unwrap().to_owned(), file.size)).collect();
            assert_eq!(live(state, set, &partition), found, "{table} {partition} as of commit {}", entry.commit);
        }
    }
}

/// The state after each commit.
async fn states(lake: &Location) -> Vec<Snapshot> {
    let ledger = Ledger::new(&lake.join("logs/access"));
    let mut states: Vec<Snapshot> = Vec::new();
    while let Some(commit) = ledger.commit(states.len() as u64).await.unwrap() {
        let state = match states.last() {
            None => Snapshot::begin(&commit).unwrap(),
            Some(last) => {
                let mut next = last.clone();
                next.apply(&commit).unwrap();
                next
            }
        };
        states.push(state);
    }
    states
}

/// Names and sizes of a partition's live files.
fn live(state: &Snapshot, set: FileSet, partition: &Partition) -> BTreeMap<String, u64> {
    let files = state.live(set).filter(|(_, file)| file.partition == *partition);
    files.map(|(path, file)| (path.rsplit('/').next().unwrap().to_owned(), file.bytes)).collect()
}

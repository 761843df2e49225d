//! A ledger that has lost its newest commits: the catalog knows later ones. Asked before anything is written, be it a mark: a
//! commit that takes a lost one's number hides the loss.

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, Snapshot};
use crate::table::{FileSet, Partition, TableId};

/// Partitions that a catalog is asked about: one request.
const LOOKED_AT: usize = 16;

/// The newest commit that the catalog is known to know: its watermark; and where that follows late, what it says of the
/// partitions that changed last. Commits that were lost since will mostly have changed one of these.
///
/// # Errors
/// Those of the catalog.
pub(super) async fn published(
    table: &TableId,
    catalog: &dyn Catalog,
    snapshot: Option<&Snapshot>,
) -> Result<Option<u64>> {
    let (database, name) = (table.database(), table.table());
    let Some(there) = catalog.table(database, name).await? else { return Ok(None) };
    let watermark = there.watermark()?;
    let newest = match snapshot {
        Some(snapshot) if catalog.settles().is_some() && !there.partition_keys.is_empty() => changed_last(snapshot),
        _ => Vec::new(),
    };
    if newest.is_empty() {
        return Ok(Some(watermark));
    }
    let entries = catalog.partitions(database, name, Some(&newest)).await?;
    Ok(entries.values().map(|entry| entry.commit).chain([watermark]).max())
}

fn changed_last(snapshot: &Snapshot) -> Vec<Partition> {
    let changed = snapshot.changed.iter().filter(|((set, _), _)| *set == FileSet::Data);
    let mut newest: Vec<(u64, &Partition)> = changed.map(|((_, partition), commit)| (*commit, partition)).collect();
    newest.sort_unstable_by(|a, b| b.cmp(a));
    newest.into_iter().take(LOOKED_AT).map(|(_, partition)| partition.clone()).collect()
}

pub(super) fn is_behind(snapshot: Option<&Snapshot>, published: u64) -> bool {
    snapshot.is_none_or(|state| state.head < published)
}

/// The error that says so.
pub(super) fn lost(table: &TableId, published: u64, snapshot: Option<&Snapshot>) -> Error {
    let ends = snapshot.map_or("does not exist".into(), |state| format!("ends at commit {}", state.head));
    let told = format!("the catalog knows commit {published} of {table}, but its ledger {ends}");
    Error::ledger(told).hint(
        "the ledger has lost its newest commits: restore the table's _ledger folder from a backup; where there is none, docs/ledger.md says what to do. Nothing was changed",
    )
}

/// Refuses to go on with a ledger that has lost its newest commits; `snapshot` is brought to the head.
///
/// # Errors
/// Ledger: it has. Those of the catalog and the store.
pub(super) async fn check(
    table: &TableId,
    catalog: &dyn Catalog,
    ledger: &Ledger,
    snapshot: &mut Snapshot,
) -> Result<()> {
    let Some(published) = published(table, catalog, Some(snapshot)).await? else { return Ok(()) };
    if is_behind(Some(snapshot), published) {
        ledger.catch_up(snapshot).await?; // another run may have committed and published since
    }
    match is_behind(Some(snapshot), published) {
        true => Err(lost(table, published, Some(snapshot))),
        false => Ok(()),
    }
}

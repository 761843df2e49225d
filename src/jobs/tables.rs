//! The tables of a database that are in a lake, also those whose ledger is damaged.

use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::storage::Location;
use crate::table::TableId;
use object_store::ObjectStore;

/// Every table of `database` with a commit in `lake`, by name.
///
/// # Errors
/// Usage for a name that no database can have; those of the store.
pub async fn tables(lake: &Location, database: &str) -> Result<Vec<TableId>> {
    let folder = lake.join(database);
    let listed = folder.store().list_with_delimiter(Some(folder.prefix())).await;
    let listed = listed.map_err(|e| Error::from(e).context(format!("cannot list {folder}")))?;
    let mut found = Vec::new();
    for name in listed.common_prefixes.iter().filter_map(|path| path.filename()) {
        let Ok(table) = TableId::new(database, name) else { continue };
        if !Ledger::new(&folder.join(name)).numbers().await?.is_empty() {
            found.push(table);
        }
    }
    found.sort_by(|a, b| a.table().cmp(b.table()));
    Ok(found)
}

/// The catalog that a table is published to, by its ledger; `None` where its first commit is not there or cannot be read.
pub async fn pinned_catalog(lake: &Location, table: &TableId) -> Option<String> {
    let ledger = Ledger::new(&lake.join(table.database()).join(table.table()));
    ledger.commit(0).await.ok().flatten()?.pins.map(|pins| pins.catalog)
}

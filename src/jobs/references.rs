//! Reference tables in the catalog: a copy of each small CSV in the lake, for engines that read only what the catalog names.

use crate::catalog::{Catalog, publish_reference};
use crate::error::Result;
use crate::query::local::Reference;
use crate::storage::Location;
use crate::table::TableId;

/// Publishes these reference tables, where the catalog wants any; gives the names of those that are new or changed.
///
/// # Errors
/// Usage for a file that is not there or cannot be published, with its line; those of the catalog and the store.
pub async fn publish_references(
    catalog: &dyn Catalog,
    lake: &Location,
    database: &str,
    references: &[Reference],
) -> Result<Vec<TableId>> {
    let mut changed = Vec::new();
    for reference in references.iter().filter(|_| catalog.wants_references()) {
        let id = TableId::new(database, &reference.name)?;
        let (origin, csv) = reference.read().await?;
        let published = publish_reference(catalog, lake, &id, &origin, &csv).await;
        if published.map_err(|e| e.context(format!("the reference table {id} is not published")))? {
            changed.push(id);
        }
    }
    Ok(changed)
}

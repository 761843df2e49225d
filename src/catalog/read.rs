//! What a reader of the catalog reads: every object below a location.

use super::Catalog;
use crate::error::{Error, Result};
use crate::storage::Location;
use crate::table::Partition;
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore};
use std::collections::BTreeMap;

/// The files that a reader finds at a location: all below it, but for those with a name, or a folder
/// below the location, that begins with `_` or `.`: Athena leaves them out as well.
/// `near` is any place in the same store. Sorted by path.
///
/// # Errors
/// Usage for a location in another store; storage where the listing is not complete (I7).
pub async fn files_at(near: &Location, location: &str) -> Result<Vec<ObjectMeta>> {
    let folder = near.path_of(location).ok_or_else(|| {
        Error::usage(format!("the catalog points at {location}, which is not in the store {}", near.root()))
    })?;
    let listed = near.store().list(Some(&folder)).try_collect::<Vec<_>>().await;
    let mut files = listed.map_err(|e| Error::from(e).context(format!("cannot list {location}")))?;
    files.retain(|file| {
        let below = file.location.as_ref().strip_prefix(folder.as_ref()).unwrap_or_default();
        !below.split('/').any(|part| part.starts_with(['_', '.']))
    });
    files.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(files)
}

/// The files of each partition of a table, as the catalog says it; a table without partition keys is one partition.
/// `None` where the catalog has no such table.
///
/// # Errors
/// Those of the catalog and of [`files_at`].
pub async fn files(
    catalog: &dyn Catalog,
    near: &Location,
    database: &str,
    table: &str,
) -> Result<Option<BTreeMap<Partition, Vec<ObjectMeta>>>> {
    let Some(definition) = catalog.table(database, table).await? else { return Ok(None) };
    let mut found = BTreeMap::new();
    if definition.partition_keys.is_empty() {
        found.insert(Partition::default(), files_at(near, &definition.location).await?);
    }
    for (partition, entry) in catalog.partitions(database, table, None).await? {
        let files = files_at(near, &entry.location).await?;
        found.insert(partition, files);
    }
    Ok(Some(found))
}

//! Reference tables for engines that read only what the catalog names: a copy of a small CSV in the lake.

use super::{Catalog, CsvLayout};
use crate::error::{Error, Result};
use crate::storage::Location;
use crate::table::{ReferenceCsv, TableId};
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use sha2::{Digest, Sha256};

/// The parameter of a published reference table that says which content it shows: the first 16 hex digits of the SHA-256 of its copy.
pub const REFERENCE_PARAMETER: &str = "firelake.reference";

/// A reference table as a catalog is told it: all its columns are strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceTable {
    /// Database and name.
    pub id: TableId,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// URL with a last slash of the folder that holds the copy and nothing else.
    pub location: String,
    /// How the copy is written.
    pub layout: CsvLayout,
    /// The value of [`REFERENCE_PARAMETER`].
    pub checksum: String,
    /// The CSV that it is a copy of.
    pub origin: String,
}

/// Copies a CSV to `<lake>/<database>/<name>/<checksum>/<name>.csv` and tells the catalog; gives whether the catalog changed.
///
/// Another content is another folder (I5), so a query that runs meanwhile goes on reading the old one.
///
/// # Errors
/// Those of [`ReferenceCsv::for_athena`]; usage where the catalog has a table of that name that is no reference table.
pub async fn publish_reference(
    catalog: &dyn Catalog,
    lake: &Location,
    id: &TableId,
    origin: &str,
    csv: &ReferenceCsv,
) -> Result<bool> {
    let body = csv.for_athena()?;
    let checksum: String = Sha256::digest(&body).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = lake.join(&format!("{}/{}/{checksum}", id.database(), id.table()));
    create(&folder, &format!("{}.csv", id.table()), body).await?;
    let location = format!("{}/", folder.url());
    let layout = CsvLayout { header_lines: 1, ..Default::default() };
    let (columns, origin) = (csv.columns.clone(), origin.to_owned());
    catalog.publish_reference(&ReferenceTable { id: id.clone(), columns, location, layout, checksum, origin }).await
}

/// Creates a file, or finds the same one there.
async fn create(folder: &Location, name: &str, body: Vec<u8>) -> Result<()> {
    let path = folder.path(name);
    let cannot = |e: object_store::Error| Error::from(e).context(format!("cannot write {}", folder.url_of(&path)));
    match folder.store().put_opts(&path, body.clone().into(), PutMode::Create.into()).await {
        Ok(_) => Ok(()),
        Err(object_store::Error::AlreadyExists { .. }) => {
            let there = folder.store().get(&path).await.map_err(cannot)?.bytes().await.map_err(cannot)?;
            match there == body {
                true => Ok(()),
                false => Err(Error::storage(format!("{} holds something else than this copy", folder.url_of(&path)))
                    .hint("somebody else wrote into the lake: remove that file, then publish again")),
            }
        }
        Err(error) => Err(cannot(error)),
    }
}

//! A table's live files, for programs that read Parquet themselves: a glob over `data/` would count superseded files.

use super::change::missing;
use crate::error::{Error, Result};
use crate::ledger::{AsOf, Ledger, LiveFile};
use crate::storage::Location;
use crate::table::{FileSet, TableId};
use serde::Serialize;

/// One live file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedFile {
    /// A path where the lake is a local folder, else a URL.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Size of it.
    pub bytes: u64,
    /// Its partition's Hive path.
    pub partition: String,
    /// The commit that made it live.
    pub commit: u64,
}

/// The live files of `table`, or of the rejected table of that name, in order of their partitions: those of the newest state,
/// or of an earlier one. Of an earlier one, each is looked at: gc may have deleted it since.
///
/// # Errors
/// Usage: there is no such table, or no such state of it. Storage: files of an earlier state are gone.
pub async fn files(lake: &Location, database: &str, table: &str, as_of: Option<AsOf>) -> Result<Vec<ListedFile>> {
    let (name, set) = match table.strip_suffix("_rejected") {
        Some(name) => (name, FileSet::Rejected),
        None => (table, FileSet::Data),
    };
    let id = TableId::new(database, name)?;
    let folder = lake.join(id.database()).join(id.table());
    let ledger = Ledger::new(&folder);
    let snapshot = match as_of {
        Some(as_of) => ledger.load_as_of(as_of).await?,
        None => ledger.load_lean().await?,
    };
    let snapshot = snapshot.ok_or_else(|| {
        Error::usage(format!("there is no table {id} in {lake}"))
            .hint(format!("firelake query --lake {lake} --database {database} \"SHOW TABLES\" lists what there is"))
    })?;
    if let Some(as_of) = as_of {
        let missing = missing(&folder, snapshot.live(set).map(|(path, _)| path)).await?;
        if let Some(path) = missing.first() {
            let told = format!("{} of the files that {id} had as of {as_of} are gone, such as {path}", missing.len());
            return Err(Error::storage(told).hint("gc deletes files that were replaced: choose a later --as-of"));
        }
    }
    let mut files: Vec<ListedFile> = snapshot.live(set).map(|(path, file)| listed(&folder, path, file)).collect();
    files.sort_by(|a, b| (&a.partition, &a.path).cmp(&(&b.partition, &b.path)));
    Ok(files)
}

fn listed(folder: &Location, path: &str, file: &LiveFile) -> ListedFile {
    ListedFile {
        path: folder.join(path).to_string(),
        rows: file.rows,
        bytes: file.bytes,
        partition: file.partition.path().into(),
        commit: file.commit,
    }
}

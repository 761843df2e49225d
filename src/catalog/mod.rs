//! The catalog: where readers that do not know the ledger look tables and partitions up. A projection of the ledger (I4),
//! repairable at any time and never consulted for what is true.
//!
//! - [`Catalog`]: what a catalog can do; [`CatalogTable`], [`PartitionEntry`]: what it says; [`Changes`]: what it is told.
//! - [`FileCatalog`]: a catalog of JSON files in the lake; [`GlueCatalog`]: AWS Glue. `docs/catalog.md` describes both.
//! - [`publish`]: brings a catalog to say what the ledger says. [`desired`] and [`diff`] are its pure halves.
//! - [`drift`]: what others changed in a catalog.
//! - [`files_at`], [`files`]: what a reader of the catalog reads.

mod changes;
mod drift;
mod file;
mod foreign;
mod glue;
mod publish;
mod read;
mod reference;
#[cfg(test)]
pub(crate) mod suite;

pub use changes::{Changes, PartitionChange, TableChange};
pub use drift::{Drift, Finding, drift};
pub use file::FileCatalog;
pub use foreign::{CsvLayout, ForeignPartition, ForeignTable, Layout};
pub use glue::GlueCatalog;
pub use publish::{Actual, Placement, Published, Reach, Wanted, desired, diff, plan, publish};
pub use read::{files, files_at};
pub use reference::{REFERENCE_PARAMETER, ReferenceTable, publish_reference};

use crate::error::{Error, Result};
use crate::table::{HiveType, Partition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// The parameter of a table, and of a partition where those have parameters, that holds a commit number.
///
/// Of a partition: the commit that last changed it, as its location shows it. Of a table: the watermark; every partition
/// that changed up to this commit is known to be right, and is not compared again.
pub const COMMIT_PARAMETER: &str = "firelake.commit";

/// The parameter of a table that says which commit gave it its columns, where that is not the first one. Columns do not go back
/// to those of an earlier commit.
pub const SCHEMA_PARAMETER: &str = "firelake.schema";

/// A catalog: the embedded one of files, or Glue.
///
/// Nothing here asks for compare-and-swap of partitions. Publishing is right without it, as long as [`settles`] says how
/// long a call may land after its caller died.
///
/// [`settles`]: Catalog::settles
#[async_trait::async_trait]
pub trait Catalog: Send + Sync {
    /// Its word in `firelake.toml` and in the ledger's pins.
    fn name(&self) -> &'static str;

    /// How long after it was sent a change may still take effect; `None` where a change that comes too late does nothing.
    /// A table's watermark follows only commits that are older than this.
    fn settles(&self) -> Option<Duration>;

    /// The clock by which changes are signed, where they are: what was decided on a reading goes out with the time of that
    /// reading ([`Changes::decided_at`]), so that it cannot take effect much later. `None` where late changes do nothing.
    fn now(&self) -> Option<SystemTime> {
        None
    }

    /// The tables of a database by name, whoever made them; none where there is no such database.
    async fn tables(&self, database: &str) -> Result<BTreeMap<String, CatalogTable>>;

    /// A table's definition; `None` where the catalog has no such table (and only then: all else is an error).
    async fn table(&self, database: &str, table: &str) -> Result<Option<CatalogTable>>;

    /// Those of the `wanted` partitions that the catalog has, or all of them. A table without partition keys has none.
    async fn partitions(
        &self,
        database: &str,
        table: &str,
        wanted: Option<&[Partition]>,
    ) -> Result<BTreeMap<Partition, PartitionEntry>>;

    /// Makes the changes: the definition first, then the partitions. Each partition moves whole (I3); a failure may leave
    /// some of them unmoved, and making the same changes again is harmless.
    async fn apply(&self, changes: &Changes) -> Result<Applied>;

    /// Whether engines read what this catalog names and nothing else, so that reference tables are to be published, too.
    fn wants_references(&self) -> bool {
        false
    }

    /// Makes a reference table, or moves it; gives whether anything changed. Only where they are wanted.
    async fn publish_reference(&self, reference: &ReferenceTable) -> Result<bool> {
        Err(Error::internal(format!("the {} catalog takes no reference table {}", self.name(), reference.id)))
    }

    /// A table whoever made it, for readers; `None` where there is none. A catalog that holds firelake's tables only, which
    /// readers find by their ledgers, has none for them.
    async fn foreign(&self, _database: &str, _table: &str) -> Result<Option<ForeignTable>> {
        Ok(None)
    }

    /// All partitions of a table that [`foreign`](Catalog::foreign) gave.
    async fn foreign_partitions(&self, _database: &str, _table: &str) -> Result<Vec<ForeignPartition>> {
        Ok(Vec::new())
    }
}

impl std::fmt::Debug for dyn Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} catalog", self.name())
    }
}

/// What became of [`Changes`]. Both are normal outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The catalog says so now.
    Done,
    /// Somebody else changed the table meanwhile: look again before you change it.
    Beaten,
}

/// A table as a catalog defines it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogTable {
    /// One line for people.
    pub description: String,
    /// Its columns in order, without partition keys.
    pub columns: Vec<CatalogColumn>,
    /// The names of its partition keys, coarsest first. All are of type string.
    pub partition_keys: Vec<String>,
    /// URL with a last slash. With partition keys, the folder above all partitions, which nobody should read as a whole;
    /// without, the folder that holds exactly the table's files.
    pub location: String,
    /// Ours, and whatever else the catalog keeps with the table: carried over by every update.
    pub parameters: BTreeMap<String, String>,
    /// What the catalog itself finds wrong with how the table is defined there, in words: an update makes it right.
    pub odd: Vec<String>,
    /// Whether partitions may say narrower types than the table, whose columns were widened: an update brings them along.
    pub widening: bool,
    /// What the catalog wants back with a change that was decided on this reading (Glue: the version). Opaque.
    pub token: Option<String>,
}

/// A column as a catalog lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogColumn {
    /// Lower case.
    pub name: String,
    /// Its type in Glue's words; also a type that firelake does not write, where somebody else changed the table.
    #[serde(rename = "type")]
    pub hive_type: String,
    /// What it means, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Where a catalog says that a partition's files are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionEntry {
    /// URL with a last slash of the folder that holds exactly the partition's files.
    pub location: String,
    /// The commit that last changed the partition, as of this location; 0 where the catalog knows none.
    pub commit: u64,
}

impl CatalogTable {
    /// The commit up to which the partitions are known to be right.
    ///
    /// # Errors
    /// Usage where there is none: the table was not made by firelake.
    pub fn watermark(&self) -> Result<u64> {
        let text = self.parameters.get(COMMIT_PARAMETER);
        text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            let there = text.map_or("no parameter".into(), |text| format!("{text:?} in its parameter"));
            let at = if self.location.is_empty() { "of this name".into() } else { format!("at {}", self.location) };
            Error::usage(format!("the catalog's table {at} has {there} {COMMIT_PARAMETER}"))
                .hint("firelake did not make this table: choose another --table or --database, or drop it there")
        })
    }

    /// The commit that gave the table the columns that it has here.
    pub fn schema_commit(&self) -> u64 {
        self.parameters.get(SCHEMA_PARAMETER).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// This definition with another watermark.
    #[must_use]
    pub fn with_watermark(mut self, commit: u64) -> Self {
        self.parameters.insert(COMMIT_PARAMETER.into(), commit.to_string());
        self
    }

    /// Whether a query gives the same with either: the same columns, keys and location.
    /// Comments, the description and parameters do not count.
    pub fn reads_like(&self, other: &CatalogTable) -> bool {
        let columns = |table: &CatalogTable| -> Vec<(String, String)> {
            table.columns.iter().map(|column| (column.name.clone(), column.hive_type.clone())).collect()
        };
        columns(self) == columns(other)
            && self.partition_keys == other.partition_keys
            && self.location == other.location
    }
}

impl From<(String, HiveType, Option<String>)> for CatalogColumn {
    fn from((name, hive_type, comment): (String, HiveType, Option<String>)) -> Self {
        CatalogColumn { name, hive_type: hive_type.to_string(), comment }
    }
}

//! A database's tables in the catalog: what is there, what publishing would change, what others changed.

use crate::catalog::{
    Catalog, CatalogTable, Changes, Finding, PartitionEntry, Published, REFERENCE_PARAMETER, Reach, drift, plan,
    publish,
};
use crate::error::{Error, Result};
use crate::ledger::{Ledger, Snapshot};
use crate::storage::Location;
use crate::table::{Partition, TableId};
use object_store::ObjectStore;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A catalog and the lake whose ledgers it repeats.
pub struct CatalogJob {
    /// The lake's folder.
    pub lake: Location,
    /// The database.
    pub database: String,
    /// The catalog.
    pub catalog: Arc<dyn Catalog>,
}

/// A table of the catalog in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedTable {
    /// Its name.
    pub table: String,
    /// Whether firelake made it.
    pub firelake: bool,
    /// Whether it is a reference table: a copy of a small CSV.
    pub reference: bool,
    /// How many partitions the catalog has of it; none for a table that no ledger is behind.
    pub partitions: Option<u64>,
    /// The newest commit that the catalog shows of it.
    pub commit: Option<u64>,
    /// Where its files are.
    pub location: String,
}

/// A table of the catalog, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownTable {
    /// Its definition.
    pub table: CatalogTable,
    /// Its partitions.
    pub partitions: BTreeMap<Partition, PartitionEntry>,
}

impl CatalogJob {
    /// The catalog's tables by name, also those that firelake did not make.
    ///
    /// # Errors
    /// Those of the catalog.
    pub async fn list(&self) -> Result<Vec<ListedTable>> {
        let mut listed = Vec::new();
        for (name, table) in self.catalog.tables(&self.database).await? {
            let watermark = table.watermark().ok();
            let partitions = match watermark {
                Some(_) => self.catalog.partitions(&self.database, &name, None).await?,
                None => BTreeMap::new(),
            };
            let reference = table.parameters.contains_key(REFERENCE_PARAMETER);
            let newest = partitions.values().map(|entry| entry.commit).max();
            listed.push(ListedTable {
                table: name,
                firelake: watermark.is_some() || reference,
                reference,
                partitions: watermark.map(|_| partitions.len() as u64),
                commit: watermark.map(|watermark| watermark.max(newest.unwrap_or(0))),
                location: table.location,
            });
        }
        Ok(listed)
    }

    /// What the catalog says of one table.
    ///
    /// # Errors
    /// Usage: it has none of this name.
    pub async fn show(&self, table: &str) -> Result<ShownTable> {
        let Some(definition) = self.catalog.table(&self.database, table).await? else {
            let told = format!("there is no table {}.{table} in the catalog ({})", self.database, self.catalog.name());
            return Err(Error::usage(told).hint("firelake catalog list names those that there are"));
        };
        let partitions = self.catalog.partitions(&self.database, table, None).await?;
        Ok(ShownTable { table: definition, partitions })
    }

    /// The tables of the database that have a ledger in the lake and are published to this catalog, by name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tables(&self) -> Result<Vec<String>> {
        let folder = self.lake.join(&self.database);
        let listed = self.lake.store().list_with_delimiter(Some(folder.prefix())).await;
        let listed = listed.map_err(|e| Error::from(e).context(format!("cannot list {folder}")))?;
        let mut names: Vec<String> =
            listed.common_prefixes.iter().filter_map(|path| path.filename()).map(str::to_owned).collect();
        names.sort();
        let mut tables = Vec::new();
        for name in names {
            let Ok(table) = TableId::new(&self.database, &name) else { continue };
            let pinned = self.open(&table).ledger.commit(0).await?.and_then(|first| first.pins);
            if pinned.is_some_and(|pins| pins.catalog == self.catalog.name()) {
                tables.push(name);
            }
        }
        Ok(tables)
    }

    /// What [`apply`](Self::apply) would tell the catalog of a table: of its rows, then of its rejected records.
    ///
    /// # Errors
    /// Those of [`plan`].
    pub async fn plan(&self, table: &str) -> Result<[Changes; 2]> {
        let (opened, mut snapshot) = self.load(table).await?;
        plan(&opened.table, &opened.folder, &opened.ledger, self.catalog.as_ref(), &mut snapshot, Reach::All).await
    }

    /// Brings the catalog to say what the ledger says of all partitions of a table. What was made is the plan from before it.
    ///
    /// # Errors
    /// Those of [`publish`].
    pub async fn apply(&self, table: &str) -> Result<Published> {
        let (opened, mut snapshot) = self.load(table).await?;
        publish(&opened.table, &opened.folder, &opened.ledger, self.catalog.as_ref(), &mut snapshot, Reach::All).await
    }

    /// What the catalog says otherwise than the ledger.
    ///
    /// # Errors
    /// Those of [`drift`].
    pub async fn drift(&self, table: &str) -> Result<Vec<Finding>> {
        let (opened, mut snapshot) = self.load(table).await?;
        drift(&opened.table, &opened.folder, &opened.ledger, self.catalog.as_ref(), &mut snapshot).await
    }

    async fn load(&self, table: &str) -> Result<(Opened, Snapshot)> {
        let opened = self.open(&TableId::new(&self.database, table)?);
        match opened.ledger.load_lean().await? {
            Some(snapshot) => Ok((opened, snapshot)),
            None => Err(Error::usage(format!("there is no table {} in {}", opened.table, self.lake))
                .hint(format!("firelake query --lake {} \"SHOW TABLES\" lists what there is", self.lake))),
        }
    }

    fn open(&self, table: &TableId) -> Opened {
        let folder = self.lake.join(table.database()).join(table.table());
        Opened { table: table.clone(), ledger: Ledger::new(&folder), folder }
    }
}

struct Opened {
    table: TableId,
    folder: Location,
    ledger: Ledger,
}

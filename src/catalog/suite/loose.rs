//! A catalog in memory that promises as little as Glue: the definition by compare-and-swap, partitions one by one without,
//! and a call may land late.

use super::faults::Faults;
use crate::catalog::{Applied, Catalog, CatalogTable, Changes, PartitionEntry, TableChange};
use crate::error::Result;
use crate::table::Partition;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Loose {
    pub(crate) faults: Faults,
    tables: Mutex<BTreeMap<(String, String), Table>>,
}

#[derive(Debug)]
struct Table {
    definition: CatalogTable,
    version: u64,
    partitions: BTreeMap<Partition, PartitionEntry>,
}

impl Loose {
    pub(crate) fn new(faults: Faults) -> Self {
        Loose { faults, tables: Mutex::default() }
    }

    fn define(&self, changes: &Changes, change: &TableChange) -> Applied {
        let name = (changes.database.clone(), changes.table.clone());
        let mut tables = self.tables.lock().unwrap();
        let version = match (change, tables.get(&name)) {
            (TableChange::Create(_), None) => 0,
            (TableChange::Update { .. }, Some(there)) if changes.token == Some(there.version.to_string()) => {
                there.version + 1
            }
            _ => return Applied::Beaten,
        };
        let partitions = tables.remove(&name).map(|table| table.partitions).unwrap_or_default();
        tables.insert(name, Table { definition: change.to().clone(), version, partitions });
        Applied::Done
    }
}

#[async_trait::async_trait]
impl Catalog for Loose {
    fn name(&self) -> &'static str {
        "loose"
    }

    fn settles(&self) -> Option<Duration> {
        Some(Duration::from_secs(15 * 60))
    }

    async fn tables(&self, database: &str) -> Result<BTreeMap<String, CatalogTable>> {
        let tables = self.tables.lock().unwrap();
        let of = tables.iter().filter(|((of, _), _)| of == database);
        let named = of.map(|((_, name), table)| {
            (name.clone(), CatalogTable { token: Some(table.version.to_string()), ..table.definition.clone() })
        });
        Ok(named.collect())
    }

    async fn table(&self, database: &str, table: &str) -> Result<Option<CatalogTable>> {
        self.faults.pause().await;
        let tables = self.tables.lock().unwrap();
        Ok(tables
            .get(&(database.to_owned(), table.to_owned()))
            .map(|table| CatalogTable { token: Some(table.version.to_string()), ..table.definition.clone() }))
    }

    async fn partitions(
        &self,
        database: &str,
        table: &str,
        wanted: Option<&[Partition]>,
    ) -> Result<BTreeMap<Partition, PartitionEntry>> {
        self.faults.pause().await;
        let tables = self.tables.lock().unwrap();
        let Some(table) = tables.get(&(database.to_owned(), table.to_owned())) else { return Ok(BTreeMap::new()) };
        let mut partitions = table.partitions.clone();
        partitions.retain(|partition, _| wanted.is_none_or(|wanted| wanted.contains(partition)));
        Ok(partitions)
    }

    async fn apply(&self, changes: &Changes) -> Result<Applied> {
        if let Some(change) = &changes.definition
            && self.faults.around(async { Ok(self.define(changes, change)) }).await? == Applied::Beaten
        {
            return Ok(Applied::Beaten);
        }
        let name = (changes.database.clone(), changes.table.clone());
        for change in &changes.partitions {
            let put = async {
                let mut tables = self.tables.lock().unwrap();
                let table = tables.get_mut(&name).unwrap();
                table.partitions.insert(change.partition.clone(), change.to.clone());
                Ok(())
            };
            self.faults.around(put).await?;
        }
        Ok(Applied::Done)
    }
}

mod tests {
    use super::*;
    use crate::catalog::suite::{Rig, every_catalog};
    use std::sync::Arc;

    fn make(_: &crate::storage::Location, faults: &Faults) -> Arc<dyn Catalog> {
        Arc::new(Loose::new(faults.clone()))
    }

    every_catalog!(make);

    /// The store's clock goes ten minutes a commit, and calls settle in fifteen.
    #[tokio::test]
    async fn the_watermark_follows_when_calls_have_settled() {
        let mut rig = Rig::new(make, true).await;
        let watermark =
            async |rig: &Rig| rig.catalog.table("logs", "access").await.unwrap().unwrap().watermark().unwrap();
        // nothing is open at commit 1 any more once commit 3 has changed dt=1 again
        for (commit, expected) in [("+1", 0), ("+2", 0), ("+1", 0), ("", 2), ("", 3), ("", 3)] {
            rig.commit(commit).await;
            rig.publish_all().await;
            assert_eq!(watermark(&rig).await, expected, "at head {}", rig.head());
        }
        assert!(!rig.publish().await.unwrap().changed);
    }
}

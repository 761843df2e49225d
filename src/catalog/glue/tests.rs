//! The suite of every catalog, against the stand-in; and what only Glue does, against it or against a stub.

use super::stub::Stub;
use super::*;
use crate::catalog::PartitionChange;
use crate::catalog::suite::{Faults, Rig, every_catalog};
use crate::storage::Location;
use crate::table::HiveType;
use stand_in::account;
use std::cell::RefCell;

#[path = "../../../tests/it/support/stand_in.rs"]
#[expect(dead_code, reason = "what other tests need of it")]
mod stand_in;

/// Glue as it is, but a partition a call, and each call that changes anything may fail before or after it took effect.
#[derive(Debug)]
struct Faulty {
    inner: GlueCatalog,
    faults: Faults,
}

impl Faulty {
    async fn apply_piece(&self, piece: Changes) -> Result<Applied> {
        self.faults.around(async { Ok(self.inner.apply(&piece).await) }).await?
    }
}

#[async_trait::async_trait]
impl Catalog for Faulty {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn settles(&self) -> Option<Duration> {
        self.inner.settles()
    }

    fn now(&self) -> Option<SystemTime> {
        self.inner.now()
    }

    async fn tables(&self, database: &str) -> Result<BTreeMap<String, CatalogTable>> {
        self.inner.tables(database).await
    }

    async fn table(&self, database: &str, table: &str) -> Result<Option<CatalogTable>> {
        self.faults.pause().await;
        self.inner.table(database, table).await
    }

    async fn partitions(
        &self,
        database: &str,
        table: &str,
        wanted: Option<&[Partition]>,
    ) -> Result<BTreeMap<Partition, PartitionEntry>> {
        self.faults.pause().await;
        self.inner.partitions(database, table, wanted).await
    }

    /// Without the version for partitions: they have none in Glue, and a call may land late.
    async fn apply(&self, changes: &Changes) -> Result<Applied> {
        let definition = Changes { partitions: Vec::new(), ..changes.clone() };
        if changes.definition.is_some() && self.apply_piece(definition).await? == Applied::Beaten {
            return Ok(Applied::Beaten);
        }
        for change in &changes.partitions {
            let piece = Changes { partitions: vec![change.clone()], definition: None, token: None, ..changes.clone() };
            if self.apply_piece(piece).await? == Applied::Beaten {
                return Ok(Applied::Beaten);
            }
        }
        Ok(Applied::Done)
    }
}

/// A Glue of its own, with connections of this thread's runtime.
fn glue() -> GlueCatalog {
    at(stand_in::url())
}

fn at(url: &str) -> GlueCatalog {
    thread_local! {
        static OF_THREAD: RefCell<Option<crate::storage::TestConnections>> = const { RefCell::new(None) };
    }
    let connections = OF_THREAD.with_borrow_mut(|own| own.get_or_insert_with(Default::default).clone());
    let aws = Aws::standing_in(url, &account(), "secret").with_connections(&connections);
    GlueCatalog::new(&aws).unwrap()
}

fn make(_: &Location, faults: &Faults) -> Arc<dyn Catalog> {
    Arc::new(Faulty { inner: glue(), faults: faults.clone() })
}

every_catalog!(make, rounds: 4);

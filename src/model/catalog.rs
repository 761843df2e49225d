//! The model's catalog, as Glue is: the definition by compare-and-swap, each partition on its own, the last writer wins, and
//! a call may take effect after its caller died, but no later than its signature is good for.

use super::gate::{End, Gate};
use super::store::Disk;
use crate::catalog::{Applied, Catalog, CatalogTable, Changes, PartitionChange, PartitionEntry, TableChange};
use crate::error::{Error, Kind, Result};
use crate::table::Partition;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// How long a signature is good for.
const SIGNATURE: TimeDelta = TimeDelta::minutes(15);
/// How old a reading may be when what was decided on it is sent.
const SENDING: TimeDelta = TimeDelta::minutes(4);

/// What the catalog says of all tables.
#[derive(Debug, Default)]
pub(super) struct Entries(pub(super) Mutex<BTreeMap<String, Entry>>);

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) definition: CatalogTable,
    version: u64,
    pub(super) partitions: BTreeMap<Partition, PartitionEntry>,
}

/// A call under way whose sender has gone on.
#[derive(Debug, Clone)]
pub(super) struct LateCall {
    table: String,
    signed_at: DateTime<Utc>,
    call: Call,
}

#[derive(Debug, Clone)]
enum Call {
    Define { change: Box<TableChange>, token: Option<String> },
    Partition(PartitionChange),
}

impl Entries {
    /// Takes effect, or is refused.
    pub(super) fn land(&self, late: &LateCall, now: DateTime<Utc>) -> Result<Applied> {
        if now - late.signed_at >= SIGNATURE {
            return Err(Error::new(Kind::Storage, "the signature has expired"));
        }
        let mut tables = self.0.lock().unwrap();
        match &late.call {
            Call::Define { change, token } => Ok(define(&mut tables, &late.table, change, token.as_deref())),
            Call::Partition(change) => {
                let Some(table) = tables.get_mut(&late.table) else { return Ok(Applied::Beaten) };
                let there = table.partitions.contains_key(&change.partition);
                if there == change.from.is_none() {
                    return Ok(Applied::Beaten); // to be created and there, or to be updated and not there
                }
                table.partitions.insert(change.partition.clone(), change.to.clone());
                Ok(Applied::Done)
            }
        }
    }
}

fn define(tables: &mut BTreeMap<String, Entry>, name: &str, change: &TableChange, token: Option<&str>) -> Applied {
    let version = match (change, tables.get(name)) {
        (TableChange::Create(_), None) => 0,
        (TableChange::Update { .. }, Some(there)) if token == Some(there.version.to_string().as_str()) => {
            there.version + 1
        }
        _ => return Applied::Beaten,
    };
    let partitions = tables.remove(name).map(|table| table.partitions).unwrap_or_default();
    tables.insert(name.to_owned(), Entry { definition: change.to().clone(), version, partitions });
    Applied::Done
}

/// The catalog as one process sees it.
pub(super) struct ModelCatalog {
    pub(super) entries: Arc<Entries>,
    pub(super) disk: Arc<Disk>,
    pub(super) gate: Gate,
    /// Where late calls wait.
    pub(super) late: Arc<Mutex<Vec<LateCall>>>,
}

fn timeout() -> Error {
    Error::storage("the catalog timed out")
}

impl ModelCatalog {
    async fn call(&self, told: String, late: LateCall) -> Result<Applied> {
        match self.gate.pass(told).await {
            End::Done | End::Conflict => self.entries.land(&late, self.disk.now()),
            End::Refused => Err(timeout()),
            End::Lost => self.entries.land(&late, self.disk.now()).and(Err(timeout())),
            End::Late => {
                self.late.lock().unwrap().push(late);
                Err(timeout())
            }
        }
    }

    async fn seen(&self, told: String) -> Result<()> {
        match self.gate.pass(told).await {
            End::Done | End::Conflict => Ok(()),
            _ => Err(timeout()),
        }
    }
}

#[async_trait::async_trait]
impl Catalog for ModelCatalog {
    fn name(&self) -> &'static str {
        "model"
    }

    fn settles(&self) -> Option<Duration> {
        SIGNATURE.to_std().ok()
    }

    fn now(&self) -> Option<SystemTime> {
        Some(self.disk.now().into())
    }

    async fn tables(&self, _: &str) -> Result<BTreeMap<String, CatalogTable>> {
        let tables = self.entries.0.lock().unwrap();
        Ok(tables.iter().map(|(name, entry)| (name.clone(), entry.definition.clone())).collect())
    }

    async fn table(&self, _: &str, table: &str) -> Result<Option<CatalogTable>> {
        let tables = self.entries.0.lock().unwrap();
        let found = tables.get(table);
        Ok(found.map(|entry| CatalogTable { token: Some(entry.version.to_string()), ..entry.definition.clone() }))
    }

    async fn partitions(
        &self,
        _: &str,
        table: &str,
        wanted: Option<&[Partition]>,
    ) -> Result<BTreeMap<Partition, PartitionEntry>> {
        self.seen(format!("read the partitions of {table}")).await?;
        let tables = self.entries.0.lock().unwrap();
        let mut partitions = tables.get(table).map(|entry| entry.partitions.clone()).unwrap_or_default();
        partitions.retain(|partition, _| wanted.is_none_or(|wanted| wanted.contains(partition)));
        Ok(partitions)
    }

    async fn apply(&self, changes: &Changes) -> Result<Applied> {
        let signed_at = changes.decided_at.map_or(self.disk.now(), DateTime::<Utc>::from);
        let mut calls = Vec::new();
        if let Some(change) = &changes.definition {
            let call = Call::Define { change: Box::new(change.clone()), token: changes.token.clone() };
            calls.push((format!("define {}", changes.table), call));
        }
        calls.extend(changes.partitions.iter().map(|change| {
            (
                format!("move {}/{} to {}", changes.table, change.partition, change.to.location),
                Call::Partition(change.clone()),
            )
        }));
        for (told, call) in calls {
            if self.disk.now() - signed_at > SENDING {
                return Ok(Applied::Beaten);
            }
            let late = LateCall { table: changes.table.clone(), signed_at, call };
            if self.call(told, late).await? == Applied::Beaten {
                return Ok(Applied::Beaten);
            }
        }
        Ok(Applied::Done)
    }
}

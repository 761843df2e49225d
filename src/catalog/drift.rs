//! What others changed in a catalog: all of it compared with the ledger, not only what a watermark leaves open.

use super::publish::{Look, compare};
use super::{Catalog, PartitionChange, PartitionEntry, TableChange};
use crate::error::Result;
use crate::ledger::{Ledger, Snapshot};
use crate::storage::Location;
use crate::table::{Partition, TableId};
use serde::Serialize;
use std::fmt;

/// One thing that a catalog says otherwise than the ledger. Prints as a line that says who is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The catalog's table, with its database.
    pub table: String,
    /// Its partition, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// What it is.
    pub drift: Drift,
    /// What the catalog says, what it should say.
    pub told: String,
}

/// Kinds of difference between a catalog and the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// A table or a partition is not there.
    Missing,
    /// Files are looked for in the wrong place.
    Elsewhere,
    /// The table is not defined as firelake defines it.
    Definition,
    /// A partition that firelake did not make. Told and left alone: whose it is, firelake cannot know (I6).
    Unknown,
    /// A commit that is not published yet: nobody's fault, and no drift.
    Pending,
}

impl Drift {
    /// Whether publishing would make it right.
    pub fn is_repaired(self) -> bool {
        self != Drift::Unknown
    }

    /// Whether somebody else did it.
    pub fn is_foreign(self) -> bool {
        self != Drift::Pending
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.drift {
            Drift::Missing => '-',
            Drift::Unknown => '+',
            Drift::Elsewhere | Drift::Definition | Drift::Pending => '~',
        };
        write!(f, "{sign} {}", self.table)?;
        self.partition.iter().try_for_each(|partition| write!(f, " {partition}"))?;
        write!(f, " {}", self.told)
    }
}

/// Compares the definition and all partitions of both of a table's catalog tables with the ledger. Changes nothing.
///
/// # Errors
/// Those of [`plan`](super::plan).
pub async fn drift(
    table: &TableId,
    location: &Location,
    ledger: &Ledger,
    catalog: &dyn Catalog,
    snapshot: &mut Snapshot,
) -> Result<Vec<Finding>> {
    let looks = compare(table, location, ledger, catalog, snapshot).await?;
    Ok(looks.iter().flat_map(findings).collect())
}

fn findings(look: &Look) -> Vec<Finding> {
    let find = |partition: Option<&Partition>, (drift, told): (Drift, String)| Finding {
        table: look.wanted.name(),
        partition: partition.cloned(),
        drift,
        told,
    };
    let mut found: Vec<Finding> = definition(look).into_iter().map(|told| find(None, told)).collect();
    if look.actual.table.is_none() {
        return found;
    }
    let published = published(look);
    let moved = look.changes.partitions.iter();
    found
        .extend(moved.map(|change| find(Some(&change.partition), partition(change, look.actual.watermark, published))));
    let unknown = look.actual.partitions.iter().filter(|(partition, _)| look.wanted.commit_of(partition).is_none());
    found.extend(unknown.map(|(partition, entry)| find(Some(partition), not_ours(entry))));
    found
}

/// A commit that is published for sure: the watermark, or what a partition shows.
fn published(look: &Look) -> u64 {
    let shown = look.actual.partitions.values().map(|entry| entry.commit).max();
    look.actual.watermark.max(shown.unwrap_or(0))
}

fn definition(look: &Look) -> Vec<(Drift, String)> {
    let (from, to) = match &look.changes.definition {
        None => return Vec::new(),
        Some(TableChange::Create(to)) => {
            let told = "is not in the catalog: dropped, or never published; the ledger is right";
            return vec![(Drift::Missing, format!("{told}: {}", to.location))];
        }
        Some(TableChange::Update { from, to }) => (from, to),
    };
    let mut found: Vec<(Drift, String)> =
        from.odd.iter().map(|odd| (Drift::Definition, format!("was changed: {odd}; firelake is right"))).collect();
    if from.location != to.location {
        // A table without keys is its own partition, and its watermark moves along with its location.
        let changed = look.wanted.commit_of(&Partition::default()).unwrap_or(0);
        let drift = if changed > look.actual.watermark { Drift::Pending } else { Drift::Elsewhere };
        found.push((drift, format!("points at {}; the ledger is right: {}", from.location, to.location)));
    }
    if from.partition_keys != to.partition_keys {
        let told =
            format!("has the partition keys {:?}; the ledger is right: {:?}", from.partition_keys, to.partition_keys);
        found.push((Drift::Definition, told));
    }
    let words = |columns: &[super::CatalogColumn]| -> Vec<String> {
        columns.iter().map(|column| format!("{} {}", column.name, column.hive_type)).collect()
    };
    let (has, wants) = (words(&from.columns), words(&to.columns));
    let evolved = look.wanted.schema_commit();
    if from.schema_commit() < evolved && has != wants {
        found.push((Drift::Pending, format!("does not have the columns of commit {evolved} yet")));
        return found;
    }
    if from.widening {
        found.push((Drift::Pending, "has partitions that do not have its wider types yet".into()));
    }
    let lacks = wants.iter().filter(|column| !has.contains(column));
    found.extend(lacks.map(|column| (Drift::Definition, format!("has no column {column}; the ledger is right"))));
    let foreign = has.iter().filter(|column| !wants.contains(column));
    found.extend(
        foreign.map(|column| (Drift::Definition, format!("has a column {column}; the ledger has none like it"))),
    );
    if has != wants && found.is_empty() {
        found.push((Drift::Definition, "has its columns in another order; the ledger is right".into()));
    }
    found
}

/// A partition that the ledger's last change of it did not reach yet is pending, and so is one that is missing, as long as
/// nothing later is published. What the watermark vouches for, somebody changed.
fn partition(change: &PartitionChange, watermark: u64, published: u64) -> (Drift, String) {
    let to = format!("{} (commit {})", change.to.location, change.to.commit);
    match &change.from {
        None if change.to.commit <= published => (Drift::Missing, format!("is missing; the ledger is right: {to}")),
        None => (Drift::Pending, format!("is not published yet: {to}")),
        Some(from) if from.commit < change.to.commit && change.to.commit > watermark && from.commit > 0 => {
            (Drift::Pending, format!("is published as of commit {}, not yet {to}", from.commit))
        }
        Some(from) => {
            let told = format!("points at {} (commit {}); the ledger is right: {to}", from.location, from.commit);
            (Drift::Elsewhere, told)
        }
    }
}

fn not_ours(entry: &PartitionEntry) -> (Drift, String) {
    (Drift::Unknown, format!("at {} is no partition of firelake: left alone", entry.location))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::suite::Rig;
    use crate::catalog::{Applied, CatalogTable, Changes, FileCatalog};
    use std::sync::Arc;

    async fn rig(keyed: bool) -> Rig {
        Rig::new(|lake, _| Arc::new(FileCatalog::new(lake)), keyed).await
    }

    #[tokio::test]
    async fn what_is_not_published_yet_is_no_drift() {
        for keyed in [true, false] {
            let mut rig = rig(keyed).await;
            rig.commit("+1").await;
            rig.publish_all().await;
            rig.commit("+1").await;
            let found = rig.findings().await;
            assert_eq!(found.iter().map(|one| one.drift).collect::<Vec<_>>(), [Drift::Pending], "{found:?}");
            rig.commit("+2").await;
            assert!(rig.findings().await.iter().all(|one| !one.drift.is_foreign()));
            rig.publish_all().await;
            assert_eq!(rig.findings().await, []);
        }
    }

    #[tokio::test]
    async fn a_schema_that_is_not_published_yet_is_no_drift() {
        let mut rig = rig(true).await;
        rig.commit("+1").await;
        rig.publish_all().await;
        rig.evolve("[[column]]\nname = \"more\"\ntype = \"int\"\n").await;
        let found = rig.findings().await;
        assert_eq!(found.iter().map(|one| one.drift).collect::<Vec<_>>(), [Drift::Pending], "{found:?}");
        rig.publish_all().await;
        assert_eq!(rig.findings().await, []);
    }

    #[tokio::test]
    async fn a_definition_that_others_changed() {
        for (keyed, location) in
            [(true, "memory:///lake/logs/access/data/x/"), (false, "memory:///lake/logs/access/data/y/")]
        {
            let mut rig = rig(keyed).await;
            rig.commit("+1").await;
            rig.publish_all().await;
            rig.commit("").await;
            let from = rig.catalog.table("logs", "access").await.unwrap().unwrap();
            let mut to = CatalogTable { location: location.into(), ..from.clone() };
            to.columns.swap(0, 1);
            to.columns[1].name = "renamed".into();
            let definition = Some(TableChange::Update { from, to });
            let (database, table, token, decided_at) = ("logs".into(), "access".into(), None, None);
            let changes = Changes { database, table, commit: 2, token, decided_at, definition, partitions: Vec::new() };
            assert_eq!(rig.catalog.apply(&changes).await.unwrap(), Applied::Done);
            let found = rig.findings().await;
            let kinds: Vec<Drift> = found.iter().map(|one| one.drift).collect();
            assert_eq!(kinds, [Drift::Elsewhere, Drift::Definition, Drift::Definition], "{found:#?}");
            assert!(
                found[1].told.starts_with("has no column ts timestamp") && found[2].told.contains("renamed"),
                "{found:#?}"
            );
        }
    }
}

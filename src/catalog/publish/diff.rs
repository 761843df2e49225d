//! What the ledger wants of a catalog, what the catalog says, and the changes between. Pure.

use super::place::{self, Placement, desired};
use crate::catalog::{CatalogColumn, CatalogTable, Changes, PartitionChange, PartitionEntry, TableChange};
use crate::error::{Error, Result};
use crate::ledger::Snapshot;
use crate::storage::Location;
use crate::table::{FileSet, Partition, PartitionKey, TableId, rejected_columns};
use std::collections::BTreeMap;

/// What a catalog says of one table: its definition, and those partitions that its watermark leaves open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actual {
    /// `None`: there is no such table.
    pub table: Option<CatalogTable>,
    /// The table's; 0 without a table.
    pub watermark: u64,
    /// The open partitions that it has.
    pub partitions: BTreeMap<Partition, PartitionEntry>,
}

/// What the ledger wants a catalog to say of one set of files: the definition, and the partitions that changed after the
/// catalog's watermark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    database: String,
    table: String,
    head: u64,
    /// The folder above all placements: URL with a last slash.
    root: String,
    /// Without parameters.
    definition: CatalogTable,
    /// Of a table without keys: always its one partition.
    places: BTreeMap<Partition, Placement>,
}

/// A set's name in the catalog.
pub(super) fn table_name(table: &TableId, set: FileSet) -> String {
    match set {
        FileSet::Data => table.table().to_owned(),
        FileSet::Rejected => table.rejected_table(),
    }
}

impl Wanted {
    /// What `snapshot` wants, for a catalog that says `actual`.
    ///
    /// # Errors
    /// Usage: the catalog's table has its files elsewhere, so it is another one; or a schema that this firelake does not read.
    pub fn new(
        table: &TableId,
        location: &Location,
        snapshot: &Snapshot,
        set: FileSet,
        actual: &Actual,
    ) -> Result<Self> {
        let (keys, mut definition) = definition(table, snapshot, set)?;
        let root = format!("{}/", location.url());
        let own = format!("{root}{}/", set.folder());
        let places = match keys.is_empty() {
            false => desired(snapshot, set, actual.watermark),
            true => {
                let place = desired(snapshot, set, 0).remove(&Partition::default());
                BTreeMap::from([(Partition::default(), place.unwrap_or_else(|| place::untouched(set)))])
            }
        };
        definition.location = match places.get(&Partition::default()) {
            Some(whole) if keys.is_empty() => format!("{root}{}", whole.folder),
            _ => own.clone(),
        };
        definition.partition_keys = keys;
        let (database, table) = (table.database().to_owned(), table_name(table, set));
        match &actual.table {
            Some(there) if !there.location.starts_with(&own) => Err(elsewhere(&database, &table, there, &own)),
            _ => Ok(Wanted { database, table, head: snapshot.head, root, definition, places }),
        }
    }

    /// What the catalog knows of commits that this state of the ledger does not have, in words for an error.
    pub fn later(&self, actual: &Actual) -> Option<String> {
        let name = format!("{}.{}", self.database, self.table);
        if actual.watermark > self.head {
            return Some(format!("the catalog has {name} as of commit {}", actual.watermark));
        }
        let (partition, entry) = actual
            .partitions
            .iter()
            .find(|(partition, entry)| self.places.get(*partition).is_some_and(|place| entry.commit > place.commit))?;
        Some(format!("the catalog has {partition} of {name} as changed by commit {}", entry.commit))
    }

    /// The placements that these changes point at and that are copies, which must be whole before.
    pub fn moving<'a>(&'a self, changes: &'a Changes) -> impl Iterator<Item = &'a Placement> {
        let table_moves = match &changes.definition {
            Some(TableChange::Create(_)) => true,
            Some(TableChange::Update { from, to }) => from.location != to.location,
            None => false,
        };
        let whole = self.places.get(&Partition::default()).filter(|_| table_moves);
        let partitions = changes.partitions.iter().filter_map(|change| self.places.get(&change.partition));
        whole.into_iter().chain(partitions).filter(|place| place.copy)
    }

    /// The commits, oldest first, that changed partitions which the watermark leaves open.
    pub(super) fn open_commits(&self) -> Vec<u64> {
        let mut commits: Vec<u64> = self.places.values().map(|place| place.commit).collect();
        commits.retain(|_| !self.is_whole());
        commits.sort_unstable();
        commits.dedup();
        commits
    }

    /// The wanted definition in the place of `from`: its parameters stay, but for the watermark.
    pub(super) fn definition_after(&self, from: &CatalogTable, watermark: u64) -> CatalogTable {
        let (parameters, token) = (from.parameters.clone(), from.token.clone());
        CatalogTable { parameters, token, ..self.definition.clone() }.with_watermark(watermark)
    }

    fn is_whole(&self) -> bool {
        self.definition.partition_keys.is_empty()
    }

    fn entry(&self, place: &Placement) -> PartitionEntry {
        PartitionEntry { location: format!("{}{}", self.root, place.folder), commit: place.commit }
    }
}

/// What to tell the catalog. `at_once`: a change that comes too late does nothing there, so the watermark moves along.
///
/// A partition that the catalog has as of a later commit is left alone. Comments and descriptions go along with a change, and
/// are no reason for one. A table without keys has no partitions to move and so nothing that a watermark leaves open: it
/// always moves along with the location.
pub fn diff(wanted: &Wanted, actual: &Actual, at_once: bool) -> Changes {
    let partitions = partition_changes(wanted, actual);
    let at_once = at_once || wanted.is_whole();
    let definition = match &actual.table {
        None => {
            let watermark = if at_once { wanted.head } else { 0 };
            Some(TableChange::Create(wanted.definition.clone().with_watermark(watermark)))
        }
        Some(from) if !from.reads_like(&wanted.definition) || (at_once && !partitions.is_empty()) => {
            let watermark = if at_once { wanted.head } else { actual.watermark };
            Some(TableChange::Update { from: from.clone(), to: wanted.definition_after(from, watermark) })
        }
        Some(_) => None,
    };
    Changes {
        database: wanted.database.clone(),
        table: wanted.table.clone(),
        commit: wanted.head,
        token: actual.table.as_ref().and_then(|table| table.token.clone()),
        definition,
        partitions,
    }
}

fn partition_changes(wanted: &Wanted, actual: &Actual) -> Vec<PartitionChange> {
    if wanted.is_whole() {
        return Vec::new();
    }
    let change = |(partition, place): (&Partition, &Placement)| {
        let (from, to) = (actual.partitions.get(partition), wanted.entry(place));
        let moves = from.is_none_or(|from| from.commit <= to.commit && *from != to);
        moves.then(|| PartitionChange { partition: partition.clone(), from: from.cloned(), to })
    };
    wanted.places.iter().filter_map(change).collect()
}

/// The partition keys, and the definition without them and without its location.
fn definition(table: &TableId, snapshot: &Snapshot, set: FileSet) -> Result<(Vec<String>, CatalogTable)> {
    let (description, columns, keys) = match set {
        FileSet::Data => {
            let schema = snapshot.schema()?;
            let columns = schema.catalog_columns();
            (schema.description, columns, schema.partitions)
        }
        FileSet::Rejected => {
            let description = format!("Records of {table} that could not be decoded; dt is the day of delivery");
            (description, rejected_columns(), vec![PartitionKey::by_day()])
        }
    };
    let definition = CatalogTable {
        description,
        columns: columns.into_iter().map(CatalogColumn::from).collect(),
        partition_keys: Vec::new(),
        location: String::new(),
        parameters: BTreeMap::new(),
        token: None,
    };
    Ok((keys.into_iter().map(|key| key.name).collect(), definition))
}

fn elsewhere(database: &str, table: &str, there: &CatalogTable, own: &str) -> Error {
    Error::usage(format!("the catalog's table {database}.{table} has its files at {}, not below {own}", there.location))
        .hint(
            "it belongs to another lake: choose another --database or --table. Where the lake was moved, remove the table \
             from the catalog (of a file catalog: its folder below _catalog) and publish again",
        )
}

//! What the ledger wants of a catalog, what the catalog says, and the changes between. Pure.

use super::place::{self, Placement, desired};
use crate::catalog::{
    CatalogColumn, CatalogTable, Changes, PartitionChange, PartitionEntry, SCHEMA_PARAMETER, TableChange,
};
use crate::error::{Error, Result};
use crate::ledger::Snapshot;
use crate::storage::Location;
use crate::table::{FileSet, Partition, PartitionKey, TableId, rejected_columns};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// What a catalog says of one table: its definition, and those of its partitions that are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actual {
    /// `None`: there is no such table.
    pub table: Option<CatalogTable>,
    /// The table's; 0 without a table.
    pub watermark: u64,
    /// Partitions that changed after this commit are compared: the watermark, or 0 for all.
    pub since: u64,
    /// Of the partitions that are compared, those that it has; where all are, also those that no commit knows.
    pub partitions: BTreeMap<Partition, PartitionEntry>,
    /// [`Catalog::now`](crate::catalog::Catalog::now) from before the ledger's head was read, and then this.
    pub read_at: Option<SystemTime>,
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
    /// The commit that gave the table its columns.
    schema_commit: u64,
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
            false => desired(snapshot, set, actual.since),
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
        let schema_commit = if set == FileSet::Data { snapshot.schema_commit } else { 0 };
        match &actual.table {
            Some(there) if !there.location.starts_with(&own) => Err(elsewhere(&database, &table, there, &own)),
            _ => Ok(Wanted { database, table, head: snapshot.head, root, schema_commit, definition, places }),
        }
    }

    /// What the catalog knows of commits that this state of the ledger does not have, in words for an error.
    pub fn later(&self, actual: &Actual) -> Option<String> {
        let name = self.name();
        if actual.watermark > self.head {
            return Some(format!("the catalog has {name} as of commit {}", actual.watermark));
        }
        if let Some(columns) =
            actual.table.as_ref().map(CatalogTable::schema_commit).filter(|of| *of > self.schema_commit)
        {
            return Some(format!("the catalog has {name} with the columns of commit {columns}"));
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
    pub(super) fn open_commits(&self, watermark: u64) -> Vec<u64> {
        let mut commits: Vec<u64> = self.places.values().map(|place| place.commit).collect();
        commits.retain(|commit| !self.is_whole() && *commit > watermark);
        commits.sort_unstable();
        commits.dedup();
        commits
    }

    /// The wanted definition in the place of `from`: its parameters stay, but for the watermark.
    pub(super) fn definition_after(&self, from: &CatalogTable, watermark: u64) -> CatalogTable {
        let (parameters, token) = (from.parameters.clone(), from.token.clone());
        self.stamped(CatalogTable { parameters, token, ..self.definition.clone() }, watermark)
    }

    fn stamped(&self, mut definition: CatalogTable, watermark: u64) -> CatalogTable {
        if self.schema_commit > 0 {
            definition.parameters.insert(SCHEMA_PARAMETER.into(), self.schema_commit.to_string());
        }
        definition.with_watermark(watermark)
    }

    /// The commit that gave the table its columns.
    pub(in crate::catalog) fn schema_commit(&self) -> u64 {
        self.schema_commit
    }

    /// The table's name in the catalog, with its database.
    pub(in crate::catalog) fn name(&self) -> String {
        format!("{}.{}", self.database, self.table)
    }

    /// The commit that last changed a partition; `None` for one that no commit knows.
    pub(in crate::catalog) fn commit_of(&self, partition: &Partition) -> Option<u64> {
        self.places.get(partition).map(|place| place.commit)
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
            Some(TableChange::Create(wanted.stamped(wanted.definition.clone(), watermark)))
        }
        Some(from) if is_wrong(from, wanted) || (at_once && !partitions.is_empty()) => {
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
        decided_at: actual.read_at,
        definition,
        partitions,
    }
}

fn is_wrong(there: &CatalogTable, wanted: &Wanted) -> bool {
    !there.reads_like(&wanted.definition) || !there.odd.is_empty() || there.widening
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
        ..Default::default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::HiveType;

    fn wanted(keyed: bool) -> Wanted {
        let key: Partition = if keyed { "dt=1".into() } else { Partition::default() };
        let place = Placement { folder: "data/p5/".into(), commit: 5, copy: true, files: Vec::new() };
        let definition = CatalogTable {
            description: "new".into(),
            columns: vec![CatalogColumn::from(("a".to_owned(), HiveType::Int, Some("new".into())))],
            partition_keys: if keyed { vec!["dt".into()] } else { Vec::new() },
            location: if keyed { "s3://lake/t/data/" } else { "s3://lake/t/data/p5/" }.into(),
            ..Default::default()
        };
        let (database, table, root) = ("logs".into(), "t".into(), "s3://lake/t/".into());
        Wanted { database, table, head: 9, root, schema_commit: 0, definition, places: BTreeMap::from([(key, place)]) }
    }

    /// The catalog's table as wanted, but for `change`; its one partition at `p{n}` as of commit n.
    fn actual(keyed: bool, watermark: u64, entry: Option<u64>, change: impl FnOnce(&mut CatalogTable)) -> Actual {
        let mut table = wanted(keyed).definition.with_watermark(watermark);
        table.parameters.insert("owner".into(), "somebody".into());
        change(&mut table);
        let entry = entry.map(|n| {
            (Partition::from("dt=1"), PartitionEntry { location: format!("s3://lake/t/data/p{n}/"), commit: n })
        });
        let partitions = entry.into_iter().collect();
        Actual { table: Some(table), watermark, since: watermark, partitions, read_at: None }
    }

    /// What is changed: the definition with which watermark, and how many partitions.
    fn summary(wanted: &Wanted, actual: &Actual, at_once: bool) -> (Option<u64>, usize) {
        let changes = diff(wanted, actual, at_once);
        (changes.definition.map(|change| change.to().watermark().unwrap()), changes.partitions.len())
    }

    #[test]
    fn changes_by_example() {
        let same = |_: &mut CatalogTable| {};
        let comment = |table: &mut CatalogTable| (table.description, table.columns[0].comment) = ("old".into(), None);
        let bigint = |table: &mut CatalogTable| table.columns[0].hive_type = HiveType::Bigint.to_string();
        let mut elsewhere = actual(true, 3, Some(5), same);
        elsewhere.partitions.values_mut().for_each(|entry| entry.location += "x/");
        // what the catalog says, then what is sent to one that is changed at once, and to one where calls may land late
        let keyed = [
            ("no table", Actual::default(), (Some(9), 1), (Some(0), 1)),
            ("a new partition", actual(true, 3, None, same), (Some(9), 1), (None, 1)),
            ("a partition that changed", actual(true, 3, Some(4), same), (Some(9), 1), (None, 1)),
            ("all is right", actual(true, 3, Some(5), same), (None, 0), (None, 0)),
            ("right commit, wrong place", elsewhere, (Some(9), 1), (None, 1)),
            ("a later commit is left alone", actual(true, 3, Some(6), same), (None, 0), (None, 0)),
            ("comments alone", actual(true, 3, Some(5), comment), (None, 0), (None, 0)),
            ("another type", actual(true, 3, Some(5), bigint), (Some(9), 0), (Some(3), 0)),
            ("types that grow", actual(true, 3, Some(5), |table| table.widening = true), (Some(9), 0), (Some(3), 0)),
        ];
        for (what, actual, at_once, late) in keyed {
            assert_eq!(summary(&wanted(true), &actual, true), at_once, "{what}");
            assert_eq!(summary(&wanted(true), &actual, false), late, "{what}");
        }
        let moved = |table: &mut CatalogTable| table.location = "s3://lake/t/data/p2/".into();
        let whole = [
            ("no table", Actual::default(), (Some(9), 0)),
            ("all is right", actual(false, 5, None, same), (None, 0)),
            ("another place", actual(false, 2, None, moved), (Some(9), 0)),
        ];
        for (what, actual, expected) in whole {
            assert_eq!(summary(&wanted(false), &actual, true), expected, "{what}");
            assert_eq!(summary(&wanted(false), &actual, false), expected, "{what}");
        }
    }

    #[test]
    fn an_update_carries_over_what_is_not_ours() {
        let mut there = actual(true, 3, None, |table| table.token = Some("v7".into()));
        let changes = diff(&wanted(true), &there, true);
        let to = changes.definition.unwrap().to().clone();
        assert_eq!((to.parameters["owner"].as_str(), changes.token.as_deref()), ("somebody", Some("v7")));
        assert_eq!((to.description.as_str(), to.token.as_deref()), ("new", Some("v7")));
        there.table.as_mut().unwrap().parameters.remove(crate::catalog::COMMIT_PARAMETER);
        assert_eq!(there.table.unwrap().watermark().unwrap_err().kind(), crate::error::Kind::Usage);
    }

    #[test]
    fn what_the_ledger_does_not_have_is_later() {
        let later = |watermark, entry| wanted(true).later(&actual(true, watermark, entry, |_| {}));
        assert_eq!(later(9, Some(5)), None);
        assert!(later(10, None).unwrap().contains("as of commit 10"));
        assert!(later(3, Some(6)).unwrap().contains("dt=1 of logs.t as changed by commit 6"));
    }

    /// Who has not read an evolution yet must not take its columns away again.
    #[test]
    fn columns_do_not_go_back() {
        let columns_of = |commit: &str| {
            let mut actual = actual(true, 3, Some(5), |table| table.columns.clear());
            actual.table.as_mut().unwrap().parameters.insert(SCHEMA_PARAMETER.into(), commit.into());
            actual
        };
        let evolved = Wanted { schema_commit: 7, ..wanted(true) };
        assert!(wanted(true).later(&columns_of("7")).unwrap().contains("with the columns of commit 7"));
        assert_eq!((evolved.later(&columns_of("7")), evolved.later(&columns_of("6"))), (None, None));
        let changes = diff(&evolved, &columns_of("6"), true);
        assert_eq!(changes.definition.unwrap().to().schema_commit(), 7);
    }

    #[test]
    fn copies_are_made_of_what_moves() {
        let moving = |wanted: &Wanted, actual: &Actual| wanted.moving(&diff(wanted, actual, true)).count();
        assert_eq!(moving(&wanted(true), &Actual::default()), 1);
        assert_eq!(moving(&wanted(true), &actual(true, 3, Some(5), |_| {})), 0);
        assert_eq!(moving(&wanted(false), &Actual::default()), 1);
        assert_eq!(moving(&wanted(false), &actual(false, 5, None, |_| {})), 0);
        let mut own = wanted(true);
        own.places.values_mut().for_each(|place| place.copy = false);
        assert_eq!(moving(&own, &Actual::default()), 0);
    }
}

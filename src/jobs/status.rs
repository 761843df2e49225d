//! How a table stands: what is in it, what has landed and is not in it, what waits, what is to be done.

use super::evolve::Evolved;
use super::listing::Lister;
use super::resume::Hold;
use crate::catalog::{Catalog, Changes, Reach, TableChange, plan};
use crate::compact::{MergeLimits, candidates, merges};
use crate::error::{Error, Result};
use crate::landing::LandedObject;
use crate::ledger::{Ledger, LiveFile, Snapshot, Waiting};
use crate::storage::{Location, Stores};
use crate::table::{FileSet, Partition, PartitionKey, TableId, TableSchema};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many objects that wait are named.
const NAMED: usize = 10;

/// What to look at.
pub struct StatusJob {
    /// The lake's folder.
    pub lake: Location,
    /// The table.
    pub table: TableId,
    /// Landing prefixes that are open already; the others of the ledger are opened by `stores`.
    pub landing: Vec<Location>,
    /// Opens landing prefixes.
    pub stores: Stores,
    /// Where it is published.
    pub catalog: Arc<dyn Catalog>,
    /// As for the scheduled run.
    pub settle: TimeDelta,
    /// As for the scheduled run.
    pub lookback: TimeDelta,
    /// The clock.
    pub now: DateTime<Utc>,
}

/// How a table stands: the line that `status --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableStatus {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// Commits of the ledger.
    pub commits: u64,
    /// When the newest one was written, by its writer's clock.
    pub committed_at: Option<DateTime<Utc>>,
    /// What changed the schema last; none where it is the one that the table was made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evolved: Option<Evolved>,
    /// Live files of the table, without those of rejected records.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
    /// Partitions with live files.
    pub partitions: u64,
    /// The newest event, where the schema has an event time.
    pub newest_event: Option<String>,
    /// The newest delivery of what is compacted.
    pub newest_delivery: Option<DateTime<Utc>>,
    /// What has landed and is not compacted; none where the landing zone could not be listed.
    pub lag: Option<Lag>,
    /// Why nothing is compacted, where a rollback put the table on hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Objects that could not be read and wait.
    pub objects_waiting: u64,
    /// The first of them, and why they wait.
    pub waiting: Vec<Waiting>,
    /// Records that could not be decoded.
    pub records_rejected: u64,
    /// Their share of all records.
    pub rejected_share: f64,
    /// Rows of records that were no strict JSON and could be repaired, of all objects that are compacted.
    pub rows_repaired: u64,
    /// Partitions whose small files the next run merges.
    pub partitions_to_merge: u64,
    /// Folders that `gc` has condemned and not yet found deleted.
    pub folders_condemned: u64,
    /// Whether the catalog is behind the ledger; none where that could not be found out.
    pub publishing_pending: Option<bool>,
    /// When every landed object was listed last.
    pub full_listing_at: Option<DateTime<Utc>>,
    /// What could not be found out, and why.
    pub problems: Vec<String>,
}

/// What the next run of compact would find.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// Objects that it would take, without those that wait.
    pub objects: u64,
    /// Their size.
    pub bytes: u64,
    /// The oldest delivery of them.
    pub oldest_delivery: Option<DateTime<Utc>>,
    /// Objects that it would leave because they are too young.
    pub objects_settling: u64,
}

impl TableStatus {
    /// Whether somebody should look: the table is on hold, objects wait, or something could not be found out.
    pub fn needs_attention(&self) -> bool {
        self.hold.is_some() || self.objects_waiting > 0 || !self.problems.is_empty()
    }
}

impl StatusJob {
    /// Looks, and changes nothing.
    ///
    /// # Errors
    /// Usage: there is no such table. Ledger and those of the store where the ledger cannot be read.
    pub async fn run(&self) -> Result<TableStatus> {
        let folder = self.lake.join(self.table.database()).join(self.table.table());
        let ledger = Ledger::new(&folder);
        let mut snapshot = ledger.load().await?.ok_or_else(|| no_table(&self.lake, &self.table))?;
        let schema = snapshot.schema()?;
        let mut status = self.of_snapshot(&snapshot, &schema)?;
        status.committed_at = ledger.commit(snapshot.head).await?.map(|commit| commit.at);
        status.evolved = evolved(&ledger, &snapshot).await?;
        status.hold = Hold::of(&ledger, &snapshot).await?;
        status.records_rejected = rejected(&ledger, &snapshot).await?;
        status.rejected_share = share(status.records_rejected, status.rows);
        match self.lag(&snapshot).await {
            Ok(lag) => status.lag = Some(lag),
            Err(error) => status.problems.push(error.chain().join(": ")),
        }
        match plan(&self.table, &folder, &ledger, self.catalog.as_ref(), &mut snapshot, Reach::Changed).await {
            Ok(changes) => status.publishing_pending = Some(changes.iter().any(is_seen)),
            Err(error) => status.problems.push(error.chain().join(": ")),
        }
        Ok(status)
    }

    fn of_snapshot(&self, snapshot: &Snapshot, schema: &TableSchema) -> Result<TableStatus> {
        let live: Vec<&LiveFile> = snapshot.live(FileSet::Data).map(|(_, file)| file).collect();
        Ok(TableStatus {
            database: self.table.database().into(),
            table: self.table.table().into(),
            commits: snapshot.head + 1,
            committed_at: None,
            evolved: None,
            files: live.len() as u64,
            bytes: live.iter().map(|file| file.bytes).sum(),
            rows: live.iter().map(|file| file.rows).sum(),
            partitions: live.iter().map(|file| &file.partition).collect::<BTreeSet<_>>().len() as u64,
            newest_event: newest_event(&live, schema),
            newest_delivery: snapshot.newest_delivery()?,
            lag: None,
            hold: None,
            objects_waiting: snapshot.waiting.len() as u64,
            waiting: snapshot.waiting.values().take(NAMED).cloned().collect(),
            records_rejected: 0,
            rejected_share: 0.0,
            rows_repaired: snapshot.repaired()?,
            partitions_to_merge: self.to_merge(snapshot, &schema.partitions),
            folders_condemned: snapshot.condemned.len() as u64,
            publishing_pending: None,
            full_listing_at: snapshot.full_listing_at,
            problems: Vec::new(),
        })
    }

    /// By the same listing as the scheduled run's.
    async fn lag(&self, snapshot: &Snapshot) -> Result<Lag> {
        let mut landing = Vec::new();
        for url in &snapshot.pins.landing {
            let prefix = self.stores.open_like(url, &self.landing).await?;
            if prefix.url() != *url || !prefix.exists() {
                return Err(Error::usage(format!("the landing folder {url} does not exist, or is a link now"))
                    .hint("put it back, or mount it there"));
            }
            landing.push(prefix);
        }
        let listing =
            Lister { lookback: self.lookback, shard: None, now: self.now }.list(&landing, Some(snapshot)).await?;
        let found = candidates(listing.objects, snapshot, self.settle, self.now)?;
        let new: Vec<&LandedObject> =
            found.objects.iter().filter(|object| !snapshot.waiting.contains_key(&object.url)).collect();
        Ok(Lag {
            objects: new.len() as u64,
            bytes: new.iter().map(|object| object.size).sum(),
            oldest_delivery: new.iter().map(|object| object.delivered).min(),
            objects_settling: found.settling as u64,
        })
    }

    fn to_merge(&self, snapshot: &Snapshot, keys: &[PartitionKey]) -> u64 {
        let due = merges(snapshot, keys, snapshot.head, None, self.now, &MergeLimits::default());
        due.iter().map(|merge| (merge.set, &merge.partition)).collect::<BTreeSet<_>>().len() as u64
    }
}

async fn evolved(ledger: &Ledger, snapshot: &Snapshot) -> Result<Option<Evolved>> {
    if snapshot.schema_commit == 0 {
        return Ok(None);
    }
    let schema = ledger.commit(snapshot.schema_commit).await?.and_then(|commit| commit.schema);
    Ok(schema.map(|schema| Evolved { commit: snapshot.schema_commit, changes: schema.changes }))
}

/// The error for a table that is not in a lake.
pub(super) fn no_table(lake: &Location, table: &TableId) -> Error {
    Error::usage(format!("there is no table {table} in {lake}")).hint(format!(
        "firelake query --lake {lake} --database {} \"SHOW TABLES\" lists what there is",
        table.database()
    ))
}

/// What readers of the catalog would notice: not a watermark that moves.
fn is_seen(changes: &Changes) -> bool {
    let of_table = match &changes.definition {
        Some(TableChange::Create(_)) => true,
        Some(TableChange::Update { from, to }) => !from.reads_like(to) || from.widening,
        None => false,
    };
    of_table || !changes.partitions.is_empty()
}

fn newest_event(live: &[&LiveFile], schema: &TableSchema) -> Option<String> {
    let column = schema.event_time.and_then(|at| schema.columns.get(at))?;
    let bounds = live.iter().filter_map(|file| file.stats.get(&column.name)?.max.as_ref()?.as_str());
    bounds.max().map(str::to_owned)
}

/// Records, not rows: a record of more than a chunk is several rows. Files know their largest chunk; where one has several, the
/// counts of the inputs are read that its partition is made of. All rejected records of an input are in one partition.
async fn rejected(ledger: &Ledger, snapshot: &Snapshot) -> Result<u64> {
    let mut by_partition: BTreeMap<&Partition, Vec<(&str, &LiveFile)>> = BTreeMap::new();
    for (path, file) in snapshot.live(FileSet::Rejected) {
        by_partition.entry(&file.partition).or_default().push((path, file));
    }
    let is_whole = |file: &LiveFile| file.stats.get("chunk").and_then(|c| c.max.as_ref()?.as_u64()) == Some(0);
    let mut records = 0;
    for files in by_partition.values() {
        records += match files.iter().all(|(_, file)| is_whole(file)) {
            true => files.iter().map(|(_, file)| file.rows).sum(),
            false => rejected_of_inputs(ledger, snapshot, files).await?,
        };
    }
    Ok(records)
}

async fn rejected_of_inputs(ledger: &Ledger, snapshot: &Snapshot, files: &[(&str, &LiveFile)]) -> Result<u64> {
    let mut by_commit: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for (path, file) in files {
        let Some(commit) = ledger.commit(file.origin).await? else { continue };
        for url in commit.add.iter().filter(|file| file.path == *path).flat_map(|file| commit.inputs_of(file)) {
            let compacted = snapshot.compacted.get(url)?.map_or(file.origin, |input| input.commit);
            by_commit.entry(compacted).or_default().insert(url.to_owned());
        }
    }
    let mut records = 0;
    for (number, urls) in by_commit {
        let inputs = ledger.commit(number).await?.map(|commit| commit.inputs).unwrap_or_default();
        records += inputs.iter().filter(|input| urls.contains(&input.url)).map(|input| input.rejected).sum::<u64>();
    }
    Ok(records)
}

fn share(rejected: u64, rows: u64) -> f64 {
    match rejected + rows {
        0 => 0.0,
        all => rejected as f64 / all as f64,
    }
}

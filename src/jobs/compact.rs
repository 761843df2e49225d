//! The scheduled run of one table: list, compact, merge, publish.

use super::evolve::Evolved;
use super::listing::{Lister, Listing};
use super::resume::Hold;
use super::tail;
use crate::catalog::{Catalog, Reach, publish};
use crate::compact::{
    BatchLimits, Done, MergeLimits, MergeRun, Merged, Progress, Run, Shard, Work, WorkLimits, candidates,
};
use crate::decode::Decoder;
use crate::error::{Error, Kind, Result};
use crate::landing;
use crate::ledger::{Action, Commit, Ledger, Pins, Snapshot, Waiting};
use crate::storage::{Location, RequestCounts, Stores};
use crate::table::{FileSet, TableId, TableSchema};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a run of one table is told.
pub struct CompactJob {
    /// The lake's folder.
    pub lake: Location,
    /// The table.
    pub table: TableId,
    /// Landing prefixes; none: those that the table has.
    pub landing: Vec<Location>,
    /// The schema; none: the one that the table has.
    pub schema: Option<TableSchema>,
    /// Where it is published.
    pub catalog: Arc<dyn Catalog>,
    /// Objects younger than this are left for a later run.
    pub settle: TimeDelta,
    /// How far back of the newest known delivery hour is listed.
    pub lookback: TimeDelta,
    /// Whether a landing prefix that the table does not have is taken in.
    pub add_landing: bool,
    /// Bounds of batches.
    pub batch: BatchLimits,
    /// When small files are merged after compacting; none: not at all.
    pub merge: Option<MergeLimits>,
    /// The share of the landed objects that this run takes, where several compact the table; none: all.
    pub shard: Option<Shard>,
    /// Threads and memory.
    pub work: WorkLimits,
    /// Opens landing prefixes that only the ledger remembers, and counts requests.
    pub stores: Stores,
    /// The clock.
    pub now: DateTime<Utc>,
    /// Who writes, for people who read the ledger.
    pub writer: String,
    /// Told what is planned (landed bytes, objects), then as objects are done with.
    pub watch: Watch,
}

/// What a run tells while it works.
#[derive(Clone)]
pub struct Watch {
    /// Landed bytes and objects that the run takes.
    pub planned: Arc<dyn Fn(u64, u64) + Send + Sync>,
    /// Landed bytes of an object that is done with.
    pub progress: Progress,
}

impl Default for Watch {
    fn default() -> Self {
        Watch { planned: Arc::new(|_, _| {}), progress: Arc::new(|_| {}) }
    }
}

/// What a run did: the line that `compact --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct CompactSummary {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// What the schema file changed of the table's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evolved: Option<Evolved>,
    /// First and last commit with objects of this run; none where nothing was to do.
    pub commits: Option<[u64; 2]>,
    /// Landed objects compacted.
    pub objects: u64,
    /// Objects that could not be read and wait, also from earlier runs.
    pub objects_waiting: u64,
    /// Objects that waited and were deleted before they could be read: told once.
    pub objects_gone: u64,
    /// Objects left for a later run because of `settle`.
    pub objects_settling: u64,
    /// Objects that were changed after they were compacted. They are not read again.
    pub objects_changed: u64,
    /// Landed bytes of `objects`.
    pub bytes_read: u64,
    /// Records in them.
    pub records_read: u64,
    /// Rows of the table.
    pub rows_written: u64,
    /// Rows of the rejected table, counted as records.
    pub records_rejected: u64,
    /// Of `records_rejected`, failed records of Firehose: a redrive opens them.
    pub records_failed: u64,
    /// Of `rows_written`, those that went by their delivery time, for want of a usable event time.
    pub rows_by_delivery: u64,
    /// Of `rows_written`, those of records that were no strict JSON and could be repaired.
    pub rows_repaired: u64,
    /// Partitions of the table with new rows.
    pub partitions: u64,
    /// Files of both tables.
    pub files_written: u64,
    /// Their size.
    pub bytes_written: u64,
    /// The rollback that the table is on hold by: nothing is compacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<u64>,
    /// First and last commit of merging; none where nothing was to merge.
    pub merge_commits: Option<[u64; 2]>,
    /// Files of both tables that merging replaced.
    pub files_merged: u64,
    /// By how many.
    pub files_after_merge: u64,
    /// Whether the catalog says what the ledger says.
    pub published: bool,
    /// Tables of the catalog that were not there before, rejected records included.
    pub tables_made: u64,
    /// Partitions of the catalog that are new or show other files now, rejected records included.
    pub partitions_moved: u64,
    /// Requests to AWS by kind, each retry too; all zero where everything is on this machine.
    pub requests: RequestCounts,
}

/// What a run did, and what a person should hear of it.
#[derive(Debug, Default)]
pub struct CompactReport {
    /// The counts.
    pub summary: CompactSummary,
    /// What waits, and why.
    pub waiting: Vec<Waiting>,
    /// Why nothing is compacted, where a rollback put the table on hold.
    pub hold: Option<Hold>,
    /// Objects that waited and were deleted before they could be read: told once.
    pub gone: Vec<String>,
    /// Objects that have another size than when they were compacted, or in S3 another etag. They are not read again.
    pub changed: Vec<String>,
    /// Things that are no errors but should not be missed.
    pub warnings: Vec<String>,
    /// Why the catalog does not say what the ledger says. The commits stand.
    pub unpublished: Option<Error>,
}

impl CompactReport {
    /// The share of this run's records that were rejected.
    pub fn rejected_share(&self) -> f64 {
        match self.summary.records_read {
            0 => 0.0,
            read => self.summary.records_rejected as f64 / read as f64,
        }
    }
}

impl CompactJob {
    /// Runs.
    ///
    /// # Errors
    /// Usage: what was asked contradicts what the table is, or a landing folder does not exist. Storage, Ledger, TryAgain
    /// as the store and the ledger give them. What was committed before an error stands.
    pub async fn run(&self) -> Result<CompactReport> {
        let before = self.stores.requests();
        let mut report = self.run_uncounted().await?;
        report.summary.requests = self.stores.requests().since(&before);
        Ok(report)
    }

    async fn run_uncounted(&self) -> Result<CompactReport> {
        let folder = self.lake.join(self.table.database()).join(self.table.table());
        let ledger = Ledger::new(&folder);
        let mut snapshot = ledger.load_lean().await?;
        self.check_tail(&ledger, &mut snapshot).await?;
        let landing = self.landing_prefixes(snapshot.as_ref()).await?;
        if let Some(state) = &mut snapshot {
            self.schema_changes(state)?;
            self.check_landing(&ledger, state).await?;
        }
        let listing = self.lister().list(&landing, snapshot.as_ref()).await?;
        if snapshot.is_none() && !listing.objects.is_empty() {
            snapshot = Some(self.create(&ledger, &landing).await?);
        }
        let evolved = match &mut snapshot {
            Some(state) => self.evolve(&ledger, state).await?,
            None => None,
        };
        let warnings = empty_prefixes(&landing, &listing, snapshot.as_ref()).await;
        let mut report = CompactReport { warnings, ..Default::default() };
        match &mut snapshot {
            Some(state) => self.compact(&folder, &ledger, state, listing, &mut report).await?,
            None => report.summary.published = true, // nothing there to publish
        }
        report.summary.evolved = evolved;
        report.summary.database = self.table.database().into();
        report.summary.table = self.table.table().into();
        Ok(report)
    }

    fn lister(&self) -> Lister {
        Lister { lookback: self.lookback, shard: self.shard, now: self.now }
    }

    async fn compact(
        &self,
        folder: &Location,
        ledger: &Ledger,
        snapshot: &mut Snapshot,
        listing: Listing,
        report: &mut CompactReport,
    ) -> Result<()> {
        let schema = snapshot.schema()?;
        ledger.look_up(snapshot, listing.objects.iter().map(|object| object.url.as_str())).await?;
        let found = candidates(listing.objects, snapshot, self.settle, self.now)?;
        report.summary.objects_settling = found.settling as u64;
        report.summary.objects_changed = found.changed.len() as u64;
        report.changed = found.changed;
        (self.watch.planned)(found.objects.iter().map(|o| o.size).sum(), found.objects.len() as u64);
        let run = Run {
            table: folder,
            ledger,
            schema: &schema,
            batch: self.batch,
            work: self.work,
            shard: self.shard,
            now: self.now,
            writer: &self.writer,
            progress: &self.watch.progress,
            opened: Default::default(),
            expired_before: None,
        };
        let worth_noting = listing.full && listing.bounded_is_possible && found.settling == 0;
        let work = Work { objects: found.objects, gone: listing.gone, full_listing: worth_noting };
        let done = run.compact(snapshot, work).await?;
        report.add(&done);
        report.warnings.extend(timeless(&schema, &report.summary));
        report.hold = Hold::of(ledger, snapshot).await?;
        report.summary.hold = snapshot.hold;
        self.merge(folder, ledger, snapshot, report).await?;
        self.publish(folder, ledger, snapshot, report).await;
        self.checkpoint(ledger, snapshot, report).await;
        let of_shard = |waiting: &&Waiting| self.shard.is_none_or(|shard| shard.takes(&waiting.url));
        report.waiting = snapshot.waiting.values().filter(of_shard).cloned().collect();
        report.summary.objects_waiting = report.waiting.len() as u64;
        Ok(())
    }

    /// A failure here costs later queries some time: what is compacted stands, and the next run merges. But of a ledger that
    /// is not whole nobody must go on.
    async fn merge(
        &self,
        folder: &Location,
        ledger: &Ledger,
        snapshot: &mut Snapshot,
        report: &mut CompactReport,
    ) -> Result<()> {
        let Some(limits) = self.merge else { return Ok(()) };
        let (table, work, shard, now, writer) = (folder, self.work, self.shard, self.now, &*self.writer);
        let mut merged = Merged::default();
        let outcome = MergeRun { table, ledger, work, limits, shard, now, writer }.merge(snapshot, &mut merged).await;
        report.summary.merge_commits = merged.numbers();
        report.summary.files_merged = merged.files_merged;
        report.summary.files_after_merge = merged.files_written;
        match outcome {
            Err(error) if error.kind() != Kind::Ledger => {
                let told =
                    format!("small files are not merged, which a later run tries again: {}", error.chain().join(": "));
                report.warnings.push(told);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// A failure here costs nothing but time: the commits stand, and the next run publishes them.
    async fn publish(&self, folder: &Location, ledger: &Ledger, snapshot: &mut Snapshot, report: &mut CompactReport) {
        match publish(&self.table, folder, ledger, self.catalog.as_ref(), snapshot, Reach::Changed).await {
            Ok(published) => {
                report.summary.published = true;
                report.summary.tables_made = published.created.len() as u64;
                report.summary.partitions_moved = published.moved.len() as u64;
            }
            Err(error) => {
                report.unpublished = Some(error.context(format!("{} is committed, publishing is pending", self.table)))
            }
        }
    }

    /// A failure here costs later runs some reading, and nothing else: the next run writes one.
    async fn checkpoint(&self, ledger: &Ledger, snapshot: &mut Snapshot, report: &mut CompactReport) {
        if snapshot.checkpoint_is_due()
            && let Err(error) = ledger.checkpoint(snapshot).await
        {
            let told = format!("{} has no new checkpoint, so that loading it takes longer: {error}", self.table);
            report.warnings.push(told);
        }
    }

    /// A catalog that knows a later commit than the ledger's head: the ledger has lost its tail. Compacting onto that would
    /// bring the lost commits' objects in again, beside what readers of the catalog see.
    async fn check_tail(&self, ledger: &Ledger, snapshot: &mut Option<Snapshot>) -> Result<()> {
        let Some(published) = tail::published(&self.table, self.catalog.as_ref(), snapshot.as_ref()).await? else {
            return Ok(());
        };
        if tail::is_behind(snapshot.as_ref(), published) {
            *snapshot = ledger.load_lean().await?; // another run may have committed and published since
        }
        match tail::is_behind(snapshot.as_ref(), published) {
            true => Err(tail::lost(&self.table, published, snapshot.as_ref())),
            false => Ok(()),
        }
    }

    /// The landing prefixes of this run: the table's own and those that were asked for.
    async fn landing_prefixes(&self, snapshot: Option<&Snapshot>) -> Result<Vec<Location>> {
        let mut prefixes: Vec<Location> = Vec::new();
        for url in snapshot.iter().flat_map(|snapshot| &snapshot.pins.landing) {
            let pinned = self.stores.open_like(url, &self.landing).await?;
            if pinned.url() != *url {
                return Err(Error::usage(format!("the landing folder {url} is now a link to {}", pinned.url())).hint(
                    "objects are known by their URLs, so all would be compacted a second time: move the folder back, or mount it there",
                ));
            }
            prefixes.push(pinned);
        }
        for asked in &self.landing {
            if !prefixes.iter().any(|known| known.url() == asked.url()) {
                prefixes.push(asked.clone());
            }
        }
        if prefixes.is_empty() {
            return Err(Error::usage(format!(
                "there is no table {} in {} yet, and no landing prefix to make it from",
                self.table, self.lake
            ))
            .hint(format!(
                "pass --landing and --schema, or name them in firelake.toml; is --table spelt right? firelake query --lake {} \"SHOW TABLES\" lists what there is",
                self.lake
            )));
        }
        for prefix in &prefixes {
            self.check_prefix(prefix).await?;
        }
        check_apart(&prefixes)?;
        Ok(prefixes)
    }

    async fn check_prefix(&self, landing: &Location) -> Result<()> {
        let (inner, outer) = match (landing.contains(&self.lake), self.lake.contains(landing)) {
            (true, _) => ("the lake", "its landing prefix"),
            (_, true) => ("the landing prefix", "the lake"),
            _ if !landing.exists() => {
                let hint = star_hint(landing).await;
                return Err(Error::usage(format!("the landing folder {landing} does not exist")).hint(
                    hint.unwrap_or_else(|| "check the path; nothing was listed and nothing was changed".into()),
                ));
            }
            _ => return Ok(()),
        };
        Err(Error::usage(format!("{inner} is inside {outer}: lake {}, landing prefix {landing}", self.lake))
            .hint("every object below a landing prefix is an input, so the two must be apart; choose another --lake"))
    }

    async fn check_landing(&self, ledger: &Ledger, snapshot: &mut Snapshot) -> Result<()> {
        for asked in &self.landing {
            while !snapshot.pins.landing.contains(&asked.url()) {
                if !self.add_landing {
                    return Err(Error::usage(format!(
                        "{} is not a landing prefix of {}, which has {}",
                        asked.url(),
                        self.table,
                        snapshot.pins.landing.join(", ")
                    ))
                    .hint(
                        "pass --add-landing once to take it in: all that lies below it is compacted into this table",
                    ));
                }
                let commit =
                    Commit { landing: Some(asked.url()), ..Commit::new(Action::AddLanding, self.now, &self.writer) };
                ledger.append(snapshot, commit).await?; // where another run was first, it is there now, too
            }
        }
        Ok(())
    }

    async fn create(&self, ledger: &Ledger, landing: &[Location]) -> Result<Snapshot> {
        let Some(schema) = &self.schema else {
            return Err(Error::usage(format!(
                "there is no table {} in {} yet, and no schema to make it from",
                self.table, self.lake
            ))
            .hint("pass --schema with a shipped schema's name or a file"));
        };
        // A schema is pinned for good, so what only decoding finds wrong is told before.
        Decoder::new(schema)?;
        let pins = Pins {
            schema_name: schema.name.clone(),
            schema: schema.text.clone(),
            landing: landing.iter().map(Location::url).collect(),
            catalog: self.catalog.name().into(),
        };
        let commit = Commit { pins: Some(pins), ..Commit::new(Action::Create, self.now, &self.writer) };
        if let Some(snapshot) = ledger.create(commit).await? {
            return Ok(snapshot);
        }
        let Some(mut snapshot) = ledger.load_lean().await? else {
            return Err(Error::internal("a table that another run created is not there"));
        };
        self.schema_changes(&snapshot)?;
        self.check_landing(ledger, &mut snapshot).await?;
        Ok(snapshot)
    }
}

/// A schema that takes nothing of the records makes rows all the same, with everything in `extra`: that must not go unseen.
fn timeless(schema: &TableSchema, summary: &CompactSummary) -> Option<String> {
    let none = summary.rows_written > 0 && summary.rows_by_delivery == summary.rows_written;
    let column = &schema.columns[schema.event_time.filter(|_| none)?].name;
    Some(format!("no row has a usable event time in {column}: is {} the schema of what lands here?", schema.name))
}

/// Below two prefixes an object would be listed twice.
fn check_apart(prefixes: &[Location]) -> Result<()> {
    let pairs = prefixes.iter().flat_map(|outer| prefixes.iter().map(move |inner| (outer, inner)));
    match pairs.into_iter().find(|(outer, inner)| outer.url() != inner.url() && outer.contains(inner)) {
        None => Ok(()),
        Some((outer, inner)) => {
            Err(Error::usage(format!("the landing prefix {inner} is inside the landing prefix {outer}"))
                .hint("name only the outer one: every object below it is an input"))
        }
    }
}

async fn empty_prefixes(landing: &[Location], listing: &Listing, snapshot: Option<&Snapshot>) -> Vec<String> {
    let known = |prefix: &&Location| snapshot.is_some_and(|snapshot| snapshot.knows_below(&prefix.url()));
    let empty = landing.iter().filter(|prefix| listing.empty.contains(&prefix.url()) && !known(prefix));
    let mut told = Vec::new();
    for prefix in empty {
        let hint = star_hint(prefix).await.map(|hint| format!("; {hint}")).unwrap_or_default();
        told.push(format!("there is no object below the landing prefix {prefix}{hint}"));
    }
    told
}

/// Firehose puts the date right behind a prefix, so `logs` without a slash gives `logs2026/…`. Where that cannot be found out,
/// there is no hint.
async fn star_hint(landing: &Location) -> Option<String> {
    let other = landing::like_named(landing).await.ok()??;
    Some(format!("but there is {other}: {landing}* is the landing prefix of all that begins so"))
}

impl CompactReport {
    fn add(&mut self, done: &Done) {
        let summary = &mut self.summary;
        let mut partitions = BTreeSet::new();
        for commit in &done.commits {
            self.gone.extend(commit.gone.iter().map(|gone| gone.url.clone()));
            summary.objects += commit.inputs.len() as u64;
            summary.records_read += commit.counts.records_read;
            summary.rows_written += commit.counts.rows_written;
            summary.records_rejected += commit.counts.records_rejected;
            summary.records_failed += commit.counts.failed;
            summary.rows_by_delivery += commit.counts.by_delivery;
            summary.rows_repaired += commit.counts.repaired;
            summary.files_written += commit.add.len() as u64;
            summary.bytes_written += commit.add.iter().map(|file| file.bytes).sum::<u64>();
            partitions
                .extend(commit.add.iter().filter(|f| FileSet::of_path(&f.path) == FileSet::Data).map(|f| &f.partition));
        }
        summary.objects_gone = self.gone.len() as u64;
        summary.partitions = partitions.len() as u64;
        summary.bytes_read = done.bytes_read;
        // A commit that only notes a full listing is none to speak of.
        let told =
            |commit: &&Commit| !(commit.inputs.is_empty() && commit.waiting.is_empty() && commit.gone.is_empty());
        let numbers = || done.commits.iter().filter(told).map(|commit| commit.number);
        summary.commits = numbers().min().zip(numbers().max()).map(|(first, last)| [first, last]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::shipped_schema;

    #[test]
    fn a_schema_of_other_records_is_told() {
        let text = shipped_schema("combined_apache").unwrap();
        let schema = TableSchema::parse("combined_apache", "shipped", text).unwrap();
        let told = |written, by_delivery, schema: &TableSchema| {
            timeless(
                schema,
                &CompactSummary { rows_written: written, rows_by_delivery: by_delivery, ..Default::default() },
            )
        };
        assert_eq!((told(0, 0, &schema), told(5, 4, &schema)), (None, None));
        assert!(told(5, 5, &schema).unwrap().contains("is combined_apache the schema"));
        let timed = TableSchema::parse("t", "t", "[[column]]\nname = \"a\"\ntype = \"int\"").unwrap();
        assert_eq!(told(5, 5, &timed), None);
    }
}

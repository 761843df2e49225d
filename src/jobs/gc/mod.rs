//! Garbage: attempts that were never committed, files that were replaced or taken out, superseded published copies. The only
//! thing in firelake that deletes (I6), and it takes two commits: one condemns, and a run after the grace deletes.
//!
//! 1. `inventory`: what lies in the table's folder, and who wrote it.
//! 2. `plan`: what of that is garbage, since when, and what may be done.
//! 3. Here: the steps in their order, which is what makes them safe. `docs/ledger.md` says why.
//!
//! The store's time is read off a commit *before* the catalog is repaired. Whatever was out of use a grace before that cannot
//! be pointed at by a late call any more when the repair looks: so what the catalog, read after the repair, does not name is
//! not named again.

pub(super) mod inventory;
mod plan;

pub use plan::{Fate, Judged, Why};

use super::status::no_table;
use super::tail;
use crate::catalog::{Catalog, Reach, plan as plan_publishing, publish};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Action, Appended, Commit, Ledger, Snapshot};
use crate::sabotage::{Broken, broken};
use crate::storage::Location;
use crate::table::{FileSet, PartitionKey, TableId};
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt};
use inventory::{Inventory, Object};
use object_store::{ObjectMeta, ObjectStore};
use plan::{Facts, Named, Past, Plan};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The least grace for a table that Athena reads: its queries may run 240 minutes.
pub const LEAST_GRACE: TimeDelta = TimeDelta::hours(4);
/// LastModified counts whole seconds: of two times, each may be almost one off.
const SECOND: TimeDelta = TimeDelta::seconds(1);
/// How often a condemn that met another commit is planned again.
const ROUNDS: usize = 10;

/// What to collect.
pub struct GcJob {
    /// The lake's folder.
    pub lake: Location,
    /// The table.
    pub table: TableId,
    /// Where it is published.
    pub catalog: Arc<dyn Catalog>,
    /// How long readers may go on with what they were told before: below [`LEAST_GRACE`] a query may lose its files.
    pub grace: TimeDelta,
    /// Whether anything is changed; else it is only told.
    pub yes: bool,
    /// The clock, for people who read the commits; nothing is decided by it.
    pub now: DateTime<Utc>,
    /// Who writes the commits, for people.
    pub writer: String,
}

/// What was found, and what was done about it.
#[derive(Debug, Serialize)]
pub struct GcReport {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The store's time that ages were counted to: that of a commit.
    pub as_of: DateTime<Utc>,
    /// In seconds.
    pub grace: i64,
    /// Each folder of garbage.
    pub garbage: Vec<Judged>,
    /// Condemned folders that nothing is left of.
    pub forgotten: Vec<String>,
    /// Objects below `data/` and `rejected/` that firelake did not write, by their paths. They are never touched.
    pub unknown: Vec<String>,
    /// The commit that condemned.
    pub commit: Option<u64>,
    /// Files that were deleted, also by another run meanwhile.
    pub files_deleted: u64,
    /// Their size.
    pub bytes_deleted: u64,
    /// Why some of what was to be deleted is still there. The next run goes on.
    #[serde(skip)]
    pub failure: Option<Error>,
}

impl GcJob {
    /// Condemns and deletes what may be; or tells what would be.
    ///
    /// # Errors
    /// - Those of [`publish`], of the catalog and of the store: then nothing was condemned and nothing deleted.
    /// - TryAgain: the outcome of a commit is unknown, or others kept being first. Nothing was deleted.
    pub async fn run(&self) -> Result<GcReport> {
        let folder = self.lake.join(self.table.database()).join(self.table.table());
        let ledger = Ledger::new(&folder);
        let mut snapshot = ledger.load().await?.ok_or_else(|| no_table(&self.lake, &self.table))?;
        tail::check(&self.table, self.catalog.as_ref(), &ledger, &mut snapshot).await?;
        let run = Run { job: self, folder, ledger };
        for _ in 0..ROUNDS {
            if let Some(report) = run.round(&mut snapshot).await? {
                return Ok(report);
            }
        }
        Err(Error::new(Kind::TryAgain, format!("others kept committing to {} what was to be condemned", self.table))
            .hint("nothing was deleted; run the same command again"))
    }
}

struct Run<'a> {
    job: &'a GcJob,
    folder: Location,
    ledger: Ledger,
}

impl Run<'_> {
    /// All steps once; `None` where another commit made what was planned wrong.
    async fn round(&self, snapshot: &mut Snapshot) -> Result<Option<GcReport>> {
        let inventory = list(&self.folder, &snapshot.schema()?.partitions).await?;
        if self.job.yes && plan::has_garbage(&inventory, snapshot) {
            self.append(snapshot, self.commit(Action::Mark)).await?;
        }
        let as_of = self.stored_at(snapshot.head).await?;
        self.repair(snapshot).await?;
        let named = self.named().await?;
        let facts = self.facts(snapshot, named, as_of).await?;
        let plan = plan::plan(&inventory, &facts);
        let commit = match self.condemn(snapshot, &plan).await? {
            Condemned::By(commit) => commit,
            Condemned::NotAsPlanned => return Ok(None),
        };
        let mut report = GcReport {
            dry_run: !self.job.yes,
            as_of,
            grace: self.job.grace.num_seconds(),
            garbage: plan.judged,
            forgotten: plan.forgotten,
            unknown: inventory.unknown.into_iter().map(|object| object.path).collect(),
            commit,
            files_deleted: 0,
            bytes_deleted: 0,
            failure: None,
        };
        if self.job.yes {
            self.delete(&plan.doomed, &mut report).await;
        }
        Ok(Some(report))
    }

    fn commit(&self, action: Action) -> Commit {
        Commit::new(action, self.job.now, &self.job.writer)
    }

    /// The number that the commit has; `None` where another one made it wrong.
    async fn append(&self, snapshot: &mut Snapshot, commit: Commit) -> Result<Option<u64>> {
        match self.ledger.append(snapshot, commit).await? {
            Appended::Committed(commit) => Ok(Some(commit.number)),
            Appended::Conflict { .. } => Ok(None),
        }
    }

    /// When a commit was written, by the store's clock.
    async fn stored_at(&self, number: u64) -> Result<DateTime<Utc>> {
        self.ledger.stored_at(number).await?.ok_or_else(|| {
            Error::ledger(format!("commit {} is missing, though it was read", self.ledger.url_of(number)))
                .hint("restore this object from a backup; nothing was changed")
        })
    }

    /// Brings the catalog to say what the ledger says of every partition; where nothing may be changed, sees whether it could.
    async fn repair(&self, snapshot: &mut Snapshot) -> Result<()> {
        if broken(Broken::GcWithoutCatalog) {
            return Ok(());
        }
        let (table, catalog) = (&self.job.table, self.job.catalog.as_ref());
        let told = |e: Error| e.context(format!("{table} cannot be published, so nothing was condemned or deleted"));
        match self.job.yes {
            true => publish(table, &self.folder, &self.ledger, catalog, snapshot, Reach::All).await.map(drop),
            false => plan_publishing(table, &self.folder, &self.ledger, catalog, snapshot, Reach::All).await.map(drop),
        }
        .map_err(told)
    }

    /// Every location that readers of the catalog may be sent to. A table with partition keys has one above all partitions,
    /// which nobody should read as a whole.
    async fn named(&self) -> Result<Named> {
        let (catalog, database) = (&self.job.catalog, self.job.table.database());
        let mut named = Named { table: closed(&self.folder.url()), ..Default::default() };
        for set in FileSet::BOTH {
            let name = match set {
                FileSet::Data => self.job.table.table().to_owned(),
                FileSet::Rejected => self.job.table.rejected_table(),
            };
            let Some(table) = catalog.table(database, &name).await? else { continue };
            let own = closed(&self.folder.join(set.folder()).url());
            let location = closed(&table.location);
            if table.partition_keys.is_empty() || location != own {
                named.locations.insert(location);
            }
            let partitions = catalog.partitions(database, &name, None).await?;
            named.locations.extend(partitions.values().map(|entry| closed(&entry.location)));
        }
        Ok(named)
    }

    async fn facts<'a>(&self, snapshot: &'a Snapshot, named: Named, as_of: DateTime<Utc>) -> Result<Facts<'a>> {
        let mut condemned_at = BTreeMap::new();
        for number in snapshot.condemned.values() {
            if !condemned_at.contains_key(number) {
                condemned_at.insert(*number, self.stored_at(*number).await?);
            }
        }
        let age = self.job.grace.checked_add(&SECOND);
        let bound = age.and_then(|age| as_of.checked_sub_signed(age)).unwrap_or(DateTime::<Utc>::MIN_UTC);
        Ok(Facts { snapshot, past: self.past(snapshot, bound).await?, condemned_at, named, bound })
    }

    /// From the newest commit that was written at the bound or before, up to this state.
    async fn past(&self, snapshot: &Snapshot, bound: DateTime<Utc>) -> Result<Option<Past>> {
        let Some(first) = self.ledger.number_at(bound).await? else { return Ok(None) };
        let first = first.min(snapshot.head);
        let mut past = Past { changed: self.ledger.load_at(first).await?.changed, ..Default::default() };
        let mut commits = std::pin::pin!(self.ledger.each(first + 1..=snapshot.head));
        while let Some((number, commit)) = commits.next().await {
            let lost = || {
                Error::ledger(format!("commit {} is missing", self.ledger.url_of(number)))
                    .hint("restore this object from a backup; nothing was condemned or deleted")
            };
            past.removed.extend(commit?.ok_or_else(lost)?.remove);
        }
        Ok(Some(past))
    }

    async fn condemn(&self, snapshot: &mut Snapshot, plan: &Plan) -> Result<Condemned> {
        let (condemned, deleted) = (plan.condemned(), plan.forgotten.clone());
        if !self.job.yes || (condemned.is_empty() && deleted.is_empty()) {
            return Ok(Condemned::By(None));
        }
        let commit = Commit { condemned, deleted, ..self.commit(Action::Condemn) };
        Ok(self.append(snapshot, commit).await?.map_or(Condemned::NotAsPlanned, |number| Condemned::By(Some(number))))
    }

    /// Deletes as much as it can; each object's answer counts (I7).
    async fn delete(&self, doomed: &[Object], report: &mut GcReport) {
        let sizes: HashMap<_, u64> = doomed.iter().map(|object| (object.key.clone(), object.bytes)).collect();
        let keys: Vec<_> = doomed.iter().map(|object| Ok(object.key.clone())).collect();
        let mut answers = self.folder.store().delete_stream(futures::stream::iter(keys).boxed());
        let (mut gone, mut failure) = (0, None);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(key) => {
                    gone += 1;
                    report.bytes_deleted += sizes.get(&key).copied().unwrap_or(0);
                }
                Err(object_store::Error::NotFound { .. }) => gone += 1, // another run was first
                Err(error) => _ = failure.get_or_insert(error),
            }
        }
        report.files_deleted = gone;
        let left = doomed.len() as u64 - gone.min(doomed.len() as u64);
        report.failure = (left > 0 || failure.is_some()).then(|| undeleted(&self.job.table, left, failure));
    }
}

/// What became of a condemn.
enum Condemned {
    /// It is this commit; none where there was nothing to say.
    By(Option<u64>),
    /// Another commit made it wrong.
    NotAsPlanned,
}

fn undeleted(table: &TableId, left: u64, failure: Option<object_store::Error>) -> Error {
    let told = match failure {
        Some(failure) => Error::from(failure),
        None => Error::storage("the store gave no answer for them"),
    };
    told.context(format!("{left} condemned files of {table} could not be deleted"))
        .hint("nothing is lost and nothing that is live was touched; the next firelake gc --yes goes on")
}

/// A folder's URL with a last slash; another's `s3a:` is the `s3:` that firelake writes.
fn closed(location: &str) -> String {
    let location = match location.split_once("://") {
        Some(("s3a" | "s3n", rest)) => format!("s3://{rest}"),
        _ => location.to_owned(),
    };
    format!("{}/", location.trim_end_matches('/'))
}

/// Lists both sets of a table's folder, whole (I7).
pub(super) async fn list(folder: &Location, keys: &[PartitionKey]) -> Result<Inventory> {
    let mut objects = Vec::new();
    for set in FileSet::BOTH {
        let place = folder.join(set.folder());
        let listed = place.store().list(Some(place.prefix())).try_collect::<Vec<ObjectMeta>>().await;
        let listed = listed.map_err(|e| Error::from(e).context(format!("cannot list {place}")))?;
        objects.extend(listed.into_iter().filter_map(|meta| object(folder, meta)));
    }
    Ok(Inventory::of(objects, keys))
}

fn object(folder: &Location, meta: ObjectMeta) -> Option<Object> {
    let path = folder.relative(&meta.location)?.to_owned();
    Some(Object { path, bytes: meta.size, modified: meta.last_modified, key: meta.location })
}

#[cfg(test)]
mod tests;

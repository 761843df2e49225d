//! Publishing: the catalog is brought to say what the ledger says. Step 6 of the commit protocol.
//!
//! One look reads the ledger's head, then the catalog, and compares. What it finds to move is first copied, where it needs
//! a copy, and then looked at again: only a look that finds every copy made sends its changes, at once. So it goes on until
//! a look finds nothing to move. A process that dies anywhere leaves a catalog that is right as of some commit of each
//! partition, and the next one goes on.

mod copy;
mod diff;
mod place;

pub use diff::{Actual, Wanted, diff};
pub use place::{Placement, desired};

use super::{Applied, Catalog, Changes, TableChange};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, Snapshot};
use crate::sabotage::{Broken, broken};
use crate::storage::Location;
use crate::table::{FileSet, Partition, TableId};
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

/// Looks at one table in one run. Each costs a few requests; only commits that land meanwhile make more than a handful.
const LOOKS: usize = 100;

/// Which partitions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those that changed after the catalog's watermark: what a scheduled run needs.
    Changed,
    /// All, also those that were found right once: finds what others changed in the catalog.
    All,
}

/// What a publish did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// The ledger's head that the catalog agrees with.
    pub commit: u64,
    /// Tables that were not in the catalog before.
    pub created: BTreeSet<FileSet>,
    /// Partitions that point elsewhere now, or that are new.
    pub moved: BTreeSet<(FileSet, Partition)>,
    /// Files copied on the server side.
    pub copied_files: u64,
    /// Their size.
    pub copied_bytes: u64,
    /// Whether the catalog was changed at all, be it only a definition or a watermark.
    pub changed: bool,
}

/// Brings the catalog to say what the ledger says, of both of the table's sets of files. `location` is the table's folder;
/// `snapshot`, any state of the ledger, is brought to the head that the catalog then agrees with.
///
/// # Errors
/// - Ledger: the catalog knows later commits than the ledger.
/// - Usage: the ledger pins another catalog, or the catalog's table is not this one.
/// - TryAgain: others kept moving it; the commits stand, and the next run publishes them.
/// - Those of the stores. Nothing is half-visible after any of them, and the next run goes on.
pub async fn publish(
    table: &TableId,
    location: &Location,
    ledger: &Ledger,
    catalog: &dyn Catalog,
    snapshot: &mut Snapshot,
    reach: Reach,
) -> Result<Published> {
    check_pinned(table, catalog, snapshot)?;
    let mut run = Run::new(table, location, ledger, catalog, reach);
    for _ in 0..LOOKS {
        if run.round(snapshot).await? {
            run.done.commit = snapshot.head;
            return Ok(run.done);
        }
    }
    Err(Error::new(Kind::TryAgain, format!("others kept changing {table} while it was published"))
        .hint("its commits stand; run the same command again, it publishes what is missing"))
}

/// What [`publish`] would tell the catalog now, without copying or changing anything: first of the rows, then of the
/// rejected records. Empty changes for what is right.
///
/// # Errors
/// Those of [`publish`].
pub async fn plan(
    table: &TableId,
    location: &Location,
    ledger: &Ledger,
    catalog: &dyn Catalog,
    snapshot: &mut Snapshot,
    reach: Reach,
) -> Result<[Changes; 2]> {
    check_pinned(table, catalog, snapshot)?;
    let run = Run::new(table, location, ledger, catalog, reach);
    let [data, rejected] =
        [run.settled_look(snapshot, FileSet::Data).await?, run.settled_look(snapshot, FileSet::Rejected).await?];
    Ok([data.changes, rejected.changes])
}

/// What the catalog says of all of the table's partitions, and how that differs from the ledger: the rows, then the rejected
/// records. Changes nothing.
pub(super) async fn compare(
    table: &TableId,
    location: &Location,
    ledger: &Ledger,
    catalog: &dyn Catalog,
    snapshot: &mut Snapshot,
) -> Result<[Look; 2]> {
    check_pinned(table, catalog, snapshot)?;
    let run = Run::new(table, location, ledger, catalog, Reach::All);
    Ok([run.settled_look(snapshot, FileSet::Data).await?, run.settled_look(snapshot, FileSet::Rejected).await?])
}

fn check_pinned(table: &TableId, catalog: &dyn Catalog, snapshot: &Snapshot) -> Result<()> {
    let (pinned, name) = (&snapshot.pins.catalog, catalog.name());
    if pinned == name {
        return Ok(());
    }
    Err(Error::usage(format!("{table} is published to the catalog {pinned:?}, not to {name:?}"))
        .hint(format!("pass --catalog {pinned}: a table's catalog is fixed when the table is created")))
}

struct Run<'a> {
    table: &'a TableId,
    location: &'a Location,
    ledger: &'a Ledger,
    catalog: &'a dyn Catalog,
    reach: Reach,
    /// Folders of published copies that this run knows to be whole.
    copied: HashSet<String>,
    done: Published,
}

/// One look at one set: what the ledger wants of the partitions that are compared, what the catalog says, what is to change.
pub(super) struct Look {
    pub(super) wanted: Wanted,
    pub(super) actual: Actual,
    pub(super) changes: Changes,
}

impl<'a> Run<'a> {
    fn new(
        table: &'a TableId,
        location: &'a Location,
        ledger: &'a Ledger,
        catalog: &'a dyn Catalog,
        reach: Reach,
    ) -> Self {
        Run { table, location, ledger, catalog, reach, copied: HashSet::new(), done: Published::default() }
    }

    /// Looks at both sets once and does what is to be done next; true where nothing was, of one and the same head.
    async fn round(&mut self, snapshot: &mut Snapshot) -> Result<bool> {
        let data = self.step(snapshot, FileSet::Data).await?;
        let head = snapshot.head;
        let rejected = self.step(snapshot, FileSet::Rejected).await?;
        Ok(data && rejected && snapshot.head == head)
    }

    /// Copies, or sends, or finds nothing to do (true).
    async fn step(&mut self, snapshot: &mut Snapshot, set: FileSet) -> Result<bool> {
        let Some(look) = self.look(snapshot, set).await? else { return Ok(false) };
        if look.changes.is_empty() {
            return Ok(true);
        }
        let missing: Vec<&Placement> =
            look.wanted.moving(&look.changes).filter(|place| !self.copied.contains(&place.folder)).collect();
        match missing.is_empty() {
            true => self.send(set, &look.changes).await?,
            false => self.copy(snapshot, &missing).await?,
        }
        Ok(false)
    }

    async fn send(&mut self, set: FileSet, changes: &Changes) -> Result<()> {
        if self.catalog.apply(changes).await? == Applied::Beaten {
            return Ok(());
        }
        self.done.changed = true;
        self.done.moved.extend(changes.partitions.iter().map(|change| (set, change.partition.clone())));
        match &changes.definition {
            Some(TableChange::Create(_)) => _ = self.done.created.insert(set),
            Some(TableChange::Update { from, to }) if from.location != to.location => {
                self.done.moved.insert((set, Partition::default()));
            }
            _ => {}
        }
        Ok(())
    }

    /// A copy may fail because the ledger has moved on and its source is gone: then the newer state is what counts.
    async fn copy(&mut self, snapshot: &mut Snapshot, missing: &[&Placement]) -> Result<()> {
        match copy::copy(self.location, missing).await {
            Ok((files, bytes)) => {
                self.copied.extend(missing.iter().map(|place| place.folder.clone()));
                self.done.copied_files += files;
                self.done.copied_bytes += bytes;
                Ok(())
            }
            Err(error) if self.ledger.catch_up(snapshot).await?.is_empty() => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Reads the head, then the catalog, and compares. `None` where the catalog was ahead of what was read of the ledger.
    async fn look(&self, snapshot: &mut Snapshot, set: FileSet) -> Result<Option<Look>> {
        let read_at = self.catalog.now();
        if !broken(Broken::PublishStale) {
            self.ledger.catch_up(snapshot).await?;
        }
        let actual = Actual { read_at, ..self.actual(snapshot, set).await? };
        let wanted = Wanted::new(self.table, self.location, snapshot, set, &actual)?;
        if let Some(later) = wanted.later(&actual) {
            // Another publisher may have read a newer head. Where even the newest one does not explain it, the ledger has lost its tail.
            return match self.ledger.catch_up(snapshot).await?.is_empty() {
                true => Err(lost_tail(snapshot, &later)),
                false => Ok(None),
            };
        }
        let at_once = self.catalog.settles().is_none() || broken(Broken::WatermarkAtOnce);
        let mut changes = diff(&wanted, &actual, at_once);
        if changes.is_empty()
            && let (Some(settles), Some(table)) = (self.catalog.settles(), &actual.table)
            && let Some(commit) = self.settled(snapshot.head, wanted.open_commits(actual.watermark), settles).await?
        {
            let to = wanted.definition_after(table, commit);
            changes.definition = Some(TableChange::Update { from: table.clone(), to });
        }
        Ok(Some(Look { wanted, actual, changes }))
    }

    async fn settled_look(&self, snapshot: &mut Snapshot, set: FileSet) -> Result<Look> {
        loop {
            // `None` only after new commits: it ends.
            if let Some(look) = self.look(snapshot, set).await? {
                return Ok(look);
            }
        }
    }

    async fn actual(&self, snapshot: &Snapshot, set: FileSet) -> Result<Actual> {
        let (database, name) = (self.table.database(), diff::table_name(self.table, set));
        let Some(table) = self.catalog.table(database, &name).await? else { return Ok(Actual::default()) };
        let watermark = table.watermark()?;
        let open: Vec<Partition> = place::changed_after(snapshot, set, watermark).map(|(p, _)| p.clone()).collect();
        let (since, partitions) = match self.reach {
            _ if table.partition_keys.is_empty() => (watermark, Default::default()),
            Reach::All => (0, self.catalog.partitions(database, &name, None).await?),
            Reach::Changed if open.is_empty() => (watermark, Default::default()),
            Reach::Changed => (watermark, self.catalog.partitions(database, &name, Some(&open)).await?),
        };
        Ok(Actual { table: Some(table), watermark, since, partitions, read_at: None })
    }

    /// The newest commit to move the watermark to after a look that found nothing to move: by the store's time, the head was
    /// written more than `settles` after it, and so this look, which read that head, began later than that.
    async fn settled(&self, head: u64, commits: Vec<u64>, settles: Duration) -> Result<Option<u64>> {
        if commits.is_empty() {
            return Ok(None);
        }
        let Some(now) = self.ledger.stored_at(head).await? else { return Ok(None) };
        // LastModified counts whole seconds: add one.
        let age = chrono::TimeDelta::from_std(settles + Duration::from_secs(1)).unwrap_or(chrono::TimeDelta::MAX);
        let (mut settled, mut open) = (0, commits.len());
        while settled < open {
            let middle = (settled + open) / 2;
            match self.ledger.stored_at(commits[middle]).await? {
                Some(at) if now - at >= age => settled = middle + 1,
                _ => open = middle,
            }
        }
        Ok(settled.checked_sub(1).map(|newest| commits[newest]))
    }
}

fn lost_tail(snapshot: &Snapshot, later: &str) -> Error {
    Error::ledger(format!("{later}, but the ledger's newest commit is {}", snapshot.head)).hint(
        "the ledger has lost its newest commits: restore the table's _ledger folder from a backup or from older object \
         versions before anything is written; where there are none, docs/ledger.md says what to do. The catalog was not changed",
    )
}

//! What the jobs share that change a table by one commit which a person asks for: rollback, resume, rebuild, expire.
//!
//! Each is planned on the newest state, told, and done only if asked to. A lost race is planned again.

use super::status::no_table;
use super::tail;
use crate::catalog::{Catalog, Reach, publish};
use crate::error::{Error, Kind, Result};
use crate::landing::{self, LandedObject};
use crate::ledger::{Appended, Commit, Input, Ledger, LiveFile, Snapshot};
use crate::storage::{Location, Stores};
use crate::table::{FileSet, Partition, TableId};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// How often a lost race is planned again.
const REPLANS: usize = 20;
/// Objects that are looked at at once.
const LOOKS: usize = 16;

/// The table that is changed, and by whom.
pub struct ChangeJob {
    /// The lake's folder.
    pub lake: Location,
    /// The table.
    pub table: TableId,
    /// Where it is published.
    pub catalog: Arc<dyn Catalog>,
    /// Landing prefixes that are open already; the others of the ledger are opened by `stores`.
    pub landing: Vec<Location>,
    /// Opens landing prefixes.
    pub stores: Stores,
    /// The clock.
    pub now: DateTime<Utc>,
    /// Who writes, for people who read the ledger.
    pub writer: String,
    /// Whether the plan is carried out; else it is only told.
    pub yes: bool,
}

/// What was planned, and what became of it.
#[derive(Debug)]
pub struct Changed<P> {
    /// The plan, of the newest state that was seen.
    pub plan: P,
    /// The commit that carried it out; none where there was nothing to do, or where it was only told.
    pub commit: Option<u64>,
    /// Why the catalog does not say what the ledger says. The commit stands.
    pub unpublished: Option<Error>,
}

/// A plan, and the commit that carries it out; none where nothing is to be done.
pub(super) type Planned<P> = (P, Option<Commit>);

impl ChangeJob {
    pub(super) fn folder(&self) -> Location {
        self.lake.join(self.table.database()).join(self.table.table())
    }

    pub(super) async fn open(&self) -> Result<(Ledger, Snapshot)> {
        let ledger = Ledger::new(&self.folder());
        match ledger.load().await? {
            Some(mut snapshot) => {
                tail::check(&self.table, self.catalog.as_ref(), &ledger, &mut snapshot).await?;
                Ok((ledger, snapshot))
            }
            None => Err(no_table(&self.lake, &self.table)),
        }
    }

    /// Plans on the newest state; if asked to, commits, plans again after a commit that it cannot stand with, and publishes.
    pub(super) async fn change<P>(
        &self,
        ledger: &Ledger,
        mut snapshot: Snapshot,
        mut plan: impl AsyncFnMut(&Snapshot) -> Result<Planned<P>>,
    ) -> Result<Changed<P>> {
        let mut beaten = String::new();
        for _ in 0..REPLANS {
            let (plan, commit) = plan(&snapshot).await?;
            if !self.yes {
                return Ok(Changed { plan, commit: None, unpublished: None });
            }
            let committed = match commit {
                None => None,
                Some(commit) => match ledger.append(&mut snapshot, commit).await? {
                    Appended::Committed(commit) => Some(commit.number),
                    Appended::Conflict { why } => {
                        beaten = why;
                        continue;
                    }
                },
            };
            let unpublished = self.publish(ledger, &mut snapshot).await.err();
            return Ok(Changed { plan, commit: committed, unpublished });
        }
        Err(Error::new(Kind::TryAgain, format!("lost the race for a commit {REPLANS} times; the last time, {beaten}"))
            .hint("nothing was changed; run the same command again, while less is going on at this table"))
    }

    /// The objects as they are in the landing zone now; `None` for one that is gone.
    ///
    /// # Errors
    /// Usage: a landing prefix is not where it was. Those of the stores.
    pub(super) async fn landed<'a>(
        &self,
        now: &Snapshot,
        urls: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<(&'a str, Option<LandedObject>)>> {
        let mut prefixes: Vec<Location> = Vec::new();
        for url in &now.pins.landing {
            let prefix = self.stores.open_like(url, &self.landing).await?;
            if !prefix.exists() {
                return Err(Error::usage(format!("the landing folder {prefix} does not exist"))
                    .hint("nothing was changed; put it back, or mount it there"));
            }
            prefixes.push(prefix);
        }
        let prefixes = &prefixes;
        let looks = urls.into_iter().map(|url| async move {
            match prefixes.iter().find(|prefix| landing::below(&prefix.url(), url).is_some()) {
                Some(prefix) => Ok((url, landing::head(prefix, url).await?)),
                None => Err(Error::usage(format!("{url} is below no landing prefix of {}", self.table))
                    .hint("a landing folder that was moved, or is a link now: put it back, or mount it there")),
            }
        });
        futures::stream::iter(looks).buffered(LOOKS).try_collect().await
    }

    async fn publish(&self, ledger: &Ledger, snapshot: &mut Snapshot) -> Result<()> {
        let folder = self.folder();
        let published = publish(&self.table, &folder, ledger, self.catalog.as_ref(), snapshot, Reach::Changed).await;
        published
            .map(drop)
            .map_err(|error| error.context(format!("{} is committed, publishing is pending", self.table)))
    }
}

/// Those of the table's files that are not there.
///
/// # Errors
/// Those of the store.
pub(super) async fn missing<'a>(folder: &Location, paths: impl IntoIterator<Item = &'a str>) -> Result<Vec<&'a str>> {
    let looks = paths.into_iter().map(|path| async move {
        let place = folder.path(path);
        match folder.store().head(&place).await {
            Ok(_) => Ok(None),
            Err(object_store::Error::NotFound { .. }) => Ok(Some(path)),
            Err(error) => Err(Error::from(error).context(format!("cannot look at {}", folder.url_of(&place)))),
        }
    });
    let looked: Vec<Option<&str>> = futures::stream::iter(looks).buffered(LOOKS).try_collect().await?;
    Ok(looked.into_iter().flatten().collect())
}

/// The inputs as the commits name them that brought them.
pub(super) async fn inputs(ledger: &Ledger, wanted: &[(&str, u64)]) -> Result<Vec<Input>> {
    let mut by_commit: BTreeMap<u64, HashSet<&str>> = BTreeMap::new();
    wanted.iter().for_each(|(url, commit)| _ = by_commit.entry(*commit).or_default().insert(url));
    let mut found = Vec::with_capacity(wanted.len());
    let mut commits = std::pin::pin!(ledger.each(by_commit.keys().copied().collect::<Vec<_>>()));
    while let Some((number, commit)) = commits.next().await {
        let inputs = commit?.map(|commit| commit.inputs).unwrap_or_default();
        found.extend(inputs.into_iter().filter(|input| by_commit[&number].contains(input.url.as_str())));
    }
    match found.len() == wanted.len() {
        true => Ok(found),
        false => Err(Error::ledger("a commit does not name the inputs that it brought")
            .hint("firelake verify says what is wrong with the ledger")),
    }
}

/// Files, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub files: u64,
    /// Rows in them; of a long rejected record several.
    pub rows: u64,
    /// Their size.
    pub bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, rows: u64, bytes: u64) {
        (self.files, self.rows, self.bytes) = (self.files + 1, self.rows + rows, self.bytes + bytes);
    }
}

/// What a change does to one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionMove {
    /// Whether it is a partition of the rejected records.
    pub rejected: bool,
    /// Its Hive path.
    pub partition: String,
    /// Live files that are taken out.
    pub out: Tally,
    /// Files that become live.
    pub back: Tally,
}

/// What a change does to each partition: the table's, then those of its rejected records.
pub(super) fn moves<'a>(
    out: impl IntoIterator<Item = (&'a str, &'a LiveFile)>,
    back: impl IntoIterator<Item = (&'a str, &'a LiveFile)>,
) -> Vec<PartitionMove> {
    let mut moves: BTreeMap<(FileSet, &Partition), [Tally; 2]> = BTreeMap::new();
    let sides = [out.into_iter().collect::<Vec<_>>(), back.into_iter().collect()];
    for (side, files) in sides.into_iter().enumerate() {
        for (path, file) in files {
            let of_partition = moves.entry((FileSet::of_path(path), &file.partition)).or_default();
            of_partition[side].add(file.rows, file.bytes);
        }
    }
    let told = moves.into_iter().map(|((set, partition), [out, back])| PartitionMove {
        rejected: set == FileSet::Rejected,
        partition: partition.path().into(),
        out,
        back,
    });
    told.collect()
}

//! Merging: small files of a partition become few. One commit takes several partitions, bounded by bytes; it removes the files
//! that were read and adds those that hold the same rows.
//!
//! 1. [`merges`]: which files. Pure.
//! 2. Read them back, sort and write their rows, as compacting does, under a fresh attempt.
//! 3. Check that each partition has as many rows as before (I2), and commit. Lost a race: plan again on the newer state.

mod plan;

pub use plan::{Merge, MergeLimits, merges};

use super::live::{OldFile, Reader};
use super::write::{Piece, Writers};
use super::{REPLANS, Shard, WorkLimits, thread};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Action, Appended, Commit, DataFile, Ledger, Snapshot};
use crate::sabotage;
use crate::storage::Location;
use crate::table::{FileSet, Partition, TableSchema};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use plan::first_batch;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Commits that are read at once to find the inputs of old files.
const AT_ONCE: usize = 16;

/// What a merge needs.
pub struct MergeRun<'a> {
    /// The table's folder.
    pub table: &'a Location,
    /// Its ledger.
    pub ledger: &'a Ledger,
    /// Threads and memory.
    pub work: WorkLimits,
    /// When files are merged, and how much at a time.
    pub limits: MergeLimits,
    /// The share of the partitions that is merged; none: all.
    pub shard: Option<Shard>,
    /// The clock: which partitions are closed.
    pub now: DateTime<Utc>,
    /// Who writes, for people who read the ledger.
    pub writer: &'a str,
}

/// What was merged so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// Numbers of the commits.
    pub commits: Vec<u64>,
    /// Partitions that have fewer files now, of both sets.
    pub partitions: BTreeSet<(FileSet, Partition)>,
    /// Files that were replaced.
    pub files_merged: u64,
    /// Files that replaced them.
    pub files_written: u64,
    /// The size of those.
    pub bytes_written: u64,
}

impl MergeRun<'_> {
    /// Merges what is due of the files that `snapshot` has, commit by commit; `snapshot` is the newest state in the end. What
    /// others add meanwhile is left for a later run, so that this one ends.
    ///
    /// # Errors
    /// Storage: a live file is missing or damaged. TryAgain: lost the race too often. What is in `done` stands all the same.
    pub async fn merge(&self, snapshot: &mut Snapshot, done: &mut Merged) -> Result<()> {
        let (begun, mut lost) = (snapshot.head, 0);
        loop {
            let schema = snapshot.schema()?;
            let due = merges(snapshot, &schema.partitions, begun, self.shard, self.now, &self.limits);
            let batch = first_batch(due, &self.limits);
            if batch.is_empty() {
                return Ok(());
            }
            let commit = match self.attempt(snapshot, &schema, &batch).await {
                Ok(commit) => commit,
                // Others may have replaced a file meanwhile, and gc deleted it.
                Err(error) => match self.is_overtaken(snapshot, &batch).await? && lost < REPLANS {
                    true => {
                        lost += 1;
                        continue;
                    }
                    false => return Err(error),
                },
            };
            match self.ledger.append(snapshot, commit).await? {
                Appended::Committed(commit) => done.add(&commit, &batch),
                Appended::Conflict { .. } if lost < REPLANS => lost += 1,
                Appended::Conflict { why } => return Err(self.beaten(&why)),
            }
        }
    }

    /// Whether a file of the batch is no longer live in the newest state.
    async fn is_overtaken(&self, snapshot: &mut Snapshot, batch: &[Merge]) -> Result<bool> {
        let old: Vec<String> = old_files(snapshot, batch).into_iter().map(|file| file.path).collect();
        self.ledger.catch_up(snapshot).await?;
        Ok(old.iter().any(|path| !snapshot.files.contains_key(path)))
    }

    fn beaten(&self, why: &str) -> Error {
        let told = format!("lost the race for a merge {REPLANS} times on {}: {why}", self.table);
        Error::new(Kind::TryAgain, told).hint("nothing is lost or counted twice; run the same command again")
    }

    /// The commit that replaces the files, with its own on the store already. Nothing of it counts yet.
    async fn attempt(&self, snapshot: &Snapshot, schema: &TableSchema, batch: &[Merge]) -> Result<Commit> {
        let old = old_files(snapshot, batch);
        let sources = self.sources(snapshot, &old).await?;
        let id = sabotage::attempt(Uuid::now_v7());
        let mut add = self.rewrite(schema, id, &old).await?;
        check_rows(&old, &add)?;
        for file in &mut add {
            let places: BTreeSet<u32> =
                file.inputs.iter().flat_map(|at| &sources.of_file[*at as usize]).copied().collect();
            file.inputs = places.into_iter().collect();
        }
        add.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Commit {
            attempt: (!add.is_empty()).then_some(id),
            sources: sources.urls,
            add,
            remove: old.into_iter().map(|file| file.path).collect(),
            shard: self.shard.map(|shard| shard.to_string()),
            ..Commit::new(Action::Merge, self.now, self.writer)
        })
    }

    /// Files with the rows of the old ones; their `inputs` are places in `old`.
    async fn rewrite(&self, schema: &TableSchema, id: Uuid, old: &[OldFile]) -> Result<Vec<DataFile>> {
        let writers = Writers::start(self.table, schema, &self.work, id)?;
        let (reader, to_writers, old) = (Reader::new(self.table, schema), writers.senders(), old.to_vec());
        let read = move || {
            reader.read(&old, &mut |at, batch| {
                let (set, partition) = (old[at].set, old[at].partition.clone());
                Piece { set, partition, batch, input: at as u32 }.hand_to(&to_writers)
            })
        };
        let read = thread::start(read)?.end().await.flatten();
        let files = writers.finish().await?; // where a writer failed, its own error says why
        read.map(|()| files)
    }

    /// Which inputs have records in each file: the commit that its attempt made says so.
    async fn sources(&self, snapshot: &Snapshot, old: &[OldFile]) -> Result<Sources> {
        let mut by_origin: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (at, file) in old.iter().enumerate() {
            let origin = snapshot.files.get(&file.path).map(|live| live.origin);
            by_origin.entry(origin.unwrap_or_default()).or_default().push(at);
        }
        let mut sources = Sources { urls: Vec::new(), places: HashMap::new(), of_file: vec![Vec::new(); old.len()] };
        let mut commits = futures::stream::iter(by_origin)
            .map(|(number, files)| async move { Ok::<_, Error>((number, files, self.ledger.commit(number).await?)) })
            .buffered(AT_ONCE);
        while let Some((number, files, commit)) = commits.try_next().await? {
            let unnamed = || {
                Error::ledger(format!("commit {number} does not name a live file that it made: {}", old[files[0]].path))
                    .hint("`firelake verify` says what is wrong with the ledger; nothing was merged")
            };
            let commit = commit.ok_or_else(unnamed)?;
            for at in &files {
                let file = commit.add.iter().find(|file| file.path == old[*at].path).ok_or_else(unnamed)?;
                sources.of_file[*at] = commit.inputs_of(file).into_iter().map(|url| sources.place(url)).collect();
            }
        }
        Ok(sources)
    }
}

/// URLs of inputs, each once, and which of them each old file has records of.
struct Sources {
    urls: Vec<String>,
    places: HashMap<String, u32>,
    of_file: Vec<Vec<u32>>,
}

impl Sources {
    fn place(&mut self, url: &str) -> u32 {
        if let Some(known) = self.places.get(url) {
            return *known;
        }
        let place = self.urls.len() as u32;
        self.urls.push(url.to_owned());
        self.places.insert(url.to_owned(), place);
        place
    }
}

fn old_files(snapshot: &Snapshot, batch: &[Merge]) -> Vec<OldFile> {
    let of_merge = |merge: &'_ Merge| {
        let old = |path: &String| {
            let live = snapshot.files.get(path)?;
            let (set, partition) = (merge.set, merge.partition.clone());
            Some(OldFile { set, partition, path: path.clone(), rows: live.rows, bytes: live.bytes })
        };
        merge.files.iter().filter_map(old).collect::<Vec<_>>()
    };
    batch.iter().flat_map(of_merge).collect()
}

/// I2: each partition has as many rows as before.
fn check_rows(old: &[OldFile], new: &[DataFile]) -> Result<()> {
    let mut rows: BTreeMap<(FileSet, &Partition), (u64, u64)> = BTreeMap::new();
    for file in old {
        rows.entry((file.set, &file.partition)).or_default().0 += file.rows;
    }
    for file in new {
        rows.entry((FileSet::of_path(&file.path), &file.partition)).or_default().1 += file.rows;
    }
    match rows.into_iter().find(|(_, (before, after))| before != after) {
        None => Ok(()),
        Some(((set, partition), (before, after))) => Err(Error::internal(format!(
            "merging {}/ {partition} made {after} rows of {before}, so it was not committed",
            set.folder()
        ))
        .hint("the table is as it was; compact with --no-merge goes on without merging, and please report this")),
    }
}

impl Merged {
    /// The first and the last commit; none where there is none.
    pub fn numbers(&self) -> Option<[u64; 2]> {
        Some([*self.commits.first()?, *self.commits.last()?])
    }

    fn add(&mut self, commit: &Commit, batch: &[Merge]) {
        self.commits.push(commit.number);
        self.partitions.extend(batch.iter().map(|merge| (merge.set, merge.partition.clone())));
        self.files_merged += commit.remove.len() as u64;
        self.files_written += commit.add.len() as u64;
        self.bytes_written += commit.add.iter().map(|file| file.bytes).sum::<u64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_would_gain_or_lose_a_row_is_named() {
        let old = |partition: &str, rows| OldFile {
            set: FileSet::Data,
            partition: partition.into(),
            path: "data/x".into(),
            rows,
            bytes: 1,
        };
        let new = |path: &str, partition: &str, rows| DataFile {
            path: path.into(),
            partition: partition.into(),
            rows,
            bytes: 1,
            inputs: vec![],
            origin: None,
            stats: BTreeMap::new(),
        };
        let before = [old("dt=1", 3), old("dt=1", 4), old("dt=2", 5)];
        assert!(check_rows(&before, &[new("data/a", "dt=1", 7), new("data/b", "dt=2", 5)]).is_ok());
        for (files, told) in [
            ([new("data/a", "dt=1", 7), new("data/b", "dt=2", 6)], "data/ dt=2 made 6 rows of 5"),
            ([new("data/a", "dt=1", 6), new("data/b", "dt=2", 6)], "data/ dt=1 made 6 rows of 7"),
            ([new("data/a", "dt=1", 7), new("rejected/b", "dt=2", 5)], "data/ dt=2 made 0 rows of 5"),
        ] {
            let error = check_rows(&before, &files).unwrap_err();
            assert!(error.message().contains(told), "{error}");
        }
    }
}

//! A lake of so many commits, hour after hour: objects, a file each of their records in the partition of their hour, and at
//! last a merge of these. Files that nobody reads are not there; the others are one, by hard links, and so are the objects.

use chrono::{DateTime, TimeDelta, Utc};
use firelake::catalog::FileCatalog;
use firelake::compact::{BatchLimits, WorkLimits};
use firelake::jobs::compact::{CompactJob, CompactReport};
use firelake::jobs::generate::{Compression, GenerateOptions, Object, objects};
use firelake::ledger::{Action, Commit, DataFile, Ledger, Snapshot};
use firelake::storage::Location;
use firelake::table::{FileSet, Partition, TableId, TableSchema, shipped_schema};
use object_store::local::LocalFileSystem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::counted::{Counted, Counts};

/// Commits for one partition each, in turn: the last one merges the others' files.
const COMMITS_A_PARTITION: [u64; 2] = [3, 2];
/// A run writes a checkpoint every hundred commits. Of the old ones a few are enough: each is built on the one before.
const CHECKPOINT_EVERY: [u64; 2] = [20_000, 100];
/// The commits before the last checkpoint that have one every hundred.
const RECENT: u64 = 200;

/// A lake in a folder.
pub struct Lake {
    pub folder: PathBuf,
    pub counts: Counts,
    pub lake: Location,
    pub landing: Location,
}

/// The delivery of a commit's object.
pub fn delivered(number: u64) -> DateTime<Utc> {
    let pair = COMMITS_A_PARTITION[0] + COMMITS_A_PARTITION[1];
    let hour = number / pair * 2 + u64::from(number % pair >= COMMITS_A_PARTITION[0]);
    "2020-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hour as i64)
}

/// One object of an hour of few requests.
fn object(start: DateTime<Utc>) -> Object {
    let options = GenerateOptions {
        start,
        hours: 1,
        rate: 0.05,
        late: 0.0,
        broken: 0.0,
        buffer_seconds: 900,
        compression: Compression::Gzip,
        ..Default::default()
    };
    objects(&options).unwrap().next().unwrap().unwrap()
}

impl Lake {
    pub fn open(folder: &Path) -> Lake {
        let counts = Counts::default();
        let inner = LocalFileSystem::new_with_prefix(folder).unwrap();
        let store = Arc::new(Counted { inner, counts: counts.clone() });
        let place = |prefix| Location::in_store(store.clone(), "bench:///", prefix);
        Lake { folder: folder.into(), counts, lake: place("lake"), landing: place("landing") }
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::new(&self.lake.join("logs/access"))
    }

    /// The scheduled run, a day after the first one at most.
    pub async fn compact(&self, now: DateTime<Utc>) -> CompactReport {
        let by_day = shipped_schema("combined_apache").unwrap();
        let text = format!("{by_day}\n[[partition]]\nname = \"hour\"\ntransform = \"hour\"\n");
        let job = CompactJob {
            lake: self.lake.clone(),
            table: TableId::new("logs", "access").unwrap(),
            landing: vec![self.landing.clone()],
            schema: Some(TableSchema::parse("access", "access.toml", &text).unwrap()),
            catalog: Arc::new(FileCatalog::new(&self.lake)),
            settle: TimeDelta::zero(),
            lookback: TimeDelta::hours(72),
            add_landing: false,
            batch: BatchLimits::default(),
            work: WorkLimits { threads: 2, ..WorkLimits::default() },
            now,
            merge: None,
            shard: None,
            writer: "bench".into(),
            watch: Default::default(),
            stores: Default::default(),
        };
        let report = job.run().await.unwrap();
        assert!(report.unpublished.is_none() && report.warnings.is_empty(), "{report:?}");
        report
    }

    /// Lands one object more.
    pub fn land(&self, start: DateTime<Utc>) {
        let object = object(start);
        let path = self.folder.join("landing").join(&object.key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, object.body).unwrap();
    }

    /// Makes commits 2 to `commits` after the pattern of commit 1, which a run makes, with the checkpoints that runs would
    /// have left, the last one `tail` commits before the head.
    pub async fn make(&self, commits: u64, tail: u64) {
        std::fs::create_dir_all(self.folder.join("landing")).unwrap();
        self.land(delivered(1));
        self.compact(delivered(1)).await;
        let ledger = self.ledger();
        let pattern = ledger.commit(1).await.unwrap().unwrap();
        let mut state = ledger.load().await.unwrap().unwrap();
        let mut last = pattern.clone();
        let mut live: Vec<DataFile> = data(&pattern).collect();
        for number in 2..=commits {
            let commit = match number < commits && delivered(number + 1) != delivered(number) {
                true => merge(&last, number, std::mem::take(&mut live)),
                false => self.next(&pattern, number, commits - number < 200),
            };
            if delivered(number) == delivered(commits / 2) {
                data(&commit).for_each(|file| self.link(&data(&pattern).next().unwrap().path, &file.path));
            }
            if commit.action == Action::Add {
                live.extend(data(&commit));
            }
            last = commit.clone();
            let bytes = commit.to_bytes().unwrap();
            std::fs::write(self.folder.join("lake/logs/access/_ledger").join(Commit::file_name(number)), bytes)
                .unwrap();
            state.apply(&commit).unwrap();
            self.checkpoint(&ledger, &mut state, commits - tail).await;
        }
    }

    async fn checkpoint(&self, ledger: &Ledger, state: &mut Snapshot, last: u64) {
        let every = CHECKPOINT_EVERY[usize::from(state.head + RECENT > last)];
        if state.head <= last && (last - state.head).is_multiple_of(every) {
            ledger.checkpoint(state).await.unwrap();
        }
    }

    /// The commit of that number, its file, and its object where it is still looked at.
    fn next(&self, pattern: &Commit, number: u64, land: bool) -> Commit {
        let mut commit = Commit { number, id: uuid::Uuid::now_v7(), full_listing_at: None, ..pattern.clone() };
        let (attempt, at) = (commit.id, delivered(number));
        commit.attempt = Some(attempt);
        commit.add = data(pattern).collect();
        let partition = format!("dt={}/hour={}", at.format("%Y-%m-%d"), at.format("%H"));
        let key = format!("{}/web-1-{}-{attempt}.gz", at.format("%Y/%m/%d/%H"), at.format("%Y-%m-%d-%H-%M-%S"));
        for file in &mut commit.add {
            file.path = format!("data/{attempt}/{partition}/{attempt}-00000.parquet");
            file.partition = serde_json::from_value::<Partition>(partition.clone().into()).unwrap();
        }
        for input in &mut commit.inputs {
            if land {
                let from = input.url.strip_prefix("bench:///").unwrap();
                link(&self.folder.join(from), &self.folder.join("landing").join(&key));
            }
            (input.url, input.delivered) = (format!("{}/{key}", self.landing.url()), at);
        }
        commit
    }

    /// The same file under another path of the table.
    fn link(&self, from: &str, to: &str) {
        let table = self.folder.join("lake/logs/access");
        link(&table.join(from), &table.join(to));
    }
}

fn data(commit: &Commit) -> impl Iterator<Item = DataFile> {
    commit.add.iter().filter(|file| FileSet::of_path(&file.path) == FileSet::Data).cloned()
}

/// The merge of a partition's files, after the last commit that added one.
fn merge(last: &Commit, number: u64, files: Vec<DataFile>) -> Commit {
    let mut commit = Commit { number, ..Commit::new(Action::Merge, last.at, "bench") };
    let (attempt, partition) = (commit.id, files[0].partition.clone());
    let path = format!("data/{attempt}/{}/{attempt}-00000.parquet", partition.path());
    let rows = files.iter().map(|file| file.rows).sum();
    commit.attempt = Some(attempt);
    commit.sources = last.inputs.iter().map(|input| input.url.clone()).collect();
    commit.add = vec![DataFile { path, rows, inputs: vec![0], ..files[0].clone() }];
    commit.remove = files.into_iter().map(|file| file.path).collect();
    commit
}

fn link(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to).unwrap(); // a file can have so many names only
    }
}

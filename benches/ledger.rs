//! What loading an old table costs: 50,000 commits, 20,000 partitions. `cargo bench --bench ledger [COMMITS]`, on Linux.
//!
//! Store requests, CPU seconds and the peak of memory, each of a process of its own: of loading from all commits and from a
//! checkpoint 50 commits before the head, and of writing a checkpoint, the first one and one that builds on another.

#![allow(clippy::unwrap_used, clippy::panic)]

use chrono::{DateTime, TimeDelta, Utc};
use firelake::ledger::{Action, ColumnStats, Commit, Counts, DataFile, Input, Ledger, Pins};
use firelake::storage::Location;
use firelake::table::Partition;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Commits for one partition each; every second partition gets one more.
const COMMITS_A_PARTITION: [u64; 2] = [3, 2];
/// Commits after the checkpoint.
const TAIL: u64 = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let [mode, folder] = &arguments[..] {
        return runtime.block_on(measure(mode, folder));
    }
    let commits = arguments.first().map_or(50_000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("t/_ledger");
    std::fs::create_dir_all(&ledger).unwrap();
    let write = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            std::fs::write(ledger.join(Commit::file_name(number)), commit(number).to_bytes().unwrap()).unwrap();
        }
    };
    let run = |what: &str, mode: &str| {
        let output = Command::new(std::env::current_exe().unwrap()).arg(mode).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        println!("{what:<42} {}", String::from_utf8_lossy(&output.stdout).trim_end());
    };
    println!("{:<42} {:>8} {:>8} {:>8}", format!("{commits} commits"), "requests", "CPU s", "peak MB");
    write(0..commits - 100);
    run("load all commits", "load");
    run("load all commits, write a checkpoint", "checkpoint");
    write(commits - 100..commits - TAIL);
    run("load it, write the next checkpoint", "checkpoint");
    write(commits - TAIL..commits);
    run("load the checkpoint and 50 commits", "load");
}

/// Hour after hour, an object, and a file of its records in the partition of its hour.
fn commit(number: u64) -> Commit {
    let mut commit = Commit::new(Action::Add, DateTime::UNIX_EPOCH, "bench");
    commit.number = number;
    if number == 0 {
        let pins = Pins { schema_name: "s".into(), schema: String::new(), landing: vec![], catalog: "file".into() };
        return Commit { action: Action::Create, pins: Some(pins), ..commit };
    }
    let pair = COMMITS_A_PARTITION[0] + COMMITS_A_PARTITION[1];
    let hour = number / pair * 2 + u64::from(number % pair >= COMMITS_A_PARTITION[0]);
    let delivered = "2020-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hour as i64);
    let partition = format!("dt={}/hour={}", delivered.format("%Y-%m-%d"), delivered.format("%H"));
    let attempt = commit.id;
    let key =
        format!("{}/web-1-{}-{attempt}.gz", delivered.format("%Y/%m/%d/%H"), delivered.format("%Y-%m-%d-%H-%M-%S"));
    let bounds = |min: String, max: String| ColumnStats { min: Some(min.into()), max: Some(max.into()), nulls: 0 };
    let times = bounds(delivered.format("%FT%T.000").to_string(), delivered.format("%FT%H:59:59.000").to_string());
    let numbers = ColumnStats { min: Some(200.into()), max: Some(503.into()), nulls: 7 };
    commit.inputs = vec![Input {
        url: format!("s3://landing/web/{key}"),
        etag: Some(format!("\"{}\"", attempt.simple())),
        size: 5_000_000,
        delivered,
        records: 12_000,
        rejected: 0,
    }];
    commit.add = vec![DataFile {
        path: format!("data/{attempt}/{partition}/{attempt}-00000.parquet"),
        partition: serde_json::from_value::<Partition>(partition.into()).unwrap(),
        rows: 12_000,
        bytes: 400_000,
        inputs: vec![0],
        origin: None,
        stats: [("ts", times), ("status", numbers.clone()), ("bytes", numbers)].map(|(n, s)| (n.to_owned(), s)).into(),
    }];
    commit.counts = Counts { records_read: 12_000, rows_written: 12_000, ..Counts::default() };
    Commit { attempt: Some(attempt), ..commit }
}

async fn measure(mode: &str, folder: &str) {
    let store =
        Arc::new(Counting { inner: LocalFileSystem::new_with_prefix(folder).unwrap(), requests: AtomicU64::new(0) });
    let ledger = Ledger::new(&Location::in_store(store.clone(), "file:///", "t"));
    let mut state = ledger.load().await.unwrap().unwrap();
    match mode {
        "load" => {}
        "checkpoint" => ledger.checkpoint(&mut state).await.unwrap(),
        other => panic!("no mode {other}"),
    }
    let (cpu, peak) = used();
    println!("{:>8} {cpu:>8.2} {peak:>8}", store.requests.load(Ordering::Relaxed));
}

/// CPU seconds and peak memory in MB of this process.
fn used() -> (f64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = [11, 12].map(|at: usize| fields[at].parse::<f64>().unwrap()).iter().sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    (ticks / 100.0, peak.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024)
}

/// A store that counts. A listing counts once; S3 answers it in pages of 1,000.
#[derive(Debug)]
struct Counting {
    inner: LocalFileSystem,
    requests: AtomicU64,
}

impl Counting {
    fn counted(&self) -> &LocalFileSystem {
        self.requests.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

impl std::fmt::Display for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "counting {}", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Counting {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.counted().put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.counted().put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.counted().get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.counted().delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.counted().list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.counted().list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.counted().list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.counted().copy_opts(from, to, options).await
    }
}

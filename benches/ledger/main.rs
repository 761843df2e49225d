//! What an old lake costs: 50,000 commits, 20,000 partitions, beside a young one. `cargo bench --bench ledger [COMMITS]`, on
//! Linux, in some 500 MB of the folder for temporary files.
//!
//! Requests, CPU seconds and the peak of memory, each of a process of its own: of loading the ledger and of writing a
//! checkpoint, of a scheduled run with one new object, and of a query over one hour.

#![allow(clippy::unwrap_used, clippy::panic)]

mod counted;
mod made;

use chrono::TimeDelta;
use firelake::ledger::Snapshot;
use firelake::query::local::{LocalConfig, LocalEngine};
use firelake::query::{Engine, Library};
use futures::TryStreamExt;
use made::{Lake, delivered};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Commits after the checkpoint.
const TAIL: u64 = 50;
/// Commits of the young lake.
const YOUNG: u64 = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let [mode, folder, commits] = &arguments[..] {
        return runtime.block_on(measure(mode, &Lake::open(Path::new(folder)), commits.parse().unwrap()));
    }
    let commits = arguments.first().map_or(50_000, |count| count.parse().unwrap());
    println!("{:<34} {:>7}  {:>5} {:>6} {:>8} {:>8}  requests", "", "commits", "all", "s", "CPU s", "peak MB");
    let folders = [YOUNG, commits].map(|commits| (commits, tempfile::tempdir().unwrap()));
    for (commits, folder) in &folders {
        run(None, "make", folder.path(), *commits);
    }
    for (what, mode) in [
        ("load all of the newest state", "load"),
        ("load it without compacted inputs", "lean"),
        ("a run with one new object", "run"),
        ("a query over one hour", "query"),
        ("that query's plan", "plan"),
        ("load all, write a checkpoint", "checkpoint"),
    ] {
        for (commits, folder) in &folders {
            run(Some(what), mode, folder.path(), *commits);
        }
    }
}

/// In a process of its own, for its peak of memory.
fn run(what: Option<&str>, mode: &str, folder: &Path, commits: u64) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.arg(mode).arg(folder).arg(commits.to_string()).output().unwrap();
    assert!(output.status.success(), "{mode}: {}", String::from_utf8_lossy(&output.stderr));
    if let Some(what) = what {
        println!("{what:<34} {commits:>7}  {}", String::from_utf8_lossy(&output.stdout).trim_end());
    }
}

async fn measure(mode: &str, lake: &Lake, commits: u64) {
    let now = delivered(commits) + TimeDelta::hours(2);
    if mode == "run" {
        lake.land(delivered(commits) + TimeDelta::hours(1));
    }
    let started = Instant::now();
    match mode {
        "make" => {
            lake.make(commits, TAIL).await;
            lake.compact(now).await; // publishes, and notes a full listing
        }
        "load" => drop(loaded(lake).await),
        "lean" => drop(lake.ledger().load_lean().await.unwrap().unwrap()),
        "checkpoint" => lake.ledger().checkpoint(&mut loaded(lake).await).await.unwrap(),
        "run" => {
            let summary = lake.compact(now + TimeDelta::minutes(10)).await.summary;
            assert_eq!((summary.objects, summary.published), (1, true), "{summary:?}");
        }
        "query" => query(lake, "", commits).await,
        "plan" => query(lake, "EXPLAIN ", commits).await,
        other => panic!("no mode {other}"),
    }
    let seconds = started.elapsed().as_secs_f64();
    let counts = lake.counts.lock().unwrap();
    let kinds: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let (cpu, peak) = used();
    println!("{:>5} {seconds:>6.2} {cpu:>8.2} {peak:>8}  {}", counts.values().sum::<u64>(), kinds.join(", "));
}

async fn loaded(lake: &Lake) -> Snapshot {
    lake.ledger().load().await.unwrap().unwrap()
}

/// Counts the rows of the hour in the middle of the lake.
async fn query(lake: &Lake, explain: &str, commits: u64) {
    let hour = delivered(commits / 2).format("dt = '%Y-%m-%d' AND hour = '%H'");
    let sql = format!("{explain}SELECT count(*) FROM access WHERE {hour}");
    let config = LocalConfig {
        lake: lake.lake.clone(),
        database: "logs".into(),
        references: Vec::new(),
        unpublished: Vec::new(),
        aliases: Default::default(),
        catalog: None,
        as_of: None,
        stores: Default::default(),
    };
    let bound = Library::default().resolve(&sql).unwrap().bind(&[], delivered(commits)).unwrap();
    let answer = LocalEngine::new(config).unwrap().run(&bound).await.unwrap();
    let batches: Vec<_> = answer.batches.try_collect().await.unwrap();
    assert!(batches.iter().any(|batch| batch.num_rows() > 0));
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

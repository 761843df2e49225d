//! While a compactor commits and publishes, whoever asks Athena sees each partition as of some commit.

use super::{Published, ask};
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

/// The names of a partition's files.
type Files = BTreeSet<String>;

/// What each partition held as of each commit, from the ledger's own objects.
async fn history(published: &Published) -> BTreeMap<String, Vec<Files>> {
    let folder = published.lake().await.join(&format!("{}/access/_ledger", published.database));
    let listed = folder.store().list_with_delimiter(Some(folder.prefix())).await.unwrap();
    let mut paths: Vec<_> = listed.objects.into_iter().map(|object| object.location).collect();
    paths.sort();
    let mut history: BTreeMap<String, Vec<Files>> = BTreeMap::new();
    for path in paths {
        let bytes = folder.store().get(&path).await.unwrap().bytes().await.unwrap();
        let commit: Value = serde_json::from_slice(&bytes).unwrap();
        let mut changed: BTreeMap<String, Files> = BTreeMap::new();
        let files = |of: &str| commit["commit"][of].as_array().cloned().unwrap_or_default();
        let mut state = |partition: &str, change: &dyn Fn(&mut Files)| {
            let last = || history.get(partition).and_then(|states| states.last().cloned()).unwrap_or_default();
            change(changed.entry(partition.into()).or_insert_with(last));
        };
        for path in files("remove") {
            let parts: Vec<&str> = path.as_str().unwrap().split('/').collect();
            if let ["data", _, partition, name] = parts[..] {
                state(partition.trim_start_matches("dt="), &|files| _ = files.remove(name));
            }
        }
        for file in files("add") {
            let (path, partition) = (file["path"].as_str().unwrap(), file["partition"].as_str().unwrap());
            if path.starts_with("data/") {
                let name: String = path.rsplit('/').next().unwrap().into();
                state(partition.trim_start_matches("dt="), &|files| _ = files.insert(name.clone()));
            }
        }
        for (partition, files) in changed {
            history.entry(partition).or_default().push(files);
        }
    }
    history
}

/// Each partition's files as one query sees them.
async fn seen(published: &Published) -> BTreeMap<String, Files> {
    let engine = published.athena().await;
    let told = ask(&engine, "SELECT DISTINCT dt, \"$path\" AS file FROM access").await.unwrap();
    let mut seen: BTreeMap<String, Files> = BTreeMap::new();
    for row in told.rows {
        let [Some(dt), Some(path)] = &row[..] else { panic!("{row:?}") };
        seen.entry(dt.clone()).or_default().insert(path.rsplit('/').next().unwrap().into());
    }
    seen
}

/// Commits and publishes until it is told to stop; gives how often.
fn compactor(published: &Published, stop: &AtomicBool) -> u32 {
    let mut seed = 100;
    while !stop.load(Ordering::Relaxed) {
        let start = ["2026-11-19T21:00:00Z", "2026-11-20T03:00:00Z", "2026-11-20T22:00:00Z"][seed as usize % 3];
        published.deliver(start, seed);
        seed += 1;
    }
    seed - 100
}

async fn every_answer_is_whole(queries: usize) {
    let published = Published::empty();
    published.deliver("2026-11-19T20:00:00Z", 1);
    let stop = AtomicBool::new(false);
    let (answers, commits) = std::thread::scope(|scope| {
        let compacting = scope.spawn(|| compactor(&published, &stop));
        let answers = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let mut answers = Vec::new();
                while answers.len() < queries {
                    answers.push(seen(&published).await);
                }
                answers
            })
        });
        stop.store(true, Ordering::Relaxed);
        (answers, compacting.join().unwrap())
    });
    let history = history(&published).await;
    assert!(commits > 2, "{commits} commits are too few to tell anything");
    for (partition, files) in answers.iter().flatten() {
        let states = &history[partition];
        assert!(
            states.contains(files),
            "partition {partition} was seen with {files:#?}, never so committed: {states:#?}"
        );
    }
    let last = seen(&published).await;
    for (partition, states) in &history {
        assert_eq!(Some(&last[partition]), states.last(), "partition {partition} at the end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_partition_is_seen_as_of_some_commit() {
    every_answer_is_whole(25).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "asks a real Trino: tests/trino/run"]
async fn five_hundred_queries_see_each_partition_as_of_some_commit() {
    every_answer_is_whole(500).await;
}

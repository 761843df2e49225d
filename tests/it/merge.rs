//! Merging changes no answer: on every sort of table, with a fault at each operation, against a compactor, with damage.

mod damage;
mod faults;
mod races;
mod shards;

use crate::support::check::{check, snapshot};
use crate::support::lake::{Lake, made, now};
use crate::support::truth::Truth;
use firelake::compact::{MergeLimits, WorkLimits};
use firelake::jobs::compact::CompactJob;
use firelake::jobs::generate::{GenerateOptions, Object};
use firelake::jobs::merge::{MergeJob, MergeReport};
use firelake::ledger::{Action, Ledger, Snapshot};
use firelake::table::{FileSet, TableSchema, shipped_schema};
use std::collections::{BTreeMap, BTreeSet};

/// An hour around midnight in few objects, with many late and broken records.
fn small() -> GenerateOptions {
    GenerateOptions {
        start: "2026-11-19T23:30:00Z".parse().unwrap(),
        hours: 1,
        rate: 0.03,
        late: 0.2,
        broken: 0.1,
        buffer_seconds: 180,
        ..GenerateOptions::default()
    }
}

fn merge_job(lake: &Lake) -> MergeJob {
    let CompactJob { lake: place, table, catalog, work, stores, writer, .. } = lake.job();
    MergeJob { lake: place, table, catalog, limits: MergeLimits::default(), work, stores, now: now(), writer }
}

async fn merge(lake: &Lake) -> MergeReport {
    let report = merge_job(lake).run().await.unwrap();
    assert!(report.failed.is_empty() && report.summary.published, "{report:?}");
    report
}

/// A lake that was compacted in portions, each a commit, without merging.
async fn unmerged(objects: &[Object], portions: usize) -> Lake {
    let mut lake = Lake::new("combined_apache");
    lake.merge = false;
    for portion in objects.chunks(objects.len().div_ceil(portions)) {
        lake.land(portion).await;
        lake.compact().await.unwrap();
    }
    lake
}

/// Live files by set and partition.
fn files(state: &Snapshot) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (path, file) in &state.files {
        *counts.entry(format!("{}/{}", FileSet::of_path(path).folder(), file.partition.path())).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_files_hold_the_same_rows_and_name_their_inputs() {
    let (objects, truth) = (made(&small()), Truth::of(&small()));
    let lake = unmerged(&objects, 4).await;
    let before = snapshot(&lake.lake).await.unwrap();
    assert!(files(&before).values().sum::<usize>() > 8, "{:?}", files(&before));
    let status = lake.status(now()).await;
    let report = merge(&lake).await.summary;
    assert_eq!(report.commits, Some([before.head + 1; 2]));
    assert_eq!(report.partitions, status.partitions_to_merge);

    check(&lake.lake, &lake.landing, &truth).await;
    lake.is_clean().await;
    let after = snapshot(&lake.lake).await.unwrap();
    assert!(files(&after).values().all(|files| *files == 1), "{:?}", files(&after));
    let files = before.files.len() as u64 + report.files_written - report.files_merged;
    assert_eq!((after.files.len() as u64, after.compacted.all().unwrap().len()), (files, objects.len()));
    assert_eq!(lake.status(now()).await.partitions_to_merge, 0);
    assert_eq!(merge(&lake).await.summary.commits, None, "there is nothing to merge twice");

    let ledger = Ledger::new(&lake.lake.join("logs/access"));
    let commit = ledger.commit(after.head).await.unwrap().unwrap();
    assert_eq!(commit.action, Action::Merge);
    for file in &commit.add {
        let mut of_old = BTreeSet::new();
        for number in 1..after.head {
            let old = ledger.commit(number).await.unwrap().unwrap();
            let same = |path: &str| FileSet::of_path(path) == FileSet::of_path(&file.path);
            let olds = old.add.iter().filter(|old| old.partition == file.partition && same(&old.path));
            of_old.extend(olds.flat_map(|file| old.inputs_of(file)).map(str::to_owned).collect::<Vec<_>>());
        }
        let named: BTreeSet<String> = commit.inputs_of(file).into_iter().map(str::to_owned).collect();
        assert!(named == of_old && !named.is_empty(), "{}: {named:?} {of_old:?}", file.path);
    }
}

/// The scheduled run: whatever comes late is merged into what is there, and each answer is that of the events.
#[tokio::test(flavor = "multi_thread")]
async fn late_data_is_merged_by_the_run_that_brings_it() {
    let (objects, truth) = (made(&small()), Truth::of(&small()));
    let lake = Lake::new("combined_apache");
    let mut merged = 0;
    for portion in objects.chunks(3) {
        lake.land(portion).await;
        let summary = lake.compact().await.unwrap().summary;
        assert_eq!(summary.files_merged > 0, summary.merge_commits.is_some());
        assert!(summary.published);
        merged += summary.files_merged;
    }
    assert!(merged > 4, "{merged}");
    check(&lake.lake, &lake.landing, &truth).await;
    lake.is_clean().await;
    assert!(files(&snapshot(&lake.lake).await.unwrap()).values().all(|files| *files == 1));
    let again = lake.compact().await.unwrap().summary;
    assert_eq!((again.commits, again.merge_commits, again.partitions_moved), (None, None, 0));
}

/// A table without keys is open for ever, one by day and hour has many partitions, and a small memory gives row groups, each
/// of them sorted.
#[tokio::test(flavor = "multi_thread")]
async fn every_sort_of_table() {
    let text = shipped_schema("combined_apache").unwrap();
    let by_day = "[[partition]]\nname = \"dt\"\ntransform = \"day\"\n";
    assert!(text.contains(by_day));
    let by_hour = format!("{by_day}\n[[partition]]\nname = \"hour\"\ntransform = \"hour\"\n");
    let without = format!("partition = []\n{}", text.replace(by_day, ""));
    for (text, memory) in [(text.replace(by_day, &by_hour), 128 << 20), (without, 128 << 20), (text.to_owned(), 1)] {
        let (objects, truth) = (made(&small()), Truth::of(&small()));
        let schema = TableSchema::parse("combined_apache", "a test", &text).unwrap();
        let keys = schema.partitions.len();
        let (mut lake, work) = (Lake::new("combined_apache"), WorkLimits { threads: 2, memory, open_files: 4 });
        lake.merge = false;
        assert!(objects.len() >= 16 || keys > 0, "an open partition needs 16 files: {}", objects.len());
        for object in &objects {
            lake.land(std::slice::from_ref(object)).await;
            CompactJob { schema: Some(schema.clone()), ..lake.job() }.run().await.unwrap();
        }
        let columns =
            "count(*), sum(bytes), count(DISTINCT client_ip || path), min(ts), max(ts), sum(octet_length(agent))";
        let questions = [
            format!("SELECT {columns} FROM access"),
            "SELECT status, count(*) FROM access GROUP BY 1 ORDER BY 1".to_owned(),
            "SELECT object, byte_offset, reason, raw FROM access_rejected ORDER BY 1, 2".to_owned(),
        ];
        let mut answers = Vec::new();
        for question in &questions {
            answers.push(lake.ask(question).await);
        }
        assert_eq!(answers[0][0][0].as_deref(), Some(&*truth.whole().count().to_string()));
        let before = files(&snapshot(&lake.lake).await.unwrap());
        let job = MergeJob { work, ..merge_job(&lake) };
        let report = job.run().await.unwrap();
        assert!(report.failed.is_empty(), "{report:?}");
        let after = files(&snapshot(&lake.lake).await.unwrap());
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
        assert!(
            after.values().all(|files| *files == 1) && before.values().any(|files| *files > 4),
            "{before:?} {after:?}"
        );
        for (question, answer) in questions.iter().zip(&answers) {
            assert!(lake.ask(question).await == *answer, "{keys} keys, {memory}: {question}");
        }
        lake.is_clean().await;
    }
}

//! Rollback, resume, rebuild, expire, and what a table was: each job end to end, each record exactly once after every step.

mod as_of;
mod faults;
mod print;
mod races;
mod steps;
mod told;

use crate::support::check::snapshot;
use crate::support::lake::{Lake, made, now};
use crate::support::truth::Truth;
use arrow::compute::concat_batches;
use firelake::compact::WorkLimits;
use firelake::error::Result;
use firelake::jobs::change::Changed;
use firelake::jobs::generate::{GenerateOptions, Object};
use firelake::jobs::rebuild::{Rebuild, RebuildPlan};
use firelake::ledger::{Action, Appended, Commit, DataFile, Ledger};
use firelake::table::{FileSet, Partition};
use object_store::ObjectStoreExt;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeSet;
use uuid::Uuid;

/// An hour around midnight in few objects, with late and broken records.
fn small() -> GenerateOptions {
    GenerateOptions {
        start: "2026-11-19T23:30:00Z".parse().unwrap(),
        hours: 1,
        rate: 0.03,
        late: 0.2,
        broken: 0.1,
        buffer_seconds: 900,
        ..GenerateOptions::default()
    }
}

/// A lake of two commits, each of every second object; and the truth after each.
struct Two {
    lake: Lake,
    halves: [Vec<Object>; 2],
    truths: [Truth; 2],
}

async fn two() -> Two {
    let (mut lake, objects, truth) = (Lake::new("combined_apache"), made(&small()), Truth::of(&small()));
    lake.merge = false;
    let half = |at| objects.iter().skip(at).step_by(2).cloned().collect::<Vec<_>>();
    let halves = [half(0), half(1)];
    let truths = [truth.only(|key| halves[0].iter().any(|object| object.key == key)), truth];
    for (at, half) in halves.iter().enumerate() {
        lake.land(half).await;
        assert_eq!(lake.compact().await.unwrap().summary.commits, Some([at as u64 + 1; 2]));
    }
    Two { lake, halves, truths }
}

fn ledger(lake: &Lake) -> Ledger {
    Ledger::new(&lake.lake.join("logs/access"))
}

async fn head(lake: &Lake) -> u64 {
    snapshot(&lake.lake).await.unwrap().head
}

async fn commit(lake: &Lake, number: u64) -> Commit {
    ledger(lake).commit(number).await.unwrap().unwrap()
}

fn hours(from: &str, to: &str) -> Rebuild {
    let time = |text: &str| format!("2026-11-{text}:00:00Z").parse().unwrap();
    let work = WorkLimits { threads: 1, ..WorkLimits::default() };
    Rebuild { delivered: time(from)..time(to), work, watch: Default::default() }
}

/// Everything that landed, read again.
async fn rebuild_all(lake: &Lake) -> Result<Changed<RebuildPlan>> {
    lake.change(true).rebuild(&hours("19T00", "21T00")).await
}

/// Merges the files of a partition of the rows into one, as one commit.
async fn merge(lake: &Lake, partition: &str) {
    let (mut state, ledger) = (snapshot(&lake.lake).await.unwrap(), ledger(lake));
    let (table, partition) = (lake.lake.join("logs/access"), Partition::from(partition));
    let old = state.live(FileSet::Data).filter(|(_, file)| file.partition == partition);
    let old: Vec<(String, u64)> = old.map(|(path, file)| (path.to_owned(), file.origin)).collect();
    let (mut batches, mut sources) = (Vec::new(), BTreeSet::new());
    for (path, origin) in &old {
        let bytes = table.store().get(&table.path(path)).await.unwrap().bytes().await.unwrap();
        batches.extend(ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap().map(Result::unwrap));
        let made = ledger.commit(*origin).await.unwrap().unwrap();
        let file = made.add.iter().find(|file| file.path == *path).unwrap();
        sources.extend(made.inputs_of(file).into_iter().map(str::to_owned));
    }
    let whole = concat_batches(&batches[0].schema(), &batches).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), whole.schema(), None).unwrap();
    writer.write(&whole).unwrap();
    let (bytes, attempt) = (writer.into_inner().unwrap(), Uuid::now_v7());
    let file = DataFile {
        path: format!("data/{attempt}/{}/{attempt}-00000.parquet", partition.path()),
        partition,
        rows: whole.num_rows() as u64,
        bytes: bytes.len() as u64,
        inputs: (0..sources.len() as u32).collect(),
        origin: None,
        stats: Default::default(),
    };
    lake.put(&format!("lake/logs/access/{}", file.path), bytes).await;
    let commit = Commit {
        attempt: Some(attempt),
        sources: sources.into_iter().collect(),
        remove: old.into_iter().map(|(path, _)| path).collect(),
        add: vec![file],
        ..Commit::new(Action::Merge, now(), "a test")
    };
    let merged = ledger.append(&mut state, commit).await.unwrap();
    assert!(matches!(merged, Appended::Committed(_)), "{merged:?}");
}

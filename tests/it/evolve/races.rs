//! Runs at the same time, some with another schema.

use crate::support::check::snapshot;
use crate::support::lake::{Lake, made};
use chrono::TimeDelta;
use firelake::error::{Error, Kind};
use firelake::jobs::compact::{CompactJob, CompactReport};
use firelake::jobs::generate::GenerateOptions;
use firelake::ledger::{Action, Ledger};
use firelake::table::{TableSchema, shipped_schema};

fn options() -> GenerateOptions {
    GenerateOptions { hours: 1, rate: 0.02, buffer_seconds: 900, ..GenerateOptions::default() }
}

/// The table's schema with one more column.
fn with(column: &str) -> Option<TableSchema> {
    let text = shipped_schema("combined_apache").unwrap();
    let (columns, rest) = text.split_once("[parquet]").unwrap();
    let text = format!("{columns}[[column]]\nname = \"{column}\"\ntype = \"string\"\n\n[parquet]{rest}");
    Some(TableSchema::parse("combined_apache", "a test", &text).unwrap())
}

async fn run(lake: &Lake, schema: Option<TableSchema>) -> Result<CompactReport, Error> {
    CompactJob { schema, ..lake.job() }.run().await
}

/// A table with half of what landed.
async fn half() -> Lake {
    let (lake, objects) = (Lake::new("combined_apache"), made(&options()));
    lake.land(&objects[..objects.len() / 2]).await;
    lake.compact().await.unwrap();
    lake.land(&objects).await;
    lake
}

async fn actions(lake: &Lake) -> Vec<Action> {
    let (ledger, mut found) = (Ledger::new(&lake.lake.join("logs/access")), Vec::new());
    while let Some(commit) = ledger.commit(found.len() as u64).await.unwrap() {
        found.push(commit.action);
    }
    found
}

#[tokio::test]
async fn the_second_run_with_the_same_file_finds_it_done() {
    let lake = half().await;
    let other = lake.alias();
    lake.faults.meanwhile(move || async move { _ = run(&other, with("more")).await.unwrap() });
    let report = run(&lake, with("more")).await.unwrap();
    assert_eq!((report.summary.evolved, report.summary.objects), (None, 0));
    assert_eq!(actions(&lake).await.iter().filter(|action| **action == Action::Evolve).count(), 1);
    assert!(lake.verify(true).await.is_clean());
}

#[tokio::test]
async fn of_two_files_the_first_counts_and_the_second_is_refused() {
    let lake = half().await;
    let other = lake.alias();
    lake.faults.meanwhile(move || async move { _ = run(&other, with("one")).await.unwrap() });
    let error = run(&lake, with("other")).await.unwrap_err();
    assert!(error.kind() == Kind::Usage && error.message().contains("column one is missing"), "{error:?}");
    let schema = snapshot(&lake.lake).await.unwrap().schema().unwrap();
    assert_eq!(schema.columns.last().unwrap().name, "one");
}

/// A run that reads by a schema that is gone when it commits: nothing of its work counts, and the next one goes on.
#[tokio::test]
async fn a_run_whose_schema_changes_meanwhile_is_tried_again() {
    let lake = half().await;
    let other = lake.alias();
    lake.faults.meanwhile(move || async move {
        let job = CompactJob { schema: with("more"), settle: TimeDelta::days(999), ..other.job() };
        let summary = job.run().await.unwrap().summary;
        assert!(summary.evolved.is_some() && summary.objects == 0);
    });
    let error = run(&lake, None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TryAgain, "{error:?}");
    assert!(error.message().contains("another run changed the schema of") && error.hint_text().is_some(), "{error:?}");
    assert!(run(&lake, None).await.unwrap().summary.objects > 0);
    assert!(lake.verify(true).await.is_clean());
}

//! One run of two batches fails at operation n, for each n: before it takes effect, or after, with the answer lost; once, or
//! for good. Then a run without faults: every record is there once.

use super::small;
use crate::support::check::{check, snapshot};
use crate::support::faulty::{Fault, Lasts, When};
use crate::support::lake::{Lake, made};
use crate::support::truth::Truth;
use crate::support::visible::nothing_half_visible;
use firelake::compact::BatchLimits;
use firelake::error::{Kind, Result};
use firelake::jobs::compact::CompactReport;
use firelake::jobs::generate::Object;
use firelake::table::FileSet;

/// Fewer operations than a run of two batches can do with.
const AT_LEAST: usize = 30;

async fn every_operation(when: When, lasts: Lasts) {
    let (objects, truth) = (made(&small()), Truth::of(&small()));
    assert!(truth.partitions().len() == 2 && truth.broken() > 2 && truth.events.iter().any(|event| event.late));
    for at in 0.. {
        if !survives(&objects, &truth, Fault { at, when, lasts }).await {
            assert!(at > AT_LEAST, "only {at} operations");
            return;
        }
    }
}

/// Runs with the fault and then without; false where the run had ended before the fault.
async fn survives(objects: &[Object], truth: &Truth, fault: Fault) -> bool {
    let mut lake = Lake::new("combined_apache");
    lake.batch = BatchLimits { objects: objects.len().div_ceil(2), ..BatchLimits::default() };
    lake.land(objects).await;
    lake.faults.arm(fault);
    let outcome = lake.compact().await;
    let failed = lake.faults.disarm();
    let told = format!("{fault:?}: {failed:?}");
    expected(&lake, &outcome, truth, &told).await;
    nothing_half_visible(&lake.lake).await;

    let again = lake.compact().await.unwrap_or_else(|error| panic!("{told}, then {error:?}"));
    assert!(
        again.waiting.is_empty() && again.unpublished.is_none() && again.summary.published,
        "{told}, then {again:?}"
    );
    check(&lake.lake, &lake.landing, truth).await;
    let more = lake.compact().await.unwrap_or_else(|error| panic!("{told}, then {error:?}"));
    assert_eq!((more.summary.commits, more.summary.objects), (None, 0), "{told}");
    !failed.is_empty()
}

/// A run may fail by its store and no otherwise; what it reports is true.
async fn expected(lake: &Lake, outcome: &Result<CompactReport>, truth: &Truth, told: &str) {
    match outcome {
        Err(error) => assert!(matches!(error.kind(), Kind::Storage | Kind::TryAgain), "{told}: {error:?}"),
        Ok(report) => {
            let state = snapshot(&lake.lake).await.unwrap_or_else(|| panic!("{told}: no table"));
            let live: u64 = state.live(FileSet::Data).map(|(_, file)| file.rows).sum();
            assert_eq!((live, state.waiting.len()), (report.summary.rows_written, report.waiting.len()), "{told}");
            if report.waiting.is_empty() && report.summary.published {
                check(&lake.lake, &lake.landing, truth).await;
            }
            if let Some(error) = &report.unpublished {
                assert!(matches!(error.kind(), Kind::Storage | Kind::TryAgain), "{told}: {error:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operation_does_not_happen() {
    every_operation(When::Before, Lasts::Once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_is_lost() {
    every_operation(When::After, Lasts::Once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_write_is_said_to_exist_and_does_not() {
    every_operation(When::Conflict, Lasts::Once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_one_on_every_write_is_said_to_exist_and_does_not() {
    every_operation(When::Conflict, Lasts::ForGood).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_dies_before_an_operation() {
    every_operation(When::Before, Lasts::ForGood).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_dies_after_an_operation() {
    every_operation(When::After, Lasts::ForGood).await;
}

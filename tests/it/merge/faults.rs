//! A merge fails at operation n, for each n: before it takes effect, or after, with the answer lost; once, or for good. A
//! reader sees what was there or what is there, and a run without faults ends with one file a partition.

use super::{files, merge, merge_job, small, unmerged};
use crate::support::check::{check, snapshot};
use crate::support::faulty::{Fault, Lasts, When};
use crate::support::lake::made;
use crate::support::truth::Truth;
use crate::support::visible::nothing_half_visible;
use firelake::error::Kind;
use firelake::jobs::generate::Object;

/// Fewer operations than a merge of two partitions can do with.
const AT_LEAST: usize = 20;

async fn every_operation(when: When, lasts: Lasts) {
    let (objects, truth) = (made(&small()), Truth::of(&small()));
    for at in 0.. {
        if !survives(&objects, &truth, Fault { at, when, lasts }).await {
            assert!(at > AT_LEAST, "only {at} operations");
            return;
        }
    }
}

/// Merges with the fault and then without; false where the run had ended before the fault.
async fn survives(objects: &[Object], truth: &Truth, fault: Fault) -> bool {
    let lake = unmerged(objects, 2).await;
    lake.faults.arm(fault);
    let outcome = merge_job(&lake).run().await;
    let failed = lake.faults.disarm();
    let told = format!("{fault:?}: {failed:?}");
    let errors = match outcome {
        Ok(report) => report.failed,
        Err(error) => vec![error],
    };
    for error in &errors {
        assert!(matches!(error.kind(), Kind::Storage | Kind::TryAgain), "{told}: {error:?}");
    }
    nothing_half_visible(&lake.lake).await;
    if errors.is_empty() {
        check(&lake.lake, &lake.landing, truth).await;
    }
    merge(&lake).await;
    check(&lake.lake, &lake.landing, truth).await;
    let state = snapshot(&lake.lake).await.unwrap();
    assert!(files(&state).values().all(|files| *files == 1), "{told}: {:?}", files(&state));
    assert_eq!(merge(&lake).await.summary.commits, None, "{told}");
    !failed.is_empty()
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
async fn the_process_dies_before_an_operation() {
    every_operation(When::Before, Lasts::ForGood).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_dies_after_an_operation() {
    every_operation(When::After, Lasts::ForGood).await;
}

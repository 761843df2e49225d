//! Each job with a fault at each operation; then the same job without faults, run to its end.

use super::{Two, hours, two};
use crate::support::check::holds;
use crate::support::faulty::{Fault, Lasts, When};
use crate::support::lake::Lake;
use crate::support::truth::Truth;
use crate::support::visible::nothing_half_visible;
use chrono::TimeDelta;
use firelake::error::{Error, Kind, Result};
use firelake::ledger::AsOf;

/// What a run told of publishing, if it ended well.
type Ran = Result<Option<Error>>;

async fn every_operation(
    begin: impl AsyncFn(&Lake),
    job: impl AsyncFn(&Lake) -> Ran,
    truth: impl Fn(&Two) -> Truth,
    least: usize,
) {
    let faults = [
        (When::After, Lasts::Once),
        (When::Before, Lasts::ForGood),
        (When::After, Lasts::ForGood),
        (When::Conflict, Lasts::Once),
    ];
    let made = two().await;
    begin(&made.lake).await;
    for (when, lasts) in faults {
        for at in 0.. {
            let lake = &made.lake.fork();
            lake.faults.arm(Fault { at, when, lasts });
            let outcome = job(lake).await;
            let failed = lake.faults.disarm();
            let told = format!("{at} {when:?} {lasts:?}: {failed:?}");
            if let Err(error) | Ok(Some(error)) = &outcome {
                let known = [Kind::Storage, Kind::TryAgain, Kind::Unreadable];
                assert!(!failed.is_empty() && known.contains(&error.kind()), "{told}: {error:?}");
            }
            nothing_half_visible(&lake.lake).await;
            let again = job(lake).await.unwrap_or_else(|error| panic!("{told}, then {error:?}"));
            assert!(again.is_none(), "{told}, then {again:?}");
            holds(&lake.lake, &lake.landing, &truth(&made)).await;
            nothing_half_visible(&lake.lake).await;
            if failed.is_empty() {
                assert!(at > least, "only {at} operations");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_rollback() {
    let job = async |lake: &Lake| Ok(lake.change(true).rollback(AsOf::Commit(1)).await?.unpublished);
    every_operation(async |_| (), job, |made| made.truths[0].clone(), 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_rollback_that_brings_back() {
    let begin = async |lake: &Lake| _ = lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    let job = async |lake: &Lake| Ok(lake.change(true).rollback(AsOf::Commit(2)).await?.unpublished);
    every_operation(begin, job, |made| made.truths[1].clone(), 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_resume_and_the_run_after_it() {
    let begin = async |lake: &Lake| _ = lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    let job = async |lake: &Lake| {
        let resumed = lake.change(true).resume().await?;
        let compacted = lake.compact().await?;
        let waits = compacted.waiting.first().map(|waiting| Error::unreadable(waiting.reason.clone()));
        Ok(resumed.unpublished.and(compacted.unpublished).or(waits))
    };
    every_operation(begin, job, |made| made.truths[1].clone(), 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_rebuild() {
    let job = async |lake: &Lake| Ok(lake.change(true).rebuild(&hours("19T00", "21T00")).await?.unpublished);
    every_operation(async |_| (), job, |made| made.truths[1].clone(), 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_expire() {
    let job = async |lake: &Lake| Ok(lake.change(true).expire(TimeDelta::days(2)).await?.unpublished);
    every_operation(async |_| (), job, |made| made.truths[1].since_day("2026-11-20"), 10).await;
}

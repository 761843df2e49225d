//! Checkpoints: a fault at each operation of writing one, a run that writes one, and what loading costs with them.

use super::small;
use crate::support::check::{check, snapshot};
use crate::support::faulty::{Fault, Lasts, When};
use crate::support::lake::{Lake, made, now};
use crate::support::truth::Truth;
use firelake::compact::BatchLimits;
use firelake::error::Kind;
use firelake::jobs::generate::GenerateOptions;
use firelake::ledger::{Action, Appended, Commit, Ledger, Snapshot};

fn ledger(lake: &Lake) -> Ledger {
    Ledger::new(&lake.lake.join("logs/access"))
}

/// So many commits more, of nothing.
async fn commits(ledger: &Ledger, mut state: Snapshot, count: usize) -> Snapshot {
    for _ in 0..count {
        let appended = ledger.append(&mut state, Commit::new(Action::Add, now(), "a test")).await.unwrap();
        assert!(matches!(appended, Appended::Committed(_)), "{appended:?}");
    }
    state
}

/// Whatever is left of a checkpoint, the state is what it was, and the next checkpoint is whole.
#[tokio::test]
async fn writing_one_may_fail_anywhere() {
    let (objects, truth) = (made(&small()), Truth::of(&small()));
    for (when, lasts) in [(When::Before, Lasts::ForGood), (When::After, Lasts::ForGood), (When::After, Lasts::Once)] {
        for at in 0.. {
            let lake = Lake::new("combined_apache");
            lake.land(&objects).await;
            lake.compact().await.unwrap();
            let (ledger, mut state) = (ledger(&lake), snapshot(&lake.lake).await.unwrap());
            lake.faults.arm(Fault { at, when, lasts });
            let written = ledger.checkpoint(&mut state).await;
            let failed = lake.faults.disarm();
            assert_eq!(written.is_err(), !failed.is_empty(), "{failed:?}");
            assert_eq!(snapshot(&lake.lake).await.unwrap(), state, "{failed:?}");
            ledger.checkpoint(&mut state).await.unwrap();
            assert_eq!(snapshot(&lake.lake).await.unwrap(), state, "{failed:?}");
            check(&lake.lake, &lake.landing, &truth).await;
            assert_eq!(lake.compact().await.unwrap().summary.commits, None, "{failed:?}");
            if failed.is_empty() {
                assert!(at > 2, "only {at} operations");
                break;
            }
        }
    }
}

/// With a fault at each operation of loading: an error of the store, or the state; never another state.
#[tokio::test]
async fn reading_one_may_fail_anywhere() {
    let lake = Lake::new("combined_apache");
    lake.land(&made(&small())).await;
    lake.compact().await.unwrap();
    let ledger = ledger(&lake);
    let mut state = snapshot(&lake.lake).await.unwrap();
    ledger.checkpoint(&mut state).await.unwrap();
    let state = commits(&ledger, state, 2).await;
    for (at, when) in (0..).flat_map(|at| [(at, When::Before), (at, When::After)]) {
        lake.faults.arm(Fault { at, when, lasts: Lasts::Once });
        let loaded = ledger.load().await;
        let failed = lake.faults.disarm();
        match loaded {
            Err(error) => assert_eq!(error.kind(), Kind::Storage, "{failed:?}: {error:?}"),
            Ok(loaded) => assert_eq!(loaded.as_ref(), Some(&state), "{failed:?}"),
        }
        if failed.is_empty() {
            return assert!(at > 6, "only {at} operations");
        }
    }
}

/// A run of more than a hundred commits leaves a checkpoint; the next runs load it, and each record is there once.
#[tokio::test]
async fn a_run_writes_one_and_the_next_ones_go_on_from_it() {
    let options = GenerateOptions { rate: 0.1, buffer_seconds: 20, ..small() };
    let (mut lake, objects, truth) = (Lake::new("combined_apache"), made(&options), Truth::of(&options));
    lake.batch = BatchLimits { objects: 1, ..BatchLimits::default() };
    let (first, later) = objects.split_at(110);
    lake.land(first).await;
    let report = lake.compact().await.unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let state = snapshot(&lake.lake).await.unwrap();
    assert!(state.head >= 110 && !state.checkpoint_is_due(), "{}", state.head);
    lake.land(later).await;
    lake.land(first).await;
    assert_eq!(lake.compact().await.unwrap().summary.objects, later.len() as u64);
    assert_eq!(lake.compact().await.unwrap().summary.commits, None);
    check(&lake.lake, &lake.landing, &truth).await;
}

/// I8: a run on a table of six times the commits asks the store for no more.
#[tokio::test]
async fn a_run_costs_the_same_on_an_old_table() {
    let mut costs = Vec::new();
    for hundreds in [1, 6] {
        let lake = Lake::new("combined_apache");
        lake.land(&made(&small())).await;
        lake.compact().await.unwrap();
        let (ledger, mut state) = (ledger(&lake), snapshot(&lake.lake).await.unwrap());
        for _ in 0..hundreds {
            state = commits(&ledger, state, 100).await;
            ledger.checkpoint(&mut state).await.unwrap();
        }
        commits(&ledger, state, 20).await;
        lake.faults.disarm();
        let before = lake.faults.calls();
        lake.compact().await.unwrap();
        costs.push(lake.faults.calls() - before);
    }
    assert!(costs[0] == costs[1] && costs[0] < 60, "{costs:?}");
}

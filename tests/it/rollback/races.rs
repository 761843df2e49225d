//! Each conflict rule that concerns these jobs: another commit wins the number between plan and commit.

use super::{Two, commit, head, hours, ledger, merge, two};
use crate::support::check::{holds, snapshot};
use crate::support::lake::{Lake, now};
use chrono::TimeDelta;
use firelake::error::Kind;
use firelake::ledger::{Action, Appended, AsOf, Commit, Ledger, PinnedSchema};

/// One more object, of no truth's: one row.
async fn one_more(lake: &Lake) {
    let record = r#"{"host":"10.0.0.1","datetime":"20/Nov/2026:00:10:00 +0000","response":"200"}"#;
    lake.put("landing/2026/11/20/00/one-more", record).await;
}

async fn rows(lake: &Lake) -> u64 {
    lake.ask("SELECT count(*) FROM access").await[0][0].as_ref().unwrap().parse().unwrap()
}

async fn actions(lake: &Lake, from: u64) -> Vec<Action> {
    let mut actions = Vec::new();
    for number in from..=head(lake).await {
        actions.push(commit(lake, number).await.action);
    }
    actions
}

/// Appends a commit to whatever is there.
async fn append(ledger: Ledger, commit: Commit) {
    let mut state = ledger.load().await.unwrap().unwrap();
    assert!(matches!(ledger.append(&mut state, commit).await.unwrap(), Appended::Committed(_)));
}

/// A rollback takes out what came while it was planned, too.
#[tokio::test]
async fn a_rollback_meets_an_add() {
    let Two { lake, halves, truths } = two().await;
    one_more(&lake).await;
    let job = lake.job();
    lake.faults.meanwhile(move || async move { _ = job.run().await.unwrap() });
    let done = lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    assert_eq!((done.commit, done.plan.head, done.plan.objects_out), (Some(4), 3, halves[1].len() as u64 + 1));
    holds(&lake.lake, &lake.landing, &truths[0]).await;
}

#[tokio::test]
async fn a_rollback_meets_a_rollback() {
    let Two { lake, truths, .. } = two().await;
    let job = lake.change(true);
    lake.faults.meanwhile(move || async move { _ = job.rollback(AsOf::Commit(0)).await.unwrap() });
    let done = lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    assert_eq!((done.commit, done.plan.hold), (Some(4), Some(3)));
    holds(&lake.lake, &lake.landing, &truths[0]).await;
}

/// What a run has read is dropped, and it says that the table is on hold.
#[tokio::test]
async fn an_add_meets_a_rollback() {
    let Two { lake, truths, .. } = two().await;
    one_more(&lake).await;
    let job = lake.change(true);
    lake.faults.meanwhile(move || async move { _ = job.rollback(AsOf::Commit(1)).await.unwrap() });
    let report = lake.compact().await.unwrap();
    assert_eq!((report.summary.commits, report.summary.hold), (None, Some(3)));
    holds(&lake.lake, &lake.landing, &truths[0]).await;
    lake.change(true).resume().await.unwrap();
    lake.compact().await.unwrap();
    assert_eq!(rows(&lake).await, truths[1].whole().count() as u64 + 1);
    assert!(lake.verify(true).await.is_clean());
}

#[tokio::test]
async fn an_add_meets_a_rollback_that_was_resumed() {
    let Two { lake, truths, .. } = two().await;
    one_more(&lake).await;
    let (back, resume) = (lake.change(true), lake.change(true));
    lake.faults.meanwhile(move || async move {
        back.rollback(AsOf::Commit(1)).await.unwrap();
        resume.resume().await.unwrap();
    });
    let report = lake.compact().await.unwrap();
    assert_eq!((report.summary.objects, report.summary.hold), (1, None));
    lake.compact().await.unwrap();
    assert_eq!(rows(&lake).await, truths[1].whole().count() as u64 + 1);
    assert!(lake.verify(true).await.is_clean());
}

#[tokio::test]
async fn a_rebuild_meets_a_rollback() {
    let Two { lake, halves, truths } = two().await;
    let job = lake.change(true);
    lake.faults.meanwhile(move || async move { _ = job.rollback(AsOf::Commit(1)).await.unwrap() });
    let done = lake.change(true).rebuild(&hours("19T00", "21T00")).await.unwrap();
    assert_eq!((done.commit, done.plan.objects), (Some(4), halves[0].len() as u64));
    holds(&lake.lake, &lake.landing, &truths[0]).await;
}

/// Both stand: they bring other inputs, and replace other files.
#[tokio::test]
async fn a_rebuild_and_an_add_stand_together() {
    let Two { lake, truths, .. } = two().await;
    one_more(&lake).await;
    let job = lake.job();
    lake.faults.meanwhile(move || async move { _ = job.run().await.unwrap() });
    let done = lake.change(true).rebuild(&hours("19T00", "21T00")).await.unwrap();
    assert_eq!((done.commit, actions(&lake, 3).await), (Some(4), vec![Action::Add, Action::Rebuild]));
    assert_eq!(rows(&lake).await, truths[1].whole().count() as u64 + 1);
    assert!(lake.verify(true).await.is_clean());
}

#[tokio::test]
async fn a_rebuild_meets_a_rebuild() {
    let Two { lake, truths, .. } = two().await;
    let job = lake.change(true);
    lake.faults.meanwhile(move || async move { _ = job.rebuild(&hours("19T00", "21T00")).await.unwrap() });
    let done = lake.change(true).rebuild(&hours("19T00", "21T00")).await.unwrap();
    assert_eq!((done.commit, snapshot(&lake.lake).await.unwrap().head), (Some(4), 4));
    assert_ne!(commit(&lake, 3).await.attempt, commit(&lake, 4).await.attempt);
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    assert!(lake.verify(true).await.is_clean());
}

/// A merge's file holds rows of the inputs: it is replaced, too.
#[tokio::test]
async fn a_rebuild_and_an_expire_meet_a_merge() {
    for expires in [false, true] {
        let Two { lake, truths, .. } = two().await;
        let (other, day) = (lake.alias(), if expires { "dt=2026-11-19" } else { "dt=2026-11-20" });
        lake.faults.meanwhile(move || async move { merge(&other, day).await });
        match expires {
            true => assert_eq!(lake.change(true).expire(TimeDelta::days(2)).await.unwrap().commit, Some(4)),
            false => {
                let done = lake.change(true).rebuild(&hours("19T00", "21T00")).await.unwrap();
                assert_eq!(done.commit, Some(4));
            }
        }
        let truth = if expires { truths[1].since_day("2026-11-20") } else { truths[1].clone() };
        holds(&lake.lake, &lake.landing, &truth).await;
        assert!(lake.verify(true).await.is_clean());
    }
}

/// What was expired meanwhile is not brought back.
#[tokio::test]
async fn a_rebuild_meets_an_expire() {
    let Two { lake, truths, .. } = two().await;
    let (ledger, bound) = (ledger(&lake), now() - TimeDelta::days(2));
    // it takes out no file that the rebuild replaces: the bound alone is news
    let commit = Commit { expired_before: Some(bound), ..Commit::new(Action::Expire, now(), "a test") };
    lake.faults.meanwhile(move || append(ledger, commit));
    let done = lake.change(true).rebuild(&hours("19T00", "21T00")).await.unwrap();
    assert!(done.commit == Some(4) && done.plan.rebuilt.unwrap().expired > 0);
    holds(&lake.lake, &lake.landing, &truths[1].since_day("2026-11-20")).await;
}

#[tokio::test]
async fn a_rollback_meets_a_condemn_of_what_it_brings_back() {
    let Two { lake, truths, .. } = two().await;
    lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    let path = super::commit(&lake, 2).await.add[0].path.clone();
    let condemned = vec![format!("{}/", path.rsplit_once('/').unwrap().0)];
    let commit = Commit { condemned, ..Commit::new(Action::Condemn, now(), "a test") };
    let ledger = ledger(&lake);
    lake.faults.meanwhile(move || append(ledger, commit));
    let error = lake.change(true).rollback(AsOf::Commit(2)).await.unwrap_err();
    assert_eq!((error.kind(), head(&lake).await), (Kind::Usage, 4));
    assert!(error.message().contains(&format!("its file {path} was condemned by commit 4")), "{error}");
    holds(&lake.lake, &lake.landing, &truths[0]).await;
}

#[tokio::test]
async fn a_resume_meets_a_later_rollback() {
    let Two { lake, truths, .. } = two().await;
    lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    let job = lake.change(true);
    lake.faults.meanwhile(move || async move { _ = job.rollback(AsOf::Commit(0)).await.unwrap() });
    let done = lake.change(true).resume().await.unwrap();
    assert_eq!((done.commit, commit(&lake, 5).await.resumes), (Some(5), Some(4)));
    lake.compact().await.unwrap();
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    assert!(lake.verify(true).await.is_clean());
}

/// What was read with the schema of before is read again with the new one.
#[tokio::test]
async fn a_rebuild_meets_another_schema() {
    let Two { lake, truths, .. } = two().await;
    let pins = snapshot(&lake.lake).await.unwrap().pins;
    let schema =
        Some(PinnedSchema { name: pins.schema_name, text: format!("{}\n# again\n", pins.schema), changes: vec![] });
    let commit = Commit { schema, ..Commit::new(Action::Evolve, now(), "a test") };
    let ledger = ledger(&lake);
    lake.faults.meanwhile(move || append(ledger, commit));
    let done = lake.change(true).rebuild(&hours("19T00", "21T00")).await.unwrap();
    assert_eq!((done.commit, actions(&lake, 3).await), (Some(4), vec![Action::Evolve, Action::Rebuild]));
    holds(&lake.lake, &lake.landing, &truths[1]).await;
}

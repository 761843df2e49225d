//! Commits that are whole and should not be: what no checksum finds.

use super::{commit, finds, lake};
use crate::support::lake::{Lake, now};
use firelake::jobs::verify::{Check, Verdict};
use firelake::ledger::{Action, Commit, Ledger, PinnedSchema};
use firelake::table::shipped_schema;
use uuid::Uuid;

/// Commit 1 of the lake, as the next one: changed by `forge`, its files copied to where it says that they are.
async fn forged(lake: &Lake, forge: impl Fn(&mut Commit)) {
    let first = Ledger::new(&lake.lake.join("logs/access")).commit(1).await.unwrap().unwrap();
    let mut next = Commit { number: 3, id: Uuid::nil(), ..first.clone() };
    forge(&mut next);
    for (from, to) in first.add.iter().zip(&next.add) {
        lake.put(&format!("lake/logs/access/{}", to.path), lake.get(&format!("lake/logs/access/{}", from.path)).await)
            .await;
    }
    lake.put(&commit(3), next.to_bytes().unwrap()).await;
}

fn elsewhere(commit: &mut Commit) {
    let (old, new) = (commit.attempt.unwrap().to_string(), Uuid::nil());
    commit.attempt = Some(new);
    commit.add.iter_mut().for_each(|file| file.path = file.path.replace(&old, &new.to_string()));
}

#[tokio::test]
async fn an_input_that_is_brought_twice() {
    let (lake, objects) = lake().await;
    forged(&lake, elsewhere).await;
    let report = lake.verify(true).await;
    for object in objects.iter().step_by(2) {
        let told = format!("it brings {}/{} a second time, after commit 1", lake.landing.url(), object.key);
        finds(&report, Verdict::Failed, Check::Ledger, &commit(3), &told);
    }
    assert_eq!(report.commits, 4);
}

#[tokio::test]
async fn a_file_that_is_live_twice() {
    let (lake, _) = lake().await;
    let renamed = |commit: &mut Commit| commit.inputs.iter_mut().for_each(|input| input.url += "x");
    forged(&lake, renamed).await;
    let report = lake.verify(false).await;
    finds(&report, Verdict::Failed, Check::Ledger, &commit(3), "a second time, after commit 1");
    finds(&report, Verdict::Failed, Check::Ledger, "commits 0 to 3", "all compacted objects together gave");
}

#[tokio::test]
async fn a_file_that_is_removed_and_never_was() {
    let (lake, _) = lake().await;
    let removes = |commit: &mut Commit| {
        elsewhere(commit);
        commit.inputs.iter_mut().for_each(|input| input.url += "x");
        commit.remove = vec!["data/nowhere.parquet".into()];
    };
    forged(&lake, removes).await;
    let told = "it removes data/nowhere.parquet, which is not live";
    finds(&lake.verify(false).await, Verdict::Failed, Check::Ledger, &commit(3), told);
}

#[tokio::test]
async fn a_schema_that_the_table_could_not_get() {
    let (lake, _) = lake().await;
    let text = shipped_schema("combined_apache").unwrap().replace("\"bigint\"", "\"int\"");
    let schema = Some(PinnedSchema { name: "combined_apache".into(), text, changes: vec![] });
    let commit_3 = Commit { number: 3, schema, ..Commit::new(Action::Evolve, now(), "a test") };
    lake.put(&commit(3), commit_3.to_bytes().unwrap()).await;
    let told = "the table could not get its schema: bytes is bigint and cannot become int";
    finds(&lake.verify(false).await, Verdict::Failed, Check::Ledger, &commit(3), told);
}

/// Rows that no input gave.
#[tokio::test]
async fn files_of_inputs_that_do_not_give_them() {
    let (lake, objects) = lake().await;
    let swapped = |commit: &mut Commit| {
        elsewhere(commit);
        for (at, input) in commit.inputs.iter_mut().enumerate() {
            input.url = format!("memory:///landing/2026/11/20/00/copy-{at}");
        }
    };
    // other objects, of the same sizes, with the first one's content in the place of each
    forged(&lake, swapped).await;
    let first: Vec<_> = objects.iter().step_by(2).collect();
    for (at, object) in first.iter().enumerate() {
        lake.put(&format!("landing/2026/11/20/00/copy-{at}"), object.body.clone()).await;
    }
    let report = lake.verify(true).await;
    assert!(
        !report.findings.iter().any(|finding| finding.check == Check::Content
            && finding.verdict == Verdict::Failed
            && finding.told.contains("records")),
        "the records are as many: {:#?}",
        report.findings
    );
    let rejected =
        report.findings.iter().filter(|finding| finding.check == Check::Content && finding.at.contains("rejected/"));
    assert!(rejected.count() > 0, "rejected records name their object: {:#?}", report.findings);
}

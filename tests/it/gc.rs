//! gc on lakes that compact made. What may go wrong at each step is tested beside the job, in `src/jobs/gc/tests.rs`.

mod cli;

use crate::support::check::{check, snapshot};
use crate::support::faulty::{Fault, Lasts, When};
use crate::support::lake::{Lake, made, now};
use crate::support::truth::Truth;
use chrono::TimeDelta;
use firelake::jobs::gc::{Fate, GcJob, GcReport, LEAST_GRACE, Why};
use firelake::jobs::generate::{GenerateOptions, Object};
use firelake::jobs::verify::Verdict;
use firelake::ledger::{Action, Commit, Ledger};
use std::collections::BTreeSet;

const TABLE: &str = "lake/logs/access";

fn options() -> GenerateOptions {
    GenerateOptions {
        start: "2026-11-19T23:30:00Z".parse().unwrap(),
        hours: 1,
        rate: 0.02,
        late: 0.2,
        broken: 0.1,
        buffer_seconds: 600,
        ..GenerateOptions::default()
    }
}

/// Three commits, hour by hour, that share partitions, and between them a run that died before its commit. Gives the files of
/// that run.
async fn lake() -> (Lake, Truth, Vec<String>) {
    let (mut lake, objects, truth) = (Lake::new("combined_apache"), made(&options()), Truth::of(&options()));
    lake.merge = false;
    lake.clock.set(now());
    let mut orphans = Vec::new();
    for third in 0..3 {
        let some: Vec<Object> = objects.iter().skip(third).step_by(3).cloned().collect();
        lake.land(&some).await;
        if third == 1 {
            orphans = dies_before_its_commit(&lake).await;
        }
        lake.compact().await.unwrap();
        lake.clock.advance(TimeDelta::hours(1));
    }
    (lake, truth, orphans)
}

async fn dies_before_its_commit(lake: &Lake) -> Vec<String> {
    let before: BTreeSet<String> = lake.paths(TABLE).await.into_iter().collect();
    for at in 10.. {
        lake.faults.arm(Fault { at, when: When::Before, lasts: Lasts::ForGood });
        let died = lake.compact().await.is_err();
        let last = lake.faults.disarm().first().cloned().unwrap_or_default();
        let new: Vec<String> = lake.paths(TABLE).await.into_iter().filter(|path| !before.contains(path)).collect();
        assert!(died && !new.iter().any(|path| path.contains("_ledger")), "it committed, after {last}");
        if last.starts_with("put") && last.contains("_ledger/000") {
            return new;
        }
    }
    unreachable!()
}

async fn gc(lake: &Lake, yes: bool) -> GcReport {
    let job = lake.job();
    let (lake, table, catalog, writer) = (job.lake, job.table, job.catalog, job.writer);
    let job = GcJob { lake, table, catalog, writer, grace: LEAST_GRACE, yes, now: now() };
    job.run().await.unwrap()
}

#[tokio::test]
async fn every_record_is_still_there_once_and_nothing_else() {
    let (lake, truth, orphans) = lake().await;
    assert!(orphans.len() >= 2, "{orphans:?}");
    lake.clock.advance(LEAST_GRACE + TimeDelta::seconds(1));

    let ledger = Ledger::new(&lake.lake.join("logs/access"));
    let mark = Commit::new(Action::Mark, now(), "a test"); // a dry run counts ages to the newest commit
    ledger.append(&mut snapshot(&lake.lake).await.unwrap(), mark).await.unwrap();
    let before: BTreeSet<String> = lake.paths("").await.into_iter().collect();
    let told = gc(&lake, false).await;
    assert_eq!(lake.paths("").await.into_iter().collect::<BTreeSet<_>>(), before, "a dry run");
    assert!(told.dry_run && told.garbage.iter().any(|judged| judged.fate == Fate::Condemn), "{told:?}");

    let condemned = gc(&lake, true).await;
    let whys: BTreeSet<Why> = condemned.garbage.iter().map(|judged| judged.why).collect();
    assert_eq!(whys, BTreeSet::from([Why::DeadAttempt, Why::OldCopy]), "{condemned:?}");
    assert_eq!(condemned.files_deleted, 0);
    assert_eq!(lake.status(now()).await.folders_condemned, condemned.garbage.len() as u64);
    assert!(lake.paths("").await.into_iter().collect::<BTreeSet<_>>().is_superset(&before));
    check_rows(&lake, &truth).await;

    lake.clock.advance(LEAST_GRACE + TimeDelta::seconds(1));
    let deleted = gc(&lake, true).await;
    assert_eq!(deleted.files_deleted, condemned.garbage.iter().map(|judged| judged.files).sum::<u64>());
    assert!(deleted.failure.is_none() && deleted.bytes_deleted > 0, "{deleted:?}");
    let after: BTreeSet<String> = lake.paths("").await.into_iter().collect();
    let gone: BTreeSet<&String> = before.difference(&after).collect();
    assert!(orphans.iter().all(|orphan| gone.contains(orphan)), "{gone:?}");
    assert!(
        gone.iter()
            .all(|path| path.starts_with(&format!("{TABLE}/data/")) || path.starts_with(&format!("{TABLE}/rejected/")))
    );
    assert_eq!(gone.len() as u64, deleted.files_deleted);
    check_rows(&lake, &truth).await;
    lake.is_clean().await;

    gc(&lake, true).await; // forgets what is gone
    let head = snapshot(&lake.lake).await.unwrap();
    assert!(head.condemned.is_empty());
    let report = gc(&lake, true).await;
    assert!(report.garbage.is_empty() && report.commit.is_none());
    assert_eq!(snapshot(&lake.lake).await.unwrap().head, head.head);
}

async fn check_rows(lake: &Lake, truth: &Truth) {
    check(&lake.lake, &lake.landing, truth).await;
    let rows = lake.ask("SELECT count(*) FROM access").await[0][0].clone().unwrap();
    assert_eq!(rows, truth.partitions().values().map(Vec::len).sum::<usize>().to_string());
}

#[tokio::test]
async fn verify_tells_orphans_and_what_is_foreign_and_calls_neither_damage() {
    let (lake, _, orphans) = lake().await;
    lake.put(&format!("{TABLE}/data/notes.txt"), "mine").await;
    let report = lake.verify(false).await;
    assert!(report.is_clean() && report.count(Verdict::Note) == 2, "{:?}", report.findings);
    let (orphan, foreign) = (&report.findings[0], &report.findings[1]);
    assert!(orphan.told.starts_with(&format!("{} files", orphans.len())), "{orphan}");
    assert!(orphan.hint.contains("firelake gc") && foreign.at.ends_with("data/notes.txt"), "{orphan} {foreign}");
}

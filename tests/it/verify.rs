//! `verify`: each kind of damage in turn is found, and named; a clean lake is clean. `status` and `history` on the same lake.

mod checkpoints;
mod damage;
mod forged;
mod history;
mod landed;
mod status;

use crate::support::lake::{Lake, made};
use firelake::jobs::generate::{GenerateOptions, Object};
use firelake::jobs::verify::{Check, Verdict, VerifyReport};

/// An hour around midnight in few objects, with late and broken records.
fn small() -> GenerateOptions {
    GenerateOptions {
        start: "2026-11-19T23:30:00Z".parse().unwrap(),
        hours: 1,
        rate: 0.05,
        late: 0.2,
        broken: 0.1,
        buffer_seconds: 900,
        ..GenerateOptions::default()
    }
}

/// Commits 1 and 2, each of every second object: both touch the same partitions, so that there are published copies.
async fn lake() -> (Lake, Vec<Object>) {
    let (mut lake, objects) = (Lake::new("combined_apache"), made(&small()));
    lake.merge = false;
    for half in [0, 1] {
        let some: Vec<Object> = objects.iter().skip(half).step_by(2).cloned().collect();
        lake.land(&some).await;
        assert_eq!(lake.compact().await.unwrap().summary.commits, Some([half as u64 + 1; 2]));
    }
    lake.is_clean().await;
    (lake, objects)
}

const LEDGER: &str = "lake/logs/access/_ledger";

fn commit(number: u64) -> String {
    format!("{LEDGER}/{}", firelake::ledger::Commit::file_name(number))
}

/// The path of a file of a commit's attempt: of the rows, not of a published copy.
async fn data_file(lake: &Lake) -> String {
    let paths = lake.paths("lake/logs/access/data").await;
    paths.into_iter().find(|path| !path.contains("/data/p")).unwrap()
}

/// Each finding that is more than a note: where and what.
fn bad(report: &VerifyReport) -> Vec<String> {
    let bad = report.findings.iter().filter(|finding| finding.verdict != Verdict::Note);
    bad.map(|finding| format!("{:?} {finding}", finding.check)).collect()
}

/// Checks that a finding of this kind names `at` and says `told`, with something to do.
#[track_caller]
fn finds(report: &VerifyReport, verdict: Verdict, check: Check, at: &str, told: &str) {
    let found = report.findings.iter().any(|finding| {
        finding.verdict == verdict
            && finding.check == check
            && finding.at.contains(at)
            && finding.told.contains(told)
            && !finding.hint.is_empty()
    });
    assert!(found, "{verdict:?} {check:?} {at:?} {told:?} is not among {:#?}", report.findings);
    assert!(verdict == Verdict::Note || !report.is_clean());
}

//! Merging beside others.

use super::{merge, merge_job, small, unmerged};
use crate::support::block_on;
use crate::support::check::{check, snapshot};
use crate::support::lake::{Lake, made};
use crate::support::process::{Sandbox, finish};
use crate::support::truth::Truth;
use firelake::jobs::generate::{GenerateOptions, generate};
use firelake::ledger::Ledger;

/// Three that merge the same files and one that compacts new objects, at once: whoever loses a number goes on or plans again.
#[tokio::test(flavor = "multi_thread")]
async fn a_compactor_and_several_who_merge() {
    let (objects, truth) = (made(&small()), Truth::of(&small()));
    let (first, later) = objects.split_at(objects.len() / 2);
    for _ in 0..5 {
        let lake = unmerged(first, 3).await;
        lake.land(later).await;
        let [a, b, c] = [0; 3].map(|_| merge_job(&lake));
        let (a, b, c, compacted) = tokio::join!(a.run(), b.run(), c.run(), lake.compact());
        for report in [a, b, c] {
            let report = report.unwrap();
            assert!(report.failed.is_empty(), "{report:?}");
        }
        assert_eq!(compacted.unwrap().summary.objects, later.len() as u64);
        check(&lake.lake, &lake.landing, &truth).await;
        merge(&lake).await;
        check(&lake.lake, &lake.landing, &truth).await;
        lake.is_clean().await;
    }
}

/// A winner that only adds is no conflict: the merge takes the next number with the files that it has.
#[tokio::test]
async fn an_add_that_wins_does_not_cost_a_second_merge() {
    let (objects, truth) = (made(&small()), Truth::of(&small()));
    let lake = unmerged(&objects[..objects.len() - 1], 2).await;
    let base = snapshot(&lake.lake).await.unwrap();
    lake.land(&objects).await;
    lake.compact().await.unwrap();
    let (table, mut stale) = (lake.lake.join("logs/access"), base.clone());
    let ledger = Ledger::new(&table);
    let job = merge_job(&lake);
    let run = firelake::compact::MergeRun {
        table: &table,
        ledger: &ledger,
        work: job.work,
        limits: job.limits,
        shard: None,
        now: job.now,
        writer: "a test",
    };
    let mut merged = Default::default();
    let attempts = |paths: Vec<String>| {
        let folders = paths.into_iter().filter_map(|path| Some(path.split('/').nth(4)?.to_owned()));
        folders.collect::<std::collections::BTreeSet<_>>().len()
    };
    let before = attempts(lake.paths("lake/logs/access/data").await);
    run.merge(&mut stale, &mut merged).await.unwrap();
    assert_eq!(merged.commits, [base.head + 2]);
    assert_eq!(attempts(lake.paths("lake/logs/access/data").await), before + 1);
    merge(&lake).await;
    check(&lake.lake, &lake.landing, &truth).await;
}

#[test]
fn processes_that_compact_merge_and_publish_at_once() {
    let options = GenerateOptions { rate: 0.2, buffer_seconds: 60, ..small() };
    let sandbox = Sandbox::new();
    block_on(generate(&options, &sandbox.location("landing"))).unwrap();
    let line = "compact --lake lake --landing landing --schema combined_apache --table access --threads 1";
    let merging = "merge --lake lake --table access";
    sandbox.ok(line);
    let lines = [line, merging, line, merging, merging];
    let processes: Vec<_> = lines.iter().map(|line| (line, sandbox.start(line))).collect();
    for (line, process) in processes {
        let outcome = finish(line, process);
        assert!([0, 75].contains(&outcome.code), "{outcome:#?}");
    }
    sandbox.ok(line);
    block_on(check(&sandbox.location("lake"), &sandbox.location("landing"), &Truth::of(&options)));
}

/// A merge is no way around a hold, and no harm in one: it brings no object in.
#[tokio::test]
async fn a_lake_in_which_nothing_is_due_is_left_as_it_is() {
    let lake = Lake::new("combined_apache");
    lake.land(&made(&small())).await;
    lake.compact().await.unwrap();
    let before = lake.paths("lake").await;
    assert_eq!(merge(&lake).await.summary.commits, None);
    assert_eq!(lake.paths("lake").await, before);
}

//! A disk that is full, folders that may not be written or read, objects that vanish, a clock that goes back: nothing is lost,
//! and the message says what to do.

use super::small;
use crate::support::check::check;
use crate::support::lake::{Lake, made, now};
use crate::support::numbered::{Numbered, SCHEMA_FILE};
use crate::support::process::Sandbox;
use crate::support::truth::Truth;
use chrono::{TimeDelta, Utc};
use firelake::catalog::FileCatalog;
use firelake::jobs::compact::{CompactJob, Watch};
use firelake::jobs::generate::generate;
use firelake::storage::Location;
use futures::FutureExt;
use object_store::ObjectStoreExt;
use std::sync::Arc;

fn line() -> String {
    format!("compact --lake lake --landing landing --schema {SCHEMA_FILE} --table t")
}

/// A run that may write no file of more than so many blocks stands for a full disk: what does not fit fails where it is written.
#[test]
fn a_disk_that_gets_full_anywhere() {
    // many objects of few records: the commit is larger than the files
    let (sandbox, records) = (Sandbox::new(), Numbered::new(0, 60, 4, 10));
    records.write(&sandbox, "landing");
    let mut failed = Vec::new();
    for blocks in (0..200).step_by(3) {
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let outcome = sandbox.run_under(&["sh", "-c", &limit], &line());
        if outcome.code == 0 {
            break;
        }
        failed.push(outcome.fails(1, &["File too large", "ulimit -f"]).stderr);
    }
    for place in ["_ledger/00000000000000000000.json", ".parquet", "_ledger/00000000000000000001.json"] {
        let told = format!("error: cannot write {}", if place.starts_with('_') { "commit " } else { "file:" });
        let here = |stderr: &&String| stderr.starts_with(&told) && stderr.contains(place);
        assert!(failed.iter().any(|stderr| here(&stderr)), "never full at {place}: {failed:#?}");
    }
    sandbox.ok(&line()).says(&["nothing new to compact"]);
    records.check_table(&sandbox, "lake", "t");
    let left: Vec<_> = sandbox.files("lake").into_iter().filter(|path| path.to_string_lossy().contains('#')).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The signal that a process gets there ends it, as a kill does.
#[test]
fn a_run_that_the_limit_kills() {
    let (sandbox, records) = (Sandbox::new(), Numbered::new(0, 3, 4, 10));
    records.write(&sandbox, "landing");
    for blocks in [1, 6, 9] {
        let mut run = sandbox.start_under(&["sh", "-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")], &line());
        run.wait().unwrap();
    }
    sandbox.ok(&line());
    records.check_table(&sandbox, "lake", "t");
}

#[test]
fn a_lake_that_may_not_be_written() {
    let sandbox = Sandbox::new();
    let mut all = Numbered::new(0, 3, 8, 10);
    all.write(&sandbox, "landing");
    sandbox.permit("lake", 0o555);
    let told = ["Permission denied", "check who owns it"];
    sandbox.run_bound(&line()).fails(1, &[&["cannot write commit"], &told[..]].concat());
    sandbox.permit("lake", 0o755);
    sandbox.ok(&line());

    for (first, place) in [(3, "data"), (5, "_ledger")] {
        let more = Numbered::new(first, 2, 8, 10);
        more.write(&sandbox, "landing");
        all.add(more);
        sandbox.permit(&format!("lake/logs/t/{place}"), 0o555);
        let committed = sandbox.commits("lake", "t");
        sandbox.run_bound(&line()).fails(1, &[&["cannot write", place], &told[..]].concat());
        assert_eq!(sandbox.commits("lake", "t"), committed);
        sandbox.permit(&format!("lake/logs/t/{place}"), 0o755);
        sandbox.ok(&line());
        all.check_table(&sandbox, "lake", "t");
    }

    let more = Numbered::new(7, 2, 8, 10);
    more.write(&sandbox, "landing");
    all.add(more);
    sandbox.permit("lake/_catalog/logs/t", 0o555);
    let pending = ["logs.t is committed, publishing is pending", "cannot write the catalog entry"];
    sandbox.run_bound(&line()).exits(1).says(&[&pending[..], &told[..]].concat());
    sandbox.permit("lake/_catalog/logs/t", 0o755);
    sandbox.ok(&line()).says(&["nothing new to compact", "the catalog was behind"]);
    all.check_table(&sandbox, "lake", "t");
}

#[test]
fn what_landed_and_may_not_be_read() {
    let (sandbox, all) = (Sandbox::new(), Numbered::new(0, 4, 8, 10));
    all.write(&sandbox, "landing");
    let object = format!("landing/{}", all.objects[2].0);
    sandbox.permit(&object, 0o000);
    let waits =
        ["1 object could not be read and wait for a later run", "it may not be read (permission denied)", &object];
    sandbox.run_bound(&line()).exits(1).says(&waits);
    sandbox.run_bound(&line()).exits(1).says(&["nothing new to compact"]).says(&waits);
    assert_eq!(sandbox.commits("lake", "t"), 2, "another commit for the same reason");
    sandbox.permit("landing/2026/11/20", 0o000);
    sandbox.run_bound(&line()).fails(1, &["cannot list the landing prefix", "a listing must be complete"]);
    sandbox.permit("landing/2026/11/20", 0o755);
    sandbox.permit(&object, 0o644);
    sandbox.ok(&line()).says(&["1 object ("]);
    all.check_table(&sandbox, "lake", "t");
}

/// Does what `meanwhile` does once all is listed and nothing is read.
fn after_listing(job: CompactJob, meanwhile: impl Fn() + Send + Sync + 'static) -> CompactJob {
    CompactJob { watch: Watch { planned: Arc::new(move |_, _| meanwhile()), ..Watch::default() }, ..job }
}

/// An object that is gone waits, and its end is told once; should it come back, it is taken.
async fn vanishes(job: impl Fn() -> CompactJob, url: String, remove: impl Fn() + Send + Sync + 'static, landed: usize) {
    let report = after_listing(job(), remove).run().await.unwrap();
    let waiting: Vec<_> = report.waiting.iter().map(|one| (one.url.clone(), one.reason.clone())).collect();
    assert_eq!((waiting, report.summary.objects), (vec![(url.clone(), "it is gone".into())], landed as u64 - 1));
    let report = job().run().await.unwrap();
    assert_eq!((report.gone, report.waiting.len(), report.summary.objects), (vec![url], 0, 0));
    let report = job().run().await.unwrap();
    assert_eq!((report.gone.len(), report.summary.commits), (0, None));
}

#[tokio::test]
async fn an_object_that_vanishes_after_the_listing() {
    let (lake, objects, truth) = (Lake::new("combined_apache"), made(&small()), Truth::of(&small()));
    lake.land(&objects).await;
    let (landing, path) = (lake.landing.clone(), lake.landing.path(&objects[1].key));
    let url = landing.url_of(&path);
    let remove = move || landing.store().delete(&path).now_or_never().unwrap().unwrap();
    vanishes(|| lake.job(), url, remove, objects.len()).await;
    lake.land(&objects).await;
    assert_eq!(lake.compact().await.unwrap().summary.objects, 1);
    check(&lake.lake, &lake.landing, &truth).await;
}

#[tokio::test]
async fn a_file_that_vanishes_after_the_listing() {
    let (sandbox, truth) = (Sandbox::new(), Truth::of(&small()));
    let (lake, landing) = (sandbox.location("lake"), sandbox.location("landing"));
    generate(&small(), &landing).await.unwrap();
    let files = sandbox.files("landing");
    let (file, aside) = (files[1].clone(), sandbox.path("aside"));
    let url = format!("file://{}", file.display());
    let back = (aside.clone(), file.clone());
    vanishes(|| local(&lake, &landing), url, move || std::fs::rename(&file, &aside).unwrap(), files.len()).await;
    std::fs::rename(back.0, back.1).unwrap();
    assert_eq!(local(&lake, &landing).run().await.unwrap().summary.objects, 1);
    check(&lake, &landing, &truth).await;
}

fn local(lake: &Location, landing: &Location) -> CompactJob {
    let catalog = Arc::new(FileCatalog::new(lake));
    CompactJob { lake: lake.clone(), landing: vec![landing.clone()], catalog, ..Lake::new("combined_apache").job() }
}

/// Nothing is decided by the clock but what is left for later.
#[tokio::test]
async fn a_clock_that_goes_back_and_forth() {
    let (lake, objects, truth) = (Lake::new("combined_apache"), made(&small()), Truth::of(&small()));
    let days = [0, -400, 400];
    let parts: Vec<_> = objects.chunks(objects.len().div_ceil(days.len())).collect();
    assert_eq!(parts.len(), days.len());
    for (part, days) in parts.iter().zip(days) {
        lake.land(part).await;
        let report = CompactJob { now: now() + TimeDelta::days(days), ..lake.job() }.run().await.unwrap();
        assert_eq!((report.summary.objects, report.summary.published), (part.len() as u64, true), "{days} days");
    }
    check(&lake.lake, &lake.landing, &truth).await;
    lake.is_clean().await;
}

/// Objects that are younger than the clock are left for a later run, and said to be.
#[tokio::test]
async fn a_clock_that_is_behind_the_store_s() {
    let (lake, objects, truth) = (Lake::new("combined_apache"), made(&small()), Truth::of(&small()));
    lake.land(&objects).await;
    let settling =
        |days| CompactJob { settle: TimeDelta::hours(1), now: Utc::now() + TimeDelta::days(days), ..lake.job() };
    let report = settling(-400).run().await.unwrap();
    assert_eq!((report.summary.objects, report.summary.objects_settling), (0, objects.len() as u64));
    let report = settling(1).run().await.unwrap();
    assert_eq!((report.summary.objects, report.summary.objects_settling), (objects.len() as u64, 0));
    check(&lake.lake, &lake.landing, &truth).await;
}

//! gc on lakes in memory whose store has a clock of the test's, for each catalog: the steps in time, and what may go wrong.

#[path = "../../../tests/it/support/clocked.rs"]
mod clocked;
#[path = "../../../tests/it/support/faulty.rs"]
#[allow(dead_code, reason = "integration tests use more of it")]
mod faulty;

use super::*;
use crate::catalog::suite::{self, Loose, Make, Rig, commit};
use crate::catalog::{Applied, CatalogTable, Changes, FileCatalog, PartitionChange, PartitionEntry, files_at};
use crate::ledger::DataFile;
use crate::sabotage::{Broken, take_out};
use crate::table::Partition;
use clocked::{Clock, Clocked};
use faulty::{Fault, Faults, Faulty, Lasts, When};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::collections::BTreeSet;
use std::sync::Mutex;
use uuid::Uuid;

const CATALOGS: [Make; 2] =
    [|lake, _| Arc::new(FileCatalog::new(lake)), |_, faults| Arc::new(Loose::new(faults.clone()))];
const GRACE: TimeDelta = TimeDelta::hours(4);

/// A lake, its store's clock, and what can go wrong with its store.
struct Lab {
    rig: Rig,
    clock: Clock,
    faults: Faults,
    catalog: Arc<dyn Catalog>,
}

impl Lab {
    async fn new(make: Make, keyed: bool) -> Lab {
        let (clock, faults) = (Clock::default(), Faults::default());
        clock.set("2026-11-20T00:00:00Z".parse().unwrap());
        let clocked = Clocked { inner: Arc::new(InMemory::new()), clock: clock.clone() };
        let store = Arc::new(Faulty { inner: Arc::new(clocked), faults: faults.clone() });
        let lake = Location::in_store(store, "memory:///", "lake");
        let rig = Rig::at(lake, suite::Faults::default(), make, keyed).await;
        Lab { catalog: rig.catalog.clone(), rig, clock, faults }
    }

    /// Hour 0: dt=1, dt=2 and rejected records. Hour 1: more of dt=1, published as a copy. Hour 2: dt=1 is replaced by one file.
    /// Each commit leaves a beaten attempt beside it.
    async fn with_garbage(make: Make, keyed: bool) -> Lab {
        let mut lab = Lab::new(make, keyed).await;
        for tokens in ["+1 +2 +r1", "+1", "-1 +1"] {
            lab.rig.commit(tokens).await;
            lab.rig.publish_all().await;
            lab.clock.advance(TimeDelta::hours(1));
        }
        lab.clock.advance(TimeDelta::hours(-1));
        lab
    }

    fn job(&self, yes: bool) -> GcJob {
        GcJob {
            lake: self.rig.lake.clone(),
            table: TableId::new("logs", "access").unwrap(),
            catalog: self.catalog.clone(),
            grace: GRACE,
            yes,
            now: DateTime::UNIX_EPOCH,
            writer: "test".into(),
        }
    }

    /// Runs, and checks that readers of the ledger and of the catalog find what they must.
    async fn gc(&mut self) -> GcReport {
        let report = self.job(true).run().await.unwrap();
        assert!(report.failure.is_none(), "{report:?}");
        self.whole().await;
        self.rig.check_current().await;
        report
    }

    /// Every live file is there, and each partition of the catalog is as some commit left it.
    async fn whole(&mut self) {
        self.rig.catch_up().await;
        let objects = self.rig.objects().await;
        for path in self.rig.live().await {
            assert!(objects.contains_key(&format!("lake/logs/access/{path}")), "{path} is live, and gone");
        }
        self.rig.check().await;
    }

    async fn garbage(&self) -> Vec<String> {
        let snapshot = self.rig.history.last().unwrap();
        let inventory = list(&self.rig.table, &snapshot.schema().unwrap().partitions).await.unwrap();
        let named: Vec<String> = self.locations().await;
        let used = |folder: &str| {
            snapshot.files.keys().any(|path| path.starts_with(folder)) || named.iter().any(|at| at.ends_with(folder))
        };
        inventory.folders.keys().filter(|folder| !used(folder)).cloned().collect()
    }

    async fn locations(&self) -> Vec<String> {
        let mut locations: Vec<String> = self.rig.locations().await.into_values().collect();
        let table = self.rig.catalog.table("logs", "access").await.unwrap();
        locations.extend(table.filter(|table| table.partition_keys.is_empty()).map(|table| table.location));
        locations
    }

    /// Every file that a query reads which asks the catalog now.
    async fn query(&self) -> BTreeSet<Path> {
        let mut files = BTreeSet::new();
        for location in self.locations().await {
            files.extend(files_at(&self.rig.lake, &location).await.unwrap().into_iter().map(|file| file.location));
        }
        files
    }

    async fn all_there(&self, files: &BTreeSet<Path>) -> bool {
        let objects = self.rig.objects().await;
        files.iter().all(|file| objects.contains_key(file.as_ref()))
    }

    /// Grace after grace until nothing is left to do.
    async fn finishes(&mut self) {
        for _ in 0..3 {
            self.clock.advance(GRACE + TimeDelta::seconds(1));
            self.gc().await;
        }
        assert_eq!(self.garbage().await, Vec::<String>::new());
        let head = self.rig.head();
        let report = self.gc().await;
        assert!(report.garbage.is_empty() && report.forgotten.is_empty(), "{report:?}");
        assert_eq!(self.rig.head(), head, "nothing to judge, nothing to commit");
        assert!(self.rig.history.last().unwrap().condemned.is_empty());
    }
}

fn fates(report: &GcReport) -> [usize; 3] {
    [Fate::Condemn, Fate::Keep, Fate::Delete]
        .map(|fate| report.garbage.iter().filter(|judged| judged.fate == fate).count())
}

#[tokio::test]
async fn in_two_steps_a_grace_apart_and_to_the_second() {
    for make in CATALOGS {
        let mut lab = Lab::with_garbage(make, true).await;
        let garbage = lab.garbage().await.len();
        assert!(garbage > 4, "{:?}", lab.garbage().await);
        let reads = lab.query().await;

        let report = lab.gc().await; // hour 2: all of it is too young
        assert_eq!((fates(&report)[0], report.commit), (0, None), "{report:?}");

        lab.clock.advance(TimeDelta::hours(4)); // hour 6: what was dead at hour 1 only
        let report = lab.gc().await;
        let condemned = |report: &GcReport| {
            let condemned = report.garbage.iter().filter(|judged| judged.fate == Fate::Condemn);
            condemned.map(|judged| judged.why).collect::<BTreeSet<_>>()
        };
        assert_eq!(condemned(&report), BTreeSet::from([Why::DeadAttempt]), "{report:?}");

        lab.clock.advance(TimeDelta::seconds(1)); // the rest
        let report = lab.gc().await;
        assert!(condemned(&report).is_superset(&BTreeSet::from([Why::DeadFolder, Why::OldCopy])), "{report:?}");
        assert_eq!(report.files_deleted, 0);

        lab.clock.advance(TimeDelta::hours(4) - TimeDelta::seconds(1)); // 4 h after the first of them: not yet
        assert_eq!(lab.gc().await.files_deleted, 0);
        lab.clock.advance(TimeDelta::seconds(1));
        let first = lab.gc().await.files_deleted;
        assert!(first > 0 && lab.all_there(&reads).await);
        lab.clock.advance(TimeDelta::seconds(1));
        assert!(lab.gc().await.files_deleted > 0);
        assert_eq!(lab.garbage().await, Vec::<String>::new());
        lab.finishes().await;
    }
}

#[tokio::test]
async fn a_table_without_keys() {
    for make in CATALOGS {
        let mut lab = Lab::with_garbage(make, false).await;
        assert!(lab.garbage().await.len() > 3, "{:?}", lab.garbage().await);
        lab.finishes().await;
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    for make in CATALOGS {
        let mut lab = Lab::with_garbage(make, true).await;
        lab.clock.advance(TimeDelta::hours(5));
        lab.rig.commit("+3").await; // not published
        for _ in 0..2 {
            let before = (lab.rig.objects().await, lab.locations().await);
            let report = lab.job(false).run().await.unwrap();
            assert!(report.dry_run && fates(&report)[0] > 0, "{report:?}");
            assert_eq!((lab.rig.objects().await, lab.locations().await), before);
            lab.gc().await;
            lab.clock.advance(TimeDelta::hours(5));
            lab.rig.commit("+3").await;
        }
        let report = lab.job(false).run().await.unwrap();
        assert!(fates(&report)[2] > 0 || lab.garbage().await.is_empty(), "{report:?}");
    }
}

/// A query that asked the catalog just before its partition moved finds its files for as long as the grace.
#[tokio::test]
async fn who_asked_the_catalog_before_reads_finishes() {
    for (make, sabotage) in CATALOGS.into_iter().flat_map(|make| [(make, None), (make, Some(Broken::GcOneStep))]) {
        // The commit was so long ago, and publishing it failed until now: the catalog still names what is dead.
        let mut late = Lab::with_garbage(make, true).await;
        late.rig.commit("-1 +1").await;
        late.clock.advance(GRACE + TimeDelta::seconds(1));
        let reads = late.query().await;
        take_out(sabotage);
        let outcome = late.job(true).run().await.unwrap();
        take_out(None);
        assert!(fates(&outcome)[0] > 0);
        match sabotage {
            Some(_) => assert!(!late.all_there(&reads).await, "the test does not see that rule"),
            None => {
                assert!(late.all_there(&reads).await);
                late.clock.advance(GRACE);
                late.gc().await;
                assert!(late.all_there(&reads).await);
                late.clock.advance(TimeDelta::seconds(1));
                assert!(late.gc().await.files_deleted > 0 && !late.all_there(&reads).await);
            }
        }
    }
}

/// What the catalog names stays, also where only somebody else's partition names it, and long after it was condemned.
#[tokio::test]
async fn what_the_catalog_names_stays() {
    for sabotage in [None, Some(Broken::GcWithoutCatalog)] {
        let lab = Lab::with_garbage(CATALOGS[1], true).await;
        let dead = format!("data/{}/dt=1/", lab.rig.attempts[1]);
        let changes = Changes {
            database: "logs".into(),
            table: "access".into(),
            commit: lab.rig.head(),
            token: None,
            decided_at: None,
            definition: None,
            partitions: vec![PartitionChange {
                partition: "dt=backup".into(),
                from: None,
                to: PartitionEntry { location: closed(&lab.rig.table.join(&dead).url()), commit: 1 },
            }],
        };
        assert_eq!(lab.catalog.apply(&changes).await.unwrap(), Applied::Done);
        take_out(sabotage);
        let mut kept = true;
        for _ in 0..3 {
            lab.clock.advance(GRACE + TimeDelta::seconds(1));
            let report = lab.job(true).run().await.unwrap();
            kept &= report.garbage.iter().any(|judged| judged.folder == dead && judged.why == Why::InCatalog);
        }
        take_out(None);
        let there = lab.rig.objects().await.keys().any(|path| path.contains(&dead));
        assert_eq!((kept, there), (sabotage.is_none(), sabotage.is_none()), "{sabotage:?}");
    }
}

#[tokio::test]
async fn what_firelake_did_not_write_is_never_touched() {
    let mut lab = Lab::with_garbage(CATALOGS[0], true).await;
    let orphan = lab.garbage().await.into_iter().find(|folder| !folder.contains("/p")).unwrap();
    let foreign = ["data/notes.txt".to_owned(), format!("{orphan}notes.txt"), "data/tmp/dt=1/part-0.parquet".into()];
    for path in &foreign {
        lab.rig.store.put(&lab.rig.table.path(path), "x".into()).await.unwrap();
    }
    lab.finishes().await;
    let report = lab.gc().await;
    assert_eq!(report.unknown.iter().cloned().collect::<BTreeSet<_>>(), foreign.clone().into());
    assert!(lab.all_there(&foreign.iter().map(|path| lab.rig.table.path(path)).collect()).await);
}

/// Each run fails at operation n, for each n, once or for good, before or after it took effect; then all goes on to the end.
async fn every_operation(when: When, lasts: Lasts) {
    let mut operations = 0;
    for at in 0.. {
        let mut lab = Lab::with_garbage(CATALOGS[0], true).await;
        let mut fired = Vec::new();
        for _ in 0..3 {
            lab.clock.advance(GRACE + TimeDelta::seconds(1));
            lab.faults.arm(Fault { at, when, lasts });
            let outcome = lab.job(true).run().await;
            let failed = lab.faults.disarm();
            let told = |error: &Error| matches!(error.kind(), Kind::Storage | Kind::TryAgain);
            match &outcome {
                Err(error) => assert!(told(error), "{failed:?}: {error:?}"),
                Ok(report) => assert!(report.failure.iter().all(told), "{failed:?}: {report:?}"),
            }
            lab.whole().await;
            operations = operations.max(if failed.is_empty() { operations } else { at + 1 });
            fired.extend(failed);
        }
        lab.finishes().await;
        if fired.is_empty() {
            break;
        }
    }
    assert!(operations > 30, "only {operations} operations");
}

#[tokio::test]
async fn the_process_dies_before_any_operation() {
    every_operation(When::Before, Lasts::ForGood).await;
}

#[tokio::test]
async fn the_process_dies_after_any_operation() {
    every_operation(When::After, Lasts::ForGood).await;
}

#[tokio::test]
async fn any_answer_is_lost() {
    every_operation(When::After, Lasts::Once).await;
}

#[tokio::test]
async fn any_operation_does_not_happen() {
    every_operation(When::Before, Lasts::Once).await;
}

/// A catalog whose calls fail from one on.
struct Failing {
    inner: Arc<dyn Catalog>,
    calls: Mutex<usize>,
}

impl Failing {
    fn call(&self) -> Result<()> {
        let mut calls = self.calls.lock().unwrap();
        *calls = calls.checked_sub(1).ok_or_else(|| Error::storage("the catalog does not answer"))?;
        Ok(())
    }
}

#[async_trait::async_trait]
impl Catalog for Failing {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn settles(&self) -> Option<std::time::Duration> {
        self.inner.settles()
    }

    async fn tables(&self, database: &str) -> Result<BTreeMap<String, CatalogTable>> {
        self.call()?;
        self.inner.tables(database).await
    }

    async fn table(&self, database: &str, table: &str) -> Result<Option<CatalogTable>> {
        self.call()?;
        self.inner.table(database, table).await
    }

    async fn partitions(
        &self,
        database: &str,
        table: &str,
        wanted: Option<&[Partition]>,
    ) -> Result<BTreeMap<Partition, PartitionEntry>> {
        self.call()?;
        self.inner.partitions(database, table, wanted).await
    }

    async fn apply(&self, changes: &Changes) -> Result<Applied> {
        self.call()?;
        self.inner.apply(changes).await
    }
}

#[tokio::test]
async fn a_catalog_that_fails_at_any_call_stops_all() {
    for make in CATALOGS {
        let mut lab = Lab::with_garbage(make, true).await;
        lab.clock.advance(GRACE + TimeDelta::seconds(1));
        lab.gc().await;
        lab.rig.commit("-2 +2").await; // to be published, to be condemned later
        lab.clock.advance(GRACE + TimeDelta::seconds(1)); // there is something to condemn, and something to delete
        let inner = lab.catalog.clone();
        for calls in 0.. {
            let before = lab.rig.objects().await;
            lab.catalog = Arc::new(Failing { inner: inner.clone(), calls: Mutex::new(calls) });
            let outcome = lab.job(true).run().await;
            let commits = lab.rig.catch_up().await;
            if let Ok(report) = outcome {
                assert!(calls > 5 && report.files_deleted > 0 && report.commit.is_some(), "{calls}: {report:?}");
                break;
            }
            assert!(commits.iter().all(|commit| commit.action == Action::Mark), "{commits:?}");
            let after = lab.rig.objects().await;
            assert!(before.keys().all(|path| after.contains_key(path)), "{calls}");
            lab.whole().await;
        }
        lab.catalog = inner;
        lab.finishes().await;
    }
}

fn file(path: String) -> DataFile {
    let partition = "dt=1".into();
    DataFile { path, partition, rows: 0, bytes: 1, inputs: vec![], origin: None, stats: BTreeMap::new() }
}

/// A run wrote its files and was paused for a day.
async fn paused(lab: &Lab) -> (Snapshot, Commit) {
    let (base, attempt) = (lab.rig.history.last().unwrap().clone(), Uuid::now_v7());
    let path = format!("data/{attempt}/dt=1/{attempt}-00000.parquet");
    lab.rig.store.put(&lab.rig.table.path(&path), path.clone().into()).await.unwrap();
    (base, commit(attempt, &[path.as_str()], &[]))
}

#[tokio::test]
async fn a_paused_run_cannot_commit_what_was_condemned_and_plans_again() {
    for deleted in [false, true] {
        let mut lab = Lab::with_garbage(CATALOGS[0], true).await;
        let (mut base, late) = paused(&lab).await;
        for _ in 0..if deleted { 4 } else { 1 } {
            lab.clock.advance(GRACE + TimeDelta::seconds(1));
            lab.gc().await;
        }
        assert_eq!(
            lab.rig.objects().await.keys().any(|path| path.contains(&late.attempt.unwrap().to_string())),
            !deleted
        );
        let appended = lab.rig.ledger.append(&mut base, late).await.unwrap();
        assert!(matches!(appended, Appended::Conflict { .. }), "{appended:?}");
        let (mut base, again) = paused(&lab).await;
        assert!(matches!(lab.rig.ledger.append(&mut base, again).await.unwrap(), Appended::Committed(_)));
        lab.whole().await;
        lab.rig.publish_all().await;
        lab.finishes().await;
    }
}

#[tokio::test]
async fn a_rollback_cannot_bring_back_what_was_condemned() {
    let mut lab = Lab::with_garbage(CATALOGS[0], true).await;
    let (base, dead) = (lab.rig.history.last().unwrap().clone(), lab.rig.history[1].files.clone());
    let back = |state: &Snapshot| Commit {
        to: Some(1),
        add: dead.keys().filter(|path| !state.files.contains_key(*path)).cloned().map(file).collect(),
        ..Commit::new(Action::Rollback, DateTime::UNIX_EPOCH, "test")
    };
    assert!(!back(&base).add.is_empty());
    lab.clock.advance(GRACE + TimeDelta::seconds(1));
    lab.gc().await;
    let appended = lab.rig.ledger.append(&mut base.clone(), back(&base)).await.unwrap();
    assert!(matches!(appended, Appended::Conflict { .. }), "{appended:?}");
    let mut state = lab.rig.history.last().unwrap().clone();
    assert_eq!(lab.rig.ledger.append(&mut state.clone(), back(&state)).await.unwrap_err().kind(), Kind::Ledger);
    // Planned a moment before: then the condemn is what meets it.
    let condemned: Vec<String> = state.condemned.keys().cloned().collect();
    let mut lab = Lab::with_garbage(CATALOGS[0], true).await;
    let path = format!("{}{}-00000.parquet", condemned[0], Uuid::nil());
    let rollback = Commit { add: vec![file(path)], ..back(&base) };
    let mut base = lab.rig.history.last().unwrap().clone();
    state = base.clone();
    assert!(matches!(lab.rig.ledger.append(&mut base, rollback).await.unwrap(), Appended::Committed(_)));
    let condemn = Commit { condemned, ..Commit::new(Action::Condemn, DateTime::UNIX_EPOCH, "test") };
    assert!(matches!(lab.rig.ledger.append(&mut state, condemn).await.unwrap(), Appended::Conflict { .. }));
    lab.rig.catch_up().await;
}

/// Two gcs, and a late run that commits what both are about to condemn, in many orders.
#[tokio::test]
async fn gc_races_gc_and_a_late_commit() {
    let (mut landed, mut beaten) = (0, 0);
    for seed in 1..60 {
        let mut lab = Lab::with_garbage(CATALOGS[seed as usize % 2], true).await;
        let (mut base, late) = paused(&lab).await;
        lab.clock.advance(GRACE + TimeDelta::seconds(1));
        let (one, two) = (lab.job(true), lab.job(true));
        lab.clock.interleave(seed);
        let ledger = lab.rig.ledger.clone();
        let commits = async {
            for _ in 0..seed * 2 % 97 {
                tokio::task::yield_now().await;
            }
            ledger.append(&mut base, late).await.unwrap()
        };
        let (one, two, late) = tokio::join!(one.run(), two.run(), commits);
        lab.clock.interleave(0);
        assert!(one.unwrap().failure.is_none() && two.unwrap().failure.is_none(), "{seed}");
        match late {
            Appended::Committed(_) => landed += 1,
            Appended::Conflict { .. } => beaten += 1,
        }
        lab.whole().await;
        lab.finishes().await;
    }
    assert!(landed > 5 && beaten > 5, "{landed} landed, {beaten} beaten");
}

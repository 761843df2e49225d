//! A lake in memory, its landing zone beside it, and the scheduled run on them.

use super::clocked::{Clock, Clocked};
use super::faulty::{Faults, Faulty};
use super::rows::{Row, rows};
use chrono::{DateTime, TimeDelta, Utc};
use firelake::catalog::FileCatalog;
use firelake::compact::{BatchLimits, MergeLimits, WorkLimits};
use firelake::decode::MAX_RECORD;
use firelake::error::Result;
use firelake::jobs::change::ChangeJob;
use firelake::jobs::compact::{CompactJob, CompactReport};
use firelake::jobs::generate::{GenerateOptions, Object, objects};
use firelake::jobs::history::HistoryJob;
use firelake::jobs::status::{StatusJob, TableStatus};
use firelake::jobs::verify::{VerifyJob, VerifyReport};
use firelake::ledger::AsOf;
use firelake::query::local::{LocalConfig, LocalEngine, Reference};
use firelake::query::{Engine, Library};
use firelake::storage::Location;
use firelake::table::{TableId, TableSchema, shipped_schema};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt};
use std::sync::Arc;

/// The lake `lake/`, fed from `landing/`, both in one store that can fail.
pub struct Lake {
    pub lake: Location,
    pub landing: Location,
    pub faults: Faults,
    pub clock: Clock,
    pub schema: &'static str,
    pub batch: BatchLimits,
    /// Whether runs merge after compacting, as they do by default.
    pub merge: bool,
    inner: Arc<InMemory>,
}

/// The objects that options make.
pub fn made(options: &GenerateOptions) -> Vec<Object> {
    objects(options).unwrap().collect::<Result<_>>().unwrap()
}

/// The clock of every run, so that no test depends on the day.
pub fn now() -> DateTime<Utc> {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

impl Lake {
    pub fn new(schema: &'static str) -> Lake {
        Lake::of(Arc::new(InMemory::new()), schema)
    }

    fn of(inner: Arc<InMemory>, schema: &'static str) -> Lake {
        let (faults, clock) = (Faults::default(), Clock::default());
        let clocked = Clocked { inner: inner.clone(), clock: clock.clone() };
        let store: Arc<dyn ObjectStore> = Arc::new(Faulty { inner: Arc::new(clocked), faults: faults.clone() });
        let place = |prefix| Location::in_store(store.clone(), "memory:///", prefix);
        Lake {
            lake: place("lake"),
            landing: place("landing"),
            faults,
            clock,
            schema,
            batch: BatchLimits::default(),
            merge: true,
            inner,
        }
    }

    /// A copy of it that goes its own way.
    pub fn fork(&self) -> Lake {
        let copy = Lake::of(Arc::new(self.inner.fork()), self.schema);
        Lake { batch: self.batch, merge: self.merge, ..copy }
    }

    /// The same lake, for another task.
    pub fn alias(&self) -> Lake {
        let Lake { lake, landing, faults, clock, inner, .. } = self;
        let (lake, landing, faults, inner) = (lake.clone(), landing.clone(), faults.clone(), inner.clone());
        let (clock, schema, batch, merge) = (clock.clone(), self.schema, self.batch, self.merge);
        Lake { lake, landing, faults, clock, schema, batch, merge, inner }
    }

    /// Puts an object, past the faults.
    pub async fn put(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.inner.put(&Path::from(path), body.into().into()).await.unwrap();
    }

    /// The same, of the time that the store's clock shows.
    pub async fn put_at_clock(&self, path: &str, body: &str) {
        let clocked = Clocked { inner: self.inner.clone(), clock: self.clock.clone() };
        clocked.put(&Path::parse(path).unwrap(), body.to_owned().into()).await.unwrap();
    }

    /// The same with a Content-Encoding.
    pub async fn put_encoded(&self, path: &str, encoding: &'static str, body: Vec<u8>) {
        let attributes = Attributes::from_iter([(Attribute::ContentEncoding, encoding)]);
        self.inner.put_opts(&Path::from(path), body.into(), attributes.into()).await.unwrap();
    }

    pub async fn land(&self, objects: &[Object]) {
        for object in objects {
            self.put(&format!("landing/{}", object.key), object.body.clone()).await;
        }
    }

    /// An object's bytes.
    pub async fn get(&self, path: &str) -> Vec<u8> {
        self.inner.get(&Path::from(path)).await.unwrap().bytes().await.unwrap().to_vec()
    }

    pub async fn delete(&self, path: &str) {
        self.inner.delete(&Path::from(path)).await.unwrap();
    }

    /// The paths of the objects below a folder, in order.
    pub async fn paths(&self, folder: &str) -> Vec<String> {
        let listed: Vec<_> = self.inner.list(Some(&Path::from(folder))).try_collect().await.unwrap();
        let mut paths: Vec<String> = listed.into_iter().map(|object| object.location.to_string()).collect();
        paths.sort();
        paths
    }

    pub async fn verify(&self, deep: bool) -> VerifyReport {
        self.try_verify(deep).await.unwrap()
    }

    pub async fn try_verify(&self, deep: bool) -> Result<VerifyReport> {
        self.verify_job(deep, MAX_RECORD).run().await
    }

    pub async fn verify_with(&self, deep: bool, max_record: usize) -> VerifyReport {
        self.verify_job(deep, max_record).run().await.unwrap()
    }

    fn verify_job(&self, deep: bool, max_record: usize) -> VerifyJob {
        let CompactJob { lake, table, landing, catalog, lookback, stores, .. } = self.job();
        let watch = std::sync::Arc::new(|_: &'static str, _, _| {});
        VerifyJob { lake, table, landing, catalog, lookback, stores, deep, max_record, threads: 2, watch }
    }

    /// Checks that nothing is found, also when all inputs are read again, but for what runs that died or were beaten have written.
    pub async fn is_clean(&self) {
        let report = self.verify(true).await;
        let is_orphan = |told: &str| told.contains("of attempts that no commit names");
        assert!(report.findings.iter().all(|finding| is_orphan(&finding.told)), "{:#?}", report.findings);
        assert!(report.commits > 1 && report.files > 0 && report.compared.unwrap() >= report.rows, "{report:?}");
    }

    pub async fn status(&self, now: DateTime<Utc>) -> TableStatus {
        let CompactJob { lake, table, landing, catalog, lookback, settle, stores, .. } = self.job();
        StatusJob { lake, table, landing, catalog, lookback, settle, stores, now }.run().await.unwrap()
    }

    pub fn history(&self) -> HistoryJob {
        let CompactJob { lake, table, landing, stores, .. } = self.job();
        HistoryJob { lake, table, landing, stores }
    }

    pub fn job(&self) -> CompactJob {
        let schema = TableSchema::parse(self.schema, self.schema, shipped_schema(self.schema).unwrap());
        CompactJob {
            lake: self.lake.clone(),
            table: TableId::new("logs", "access").unwrap(),
            landing: vec![self.landing.clone()],
            schema: Some(schema.unwrap()),
            catalog: Arc::new(FileCatalog::new(&self.lake)),
            settle: TimeDelta::zero(),
            lookback: TimeDelta::hours(72),
            add_landing: false,
            batch: self.batch,
            merge: self.merge.then(MergeLimits::default),
            shard: None,
            work: WorkLimits { threads: 1, ..WorkLimits::default() },
            now: now(),
            writer: "a test".into(),
            watch: Default::default(),
            stores: Default::default(),
        }
    }

    /// A rollback, resume, rebuild or expire: carried out, or only told.
    pub fn change(&self, yes: bool) -> ChangeJob {
        let CompactJob { lake, table, landing, catalog, stores, now, writer, .. } = self.job();
        ChangeJob { lake, table, catalog, landing, stores, now, writer, yes }
    }

    pub async fn compact(&self) -> Result<CompactReport> {
        self.job().run().await
    }

    /// The answer to SQL, or to a named query.
    pub async fn ask(&self, query: &str) -> Vec<Row> {
        self.ask_as_of(query, None).await.unwrap()
    }

    /// The same, of an earlier state.
    pub async fn ask_as_of(&self, query: &str, as_of: Option<AsOf>) -> Result<Vec<Row>> {
        let folder = Location::in_store(self.lake.store().clone(), self.lake.root(), "reference");
        let hosts = Reference { name: "hosts".into(), folder, key: "hosts.csv".into() };
        let config = LocalConfig {
            lake: self.lake.clone(),
            database: "logs".into(),
            references: vec![hosts],
            unpublished: Vec::new(),
            as_of,
            aliases: Default::default(),
            catalog: None,
            stores: Default::default(),
        };
        let bound = Library::default().resolve(query).unwrap().bind(&[], now()).unwrap();
        let answer = LocalEngine::new(config).unwrap().run(&bound).await?;
        let batches: Vec<_> = answer.batches.try_collect().await?;
        Ok(batches.iter().flat_map(rows).collect())
    }
}

//! What processes do: the product's jobs, with the model's store, catalog and clock in their hands.

use super::gate::Gate;
use crate::catalog::{Catalog, Reach, publish};
use crate::compact::{BatchLimits, MergeLimits, WorkLimits};
use crate::error::{Error, Kind, Result};
use crate::jobs::change::{ChangeJob, Changed};
use crate::jobs::compact::CompactJob;
use crate::jobs::gc::{GcJob, LEAST_GRACE};
use crate::jobs::merge::MergeJob;
use crate::jobs::rebuild::Rebuild;
use crate::jobs::redrive::Redrive;
use crate::ledger::{Action, AsOf, Commit, Ledger};
use crate::storage::Location;
use crate::table::{TableId, TableSchema};
use chrono::{DateTime, TimeDelta, Utc};
use object_store::ObjectStore;
use proptest::prelude::*;
use std::fmt;
use std::sync::Arc;

const SCHEMA: &str = r#"
description = "the model's records"
[source]
format = "json"
[[column]]
name = "id"
type = "string"
[[column]]
name = "ts"
type = "timestamp"
event_time = true
"#;

fn limits() -> WorkLimits {
    WorkLimits { threads: 1, memory: 64 << 20, open_files: 16, ..WorkLimits::default() }
}

/// What a process is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Job {
    /// The scheduled run.
    Compact,
    /// The same, with a schema file that has one column more than the table.
    Evolve,
    /// Brings the catalog to say what the ledger says.
    Publish,
    /// Loads the table and stores a checkpoint.
    Checkpoint,
    /// Makes few files of many.
    Merge,
    /// Condemns, and deletes what was condemned long enough ago.
    Gc,
    /// Goes back by so many commits.
    Rollback(u8),
    /// Ends a hold.
    Resume,
    /// Reads again what was delivered in the hour so many hours ago, and in those after it.
    Rebuild(u8),
    /// Opens failed records.
    Redrive,
    /// Takes out the partitions that ended so many hours ago.
    Expire(u8),
    /// Writes commits that change nothing.
    Marks(u8),
    /// Loads the table, and checks that a checkpoint and all commits give the same.
    Load,
}

pub(super) fn jobs() -> BoxedStrategy<Job> {
    prop_oneof![
        10 => Just(Job::Compact),
        2 => Just(Job::Evolve),
        3 => Just(Job::Publish),
        2 => Just(Job::Checkpoint),
        4 => Just(Job::Merge),
        5 => Just(Job::Gc),
        3 => (1..5_u8).prop_map(Job::Rollback),
        3 => Just(Job::Resume),
        3 => (0..30_u8).prop_map(Job::Rebuild),
        3 => Just(Job::Redrive),
        1 => prop_oneof![Just(12_u8), Just(36)].prop_map(Job::Expire),
        1 => prop_oneof![3 => 1..4_u8, 1 => Just(100)].prop_map(Job::Marks),
        1 => Just(Job::Load),
    ]
    .boxed()
}

/// What a process works with.
pub(super) struct Hands {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) gate: Gate,
    pub(super) now: DateTime<Utc>,
}

/// How a process ended.
#[derive(Debug)]
pub(super) enum Ended {
    Well(String),
    Failed(String),
    /// What must never happen: a ledger that firelake itself made unreadable, or an internal error.
    Broken(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Well(told) => f.write_str(told),
            Ended::Failed(told) => write!(f, "failed: {told}"),
            Ended::Broken(told) => write!(f, "broken: {told}"),
        }
    }
}

/// Works to the end.
pub(super) async fn work(job: Job, hands: Hands) -> Ended {
    match hands.run(job).await {
        Ok(told) => Ended::Well(told),
        Err(error) if matches!(error.kind(), Kind::Ledger | Kind::Internal) => Ended::Broken(error.chain().join(": ")),
        Err(error) => Ended::Failed(error.chain().join(": ")),
    }
}

fn told<P>(done: Changed<P>) -> Result<String> {
    match done.unpublished {
        Some(error) => Err(error),
        None => Ok(format!("commit {:?}", done.commit)),
    }
}

impl Hands {
    fn place(&self, prefix: &str) -> Location {
        Location::in_store(self.store.clone(), "memory:///", prefix)
    }

    fn folder(&self) -> Location {
        self.place("lake/logs/t")
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(&self.folder())
    }

    fn table() -> Result<TableId> {
        TableId::new("logs", "t")
    }

    async fn run(&self, job: Job) -> Result<String> {
        match job {
            Job::Compact => self.compact(false).await,
            Job::Evolve => self.compact(true).await,
            Job::Publish => self.publish().await,
            Job::Checkpoint => self.checkpoint().await,
            Job::Merge => self.merge().await,
            Job::Gc => self.gc().await,
            Job::Rollback(commits) => self.rollback(commits).await,
            Job::Resume => told(self.change()?.resume().await?),
            Job::Rebuild(hours) => self.rebuild(hours).await,
            Job::Redrive => self.redrive().await,
            Job::Expire(hours) => told(self.change()?.expire(TimeDelta::hours(hours.into())).await?),
            Job::Marks(count) => self.marks(count).await,
            Job::Load => self.load().await,
        }
    }

    /// The schema that a run is given: none for a table that is there, and to evolve it one column more. Two processes draw
    /// the same one, or another.
    async fn schema(&self, evolve: bool) -> Result<Option<TableSchema>> {
        let parse = |text: &str| TableSchema::parse("model", "the model", text).map(Some);
        match self.ledger().load_lean().await? {
            None => parse(SCHEMA),
            Some(_) if !evolve => Ok(None),
            Some(state) => {
                let column = format!("c{}_{}", state.schema_commit, self.gate.process % 2);
                parse(&format!("{}\n[[column]]\nname = \"{column}\"\ntype = \"string\"\n", state.pins.schema))
            }
        }
    }

    async fn compact(&self, evolve: bool) -> Result<String> {
        let job = CompactJob {
            lake: self.place("lake"),
            table: Self::table()?,
            landing: vec![self.place("landing")],
            schema: self.schema(evolve).await?,
            catalog: self.catalog.clone(),
            settle: TimeDelta::zero(),
            lookback: TimeDelta::hours(24),
            merge: None,
            shard: None,
            add_landing: false,
            batch: BatchLimits { objects: 2, ..BatchLimits::default() },
            work: limits(),
            now: self.now,
            writer: "the model".into(),
            watch: Default::default(),
            stores: Default::default(),
        };
        let report = job.run().await?;
        match report.unpublished {
            Some(error) => Err(error),
            None => Ok(format!("{} objects in commits {:?}", report.summary.objects, report.summary.commits)),
        }
    }

    async fn publish(&self) -> Result<String> {
        let (ledger, folder) = (self.ledger(), self.folder());
        let Some(mut state) = ledger.load().await? else { return Ok("no table".into()) };
        let reach = Reach::Changed;
        let done = publish(&Self::table()?, &folder, &ledger, self.catalog.as_ref(), &mut state, reach).await?;
        Ok(format!("published {}", done.commit))
    }

    /// As the scheduled run does: with the compacted inputs that it needed, and so perhaps none.
    async fn checkpoint(&self) -> Result<String> {
        let Some(mut state) = self.ledger().load_lean().await? else { return Ok("no table".into()) };
        self.gate.pass("think about a checkpoint".into()).await;
        self.ledger().checkpoint(&mut state).await?;
        Ok(format!("checkpoint {}", state.head))
    }

    async fn merge(&self) -> Result<String> {
        let job = MergeJob {
            lake: self.place("lake"),
            table: Self::table()?,
            catalog: self.catalog.clone(),
            limits: MergeLimits::default(),
            work: limits(),
            stores: Default::default(),
            now: self.now,
            writer: "the model".into(),
        };
        let report = job.run().await?;
        match report.failed.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(format!("merged in commits {:?}", report.summary.commits)),
        }
    }

    async fn gc(&self) -> Result<String> {
        let job = GcJob {
            lake: self.place("lake"),
            table: Self::table()?,
            catalog: self.catalog.clone(),
            grace: LEAST_GRACE,
            yes: true,
            now: self.now,
            writer: "the model".into(),
        };
        let report = job.run().await?;
        match report.failure {
            Some(error) => Err(error),
            None => Ok(format!("condemned by {:?}, {} files deleted", report.commit, report.files_deleted)),
        }
    }

    fn change(&self) -> Result<ChangeJob> {
        Ok(ChangeJob {
            lake: self.place("lake"),
            table: Self::table()?,
            catalog: self.catalog.clone(),
            landing: vec![self.place("landing")],
            stores: Default::default(),
            now: self.now,
            writer: "the model".into(),
            yes: true,
        })
    }

    async fn rollback(&self, commits: u8) -> Result<String> {
        let Some(state) = self.ledger().load_lean().await? else { return Ok("no table".into()) };
        let to = state.head.saturating_sub(commits.into());
        told(self.change()?.rollback(AsOf::Commit(to)).await?)
    }

    async fn rebuild(&self, hours: u8) -> Result<String> {
        let from = self.now - TimeDelta::hours(hours.into());
        let delivered = from..self.now + TimeDelta::hours(1);
        told(self.change()?.rebuild(&Rebuild { delivered, work: limits(), watch: Default::default() }).await?)
    }

    async fn redrive(&self) -> Result<String> {
        let done = self.change()?.redrive(&Redrive { from: None, to: None, work: limits() }).await?;
        let plan = format!("{} of {} redriven, ", done.plan.decoded, done.plan.records);
        Ok(plan + &told(done)?)
    }

    async fn marks(&self, count: u8) -> Result<String> {
        let Some(mut state) = self.ledger().load().await? else { return Ok("no table".into()) };
        for _ in 0..count {
            let mark = Commit::new(Action::Mark, self.now, "the model");
            self.ledger().append(&mut state, mark).await?;
        }
        Ok(format!("marked up to {}", state.head))
    }

    async fn load(&self) -> Result<String> {
        let Some(state) = self.ledger().load().await? else { return Ok("no table".into()) };
        if let Some(url) = state.waiting.keys().find(|url| state.compacted.contains(url).unwrap_or(true)) {
            return Err(Error::internal(format!("{url} waits, though it is compacted")));
        }
        let Some(mut lean) = self.ledger().load_lean().await? else { return Ok("no table any more".into()) };
        self.ledger().complete(&mut lean).await?;
        let folded = self.ledger().fold_up_to(state.head).await?;
        match folded == state && (lean.head != state.head || lean == state) {
            true => Ok(format!("loaded {}", state.head)),
            false => Err(Error::internal(format!("a load of commit {} is not the fold of all commits", state.head))),
        }
    }
}

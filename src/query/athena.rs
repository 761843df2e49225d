//! The remote engine: Amazon Athena, with the account's own tables in Glue. `docs/athena.md` describes it.

mod client;
mod csv;
mod fault;
mod literal;
mod remote;
mod results;
mod sql;
mod types;

use super::{Answer, Bound, Cost, Engine};
use crate::error::{Error, Result};
use crate::storage::Stores;
use aws_sdk_athena::types::QueryExecution;
use client::{Asking, Client};
use remote::{Notes, Run};
use results::Finished;
use sql::{Question, Statement};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use remote::Pace;

/// The workgroup that every account has.
pub const DEFAULT_WORKGROUP: &str = "primary";

/// How queries are asked.
#[derive(Debug, Clone)]
pub struct AthenaConfig {
    /// Where unqualified table names are.
    pub database: String,
    /// Athena's workgroup: who pays, and what is allowed.
    pub workgroup: String,
    /// An `s3:` URL for results; the workgroup's own unless told.
    pub output_location: Option<String>,
    /// When a query is given up and cancelled.
    pub timeout: Option<Duration>,
    /// Names that stand for another table of the database: `access` → what `--table` says.
    pub aliases: BTreeMap<String, String>,
    /// Names of reference tables, which may not be published: for a hint.
    pub references: Vec<String>,
    /// Pauses between requests.
    pub pace: Pace,
}

impl AthenaConfig {
    /// Questions to a database, in the workgroup that every account has.
    pub fn new(database: impl Into<String>) -> Self {
        AthenaConfig {
            database: database.into(),
            workgroup: DEFAULT_WORKGROUP.into(),
            output_location: None,
            timeout: None,
            aliases: BTreeMap::new(),
            references: Vec::new(),
            pace: Pace::default(),
        }
    }
}

/// Athena in one account and region. A query whose [`run`](Engine::run) is dropped is cancelled; [`close`](Engine::close)
/// waits until that is done.
pub struct AthenaEngine {
    config: AthenaConfig,
    client: Client,
    stores: Stores,
    keepers: Mutex<Vec<JoinHandle<()>>>,
    notes: Notes,
}

impl AthenaEngine {
    /// Prepares the engine; nothing is asked of AWS before a query is.
    ///
    /// # Errors
    /// Usage where nothing says which region, or for an output location that is no `s3:` URL.
    pub async fn new(config: AthenaConfig, stores: Stores) -> Result<Self> {
        if let Some(location) = config.output_location.as_deref().filter(|location| !location.starts_with("s3://")) {
            return Err(Error::usage(format!("Athena cannot write results to {location}"))
                .hint("write --output-location s3://bucket/folder/"));
        }
        let client = Client::new(stores.aws().await)?;
        Ok(AthenaEngine { config, client, stores, keepers: Mutex::default(), notes: Notes::default() })
    }

    /// Has the query run by a task of its own, which cancels it when nobody waits any more.
    async fn finished(&self, query: &Bound) -> Result<(QueryExecution, Statement)> {
        let AthenaConfig { database, workgroup, output_location, .. } = self.config.clone();
        let run = Run {
            client: self.client.clone(),
            query: query.clone(),
            statement: Statement::of(query, &self.config.database, &self.config.aliases)?,
            asking: Asking { database, workgroup, output_location },
            references: self.config.references.clone(),
            timeout: self.config.timeout,
            pace: self.config.pace,
        };
        let (caller, outcome) = oneshot::channel();
        let keeper = tokio::spawn(run.keep(caller, self.notes.clone()));
        {
            let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
            keepers.retain(|keeper| !keeper.is_finished());
            keepers.push(keeper);
        }
        outcome.await.map_err(|_| Error::internal("the query's keeper has died"))?
    }
}

#[async_trait::async_trait]
impl Engine for AthenaEngine {
    async fn run(&self, query: &Bound) -> Result<Answer> {
        let (execution, statement) = self.finished(query).await?;
        let finished = Finished {
            id: execution.query_execution_id().unwrap_or_default().to_owned(),
            question: statement.question,
            file: file(&execution),
        };
        let (schema, batches) = results::rows(&self.client, &self.stores, &finished).await?;
        Ok(Answer { schema, batches, cost: Some(cost(&execution, statement.question)) })
    }

    async fn close(&self) -> Vec<String> {
        let keepers = std::mem::take(&mut *self.keepers.lock().unwrap_or_else(PoisonError::into_inner));
        for keeper in keepers {
            let _ = keeper.await; // it says all that it has to say by its note
        }
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The result's CSV, where there is one: answers that are text, and managed results, are read by pages.
fn file(execution: &QueryExecution) -> Option<String> {
    let managed = execution.managed_query_results_configuration().is_some_and(|managed| managed.enabled());
    let location = execution.result_configuration()?.output_location()?;
    (!managed && location.ends_with(".csv")).then(|| location.to_owned())
}

/// What the statistics of an execution come to.
fn cost(execution: &QueryExecution, question: Question) -> Cost {
    let statistics = execution.statistics();
    let millis = |millis: Option<i64>| Duration::from_millis(millis.and_then(|ms| ms.try_into().ok()).unwrap_or(0));
    let scanned = statistics.and_then(|s| s.data_scanned_in_bytes()).and_then(|n| n.try_into().ok()).unwrap_or(0);
    let reused =
        statistics.and_then(|s| s.result_reuse_information()).is_some_and(|reuse| reuse.reused_previous_result());
    let is_reserved = statistics.and_then(|s| s.dpu_count()).is_some_and(|count| count > 0.0);
    let is_free = reused || (question != Question::Rows && scanned == 0);
    Cost {
        query_id: execution.query_execution_id().unwrap_or_default().to_owned(),
        queued: millis(statistics.and_then(|s| s.query_queue_time_in_millis())),
        ran: millis(statistics.and_then(|s| s.engine_execution_time_in_millis())),
        scanned,
        dollars: (!is_reserved).then(|| if is_free { 0.0 } else { Cost::of_scan(scanned) }),
        reused,
    }
}

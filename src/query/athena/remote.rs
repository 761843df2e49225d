//! A query's life in Athena: submitted, watched, submitted again, cancelled. Nothing of it outlives whoever waits for it.

use super::client::{Asking, Client, NotStarted};
use super::fault::{self, Failed};
use super::sql::Statement;
use crate::error::{Error, Kind, Result};
use crate::query::Bound;
use aws_sdk_athena::types::{QueryExecution, QueryExecutionState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Times that a query is submitted whose failure is not its own.
const ATTEMPTS: u32 = 3;
/// Polls in a row that may fail.
const BLIND_POLLS: u32 = 5;

/// How long the engine waits between its steps.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Before the first look at a query; each later pause is half as long again.
    pub first_poll: Duration,
    /// The longest pause between looks.
    pub longest_poll: Duration,
    /// Before a query is submitted again; twice as long before the next time.
    pub resubmit: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Pace { first_poll: ms(100), longest_poll: ms(2_000), resubmit: ms(2_000) }
    }
}

/// What became of queries that nobody waited for.
pub(super) type Notes = Arc<Mutex<Vec<String>>>;

/// One query, and all that it takes to run it.
pub(super) struct Run {
    pub(super) client: Client,
    pub(super) query: Bound,
    pub(super) statement: Statement,
    pub(super) asking: Asking,
    pub(super) references: Vec<String>,
    pub(super) timeout: Option<Duration>,
    pub(super) pace: Pace,
}

/// Whoever waits for a query. Gone, the query is cancelled.
type Caller = oneshot::Sender<Result<(QueryExecution, Statement)>>;

enum Watched {
    Ended(QueryExecution),
    Late(QueryExecution),
    Abandoned,
}

impl Run {
    /// Sees the query through, and tells the caller. To be spawned: it goes on where the caller does not.
    pub(super) async fn keep(self, mut caller: Caller, notes: Notes) {
        let outcome = match self.outcome(&mut caller, &notes).await {
            Ok(Some(execution)) => Ok((execution, self.statement)),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let _ = caller.send(outcome); // nobody is left to tell that the query has ended by itself
    }

    /// The successful execution; `None` where the caller has gone, and the query was cancelled.
    async fn outcome(&self, caller: &mut Caller, notes: &Notes) -> Result<Option<QueryExecution>> {
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let mut attempt = 1;
        loop {
            let id = self.start().await?;
            let execution = match self.watch(&id, deadline, caller).await? {
                Watched::Ended(execution) => execution,
                Watched::Late(execution) => {
                    let was_stopped = self.client.stop(&id).await.is_ok();
                    return Err(fault::late(&execution, self.timeout.unwrap_or_default(), was_stopped));
                }
                Watched::Abandoned => {
                    let note = self.cancelled(&id).await;
                    notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
                    return Ok(None);
                }
            };
            match state(&execution) {
                Some(QueryExecutionState::Succeeded) => return Ok(Some(execution)),
                Some(QueryExecutionState::Failed) if fault::is_retryable(&execution) => {
                    if attempt == ATTEMPTS {
                        return Err(fault::exhausted(&execution, attempt));
                    }
                    tokio::select! {
                        () = sleep(jittered(self.pace.resubmit * attempt)) => attempt += 1,
                        () = caller.closed() => return Ok(None),
                    }
                }
                _ => return Err(self.failed().at_end(&execution).await),
            }
        }
    }

    /// Each submission has a token of its own, which its retries share.
    async fn start(&self) -> Result<String> {
        let token = format!("firelake-{}", Uuid::new_v4());
        match self.client.start(&self.statement.sql, &token, &self.asking).await {
            Ok(id) => Ok(id),
            Err(NotStarted::Invalid(message)) => Err(self.failed().to_start(&message).await),
            // every retry had the same token: it is one query, if it is any
            Err(NotStarted::Other(error)) if error.message().starts_with("cannot reach") => {
                Err(error.context("it is not known whether Athena runs the query: its history in the workgroup tells"))
            }
            Err(NotStarted::Other(error)) => Err(error),
        }
    }

    async fn watch(&self, id: &str, deadline: Option<Instant>, caller: &mut Caller) -> Result<Watched> {
        let mut pause = self.pace.first_poll;
        let mut blind = 0;
        loop {
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            tokio::select! {
                () = sleep(jittered(pause).min(left)) => {}
                () = caller.closed() => return Ok(Watched::Abandoned),
            }
            pause = (pause + pause / 2).min(self.pace.longest_poll);
            match self.client.execution(id).await {
                Ok(execution) if has_ended(&execution) => return Ok(Watched::Ended(execution)),
                Ok(execution) if left.is_zero() => return Ok(Watched::Late(execution)),
                Ok(_) => blind = 0,
                Err(error) if error.kind() == Kind::TryAgain && blind < BLIND_POLLS => blind += 1,
                Err(error) => return Err(self.lost(id, error).await),
            }
        }
    }

    /// A query that cannot be watched any more is not left to run.
    async fn lost(&self, id: &str, error: Error) -> Error {
        let end = self.cancelled(id).await;
        error.context(format!("lost sight of the query: {end}"))
    }

    /// Cancels a query and says so.
    async fn cancelled(&self, id: &str) -> String {
        match self.client.stop(id).await {
            Ok(()) => format!("Athena's query {id} was cancelled"),
            Err(error) => format!("Athena's query {id} could not be cancelled, it may still run: {error}"),
        }
    }

    fn failed(&self) -> Failed<'_> {
        Failed {
            client: &self.client,
            query: &self.query,
            statement: &self.statement,
            asking: &self.asking,
            references: &self.references,
        }
    }
}

fn state(execution: &QueryExecution) -> Option<&QueryExecutionState> {
    execution.status().and_then(|status| status.state())
}

/// RUNNING can go back to QUEUED: neither is an end.
fn has_ended(execution: &QueryExecution) -> bool {
    use QueryExecutionState::{Cancelled, Failed, Succeeded};
    matches!(state(execution), Some(Cancelled | Failed | Succeeded))
}

/// Up to a fifth longer, so that many clients do not ask at once.
fn jittered(pause: Duration) -> Duration {
    let share = (Uuid::new_v4().as_u128() % 200) as u32;
    pause + pause * share / 1000
}

//! From Athena's errors to ours: what, where in the user's SQL, and what to do.

use super::client::{Asking, Client};
use super::sql::Statement;
use crate::error::{Error, Kind};
use crate::query::Bound;
use crate::query::place::{Place, told};
use crate::query::suggest::nearest;
use aws_sdk_athena::types::QueryExecution;
use std::time::Duration;

/// What a query is told about when it went wrong.
pub(super) struct Failed<'a> {
    pub(super) client: &'a Client,
    pub(super) query: &'a Bound,
    pub(super) statement: &'a Statement,
    pub(super) asking: &'a Asking,
    /// Names of reference tables, which may not be published.
    pub(super) references: &'a [String],
}

impl Failed<'_> {
    /// A submission that Athena did not take.
    pub(super) async fn to_start(&self, message: &str) -> Error {
        let workgroup = &self.asking.workgroup;
        let (is, output) = (|words: &str| message.contains(words), self.asking.output_location.as_deref());
        if is("WorkGroup") && is("not found") {
            return Error::usage(format!("there is no Athena workgroup {workgroup}"))
                .caused_by(message)
                .hint("pass --workgroup, or write workgroup = \"…\" below [query] in firelake.toml");
        }
        if is("No output location provided") {
            return Error::usage(format!("the workgroup {workgroup} does not say where results go"))
                .caused_by(message)
                .hint("pass --output-location s3://bucket/folder/, or set output_location below [query] in firelake.toml, or a location in the workgroup");
        }
        if is("output bucket") || is("S3 location") || is("outputLocation") {
            return output_fault(output, workgroup).caused_by(message);
        }
        self.of_query(message).await
    }

    /// A query that ended without success.
    pub(super) async fn at_end(&self, execution: &QueryExecution) -> Error {
        let id = execution.query_execution_id().unwrap_or_default();
        let message = message(execution);
        if has_been_cancelled(execution) {
            return self.cancelled(id, &message);
        }
        if is_of_output(&message) {
            let place = execution.result_configuration().and_then(|results| results.output_location());
            return output_fault(place, &self.asking.workgroup).caused_by(message);
        }
        self.of_query(&message).await.caused_by(format!("Athena's query {id} failed"))
    }

    fn cancelled(&self, id: &str, reason: &str) -> Error {
        if reason.contains("ytes scanned limit") {
            let workgroup = &self.asking.workgroup;
            let message =
                format!("the query was stopped: it scans more than the workgroup {workgroup} allows (query {id})");
            return Error::new(Kind::Budget, message)
                .caused_by(reason)
                .hint("filter on the partition key (dt), name fewer columns, or have the workgroup's limit raised");
        }
        let told = Error::query(format!("somebody cancelled the query in Athena (query {id})"))
            .hint("run it again; CloudTrail knows who called StopQueryExecution");
        if reason.is_empty() { told } else { told.caused_by(reason) }
    }

    /// What Athena says of the SQL, with the user's own line.
    async fn of_query(&self, message: &str) -> Error {
        let (what, sent) = without_place(without_advice(message));
        let place = sent.and_then(|place| self.statement.place(self.query, place));
        let error = Error::query(told(self.query, place, &what));
        match self.hint(&what).await {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    async fn hint(&self, what: &str) -> Option<String> {
        if let Some((database, table)) = missing_table(what) {
            return Some(self.tables_hint(&database, &table).await);
        }
        let hints = [
            (
                "SCHEMA_NOT_FOUND",
                "check --database; tables come to Athena by catalog = \"glue\" in firelake.toml, with the next firelake compact",
            ),
            ("FUNCTION_NOT_FOUND", "docs/query-file.md lists the functions that both engines have; Athena has Trino's"),
            ("Access Denied", "docs/aws.md lists the permissions that queries need; Athena reads tables with yours"),
            ("Insufficient permissions", "docs/aws.md lists the permissions that queries need"),
            ("Insufficient Lake Formation permission", "Lake Formation guards this table: have SELECT granted on it"),
        ];
        hints.iter().find(|(words, _)| what.contains(words)).map(|(_, hint)| (*hint).to_owned())
    }

    async fn tables_hint(&self, database: &str, table: &str) -> String {
        if self.references.iter().any(|name| name == table) {
            return format!(
                "{table} is a reference table of firelake.toml that Glue does not have: with catalog = \"glue\", firelake compact publishes it"
            );
        }
        let names = self.client.some_tables(database).await;
        let all = names.join(", ");
        match nearest(table, names.iter().map(String::as_str)) {
            _ if names.is_empty() => {
                "check --database; tables come to Athena by catalog = \"glue\" in firelake.toml, with the next firelake compact".into()
            }
            Some(near) => format!("did you mean {near}? The tables are {all}"),
            None => format!("the tables are {all}; --table NAME puts another in place of access"),
        }
    }
}

/// A query that its time ran out for.
pub(super) fn late(execution: &QueryExecution, timeout: Duration, was_stopped: bool) -> Error {
    let id = execution.query_execution_id().unwrap_or_default();
    let span = humantime::format_duration(timeout);
    let end = if was_stopped { "and was cancelled there" } else { "and could not be cancelled: it may still run" };
    let waits = execution.status().and_then(|status| status.state()).is_some_and(|state| state.as_str() == "QUEUED");
    match waits {
        true => Error::new(Kind::TryAgain, format!("Athena did not begin the query within {span}, {end} (query {id})"))
            .hint("Athena is busy with this account's other queries: try again later, or raise --timeout"),
        false => Error::query(format!("the query ran longer than --timeout allows, {span}, {end} (query {id})"))
            .hint("raise --timeout, or ask for less: filter on the partition key (dt)"),
    }
}

/// A query that failed again and again, for reasons that may not be its own.
pub(super) fn exhausted(execution: &QueryExecution, attempts: u32) -> Error {
    let id = execution.query_execution_id().unwrap_or_default();
    let reason = message(execution);
    let told = format!("Athena failed on the query {attempts} times, the last time as query {id}");
    match reason.contains("exhausted resources") {
        true => Error::query(told).caused_by(reason).hint(LESS),
        false => {
            Error::new(Kind::TryAgain, told).caused_by(reason).hint("this is no fault of the query: run it again later")
        }
    }
}

/// What makes a query smaller.
const LESS: &str = "ask for less: filter on the partition key (dt), or name fewer columns";

/// Whether the same query may succeed when it is submitted again.
pub(super) fn is_retryable(execution: &QueryExecution) -> bool {
    const SYSTEM: i32 = 1;
    let error = execution.status().and_then(|status| status.athena_error());
    let said = error.is_some_and(|error| error.retryable() || error.error_category() == Some(SYSTEM));
    let message = message(execution);
    let known =
        ["INTERNAL_ERROR_QUERY_ENGINE", "exhausted resources at this scale factor", "Rate exceeded", "SlowDown"];
    !is_of_output(&message) && (said || known.iter().any(|words| message.contains(words)))
}

/// What Athena says about a query's end.
fn message(execution: &QueryExecution) -> String {
    let status = execution.status();
    let error = status.and_then(|status| status.athena_error()).and_then(|error| error.error_message());
    let reason = status.and_then(|status| status.state_change_reason());
    reason.or(error).unwrap_or("Athena gives no reason").to_owned()
}

fn has_been_cancelled(execution: &QueryExecution) -> bool {
    execution.status().and_then(|status| status.state()).is_some_and(|state| state.as_str() == "CANCELLED")
}

fn is_of_output(message: &str) -> bool {
    let writes = ["writing output", "Unable to write", "output location", "output bucket"];
    writes.iter().any(|words| message.contains(words))
}

fn output_fault(location: Option<&str>, workgroup: &str) -> Error {
    let location = location.unwrap_or("the workgroup's output location");
    Error::usage(format!("Athena cannot write the result to {location} (workgroup {workgroup})"))
        .hint("the bucket must exist in Athena's region, and you must be allowed to write to it: check --output-location and the workgroup")
}

/// The database and name of a table that is not there.
fn missing_table(what: &str) -> Option<(String, String)> {
    let (_, rest) = what.split_once("Table '")?;
    let (name, rest) = rest.split_once('\'')?;
    if !rest.trim_start().starts_with("does not exist") {
        return None;
    }
    let mut parts = name.rsplit('.');
    let table = parts.next()?.to_owned();
    Some((parts.next()?.to_owned(), table))
}

/// Without what Athena adds to every message.
fn without_advice(message: &str) -> &str {
    let ends = [" This query ran against the ", "\nThis query ran against the ", " Please post the error message"];
    let end = ends.iter().filter_map(|words| message.find(words)).min().unwrap_or(message.len());
    message[..end].trim_end()
}

/// Trino writes `line 3:8: ` before what it says, sometimes behind a code: takes it off.
fn without_place(message: &str) -> (String, Option<Place>) {
    for (at, _) in message.match_indices("line ") {
        if let Some((place, length)) = place_at(&message[at..]) {
            return (format!("{}{}", &message[..at], &message[at + length..]), Some(place));
        }
    }
    (message.to_owned(), None)
}

/// `line 3:8: `, and how long it is.
fn place_at(text: &str) -> Option<(Place, usize)> {
    let rest = text.strip_prefix("line ")?;
    let (place, _) = rest.split_once(": ")?;
    let (line, column) = place.split_once(':')?;
    let place_of = Place { line: line.parse().ok()?, column: column.parse().ok()? };
    Some((place_of, "line ".len() + place.len() + ": ".len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_athena::types::{AthenaError, QueryExecutionState, QueryExecutionStatus};

    fn ended(state: QueryExecutionState, reason: &str, error: Option<AthenaError>) -> QueryExecution {
        let status = QueryExecutionStatus::builder().state(state).state_change_reason(reason).set_athena_error(error);
        QueryExecution::builder().query_execution_id("id").status(status.build()).build()
    }

    #[test]
    fn places_are_taken_off_wherever_they_stand() {
        let place = |line, column| Some(Place { line, column });
        for (message, expected) in [
            ("line 3:8: Column 'x' cannot be resolved", ("Column 'x' cannot be resolved", place(3, 8))),
            ("COLUMN_NOT_FOUND: line 1:22: no", ("COLUMN_NOT_FOUND: no", place(1, 22))),
            ("the line 12 and line 1:2 are fine", ("the line 12 and line 1:2 are fine", None)),
            ("line x:1: no", ("line x:1: no", None)),
        ] {
            let (what, place) = without_place(message);
            assert_eq!((what.as_str(), place), expected);
        }
    }

    #[test]
    fn what_athena_adds_to_everything_is_left_out() {
        let message = "X: y This query ran against the \"logs\" database, unless qualified by the query. Please post the error message on our forum";
        assert_eq!(without_advice(message), "X: y");
    }

    #[test]
    fn a_missing_table_is_recognized() {
        let what = "TABLE_NOT_FOUND: Table 'awsdatacatalog.logs.acces' does not exist";
        assert_eq!(missing_table(what), Some(("logs".into(), "acces".into())));
        assert_eq!(missing_table("Table 'a.b' is odd"), None);
    }

    #[test]
    fn only_what_is_no_fault_of_the_query_is_tried_again() {
        let error = |category, retryable| AthenaError::builder().error_category(category).retryable(retryable).build();
        let failed = QueryExecutionState::Failed;
        for (reason, error, expected) in [
            ("x", Some(error(2, false)), false),
            ("x", Some(error(2, true)), true),
            ("x", Some(error(1, false)), true),
            ("Query exhausted resources at this scale factor", None, true),
            ("Access denied when writing output to url", Some(error(1, true)), false),
        ] {
            assert_eq!(is_retryable(&ended(failed.clone(), reason, error)), expected, "{reason}");
        }
    }

    #[test]
    fn a_query_that_needs_too_much_is_not_for_later() {
        let failed = |reason| exhausted(&ended(QueryExecutionState::Failed, reason, None), 3);
        assert_eq!(failed("Query exhausted resources at this scale factor").kind(), Kind::Query);
        assert_eq!(failed("INTERNAL_ERROR_QUERY_ENGINE").kind(), Kind::TryAgain);
    }

    #[test]
    fn a_query_that_never_began_may_begin_later() {
        let queued = late(&ended(QueryExecutionState::Queued, "", None), Duration::from_secs(5), true);
        assert_eq!(queued.kind(), Kind::TryAgain);
        let running = late(&ended(QueryExecutionState::Running, "", None), Duration::from_millis(90_500), true);
        assert_eq!(running.kind(), Kind::Query);
        assert_eq!(
            running.message(),
            "the query ran longer than --timeout allows, 1m 30s 500ms, and was cancelled there (query id)"
        );
    }
}

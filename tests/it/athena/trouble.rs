//! What the stand-in cannot do: refuse, throttle, fail for no fault of the query, and lose answers.

use super::{ask, engine, quick};
use crate::support::block_on;
use crate::support::http_stub::{Answer, Stub, error, ok};
use firelake::error::{Error, Kind};
use firelake::query::athena::AthenaConfig;
use serde_json::{Value, json};

fn started(id: &str) -> Answer {
    ok(json!({"QueryExecutionId": id}))
}

fn execution(status: Value) -> Answer {
    ok(
        json!({"QueryExecution": {"QueryExecutionId": "id-1", "StatementType": "DML", "WorkGroup": "primary", "Status": status}}),
    )
}

fn succeeded() -> Answer {
    execution(json!({"State": "SUCCEEDED"}))
}

fn failed(reason: &str, error: Value) -> Answer {
    execution(json!({"State": "FAILED", "StateChangeReason": reason, "AthenaError": error}))
}

/// One column `a` of the values.
fn page(values: &[&str], next: Option<&str>) -> Answer {
    let rows: Vec<Value> = values.iter().map(|value| json!({"Data": [{"VarCharValue": value}]})).collect();
    let column = json!({"Name": "a", "Type": "integer", "Precision": 10, "Scale": 0});
    let set = json!({"Rows": rows, "ResultSetMetadata": {"ColumnInfo": [column]}});
    ok(json!({"ResultSet": set, "NextToken": next}))
}

fn script(start: Vec<Answer>, executions: Vec<Answer>) -> [(&'static str, Vec<Answer>); 5] {
    [
        ("StartQueryExecution", start),
        ("GetQueryExecution", executions),
        ("GetQueryResults", vec![page(&["a", "1"], None)]),
        ("StopQueryExecution", vec![ok(json!({}))]),
        ("ListTableMetadata", vec![ok(json!({"TableMetadataList": [{"Name": "access"}]}))]),
    ]
}

fn outcome(stub: &Stub) -> Result<usize, Error> {
    let config = AthenaConfig { pace: quick(), ..AthenaConfig::new("logs") };
    block_on(async {
        let engine = engine(stub.url(), "123456789012", config).await;
        let (rows, _) = ask(&engine, "SELECT 1 AS a").await?;
        Ok(rows.iter().map(|batch| batch.num_rows()).sum())
    })
}

fn fault(stub: &Stub) -> Error {
    outcome(stub).unwrap_err()
}

#[test]
fn a_lost_answer_does_not_run_the_query_twice() {
    let stub = Stub::new(script(vec![Answer::Lost, started("id-1")], vec![succeeded()]));
    assert_eq!(outcome(&stub).unwrap(), 1);
    let starts = stub.asked("StartQueryExecution");
    let token = |at: usize| starts[at].body["ClientRequestToken"].as_str().unwrap().to_owned();
    assert_eq!((starts.len(), token(0)), (2, token(1)));
    assert!((32..=128).contains(&token(0).len()), "{}", token(0));
    assert_eq!(starts[0].body["QueryExecutionContext"], json!({"Catalog": "AwsDataCatalog", "Database": "logs"}));
    assert_eq!(starts[0].body.get("ResultConfiguration"), None);
}

#[test]
fn a_failure_of_athenas_own_is_submitted_again_under_a_new_token() {
    let system =
        json!({"ErrorCategory": 1, "ErrorType": 1, "Retryable": true, "ErrorMessage": "INTERNAL_ERROR_QUERY_ENGINE"});
    let retryable = || failed("INTERNAL_ERROR_QUERY_ENGINE", system.clone());
    let stub = Stub::new(script(vec![started("id-1")], vec![retryable(), succeeded()]));
    assert_eq!(outcome(&stub).unwrap(), 1);
    let starts = stub.asked("StartQueryExecution");
    assert_eq!(starts.len(), 2);
    assert_ne!(starts[0].body["ClientRequestToken"], starts[1].body["ClientRequestToken"]);

    let stub = Stub::new(script(vec![started("id-1")], vec![retryable()]));
    let error = fault(&stub);
    assert_eq!((error.kind(), stub.asked("StartQueryExecution").len()), (Kind::TryAgain, 3));
    assert!(error.message().contains("Athena failed on the query 3 times"), "{error}");
}

#[test]
fn a_failure_of_the_query_is_not_submitted_again() {
    let user = json!({"ErrorCategory": 2, "ErrorType": 1006, "Retryable": false, "ErrorMessage": "x"});
    let reason = "TABLE_NOT_FOUND: line 1:8: Table 'awsdatacatalog.logs.acces' does not exist";
    let stub = Stub::new(script(vec![started("id-1")], vec![failed(reason, user)]));
    let error = fault(&stub);
    assert_eq!((error.kind(), stub.asked("StartQueryExecution").len()), (Kind::Query, 1));
    assert!(error.message().starts_with("the query, line 1, column 8: TABLE_NOT_FOUND: Table"), "{error}");
    assert_eq!(error.hint_text(), Some("did you mean access? The tables are access"));
}

#[test]
fn each_refusal_has_its_own_words() {
    for (answer, kind, message) in [
        (
            error(400, "AccessDeniedException", "no"),
            Kind::Storage,
            "may not athena:StartQueryExecution on workgroup primary",
        ),
        (error(400, "ExpiredTokenException", "old"), Kind::Credentials, "the AWS credentials have expired"),
        (error(400, "TooManyRequestsException", "busy"), Kind::TryAgain, "Athena has no time for this now"),
        (
            error(400, "InvalidRequestException", "line 1:10: mismatched input"),
            Kind::Query,
            "line 1, column 10: mismatched",
        ),
        (
            error(400, "InvalidRequestException", "Unable to verify/create output bucket x"),
            Kind::Usage,
            "Athena cannot write the result to the workgroup's output location",
        ),
    ] {
        let stub = Stub::new(script(vec![answer], vec![succeeded()]));
        let error = fault(&stub);
        assert!(error.kind() == kind && error.message().contains(message), "{error:?}");
    }
}

#[test]
fn a_workgroups_limit_is_a_budget() {
    let cancelled = execution(json!({"State": "CANCELLED", "StateChangeReason": "Bytes scanned limit was exceeded"}));
    let error = fault(&Stub::new(script(vec![started("id-1")], vec![cancelled])));
    assert_eq!((error.kind(), error.kind().exit_code()), (Kind::Budget, 4));
    assert!(error.message().contains("it scans more than the workgroup primary allows"), "{error}");
}

#[test]
fn a_query_that_cannot_be_watched_is_cancelled() {
    let denied = error(400, "AccessDeniedException", "no");
    let stub = Stub::new(script(vec![started("id-1")], vec![denied]));
    let error = fault(&stub);
    assert!(error.message().contains("lost sight of the query: Athena's query id-1 was cancelled"), "{error}");
    assert_eq!(stub.asked("StopQueryExecution").len(), 1);
}

#[test]
fn a_value_that_is_not_of_its_type_is_no_answer() {
    let mut script = script(vec![started("id-1")], vec![succeeded()]);
    script[2].1 = vec![page(&["a", "1", "x"], None)];
    assert_eq!(fault(&Stub::new(script)).message(), "column a, row 2: \"x\" is no integer");
}

//! Submitted once, watched, cancelled: nothing runs on that nobody waits for.

use super::{Account, ask};
use crate::support::{block_on, process::finish};
use firelake::error::Kind;
use firelake::query::Engine;
use firelake::query::athena::AthenaConfig;
use serde_json::json;
use std::process::Command;
use std::time::{Duration, Instant};

const LONG: &str = "SELECT /* stand-in: run 30s */ 1 AS a";

#[test]
fn a_query_may_go_back_into_the_queue() {
    let account = Account::new();
    block_on(async {
        let sql = "SELECT /* stand-in: run 0.1s, queue 0.1s, run 0.1s */ 1 AS a";
        let (rows, _) = ask(&account.engine(account.config()).await, sql).await.unwrap();
        assert_eq!(rows[0].num_rows(), 1);
    });
}

#[test]
fn a_query_that_outruns_its_time_is_cancelled_in_athena() {
    let account = Account::new();
    block_on(async {
        let timeout = Some(Duration::from_millis(400));
        let engine = account.engine(AthenaConfig { timeout, ..account.config() }).await;
        let error = ask(&engine, LONG).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Query);
        assert!(error.message().contains("and was cancelled there (query "), "{error}");
        let error = ask(&engine, "SELECT /* stand-in: queue 30s */ 2").await.unwrap_err();
        assert_eq!(error.kind(), Kind::TryAgain, "{error}");
    });
    assert_eq!(account.states(), ["CANCELLED", "CANCELLED"]);
}

#[test]
fn a_query_that_nobody_waits_for_is_cancelled_in_athena() {
    let account = Account::new();
    block_on(async {
        let engine = account.engine(account.config()).await;
        let given_up = tokio::time::timeout(Duration::from_millis(300), ask(&engine, LONG)).await;
        assert!(given_up.is_err());
        let notes = engine.close().await;
        assert!(notes.len() == 1 && notes[0].ends_with(" was cancelled"), "{notes:?}");
        assert!(engine.close().await.is_empty());
        // before its id is known
        let given_up = tokio::time::timeout(Duration::from_millis(1), ask(&engine, LONG)).await;
        assert!(given_up.is_err());
        engine.close().await;
    });
    assert!(account.states().iter().all(|state| state == "CANCELLED"), "{:?}", account.states());
}

#[test]
fn ctrl_c_cancels_the_query_in_athena() {
    let account = Account::new();
    let sandbox = account.sandbox();
    let line = format!("query --engine athena --output-location s3://{}/r/ \"{LONG}\"", account.bucket);
    let run = sandbox.start(&line);
    wait_until(|| account.states() == ["RUNNING"]);
    let interrupted = Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    finish(&line, run).exits(130).says(&["error: stopped by Ctrl-C", "Athena's query ", " was cancelled"]);
    assert_eq!(account.states(), ["CANCELLED"]);
}

#[test]
fn a_query_that_somebody_cancels_is_told() {
    let account = Account::new();
    let sandbox = account.sandbox();
    let line = format!("query --engine athena --output-location s3://{}/r/ \"{LONG}\"", account.bucket);
    let run = sandbox.start(&line);
    wait_until(|| account.states() == ["RUNNING"]);
    let id = account.queries()[0]["QueryExecutionId"].clone();
    account.call("StopQueryExecution", &json!({"QueryExecutionId": id}));
    finish(&line, run).fails(1, &["somebody cancelled the query in Athena (query ", "StopQueryExecution"]);
}

fn wait_until(happened: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < deadline, "it did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

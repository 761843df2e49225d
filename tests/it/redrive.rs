//! Rejected records and what Firehose could not deliver, decoded once more: each record exactly once, before and after.

use crate::support::lake::Lake;
use crate::support::pack::gzip;
use crate::support::rows::cell;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use firelake::compact::WorkLimits;
use firelake::error::Kind;
use firelake::jobs::change::Changed;
use firelake::jobs::compact::{CompactJob, CompactReport};
use firelake::jobs::history::What;
use firelake::jobs::rebuild::Rebuild;
use firelake::jobs::redrive::{Redrive, RedrivePlan};
use firelake::ledger::{Action, AsOf, Ledger};

const FOLDER: &str = "landing/2026/11/20/03";
const FAILED: &str = "landing/processing-failed/2026/11/20/04";

fn record(host: &str) -> String {
    format!("{{\"host\":\"{host}\",\"datetime\":\"20/Nov/2026:03:00:00 +0000\"}}\n")
}

/// As Firehose writes it where a transformation failed.
fn transformation_failed(raw: impl AsRef<[u8]>) -> String {
    let raw = STANDARD.encode(raw);
    format!(
        "{{\"attemptsMade\":4,\"arrivalTimestamp\":1793847600000,\"errorCode\":\"Lambda.FunctionError\",\"errorMessage\":\"timed \
         out\",\"attemptEndingTimestamp\":1793847700000,\"rawData\":\"{raw}\",\"lambdaArn\":\"arn:aws:lambda:x\"}}\n"
    )
}

/// As Firehose writes it where a record could not be converted.
fn conversion_failed(raw: impl AsRef<[u8]>) -> String {
    let raw = STANDARD.encode(raw);
    format!(
        "{{\"attemptsMade\":\"1\",\"arrivalTimestamp\":\"1793847600000\",\"lastErrorCode\":\"DataFormatConversion.ParseError\",\
         \"lastErrorMessage\":\"no JSON\",\"rawData\":\"{raw}\",\"sequenceNumber\":\"1\",\"dataCatalogTable\":{{\"region\":\"x\"}}}}"
    )
}

async fn redrive(lake: &Lake, yes: bool) -> Changed<RedrivePlan> {
    let work = WorkLimits { threads: 1, ..WorkLimits::default() };
    lake.change(yes).redrive(&Redrive { from: None, to: None, work }).await.unwrap()
}

async fn hosts(lake: &Lake) -> Vec<String> {
    let rows = lake.ask("SELECT client_ip FROM access ORDER BY 1").await;
    rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

async fn reasons(lake: &Lake) -> Vec<(String, String)> {
    let rows = lake.ask("SELECT reason, count(*) FROM access_rejected GROUP BY 1 ORDER BY 1").await;
    rows.into_iter().map(|mut row| (row.remove(0).unwrap(), row.remove(0).unwrap())).collect()
}

fn told(reasons: &[(&str, u64)]) -> Vec<(String, String)> {
    reasons.iter().map(|(reason, count)| ((*reason).to_owned(), count.to_string())).collect()
}

const LAMBDA: &str = "a failed record of Firehose: Lambda.FunctionError";
const CONVERSION: &str = "a failed record of Firehose: DataFormatConversion.ParseError";

/// A lake with failed records below an error prefix and among data, and a record that is damaged for good.
async fn landed() -> (Lake, CompactReport) {
    let lake = Lake::new("combined_apache");
    lake.put(&format!("{FOLDER}/data"), format!("{}{{\"host\":\"cut\n{}", record("a"), record("b"))).await;
    let several = format!("{}{{\"host\":\"damaged\n{}", record("e"), record("f"));
    let failed = [
        transformation_failed(record("c")),
        conversion_failed(gzip(record("d").as_bytes())),
        transformation_failed(several),
        transformation_failed("no JSON at all"),
        transformation_failed(""),
        r#"{"attemptsMade":1,"rawData":"?","errorCode":"x"}"#.into(),
    ];
    lake.put(&format!("{FAILED}/s-1-2026-11-20-04-00-00-0f8fad5b-d9cb-469f-a165-70867728950e"), failed.concat()).await;
    lake.put(
        &format!("{FOLDER}/mixed.gz"),
        gzip(format!("{}{}", transformation_failed(record("g")), record("h")).as_bytes()),
    )
    .await;
    let report = lake.compact().await.unwrap();
    (lake, report)
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_records_are_no_data_until_they_are_redriven() {
    let (lake, report) = landed().await;
    let s = &report.summary;
    assert_eq!((s.records_read, s.rows_written, s.records_rejected, s.records_failed), (11, 3, 8, 7), "{s:?}");
    assert_eq!(hosts(&lake).await, ["a", "b", "h"]);
    let before = told(&[
        (CONVERSION, 1),
        (LAMBDA, 5),
        ("a failed record of Firehose: x", 1),
        ("a string does not end on its line", 1),
    ]);
    assert_eq!(reasons(&lake).await, before);
    lake.is_clean().await;

    let plan = redrive(&lake, false).await;
    let seen = &plan.plan;
    assert_eq!((seen.records, seen.decoded, seen.rows, seen.rejected_inside, seen.stays), (8, 4, 5, 1, 5), "{seen:?}");
    assert_eq!((plan.commit, reasons(&lake).await), (None, before));

    let done = redrive(&lake, true).await;
    let seen = &done.plan;
    let same = RedrivePlan { reasons: plan.plan.reasons.clone(), commits: None, ..seen.clone() };
    assert_eq!(same, plan.plan);
    assert_eq!((done.commit, seen.commits), (Some(2), Some([2, 2])));
    assert_eq!(hosts(&lake).await, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    let after = told(&[(LAMBDA, 2), ("a failed record of Firehose: x", 1), ("a string does not end on its line", 2)]);
    assert_eq!(reasons(&lake).await, after);
    lake.is_clean().await;

    // each exactly once: nothing is left to do, for whichever job
    assert_eq!(redrive(&lake, true).await.commit, None);
    assert_eq!(lake.compact().await.unwrap().summary.objects, 0);
    let commit = Ledger::new(&lake.lake.join("logs/access")).commit(2).await.unwrap().unwrap();
    assert_eq!((commit.action, commit.counts.records_read, commit.counts.rows_written), (Action::Redrive, 10, 5));
    assert_eq!((commit.counts.records_rejected, commit.counts.failed), (5, 3));
    let opened: Vec<bool> = commit.inputs.iter().map(|input| input.opened).collect();
    assert_eq!(opened.iter().filter(|opened| **opened).count(), 2, "{:?}", commit.inputs);
}

/// What stays is kept byte for byte, with a reason that says what is wrong inside.
#[tokio::test(flavor = "multi_thread")]
async fn what_stays_is_kept_as_it_was_and_its_reason_is_told() {
    let (lake, _) = landed().await;
    let done = redrive(&lake, true).await;
    let inside = |why: &str| format!("a failed record of Firehose whose rawData cannot be decoded: {why}");
    for why in ["it is not base64", "it holds no record"] {
        assert!(done.plan.reasons.contains(&(inside(why), 1)), "{:?}", done.plan.reasons);
    }
    assert_eq!(done.plan.reasons.iter().map(|(_, count)| count).sum::<u64>(), done.plan.stays);
    let raw = lake.ask("SELECT CAST(raw AS varchar), byte_length = length(raw) FROM access_rejected ORDER BY 1").await;
    let expected = [
        r#"{"attemptsMade":1,"rawData":"?","errorCode":"x"}"#.to_owned(),
        transformation_failed("").trim_end().to_owned(),
        transformation_failed("no JSON at all").trim_end().to_owned(),
        "{\"host\":\"cut".into(),
        "{\"host\":\"damaged".into(),
    ];
    assert_eq!(raw, expected.map(|text| vec![Some(text), cell(true)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_landed_objects_need_not_be_there_any_more() {
    let (lake, _) = landed().await;
    for path in lake.paths("landing").await {
        lake.delete(&path).await;
    }
    assert_eq!(redrive(&lake, true).await.plan.decoded, 4);
    assert_eq!(hosts(&lake).await.len(), 8);
}

/// A rebuild reads the envelopes as the redrive did, a rollback brings them back, and after a merge they are found, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_opened_stays_open_and_a_rollback_closes_it() {
    let (lake, _) = landed().await;
    let closed = reasons(&lake).await;
    redrive(&lake, true).await;
    let rows = hosts(&lake).await;
    let asked = Rebuild {
        delivered: "2026-11-20T00:00:00Z".parse().unwrap().."2026-11-23T00:00:00Z".parse().unwrap(),
        work: WorkLimits { threads: 1, ..WorkLimits::default() },
        watch: Default::default(),
    };
    let rebuilt = lake.change(true).rebuild(&asked).await.unwrap();
    assert_eq!((rebuilt.commit, rebuilt.plan.rebuilt.unwrap().rows_written), (Some(3), 8));
    assert_eq!(
        (hosts(&lake).await, reasons(&lake).await.iter().map(|(_, n)| n.parse::<u64>().unwrap()).sum::<u64>()),
        (rows, 5)
    );
    lake.is_clean().await;

    lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    assert_eq!((hosts(&lake).await.len(), reasons(&lake).await), (3, closed));
    lake.change(true).resume().await.unwrap();
    lake.is_clean().await;
    assert_eq!(redrive(&lake, true).await.plan.decoded, 4);
    lake.is_clean().await;
    lake.change(true).rollback(AsOf::Commit(2)).await.unwrap();
    assert_eq!(hosts(&lake).await.len(), 8);
    lake.change(true).resume().await.unwrap();
    lake.is_clean().await;
    let url = lake.landing.url_of(&lake.landing.path("2026/11/20/03/mixed.gz"));
    let (_, way) = lake.history().story(&url).await.unwrap();
    assert!(way.iter().any(|step| step.what == What::Redriven { records: 2, rejected: 0 }), "{way:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_merge_and_beside_new_objects() {
    let lake = Lake::new("combined_apache");
    for at in 0..20 {
        let object = format!("{}{}", transformation_failed(record(&format!("{at:02}"))), record("x"));
        lake.put(&format!("{FOLDER}/{at}"), object).await;
        lake.compact().await.unwrap();
    }
    lake.put(&format!("{FOLDER}/later"), transformation_failed(record("later"))).await;
    lake.compact().await.unwrap();
    let done = redrive(&lake, true).await;
    assert_eq!((done.plan.decoded, done.plan.rows, done.plan.stays), (21, 21, 0), "{done:?}");
    assert_eq!((hosts(&lake).await.len(), reasons(&lake).await.len()), (41, 0));
    lake.is_clean().await;
}

/// A record that was too long is a row once longer ones are taken, from its chunks.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_too_long_is_a_row_under_a_longer_limit() {
    let lake = Lake::new("combined_apache");
    let long =
        |host: &str, size: usize| format!("{{\"host\":\"{host}\",\"agent\":\"{}\"}}\n", "0123456789".repeat(size));
    lake.put(
        &format!("{FOLDER}/x"),
        [long("a", 450_000), record("b"), long("c", 250_000), long("d", 2_000_000)].concat(),
    )
    .await;
    let small = WorkLimits { max_record: 1 << 20, ..lake.job().work };
    let report = CompactJob { work: small, ..lake.job() }.run().await.unwrap();
    assert_eq!((report.summary.rows_written, report.summary.records_rejected), (1, 3));
    let with = async |max_record: usize| {
        let work = WorkLimits { max_record, ..small };
        lake.change(true).redrive(&Redrive { from: None, to: None, work }).await.unwrap()
    };
    assert_eq!((with(1 << 20).await.commit, with(2 << 20).await.commit), (None, None));
    let done = with(8 << 20).await;
    assert_eq!((done.plan.decoded, done.plan.rows, done.plan.stays), (2, 2, 1), "{done:?}");
    assert_eq!(hosts(&lake).await, ["a", "b", "c"]);
    let chunks = lake.ask("SELECT count(*), sum(length(raw)), max(byte_length) FROM access_rejected").await;
    let length = long("d", 2_000_000).len() - 1;
    assert_eq!(chunks, [[cell(length.div_ceil(1 << 20)), cell(length), cell(length)]]);
    let report = lake.verify_with(true, 8 << 20).await;
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(with(32 << 20).await.plan.decoded, 1);
    let report = lake.verify_with(true, 32 << 20).await;
    assert!(report.is_clean(), "{:#?}", report.findings);
}

/// Rows of days that are expired are left out, and counted.
#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_expired_days_stays_out() {
    let lake = Lake::new("combined_apache");
    let old = record("old").replace("20/Nov", "10/Nov");
    lake.put(
        &format!("{FOLDER}/x"),
        format!(
            "{}{}{}",
            record("a"),
            record("b").replace("20/Nov", "10/Nov"),
            transformation_failed(record("c") + &old)
        ),
    )
    .await;
    lake.compact().await.unwrap();
    assert_eq!(lake.change(true).expire(TimeDelta::days(5)).await.unwrap().commit, Some(2));
    let done = redrive(&lake, true).await;
    assert_eq!((done.plan.decoded, done.plan.rows, done.plan.expired), (1, 1, 1), "{done:?}");
    assert_eq!(hosts(&lake).await, ["a", "c"]);
    lake.is_clean().await;
    let delivered = "2026-11-20T00:00:00Z".parse().unwrap().."2026-11-21T00:00:00Z".parse().unwrap();
    let work = WorkLimits { threads: 1, ..WorkLimits::default() };
    let rebuilt = lake.change(true).rebuild(&Rebuild { delivered, work, watch: Default::default() }).await.unwrap();
    assert_eq!(rebuilt.plan.rebuilt.unwrap().expired, 2);
    assert_eq!(hosts(&lake).await, ["a", "c"]);
    lake.is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_may_be_chosen_and_a_table_must_be_there() {
    let (lake, _) = landed().await;
    let work = WorkLimits { threads: 1, ..WorkLimits::default() };
    let days = async |from: &str, to: &str| {
        let day = |text: &str| Some(format!("{text}T00:00:00Z").parse().unwrap());
        lake.change(false).redrive(&Redrive { from: day(from), to: day(to), work }).await.unwrap().plan.records
    };
    assert_eq!((days("2026-11-20", "2026-11-21").await, days("2026-11-21", "2026-11-22").await), (8, 0));
    assert_eq!(days("2026-11-19", "2026-11-20").await, 0);
    let empty = Lake::new("combined_apache");
    let error = empty.change(true).redrive(&Redrive { from: None, to: None, work }).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

/// Envelopes in envelopes: what a subscription of CloudWatch Logs sent, and Firehose could not deliver.
#[tokio::test(flavor = "multi_thread")]
async fn log_events_inside_of_failed_records() {
    let lake = Lake::new("cloudwatch_logs");
    let events = |message: &str| {
        format!(
            r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{{"id":"1","timestamp":1795143600000,"message":"{message}"}},{{"id":"2","timestamp":1795143600001,"message":"b"}}]}}"#
        )
    };
    let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logEvents":[]}"#;
    let object = [
        events("a"),
        transformation_failed(gzip(events("c").as_bytes())),
        transformation_failed(gzip(control.as_bytes())),
        transformation_failed(gzip(b"{}")),
    ];
    lake.put(&format!("{FOLDER}/x"), object.concat()).await;
    let report = lake.compact().await.unwrap();
    assert_eq!((report.summary.rows_written, report.summary.records_failed), (2, 3));
    let done = redrive(&lake, true).await;
    assert_eq!((done.plan.decoded, done.plan.rows, done.plan.stays), (2, 2, 1), "{done:?}");
    assert_eq!(lake.ask("SELECT count(*) FROM access").await, [[cell(4)]]);
    lake.is_clean().await;
}

/// What stood around a record decided what it is: pieces of what was rejected are no rows, whatever they look like.
#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_rejected_records_are_no_rows() {
    let lake = Lake::new("combined_apache");
    let inside = transformation_failed(record("piece"));
    let quoting = format!("{{\"log\":{},\"pad\":\"{}\",\"x\": no such}}\n", inside.trim_end(), "y".repeat(2000));
    let element = "[[{\"host\":\"a\"},{\"host\":\"b\"}],{\"host\":\"c\"}]\n";
    lake.put(&format!("{FOLDER}/quoting"), quoting).await;
    lake.put(&format!("{FOLDER}/element"), element).await;
    let short = WorkLimits { max_record: 1 << 10, ..lake.job().work };
    let report = CompactJob { work: short, ..lake.job() }.run().await.unwrap();
    assert_eq!((report.summary.rows_written, report.summary.records_rejected), (1, 2));
    let done = redrive(&lake, true).await;
    assert_eq!((done.commit, done.plan.decoded, done.plan.stays), (None, 0, 2), "{done:?}");
    assert_eq!(hosts(&lake).await, ["c"]);
    let report = lake.verify_with(true, 1 << 10).await;
    assert!(report.is_clean(), "{:#?}", report.findings);
}

/// What Firehose could not deliver twice over is opened in one commit, as a rebuild and a verification open it.
#[tokio::test(flavor = "multi_thread")]
async fn failed_records_inside_of_failed_records() {
    let lake = Lake::new("combined_apache");
    let twice = transformation_failed(transformation_failed(record("b")));
    let beside = transformation_failed(record("c") + &conversion_failed(record("d")));
    let mut deep = record("e");
    for _ in 0..6 {
        deep = transformation_failed(deep);
    }
    lake.put(&format!("{FOLDER}/x"), [record("a"), twice, beside, deep].concat()).await;
    lake.compact().await.unwrap();
    let done = redrive(&lake, true).await;
    assert_eq!(
        (done.plan.commits, done.plan.decoded, done.plan.rows, done.plan.stays),
        (Some([2, 2]), 2, 3, 1),
        "{done:?}"
    );
    assert_eq!(hosts(&lake).await, ["a", "b", "c", "d"]);
    lake.is_clean().await;
    assert_eq!(redrive(&lake, true).await.commit, None);
}

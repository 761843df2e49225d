//! The engine on small lakes in memory: real Parquet, real commits.

use super::*;
use crate::error::Kind;
use crate::ledger::{Action, Appended, ColumnStats, Commit, Counts, DataFile, Input, Ledger, Pins, Snapshot};
use crate::output::{Format, Writer};
use crate::query::{Library, QueryText};
use crate::table::{Partition, TableSchema, rejected_columns, shipped_schema};
use arrow::array::*;
use arrow::datatypes::*;
use chrono::{DateTime, NaiveDateTime, Utc};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::displayable;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// One request: time, client, status, path.
type Request<'a> = (&'a str, Option<&'a str>, Option<i32>, Option<&'a str>);

const MORNING: [Request; 3] = [
    ("2015-05-20 08:00:03.250", Some("10.0.0.1"), Some(200), Some("/a")),
    ("2015-05-20 08:00:09.999", Some("10.0.0.1"), Some(404), Some("")),
    ("2015-05-20 08:00:10.000", Some("10.0.0.2"), Some(200), None),
];
const EVENING: [Request; 3] = [
    ("2015-05-20 21:04:59.999", Some("10.0.0.3"), Some(500), Some("/o'clock")),
    ("2015-05-20 21:05:00.000", Some("10.0.0.1"), None, Some("/a")),
    ("2015-05-20 21:05:00.001", None, Some(200), Some("/a")),
];
const NEXT_DAY: [Request; 1] = [("2015-05-21 00:00:00.000", Some("10.0.0.2"), Some(200), Some("/a"))];

struct Lake {
    root: Location,
}

impl Lake {
    fn empty() -> Lake {
        Lake { root: Location::in_store(Arc::new(InMemory::new()), "memory:///", "lake") }
    }

    /// `logs.access` with three files in two days, and two rejected records.
    async fn sample() -> Lake {
        let lake = Lake::empty();
        let base = lake.create("logs/access").await;
        let files = [("2015-05-20", &MORNING[..]), ("2015-05-20", &EVENING), ("2015-05-21", &NEXT_DAY)];
        lake.add("logs/access", &base, &files, 2).await;
        lake.put("reference/hosts.csv", "Host,ApplicationName,Contact\n10.0.0.1,shop,ann@x\n10.0.0.2,,\n").await;
        lake
    }

    async fn put(&self, path: &str, text: &str) {
        self.root.store().put(&self.root.path(path), PutPayload::from(text.to_owned())).await.unwrap();
    }

    async fn create(&self, table: &str) -> Snapshot {
        let pins = Pins {
            schema_name: "combined_apache".into(),
            schema: shipped_schema("combined_apache").unwrap().into(),
            landing: vec!["memory:///landing".into()],
            catalog: "file".into(),
        };
        let commit = Commit { pins: Some(pins), ..Commit::new(Action::Create, DateTime::UNIX_EPOCH, "test") };
        Ledger::new(&self.root.join(table)).create(commit).await.unwrap().unwrap()
    }

    async fn add(&self, table: &str, base: &Snapshot, files: &[(&str, &[Request<'_>])], rejected: u64) -> Snapshot {
        let attempt = Uuid::now_v7();
        let mut commit = Commit { attempt: Some(attempt), ..Commit::new(Action::Add, DateTime::UNIX_EPOCH, "test") };
        for (number, (dt, requests)) in files.iter().enumerate() {
            let batch = batch(requests);
            let path = format!("data/{attempt}/dt={dt}/{attempt}-{number:05}.parquet");
            commit.add.push(self.write(table, path, dt, &batch, stats(&batch)).await);
        }
        if rejected > 0 {
            let path = format!("rejected/{attempt}/dt=2015-05-22/{attempt}-00000.parquet");
            let batch = rejected_batch(rejected);
            commit.add.push(self.write(table, path, "2015-05-22", &batch, BTreeMap::new()).await);
        }
        let rows_written = files.iter().map(|(_, requests)| requests.len() as u64).sum();
        commit.counts = Counts {
            records_read: rows_written + rejected,
            rows_written,
            records_rejected: rejected,
            ..Counts::default()
        };
        commit.inputs = vec![Input {
            url: format!("memory:///landing/{attempt}"),
            etag: None,
            size: 1,
            delivered: DateTime::UNIX_EPOCH,
            records: rows_written + rejected,
            opened: false,
            rejected,
            repaired: 0,
        }];
        self.append(table, base, commit).await
    }

    async fn append(&self, table: &str, base: &Snapshot, commit: Commit) -> Snapshot {
        let mut state = base.clone();
        match Ledger::new(&self.root.join(table)).append(&mut state, commit).await.unwrap() {
            Appended::Committed(_) => state,
            Appended::Conflict { why } => panic!("{why}"),
        }
    }

    async fn write(
        &self,
        table: &str,
        path: String,
        dt: &str,
        batch: &RecordBatch,
        stats: BTreeMap<String, ColumnStats>,
    ) -> DataFile {
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        let size = bytes.len() as u64;
        let folder = self.root.join(table);
        folder.store().put(&folder.path(&path), PutPayload::from(bytes)).await.unwrap();
        let rows = batch.num_rows() as u64;
        let partition = Partition::from(format!("dt={dt}").as_str());
        DataFile { path, partition, rows, bytes: size, inputs: vec![0], origin: None, stats }
    }

    fn config(&self) -> LocalConfig {
        let folder = self.root.join("reference");
        LocalConfig {
            lake: self.root.clone(),
            database: "logs".into(),
            references: vec![Reference { name: "hosts".into(), folder, key: "hosts.csv".into() }],
            unpublished: Vec::new(),
            as_of: None,
            aliases: BTreeMap::new(),
            catalog: None,
            stores: Default::default(),
        }
    }

    fn engine(&self) -> LocalEngine {
        LocalEngine::new(self.config()).unwrap()
    }
}

fn millis(text: &str) -> i64 {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap().and_utc().timestamp_millis()
}

fn batch(requests: &[Request]) -> RecordBatch {
    let schema = TableSchema::parse("t", "t", shipped_schema("combined_apache").unwrap()).unwrap().arrow();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "ts" => Arc::new(TimestampMillisecondArray::from_iter_values(requests.iter().map(|r| millis(r.0)))),
            "client_ip" => Arc::new(requests.iter().map(|r| r.1).collect::<StringArray>()),
            "status" => Arc::new(requests.iter().map(|r| r.2).collect::<Int32Array>()),
            "path" => Arc::new(requests.iter().map(|r| r.3).collect::<StringArray>()),
            _ => new_null_array(field.data_type(), requests.len()),
        }
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

fn stats(batch: &RecordBatch) -> BTreeMap<String, ColumnStats> {
    let ts = batch.column_by_name("ts").unwrap().as_primitive::<TimestampMillisecondType>();
    let text = |millis: Option<i64>| {
        let time = DateTime::from_timestamp_millis(millis.unwrap()).unwrap();
        Some(json!(time.format("%Y-%m-%dT%H:%M:%S%.3f").to_string()))
    };
    let status = batch.column_by_name("status").unwrap().as_primitive::<Int32Type>();
    let bound = |bound: Option<i32>| bound.map(|bound| json!(bound));
    let ts_stats = ColumnStats {
        min: text(arrow::compute::min(ts)),
        max: text(arrow::compute::max(ts)),
        nulls: ts.null_count() as u64,
    };
    let status_stats = ColumnStats {
        min: bound(arrow::compute::min(status)),
        max: bound(arrow::compute::max(status)),
        nulls: status.null_count() as u64,
    };
    [("ts".to_owned(), ts_stats), ("status".to_owned(), status_stats)].into()
}

fn rejected_batch(rows: u64) -> RecordBatch {
    let columns = rejected_columns();
    let schema = columns.iter().map(|(name, hive, _)| Field::new(name, hive.to_arrow(), true)).collect::<Vec<_>>();
    let rows = rows as usize;
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["memory:///landing/x"; rows])),
        Arc::new(Int64Array::from_iter_values(0..rows as i64)),
        Arc::new(Int64Array::from(vec![2; rows])),
        Arc::new(Int32Array::from(vec![0; rows])),
        Arc::new(StringArray::from(vec!["no JSON"; rows])),
        Arc::new(BinaryArray::from(vec![&b"\xde\xad"[..]; rows])),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(schema)), arrays).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis("2015-05-20 21:30:00")).unwrap()
}

fn bind(sql: &str, params: &[(&str, &str)]) -> Bound {
    let params: Vec<_> = params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    QueryText::parse("the query", sql).unwrap().bind(&params, now()).unwrap()
}

async fn csv(engine: &LocalEngine, query: &Bound) -> Result<String> {
    let answer = engine.run(query).await?;
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await?;
    let mut out = Vec::new();
    let mut writer = Writer::begin(Format::Csv, answer.schema, &mut out, None)?;
    for batch in &batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(String::from_utf8(out).unwrap())
}

/// The rows without the header, joined by a space.
async fn rows(engine: &LocalEngine, sql: &str) -> String {
    let text = csv(engine, &bind(sql, &[])).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    text.lines().skip(1).collect::<Vec<_>>().join(" ")
}

async fn error(engine: &LocalEngine, sql: &str) -> Error {
    csv(engine, &bind(sql, &[])).await.err().unwrap_or_else(|| panic!("{sql} gave rows"))
}

fn files_in(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.downcast_ref::<DataSourceExec>().and_then(|exec| {
        let scan = exec.data_source().downcast_ref::<FileScanConfig>()?;
        Some(scan.file_groups.iter().map(|group| group.len()).sum())
    });
    own.unwrap_or_else(|| plan.children().into_iter().map(files_in).sum())
}

#[tokio::test]
async fn a_filter_on_time_or_partition_skips_files_by_the_ledger_alone() {
    let engine = Lake::sample().await.engine();
    for (filter, files) in [
        ("true", 3),
        ("ts >= TIMESTAMP '2015-05-20 21:00:00'", 2),
        ("ts < '2015-05-20T08:00:03.250'", 0),
        ("ts <= '2015-05-20T08:00:03.250'", 1),
        ("ts BETWEEN TIMESTAMP '2015-05-20 09:00:00' AND TIMESTAMP '2015-05-20 22:00:00'", 1),
        ("dt = '2015-05-21'", 1),
        ("dt IN ('2015-05-20', '2015-05-19')", 2),
        ("substr(dt, 9, 2) = '20'", 2),
        ("dt LIKE '%-21' OR dt IS NULL", 1),
        ("dt > '2015-05-20' AND ts < TIMESTAMP '2015-05-21 00:00:00'", 0),
        ("status = 404", 2),
        ("status > 600", 0),
        ("dt = '2015-05-21' OR status = 500", 2),
    ] {
        let sql = format!("SELECT path FROM access WHERE {filter}");
        let (plan, _) = engine.physical_plan(&bind(&sql, &[]), &engine.opened()).await.unwrap();
        assert_eq!(files_in(&plan), files, "{filter}\n{}", displayable(plan.as_ref()).indent(false));
    }
    let query = bind("SELECT path FROM access WHERE ts >= :from", &[("from", "x")]);
    assert!(engine.physical_plan(&query, &engine.opened()).await.is_err() || csv(&engine, &query).await.is_err());
    let query = bind("-- param: from timestamp = now - 1h\nSELECT path FROM access WHERE ts >= :from", &[]);
    let (plan, _) = engine.physical_plan(&query, &engine.opened()).await.unwrap();
    assert_eq!(files_in(&plan), 2);
}

#[tokio::test]
async fn a_filter_on_the_partition_alone_leaves_no_filter_behind() {
    let engine = Lake::sample().await.engine();
    let query = bind("SELECT path FROM access WHERE dt = '2015-05-20'", &[]);
    let (plan, _) = engine.physical_plan(&query, &engine.opened()).await.unwrap();
    let text = displayable(plan.as_ref()).indent(false).to_string();
    assert!(!text.contains("FilterExec") && !text.contains("predicate"), "{text}");
    assert_eq!(rows(&engine, "SELECT count(*), min(dt) FROM access WHERE dt > '2015-05-20'").await, "1,2015-05-21");
}

#[tokio::test]
async fn counts_and_bounds_are_answered_from_the_ledger() {
    let engine = Lake::sample().await.engine();
    let sql = "SELECT count(*), min(ts), max(ts), max(status), count(status), max(dt) FROM access";
    let (plan, _) = engine.physical_plan(&bind(sql, &[]), &engine.opened()).await.unwrap();
    let text = displayable(plan.as_ref()).indent(false).to_string();
    assert!(text.contains("PlaceholderRowExec") && !text.contains("DataSourceExec"), "{text}");
    assert_eq!(rows(&engine, sql).await, "7,2015-05-20 08:00:03.250,2015-05-21 00:00:00.000,500,6,2015-05-21");
}

#[tokio::test]
async fn rows_keep_null_apart_from_empty_and_types_are_the_lakes() {
    let engine = Lake::sample().await.engine();
    let sql =
        "SELECT ts, path, status, dt FROM access WHERE dt = '2015-05-20' AND ts < '2015-05-20 12:00:00' ORDER BY ts";
    let expected = "2015-05-20 08:00:03.250,/a,200,2015-05-20 2015-05-20 08:00:09.999,\"\",404,2015-05-20 \
        2015-05-20 08:00:10.000,,200,2015-05-20";
    assert_eq!(rows(&engine, sql).await, expected);
    let sql = "SELECT ts, upper(path) AS p, cast(status AS varchar) AS s, max(ts) OVER () AS m, row_number() OVER () AS n, dt, \
        TIMESTAMP '2015-05-20 21:05:00' AS literal FROM access";
    let answer = engine.run(&bind(sql, &[])).await.unwrap();
    let types: Vec<_> = answer.schema.fields().iter().map(|field| field.data_type().clone()).collect();
    let ms = DataType::Timestamp(TimeUnit::Millisecond, None);
    assert_eq!(
        types,
        [&ms, &DataType::Utf8, &DataType::Utf8, &ms, &DataType::Int64, &DataType::Utf8, &ms].map(Clone::clone)
    );
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await.unwrap();
    assert!(batches.iter().all(|batch| batch.schema() == answer.schema));
}

#[tokio::test]
async fn names_resolve_with_and_without_database_and_by_alias() {
    let lake = Lake::sample().await;
    let base = lake.create("other/web").await;
    lake.add("other/web", &base, &[("2015-05-21", &NEXT_DAY)], 0).await;
    let engine = lake.engine();
    for (table, count) in [
        ("access", "7"),
        ("ACCESS", "7"),
        ("logs.access", "7"),
        ("\"access\"", "7"),
        ("\"Access\"", "7"),
        ("AwsDataCatalog.logs.access", "7"),
        ("other.web", "1"),
        ("other.web_rejected", "0"),
        ("hosts", "2"),
        ("logs.hosts", "2"),
        ("(SELECT 1 UNION ALL SELECT 2) access", "2"),
        ("access_rejected", "2"),
        ("generate_series(1, 3)", "3"),
    ] {
        assert_eq!(rows(&engine, &format!("SELECT count(*) FROM {table}")).await, count, "{table}");
    }
    assert_eq!(
        rows(&engine, "WITH access AS (SELECT * FROM access WHERE status = 200) SELECT count(*) FROM access").await,
        "4"
    );
    let mut config = lake.config();
    config.aliases.insert("access".into(), "access_rejected".into());
    let engine = LocalEngine::new(config).unwrap();
    assert_eq!(rows(&engine, "SELECT count(*), max(access.reason) FROM access").await, "2,no JSON");
}

#[tokio::test]
async fn each_statement_sees_the_newest_commit() {
    let lake = Lake::empty();
    let base = lake.create("logs/access").await;
    let engine = lake.engine();
    assert_eq!(rows(&engine, "SELECT count(*) FROM access").await, "0");
    let next = lake.add("logs/access", &base, &[("2015-05-20", &MORNING)], 0).await;
    assert_eq!(rows(&engine, "SELECT count(*) FROM access").await, "3");
    lake.add("logs/access", &next, &[("2015-05-21", &NEXT_DAY)], 1).await;
    let both = "SELECT (SELECT count(*) FROM access) AS a, (SELECT count(*) FROM access_rejected) AS r";
    assert_eq!(rows(&engine, both).await, "4,1");
}

#[tokio::test]
async fn rejected_records_are_a_table() {
    let engine = Lake::sample().await.engine();
    let sql = "SELECT object, byte_offset, raw, dt FROM access_rejected WHERE dt = '2015-05-22' ORDER BY byte_offset";
    assert_eq!(
        rows(&engine, sql).await,
        "memory:///landing/x,0,de ad,2015-05-22 memory:///landing/x,1,de ad,2015-05-22"
    );
}

#[tokio::test]
async fn an_unknown_table_lists_those_there_are() {
    let engine = Lake::sample().await.engine();
    let told = error(&engine, "SELECT * FROM acess").await;
    assert_eq!(told.kind(), Kind::Query);
    assert!(told.message().starts_with("there is no table acess in database logs"), "{told}");
    assert_eq!(told.hint_text(), Some("did you mean access? The tables are access, access_rejected, hosts"));
    assert!(
        error(&engine, "SELECT * FROM nowhere.x").await.hint_text().unwrap().starts_with("the database has no tables")
    );
    for quoted in ["\"../logs/access\"", "\"a/b\"", "other_catalog.logs.access"] {
        let told = error(&engine, &format!("SELECT * FROM {quoted}")).await;
        assert!(told.message().starts_with("there is no table"), "{told}");
    }
}

#[tokio::test]
async fn errors_show_the_place_in_the_sql() {
    let engine = Lake::sample().await.engine();
    let told = error(&engine, "SELECT client_ip,\n       statuss\nFROM access").await;
    assert_eq!(told.message(), "the query, line 2, column 8: there is no column statuss\n         statuss\n         ^");
    assert!(told.hint_text().unwrap().starts_with("did you mean status? The columns are ts, client_ip"), "{told:?}");
    let told = error(&engine, "SELECT *\nFORM access").await;
    assert!(told.message().starts_with("the query, line 2, column 1: Expected: "), "{told}");
    assert!(told.message().ends_with("\n  FORM access\n  ^"), "{told}");
    let told = error(&engine, "SELECT frobnicate(ts) FROM access").await;
    assert!(told.message().starts_with("the query, line 1, column 8: Invalid function 'frobnicate'"), "{told}");
    assert!(told.hint_text().is_some());
    let told = error(&engine, "SELECT second('x') FROM access").await;
    assert!(told.message().contains("second wants a timestamp, not a string"), "{told}");
    let told = error(&engine, "SELECT date_add('fortnight', 1, ts) FROM access").await;
    assert!(told.message().contains("'fortnight' is no unit; the units are millisecond, second"), "{told}");
    let told = error(&engine, "SELECT date_add('second', ts) FROM access").await;
    assert_eq!(told.message(), "the query: date_add wants a unit, a number and a time: date_add('second', -10, ts)");
    let told = error(&engine, "SELECT sum(client_ip) FROM access").await;
    assert_eq!(told.message(), "the query: no function fits sum(Utf8)");
    assert_eq!(
        told.hint_text(),
        Some(
            "cast the arguments; there are sum(Decimal), sum(UInt64), sum(Int64), sum(Float64), sum(Duration), sum(Interval)"
        )
    );
    assert!(error(&engine, "").await.message().contains("No SQL"));
    assert!(error(&engine, "SELECT 1; SELECT 2").await.message().contains("single"));
}

#[tokio::test]
async fn nothing_but_questions_is_run() {
    let lake = Lake::sample().await;
    let engine = lake.engine();
    for sql in [
        "INSERT INTO access SELECT * FROM access",
        "DELETE FROM access",
        "UPDATE access SET status = 1",
        "DROP TABLE access",
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/'",
        "COPY access TO 'x.parquet'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT 1 AS a INTO x",
        "EXPLAIN ANALYZE INSERT INTO access SELECT * FROM access",
        "EXPLAIN COPY access TO 'x.parquet'",
        "TRUNCATE TABLE access",
        "BEGIN",
        "PREPARE p AS SELECT 1",
        "RESET datafusion.execution.batch_size",
    ] {
        let told = error(&engine, sql).await;
        assert!(told.message().starts_with("queries only read"), "{sql}: {told}");
    }
    assert_eq!(rows(&engine, "SELECT count(*) FROM access").await, "7");
}

#[tokio::test]
async fn parameters_are_typed_values() {
    let engine = Lake::sample().await.engine();
    let run = async |sql: &str, params: &[(&str, &str)]| {
        let text = csv(&engine, &bind(sql, params)).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        text.lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    let by_path = "SELECT count(*) FROM access WHERE path = :p";
    assert_eq!(run(by_path, &[("p", "/o'clock")]).await, "1");
    assert_eq!(run(by_path, &[("p", "' OR 1=1 --")]).await, "0");
    assert_eq!(run(by_path, &[("p", "")]).await, "1");
    let typed = "-- param: s int = 200\n-- param: n bigint = 2\n-- param: d date = 2015-05-21\n-- param: b boolean = true\n\
        -- param: x double = 1.5\n-- param: t timestamp\n-- param: none string = null\n";
    let sql = format!(
        "{typed}SELECT ts FROM access WHERE status = :s AND ts >= :t AND (:none IS NULL OR client_ip = :none) AND :b ORDER BY ts LIMIT :n"
    );
    assert_eq!(run(&sql, &[("t", "2015-05-20 08:00:10")]).await, "2015-05-20 08:00:10.000 2015-05-20 21:05:00.001");
    let sql = format!("{typed}SELECT :d AS d, :x * 2 AS x, date_add('second', :n, :t) AS t, :none AS n");
    assert_eq!(run(&sql, &[("t", "2015-05-20")]).await, "2015-05-21,3.0,2015-05-20 00:00:02.000,");
    let sql = format!(
        "{typed}SELECT date_trunc('hour', :t) AS h, count(*) FROM access WHERE cast(ts AS date) = :d GROUP BY 1"
    );
    assert_eq!(run(&sql, &[("t", "2015-05-20 10:20")]).await, "2015-05-20 10:00:00.000,1");
}

#[tokio::test]
async fn functions_answer_as_trino_does() {
    let engine = Lake::sample().await.engine();
    for (expression, expected) in [
        ("date_add('second', -10, ts)", "2015-05-20 08:00:00.000"),
        ("date_add('MONTH', 1, TIMESTAMP '2020-01-31 10:00:00')", "2020-02-29 10:00:00.000"),
        ("date_add('day', 1, DATE '2020-02-28')", "2020-02-29"),
        ("date_add('day', NULL, ts)", ""),
        ("date_add('day', 1, NULL)", ""),
        ("date_add('hour', status, ts)", "2015-05-28 16:00:10.000"),
        ("second(ts) + minute(ts) * 100 + hour(ts) * 10000", "80010"),
        ("day(ts) + month(ts) * 100 + year(ts) * 10000", "20150520"),
        ("year(DATE '1969-12-31')", "1969"),
        ("second(TIMESTAMP '1969-12-31 23:59:59.500')", "59"),
        ("second(cast(NULL AS timestamp))", ""),
        ("second(NULL)", ""),
        ("date_diff('minute', ts, ts + INTERVAL '90' SECOND)", "1"),
        ("date_diff('month', DATE '2020-01-31', DATE '2020-02-29')", "1"),
        ("date_trunc('minute', ts)", "2015-05-20 08:00:00.000"),
        ("date_trunc('month', DATE '2020-02-15')", "2020-02-01"),
        ("date_trunc('hour', TIMESTAMP '2020-02-15 10:20:00')", "2020-02-15 10:00:00.000"),
        ("date_trunc('day', NULL)", ""),
        ("date_trunc('quarter', ts)", "2015-04-01 00:00:00.000"),
        ("date_trunc('week', ts)", "2015-05-18 00:00:00.000"),
        ("to_unixtime(ts)", "1432108810.0"),
        ("from_unixtime(1432108810)", "2015-05-20 08:00:10.000 UTC"),
        ("from_unixtime(1432108810.25)", "2015-05-20 08:00:10.250 UTC"),
        ("from_utf8(X'61C3A9')", "aé"),
        ("from_utf8(X'61FF')", "a\u{fffd}"),
        ("from_utf8(NULL)", ""),
        ("status IS NULL", "false"),
    ] {
        let sql = format!("SELECT {expression} FROM access WHERE ts = TIMESTAMP '2015-05-20 08:00:10'");
        assert_eq!(rows(&engine, &sql).await, expected, "{expression}");
    }
    let zoned = "SELECT hour(arrow_cast(ts, 'Timestamp(Millisecond, Some(\"Asia/Kathmandu\"))')) FROM access";
    assert!(error(&engine, zoned).await.message().contains("hour knows no zone but UTC, not Asia/Kathmandu"));
    let told = error(&engine, "SELECT date_trunc('decade', ts) FROM access").await;
    assert!(told.message().contains("date_trunc: 'decade' is no unit"), "{told}");
    let told = error(&engine, "SELECT date_add('hour', 1, DATE '2020-01-01')").await;
    assert!(told.message().contains("a date takes no unit below a day"), "{told}");
    let told = error(&engine, "SELECT date_add('year', 9000000000, ts) FROM access").await;
    assert!(told.message().contains("out of range"), "{told}");
}

#[tokio::test]
async fn the_named_queries_agree_with_a_count_by_hand() {
    let engine = Lake::sample().await.engine();
    let all: Vec<Request> = [&MORNING[..], &EVENING, &NEXT_DAY].concat();
    let window = |r: &Request, seconds: i64| {
        let start = millis(r.0).div_euclid(seconds * 1000) * seconds * 1000;
        DateTime::from_timestamp_millis(start).unwrap().format("%Y-%m-%d %H:%M:%S%.3f").to_string()
    };
    let application = |r: &Request| match r.1 {
        Some("10.0.0.1") => "shop",
        _ => "unknown",
    };
    let run = async |name: &str| {
        let query = Library::default().find(name).unwrap().bind(&[], now()).unwrap();
        let text = csv(&engine, &query).await.unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let counted = |key: &dyn Fn(&Request) -> (String, String)| {
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for request in &all {
            *counts.entry(key(request)).or_default() += 1;
        }
        counts
    };
    let mut expected: Vec<_> = counted(&|r| (window(r, 10), r.1.unwrap_or_default().into()))
        .into_iter()
        .map(|((w, c), n)| format!("{w},{c},{n}"))
        .collect();
    let mut clients = run("client_windows").await;
    assert_eq!(clients[0], "2015-05-20 08:00:00.000,10.0.0.1,2");
    expected.sort();
    clients.sort();
    assert_eq!(clients, expected);
    let expected: Vec<_> = counted(&|r| (window(r, 60), r.2.map_or("~".into(), |s| s.to_string())))
        .into_iter()
        .map(|((w, s), n)| format!("{w},{},{n}", s.trim_matches('~')))
        .collect();
    assert_eq!(run("status_per_minute").await, expected);
    let expected: Vec<_> = counted(&|r| (window(r, 300), application(r).into()))
        .into_iter()
        .map(|((w, a), n)| format!("{w},{a},{n}"))
        .collect();
    let applications = run("application_windows").await;
    assert_eq!(applications, expected);
    assert!(applications.contains(&"2015-05-20 08:00:00.000,unknown,1".to_owned()));
}

#[tokio::test]
async fn a_join_builds_its_table_from_the_small_reference() {
    let engine = Lake::sample().await.engine();
    let query = Library::default().find("application_windows").unwrap().bind(&[], now()).unwrap();
    let (plan, _) = engine.physical_plan(&query, &engine.opened()).await.unwrap();
    let text = displayable(plan.as_ref()).indent(false).to_string();
    let join = text.find("HashJoinExec").unwrap();
    let (first, second) =
        (text[join..].find("partition_sizes").unwrap(), text[join..].find("file_type=parquet").unwrap());
    assert!(first < second, "{text}");
}

#[tokio::test]
async fn what_there_is_can_be_asked() {
    let engine = Lake::sample().await.engine();
    let sql = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = 'logs' ORDER BY 2";
    assert_eq!(rows(&engine, sql).await, "logs,access logs,access_rejected logs,hosts");
    assert_eq!(rows(&engine, "SHOW TABLES").await, "access access_rejected hosts");
    let described = rows(&engine, "DESCRIBE access").await;
    assert!(
        described.starts_with("ts,timestamp client_ip,string ") && described.ends_with(" extra,string dt,string"),
        "{described}"
    );
    assert_eq!(
        rows(&engine, "DESCRIBE SELECT count(*) AS n, ts + INTERVAL '1' DAY AS t FROM access GROUP BY ts").await,
        "n,bigint t,timestamp"
    );
    assert!(rows(&engine, "SHOW COLUMNS FROM access").await.contains("client_ip"));
    assert!(rows(&engine, "EXPLAIN SELECT * FROM access").await.contains("logical_plan"));
}

#[tokio::test]
async fn a_missing_reference_is_wrong_usage() {
    let lake = Lake::sample().await;
    let mut config = lake.config();
    config.references[0].key = "none.csv".into();
    let told = error(&LocalEngine::new(config).unwrap(), "SELECT * FROM hosts").await;
    assert_eq!(told.kind(), Kind::Usage);
    assert!(told.message().contains("memory:///lake/reference/none.csv does not exist"), "{told}");
}

#[tokio::test]
async fn a_missing_or_damaged_file_is_named() {
    let lake = Lake::sample().await;
    let folder = lake.root.join("logs/access");
    let snapshot = Ledger::new(&folder).load().await.unwrap().unwrap();
    let (path, file) = snapshot.files.iter().next().unwrap();
    let name = path.rsplit('/').next().unwrap();
    let mut bytes = folder.store().get(&folder.path(path)).await.unwrap().bytes().await.unwrap().to_vec();
    bytes[4..200].fill(0x5a);
    folder.store().put(&folder.path(path), PutPayload::from(bytes)).await.unwrap();
    let told = error(&lake.engine(), "SELECT ts, client_ip FROM access").await;
    assert!(told.message().starts_with("cannot read the data file lake/logs/access/data/"), "{told}");
    assert!(told.kind() == Kind::Storage && told.message().contains(name), "{told}");
    folder.store().put(&folder.path(path), PutPayload::from(vec![0; file.bytes as usize])).await.unwrap();
    let told = error(&lake.engine(), "SELECT * FROM access").await;
    assert!(told.kind() == Kind::Storage && told.message().contains(name), "{told}");
    folder.store().delete(&folder.path(path)).await.unwrap();
    let told = error(&lake.engine(), "SELECT * FROM access").await;
    assert!(told.kind() == Kind::Storage && told.message().contains(name), "{told}");
    assert_eq!(told.hint_text(), Some("restore the file from a backup; the landed objects still hold its records"));
}

#[tokio::test]
async fn old_files_lack_newer_columns() {
    let lake = Lake::empty();
    let base = lake.create("logs/access").await;
    let attempt = Uuid::now_v7();
    let old = batch(&MORNING).project(&[0, 1]).unwrap();
    let path = format!("data/{attempt}/dt=2015-05-20/{attempt}-00000.parquet");
    let file = lake.write("logs/access", path, "2015-05-20", &old, BTreeMap::new()).await;
    let mut commit = Commit { attempt: Some(attempt), ..Commit::new(Action::Add, DateTime::UNIX_EPOCH, "test") };
    commit.add = vec![file];
    commit.counts = Counts { records_read: 3, rows_written: 3, ..Counts::default() };
    let url = "memory:///landing/x".to_owned();
    commit.inputs = vec![Input {
        url,
        etag: None,
        size: 1,
        delivered: DateTime::UNIX_EPOCH,
        records: 3,
        rejected: 0,
        repaired: 0,
        opened: false,
    }];
    lake.append("logs/access", &base, commit).await;
    let engine = lake.engine();
    assert_eq!(rows(&engine, "SELECT count(*), count(status), max(client_ip) FROM access").await, "3,0,10.0.0.2");
    assert_eq!(rows(&engine, "SELECT count(*) FROM access WHERE status IS NULL").await, "3");
    assert_eq!(rows(&engine, "SELECT max(ts) FROM access").await, "2015-05-20 08:00:10.000");
}

#[tokio::test]
async fn an_empty_table_answers() {
    let lake = Lake::empty();
    lake.create("logs/access").await;
    let engine = lake.engine();
    assert_eq!(rows(&engine, "SELECT count(*), max(ts) FROM access").await, "0,");
    assert_eq!(rows(&engine, "SELECT * FROM access WHERE dt = 'x'").await, "");
    assert_eq!(rows(&engine, "SELECT count(*) FROM access_rejected").await, "0");
}

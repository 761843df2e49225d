//! Rows, their types, and the ways in which they come.

use super::{Account, ask, ask_with};
use crate::support::block_on;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use arrow::util::display::array_value_to_string;
use firelake::query::Engine;
use firelake::query::athena::AthenaConfig;
use firelake::query::local::{LocalConfig, LocalEngine};
use firelake::storage::{Location, Stores};
use futures::TryStreamExt;
use serde_json::json;

const SCALARS: &str = "SELECT CAST(true AS boolean) AS b, CAST(-7 AS tinyint) AS t, CAST(300 AS smallint) AS s, \
    CAST(70000 AS integer) AS i, CAST(9223372036854775807 AS bigint) AS l, CAST(1.5 AS real) AS r, \
    CAST(0.1 AS double) AS d, CAST('-12.50' AS decimal(10, 2)) AS m, CAST('x' AS varchar) AS v, '' AS e, \
    CAST(NULL AS varchar) AS n, DATE '2015-05-20' AS day, TIMESTAMP '2015-05-20 21:05:00.250' AS ts";

fn shown(batch: &RecordBatch) -> Vec<String> {
    let cell = |column: &arrow::array::ArrayRef| match column.is_null(0) {
        true => "NULL".to_owned(),
        false => array_value_to_string(column, 0).unwrap(),
    };
    batch.columns().iter().map(cell).collect()
}

/// I9: one answer, to its types.
#[test]
fn scalars_have_the_types_and_values_that_the_local_engine_gives() {
    let account = Account::new();
    let dir = tempfile::tempdir().unwrap();
    let lake = Location::open(dir.path().to_str().unwrap()).unwrap();
    block_on(async {
        let engine = account.engine(account.config()).await;
        let (remote, _) = ask(&engine, SCALARS).await.unwrap();
        let config = LocalConfig {
            lake,
            database: "logs".into(),
            references: Vec::new(),
            unpublished: Vec::new(),
            as_of: None,
            aliases: Default::default(),
            catalog: None,
            stores: Stores::default(),
        };
        let local = LocalEngine::new(config).unwrap().run(&super::bound(SCALARS, &[])).await.unwrap();
        let local: Vec<RecordBatch> = local.batches.try_collect().await.unwrap();
        let types = |batch: &RecordBatch| -> Vec<(String, DataType)> {
            batch.schema().fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
        };
        assert_eq!(types(&remote[0]), types(&local[0]));
        assert_eq!(shown(&remote[0]), shown(&local[0]));
        let expected = ["true", "-7", "300", "70000", "9223372036854775807", "1.5", "0.1", "-12.50", "x", "", "NULL"];
        assert_eq!(shown(&remote[0])[..11], expected);
    });
}

#[test]
fn the_other_types_have_columns_of_their_own_too() {
    let account = Account::new();
    let sql = "SELECT from_unixtime(1432155900) AS z, from_hex('deadbeef') AS bin, TIME '21:05:00.250' AS c, \
        ARRAY['a', 'b'] AS list";
    block_on(async {
        let (rows, _) = ask(&account.engine(account.config()).await, sql).await.unwrap();
        let types: Vec<DataType> = rows[0].columns().iter().map(|column| column.data_type().clone()).collect();
        let expected = [
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            DataType::Binary,
            DataType::Time32(TimeUnit::Millisecond),
            DataType::Utf8,
        ];
        assert_eq!(types, expected);
        assert_eq!(shown(&rows[0]), ["2015-05-20T21:05:00Z", "deadbeef", "21:05:00.250", "[a, b]"]);
    });
}

const MANY: &str = "SELECT CAST(n AS integer) AS n, CASE WHEN n % 3 = 0 THEN NULL WHEN n % 3 = 1 THEN '' \
    ELSE 'a \"b\", c' END AS v FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n";

fn check_many(batches: &[RecordBatch]) -> RecordBatch {
    let all = concat_batches(&batches[0].schema(), batches).unwrap();
    assert_eq!(all.num_rows(), 2500);
    let (numbers, texts) = (all.column(0).as_primitive::<Int32Type>(), all.column(1).as_string::<i32>());
    for row in 0..2500 {
        let number = row as i32 + 1;
        let expected = match number % 3 {
            0 => None,
            1 => Some(""),
            _ => Some("a \"b\", c"),
        };
        assert_eq!((numbers.value(row), texts.is_valid(row).then(|| texts.value(row))), (number, expected));
    }
    all
}

#[test]
fn many_rows_come_by_file_and_by_pages_alike() {
    let account = Account::new();
    account.call(
        "CreateWorkGroup",
        &json!({"Name": "managed", "Configuration":
        {"ManagedQueryResultsConfiguration": {"Enabled": true}}}),
    );
    block_on(async {
        let (by_file, cost) = ask(&account.engine(account.config()).await, MANY).await.unwrap();
        assert!(!cost.reused && cost.dollars > Some(0.0), "{cost}");
        let managed = AthenaConfig { workgroup: "managed".into(), output_location: None, ..account.config() };
        let (by_pages, _) = ask(&account.engine(managed).await, MANY).await.unwrap();
        assert_eq!(by_pages.len(), 3, "pages of 1,000");
        assert_eq!(check_many(&by_file), check_many(&by_pages));
    });
}

#[test]
fn no_rows_have_columns_all_the_same() {
    let account = Account::new();
    block_on(async {
        let engine = account.engine(account.config()).await;
        let answer = engine.run(&super::bound("SELECT 1 AS a, 'x' AS b WHERE false", &[])).await.unwrap();
        assert_eq!(answer.schema.fields().len(), 2);
        let rows: Vec<RecordBatch> = answer.batches.try_collect().await.unwrap();
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    });
}

#[test]
fn nasty_values_of_parameters_come_back_as_they_are() {
    let account = Account::new();
    let nasty =
        ["it's", "''", "'; DROP TABLE x --", "back\\slash", "line\nend", "\u{1F600}", "?", ":x", "--", "/* */", ""];
    let sql = "-- param: n bigint = -5\nSELECT :s AS s, :s||:s AS twice, ':s ?' AS text, 1-:n AS n LIMIT :one";
    let sql = sql.replace("-- param: n", "-- param: one int = 1\n-- param: n");
    block_on(async {
        let engine = account.engine(account.config()).await;
        for value in nasty {
            let (rows, _) = ask_with(&engine, &sql, &[("s", value)]).await.unwrap();
            let expected = [value.to_owned(), value.repeat(2), ":s ?".into(), "6".into()];
            assert_eq!(shown(&rows[0]), expected, "{value:?}");
        }
    });
}

#[test]
fn every_type_of_parameter_is_a_value_of_its_type() {
    let account = Account::new();
    let sql = "-- param: i int = -2147483648\n-- param: l bigint = 5\n-- param: d double = 0.1\n-- param: b boolean = true\n\
        -- param: day date = 2015-05-20\n-- param: t timestamp = 2015-05-20 21:05:00.250\n-- param: none int = null\n\
        SELECT :i AS i, :l AS l, :d AS d, :b AS b, :day AS day, :t AS t, :none AS none";
    block_on(async {
        let (rows, _) = ask(&account.engine(account.config()).await, sql).await.unwrap();
        let types: Vec<DataType> = rows[0].columns().iter().map(|column| column.data_type().clone()).collect();
        let ms = DataType::Timestamp(TimeUnit::Millisecond, None);
        let (int, long) = (DataType::Int32, DataType::Int64);
        assert_eq!(types, [int.clone(), long, DataType::Float64, DataType::Boolean, DataType::Date32, ms, int]);
        let expected = ["-2147483648", "5", "0.1", "true", "2015-05-20", "2015-05-20T21:05:00.250", "NULL"];
        assert_eq!(shown(&rows[0]), expected);
    });
}

#[test]
fn plans_and_tables_read_as_on_the_local_engine() {
    let account = Account::new();
    let sandbox = account.sandbox();
    let asked = format!("query --engine athena --output-location s3://{}/r/ --format csv", account.bucket);
    let create = json!({"QueryString": "CREATE DATABASE logs", "ResultConfiguration":
        {"OutputLocation": format!("s3://{}/r/", account.bucket)}});
    account.call("StartQueryExecution", &create);
    let columns = "[{\"Name\": \"ts\", \"Type\": \"timestamp\"}, {\"Name\": \"status\", \"Type\": \"int\"}]";
    let table = format!(
        "{{\"DatabaseName\": \"logs\", \"TableInput\": {{\"Name\": \"orders\", \"PartitionKeys\": [{{\"Name\": \"dt\", \
         \"Type\": \"string\"}}], \"StorageDescriptor\": {{\"Columns\": {columns}, \"Location\": \"s3://{}/t/\"}}}}}}",
        account.bucket
    );
    std::thread::sleep(std::time::Duration::from_millis(300));
    let headers = "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSGlue.CreateTable\r\n";
    let made = crate::support::stand_in::request(&account.id, "glue", "POST", "/", headers, table.as_bytes()).unwrap();
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    let described = sandbox.ok(&format!("{asked} --table orders \"DESCRIBE access\"")).stdout;
    assert_eq!(described, "column_name,data_type\nts,timestamp\nstatus,int\ndt,string\n");
    assert_eq!(sandbox.ok(&format!("{asked} \"SHOW TABLES\"")).stdout, "tab_name\norders\n");
    let plan = sandbox.ok(&format!("{asked} \"EXPLAIN SELECT 1\"")).stdout;
    assert!(plan.starts_with("plan_type,plan\nathena_plan,"), "{plan}");
    let count = sandbox.ok(&format!(
        "{asked} --table orders \"SELECT count(*) AS n, 'access' AS t FROM access WHERE access.status = 1\""
    ));
    assert_eq!(count.stdout, "n,t\n0,access\n");
    sandbox.run(&format!("{asked} \"SELECT 1 FROM oders\"")).fails(
        1,
        &["the query, line 1, column 15: ", "\n  SELECT 1 FROM oders\n                ^", "did you mean orders?"],
    );
}

/// I9, on a lake that firelake wrote and published.
#[test]
fn the_shipped_queries_give_the_same_rows_on_both_engines() {
    let (sandbox, bucket) = crate::support::process::Sandbox::on_aws();
    let s3 = format!("s3://{bucket}");
    sandbox.write(
        "firelake.toml",
        format!(
            "lake = \"{s3}/lake\"\ncatalog = \"glue\"\n[table.access]\nschema = \"combined_apache\"\nlanding = \
             [\"{s3}/landing/\"]\n[reference.hosts]\nfile = \"{s3}/reference/hosts.csv\"\n[query]\noutput_location = \
             \"{s3}/results/\"\n"
        ),
    );
    sandbox.ok(&format!(
        "generate --start 2026-11-19T22:00:00Z --hours 4 --rate 0.1 --broken 2% --late 5% --delimiter none --landing \
         {s3}/landing/ --hosts hosts.csv"
    ));
    let hosts = std::fs::read(sandbox.path("hosts.csv")).unwrap();
    sandbox.put(&bucket, "reference/hosts.csv", &hosts);
    sandbox.ok("compact");
    for question in [
        "application_windows",
        "client_windows",
        "status_per_minute",
        "\"SELECT * FROM access ORDER BY ts, client_ip, request, agent, bytes LIMIT 50\"",
        "\"SELECT reason, count(*) AS n FROM access_rejected GROUP BY 1 ORDER BY 1\"",
        "\"SELECT count(*) AS n FROM access WHERE ts < :t AND dt >= :d\" --param t=2026-11-20 --param d=2026-11-19",
    ] {
        let local = sandbox.ok(&format!("query {question} --format csv")).stdout;
        assert!(local.lines().count() > 1, "{question}: {local}");
        let remote = sandbox.ok(&format!("query {question} --format csv --engine athena")).stdout;
        assert_eq!(local, remote, "{question}");
    }
}

//! Tables whose schema changed after files were written and partitions registered, their merged and rebuilt files, and their
//! rejected records.

use super::Published;
use super::nested::alike;
use crate::support::stand_in;
use serde_json::{Value, json};

/// Name, type, and the type that it becomes.
const COLUMNS: [(&str, &str, &str); 11] = [
    ("ts", "timestamp", "timestamp"),
    ("n", "int", "bigint"),
    ("small", "tinyint", "int"),
    ("part", "float", "double"),
    (
        "place",
        "struct<city:string,at:struct<lat:float>>",
        "struct<city:string,at:struct<lat:double,lon:double>,zone:string>",
    ),
    ("wide", "struct<n:int>", "struct<n:bigint>"),
    ("hops", "array<struct<host:string>>", "array<struct<host:string,ms:int>>"),
    ("counts", "array<int>", "array<bigint>"),
    ("tags", "map<string,int>", "map<string,bigint>"),
    ("ratios", "array<float>", "array<double>"),
    ("tenant", "", "string"),
];

fn schema(evolved: bool) -> String {
    let column = |(name, old, new): &(&str, &str, &str)| match if evolved { new } else { old } {
        &"" => String::new(),
        of => {
            let event = if *name == "ts" { "event_time = true\n" } else { "" };
            format!("[[column]]\nname = \"{name}\"\ntype = \"{of}\"\n{event}\n")
        }
    };
    COLUMNS.iter().map(column).collect::<String>() + "[parquet]\nsort = [\"n\"]\nbloom = [\"small\"]\n"
}

/// Day after day; some records are none.
fn records(day: u8, big: i64) -> String {
    let one = |hour: u8| {
        let n = big + i64::from(hour);
        format!(
            "{{\"ts\":\"2026-11-{day}T{hour:02}:00:00\",\"n\":{n},\"small\":{},\"part\":{},\"place\":{{\"city\":\"c{hour}\",\"at\":{{\"lat\":50.5,\"lon\":7.25}},\
             \"zone\":\"z\"}},\"wide\":{{\"n\":{n}}},\"hops\":[{{\"host\":\"a\",\"ms\":{hour}}}],\"counts\":[{n},1],\"tags\":{{\"k\":{n}}},\"ratios\":[0.5],\
             \"tenant\":\"t{hour}\"}}\n",
            hour % 4,
            if hour.is_multiple_of(2) { "1.5" } else { "0.1" } // the second is no float of four bytes, nor of eight
        )
    };
    (10..22).map(one).collect::<String>() + "{\"n\":1,\n"
}

const QUERIES: &[&str] = &[
    "SELECT ts, n, small, part, tenant, extra FROM grows ORDER BY ts, n",
    "SELECT ts, place.city AS city, place.zone AS zone, place.at.lat AS lat, place.at.lon AS lon FROM grows ORDER BY ts, n",
    "SELECT ts, wide.n AS wide, hops[1].host AS host, hops[1].ms AS ms, counts[1] AS a, tags['k'] AS k, ratios[1] AS r FROM grows ORDER BY ts, n",
    "SELECT count(*) AS rows, count(tenant) AS tenants, sum(n) AS n, min(n) AS a, max(n) AS b, max(small) AS s FROM grows",
    "SELECT dt, count(*) AS rows, count(place.zone) AS zones FROM grows GROUP BY dt ORDER BY dt",
    "SELECT ts FROM grows WHERE n = 13 ORDER BY ts, n",
    "SELECT ts FROM grows WHERE n BETWEEN 12 AND 5000000012 ORDER BY ts, n",
    "SELECT count(*) AS k FROM grows WHERE small = 3",
    "SELECT count(*) AS k FROM grows WHERE part = 1.5",
    "SELECT count(*) AS k, min(part) AS a FROM grows WHERE part < 1e0",
    "SELECT count(*) AS k FROM grows WHERE part > 1e0 AND place.at.lat < 60e0",
    "SELECT count(*) AS k FROM grows WHERE wide.n = 14",
    "SELECT count(*) AS k FROM grows WHERE tenant IS NULL",
    "SELECT ts FROM grows WHERE tenant = 't13' OR place.zone = 'z' ORDER BY ts, n",
    "SELECT dt, byte_offset, reason, chunk FROM grows_rejected ORDER BY dt, byte_offset",
    "SELECT count(*) AS k FROM grows_rejected WHERE dt = '2026-11-20'",
];

/// What the catalog's partitions of the rows say of column `n`, and how many there are.
fn partition_types(published: &Published) -> Vec<String> {
    let asked = json!({"DatabaseName": published.database, "TableName": "grows"}).to_string();
    let answer: Value =
        serde_json::from_str(&stand_in::glue(&published.account, "GetPartitions", &asked).unwrap()).unwrap();
    let of = |partition: &Value| {
        let columns = partition["StorageDescriptor"]["Columns"].as_array().unwrap().clone();
        columns.iter().find(|column| column["Name"] == "n").unwrap()["Type"].as_str().unwrap().to_owned()
    };
    answer["Partitions"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_two_schemas_read_the_same() {
    let published = Published::empty();
    let compact =
        format!("compact --lake s3://{}/lake --landing s3://{0}/landing/grows --schema grows.toml", published.bucket);
    published.sandbox.write("hosts.csv", "host,applicationname\n");
    let deliver = |day: u8, big: i64| {
        let key = format!("landing/grows/2026/11/{day}/23/x{big}");
        published.sandbox.put(&published.bucket, &key, records(day, big).as_bytes());
    };
    published.sandbox.write("grows.toml", schema(false));
    (18..21).for_each(|day| deliver(day, 0));
    published.sandbox.ok(&format!("{compact} --no-merge"));
    alike(
        &published,
        &["SELECT n, part FROM grows WHERE part = 1.5 ORDER BY ts", "SELECT count(*) AS k FROM grows_rejected"],
    )
    .await;

    published.sandbox.write("grows.toml", schema(true));
    published.sandbox.ok(&compact).says(&["schema of", "tenant string is new"]);
    assert_eq!(partition_types(&published), ["bigint"; 3]);
    alike(&published, QUERIES).await;
    deliver(20, 5_000_000_000);
    deliver(21, 9_007_199_254_740_993);
    published.sandbox.ok(&format!("{compact} --no-merge"));
    alike(&published, QUERIES).await;
    published.sandbox.ok(&compact).says(&["files merged into"]);
    let rebuild = format!(
        "rebuild --lake s3://{}/lake --table grows --yes --from 2026-11-19T00:00:00Z --to 2026-11-19T23:59:59Z",
        published.bucket
    );
    published.sandbox.ok(&rebuild);
    alike(&published, QUERIES).await;
    published.sandbox.ok(&format!("catalog drift --lake s3://{}/lake --catalog glue --table grows", published.bucket));
    published.sandbox.ok(&format!("verify --lake s3://{}/lake --table grows --deep", published.bucket));
}

/// What a reader finds while the partitions are yet to follow the table, and where they never do.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "asks a real Trino: tests/trino/run"]
async fn a_table_reads_while_its_partitions_are_narrower() {
    let published = Published::empty();
    let compact = format!(
        "compact --lake s3://{}/lake --landing s3://{0}/landing/grows --schema grows.toml --no-merge",
        published.bucket
    );
    published.sandbox.write("hosts.csv", "host,applicationname\n");
    published.sandbox.write("grows.toml", schema(false));
    published.sandbox.put(&published.bucket, "landing/grows/2026/11/20/23/x", records(20, 0).as_bytes());
    published.sandbox.ok(&compact);
    let asked = json!({"DatabaseName": published.database, "TableName": "grows"}).to_string();
    let before: Value =
        serde_json::from_str(&stand_in::glue(&published.account, "GetPartitions", &asked).unwrap()).unwrap();
    published.sandbox.write("grows.toml", schema(true));
    published.sandbox.ok(&compact);
    let mut partition = before["Partitions"][0].clone();
    let values = partition["Values"].clone();
    let kept = partition.as_object_mut().unwrap();
    kept.retain(|key, _| ["Values", "StorageDescriptor", "Parameters"].contains(&key.as_str()));
    let back = json!({"DatabaseName": published.database, "TableName": "grows", "PartitionValueList": values, "PartitionInput": partition});
    stand_in::glue(&published.account, "UpdatePartition", &back.to_string()).unwrap();
    assert_eq!(partition_types(&published), ["int"]);
    alike(&published, QUERIES).await;
}

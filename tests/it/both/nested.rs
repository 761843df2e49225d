//! Tables with nested columns: one that somebody else made and registered in Glue, and one of ours.

use super::{Published, ask};
use crate::columns::nested::{RECORDS, SCHEMA};
use crate::support::stand_in;
use arrow::array::{
    ArrayRef, Int32Array, Int64Builder, ListBuilder, MapBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
};
use arrow::datatypes::{DataType, Field};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::sync::Arc;

fn file() -> Vec<u8> {
    let mut tags = ListBuilder::new(StringBuilder::new());
    tags.append_value([Some("a"), None, Some("b, c")]);
    tags.append_value(Vec::<Option<&str>>::new());
    tags.append_null();
    let mut counts = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    counts.keys().append_value("k");
    counts.values().append_value(7);
    counts.append(true).unwrap();
    counts.append(true).unwrap();
    counts.append(false).unwrap();
    let place = StructArray::from(vec![
        (
            Arc::new(Field::new("x", DataType::Int32, true)),
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("name", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec!["one", "", "three"])) as ArrayRef,
        ),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        ("place", Arc::new(place)),
        ("tags", Arc::new(tags.finish())),
        ("counts", Arc::new(counts.finish())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn glue(published: &Published, action: &str, body: &Value) {
    let headers = format!("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSGlue.{action}\r\n");
    let body = body.to_string();
    let answer = stand_in::request(&published.account, "glue", "POST", "/", &headers, body.as_bytes()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn register(published: &Published) {
    let column = |(name, word): &(&str, &str)| json!({"Name": name, "Type": word});
    let columns = [
        ("id", "int"),
        ("place", "struct<x:int,name:string>"),
        ("tags", "array<string>"),
        ("counts", "map<string,bigint>"),
        ("added_later", "array<struct<a:int>>"),
    ];
    let descriptor = json!({
        "Columns": columns.iter().map(column).collect::<Vec<_>>(),
        "Location": format!("s3://{}/theirs/", published.bucket),
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "NumberOfBuckets": -1, "Compressed": false, "StoredAsSubDirectories": false,
        "BucketColumns": [], "SortColumns": [], "Parameters": {},
        "SerdeInfo": {
            "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            "Parameters": {"serialization.format": "1"},
        },
    });
    let input = json!({
        "Name": "theirs", "TableType": "EXTERNAL_TABLE", "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        "PartitionKeys": [], "StorageDescriptor": descriptor,
    });
    glue(published, "CreateTable", &json!({"DatabaseName": published.database, "TableInput": input}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_others_reads_the_same() {
    let published = Published::new();
    published.sandbox.put(&published.bucket, "theirs/x.parquet", &file());
    register(&published);
    let queries = [
        "SELECT id, place.x AS x, place.name AS name FROM theirs ORDER BY id",
        "SELECT id, tags[3] AS third, cardinality(tags) AS n FROM theirs WHERE id = 1",
        "SELECT id, added_later IS NULL AS missing, tags IS NULL AS untagged, counts IS NULL AS uncounted FROM theirs ORDER BY id",
        "SELECT count(*) AS n, sum(place.x) AS xs FROM theirs WHERE place.name <> ''",
    ];
    alike(&published, &queries).await;
}

pub async fn alike(published: &Published, queries: &[&str]) {
    let (local, athena) = (published.local().await, published.athena().await);
    for query in queries {
        let (one, other) = (ask(&local, query).await, ask(&athena, query).await);
        match (one, other) {
            (Ok(one), Ok(other)) => assert_eq!(one, other, "{query}"),
            (one, other) => panic!("{query}\n  local: {one:?}\n  athena: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_ours_reads_the_same() {
    let published = Published::empty();
    published.sandbox.write("places.toml", SCHEMA);
    published.sandbox.write("hosts.csv", "host,applicationname\n");
    published.sandbox.put(&published.bucket, "landing/places/2026/11/20/00/x", RECORDS.as_bytes());
    let place = format!("--lake s3://{}/lake --landing s3://{0}/landing/places", published.bucket);
    published.sandbox.ok(&format!("compact {place} --schema places.toml"));
    let queries = [
        "SELECT ts, geo.city AS city, geo.at.lat AS lat, geo IS NULL AS nowhere, extra FROM places ORDER BY ts",
        "SELECT tags[2] AS second, cardinality(tags) AS n FROM places WHERE geo.city = 'Bonn'",
        "SELECT hops[1].host AS host, hops[1].price AS price, hops[1].times[2] AS time FROM places WHERE geo.city = 'Bonn'",
        "SELECT ts, tags IS NULL AS a, labels IS NULL AS b, hops IS NULL AS c, cardinality(hops) AS n FROM places ORDER BY ts",
        "SELECT labels['x'] AS x, seen['k'].at AS at, seen['k'].n AS n FROM places WHERE geo.city = 'Bonn'",
        "SELECT sum(geo.at.lon) AS lon, count(city) AS cities, count(DISTINCT dt) AS days FROM places",
    ];
    alike(&published, &queries).await;
}

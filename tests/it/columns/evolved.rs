//! A table whose schema grew: the files that there are keep their columns, and read as the new schema says.

use crate::support::process::Sandbox;

const OLD: &str = r#"
[[column]]
name = "n"
type = "int"
[[column]]
name = "small"
type = "tinyint"
[[column]]
name = "part"
type = "float"
[[column]]
name = "place"
type = "struct<city:string,at:struct<lat:float>>"
[[column]]
name = "hops"
type = "array<struct<host:string>>"
[[column]]
name = "tags"
type = "map<string,struct<n:int>>"
"#;

const NEW: &str = r#"
[[column]]
name = "n"
type = "bigint"
[[column]]
name = "small"
type = "int"
[[column]]
name = "part"
type = "double"
[[column]]
name = "place"
type = "struct<city:string,at:struct<lat:double,lon:double>,zone:string>"
[[column]]
name = "hops"
type = "array<struct<host:string,ms:int>>"
[[column]]
name = "tags"
type = "map<string,struct<n:bigint>>"
[[column]]
name = "added"
type = "timestamp"
"#;

const OLD_RECORDS: &str = r#"{"n":2147483647,"small":-128,"part":1.5,"place":{"city":"Bonn","at":{"lat":50.5}},"hops":[{"host":"a"},null],"tags":{"x":{"n":7}}}
{"n":1,"place":null,"hops":[],"tags":{}}
"#;

const NEW_RECORDS: &str = r#"{"n":9007199254740993,"small":70000,"part":0.1,"place":{"city":"Köln","at":{"lat":50.9,"lon":6.9},"zone":"CET"},"hops":[{"host":"b","ms":3}],"tags":{"x":{"n":8}},"added":"2026-11-20T00:00:00"}
"#;

/// A file by the old schema, and one by the new.
fn evolved() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("grows.toml", OLD);
    sandbox.write("landing/2026/11/20/00/x", OLD_RECORDS);
    sandbox.ok("compact --lake lake --landing landing --schema grows.toml");
    sandbox.write("grows.toml", NEW);
    sandbox.write("landing/2026/11/20/01/y", NEW_RECORDS);
    sandbox.ok("compact --lake lake --schema grows.toml --no-merge");
    sandbox
}

#[test]
fn old_files_read_by_the_new_schema() {
    let sandbox = evolved();
    let asked = |sql: &str| sandbox.ok(&format!("query --lake lake --format ndjson \"{sql}\"")).stdout;
    let rows = asked("SELECT n, small, part, place, hops, tags, added FROM grows ORDER BY n");
    let expected = [
        r#"{"n":1,"small":null,"part":null,"place":null,"hops":[],"tags":{},"added":null}"#,
        r#"{"n":2147483647,"small":-128,"part":1.5,"place":{"city":"Bonn","at":{"lat":50.5,"lon":null},"zone":null},"hops":[{"host":"a","ms":null},null],"tags":{"x":{"n":7}},"added":null}"#,
        r#"{"n":9007199254740993,"small":70000,"part":0.1,"place":{"city":"Köln","at":{"lat":50.9,"lon":6.9},"zone":"CET"},"hops":[{"host":"b","ms":3}],"tags":{"x":{"n":8}},"added":"2026-11-20T00:00:00.000"}"#,
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected);
    // filters and bounds work over both kinds of files
    assert_eq!(
        asked("SELECT count(*) AS k, min(n) AS a, max(n) AS b, count(added) AS c FROM grows"),
        "{\"k\":3,\"a\":1,\"b\":9007199254740993,\"c\":1}\n"
    );
    assert_eq!(asked("SELECT n FROM grows WHERE small < 0 AND place.zone IS NULL"), "{\"n\":2147483647}\n");
    assert_eq!(asked("SELECT n FROM grows WHERE added IS NULL AND n > 1"), "{\"n\":2147483647}\n");
    assert_eq!(asked("SELECT place.at.lon AS lon FROM grows WHERE place.at.lon > 1"), "{\"lon\":6.9}\n");
    // a merge writes them as the new schema says
    sandbox.ok("merge --lake lake --table grows");
    let live = sandbox.ok("files --lake lake --table grows").stdout;
    assert_eq!(live.lines().filter(|line| line.contains(".parquet")).count(), 1, "{live}");
    assert_eq!(asked("SELECT n, small, part, place, hops, tags, added FROM grows ORDER BY n"), rows);
}

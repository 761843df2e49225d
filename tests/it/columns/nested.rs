//! Structs, arrays and maps, from JSON to every output format.

use crate::support::process::Sandbox;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::printer::print_schema;

pub const SCHEMA: &str = r#"
[[column]]
name = "geo"
type = "struct<city:string,at:struct<lat:double,lon:double>>"

[[column]]
name = "ts"
type = "timestamp"
from = ["meta.time"]
formats = ["epoch_ms"]
event_time = true

[[column]]
name = "tags"
type = "array<string>"

[[column]]
name = "labels"
type = "map<string,string>"

[[column]]
name = "hops"
type = "array<struct<host:string,times:array<timestamp>,price:decimal(6,2)>>"
formats = ["epoch_ms"]

[[column]]
name = "seen"
type = "map<string,struct<at:timestamp,n:int>>"
formats = ["epoch_ms"]

[[column]]
name = "city"
type = "string"
expr = "upper(geo['city'])"

[parquet]
sort = ["ts"]
"#;

pub const RECORDS: &str = r#"
{"id":2,"meta":{"time":1795132800000,"version":3},"Geo":{"City":"Bonn","at":{"lat":50.7,"LON":"7.1"}},"tags":["a","b, c",null],"labels":{"x":"1","Y":""},"hops":[{"host":"h1","times":[0,1500],"price":"12.5"},{"host":"h2","times":null}],"seen":{"k":{"at":1,"n":"2"}}}
{"id":1,"meta":{"time":1795132700000},"geo":{"city":null,"at":null,"zone":"CET"},"tags":[],"labels":{},"hops":[]}
{"id":3,"meta":{"time":1795132900000},"geo":"nowhere","tags":"a","labels":[1],"hops":[{"host":"h3","price":"1.234"}]}
{"id":4,"meta":{"time":1795133000000},"geo":null,"labels":{"x":1}}
"#;

fn compacted() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("places.toml", SCHEMA);
    sandbox.write("landing/2026/11/20/00/x", RECORDS);
    sandbox.ok("compact --lake lake --landing landing --schema places.toml");
    sandbox
}

fn asked(sandbox: &Sandbox, format: &str, sql: &str) -> String {
    sandbox.ok(&format!("query --lake lake --format {format} \"{sql}\"")).stdout
}

#[test]
fn every_format_prints_them() {
    let sandbox = compacted();
    let sql = "SELECT geo, tags, labels, hops, seen, extra FROM places ORDER BY ts";
    let rows = asked(&sandbox, "ndjson", sql);
    let expected = [
        r#"{"geo":{"city":null,"at":null},"tags":[],"labels":{},"hops":[],"seen":null,"extra":"{\"id\":1,\"geo\":{\"zone\":\"CET\"}}"}"#,
        r#"{"geo":{"city":"Bonn","at":{"lat":50.7,"lon":7.1}},"tags":["a","b, c",null],"labels":{"x":"1","Y":""},"hops":[{"host":"h1","times":["1970-01-01T00:00:00.000","1970-01-01T00:00:01.500"],"price":12.50},{"host":"h2","times":null,"price":null}],"seen":{"k":{"at":"1970-01-01T00:00:00.001","n":2}},"extra":"{\"id\":2,\"meta\":{\"version\":3}}"}"#,
        r#"{"geo":null,"tags":null,"labels":null,"hops":[{"host":"h3","times":null,"price":null}],"seen":null,"extra":"{\"id\":3,\"geo\":\"nowhere\",\"tags\":\"a\",\"labels\":[1],\"hops\":[{\"host\":\"h3\",\"price\":\"1.234\"}]}"}"#,
        r#"{"geo":null,"tags":null,"labels":{"x":"1"},"hops":null,"seen":null,"extra":"{\"id\":4}"}"#,
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected);
    let json: serde_json::Value = serde_json::from_str(&asked(&sandbox, "json", sql)).unwrap();
    assert_eq!(json[1]["hops"][0]["times"][1], "1970-01-01T00:00:01.500");
    let csv = asked(&sandbox, "csv", "SELECT tags, geo FROM places ORDER BY ts LIMIT 2");
    assert_eq!(
        csv,
        "tags,geo\n[],\"{\"\"city\"\":null,\"\"at\"\":null}\"\n\"[\"\"a\"\",\"\"b, c\"\",null]\",\"{\"\"city\"\":\"\"Bonn\"\",\"\"at\"\":{\"\"lat\"\":50.7,\"\"lon\"\":7.1}}\"\n"
    );
    let table = asked(&sandbox, "table", "SELECT labels FROM places ORDER BY ts");
    assert!(table.contains(r#"│ {"x":"1","Y":""} │"#) && table.contains("│ NULL "), "{table}");
}

#[test]
fn sql_reaches_into_them() {
    let sandbox = compacted();
    let asked = |sql: &str| asked(&sandbox, "csv", sql);
    let sql = "SELECT city, geo.at.lat AS lat, tags[2] AS second, cardinality(tags) AS n, labels['x'] AS x FROM places WHERE ts >= TIMESTAMP '2026-11-20 00:00:00' AND geo.city IS NOT NULL ORDER BY ts";
    assert_eq!(asked(sql), "city,lat,second,n,x\nBONN,50.7,\"b, c\",3,1\n");
    assert_eq!(asked("SELECT hops[1].price AS price FROM places WHERE hops[1].host = 'h1'"), "price\n12.50\n");
    assert_eq!(asked("SELECT count(*) AS n, min(ts) AS first FROM places"), "n,first\n4,2026-11-19 23:58:20.000\n");
    let described = asked("DESCRIBE places");
    assert!(
        described.contains("hops,\"array<struct<host:string,times:array<timestamp>,price:decimal(6,2)>>\"\n"),
        "{described}"
    );
    sandbox.ok("verify --lake lake --deep");
}

/// What Trino, Spark and Hive read: standard lists and maps, instants in UTC at every depth, statistics where they belong.
#[test]
fn files_have_the_standard_layout() {
    let sandbox = compacted();
    let data = sandbox.files("lake/logs/places/data");
    let file = data.iter().find(|path| path.to_str().unwrap().contains("dt=2026-11-20")).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(file).unwrap()).unwrap();
    let mut printed = Vec::new();
    print_schema(&mut printed, reader.metadata().file_metadata().schema());
    let expected = "\
message arrow_schema {
  OPTIONAL group geo {
    OPTIONAL BYTE_ARRAY city (STRING);
    OPTIONAL group at {
      OPTIONAL DOUBLE lat;
      OPTIONAL DOUBLE lon;
    }
  }
  OPTIONAL INT64 ts (TIMESTAMP(MILLIS,true));
  OPTIONAL group tags (LIST) {
    REPEATED group list {
      OPTIONAL BYTE_ARRAY element (STRING);
    }
  }
  OPTIONAL group labels (MAP) {
    REPEATED group key_value {
      REQUIRED BYTE_ARRAY key (STRING);
      OPTIONAL BYTE_ARRAY value (STRING);
    }
  }
  OPTIONAL group hops (LIST) {
    REPEATED group list {
      OPTIONAL group element {
        OPTIONAL BYTE_ARRAY host (STRING);
        OPTIONAL group times (LIST) {
          REPEATED group list {
            OPTIONAL INT64 element (TIMESTAMP(MILLIS,true));
          }
        }
        OPTIONAL INT32 price (DECIMAL(6,2));
      }
    }
  }
  OPTIONAL group seen (MAP) {
    REPEATED group key_value {
      REQUIRED BYTE_ARRAY key (STRING);
      OPTIONAL group value {
        OPTIONAL INT64 at (TIMESTAMP(MILLIS,true));
        OPTIONAL INT32 n;
      }
    }
  }
  OPTIONAL BYTE_ARRAY city (STRING);
  OPTIONAL BYTE_ARRAY extra (STRING);
}
";
    assert_eq!(String::from_utf8(printed).unwrap(), expected);
    let group = reader.metadata().row_group(0);
    let sorted = group.sorting_columns().unwrap()[0].column_idx as usize;
    assert_eq!(group.column(sorted).column_path().string(), "ts");
}

/// Files that become one hold the same values, at every depth.
#[test]
fn merging_changes_no_value() {
    let sandbox = compacted();
    sandbox.write("landing/2026/11/20/01/y", RECORDS);
    sandbox.ok("compact --lake lake --table places --no-merge");
    let sql = "SELECT geo, tags, labels, hops, seen, city, extra FROM places ORDER BY ts, extra";
    let before = asked(&sandbox, "ndjson", sql);
    assert_eq!(before.lines().count(), 8);
    sandbox.ok("merge --lake lake --table places");
    assert_eq!(asked(&sandbox, "ndjson", sql), before);
    let live = sandbox.ok("files --lake lake --table places").stdout;
    assert_eq!(live.lines().filter(|line| line.contains(".parquet")).count(), 2, "{live}");
    sandbox.ok("verify --lake lake --table places --deep");
}

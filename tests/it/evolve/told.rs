//! What a changed schema file does, and what is said of it.

use super::{CHANGES, COMPACT, OLD, evolved, newer, rows, table};
use crate::support::process::Sandbox;

#[test]
fn a_changed_file_changes_the_table_also_where_nothing_is_to_compact() {
    let sandbox = table();
    sandbox.write("grows.toml", newer());
    let told = format!("schema of logs.grows: {CHANGES} (commit 2)\nlogs.grows: nothing new to compact");
    sandbox.ok(COMPACT).says(&[&told]);
    let columns = rows(&sandbox, "DESCRIBE grows").join("\n");
    assert!(columns.contains("tenant") && columns.contains("bigint"), "{columns}");
    let shown = sandbox.ok("catalog show --lake lake --table grows").stdout;
    assert!(shown.contains("tenant") && shown.contains("struct<city:string,zip:int>"), "{shown}");
    sandbox.ok("catalog drift --lake lake --table grows");
    sandbox.ok("verify --lake lake --table grows --deep");

    let again = sandbox.ok(COMPACT);
    assert!(!again.stderr.contains("schema of"), "{again:?}");
    sandbox.ok("compact --lake lake --table grows");
    assert_eq!(sandbox.commits("lake", "grows"), 3, "the same file again is no change");
}

#[test]
fn history_status_and_json_say_what_changed() {
    let sandbox = evolved();
    let line = sandbox.ok("history --lake lake --table grows").stdout;
    assert!(line.contains(&format!("another schema: {CHANGES}; by ")), "{line}");
    let status = sandbox.ok("status --lake lake --table grows").stdout;
    assert!(status.contains(&format!("schema      since commit 2: {CHANGES}\n")), "{status}");

    sandbox.write("grows.toml", format!("{}\n[[column]]\nname = \"more\"\ntype = \"date\"\n", newer()));
    let line = sandbox.ok(&format!("{COMPACT} --no-merge --json")).stdout;
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["evolved"], serde_json::json!({"commit": 4, "changes": ["more date is new"]}));
    let line = sandbox.ok("history --lake lake --table grows --limit 1 --json").stdout;
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&json["action"], &json["schema_changes"][0]), (&"evolve".into(), &"more date is new".into()));
}

/// What is refused leaves the table as it is, and says why and what can be done.
#[test]
fn what_no_table_can_follow_is_refused() {
    let sandbox = table();
    let bloom = "\n[parquet]\nbloom = [\"status\"]\n";
    for (file, expected) in [
        (OLD.replace("\"int\"", "\"string\""), ["status is int and cannot become string", "add one of another name"]),
        (OLD.replace("city", "town"), ["field place.city is missing", "add one of another name"]),
        (OLD.replace("status", "code"), ["column status is missing", "a table of another name"]),
        (format!("{OLD}{bloom}"), ["its [parquet] settings are others", "a table of another name"]),
        (format!("{}[source]\nformat = \"cloudwatch-logs\"\n", newer()), ["another format", "a table of another name"]),
        (
            format!("{}\n[[column]]\nname = \"x\"\ntype = \"int\"\nexpr = \"nope(1)\"\n", newer()),
            ["the expression of column x is wrong", "nope"],
        ),
    ] {
        sandbox.write("grows.toml", file);
        sandbox.run(COMPACT).fails(2, &expected);
        sandbox.run(&format!("{COMPACT} --landing elsewhere --add-landing")).exits(2);
        assert_eq!(sandbox.commits("lake", "grows"), 2);
    }
}

#[test]
fn an_older_file_is_told_from_another_one() {
    let sandbox = evolved();
    sandbox.write("grows.toml", OLD);
    let expected = [
        "the schema grows has less than the one that logs.grows has since commit 2",
        CHANGES,
        "pass the newer one (commit 2 has its text whole), or no schema at all",
    ];
    sandbox.run(COMPACT).fails(2, &expected);
    sandbox.ok("compact --lake lake --table grows --no-merge");
    sandbox.write("grows.toml", OLD.replace("\"int\"", "\"string\""));
    sandbox.run(COMPACT).fails(2, &["the schema grows is not the one that logs.grows has since commit 2: status is bigint and cannot become string"]);
    assert_eq!(sandbox.commits("lake", "grows"), 4);
}

/// A bloom filter is made of the bytes of the narrow type.
#[test]
fn a_column_with_a_bloom_filter_keeps_its_width() {
    let sandbox = Sandbox::new();
    let of = |status: &str| OLD.replace("\"int\"", status) + "[parquet]\nbloom = [\"status\"]\n";
    sandbox.write("grows.toml", of("\"smallint\""));
    sandbox.write("landing/2026/11/20/00/x", super::RECORDS);
    sandbox.ok(COMPACT);
    sandbox.write("grows.toml", of("\"int\""));
    sandbox.ok(COMPACT);
    assert_eq!(rows(&sandbox, "SELECT count(*) AS n FROM grows WHERE status = 404"), ["{\"n\":1}"]);
    sandbox.write("grows.toml", of("\"bigint\""));
    sandbox
        .run(COMPACT)
        .fails(2, &["column status has a bloom filter and would become bigint", "add one of another name"]);
}

/// A hold keeps objects out; what the table is may be mended meanwhile.
#[test]
fn a_table_on_hold_can_change_its_schema() {
    let sandbox = evolved();
    sandbox.ok("rollback --lake lake --table grows --to 1 --yes");
    sandbox.write("grows.toml", format!("{}\n[[column]]\nname = \"took\"\ntype = \"int\"\n", newer()));
    sandbox.run(COMPACT).exits(1).says(&["schema of logs.grows: took int is new (commit 5)", "on hold"]);
    sandbox.ok("resume --lake lake --table grows");
    sandbox.ok(COMPACT);
    assert_eq!(rows(&sandbox, "SELECT count(*) AS n, count(tenant) AS t FROM grows"), ["{\"n\":3,\"t\":1}"]);
    sandbox.ok("verify --lake lake --table grows --deep");
}

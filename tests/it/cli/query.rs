use super::compacted;
use crate::support::process::Sandbox;
use insta::assert_snapshot;

const SQL: &str =
    "\"SELECT ts, status, bytes, query_string FROM access WHERE status IN (304, 404) ORDER BY ts LIMIT 3\"";

fn in_format(format: &str) -> String {
    compacted().shown(&format!("query --lake lake --format {format} {SQL}"))
}

#[test]
fn as_a_table() {
    assert_snapshot!(in_format("table"), @"");
}

#[test]
fn as_csv() {
    assert_snapshot!(in_format("csv"), @"");
}

#[test]
fn as_json() {
    assert_snapshot!(in_format("json"), @"");
}

#[test]
fn as_ndjson() {
    assert_snapshot!(in_format("ndjson"), @"");
}

#[test]
fn no_rows_in_each_format() {
    let sandbox = compacted();
    let answer = |format| {
        sandbox
            .ok(&format!("query --lake lake --format {format} \"SELECT ts, status FROM access WHERE status = 1\""))
            .stdout
    };
    assert_eq!(["csv", "json", "ndjson"].map(answer), ["ts,status\n", "[]\n", ""]);
    assert!(answer("table").contains("│ ts ┆ status │"));
}

#[test]
fn named_with_a_reference_table() {
    let line = "query --lake lake --reference hosts=hosts.csv application_windows --format csv";
    assert_snapshot!(compacted().shown(line), @"");
}

#[test]
fn named_on_another_table_and_with_parameters() {
    let sandbox = compacted();
    sandbox.write(
        "q.sql",
        "-- By status\n-- param: status int = 200\nSELECT count(*) AS n FROM access WHERE status = :status\n",
    );
    let answer = |line: &str| sandbox.ok(&format!("query --lake lake --format csv {line}")).stdout;
    let all = answer("\"SELECT count(*) AS n FROM access WHERE status = 404\"");
    assert!(all != "n\n0\n" && all.starts_with("n\n"), "{all}");
    assert_eq!(answer("-f q.sql --param status=404"), all);
    assert_ne!(answer("-f q.sql"), all);
    assert_eq!(answer("--param ip=nobody \"SELECT count(*) AS n FROM access WHERE client_ip = :ip\""), "n\n0\n");
}

#[test]
fn the_listing_of_queries_and_the_text_of_one() {
    assert_snapshot!(Sandbox::new().shown("queries"), @"");
    assert_snapshot!(Sandbox::new().shown("queries status_per_minute"), @"");
}

use super::compacted;
use crate::support::redact::numbers_after;
use insta::assert_snapshot;
use serde_json::Value;

#[test]
fn of_a_table_and_of_its_rejected_records() {
    let sandbox = compacted();
    assert_snapshot!(without_sizes(&sandbox.shown("files --lake lake --table access")), @r#"
        $ firelake files --lake lake --table access
        -- stdout
        [dir]/lake/logs/access/data/[uuid]/dt=2026-11-20/[uuid]-00000.parquet[tab]65[tab][size]
        -- exit code 0
        "#);
    assert_snapshot!(without_sizes(&sandbox.shown("files --lake lake --table access_rejected")), @r#"
        $ firelake files --lake lake --table access_rejected
        -- stdout
        [dir]/lake/logs/access/rejected/[uuid]/dt=2026-11-20/[uuid]-00001.parquet[tab]7[tab][size]
        -- exit code 0
        "#);
    let json = sandbox.shown("files --lake lake --table access --json");
    assert_snapshot!(numbers_after(&json, "\"bytes\":"), @r#"
        $ firelake files --lake lake --table access --json
        -- stdout
        {"path":"[dir]/lake/logs/access/data/[uuid]/dt=2026-11-20/[uuid]-00000.parquet","rows":65,"bytes":[size],"partition":"dt=2026-11-20","commit":1}
        -- exit code 0
        "#);
}

/// The third column is a size, which a newer zstd may change.
fn without_sizes(text: &str) -> String {
    let line = |line: &str| match line.rsplit_once('\t') {
        Some((rest, size)) if size.bytes().all(|byte| byte.is_ascii_digit()) => format!("{rest}\t[size]"),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n").replace('\t', "[tab]")
}

/// Each line names a file that is there, with its size; the lines and the JSON agree.
#[test]
fn each_line_is_a_file_of_its_size() {
    let sandbox = compacted();
    for table in ["access", "access_rejected"] {
        let lines = sandbox.ok(&format!("files --lake lake --table {table}")).stdout;
        let json = sandbox.ok(&format!("files --lake lake --table {table} --json")).stdout;
        assert!(lines.lines().count() > 0 && lines.lines().count() == json.lines().count(), "{lines}{json}");
        for (line, json) in lines.lines().zip(json.lines()) {
            let fields: Vec<&str> = line.split('\t').collect();
            let json: Value = serde_json::from_str(json).unwrap();
            assert_eq!(fields[2].parse::<u64>().unwrap(), std::fs::metadata(fields[0]).unwrap().len());
            let same = format!("{}\t{}\t{}", json["path"].as_str().unwrap(), json["rows"], json["bytes"]);
            assert_eq!(line, same);
        }
    }
}

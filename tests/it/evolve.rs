//! A table whose schema file changes: what becomes of the table, of the files that there are, and of runs at the same time.

mod after;
mod races;
mod told;

use crate::support::process::Sandbox;

/// A schema of the table `grows`.
pub const OLD: &str = "[[column]]\nname = \"ts\"\ntype = \"timestamp\"\nevent_time = true\n\n\
[[column]]\nname = \"status\"\ntype = \"int\"\n\n\
[[column]]\nname = \"place\"\ntype = \"struct<city:string>\"\n";

/// The same with a wider type, a field more and a column more.
pub fn newer() -> String {
    let wider = OLD.replace("\"int\"", "\"bigint\"").replace("<city:string>", "<city:string,zip:int>");
    format!("{wider}\n[[column]]\nname = \"tenant\"\ntype = \"string\"\n")
}

/// What becomes of the old one then.
pub const CHANGES: &str = "status becomes bigint, was int; place.zip int is new; tenant string is new";

/// Two days, and a record that is none.
pub const RECORDS: &str = r#"{"ts":"2026-11-19T23:00:00","status":200,"place":{"city":"Bonn","zip":53111},"tenant":"a"}
{"ts":"2026-11-20T00:30:00","status":404,"tenant":"b","took":7}
{"ts":
"#;

pub const MORE_RECORDS: &str = r#"{"ts":"2026-11-20T01:00:00","status":9007199254740993,"place":{"city":"Ulm","zip":89073},"tenant":"c"}
"#;

pub const COMPACT: &str = "compact --lake lake --landing landing --schema grows.toml";

/// The table by the old schema, with one object compacted.
pub fn table() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("grows.toml", OLD);
    sandbox.write("landing/2026/11/20/00/x", RECORDS);
    sandbox.ok(COMPACT);
    sandbox
}

/// The same, then the new schema, then one more object.
pub fn evolved() -> Sandbox {
    let sandbox = table();
    sandbox.write("grows.toml", newer());
    sandbox.write("landing/2026/11/20/01/y", MORE_RECORDS);
    sandbox.ok(&format!("{COMPACT} --no-merge"));
    sandbox
}

/// The rows, in order.
pub fn rows(sandbox: &Sandbox, sql: &str) -> Vec<String> {
    let asked = sandbox.ok(&format!("query --lake lake --format ndjson \"{sql}\""));
    asked.stdout.lines().map(str::to_owned).collect()
}

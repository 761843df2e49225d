//! `discover`: what is proposed for what landed compacts unedited, with zero rejects and nothing in `extra`; and what changed
//! in the data is told.

mod any;
mod changed;
mod print;
mod proposed;

use crate::support::process::Sandbox;
use serde_json::Value;

/// Discovers all below `landing/` and gives the columns as `name type`, one a line.
fn columns(sandbox: &Sandbox) -> String {
    let told = sandbox.ok("discover --landing landing --all --json --force --out found.toml").stdout;
    let profile: Value = serde_json::from_str(&told).unwrap();
    let line = |column: &Value| {
        let event = if column["event_time"] == true { " event time" } else { "" };
        format!("{} {}{event}", column["name"].as_str().unwrap(), column["hive_type"].as_str().unwrap())
    };
    profile["columns"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Compacts with what was proposed: every record is a row, and no column left anything over.
fn fits(sandbox: &Sandbox) {
    let summary = compacts(sandbox);
    assert_eq!(summary["records_rejected"], 0, "{summary}");
    let sql = "SELECT extra, count(*) AS n FROM found WHERE extra IS NOT NULL GROUP BY extra";
    let left = sandbox.ok(&format!("query --lake lake --format csv \"{sql}\"")).stdout;
    assert_eq!(left, "extra,n\n");
}

/// Compacts with what was proposed; gives the summary.
fn compacts(sandbox: &Sandbox) -> Value {
    let told = sandbox.ok("compact --lake lake --landing landing --schema found.toml --json").stdout;
    serde_json::from_str(told.lines().last().unwrap()).unwrap()
}

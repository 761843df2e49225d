//! What older files are after it: to queries, to merges, to `verify --deep`, to a rebuild, to a rollback.

use super::{COMPACT, evolved, rows, table};
use crate::support::process::Sandbox;
use firelake::ledger::{Action, Ledger};

const ALL: &str = "SELECT status, place, tenant, extra FROM grows ORDER BY ts";

const AS_COMPACTED: [&str; 3] = [
    r#"{"status":200,"place":{"city":"Bonn","zip":null},"tenant":null,"extra":"{\"place\":{\"zip\":53111},\"tenant\":\"a\"}"}"#,
    r#"{"status":404,"place":null,"tenant":null,"extra":"{\"tenant\":\"b\",\"took\":7}"}"#,
    r#"{"status":9007199254740993,"place":{"city":"Ulm","zip":89073},"tenant":"c","extra":null}"#,
];

const AS_REBUILT: [&str; 3] = [
    r#"{"status":200,"place":{"city":"Bonn","zip":53111},"tenant":"a","extra":null}"#,
    r#"{"status":404,"place":null,"tenant":"b","extra":"{\"took\":7}"}"#,
    AS_COMPACTED[2],
];

async fn actions(sandbox: &Sandbox) -> Vec<Action> {
    let (ledger, mut found) = (Ledger::new(&sandbox.location("lake").join("logs/grows")), Vec::new());
    while let Some(commit) = ledger.commit(found.len() as u64).await.unwrap() {
        found.push(commit.action);
    }
    found
}

#[track_caller]
fn is_clean(sandbox: &Sandbox) {
    let told = sandbox.ok("verify --lake lake --table grows --deep").stdout;
    assert!(told.contains("logs.grows: clean: ") && told.contains(" 4 records read again and compared"), "{told}");
}

#[tokio::test]
async fn rows_of_before_keep_their_fields_in_extra_until_a_rebuild() {
    let sandbox = evolved();
    assert_eq!(rows(&sandbox, ALL), AS_COMPACTED);
    is_clean(&sandbox);
    sandbox.ok("merge --lake lake --table grows");
    assert_eq!(rows(&sandbox, ALL), AS_COMPACTED, "a merge changes no row");
    is_clean(&sandbox);
    sandbox.ok("rebuild --lake lake --table grows --from 2026-11-20T00:00:00Z --to 2026-11-20T01:00:00Z --yes");
    assert_eq!(rows(&sandbox, ALL), AS_REBUILT);
    is_clean(&sandbox);
    let expected = [Action::Create, Action::Add, Action::Evolve, Action::Add, Action::Merge, Action::Rebuild];
    assert_eq!(actions(&sandbox).await, expected);
}

/// Files of before come back, and with them what they lack; the schema stays.
#[tokio::test]
async fn a_rollback_takes_no_column_away() {
    let sandbox = evolved();
    sandbox.ok("rebuild --lake lake --table grows --from 2026-11-20T00:00:00Z --to 2026-11-20T01:00:00Z --yes");
    assert_eq!(rows(&sandbox, ALL), AS_REBUILT);
    sandbox.ok("rollback --lake lake --table grows --to 1 --yes");
    assert_eq!(rows(&sandbox, ALL), AS_COMPACTED[..2]);
    sandbox.ok("verify --lake lake --table grows --deep");
    sandbox.ok("resume --lake lake --table grows");
    sandbox.ok(COMPACT);
    assert_eq!(rows(&sandbox, ALL), AS_COMPACTED);
    is_clean(&sandbox);
    sandbox.ok("rollback --lake lake --table grows --to 4 --yes");
    assert_eq!(rows(&sandbox, ALL), AS_REBUILT, "to what was read again with the new schema");
    is_clean(&sandbox);
    sandbox.ok("catalog drift --lake lake --table grows");
}

/// The past is asked with the columns of now: the same query goes to both, and tells what a rollback would leave.
#[test]
fn the_past_is_read_with_the_schema_of_now() {
    let sandbox = evolved();
    let then = sandbox.ok(&format!("query --lake lake --as-of 1 --format ndjson \"{ALL}\"")).stdout;
    assert_eq!(then.lines().collect::<Vec<_>>(), AS_COMPACTED[..2]);
}

/// Damage is found in files of before and of after, merged or not.
#[test]
fn verify_finds_what_is_not_what_the_inputs_give() {
    let other = table();
    other.write("landing/2026/11/20/00/x", super::RECORDS.replace("\"b\"", "\"B\""));
    let sandbox = evolved();
    for (object, from, to) in [("00/x", "\"took\":7", "\"took\":8"), ("01/y", "\"c\"", "\"C\"")] {
        let path = format!("landing/2026/11/20/{object}");
        let was = std::fs::read_to_string(sandbox.path(&path)).unwrap();
        for merged in [false, true] {
            if merged {
                sandbox.ok("merge --lake lake --table grows");
            }
            sandbox.write(&path, was.replace(from, to));
            let told = sandbox.run("verify --lake lake --table grows --deep").exits(3).stdout;
            assert!(told.contains("rows are not those that its inputs give"), "{told}");
            sandbox.write(&path, &was);
        }
        is_clean(&sandbox);
    }
}

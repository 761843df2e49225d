//! `firelake gc`: what it prints, on local files and with Glue.

use crate::support::process::Sandbox;
use insta::assert_snapshot;
use serde_json::Value;
use std::thread::sleep;
use std::time::Duration;

const GENERATE: &str = "generate --hours 1 --rate 0.02 --late 0 --broken 5% --buffer-seconds 900 --seed 6";

fn still(text: &str) -> String {
    let moment = |text: &str| {
        let shape: Option<String> = text.get(..19).map(|text| text.replace(|c: char| c.is_ascii_digit(), "9"));
        shape.is_some_and(|shape| shape == "9999-99-99 99:99:99")
    };
    let (mut out, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let taken = if moment(rest) { 19 } else { first.len_utf8() };
        out.push_str(if taken == 19 { "[moment]" } else { &rest[..taken] });
        rest = &rest[taken..];
    }
    out
}

#[test]
fn for_people() {
    let sandbox = Sandbox::new();
    sandbox.ok(&format!("{GENERATE} --landing landing"));
    sandbox.ok("compact --lake lake --landing landing --schema combined_apache --table access --no-merge");
    for name in ["a", "b"] {
        sandbox.write(&format!("landing/2026/11/20/00/{name}"), r#"{"time":"[20/Nov/2026:00:10:00 +0000]"}"#);
        sandbox.ok("compact --lake lake --table access --no-merge");
    }
    sandbox.write("lake/logs/access/data/notes.txt", "mine");
    let shown = |line: &str| still(&sandbox.shown(line));
    assert_snapshot!(shown("gc --lake lake"), @r"
        $ firelake gc --lake lake
        -- stdout
        logs.access: as of [moment] by the store's clock, grace 4h
          keep      2 files ([size]) in 1 folder: written, or live, less than the grace ago
          unknown   1 object that firelake did not write, such as data/notes.txt: never touched
        nothing to condemn or to delete as of that time; nothing was changed
        -- exit code 0
        ");
    sleep(Duration::from_millis(1100));
    assert_snapshot!(shown("gc --lake lake --grace 0s --yes"), @r"
        $ firelake gc --lake lake --grace 0s --yes
        -- stdout
        logs.access: as of [moment] by the store's clock, grace 0s
          condemn   2 files ([size]) in 1 folder: a published copy of an earlier state
          unknown   1 object that firelake did not write, such as data/notes.txt: never touched
        2 files condemned by commit 5
        -- stderr
        warning: a grace below 4h: queries that are still running may lose their files
        -- exit code 0
        ");
    assert_snapshot!(shown("gc --lake lake --table access --yes"), @r"
        $ firelake gc --lake lake --table access --yes
        -- stdout
        logs.access: as of [moment] by the store's clock, grace 4h
          keep      2 files ([size]) in 1 folder: condemned at [moment], to be deleted from [moment] on
          unknown   1 object that firelake did not write, such as data/notes.txt: never touched
        nothing to condemn or to delete
        -- exit code 0
        ");
    sleep(Duration::from_millis(1100));
    assert_snapshot!(shown("gc --lake lake --grace 0s --yes"), @r"
        $ firelake gc --lake lake --grace 0s --yes
        -- stdout
        logs.access: as of [moment] by the store's clock, grace 0s
          delete    2 files ([size]) in 1 folder: condemned at [moment]
          unknown   1 object that firelake did not write, such as data/notes.txt: never touched
        2 files ([size]) deleted
        -- stderr
        warning: a grace below 4h: queries that are still running may lose their files
        -- exit code 0
        ");
    assert_snapshot!(shown("gc --lake lake --grace 0s --yes"), @r"
        $ firelake gc --lake lake --grace 0s --yes
        -- stdout
        logs.access: as of [moment] by the store's clock, grace 0s
          no garbage
          unknown   1 object that firelake did not write, such as data/notes.txt: never touched
        nothing to condemn or to delete
        -- stderr
        warning: a grace below 4h: queries that are still running may lose their files
        -- exit code 0
        ");
    assert!(!sandbox.path("lake/logs/access/data/p2").exists(), "an empty folder");
    assert_snapshot!(shown("verify --lake lake"), @r"
        $ firelake verify --lake lake
        -- stdout
        logs.access: note: file://[dir]/lake/logs/access/data/notes.txt: 1 object that firelake did not write, such as this one; firelake never deletes them: remove them, if nobody needs them
        logs.access: clean: 10 commits, 4 files, 67 rows
        -- exit code 0
        ");
    sandbox.run("gc --lake lake --table nothing").fails(2, &["there is no table logs.nothing"]);
    sandbox.run("gc --lake lake --grace soon").exits(2).says(&["write it as 72h, 15m or 0s"]);
}

/// On S3 and with Glue: each record is read from the ledger and from the catalog after each step.
#[test]
fn with_glue() {
    let (sandbox, bucket) = Sandbox::on_aws();
    let (lake, landing) = (format!("s3://{bucket}/lake"), format!("s3://{bucket}/landing"));
    sandbox.ok(&format!("{GENERATE} --landing {landing}"));
    sandbox.ok(&format!(
        "compact --lake {lake} --landing {landing} --schema combined_apache --table access --catalog glue --no-merge"
    ));
    for name in ["a", "b"] {
        sandbox.put(&bucket, &format!("landing/2026/11/20/00/{name}"), br#"{"time":"[20/Nov/2026:00:10:00 +0000]"}"#);
        sandbox.ok(&format!("compact --lake {lake} --table access --catalog glue --no-merge"));
    }
    let rows = || sandbox.ok(&format!("query --lake {lake} \"SELECT count(*) FROM access\" --format csv")).stdout;
    let before = rows();
    let gc = || -> Value {
        sleep(Duration::from_millis(2100));
        let told = sandbox.ok(&format!("gc --lake {lake} --table access --grace 0s --yes --json"));
        serde_json::from_str(&told.stdout).unwrap()
    };
    let condemned = gc();
    assert!(condemned["commit"].is_u64() && condemned["files_deleted"] == 0, "{condemned}");
    let files: u64 = condemned["garbage"].as_array().unwrap().iter().map(|g| g["files"].as_u64().unwrap()).sum();
    let deleted = gc();
    assert!(files > 0 && deleted["files_deleted"] == files, "{condemned}, then {deleted}");
    assert_eq!(gc()["garbage"], serde_json::json!([]));
    assert_eq!(rows(), before);
    sandbox.ok(&format!("verify --lake {lake} --table access --deep"));
}

//! What was restored from a backup that is older than what was lost: a lake, a part of it, a landing zone.

use crate::support::glue::edit_table;
use crate::support::numbered::{Numbered, SCHEMA_FILE};
use crate::support::process::Sandbox;
use crate::support::stand_in;
use serde_json::Value;
use std::process::Command;

/// A table of four commits, each of two objects, and copies of lake and landing zone as of the second.
fn made() -> (Sandbox, Numbered) {
    let (sandbox, mut all) = (Sandbox::new(), Numbered::new(0, 0, 0, 0));
    for part in 0..4 {
        let landed = Numbered::new(2 * part, 2, 8, 10);
        landed.write(&sandbox, "landing");
        all.add(landed);
        sandbox.ok(&line());
        if part == 1 {
            copy(&sandbox, "lake", "backup/lake");
            copy(&sandbox, "landing", "backup/landing");
        }
    }
    (sandbox, all)
}

fn line() -> String {
    format!("compact --lake lake --landing landing --schema {SCHEMA_FILE} --table t --no-merge")
}

/// In the place of what is there; times of files are new.
fn copy(sandbox: &Sandbox, from: &str, to: &str) {
    _ = std::fs::remove_dir_all(sandbox.path(to));
    let parent = sandbox.path(to);
    std::fs::create_dir_all(parent.parent().unwrap()).unwrap();
    assert!(Command::new("cp").arg("-r").args([sandbox.path(from), parent]).status().unwrap().success());
}

#[test]
fn a_whole_lake_takes_again_what_the_lost_commits_brought() {
    let (sandbox, all) = made();
    copy(&sandbox, "backup/lake", "lake");
    sandbox.ok(&line()).says(&["4 objects"]);
    all.check_table(&sandbox, "lake", "t");
}

/// Objects are known by their names: other times are no other objects, and what is gone was read.
#[test]
fn a_landing_zone_brings_nothing_twice() {
    let (sandbox, all) = made();
    copy(&sandbox, "backup/landing", "landing");
    sandbox.ok(&line()).says(&["nothing new to compact"]);
    sandbox.ok("verify --lake lake");
    all.write(&sandbox, "landing");
    sandbox.ok(&line()).says(&["nothing new to compact"]);
    all.check_table(&sandbox, "lake", "t");
}

/// The catalog knows better: nothing is written, until the commits are back.
#[test]
fn a_ledger_alone_is_refused_until_its_last_commits_are_back() {
    let (sandbox, all) = made();
    copy(&sandbox, "lake/logs/t/_ledger", "whole");
    copy(&sandbox, "backup/lake/logs/t/_ledger", "lake/logs/t/_ledger");
    let before = sandbox.files("lake");
    let told = [
        "the catalog knows commit 4 of logs.t, but its ledger ends at commit 2",
        "docs/ledger.md",
        "Nothing was changed",
    ];
    sandbox.run(&line()).fails(1, &told);
    assert_eq!(sandbox.files("lake"), before);
    copy(&sandbox, "whole", "lake/logs/t/_ledger");
    sandbox.ok(&line()).says(&["nothing new to compact"]);
    all.check_table(&sandbox, "lake", "t");
}

/// What docs/ledger.md says to do where they are gone for good.
#[test]
fn a_ledger_whose_last_commits_are_gone_for_good() {
    let (sandbox, all) = made();
    copy(&sandbox, "backup/lake/logs/t/_ledger", "lake/logs/t/_ledger");
    sandbox.run(&line()).fails(1, &["docs/ledger.md"]);
    for table in ["t", "t_rejected"] {
        std::fs::remove_dir_all(sandbox.path(&format!("lake/_catalog/logs/{table}"))).unwrap();
    }
    // the published copies of the lost commits are in the way of the new ones
    for folder in ["data/p3", "rejected/p3"] {
        let told = ["is committed, publishing is pending", "of a commit that is lost: remove ", folder];
        sandbox.run(&line()).exits(1).says(&told);
        std::fs::remove_dir_all(sandbox.path(&format!("lake/logs/t/{folder}"))).unwrap();
    }
    sandbox.ok(&line());
    all.check_table(&sandbox, "lake", "t");
}

#[test]
fn a_ledger_on_s3_behind_glue() {
    let (sandbox, bucket) = Sandbox::on_aws();
    let s3 = |method: &str, key: &str, body: &[u8]| {
        let answer =
            stand_in::request(&sandbox.account(), "s3", method, &format!("/{bucket}/{key}"), "", body).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let line = format!(
        "compact --lake s3://{bucket}/lake --landing s3://{bucket}/landing --schema {SCHEMA_FILE} --table t --catalog glue --no-merge"
    );
    let mut all = Numbered::new(0, 0, 0, 0);
    for part in 0..2 {
        let landed = Numbered::new(2 * part, 2, 8, 10);
        landed.put(&sandbox, &bucket, "landing");
        all.add(landed);
        sandbox.ok(&line);
    }
    // as a run later than a quarter of an hour would leave it
    let settled = |definition: &mut Value| definition["Parameters"]["firelake.commit"] = "2".into();
    assert!(edit_table(&sandbox.account(), "logs", "t", settled));
    let last = "lake/logs/t/_ledger/00000000000000000002.json";
    let commit = s3("GET", last, b"");
    s3("DELETE", last, b"");
    sandbox
        .run(&line)
        .fails(1, &["the catalog knows commit 2 of logs.t, but its ledger ends at commit 1", "docs/ledger.md"]);
    s3("PUT", last, commit.as_bytes());
    sandbox.ok(&line).says(&["nothing new to compact"]);
    all.check_table(&sandbox, &format!("s3://{bucket}/lake"), "t");
}

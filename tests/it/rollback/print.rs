//! What the commands print, with paths, ids, sizes and moments taken out.

use crate::support::process::Sandbox;
use insta::assert_snapshot;

const SMALL: &str = "--hours 1 --rate 0.02 --late 0 --broken 5% --buffer-seconds 900";

/// Commits 1 and 2: an hour each, the second one of garbage.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(&format!("generate --landing landing {SMALL} --seed 6 --start 2026-11-20T00:00:00Z"));
    sandbox.ok("compact --lake lake --landing landing --schema combined_apache --table access");
    sandbox.ok(&format!("generate --landing landing {SMALL} --seed 7 --start 2026-11-20T01:00:00Z"));
    sandbox.ok("compact --lake lake --table access");
    sandbox
}

/// Several runs of the program, with moments taken out.
fn shown(sandbox: &Sandbox, lines: &[&str]) -> String {
    let told: Vec<String> = lines.iter().map(|line| still(&sandbox.shown(line))).collect();
    told.join("\n\n")
}

fn still(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once("; by firelake ").map_or(line, |(before, _)| before));
    let mut out = String::new();
    for line in lines {
        let mut rest = line;
        while let Some(at) = rest.find("20") {
            let moment = rest.get(at..at + 19).is_some_and(|text| {
                let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
                shape == "9999-99-99 99:99:99" && !text.starts_with("2026-11-20 0")
            });
            let taken = if moment { 19 } else { 2 };
            out += &rest[..at];
            out += if moment { "[moment]" } else { "20" };
            rest = &rest[at + taken..];
        }
        out += rest;
        out.push('\n');
    }
    out.trim_end().to_owned()
}

#[test]
fn a_bad_deploy() {
    let sandbox = sandbox();
    let lines = [
        "rollback --lake lake --table access --to 1",
        "rollback --lake lake --table access --to 1 --yes",
        "rollback --lake lake --table access --to 1 --yes",
        "compact --lake lake --table access",
        "resume --lake lake --table access",
        "resume --lake lake --table access",
        "history --lake lake --table access",
    ];
    assert_snapshot!(shown(&sandbox, &lines), @"");
    sandbox.ok("compact --lake lake --table access").says(&["commit 5"]);
    assert!(sandbox.ok("verify --lake lake --table access --deep").stdout.contains(": clean: 6 commits"));
}

#[test]
fn hours_read_again_and_days_that_expire() {
    let sandbox = sandbox();
    let lines = [
        "rebuild --lake lake --table access --from 2026-11-20T00 --to 2026-11-20T01",
        "rebuild --lake lake --table access --from 2026-11-20T00 --to 2026-11-20T01 --yes",
        "rebuild --lake lake --table access --from 2026-11-21 --to 2026-11-22 --yes",
        "expire --lake lake --table access --older-than 0d",
        "query --lake lake --as-of 1 --format csv \"SELECT count(*) AS n FROM access\"",
        "query --lake lake --as-of 2 --format csv \"SELECT count(*) AS n FROM access\"",
    ];
    let text = shown(&sandbox, &lines);
    assert_snapshot!(text, @"");
}

#[test]
fn what_is_refused() {
    let sandbox = sandbox();
    let gone = sandbox.files("landing").remove(0);
    std::fs::remove_file(gone).unwrap();
    let lines = [
        "rollback --lake lake --table access --to 9",
        "rollback --lake lake --table access --to 2001-01-01",
        "rollback --lake lake --table access --to soon",
        "rebuild --lake lake --table access --from 2026-11-20T01 --to 2026-11-20T01",
        "rebuild --lake lake --table access --from 2026-11-20T00 --to 2026-11-20T01",
        "query --lake lake --as-of 9 \"SELECT 1 FROM access\"",
        "query --lake lake --engine athena --as-of 1 \"SELECT 1 FROM access\"",
    ];
    assert_snapshot!(shown(&sandbox, &lines), @"");
}

#[test]
fn a_table_without_partitions_does_not_expire() {
    let sandbox = Sandbox::new();
    let column = "[[column]]\nname = \"a\"\ntype = \"string\"\nfrom = [\"a\"]\n";
    sandbox.write("plain.toml", format!("partition = []\n\n[source]\nformat = \"json\"\n\n{column}"));
    sandbox.write("landing/2026/11/20/00/x", "{\"a\":\"1\"}\n");
    sandbox.ok("compact --lake lake --landing landing --schema plain.toml --table plain");
    let line = "expire --lake lake --table plain --older-than 1d --yes";
    sandbox.run(line).fails(2, &["logs.plain has no partitions"]);
    assert_eq!(sandbox.commits("lake", "plain"), 2);
}

/// What a rollback would bring back is condemned, or gone.
#[test]
fn what_gc_may_have_deleted_does_not_come_back() {
    let sandbox = sandbox();
    sandbox.ok("rollback --lake lake --table access --to 1 --yes");
    let file = sandbox.files("lake/logs/access/data").into_iter().find(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !path.to_str().unwrap().contains("/data/p")
            && !sandbox.ok("files --lake lake --table access").stdout.contains(name)
    });
    std::fs::remove_file(file.unwrap()).unwrap();
    assert_snapshot!(shown(&sandbox, &["rollback --lake lake --table access --to 2"]), @"");
}

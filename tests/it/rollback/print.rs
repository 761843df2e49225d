//! What the commands print, with paths, ids, sizes and moments taken out.

use crate::support::process::Sandbox;
use insta::assert_snapshot;

const SMALL: &str = "--hours 1 --rate 0.02 --late 0 --broken 5% --buffer-seconds 900";

/// Commits 1 and 2: an hour each, the second one of garbage.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(&format!("generate --landing landing {SMALL} --seed 6 --start 2026-11-20T00:00:00Z"));
    sandbox.ok("compact --lake lake --landing landing --schema combined_apache --table access --no-merge");
    sandbox.ok(&format!("generate --landing landing {SMALL} --seed 7 --start 2026-11-20T01:00:00Z"));
    sandbox.ok("compact --lake lake --table access --no-merge");
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
                shape.replace('T', " ") == "9999-99-99 99:99:99"
                    && !text.starts_with("2001")
                    && !text.starts_with("2026-11-20 0")
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
        "compact --lake lake --table access --no-merge",
        "resume --lake lake --table access",
        "resume --lake lake --table access",
        "history --lake lake --table access",
    ];
    assert_snapshot!(shown(&sandbox, &lines), @r#"
        $ firelake rollback --lake lake --table access --to 1
        -- stdout
        logs.access: back to commit 1 of [moment], from commit 2
          takes out   2 files with 72 rows ([size]); 4 objects will wait
          brings back 0 files with 0 rows ([size]); 0 objects
            access dt=2026-11-20: out 1 file with 70 rows ([size])
            access_rejected dt=2026-11-20: out 1 file with 2 rows ([size])
          nothing was changed: the same command with --yes does it
        -- exit code 0

        $ firelake rollback --lake lake --table access --to 1 --yes
        -- stdout
        logs.access: back to commit 1 of [moment], from commit 2
          takes out   2 files with 72 rows ([size]); 4 objects will wait
          brings back 0 files with 0 rows ([size]); 0 objects
            access dt=2026-11-20: out 1 file with 70 rows ([size])
            access_rejected dt=2026-11-20: out 1 file with 2 rows ([size])
          done        commit 3; the table is on hold: compact takes nothing until firelake resume
        -- exit code 0

        $ firelake rollback --lake lake --table access --to 1 --yes
        -- stdout
        logs.access: nothing to do: it holds what it held after commit 1 of [moment]; on hold since commit 3
        -- exit code 0

        $ firelake compact --lake lake --table access --no-merge
        -- stderr
        logs.access: on hold, nothing is compacted
        error: access: on hold since commit 3 (rolled back to commit 1 at [moment]): nothing is compacted
        hint: `firelake resume` when the cause is mended; 4 objects wait until then
        -- exit code 1

        $ firelake resume --lake lake --table access
        -- stdout
        logs.access: on hold since commit 3 (rolled back to commit 1 at [moment]); 4 objects waited for its end
          done        commit 4; the next run of compact takes them
        -- exit code 0

        $ firelake resume --lake lake --table access
        -- stdout
        logs.access: nothing to resume: it is not on hold
        -- exit code 0

        $ firelake history --lake lake --table access
        -- stdout
        logs.access
               4  [moment]  resumed, which ends the hold of commit 3
               3  [moment]  rolled back to commit 1: 2 files with 4 objects out, 0 files back; on hold until resumed
               2  [moment]  4 objects with 72 records: 70 rows and 2 rejected, in 2 files
               1  [moment]  4 objects with 72 records: 65 rows and 7 rejected, in 2 files
               0  [moment]  created
        -- exit code 0
        "#);
    sandbox.ok("compact --lake lake --table access --no-merge").says(&["commit 5"]);
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
    assert_snapshot!(text, @r#"
        $ firelake rebuild --lake lake --table access --from 2026-11-20T00 --to 2026-11-20T01
        -- stdout
        logs.access: reads 4 objects ([size]) again
          replaces    1 file with 65 rows ([size])
                      1 file with 7 rows ([size]) of rejected records
          nothing was changed: the same command with --yes does it
        -- exit code 0

        $ firelake rebuild --lake lake --table access --from 2026-11-20T00 --to 2026-11-20T01 --yes
        -- stdout
        logs.access: reads 4 objects ([size]) again
          replaces    1 file with 65 rows ([size])
                      1 file with 7 rows ([size]) of rejected records
          by          2 files with 72 records: 65 rows and 7 rejected
          done        commit 3
        -- exit code 0

        $ firelake rebuild --lake lake --table access --from 2026-11-21 --to 2026-11-22 --yes
        -- stdout
        logs.access: nothing to rebuild: no compacted object was delivered then
        -- exit code 0

        $ firelake expire --lake lake --table access --older-than 0d
        -- stdout
        logs.access: 2 partitions ended by [moment]
          takes out   4 files with 144 rows ([size])
            access dt=2026-11-20: out 2 files with 135 rows ([size])
            access_rejected dt=2026-11-20: out 2 files with 9 rows ([size])
          nothing was changed: the same command with --yes does it
        -- exit code 0

        $ firelake query --lake lake --as-of 1 --format csv "SELECT count(*) AS n FROM access"
        -- stdout
        n
        65
        -- exit code 0

        $ firelake query --lake lake --as-of 2 --format csv "SELECT count(*) AS n FROM access"
        -- stdout
        n
        135
        -- exit code 0
        "#);
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
    assert_snapshot!(shown(&sandbox, &lines), @r#"
        $ firelake rollback --lake lake --table access --to 9
        -- stderr
        error: there is no commit 9 in file://[dir]/lake/logs/access/_ledger
        hint: `firelake history` lists the commits
        -- exit code 2

        $ firelake rollback --lake lake --table access --to 2001-01-01
        -- stderr
        error: there was no commit yet in file://[dir]/lake/logs/access/_ledger at 2001-01-01T00:00:00Z
        hint: the first one was written at [moment]Z, by the store's clock
        -- exit code 2

        $ firelake rollback --lake lake --table access --to soon
        -- stderr
        error: invalid value 'soon' for '--to <COMMIT|TIME>': a commit's number, or a moment: "soon" is no moment; write it as [moment]Z, 2026-11-20T03 or 2026-11-20

        For more information, try '--help'.
        -- exit code 2

        $ firelake rebuild --lake lake --table access --from 2026-11-20T01 --to 2026-11-20T01
        -- stderr
        error: --from is not before --to
        hint: --to is where the range ends, and no part of it: --from 2026-11-20T03 --to 2026-11-20T04 is one hour
        -- exit code 2

        $ firelake rebuild --lake lake --table access --from 2026-11-20T00 --to 2026-11-20T01
        -- stderr
        error: 1 object cannot be read again:
          file://[dir]/landing/2026/11/20/00/web-access-1-2026-11-20-00-00-33-[uuid].gz: it is gone
        hint: nothing was changed: what these held is only in the lake now. Put them back, or rebuild hours that do not share files with them
        -- exit code 1

        $ firelake query --lake lake --as-of 9 "SELECT 1 FROM access"
        -- stderr
        error: there is no commit 9 in file://[dir]/lake/logs/access/_ledger
        hint: `firelake history` lists the commits
        -- exit code 2

        $ firelake query --lake lake --engine athena --as-of 1 "SELECT 1 FROM access"
        -- stderr
        error: --as-of is for the local engine only
        caused by: Athena reads what the catalog points at, which is the newest state
        hint: pass --engine local, or leave --as-of away
        -- exit code 2
        "#);
}

#[test]
fn a_table_without_partitions_does_not_expire() {
    let sandbox = Sandbox::new();
    let column = "[[column]]\nname = \"a\"\ntype = \"string\"\nfrom = [\"a\"]\n";
    sandbox.write("plain.toml", format!("partition = []\n\n[source]\nformat = \"json\"\n\n{column}"));
    sandbox.write("landing/2026/11/20/00/x", "{\"a\":\"1\"}\n");
    sandbox.ok("compact --lake lake --landing landing --schema plain.toml --table plain --no-merge");
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
    assert_snapshot!(shown(&sandbox, &["rollback --lake lake --table access --to 2"]), @r#"
        $ firelake rollback --lake lake --table access --to 2
        -- stderr
        error: cannot roll logs.access back to commit 2: its file file://[dir]/lake/logs/access/data/[uuid]/dt=2026-11-20/[uuid]-00000.parquet is not there
        hint: nothing was changed. Restore the file from a backup, or roll back to a later commit: firelake history lists them
        -- exit code 2
        "#);
}

/// What Firehose could not deliver, among data: kept, told, opened, and done once.
#[test]
fn failed_records_are_redriven() {
    use base64::Engine;
    let sandbox = Sandbox::new();
    let record = |host: &str| format!("{{\"host\":\"{host}\",\"datetime\":\"20/Nov/2026:03:00:00 +0000\"}}\n");
    let failed = |raw: &str| {
        let raw = base64::engine::general_purpose::STANDARD.encode(raw);
        format!("{{\"attemptsMade\":4,\"errorCode\":\"Lambda.FunctionError\",\"rawData\":\"{raw}\"}}\n")
    };
    let several = format!("{}{{\"host\":\"cut\n{}", record("c"), record("d"));
    sandbox.write("landing/2026/11/20/03/data", [record("a"), "{\"host\":\"cut\n".into()].concat());
    let objects = [failed(&record("b")), failed(&several), failed("text")];
    sandbox.write("landing/processing-failed/2026/11/20/04/failed", objects.concat());
    let lines = [
        "compact --lake lake --landing landing --schema combined_apache --table access --no-merge",
        "redrive --lake lake --table access",
        "redrive --lake lake --table access --yes",
        "redrive --lake lake --table access --yes",
        "history --lake lake --table access --limit 1",
        "redrive --lake lake --table access --json",
        "redrive --lake lake --table access --from 2026-11-21 --to 2026-11-22",
        "redrive --lake lake --table access --from 2026-11-21 --to 2026-11-20",
        "verify --lake lake --table access --deep",
    ];
    assert_snapshot!(shown(&sandbox, &lines), @r#"
        $ firelake compact --lake lake --landing landing --schema combined_apache --table access --no-merge
        -- stderr
        logs.access: 2 objects ([size]) with 5 records into 2 files in 1 partition ([size]), commit 1, [time]
          4 records rejected, kept in access_rejected, 3 of them failed records of Firehose, which firelake redrive opens
        -- exit code 0

        $ firelake redrive --lake lake --table access
        -- stdout
        logs.access: 4 rejected records decoded once more
          become rows 2: 3 rows, and 1 record inside that cannot be decoded
          rejected    3
                             2  a string does not end on its line
                             1  a failed record of Firehose whose rawData cannot be decoded: it is not a JSON object
          nothing was changed: the same command with --yes does it
        -- exit code 0

        $ firelake redrive --lake lake --table access --yes
        -- stdout
        logs.access: 4 rejected records decoded once more
          become rows 2: 3 rows, and 1 record inside that cannot be decoded
          rejected    3
                             2  a string does not end on its line
                             1  a failed record of Firehose whose rawData cannot be decoded: it is not a JSON object
          done        commit 2
        -- exit code 0

        $ firelake redrive --lake lake --table access --yes
        -- stdout
        logs.access: 3 rejected records decoded once more
          rejected    3
                             2  a string does not end on its line
                             1  a failed record of Firehose whose rawData cannot be decoded: it is not a JSON object
        -- exit code 0

        $ firelake history --lake lake --table access --limit 1
        -- stdout
        logs.access
               2  [moment]  redrove: 3 rows out of rejected records of 2 objects, 3 still rejected
        -- exit code 0

        $ firelake redrive --lake lake --table access --json
        -- stdout
        {"database":"logs","table":"access","files":1,"records":3,"decoded":0,"rows":0,"rejected_inside":0,"expired":0,"files_out":0,"stays":3,"reasons":[["a string does not end on its line",2],["a failed record of Firehose whose rawData cannot be decoded: it is not a JSON object",1]],"commits":null,"commit":null,"published":false}
        -- exit code 0

        $ firelake redrive --lake lake --table access --from 2026-11-21 --to 2026-11-22
        -- stdout
        logs.access: nothing to redrive: there is no rejected record
        -- exit code 0

        $ firelake redrive --lake lake --table access --from 2026-11-21 --to 2026-11-20
        -- stderr
        error: --from is not before --to
        hint: --to is where the range ends, and no part of it: --from 2026-11-20 --to 2026-11-21 is one day
        -- exit code 2

        $ firelake verify --lake lake --table access --deep
        -- stdout
        logs.access: clean: 3 commits, 3 files, 4 rows; 7 records read again and compared
        -- exit code 0
        "#);
}

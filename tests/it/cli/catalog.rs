//! `firelake catalog`, on the file catalog; and on Glue, where others can change what it says.

use super::compacted;
use crate::support::process::Sandbox;
use crate::support::stand_in;
use insta::assert_snapshot;

#[test]
fn list_and_show() {
    let sandbox = compacted();
    assert_snapshot!(tabs(&sandbox.shown("catalog list --lake lake")), @r"
        $ firelake catalog list --lake lake
        -- stdout
        access[tab]1 partition[tab]commit 1[tab]file://[dir]/lake/logs/access/data/
        access_rejected[tab]1 partition[tab]commit 1[tab]file://[dir]/lake/logs/access/rejected/
        -- exit code 0
        ");
    assert_snapshot!(tabs(&sandbox.shown("catalog list --lake lake --table access --json")), @r#"
        $ firelake catalog list --lake lake --table access --json
        -- stdout
        {"table":"access","firelake":true,"partitions":1,"commit":1,"location":"file://[dir]/lake/logs/access/data/"}
        -- exit code 0
        "#);
    assert_snapshot!(tabs(&sandbox.shown("catalog show --lake lake --table access_rejected")), @r"
        $ firelake catalog show --lake lake --table access_rejected
        -- stdout
        table[tab]logs.access_rejected
        location[tab]file://[dir]/lake/logs/access/rejected/
        description[tab]Records of logs.access that could not be decoded; dt is the day of delivery
        column[tab]object[tab]string[tab]URL of the landed object
        column[tab]byte_offset[tab]bigint[tab]where the record begins in the decompressed object
        column[tab]byte_length[tab]bigint[tab]how long the whole record is
        column[tab]chunk[tab]int[tab]0, or which piece of a record longer than [size] this is
        column[tab]reason[tab]string[tab]why it could not be decoded
        column[tab]raw[tab]binary[tab]the bytes as they landed
        key[tab]dt[tab]string
        parameter[tab]firelake.commit[tab]1
        partition[tab]dt=2026-11-20[tab]commit 1[tab]file://[dir]/lake/logs/access/rejected/[uuid]/dt=2026-11-20/
        -- exit code 0
        ");
    let json = sandbox.ok("catalog show --lake lake --table access --json").stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["columns"][0]["type"], "timestamp");
    assert_eq!(json["partitions"]["dt=2026-11-20"]["commit"], 1);
    assert_eq!((&json["odd"][0], &json["partition_keys"][0]), (&serde_json::Value::Null, &"dt".into()));
    sandbox.run("catalog show --lake lake").fails(2, &["which table?"]);
    sandbox.run("catalog show --lake lake --table x").fails(2, &["there is no table logs.x in the catalog (file)"]);
}

fn tabs(text: &str) -> String {
    text.replace('\t', "[tab]")
}

#[test]
fn plan_and_apply_of_a_catalog_that_was_removed() {
    let sandbox = compacted();
    assert_snapshot!(sandbox.shown("catalog plan --lake lake"), @r"
        $ firelake catalog plan --lake lake
        -- stderr
        logs.access: no changes
        -- exit code 0
        ");
    std::fs::remove_dir_all(sandbox.path("lake/_catalog")).unwrap();
    assert_snapshot!(sandbox.shown("catalog plan --lake lake --exit-code"), @r"
        $ firelake catalog plan --lake lake --exit-code
        -- stdout
        + logs.access at file://[dir]/lake/logs/access/data/ (14 columns)
        + logs.access dt=2026-11-20 at file://[dir]/lake/logs/access/data/[uuid]/dt=2026-11-20/ (commit 1)
        + logs.access_rejected at file://[dir]/lake/logs/access/rejected/ (6 columns)
        + logs.access_rejected dt=2026-11-20 at file://[dir]/lake/logs/access/rejected/[uuid]/dt=2026-11-20/ (commit 1)
        -- exit code 3
        ");
    assert_snapshot!(sandbox.shown("catalog drift --lake lake"), @r"
        $ firelake catalog drift --lake lake
        -- stdout
        - logs.access is not in the catalog: dropped, or never published; the ledger is right: file://[dir]/lake/logs/access/data/
        - logs.access_rejected is not in the catalog: dropped, or never published; the ledger is right: file://[dir]/lake/logs/access/rejected/
        -- stderr
        hint: firelake catalog apply makes the catalog say what the ledger says
        -- exit code 3
        ");
    assert_snapshot!(sandbox.shown("catalog apply --lake lake --table access"), @r"
        $ firelake catalog apply --lake lake --table access
        -- stdout
        + logs.access at file://[dir]/lake/logs/access/data/ (14 columns)
        + logs.access dt=2026-11-20 at file://[dir]/lake/logs/access/data/[uuid]/dt=2026-11-20/ (commit 1)
        + logs.access_rejected at file://[dir]/lake/logs/access/rejected/ (6 columns)
        + logs.access_rejected dt=2026-11-20 at file://[dir]/lake/logs/access/rejected/[uuid]/dt=2026-11-20/ (commit 1)
        -- stderr
        logs.access: published as of commit 1; 0 files copied
        -- exit code 0
        ");
    assert_snapshot!(sandbox.shown("catalog apply --lake lake --table access"), @r"
        $ firelake catalog apply --lake lake --table access
        -- stderr
        logs.access: nothing to change
        -- exit code 0
        ");
    assert_snapshot!(sandbox.shown("catalog drift --lake lake"), @r"
        $ firelake catalog drift --lake lake
        -- stderr
        logs.access: no drift
        -- exit code 0
        ");
    assert_snapshot!(sandbox.shown("catalog plan --lake lake --json"), @r#"
        $ firelake catalog plan --lake lake --json
        -- stdout
        {"changes":[],"database":"logs","table":"access"}
        -- exit code 0
        "#);
}

#[test]
fn without_tables() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.shown("catalog plan --lake lake"), @r#"
        $ firelake catalog plan --lake lake
        -- stderr
        error: no table of logs in [dir]/lake is published to the catalog "file"
        hint: check --lake, --database and --catalog
        -- exit code 2
        "#);
    assert_snapshot!(sandbox.shown("catalog apply --lake lake --table access"), @r#"
        $ firelake catalog apply --lake lake --table access
        -- stderr
        error: there is no table logs.access in [dir]/lake
        hint: firelake query --lake [dir]/lake "SHOW TABLES" lists what there is
        -- exit code 2
        "#);
    assert_eq!(sandbox.ok("catalog list --lake lake").stdout, "");
}

#[test]
fn help() {
    assert_snapshot!(Sandbox::new().shown("catalog -h"), @r"
        $ firelake catalog -h
        -- stdout
        What the catalog says, what publishing would change, and what others changed

        Usage: firelake catalog <COMMAND>

        Commands:
          list   List the database's tables in the catalog, also those that firelake did not make
          show   Print what the catalog says of one table: columns, keys, parameters, partitions
          plan   Print what apply would change (+ new, ~ moved or redefined, - gone), and change nothing
          apply  Make the catalog say what the ledger says, of all partitions; compact does it of what
                 changed
          drift  Print what others changed in the catalog, and exit with 3 where they did
          help   Print this message or the help of the given subcommand(s)

        Options:
          -h, --help  Print help
        -- exit code 0
        ");
    assert_snapshot!(Sandbox::new().shown("catalog drift -h"), @r"
        $ firelake catalog drift -h
        -- stdout
        Print what others changed in the catalog, and exit with 3 where they did

        Usage: firelake catalog drift [OPTIONS]

        Options:
              --lake <URL>       The lake: a folder, or its URL
              --database <NAME>  The database of tables that name none [default: logs]
              --config <FILE>    The configuration [default: firelake.toml, where there is one]
              --table <NAME>     The table [default: every table of the database that has a ledger in the
                                 lake]
              --catalog <KIND>   Which catalog: file (in the lake itself) or glue (AWS Glue) [default: file]
              --json             Print JSON, an object a line
          -h, --help             Print help (see more with '--help')

        apply repairs it, but for partitions that firelake did not make.

        Example:
          firelake catalog drift --lake s3://my-lake --catalog glue --json
        -- exit code 0
        ");
}

#[test]
fn glue_wants_a_lake_in_s3() {
    let sandbox = compacted();
    let told = [
        "the lake [dir]/lake is a folder of this machine",
        "choose a lake in S3 (s3://bucket/folder), or --catalog file",
    ];
    let outcome = sandbox.run("catalog list --lake lake --catalog glue").exits(2);
    told.iter().for_each(|told| assert!(sandbox.redacted(&outcome.stderr).contains(told), "{outcome:?}"));
    sandbox.run("compact --lake lake --table access --catalog glue").exits(2).says(&["is a folder of this machine"]);
}

/// One request to Glue by somebody else.
fn by_hand(account: &str, action: &str, body: &str) {
    let headers = format!("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSGlue.{action}\r\n");
    let answer = stand_in::request(account, "glue", "POST", "/", &headers, body.as_bytes()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn glue_from_landing_to_repair() {
    let (account, bucket) = (stand_in::account(), stand_in::bucket_name("glue"));
    stand_in::create_bucket(&account, &bucket);
    let sandbox = Sandbox::new().asking(stand_in::url(), &account);
    let without_bucket = |text: String| text.replace(&bucket, "bucket");
    sandbox.write("firelake.toml", format!("lake = \"s3://{bucket}/lake\"\ncatalog = \"glue\"\n"));
    sandbox.ok(&format!("generate --landing s3://{bucket}/landing {}", super::SMALL));
    let compact = format!("compact --landing s3://{bucket}/landing --schema combined_apache --table access --json");
    let summary: serde_json::Value = serde_json::from_str(&sandbox.ok(&compact).stdout).unwrap();
    assert_eq!(summary["published"], true);
    assert!(summary["requests"]["glue"].as_u64().unwrap() >= 8, "{summary}");
    assert_snapshot!(without_bucket(tabs(&sandbox.shown("catalog list"))), @r"
        $ firelake catalog list
        -- stdout
        access[tab]1 partition[tab]commit 1[tab]s3://bucket/lake/logs/access/data/
        access_rejected[tab]1 partition[tab]commit 1[tab]s3://bucket/lake/logs/access/rejected/
        -- exit code 0
        ");
    assert_snapshot!(sandbox.shown("catalog drift"), @r"
        $ firelake catalog drift
        -- stderr
        logs.access: no drift
        -- exit code 0
        ");
    // what only reads needs no --catalog
    assert_eq!(sandbox.ok("files --table access").stdout.lines().count(), 1);
    sandbox.run("catalog plan --table access --catalog file").fails(2, &["pass --catalog glue"]);

    let table = r#""DatabaseName": "logs", "TableName""#;
    by_hand(&account, "DeleteTable", r#"{"DatabaseName": "logs", "Name": "access_rejected"}"#);
    by_hand(&account, "CreateTable", r#"{"DatabaseName": "logs", "TableInput": {"Name": "theirs"}}"#);
    by_hand(
        &account,
        "UpdatePartition",
        &format!(
            r#"{{{table}: "access", "PartitionValueList": ["2026-11-20"], "PartitionInput": {{"Values": ["2026-11-20"],
            "StorageDescriptor": {{"Location": "s3://other/x"}}, "Parameters": {{"firelake.commit": "1"}}}}}}"#
        ),
    );
    by_hand(
        &account,
        "CreatePartition",
        &format!(
            r#"{{{table}: "access", "PartitionInput": {{"Values": ["2099-01-01"], "StorageDescriptor": {{"Location": "s3://other/y/"}}}}}}"#
        ),
    );
    assert_snapshot!(without_bucket(sandbox.shown("catalog drift")), @r"
        $ firelake catalog drift
        -- stdout
        ~ logs.access dt=2026-11-20 points at s3://other/x/ (commit 1); the ledger is right: s3://bucket/lake/logs/access/data/[uuid]/dt=2026-11-20/ (commit 1)
        + logs.access dt=2099-01-01 at s3://other/y/ is no partition of firelake: left alone
        - logs.access_rejected is not in the catalog: dropped, or never published; the ledger is right: s3://bucket/lake/logs/access/rejected/
        -- stderr
        hint: firelake catalog apply makes the catalog say what the ledger says
        hint: partitions that firelake did not make stay until somebody drops them in the catalog
        -- exit code 3
        ");
    assert_snapshot!(without_bucket(sandbox.shown("catalog drift --json")), @r#"
        $ firelake catalog drift --json
        -- stdout
        {"table":"logs.access","partition":"dt=2026-11-20","drift":"elsewhere","told":"points at s3://other/x/ (commit 1); the ledger is right: s3://bucket/lake/logs/access/data/[uuid]/dt=2026-11-20/ (commit 1)"}
        {"table":"logs.access","partition":"dt=2099-01-01","drift":"unknown","told":"at s3://other/y/ is no partition of firelake: left alone"}
        {"table":"logs.access_rejected","drift":"missing","told":"is not in the catalog: dropped, or never published; the ledger is right: s3://bucket/lake/logs/access/rejected/"}
        -- stderr
        hint: firelake catalog apply makes the catalog say what the ledger says
        hint: partitions that firelake did not make stay until somebody drops them in the catalog
        -- exit code 3
        "#);
    assert_snapshot!(without_bucket(sandbox.shown("catalog apply")), @r"
        $ firelake catalog apply
        -- stdout
        ~ logs.access dt=2026-11-20 from s3://other/x/ (commit 1) to s3://bucket/lake/logs/access/data/[uuid]/dt=2026-11-20/ (commit 1)
        + logs.access_rejected at s3://bucket/lake/logs/access/rejected/ (6 columns)
        + logs.access_rejected dt=2026-11-20 at s3://bucket/lake/logs/access/rejected/[uuid]/dt=2026-11-20/ (commit 1)
        -- stderr
        logs.access: published as of commit 1; 0 files copied
        -- exit code 0
        ");
    assert_snapshot!(without_bucket(sandbox.shown("catalog drift")), @r"
        $ firelake catalog drift
        -- stdout
        + logs.access dt=2099-01-01 at s3://other/y/ is no partition of firelake: left alone
        -- stderr
        hint: partitions that firelake did not make stay until somebody drops them in the catalog
        -- exit code 3
        ");
    let list = sandbox.ok("catalog list").stdout;
    assert!(list.contains("theirs\tnot firelake's"), "{list}");
    sandbox.run(&compact.replace("--table access", "--table theirs")).fails(
        2,
        &["the catalog's table of this name has no parameter firelake.commit", "firelake did not make this table"],
    );
    assert!(!sandbox.ok("catalog list").stdout.contains("theirs_rejected"), "nothing was made");
    sandbox.run("catalog drift --table theirs").fails(2, &["there is no table logs.theirs in s3://"]);
}

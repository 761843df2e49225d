//! S3 as landing zone and lake.

use crate::support::process::{Sandbox, finish};
use crate::truth::windows::of_access;
use serde_json::Value;

const GENERATE: &str =
    "generate --start 2026-11-19T22:00:00Z --hours 4 --rate 0.1 --broken 2% --late 5% --delimiter none";
const SCHEMA: &str = "--schema combined_apache --table access";

fn summary(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap()
}

/// Everything that a run says of its work, but for sizes, which hold UUIDs, and requests.
fn work(mut summary: Value) -> Value {
    let fields = summary.as_object_mut().unwrap();
    ["bytes_written", "requests"].iter().for_each(|name| _ = fields.remove(*name));
    summary
}

#[test]
fn the_way_is_the_same_as_on_local_files() {
    let (sandbox, bucket) = Sandbox::on_aws();
    let s3 = format!("s3://{bucket}");
    sandbox.ok(&format!("{GENERATE} --landing landing --hosts hosts.csv"));
    sandbox.ok(&format!("{GENERATE} --landing {s3}/landing/web/"));
    let local = sandbox.ok(&format!("compact --lake lake --landing landing {SCHEMA} --json"));
    let remote = sandbox.ok(&format!("compact --lake {s3}/lake/ --landing {s3}/landing/web {SCHEMA} --json"));
    let (local, remote) = (summary(&local.stdout), summary(&remote.stdout));
    assert!(remote["requests"]["put"].as_u64().unwrap() > 4, "{remote}");
    assert_eq!(work(local), work(remote));
    for query in of_access() {
        let asked = |lake: &str| {
            sandbox.ok(&format!("query --lake {lake} --reference hosts=hosts.csv {query} --format ndjson")).stdout
        };
        let answer = asked("lake");
        assert!(answer.lines().count() > 1, "{query}: {answer}");
        assert_eq!(answer, asked(&format!("{s3}/lake")), "{query}");
    }
    let again = sandbox.ok(&format!("compact --lake {s3}/lake --table access --json"));
    assert_eq!(summary(&again.stdout)["objects"], 0);
}

#[test]
fn a_reference_may_be_on_s3() {
    let (sandbox, bucket) = Sandbox::on_aws();
    let lake = format!("s3://{bucket}/lake");
    sandbox.ok(&format!("{GENERATE} --landing s3://{bucket}/landing"));
    sandbox.ok(&format!("compact --lake {lake} --landing s3://{bucket}/landing {SCHEMA}"));
    sandbox.put(&bucket, "ref/hosts.csv", b"host,name\n10.0.0.1,one\n");
    let query = format!("query --lake {lake} --reference hosts=s3://{bucket}/ref/hosts.csv --format csv");
    assert_eq!(sandbox.ok(&format!("{query} \"SELECT name FROM hosts\"")).stdout, "name\none\n");
}

/// Of whichever catalog: the ledger says which.
#[test]
fn a_lake_on_s3_is_looked_at() {
    let (sandbox, bucket) = Sandbox::on_aws();
    let (lake, landing) = (format!("s3://{bucket}/lake"), format!("s3://{bucket}/landing"));
    sandbox.ok(&format!("{GENERATE} --landing {landing}"));
    let whole = sandbox.ok(&format!("compact --lake {lake} --landing {landing} {SCHEMA} --catalog glue --json"));
    let whole = summary(&whole.stdout);
    let verified = summary(&sandbox.ok(&format!("verify --lake {lake} --deep --json")).stdout);
    assert_eq!((&verified["clean"], &verified["rows"]), (&true.into(), &whole["rows_written"]));
    assert_eq!((&verified["records_compared"], &verified["notes"]), (&whole["records_read"], &0.into()));
    let status = summary(&sandbox.ok(&format!("status --lake {lake} --json")).stdout);
    assert_eq!((&status["publishing_pending"], &status["lag"]["objects"]), (&false.into(), &0.into()));
    sandbox.put(&bucket, "landing/2026/11/20/05/x", b"{}");
    let landed = sandbox.ok(&format!("history --lake {lake} --object {landing}/2026/11/20/05/x")).stdout;
    assert!(landed.contains("not yet compacted"), "{landed}");
}

/// One conditional create wins, over HTTP too.
#[test]
fn runs_at_once_take_each_object_once() {
    let (sandbox, bucket) = Sandbox::on_aws();
    let (lake, landing) = (format!("s3://{bucket}/lake"), format!("s3://{bucket}/landing"));
    sandbox.ok(&format!("{GENERATE} --landing {landing}"));
    let line = format!("compact --lake {lake} --landing {landing} {SCHEMA} --json");
    let runs: Vec<_> = (0..4).map(|_| sandbox.start(&line)).collect();
    let done: Vec<Value> = runs.into_iter().map(|run| summary(&finish(&line, run).exits(0).stdout)).collect();
    let read: u64 = done.iter().map(|run| run["records_read"].as_u64().unwrap()).sum();
    let rows: u64 = done.iter().map(|run| run["rows_written"].as_u64().unwrap()).sum();
    let count = sandbox.ok(&format!("query --lake {lake} --format csv \"SELECT count(*) AS n FROM access\""));
    assert_eq!(count.stdout, format!("n\n{rows}\n"));
    let rejected =
        sandbox.ok(&format!("query --lake {lake} --format csv \"SELECT count(*) AS n FROM access_rejected\""));
    assert_eq!(rejected.stdout, format!("n\n{}\n", read - rows));
    assert!(done.iter().filter(|run| run["objects"].as_u64() > Some(0)).count() >= 1);
    let landed: Value = summary(&sandbox.ok(&format!("{GENERATE} --landing {landing} --json")).stdout);
    assert_eq!(landed["records"].as_u64(), Some(read), "{landed}");
}

#[test]
fn a_bucket_that_is_not_there_is_told_by_its_name() {
    let (sandbox, bucket) = Sandbox::on_aws();
    let missing = ["there is no such bucket: s3://nobodys-bucket\n", "firelake makes no buckets"];
    sandbox.run("files --lake s3://nobodys-bucket/lake --table access").fails(1, &missing);
    sandbox
        .run(&format!("compact --lake s3://nobodys-bucket/lake --landing s3://{bucket}/x {SCHEMA}"))
        .fails(1, &missing);
    sandbox
        .run(&format!("compact --lake s3://{bucket}/lake --landing s3://nobodys-bucket/x {SCHEMA}"))
        .fails(1, &missing);
    sandbox.run("query --lake s3://nobodys-bucket \"SELECT 1 FROM access\"").fails(1, &missing);
}

#[test]
fn urls_that_are_none() {
    let (sandbox, bucket) = Sandbox::on_aws();
    sandbox.run("files --lake s3:// --table x").fails(2, &["s3:// names no bucket"]);
    sandbox
        .run(&format!("files --lake s3a://{bucket}/x --table x"))
        .fails(2, &[&format!("hint: write s3://{bucket}/x")]);
    sandbox.run(&format!("files --lake s3://{bucket}/a//b --table x")).fails(2, &["cannot be a folder of a lake"]);
    sandbox.write("firelake.toml", "lake = \"s3:/bucket/lake\"\n");
    sandbox
        .run("files --table x")
        .fails(2, &["s3:/bucket/lake is neither a folder nor a URL", "write s3://bucket/lake"]);
    let no_scheme = ["the endpoint \"127.0.0.1:9\" is no URL", "http://host:port"];
    sandbox.run("files --lake s3://bucket/x --table x --endpoint-url 127.0.0.1:9").fails(2, &no_scheme);
    let athena = "query --engine athena --endpoint-url 127.0.0.1:9 \"SELECT 1\"";
    sandbox.run(athena).fails(2, &no_scheme);
    sandbox.run("files --lake gs://bucket/x --table x").fails(2, &["does not read gs: URLs"]);
    let inside = format!("compact --lake s3://{bucket}/a/lake --landing s3://{bucket}/a {SCHEMA}");
    sandbox.run(&inside).fails(2, &["the lake is inside its landing prefix"]);
}

/// A marker of a folder is an input without records; a key that cannot be named ends the run, and nothing is compacted.
#[test]
fn markers_and_keys_that_cannot_be_named() {
    let (sandbox, bucket) = Sandbox::on_aws();
    let compact = format!("compact --lake s3://{bucket}/lake --landing s3://{bucket}/landing {SCHEMA}");
    let folder = "landing/2026/11/20/03";
    sandbox.put(&bucket, &format!("{folder}/"), b"");
    sandbox.put(&bucket, &format!("{folder}/a"), b"{\"host\":\"a\"}");
    let seen = summary(&sandbox.ok(&format!("{compact} --json")).stdout);
    assert_eq!((&seen["objects"], &seen["records_read"]), (&Value::from(2), &Value::from(1)), "{seen}");
    sandbox.put(&bucket, &format!("{folder}/b"), b"{\"host\":\"b\"}");
    sandbox.put(&bucket, &format!("{folder}//c"), b"{\"host\":\"c\"}");
    let told = ["cannot be read", "2026/11/20/03//c", "hint: a listing must be complete"];
    sandbox.run(&compact).fails(1, &told);
    assert_eq!(
        sandbox.ok(&format!("query --lake s3://{bucket}/lake --format csv \"SELECT client_ip FROM access\"")).stdout,
        "client_ip\na\n"
    );
}

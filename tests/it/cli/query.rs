use super::compacted;
use crate::support::process::{Sandbox, finish};
use insta::assert_snapshot;

const SQL: &str = "\"SELECT ts, status, nullif(status, 200) AS other, '' AS nothing, 'a, b' AS text FROM access WHERE status IN (200, 304) ORDER BY ts, path LIMIT 3\"";

fn in_format(format: &str) -> String {
    compacted().shown(&format!("query --lake lake --format {format} {SQL}"))
}

#[test]
fn as_a_table() {
    assert_snapshot!(in_format("table"), @r#"
        $ firelake query --lake lake --format table "SELECT ts, status, nullif(status, 200) AS other, '' AS nothing, 'a, b' AS text FROM access WHERE status IN (200, 304) ORDER BY ts, path LIMIT 3"
        -- stdout
        ┌─────────────────────────┬────────┬───────┬─────────┬──────┐
        │ ts                      ┆ status ┆ other ┆ nothing ┆ text │
        ╞═════════════════════════╪════════╪═══════╪═════════╪══════╡
        │ 2026-11-20 00:03:26.000 ┆    200 ┆  NULL ┆         ┆ a, b │
        │ 2026-11-20 00:04:29.000 ┆    200 ┆  NULL ┆         ┆ a, b │
        │ 2026-11-20 00:10:24.000 ┆    200 ┆  NULL ┆         ┆ a, b │
        └─────────────────────────┴────────┴───────┴─────────┴──────┘
        -- stderr
        3 rows, [time]
        -- exit code 0
        "#);
}

#[test]
fn as_csv() {
    assert_snapshot!(in_format("csv"), @r#"
        $ firelake query --lake lake --format csv "SELECT ts, status, nullif(status, 200) AS other, '' AS nothing, 'a, b' AS text FROM access WHERE status IN (200, 304) ORDER BY ts, path LIMIT 3"
        -- stdout
        ts,status,other,nothing,text
        2026-11-20 00:03:26.000,200,,"","a, b"
        2026-11-20 00:04:29.000,200,,"","a, b"
        2026-11-20 00:10:24.000,200,,"","a, b"
        -- exit code 0
        "#);
}

#[test]
fn as_json() {
    assert_snapshot!(in_format("json"), @r#"
        $ firelake query --lake lake --format json "SELECT ts, status, nullif(status, 200) AS other, '' AS nothing, 'a, b' AS text FROM access WHERE status IN (200, 304) ORDER BY ts, path LIMIT 3"
        -- stdout
        [
        {"ts":"2026-11-20T00:03:26.000","status":200,"other":null,"nothing":"","text":"a, b"},
        {"ts":"2026-11-20T00:04:29.000","status":200,"other":null,"nothing":"","text":"a, b"},
        {"ts":"2026-11-20T00:10:24.000","status":200,"other":null,"nothing":"","text":"a, b"}
        ]
        -- exit code 0
        "#);
}

#[test]
fn as_ndjson() {
    assert_snapshot!(in_format("ndjson"), @r#"
        $ firelake query --lake lake --format ndjson "SELECT ts, status, nullif(status, 200) AS other, '' AS nothing, 'a, b' AS text FROM access WHERE status IN (200, 304) ORDER BY ts, path LIMIT 3"
        -- stdout
        {"ts":"2026-11-20T00:03:26.000","status":200,"other":null,"nothing":"","text":"a, b"}
        {"ts":"2026-11-20T00:04:29.000","status":200,"other":null,"nothing":"","text":"a, b"}
        {"ts":"2026-11-20T00:10:24.000","status":200,"other":null,"nothing":"","text":"a, b"}
        -- exit code 0
        "#);
}

#[test]
fn no_rows_in_each_format() {
    let sandbox = compacted();
    let answer = |format| {
        sandbox
            .ok(&format!("query --lake lake --format {format} \"SELECT ts, status FROM access WHERE status = 1\""))
            .stdout
    };
    assert_eq!(["csv", "json", "ndjson"].map(answer), ["ts,status\n", "[]\n", ""]);
    assert!(answer("table").contains("│ ts ┆ status │"));
}

#[test]
fn named_with_a_reference_table() {
    let line = "query --lake lake --reference hosts=hosts.csv application_windows --format csv";
    assert_snapshot!(compacted().shown(line), @r#"
        $ firelake query --lake lake --reference hosts=hosts.csv application_windows --format csv
        -- stdout
        window_start,application,requests
        2026-11-20 00:00:00.000,unknown,5
        2026-11-20 00:05:00.000,unknown,2
        2026-11-20 00:05:00.000,Image Resizer,1
        2026-11-20 00:10:00.000,unknown,4
        2026-11-20 00:15:00.000,unknown,3
        2026-11-20 00:20:00.000,unknown,11
        2026-11-20 00:25:00.000,Image Resizer,6
        2026-11-20 00:25:00.000,unknown,6
        2026-11-20 00:30:00.000,unknown,6
        2026-11-20 00:30:00.000,Image Resizer,1
        2026-11-20 00:35:00.000,unknown,4
        2026-11-20 00:40:00.000,Image Resizer,2
        2026-11-20 00:40:00.000,Billing,1
        2026-11-20 00:40:00.000,unknown,1
        2026-11-20 00:45:00.000,unknown,3
        2026-11-20 00:45:00.000,Billing,1
        2026-11-20 00:50:00.000,unknown,3
        2026-11-20 00:50:00.000,Billing,1
        2026-11-20 00:55:00.000,unknown,4
        -- exit code 0
        "#);
}

#[test]
fn named_on_another_table_and_with_parameters() {
    let sandbox = compacted();
    sandbox.write(
        "q.sql",
        "-- By status\n-- param: status int = 200\nSELECT count(*) AS n FROM access WHERE status = :status\n",
    );
    let answer = |line: &str| sandbox.ok(&format!("query --lake lake --format csv {line}")).stdout;
    let all = answer("\"SELECT count(*) AS n FROM access WHERE status = 404\"");
    assert!(all != "n\n0\n" && all.starts_with("n\n"), "{all}");
    assert_eq!(answer("-f q.sql --param status=404"), all);
    assert_ne!(answer("-f q.sql"), all);
    assert_eq!(answer("--param ip=nobody \"SELECT count(*) AS n FROM access WHERE client_ip = :ip\""), "n\n0\n");
}

#[test]
fn the_listing_of_queries_and_the_text_of_one() {
    assert_snapshot!(Sandbox::new().shown("queries"), @r#"
        $ firelake queries
        -- stdout
        application_windows  Requests per application in 5-minute windows; clients that the hosts table does not know are the application unknown
        client_windows       Requests per client in 10-second windows
        errors_per_hour      Requests, errors, and the share of errors of the server, per hour
        flow_rejected_ports  VPC Flow Logs: ports that rejected traffic asked for, and from how many addresses
        flow_top_talkers     VPC Flow Logs: who sent the most bytes to whom
        slowest_operations   The slowest GraphQL operations of each company
        status_per_minute    Responses by status, per minute
        systems_and_agents   Requests by operating system and agent
        top_urls             URLs that sent the most bytes
        waf_blocks_by_rule   Requests that AWS WAF blocked, by rule
        -- exit code 0
        "#);
    assert_snapshot!(Sandbox::new().shown("queries status_per_minute"), @r#"
        $ firelake queries status_per_minute
        -- stdout
        -- Responses by status, per minute
        SELECT
            date_trunc('minute', ts) AS minute,
            status,
            count(*) AS responses
        FROM access
        GROUP BY 1, 2
        ORDER BY minute, status
        -- exit code 0
        "#);
}

const BUSY: &str = "query --lake lake \"SELECT count(*) AS n FROM access a, access b, access c, access d, access e WHERE a.agent || b.path || c.path < d.path || e.path\"";

fn kill(signal: &str, child: &std::process::Child) {
    assert!(
        std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success()
    );
}

/// A query that keeps every thread busy does not look up: the process ends all the same.
#[test]
fn a_busy_query_is_stopped() {
    for signal in ["INT", "TERM"] {
        let sandbox = compacted();
        let child = sandbox.start(BUSY);
        std::thread::sleep(std::time::Duration::from_secs(2));
        kill(signal, &child);
        let name = if signal == "INT" { "Ctrl-C" } else { "SIGTERM" };
        finish(BUSY, child).fails(130, &[&format!("stopped by {name}")]);
    }
}

/// What was started to outlive its terminal does so, and can still be ended.
#[cfg(target_os = "linux")]
#[test]
fn nohup_outlives_its_terminal() {
    let sandbox = compacted();
    sandbox.write("busy.sql", BUSY.split('"').nth(1).unwrap());
    let mut command = std::process::Command::new("nohup");
    command.args([env!("CARGO_BIN_EXE_firelake"), "query", "--lake", "lake", "-f", "busy.sql"]);
    let piped = std::process::Stdio::piped;
    let child = command.current_dir(sandbox.path("")).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    kill("HUP", &child);
    std::thread::sleep(std::time::Duration::from_secs(3));
    kill("TERM", &child);
    assert!(finish("nohup", child).exits(130).stderr.contains("stopped by SIGTERM"));
}

use super::{compacted, landed};
use crate::support::process::{Outcome, Sandbox};
use insta::assert_snapshot;
use serde_json::Value;

const COMPACT: &str = "compact --lake lake --landing landing --schema combined_apache --table access";

#[test]
fn for_people() {
    let sandbox = landed();
    assert_snapshot!(sandbox.shown(COMPACT), @r#"
        $ firelake compact --lake lake --landing landing --schema combined_apache --table access
        -- stderr
        logs.access: 4 objects ([size]) with 72 records into 2 files in 1 partition ([size]), commit 1, [time]
          7 records rejected, kept in access_rejected
        -- exit code 0
        "#);
    assert_snapshot!(sandbox.shown("compact --lake lake --table access"), @r#"
        $ firelake compact --lake lake --table access
        -- stderr
        logs.access: nothing new to compact
        -- exit code 0
        "#);
}

#[test]
fn for_programs() {
    let sandbox = landed();
    assert_snapshot!(sandbox.shown(&format!("{COMPACT} --json")), @r#"
        $ firelake compact --lake lake --landing landing --schema combined_apache --table access --json
        -- stdout
        {"database":"logs","table":"access","commits":[1,1],"objects":4,"objects_waiting":0,"objects_gone":0,"objects_settling":0,"objects_changed":0,"bytes_read":[size],"records_read":72,"rows_written":65,"records_rejected":7,"records_failed":0,"rows_by_delivery":0,"rows_repaired":0,"partitions":1,"files_written":2,"bytes_written":[size],"merge_commits":null,"files_merged":0,"files_after_merge":0,"published":true,"tables_made":2,"partitions_moved":2,"requests":{"get":0,"head":0,"put":0,"copy":0,"list":0,"delete":0,"glue":0,"athena":0}}
        -- exit code 0
        "#);
    assert_snapshot!(sandbox.shown("compact --lake lake --table access --json"), @r#"
        $ firelake compact --lake lake --table access --json
        -- stdout
        {"database":"logs","table":"access","commits":null,"objects":0,"objects_waiting":0,"objects_gone":0,"objects_settling":0,"objects_changed":0,"bytes_read":0,"records_read":0,"rows_written":0,"records_rejected":0,"records_failed":0,"rows_by_delivery":0,"rows_repaired":0,"partitions":0,"files_written":0,"bytes_written":0,"merge_commits":null,"files_merged":0,"files_after_merge":0,"published":true,"tables_made":0,"partitions_moved":0,"requests":{"get":0,"head":0,"put":0,"copy":0,"list":0,"delete":0,"glue":0,"athena":0}}
        -- exit code 0
        "#);
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}\n{outcome:#?}"))
}

/// The sizes that the snapshots leave out.
#[test]
fn sizes_are_those_of_the_files() {
    let sandbox = landed();
    let summary = json(&sandbox.ok(&format!("{COMPACT} --json")));
    let size = |files: Vec<std::path::PathBuf>| files.iter().map(|file| file.metadata().unwrap().len()).sum::<u64>();
    assert_eq!(summary["bytes_read"], size(sandbox.files("landing")));
    let written = [sandbox.files("lake/logs/access/data"), sandbox.files("lake/logs/access/rejected")].concat();
    assert_eq!(
        (summary["files_written"].as_u64(), summary["bytes_written"].as_u64()),
        (Some(written.len() as u64), Some(size(written)))
    );
}

#[test]
fn the_configuration_alone_does_every_table() {
    let sandbox = landed();
    sandbox.ok(&format!("generate --landing json --format apache_json --delimiter none {}", super::SMALL));
    let tables = "[table.access]\nschema = \"combined_apache\"\nlanding = [\"landing\"]\n\
                  [table.own]\nschema = \"apache_json\"\nlanding = [\"json\"]\n";
    let other = "[reference.hosts]\nfile = \"hosts.csv\"\n[query]\nfolder = \"my\"\n";
    sandbox.write("firelake.toml", format!("lake = \"lake\"\ndatabase = \"web\"\n{tables}{other}"));
    sandbox.write("my/clients.sql", "-- How many clients\nSELECT count(DISTINCT client_ip) AS clients FROM access\n");
    assert_snapshot!(sandbox.shown("compact"), @r#"
        $ firelake compact
        -- stderr
        web.access: 4 objects ([size]) with 72 records into 2 files in 1 partition ([size]), commit 1, [time]
          7 records rejected, kept in access_rejected
        web.own: 4 objects ([size]) with 72 records into 2 files in 1 partition ([size]), commit 1, [time]
          6 records rejected, kept in own_rejected
        -- exit code 0
        "#);
    assert_snapshot!(sandbox.shown("compact --json"), @r#"
        $ firelake compact --json
        -- stdout
        {"database":"web","table":"access","commits":null,"objects":0,"objects_waiting":0,"objects_gone":0,"objects_settling":0,"objects_changed":0,"bytes_read":0,"records_read":0,"rows_written":0,"records_rejected":0,"records_failed":0,"rows_by_delivery":0,"rows_repaired":0,"partitions":0,"files_written":0,"bytes_written":0,"merge_commits":null,"files_merged":0,"files_after_merge":0,"published":true,"tables_made":0,"partitions_moved":0,"requests":{"get":0,"head":0,"put":0,"copy":0,"list":0,"delete":0,"glue":0,"athena":0}}
        {"database":"web","table":"own","commits":null,"objects":0,"objects_waiting":0,"objects_gone":0,"objects_settling":0,"objects_changed":0,"bytes_read":0,"records_read":0,"rows_written":0,"records_rejected":0,"records_failed":0,"rows_by_delivery":0,"rows_repaired":0,"partitions":0,"files_written":0,"bytes_written":0,"merge_commits":null,"files_merged":0,"files_after_merge":0,"published":true,"tables_made":0,"partitions_moved":0,"requests":{"get":0,"head":0,"put":0,"copy":0,"list":0,"delete":0,"glue":0,"athena":0}}
        -- exit code 0
        "#);
    assert_snapshot!(sandbox.shown("query clients --format csv"), @r#"
        $ firelake query clients --format csv
        -- stdout
        clients
        6
        -- exit code 0
        "#);
    assert_snapshot!(sandbox.shown("query clients --format csv --table own"), @r#"
        $ firelake query clients --format csv --table own
        -- stdout
        clients
        6
        -- exit code 0
        "#);
    assert_snapshot!(sandbox.shown("query application_windows --format csv"), @r#"
        $ firelake query application_windows --format csv
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
    assert_snapshot!(sandbox.shown("queries"), @r#"
        $ firelake queries
        -- stdout
        application_windows  Requests per application in 5-minute windows; clients that the hosts table does not know are the application unknown
        client_windows       Requests per client in 10-second windows
        clients              How many clients
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
}

/// One table's failure does not keep the others from being done.
#[test]
fn a_table_that_fails_does_not_stop_the_next() {
    let sandbox = landed();
    let tables = "[table.a]\nschema = \"combined_apache\"\nlanding = [\"nowhere\"]\n\
                  [table.b]\nschema = \"combined_apache\"\nlanding = [\"landing\"]\n";
    sandbox.write("firelake.toml", format!("lake = \"lake\"\n{tables}"));
    assert_snapshot!(sandbox.shown("compact"), @r#"
        $ firelake compact
        -- stderr
        error: table a failed
        caused by: the landing folder [dir]/nowhere does not exist
        hint: check the path; nothing was listed and nothing was changed
        logs.b: 4 objects ([size]) with 72 records into 2 files in 1 partition ([size]), commit 1, [time]
          7 records rejected, kept in b_rejected
        -- exit code 2
        "#);
}

#[test]
fn a_run_with_nothing_new_changes_no_file() {
    let sandbox = compacted();
    let before = state(&sandbox);
    sandbox.ok(COMPACT);
    assert_eq!(state(&sandbox), before);
}

/// Every file of the lake with its content.
fn state(sandbox: &Sandbox) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = sandbox.files("lake");
    assert!(files.len() > 4, "{files:?}");
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

use super::{compacted, landed};
use crate::support::process::{Outcome, Sandbox};
use insta::assert_snapshot;
use serde_json::Value;

const COMPACT: &str = "compact --lake lake --landing landing --schema combined_apache --table access";

#[test]
fn for_people() {
    let sandbox = landed();
    assert_snapshot!(sandbox.shown(COMPACT), @"");
    assert_snapshot!(sandbox.shown("compact --lake lake --table access"), @"");
}

#[test]
fn for_programs() {
    let sandbox = landed();
    assert_snapshot!(sandbox.shown(&format!("{COMPACT} --json")), @"");
    assert_snapshot!(sandbox.shown("compact --lake lake --table access --json"), @"");
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
    assert_snapshot!(sandbox.shown("compact"), @"");
    assert_snapshot!(sandbox.shown("compact --json"), @"");
    assert_snapshot!(sandbox.shown("query clients --format csv"), @"");
    assert_snapshot!(sandbox.shown("query clients --format csv --table own"), @"");
    assert_snapshot!(sandbox.shown("query application_windows --format csv"), @"");
    assert_snapshot!(sandbox.shown("queries"), @"");
}

/// One table's failure does not keep the others from being done.
#[test]
fn a_table_that_fails_does_not_stop_the_next() {
    let sandbox = landed();
    let tables = "[table.a]\nschema = \"combined_apache\"\nlanding = [\"nowhere\"]\n\
                  [table.b]\nschema = \"combined_apache\"\nlanding = [\"landing\"]\n";
    sandbox.write("firelake.toml", format!("lake = \"lake\"\n{tables}"));
    assert_snapshot!(sandbox.shown("compact"), @"");
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

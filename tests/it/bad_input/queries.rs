//! Questions that cannot be answered.

use super::{compacted, unharmed};

const QUERY: &str = "query --lake lake --format csv";

#[test]
fn an_unknown_table_lists_those_there_are() {
    let (sandbox, _) = compacted();
    let told = sandbox.run(&format!("{QUERY} \"SELECT * FROM acces\""));
    told.fails(
        1,
        &["there is no table acces in database logs", "did you mean access? The tables are access, access_rejected"],
    );
    let told = sandbox.run(&format!("{QUERY} \"SELECT * FROM other.access\""));
    told.fails(1, &["there is no table access in database other", "the database has no tables"]);
    sandbox.run("query --lake nowhere client_windows").fails(1, &["there is no table access", "/nowhere"]);
    assert!(!sandbox.path("nowhere").exists());
}

#[test]
fn a_mistake_in_the_sql_is_shown_at_its_place() {
    let (sandbox, truth) = compacted();
    for (sql, place, what) in [
        ("SELECT statuss FROM access", "line 1, column 8", "there is no column statuss"),
        ("SELECT status FORM access x", "line 1, column 20", "found: access"),
        ("SELECT\n  nope(1)", "line 2, column 3", "nope"),
    ] {
        let told = sandbox.run(&format!("{QUERY} \"{sql}\"")).exits(1).says(&["error: the query", place, what, "^"]);
        assert_eq!(told.stdout, "", "{told:?}");
    }
    sandbox.run(&format!("{QUERY} \"DROP TABLE access\"")).fails(1, &["queries only read"]);
    unharmed(&sandbox, &truth, 2);
}

#[test]
fn parameters_that_are_missing_or_wrong() {
    let (sandbox, _) = compacted();
    sandbox.write(
        "q.sql",
        "-- Since when\n-- param: from timestamp\nSELECT count(*) AS n FROM access WHERE ts >= :from\n",
    );
    let line = format!("{QUERY} -f q.sql");
    sandbox.run(&line).fails(2, &["q.sql needs a value for its parameter from (timestamp)", "--param from=VALUE"]);
    sandbox.run(&format!("{line} --param from=soon")).exits(2).says(&["\"soon\" is no timestamp", "write 2015-05-20"]);
    sandbox.run(&format!("{line} --param form=now")).fails(2, &["form", "from"]);
    sandbox.run(&format!("{line} --param from")).exits(2).says(&["from"]);
    assert_eq!(sandbox.ok(&format!("{line} --param from=2100-01-01")).stdout, "n\n0\n");
}

#[test]
fn names_files_and_formats_that_are_not_there() {
    let (sandbox, _) = compacted();
    let all = "application_windows, client_windows, errors_per_hour, flow_rejected_ports, ";
    sandbox
        .run(&format!("{QUERY} client_window"))
        .fails(2, &["no query named client_window", "did you mean client_windows?", all]);
    sandbox.run("queries nope").fails(2, &["no query named nope", all]);
    sandbox.run(&format!("{QUERY} -f no.sql")).exits(2).says(&["cannot read the query file no.sql"]);
    sandbox.run("query --lake lake --format xml client_windows").exits(2).says(&["unknown format \"xml\""]);
    let line = format!("{QUERY} application_windows --reference hosts=no.csv");
    sandbox.run(&line).fails(2, &["reference table hosts", "no.csv does not exist"]);
    sandbox.run(&format!("{QUERY} application_windows")).fails(1, &["there is no table hosts"]);
}

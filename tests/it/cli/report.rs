use super::compacted;
use crate::support::process::Sandbox;
use insta::assert_snapshot;

const PASSING: &str = "-- Every status is one of HTTP
-- expect: status >= 100
-- expect: status < 600
-- expect: max(ts) < timestamp 'now'
SELECT ts, status FROM access
";

const FAILING: &str = "-- What | came *back*
-- param: least int = 1
-- expect: rows = 1
-- expect: max(n) <= 2
-- expect: text != 'a''b'
-- expect: text is not null
-- expect: sum(n) < 100
SELECT * FROM (VALUES (1, 'plain'), (2, 'a''b'), (3, '| `<b>' || chr(10) || chr(27) || '[31m'), (4, NULL)) AS t(n, text)
WHERE n >= :least
";

const BROKEN: &str = "-- A typo
-- expect: rows > 0
-- expect: stauts = 200
SELECT stauts FROM access
";

/// A lake, and a folder of a query each that passes, fails and breaks.
fn checks() -> Sandbox {
    let sandbox = compacted();
    sandbox.write("checks/1_passing.sql", PASSING);
    sandbox.write("checks/2_failing.sql", FAILING);
    sandbox.write("checks/more/broken.sql", BROKEN);
    sandbox.write("checks/more/.hidden.sql", "nonsense");
    sandbox.write("checks/more/notes.txt", "nonsense");
    sandbox
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path(name)).unwrap()
}

#[test]
fn passing_failing_and_broken() {
    let sandbox = checks();
    assert_snapshot!(sandbox.shown("report --lake lake checks --markdown report.md --junit report.xml"), @r#"
        $ firelake report --lake lake checks --markdown report.md --junit report.xml
        -- stdout
        ok      checks/1_passing.sql           65 rows  [time]
        FAILED  checks/2_failing.sql            4 rows  [time]
                line 3: rows = 1
                  found 4; 3 rows break it:
                  ┌───┬──────────────────┐
                  │ n ┆ text             │
                  ╞═══╪══════════════════╡
                  │ 2 ┆ a'b              │
                  │ 3 ┆ | `<b>\n\x1b[31m │
                  │ 4 ┆ NULL             │
                  └───┴──────────────────┘
                line 4: max(n) <= 2
                  found 4; 2 rows break it:
                  ┌───┬──────────────────┐
                  │ n ┆ text             │
                  ╞═══╪══════════════════╡
                  │ 3 ┆ | `<b>\n\x1b[31m │
                  │ 4 ┆ NULL             │
                  └───┴──────────────────┘
                line 5: text != 'a''b'
                  1 row breaks it:
                  ┌───┬──────┐
                  │ n ┆ text │
                  ╞═══╪══════╡
                  │ 2 ┆ a'b  │
                  └───┴──────┘
                line 6: text is not null
                  1 row breaks it:
                  ┌───┬──────┐
                  │ n ┆ text │
                  ╞═══╪══════╡
                  │ 4 ┆ NULL │
                  └───┴──────┘
        BROKEN  checks/more/broken.sql                  [time]
                checks/more/broken.sql, line 4, column 8: there is no column stauts
                  SELECT stauts FROM access
                         ^
                hint: did you mean status? The columns are ts, client_ip, ident, user_name, request, method, path, query_string, protocol, status, bytes, referer, agent, extra, dt

        3 queries: 1 ok, 1 failed, 1 broken; 10 expectations, 4 do not hold; [time]
        -- stderr
        error: 1 query broke, 4 expectations do not hold
        -- exit code 1
        "#);
    assert_snapshot!(sandbox.redacted(&read(&sandbox, "report.md")), @r#"
        # 💥 Queries broke

        3 queries: 1 ok, 1 failed, 1 broken; 10 expectations, 4 do not hold

        | | query | expectations | rows | time |
        |---|---|---:|---:|---:|
        | ✅ ok | **checks/1\_passing.sql**<br>Every status is one of HTTP | 3 of 3 | 65 | [time] |
        | ❌ failed | **checks/2\_failing.sql**<br>What \| came \*back\* | 1 of 5 | 4 | [time] |
        | 💥 broken | **checks/more/broken.sql**<br>A typo | 0 of 2 |  | [time] |

        ## checks/2\_failing.sql

        Line 3: `rows = 1` does not hold: found `4`. 3 rows break it:

        ```text
        ┌───┬──────────────────┐
        │ n ┆ text             │
        ╞═══╪══════════════════╡
        │ 2 ┆ a'b              │
        │ 3 ┆ | `<b>\n\x1b[31m │
        │ 4 ┆ NULL             │
        └───┴──────────────────┘
        ```

        Line 4: `max(n) <= 2` does not hold: found `4`. 2 rows break it:

        ```text
        ┌───┬──────────────────┐
        │ n ┆ text             │
        ╞═══╪══════════════════╡
        │ 3 ┆ | `<b>\n\x1b[31m │
        │ 4 ┆ NULL             │
        └───┴──────────────────┘
        ```

        Line 5: `text != 'a''b'` does not hold. 1 row breaks it:

        ```text
        ┌───┬──────┐
        │ n ┆ text │
        ╞═══╪══════╡
        │ 2 ┆ a'b  │
        └───┴──────┘
        ```

        Line 6: `text is not null` does not hold. 1 row breaks it:

        ```text
        ┌───┬──────┐
        │ n ┆ text │
        ╞═══╪══════╡
        │ 4 ┆ NULL │
        └───┴──────┘
        ```

        ## checks/more/broken.sql

        It broke:

        ```text
        checks/more/broken.sql, line 4, column 8: there is no column stauts
          SELECT stauts FROM access
                 ^
        hint: did you mean status? The columns are ts, client_ip, ident, user_name, request, method, path, query_string, protocol, status, bytes, referer, agent, extra, dt
        ```
        "#);
    let junit = read(&sandbox, "report.xml");
    assert!(
        junit.contains("<testsuites name=\"firelake report\" tests=\"10\" failures=\"4\" errors=\"1\" skipped=\"1\"")
    );
    assert!(junit.contains("\\x1b[31m") && !junit.contains('\u{1b}'), "{junit}");
}

#[test]
fn the_exit_code_tells_what_is_worst() {
    let sandbox = checks();
    let code = |queries: &str| sandbox.run(&format!("report --lake lake {queries}")).code;
    assert_eq!(code("checks/1_passing.sql status_per_minute"), 0);
    assert_eq!(code("checks/1_passing.sql checks/2_failing.sql"), 3);
    assert_eq!(code("checks/2_failing.sql checks/more/broken.sql"), 1);
    assert_eq!(code("checks/more checks/1_passing.sql"), 1);
    sandbox.write("late.sql", "SELECT 1 / (status - 200) AS x FROM access");
    sandbox.run("report --lake lake late.sql checks/2_failing.sql").exits(1).says(&["1 query broke, 4 expectations"]);
}

#[test]
fn the_exit_code_stays_where_nobody_reads_the_output() {
    let sandbox = checks();
    let mut child = sandbox.start("report --lake lake checks/1_passing.sql checks/2_failing.sql --junit report.xml");
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(read(&sandbox, "report.xml").contains("failures=\"4\""));
}

#[test]
fn as_json() {
    let sandbox = checks();
    let told = sandbox.run("report --lake lake checks --json").exits(1);
    let lines: Vec<serde_json::Value> = told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let results: Vec<_> = lines.iter().map(|line| line["result"].as_str()).collect();
    assert_eq!(results, [Some("ok"), Some("failed"), Some("broken"), None]);
    let claims = lines[1]["expectations"].as_array().unwrap();
    let holds: Vec<_> = claims.iter().map(|claim| claim["holds"].as_bool().unwrap()).collect();
    assert_eq!(holds, [false, false, false, false, true]);
    assert_eq!(claims[1]["found"], "4");
    assert_eq!(claims[1]["offending"], 2);
    assert_eq!(claims[1]["rows"][0]["n"], 3);
    assert_eq!(claims[1]["rows"][0]["text"], "| `<b>\n\u{1b}[31m");
    assert_eq!(lines[2]["expectations"][0]["holds"], serde_json::Value::Null);
    assert!(lines[2]["error"]["message"].as_str().unwrap().contains("there is no column stauts"));
    let summary = &lines[3]["summary"];
    let counts =
        ["queries", "ok", "failed", "broken", "expectations", "unmet"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 1, 1, 10, 4]);
}

#[test]
fn parameters_go_to_the_queries_that_have_them() {
    let sandbox = checks();
    let queries = "report --lake lake checks/1_passing.sql checks/2_failing.sql";
    let told = sandbox.run(&format!("{queries} --param LEAST=4")).exits(3).stdout;
    assert!(told.contains("line 4: max(n) <= 2\n          found 4; 1 row breaks it:"), "{told}");
    sandbox
        .run(&format!("{queries} --param lest=4"))
        .fails(2, &["no query of this report has a parameter lest", "-- param: name type = default"]);
    sandbox.run(&format!("{queries} --param least=x")).exits(2).says(&["\"x\" is no int", "checks/2_failing.sql"]);
    sandbox.write("needs.sql", "SELECT :day AS day");
    sandbox
        .run("report --lake lake needs.sql")
        .fails(2, &["needs.sql needs a value for its parameter day", "--param day=VALUE"]);
}

#[test]
fn wrong_usage_is_told_before_anything_runs() {
    let sandbox = checks();
    sandbox.write("empty/notes.txt", "nothing");
    sandbox.write("wrong/a.sql", "-- A\n-- expect: rows = 0\nSELECT 1");
    sandbox.write("wrong/b.sql", "-- B\n-- expect: rows are few\nSELECT 1");
    let fails = |arguments: &str, expected: &[&str]| {
        sandbox.run(&format!("report --lake lake {arguments}")).fails(2, expected);
    };
    fails("wrong", &["wrong/b.sql, line 2: cannot read the expectation \"rows are few\": one of = ", "docs/report.md"]);
    fails("empty", &["there is no *.sql below the folder empty"]);
    fails("missing.sql", &["cannot read the query file missing.sql", "No such file"]);
    fails(
        "client_window",
        &["client_window is neither a file nor a folder nor a query's name", "did you mean client_windows"],
    );
    fails("checks --junit none/report.xml", &["cannot write none/report.xml", "No such file"]);
    sandbox.run("report --lake lake").exits(2);
    sandbox.run("report --lake lake --engine spark checks").exits(2).says(&["unknown engine \"spark\""]);
}

#[test]
fn a_file_that_is_named_twice_runs_once_and_named_queries_run_too() {
    let sandbox = checks();
    sandbox.write("mine/requests.sql", "-- expect: rows = 1\nSELECT count(*) AS n FROM access");
    let told =
        sandbox.ok("report --lake lake checks/1_passing.sql checks/1_passing.sql requests --queries mine").stdout;
    assert!(told.contains("\n2 queries: 2 ok; 4 expectations; "), "{told}");
}

use crate::support::process::Sandbox;
use insta::assert_snapshot;

/// The whole way on made-up data; again, it finds nothing new and answers the same.
#[test]
fn the_demo_twice() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.shown("demo"), @r#"
        $ firelake demo
        -- stdout
        1. Firehose delivered demo-lake/landing (made up, without newlines, as it really does):
           43,200 records in 76 objects ([size]); 447 records late, 47 records broken

        2. firelake compact --landing demo-lake/landing --schema combined_apache --lake demo-lake/lake --table access
           logs.access: 76 objects ([size]) with 43,200 records into 2 files in 1 partition ([size]), commit 1, [time]
           47 records rejected, kept in access_rejected

        3. Requests per application in 5-minute windows; clients that the hosts table does not know are the application unknown: firelake query --lake demo-lake/lake application_windows
        ┌─────────────────────────┬─────────────────┬──────────┐
        │ window_start            ┆ application     ┆ requests │
        ╞═════════════════════════╪═════════════════╪══════════╡
        │ 2026-11-20 00:00:00.000 ┆ unknown         ┆      702 │
        │ 2026-11-20 00:00:00.000 ┆ Order Portal    ┆       62 │
        │ 2026-11-20 00:00:00.000 ┆ Customer Care   ┆       20 │
        │ 2026-11-20 00:00:00.000 ┆ Search Indexer  ┆       16 │
        │ 2026-11-20 00:00:00.000 ┆ Partner Gateway ┆       15 │
        │ 2026-11-20 00:00:00.000 ┆ Newsletter      ┆        6 │
        │ 2026-11-20 00:05:00.000 ┆ unknown         ┆      638 │
        │ 2026-11-20 00:05:00.000 ┆ Order Portal    ┆       79 │
        └─────────────────────────┴─────────────────┴──────────┘
           the first 8 of 550 rows

        4. Requests per client in 10-second windows: firelake query --lake demo-lake/lake client_windows
        ┌─────────────────────────┬────────────────────────────┬──────────┐
        │ window_start            ┆ client_ip                  ┆ requests │
        ╞═════════════════════════╪════════════════════════════╪══════════╡
        │ 2026-11-20 00:00:00.000 ┆ 198.19.46.9                ┆        4 │
        │ 2026-11-20 00:00:00.000 ┆ 10.20.3.3                  ┆        3 │
        │ 2026-11-20 00:00:00.000 ┆ 10.20.1.11                 ┆        2 │
        │ 2026-11-20 00:00:00.000 ┆ 198.18.201.1               ┆        2 │
        │ 2026-11-20 00:00:00.000 ┆ 198.19.59.65               ┆        2 │
        │ 2026-11-20 00:00:00.000 ┆ dsl-7-138.pool.example.net ┆        2 │
        │ 2026-11-20 00:00:00.000 ┆ 198.18.126.75              ┆        1 │
        │ 2026-11-20 00:00:00.000 ┆ 198.18.27.99               ┆        1 │
        └─────────────────────────┴────────────────────────────┴──────────┘
           the first 8 of 18,303 rows

        5. Responses by status, per minute: firelake query --lake demo-lake/lake status_per_minute
        ┌─────────────────────────┬────────┬───────────┐
        │ minute                  ┆ status ┆ responses │
        ╞═════════════════════════╪════════╪═══════════╡
        │ 2026-11-20 00:00:00.000 ┆    200 ┆       118 │
        │ 2026-11-20 00:00:00.000 ┆    201 ┆         6 │
        │ 2026-11-20 00:00:00.000 ┆    204 ┆         3 │
        │ 2026-11-20 00:00:00.000 ┆    301 ┆         1 │
        │ 2026-11-20 00:00:00.000 ┆    302 ┆         2 │
        │ 2026-11-20 00:00:00.000 ┆    304 ┆        24 │
        │ 2026-11-20 00:00:00.000 ┆    401 ┆         1 │
        │ 2026-11-20 00:00:00.000 ┆    404 ┆         9 │
        └─────────────────────────┴────────┴───────────┘
           the first 8 of 2,780 rows

        What to try next:
          firelake query --lake demo-lake/lake "SELECT reason, count(*) AS n FROM access_rejected GROUP BY reason"
          firelake query --lake demo-lake/lake --reference hosts=demo-lake/hosts.csv application_windows --format csv
          firelake files --lake demo-lake/lake --table access
          firelake generate --landing demo-lake/landing --start 2026-11-21T00:00:00Z --hours 1 && firelake compact --lake demo-lake/lake --table access
          rm -r demo-lake
        -- exit code 0
        "#);
    let files = sandbox.files("demo-lake").len();
    let again = sandbox.ok("demo").stdout;
    assert!(again.contains("76 of them there already") && again.contains("nothing new to compact"), "{again}");
    assert_eq!(sandbox.files("demo-lake").len(), files);
}

/// What it says to try next works as it stands.
#[test]
fn the_next_steps_run() {
    let sandbox = Sandbox::new();
    let text = sandbox.ok("demo --dir here").stdout;
    let (_, steps) = text.split_once("What to try next:\n").unwrap();
    let steps: Vec<&str> = steps.lines().flat_map(|line| line.split(" && ")).map(str::trim).collect();
    assert_eq!(steps.len(), 6, "{steps:?}");
    for step in steps {
        match step.strip_prefix("firelake ") {
            Some(line) => _ = sandbox.ok(line),
            None => assert_eq!(step, "rm -r here"),
        }
    }
}

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

        2. firelake compact --config demo-lake/firelake.toml
           logs.access: 76 objects ([size]) with 43,200 records into 2 files in 1 partition ([size]), commit 1, [time]
           47 records rejected, kept in access_rejected

        3. firelake query --config demo-lake/firelake.toml application_windows
           Requests per application in 5-minute windows; clients that the hosts table does not know are the application unknown:
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

        4. firelake query --config demo-lake/firelake.toml client_windows
           Requests per client in 10-second windows:
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

        5. firelake query --config demo-lake/firelake.toml status_per_minute
           Responses by status, per minute:
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

        What to try next (all of it reads demo-lake/firelake.toml):
          firelake query --config demo-lake/firelake.toml "SELECT reason, count(*) AS n FROM access_rejected GROUP BY reason"
          firelake query --config demo-lake/firelake.toml application_windows --format csv
          firelake generate --landing demo-lake/landing --start 2026-11-21T00:00:00Z --hours 1
          firelake compact --config demo-lake/firelake.toml
          firelake files --config demo-lake/firelake.toml
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
    let text = sandbox.redacted(&sandbox.ok("demo --dir here").stdout);
    let (_, steps) = text.split_once("What to try next (all of it reads here/firelake.toml):\n").unwrap();
    let (last, steps) =
        steps.lines().map(str::trim).collect::<Vec<_>>().split_last().map(|(l, s)| (*l, s.to_vec())).unwrap();
    assert_eq!((last, steps.len()), ("rm -r here", 5), "{steps:?}");
    for step in steps {
        sandbox.ok(step.strip_prefix("firelake ").unwrap());
    }
}

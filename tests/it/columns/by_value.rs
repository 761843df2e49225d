//! Partitions by a column's value.

use crate::support::process::Sandbox;

pub const SCHEMA: &str = r#"
[[column]]
name = "region"
type = "string"

[[column]]
name = "ts"
type = "timestamp"
event_time = true

[[column]]
name = "n"
type = "int"

[[partition]]
name = "of_region"
transform = "identity"
column = "region"

[[partition]]
name = "dt"
transform = "day"
"#;

/// A record of each region, and of none.
pub fn records() -> String {
    let regions = ["\"eu\"", "\"a/b=c d%41\"", "\"é ☃\"", "null", "\"\"", "\"..\"", "\"eu\"", "\"%\"", "\"'; --\""];
    let record =
        |(n, region): (usize, &&str)| format!("{{\"region\":{region},\"ts\":\"2026-11-20T00:00:00\",\"n\":{n}}}\n");
    regions.iter().enumerate().map(record).collect()
}

fn compacted() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("sales.toml", SCHEMA);
    sandbox.write("landing/2026/11/20/00/x", records());
    sandbox.ok("compact --lake lake --landing landing --schema sales.toml");
    sandbox
}

fn asked(sandbox: &Sandbox, sql: &str) -> String {
    sandbox.ok(&format!("query --lake lake --format csv \"{sql}\"")).stdout
}

#[test]
fn each_value_is_a_folder_and_a_key() {
    let sandbox = compacted();
    let asked = |sql: &str| asked(&sandbox, sql);
    let expected = "n,region,of_region\n0,eu,eu\n1,a/b=c d%41,a/b=c d%41\n2,é ☃,é ☃\n3,,\n4,\"\",\n5,..,..\n6,eu,eu\n7,%,%\n8,'; --,'; --\n";
    assert_eq!(asked("SELECT n, region, of_region FROM sales ORDER BY n"), expected);
    assert_eq!(
        asked(
            "SELECT count(*) AS n, count(of_region) AS k, count(DISTINCT of_region) AS d, min(of_region) AS first FROM sales"
        ),
        "n,k,d,first\n9,7,6,%\n"
    );
    assert_eq!(asked("SELECT n FROM sales WHERE of_region IS NULL ORDER BY n"), "n\n3\n4\n");
    assert_eq!(asked("SELECT n FROM sales WHERE of_region = 'a/b=c d%41' AND dt = '2026-11-20'"), "n\n1\n");
    assert_eq!(asked("SELECT n FROM sales WHERE of_region <> 'eu' AND region < 'b' ORDER BY n"), "n\n1\n5\n7\n8\n");
    assert!(
        sandbox
            .path("lake/logs/sales/data")
            .read_dir()
            .unwrap()
            .any(|attempt| { attempt.unwrap().path().join("of_region=a%2Fb%3Dc%20d%2541/dt=2026-11-20").is_dir() })
    );
}

/// A second delivery makes each partition a published copy; the catalog, the files and the inputs still agree.
#[test]
fn published_copies_and_checks_know_them() {
    let sandbox = compacted();
    sandbox.write("landing/2026/11/20/01/y", records());
    sandbox.ok("compact --lake lake --table sales");
    assert_eq!(asked(&sandbox, "SELECT count(*) AS n FROM sales WHERE of_region = '..'"), "n\n2\n");
    let verified = sandbox.ok("verify --lake lake --deep");
    assert!(!verified.stderr.contains("warning"), "{verified:?}");
    let kept = asked(&sandbox, "EXPLAIN ANALYZE SELECT n FROM sales WHERE of_region = 'é ☃'");
    assert!(kept.contains("of_region=é ☃") || kept.contains("%E2%98%83") || kept.contains("☃"), "{kept}");
    assert!(!kept.contains("of_region=eu"), "{kept}");
}

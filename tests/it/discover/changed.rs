//! What a schema does not know of what lands now.

use crate::support::process::Sandbox;
use serde_json::Value;

const OLD: &str = r#"{"time":"2026-11-20T10:00:00Z","id":1,"geo":{"city":"Bonn"},"coupon":"NOV","n":1}{"time":"2026-11-20T10:00:01Z","id":2,"geo":null,"coupon":null,"n":2}"#;
const NEW: &str = r#"{"time":"2026-11-21T10:00:00Z","id":3,"geo":{"city":"Kiel","zip":"24103"},"n":3000000000,"channel":"app"}{"time":"21.11.2026 10:00:01","id":4,"geo":null,"n":"many","channel":"web"}{"time":"2026-11-21T10:00:02Z","id":5,"n":3}"#;

/// A table of the old records, in a schema that was discovered.
fn table() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("landing/2026/11/20/10/old", OLD);
    sandbox.ok("discover --landing landing --all --out orders.toml");
    sandbox.ok("compact --lake lake --landing landing --schema orders.toml");
    sandbox
}

#[test]
fn nothing_where_nothing_changed() {
    let sandbox = table();
    let told = sandbox.ok("discover --lake lake --table orders --exit-code --out evolved.toml");
    assert_eq!(told.stdout, "orders and 2 records: no difference\n");
    told.says(&["evolved.toml was not written"]);
    assert!(!sandbox.path("evolved.toml").exists());
}

#[test]
fn new_fields_misfits_and_what_is_gone() {
    let sandbox = table();
    std::fs::remove_dir_all(sandbox.path("landing/2026/11/20")).unwrap();
    sandbox.write("landing/2026/11/21/10/new", NEW);
    let told = sandbox.run("discover --lake lake --table orders --exit-code --out evolved.toml").exits(3).stdout;
    let expected = r#"orders and 3 records: 1 new field, 3 columns with values that do not fit, 1 column in no record

New; as columns, to stand at the end of the schema file:

# in 67 % of the records; one of "app", "web"
[[column]]
name = "channel"
type = "string"

Values that do not fit their column; compact keeps them in extra:
"#;
    assert!(told.starts_with(expected), "{told}");
    for part in [
        "geo struct<city:string>: 1 of 3 records",
        "the column may become struct<city:string,zip:",
        "n int: 2 of 3 records",
        "no wider type takes them all",
        "ts timestamp: 1 of 3 records",
        "times in another format (%d.%m.%Y %H:%M:%S)",
        "\n  coupon (from coupon)\n",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let evolved = std::fs::read_to_string(sandbox.path("evolved.toml")).unwrap();
    assert!(
        evolved.contains("type = \"struct<city:string,zip:") && evolved.trim_end().ends_with("type = \"string\""),
        "{evolved}"
    );
    let again: Value =
        serde_json::from_str(&sandbox.ok("discover --landing landing --against ./evolved.toml --json").stdout).unwrap();
    assert_eq!((again["new"].as_array().unwrap().len(), again["rows"].as_u64()), (0, Some(3)), "{again}");
    assert!(again["misfits"].as_array().unwrap().iter().all(|misfit| misfit["column"] != "geo"), "{again}");
}

/// A whole number that grew is promoted.
#[test]
fn a_type_grows_where_it_may() {
    let sandbox = table();
    sandbox.write("landing/2026/11/21/10/new", r#"{"time":"2026-11-21T10:00:00Z","id":3,"n":3000000000}"#);
    let told = sandbox.ok("discover --landing landing --against ./orders.toml --out evolved.toml").stdout;
    assert!(told.contains("n int: 1 of 3 records") && told.contains("the column may become bigint"), "{told}");
    let (old, new) = (sandbox.path("orders.toml"), sandbox.path("evolved.toml"));
    let (old, new) = (std::fs::read_to_string(old).unwrap(), std::fs::read_to_string(new).unwrap());
    assert_eq!(old.lines().zip(new.lines()).filter(|(old, new)| old != new).count(), 1, "{new}");
    assert_eq!(old.lines().count(), new.lines().count());
}

//! What was asked cannot be meant: exit code 2, and nothing is made.

use super::{COMPACT, MORE, compacted, landed, unharmed};
use crate::support::process::Sandbox;

#[test]
fn a_missing_landing_folder() {
    let sandbox = Sandbox::new();
    let expected = ["the landing folder", "/landing does not exist", "check the path"];
    sandbox.run(COMPACT).fails(2, &expected);
    assert!(!sandbox.path("lake").exists());
}

#[test]
fn a_landing_folder_that_went_away() {
    let (sandbox, _) = compacted();
    std::fs::remove_dir_all(sandbox.path("landing")).unwrap();
    sandbox.run("compact --lake lake --table access").fails(2, &["/landing does not exist"]);
    assert_eq!(sandbox.commits("lake", "access"), 2);
}

#[test]
fn an_unknown_schema() {
    let (sandbox, _) = landed();
    let expected =
        ["there is no schema apache", "apache_json, aws_waf, cloudwatch_logs, combined_apache, ", "./apache.toml"];
    sandbox.run("compact --lake lake --landing landing --schema apache").fails(2, &expected);
    sandbox.run("compact --lake lake --landing landing --schema ./no.toml").exits(2).says(&["./no.toml"]);
    assert!(!sandbox.path("lake").exists());
}

#[test]
fn a_schema_file_with_a_mistake() {
    let (sandbox, _) = landed();
    let line = "compact --lake lake --landing landing --schema own.toml";
    for (text, expected) in [
        (
            "[[column]]\nname = \"a\"\ntype = \"strng\"\n",
            "line 3: unknown type \"strng\"; the types are string, bigint",
        ),
        ("[[column]]\nname = \"a\"\ntype = \"string\"\nfro = [\"b\"]\n", "line 4: unknown field `fro`"),
        ("[[column]]\nname = \"a\ntype = \"string\"\n", "line 2"),
        (
            "[[column]]\nname = \"a\"\ntype = \"string\"\nexpr = \"nope(1)\"\n",
            "line 4: the expression of column a is wrong",
        ),
    ] {
        sandbox.write("own.toml", text);
        sandbox.run(line).fails(2, &["schema own", expected]);
        assert!(!sandbox.path("lake").exists(), "{text}");
    }
}

#[test]
fn a_lake_inside_its_landing_prefix_and_the_reverse() {
    let (sandbox, _) = landed();
    let hint = "every object below a landing prefix is an input";
    let inside = "compact --lake landing/lake --landing landing --schema combined_apache";
    sandbox.run(inside).fails(2, &["the lake is inside its landing prefix", hint]);
    let around = "compact --lake . --landing landing --schema combined_apache";
    sandbox.run(around).fails(2, &["the landing prefix is inside the lake", hint]);
    let same = "compact --lake landing --landing landing --schema combined_apache";
    sandbox.run(same).fails(2, &["the lake is inside its landing prefix", hint]);
    assert!(sandbox.files("").iter().all(|file| file.starts_with(sandbox.path("landing/2026"))));
}

#[test]
fn a_second_landing_prefix_needs_a_word() {
    let (sandbox, truth) = compacted();
    std::fs::rename(sandbox.path("landing"), sandbox.path("elsewhere")).unwrap();
    std::fs::create_dir(sandbox.path("landing")).unwrap();
    let line = format!("{MORE} --landing elsewhere");
    sandbox.run(&line).fails(2, &["/elsewhere is not a landing prefix of logs.access", "pass --add-landing once"]);
    unharmed(&sandbox, &truth, 2);

    let count = |expected: usize| {
        let rows = sandbox.ok("query --lake lake --format csv \"SELECT count(*) AS n FROM access\"").stdout;
        assert_eq!(rows, format!("n\n{expected}\n"));
    };
    let whole = truth.whole().count();
    sandbox.ok(&format!("{line} --add-landing"));
    count(2 * whole); // the same bytes below another prefix are other objects
    assert_eq!(sandbox.commits("lake", "access"), 4);
    sandbox.ok(MORE).says(&["nothing new to compact"]);
    count(2 * whole);
}

#[test]
fn another_schema_for_the_same_table() {
    let (sandbox, truth) = compacted();
    let line = "compact --lake lake --table access --schema apache_json";
    let expected = [
        "the schema apache_json is not the one that logs.access was made with: column ts",
        "with --table and a new name",
    ];
    sandbox.run(line).fails(2, &expected);
    unharmed(&sandbox, &truth, 2);
}

#[test]
fn what_is_not_said() {
    let (sandbox, _) = landed();
    sandbox.run("compact").fails(2, &["there is no table to compact", "firelake.toml"]);
    sandbox.run("compact --lake lake --landing landing").fails(2, &["which table?", "--schema"]);
    sandbox.run("compact --landing landing --schema combined_apache").fails(2, &["which lake?", "--lake"]);
    sandbox.run("compact --lake lake --table access").fails(2, &["no table logs.access", "--landing and --schema"]);
    sandbox
        .run("compact --lake lake --table access --landing landing")
        .fails(2, &["no schema to make it from", "--schema"]);
    sandbox.run("files --lake lake --table access").fails(2, &["there is no table logs.access"]);
    assert!(!sandbox.path("lake").exists());
}

#[test]
fn names_that_athena_does_not_read() {
    let (sandbox, _) = landed();
    let line = "compact --lake lake --landing landing --schema combined_apache";
    sandbox.run(&format!("{line} --table Access")).fails(2, &["table name \"Access\"", "lower case"]);
    sandbox.run(&format!("{line} --table x_rejected")).fails(2, &["x_rejected", "pass --table t"]);
    sandbox.run(&format!("{line} --database ../up")).fails(2, &["database name \"../up\""]);
    assert!(!sandbox.path("lake").exists());
}

#[test]
fn a_mistake_in_firelake_toml() {
    let (sandbox, _) = landed();
    sandbox.write(
        "firelake.toml",
        "lake = \"lake\"\n[table.access]\nschema = \"combined_apache\"\nlandings = [\"landing\"]\n",
    );
    sandbox.run("compact").fails(2, &["firelake.toml, line 4: unknown field `landings`", "docs/config.md"]);
    sandbox.run("compact --config nowhere.toml").exits(2).says(&["error: cannot read the configuration nowhere.toml"]);
    assert!(!sandbox.path("lake").exists());
}

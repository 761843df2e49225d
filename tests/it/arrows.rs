//! The arrows of the house: a module imports only from those above it, and side effects have their rooms. Read from `src/`.

mod code;
mod rules;

use code::Source;
use rules::violations;
use std::path::Path;

/// Every file below `src/`.
fn sources(folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(Source::read(Path::new(env!("CARGO_MANIFEST_DIR")), &path)),
        }
    }
}

#[test]
fn the_house_stands() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 50, "{} files in src/", found.len());
    let wrong = violations(&found);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn told(files: &[(&str, &str)]) -> Vec<String> {
    violations(&files.iter().map(|(path, text)| Source::new(path, text)).collect::<Vec<_>>())
}

#[test]
fn each_rule_can_fail() {
    for (path, text, expected) in [
        ("src/table/id.rs", "\nuse crate::landing::list;", "src/table/id.rs:2: table imports landing"),
        ("src/ledger/store.rs", "fn f() { crate::compact::run() }", "src/ledger/store.rs:1: ledger imports compact"),
        ("src/error.rs", "use crate::config::Config;", "src/error.rs:1: error imports config"),
        (
            "src/compact/mod.rs",
            "use crate::{\n    error::Result,\n    catalog::Catalog,\n};",
            "mod.rs:3: compact imports catalog",
        ),
        ("src/compact/work.rs", "use super::super::query::Engine;", "work.rs:1: compact imports query"),
        ("src/query/mod.rs", "use crate::output::Format;", "src/query/mod.rs:1: query imports output"),
        ("src/output/mod.rs", "use crate::query::Answer;", "src/output/mod.rs:1: output imports query"),
        ("src/discover/mod.rs", "use crate::compact::fetch;", "src/discover/mod.rs:1: discover imports compact"),
        ("src/compact/mod.rs", "use crate::discover::Discovery;", "src/compact/mod.rs:1: compact imports discover"),
        ("src/discover/times.rs", "use tokio::fs;", "src/discover/times.rs:1: tokio"),
        ("src/jobs/gc.rs", "pub(crate) use crate::cli::print;", "src/jobs/gc.rs:1: jobs imports cli"),
        ("src/extra.rs", "", "src/extra.rs:1: extra is not in the list of modules"),
        ("src/catalog/file.rs", "use crate::nowhere::X;", "nowhere is not in the list of modules"),
        ("src/query/text.rs", "fn f(x: datafusion::Plan) {}", "src/query/text.rs:1: datafusion"),
        ("src/decode/build.rs", "use datafusion::prelude::*;", "src/decode/build.rs:1: datafusion"),
        ("src/catalog/file.rs", "use aws_sdk_glue::Client;", "src/catalog/file.rs:1: aws_"),
        ("src/compact/work.rs", "fn f() { println!(\"x\") }", "src/compact/work.rs:1: println!"),
        ("src/jobs/gc.rs", "// fine\nfn f() { eprint!(\"x\") }", "src/jobs/gc.rs:2: eprint!"),
        ("src/jobs/gc.rs", "let x = dbg!(1);", "src/jobs/gc.rs:1: dbg!"),
        ("src/config.rs", "let home = std::env::var(\"HOME\");", "src/config.rs:1: std::env"),
        ("src/config.rs", "use std::{\n    env,\n    fs,\n};", "src/config.rs:2: std::env"),
        ("src/ledger/store.rs", "let now = Utc::now();", "src/ledger/store.rs:1: Utc::now"),
        ("src/ledger/store.rs", "let now = std::time::SystemTime::now();", "SystemTime::now"),
        ("src/jobs/gc.rs", "use std::process;\nfn f() { process::exit(1) }", "src/jobs/gc.rs:2: process::exit"),
        ("src/table/id.rs", "async fn f() {}", "src/table/id.rs:1: async"),
        ("src/decode/frame.rs", "fn f(s: &dyn object_store::ObjectStore) {}", "src/decode/frame.rs:1: object_store"),
        ("src/compact/plan.rs", "tokio::spawn(x)", "src/compact/plan.rs:1: tokio"),
        ("src/table/schema.rs", "let text = std::fs::read(p);", "src/table/schema.rs:1: std::fs"),
    ] {
        let told = told(&[(path, text)]);
        assert!(told.len() == 1 && told[0].contains(expected), "{path} {text:?}\n{told:#?}\n{expected}");
    }
}

#[test]
fn what_is_allowed_is_not_told() {
    for (path, text) in [
        ("src/compact/work.rs", "use super::write::Piece;\nuse crate::{decode::Decoder, ledger::{Input, catalog}};"),
        ("src/cli/compact.rs", "fn f() { println!(\"{}\", std::env::var(\"A\")); Utc::now(); std::process::exit(1) }"),
        ("src/main.rs", "fn main() -> std::process::ExitCode { firelake::cli::main() }"),
        ("src/query/local/mod.rs", "use datafusion::prelude::SessionContext;"),
        ("src/query/local.rs", "use datafusion::prelude::SessionContext;"),
        ("src/decode/expr.rs", "use datafusion::prelude::SessionContext;"),
        ("src/catalog/glue/mod.rs", "use aws_sdk_glue::Client;"),
        ("src/query/athena.rs", "use aws_sdk_athena::Client;"),
        ("src/storage.rs", "use aws_config::SdkConfig;"),
        (
            "src/table/id.rs",
            "// crate::cli println!\n/* std::env */ const X: &str = \"Utc::now \\\" crate::cli\"; // async",
        ),
        ("src/table/id.rs", "const A: char = '\"'; const V: &str = env!(\"CARGO_PKG_VERSION\"); // crate::cli::x"),
        ("src/table/id.rs", "const A: &str = r#\"a \" println!(\"#; fn f<'a>(x: &'a str) {}"),
    ] {
        assert!(told(&[(path, text)]).is_empty(), "{path} {text:?}\n{:#?}", told(&[(path, text)]));
    }
}

#[test]
fn tests_inside_src_are_free_and_what_follows_them_is_not() {
    let free = "use crate::table::X;\n#[cfg(test)]\nmod tests {\n    use crate::cli::Y;\n    fn f() {\n    }\n}\n";
    assert!(told(&[("src/ledger/a.rs", free)]).is_empty());
    let after = format!("{free}fn f() {{ println!() }}\n");
    assert_eq!(told(&[("src/ledger/a.rs", &after)]), ["src/ledger/a.rs:8: println!: only in src/cli/ and src/main.rs"]);
    let one_line = "#[cfg(test)]\npub(crate) mod suite;\nuse crate::cli::Y;\n";
    let files = [
        ("src/ledger/mod.rs", one_line),
        ("src/ledger/suite.rs", "use crate::cli::Y;"),
        ("src/ledger/suite/a.rs", "dbg!(1)"),
    ];
    assert_eq!(told(&files), ["src/ledger/mod.rs:3: ledger imports cli, which is not above it"]);
}

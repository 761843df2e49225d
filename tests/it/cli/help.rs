use crate::support::process::Sandbox;
use insta::assert_snapshot;

#[test]
fn help_of_the_program() {
    assert_snapshot!(Sandbox::new().shown("--help"), @"");
}

#[test]
fn help_of_compact() {
    assert_snapshot!(Sandbox::new().shown("compact --help"), @"");
}

#[test]
fn help_of_query() {
    assert_snapshot!(Sandbox::new().shown("query --help"), @"");
}

#[test]
fn no_command() {
    let told = Sandbox::new().run("").exits(2);
    assert_eq!(told.stdout, "");
    assert!(told.stderr.contains("Usage: firelake <COMMAND>"), "{told:?}");
}

use crate::support::process::Sandbox;
use insta::assert_snapshot;

/// The whole way on made-up data; again, it finds nothing new and answers the same.
#[test]
fn the_demo_twice() {
    let sandbox = Sandbox::new();
    assert_snapshot!(sandbox.shown("demo"), @"");
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

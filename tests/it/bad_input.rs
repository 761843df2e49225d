//! Every mistake has its message, its hint and its exit code, and leaves nothing half-written in sight.

mod ledger;
mod objects;
mod queries;
mod rejects;
mod usage;

use crate::support::block_on;
use crate::support::check::check;
use crate::support::process::Sandbox;
use crate::support::truth::Truth;
use firelake::jobs::generate::{GenerateOptions, generate};

/// Whether there is something to merge depends on the day; what is tested here are the commits that inputs make.
const COMPACT: &str = "compact --lake lake --landing landing --schema combined_apache --table access --no-merge";
const MORE: &str = "compact --lake lake --table access --no-merge";

/// An hour in objects of a quarter, a tenth of the records broken.
fn small() -> GenerateOptions {
    GenerateOptions { hours: 1, rate: 0.05, broken: 0.1, late: 0.0, buffer_seconds: 900, ..GenerateOptions::default() }
}

/// A folder with landed objects and no lake.
fn landed() -> (Sandbox, Truth) {
    let sandbox = Sandbox::new();
    block_on(generate(&small(), &sandbox.location("landing"))).unwrap();
    (sandbox, Truth::of(&small()))
}

/// That, compacted: two commits.
fn compacted() -> (Sandbox, Truth) {
    let (sandbox, truth) = landed();
    sandbox.ok(COMPACT);
    unharmed(&sandbox, &truth, 2);
    (sandbox, truth)
}

/// The lake holds exactly `truth`, by the ledger and by the catalog, and this many commits.
#[track_caller]
fn unharmed(sandbox: &Sandbox, truth: &Truth, commits: usize) {
    assert_eq!(sandbox.commits("lake", "access"), commits);
    block_on(check(&sandbox.location("lake"), &sandbox.location("landing"), truth));
}

//! What the program prints, with paths, ids, sizes and durations taken out.

mod catalog;
mod compact;
mod demo;
mod files;
mod help;
mod query;
mod report;
mod verify;

use crate::support::process::Sandbox;

const SMALL: &str = "--hours 1 --rate 0.02 --late 0 --broken 5% --buffer-seconds 900 --seed 6";

/// A folder with landed objects and a CSV of hosts.
fn landed() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(&format!("generate --landing landing --hosts hosts.csv {SMALL}"));
    sandbox
}

/// That, compacted into `logs.access`.
fn compacted() -> Sandbox {
    let sandbox = landed();
    sandbox.ok("compact --lake lake --landing landing --schema combined_apache --table access");
    sandbox
}

//! Ten processes at once on one table that is not there yet.

use crate::support::block_on;
use crate::support::check::check;
use crate::support::process::{Sandbox, finish};
use crate::support::truth::Truth;
use firelake::jobs::generate::{Compression, GenerateOptions, generate};

const LINE: &str =
    "compact --lake lake --landing landing --schema combined_apache --table access --threads 1 --batch-mib 1";

#[test]
fn ten_compactors_at_once_count_each_record_once() {
    // more than 1 MiB, so that there are several commits to race for
    let options = GenerateOptions {
        start: "2026-11-19T23:30:00Z".parse().unwrap(),
        hours: 1,
        rate: 2.0,
        late: 0.05,
        broken: 0.01,
        compression: Compression::None,
        ..GenerateOptions::default()
    };
    let sandbox = Sandbox::new();
    let landed = block_on(generate(&options, &sandbox.location("landing"))).unwrap();
    assert!(landed.bytes > 1 << 20, "{landed:?}");

    let processes: Vec<_> = (0..10).map(|_| sandbox.start(LINE)).collect();
    let outcomes: Vec<_> = processes.into_iter().map(|process| finish(LINE, process)).collect();
    for outcome in &outcomes {
        assert!([0, 75].contains(&outcome.code), "{outcome:#?}");
    }
    assert!(outcomes.iter().any(|outcome| outcome.code == 0), "{outcomes:#?}");
    sandbox.ok(LINE);
    sandbox.ok(LINE).says(&["nothing new to compact"]);
    block_on(check(&sandbox.location("lake"), &sandbox.location("landing"), &Truth::of(&options)));
}

//! Exactly once (I1), nothing lost (I2), nothing half-visible (I3): in races, with a fault at each operation, and with
//! objects that come late or are touched.

mod checkpoints;
mod environment;
mod faults;
mod large;
mod late;
mod processes;
mod restored;
mod wire;

use firelake::jobs::generate::GenerateOptions;

/// An hour around midnight in few objects, with many late and broken records.
fn small() -> GenerateOptions {
    GenerateOptions {
        start: "2026-11-19T23:30:00Z".parse().unwrap(),
        hours: 1,
        rate: 0.02,
        late: 0.2,
        broken: 0.1,
        buffer_seconds: 900,
        ..GenerateOptions::default()
    }
}

//! What may happen, and how often.

use super::gate::End;
use super::process::Job;
use proptest::prelude::*;

/// One thing that happens. Processes and late writes are meant modulo how many there are, so that every part of a sequence is
/// a sequence.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Firehose delivers an object.
    Deliver { days: u8, hours_late: u8 },
    /// The newest object may not be read.
    Forbid,
    /// Everything may be read again.
    Mend,
    /// A process starts, and stops before its first operation.
    Start(Job),
    /// A process starts and runs to its end.
    Run(Job),
    /// A process goes on through so many operations; the last ends so.
    Go { process: usize, gates: usize, end: End },
    /// A process runs to its end.
    Finish(usize),
    /// A process dies where it stands.
    Kill(usize),
    /// Something that was under way takes effect.
    Land(usize),
    /// Minutes pass.
    Pass(i64),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        8 => Just(End::Done),
        1 => Just(End::Refused),
        1 => Just(End::Lost),
        2 => Just(End::Late),
        1 => Just(End::Conflict),
    ]
}

pub(super) fn steps(jobs: BoxedStrategy<Job>, most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1..8_u8, prop_oneof![3 => Just(0_u8), 1 => 1..30_u8])
            .prop_map(|(days, hours_late)| Step::Deliver { days, hours_late }),
        1 => Just(Step::Forbid),
        1 => Just(Step::Mend),
        4 => jobs.clone().prop_map(Step::Start),
        5 => jobs.prop_map(Step::Run),
        9 => (0..8_usize, 1..12_usize, end()).prop_map(|(process, gates, end)| Step::Go { process, gates, end }),
        4 => (0..8_usize).prop_map(Step::Finish),
        1 => (0..8_usize).prop_map(Step::Kill),
        3 => (0..8_usize).prop_map(Step::Land),
        4 => prop_oneof![Just(1), Just(3), Just(20), Just(300)].prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..most)
}

//! What may happen, and how often.

use super::gate::End;
use super::process::{Job, jobs};
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

/// Which steps a sequence is made of, and how often.
#[derive(Clone)]
pub(super) struct Mix {
    /// What every sequence begins with.
    pub(super) first: Vec<Step>,
    pub(super) jobs: BoxedStrategy<Job>,
    /// Whether anything fails: operations, processes, objects that cannot be read.
    pub(super) trouble: bool,
    /// Spans that may pass, in minutes.
    pub(super) spans: &'static [i64],
    /// Random steps at most.
    pub(super) steps: usize,
}

impl Mix {
    /// Everything that there is.
    pub(super) fn of_everything() -> Self {
        Mix { first: Vec::new(), jobs: jobs(), trouble: true, spans: &[1, 3, 20, 300], steps: 60 }
    }

    /// Some jobs only, on a table that a few have worked on.
    pub(super) fn of(jobs: &'static [Job], first: &[Job], spans: &'static [i64], steps: usize) -> Self {
        let each = |job: &Job| [Step::Deliver { days: 0b011, hours_late: 0 }, Step::Run(job.clone())];
        let first = first.iter().flat_map(each).collect();
        Mix { first, jobs: prop::sample::select(jobs).boxed(), trouble: true, spans, steps }
    }

    /// The same, with more at the beginning.
    pub(super) fn after(mut self, steps: &[Step]) -> Self {
        self.first.extend_from_slice(steps);
        self
    }

    /// The same, where nothing fails.
    pub(super) fn without_trouble(self) -> Self {
        Mix { trouble: false, ..self }
    }

    pub(super) fn sequences(&self) -> BoxedStrategy<Vec<Step>> {
        let first = self.first.clone();
        let rest = prop::collection::vec(self.step(), 1..self.steps);
        rest.prop_map(move |rest| [first.clone(), rest].concat()).boxed()
    }

    fn step(&self) -> BoxedStrategy<Step> {
        let pass = prop::sample::select(self.spans).prop_map(Step::Pass);
        let go = |end: BoxedStrategy<End>| {
            (0..8_usize, 1..12_usize, end).prop_map(|(process, gates, end)| Step::Go { process, gates, end })
        };
        let fine = prop_oneof![
            5 => (1..8_u8, prop_oneof![3 => Just(0_u8), 1 => 1..30_u8])
                .prop_map(|(days, hours_late)| Step::Deliver { days, hours_late }),
            5 => self.jobs.clone().prop_map(Step::Start),
            5 => self.jobs.clone().prop_map(Step::Run),
            9 => go(Just(End::Done).boxed()),
            4 => (0..8_usize).prop_map(Step::Finish),
            4 => pass,
        ];
        let trouble = prop_oneof![
            2 => Just(Step::Forbid),
            2 => Just(Step::Mend),
            2 => (0..8_usize).prop_map(Step::Kill),
            3 => (0..8_usize).prop_map(Step::Land),
            4 => go(end()),
        ];
        if self.trouble { prop_oneof![3 => fine, 1 => trouble].boxed() } else { fine.boxed() }
    }
}

/// How an operation ends that does not end well.
fn end() -> BoxedStrategy<End> {
    prop_oneof![1 => Just(End::Refused), 1 => Just(End::Lost), 2 => Just(End::Late), 1 => Just(End::Conflict)].boxed()
}

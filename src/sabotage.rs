//! Rules of the commit protocol that tests take out, one at a time, to prove that the model test sees what each of them prevents.
//! Outside of unit tests nothing is ever taken out.

/// A rule that can be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "what only tests ask about"))]
pub(crate) enum Broken {
    /// A batch that is planned again writes under the attempt that it had.
    AttemptReused,
    /// "Already exists" is taken for success, without reading back who wrote what is there.
    ExistsIsSuccess,
    /// Two commits may bring one input.
    OverlapUnchecked,
    /// An object waits although it is compacted.
    WaitingBeatsCompacted,
    /// A condemn stands whatever won before it.
    CondemnUnchecked,
    /// A rollback stands although files came or went since it was planned.
    RollbackRebases,
    /// What was planned by a schema stands although the table has another one since.
    EvolveUnchecked,
    /// The catalog is brought to the state that the run has in memory, not to the ledger's head.
    PublishStale,
    /// The watermark follows the head at once, though earlier calls may still land.
    WatermarkAtOnce,
    /// A published folder is used for another set of files.
    FolderReused,
    /// What is condemned is deleted by the same run.
    GcOneStep,
    /// Garbage is condemned and deleted whatever the catalog names, which is not brought up to date before.
    GcWithoutCatalog,
    /// A checkpoint says that it is of a later commit than its content.
    CheckpointLabel,
}

#[cfg(test)]
pub(crate) use switch::{attempt, broken, take_out};

/// Whether the rule is taken out: never.
#[cfg(not(test))]
pub(crate) const fn broken(_: Broken) -> bool {
    false
}

/// The attempt's name: a fresh one.
#[cfg(not(test))]
pub(crate) const fn attempt(fresh: uuid::Uuid) -> uuid::Uuid {
    fresh
}

#[cfg(test)]
mod switch {
    use super::Broken;
    use std::cell::Cell;
    use uuid::Uuid;

    thread_local! {
        static BROKEN: Cell<Option<Broken>> = const { Cell::new(None) };
        static ATTEMPT: Cell<Option<Uuid>> = const { Cell::new(None) };
    }

    /// Whether this thread's test took the rule out.
    pub(crate) fn broken(rule: Broken) -> bool {
        BROKEN.get() == Some(rule)
    }

    /// The attempt's name: the one of the thread's first attempt, where that rule is taken out.
    pub(crate) fn attempt(fresh: Uuid) -> Uuid {
        if !broken(Broken::AttemptReused) {
            return fresh;
        }
        let first = ATTEMPT.get().unwrap_or(fresh);
        ATTEMPT.set(Some(first));
        first
    }

    /// Takes a rule out, on this thread.
    pub(crate) fn take_out(rule: Option<Broken>) {
        BROKEN.set(rule);
        ATTEMPT.set(None);
    }
}

//! The compacted inputs of a state: those that are loaded, and which are not. Pure.
//!
//! A checkpoint keeps them in parts, in the order of their [`Key`]s: by time, then by URL. Where a key says a time
//! itself, the URL of an object is enough to tell the one part that it would be in. So a run loads the parts that the objects
//! of its listing would be in, however many there are (I8), and asking for what is not loaded is an error, never a "no".

use super::checkpoint::Part;
use super::snapshot::CompactedInput;
use crate::error::{Error, Result};
use crate::landing::said_time;
use chrono::{DateTime, Utc};
use std::collections::{BTreeSet, HashMap};

/// The place of an input in the order of all: its time, and its URL.
pub(super) type Key = (DateTime<Utc>, String);

/// The time that an input has its place by: what its URL says, whatever is known besides; else its delivery.
pub(super) fn place(url: &str, delivered: DateTime<Utc>) -> DateTime<Utc> {
    said_time(url).unwrap_or(delivered)
}

/// The inputs that a table has compacted, as far as they are loaded. Of a state from [`Ledger::load`](super::Ledger::load),
/// that is all.
#[derive(Debug, Clone, Default)]
pub struct Compacted {
    /// By canonical URL.
    inputs: HashMap<String, CompactedInput>,
    /// All that there are belong to one of these, in order: the first that does not end before them, or the last.
    ranges: Vec<Range>,
}

/// A part of the checkpoint that the state was loaded from.
#[derive(Debug, Clone)]
struct Range {
    last: Key,
    /// Where it is not loaded. Then the URL of each input in it says a time.
    part: Option<Part>,
}

/// Where two have both loaded all, they are equal by what they hold.
impl PartialEq for Compacted {
    fn eq(&self, other: &Self) -> bool {
        self.inputs == other.inputs && self.absent().eq(other.absent())
    }
}

impl Compacted {
    /// What is known of the object; `None`: it is not compacted.
    ///
    /// # Errors
    /// Internal: the part that it would be in is not loaded. [`Ledger::look_up`](super::Ledger::look_up) comes first.
    pub fn get(&self, url: &str) -> Result<Option<&CompactedInput>> {
        match self.inputs.get(url) {
            None if self.part_of(said_time(url), url).is_some() => {
                Err(Error::internal(format!("it is not loaded whether {url} is compacted")))
            }
            known => Ok(known),
        }
    }

    /// Whether the object is compacted.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn contains(&self, url: &str) -> Result<bool> {
        Ok(self.get(url)?.is_some())
    }

    /// Everything that is compacted, by URL.
    ///
    /// # Errors
    /// Internal: not all is loaded. [`Ledger::complete`](super::Ledger::complete) comes first.
    pub fn all(&self) -> Result<&HashMap<String, CompactedInput>> {
        match self.absent().next() {
            None => Ok(&self.inputs),
            Some(_) => Err(Error::internal("not all compacted inputs are loaded")),
        }
    }

    /// Those that are loaded, in no order.
    pub(super) fn loaded(&self) -> impl Iterator<Item = (&String, &CompactedInput)> {
        self.inputs.iter()
    }

    /// The parts that are not loaded, in order, with the last key of each.
    pub(super) fn absent(&self) -> impl Iterator<Item = (&Key, &Part)> {
        self.ranges.iter().filter_map(|range| Some((&range.last, range.part.as_ref()?)))
    }

    /// The place of the part to load before anything is said of an object, or done to it, that has its place by this time.
    pub(super) fn part_of(&self, time: Option<DateTime<Utc>>, url: &str) -> Option<usize> {
        let (time, newest) = (time?, self.ranges.len().checked_sub(1)?);
        let before = |range: &Range| (range.last.0, range.last.1.as_str()) < (time, url);
        let at = self.ranges.partition_point(before).min(newest);
        self.ranges[at].part.is_some().then_some(at)
    }

    /// The places of all parts that are not loaded.
    pub(super) fn all_absent(&self) -> BTreeSet<usize> {
        (0..self.ranges.len()).filter(|at| self.ranges[*at].part.is_some()).collect()
    }

    /// The part at a place; `None` where it is loaded.
    pub(super) fn part(&self, at: usize) -> Option<&Part> {
        self.ranges.get(at)?.part.as_ref()
    }

    /// All inputs of the part at this place are here now.
    pub(super) fn is_loaded(&mut self, at: usize) {
        self.ranges[at].part = None;
    }

    /// The parts are those of another checkpoint of this very state: what is not loaded stays so. `None` where one names keys
    /// that are none.
    pub(super) fn rebase(&mut self, parts: &[Part], absent: impl Fn(&Part) -> bool) -> Option<()> {
        let range = |part: &Part| Some(Range { last: part.last_input()?, part: absent(part).then(|| part.clone()) });
        self.ranges = parts.iter().map(range).collect::<Option<_>>()?;
        Some(())
    }

    pub(super) fn insert(&mut self, url: String, input: CompactedInput) -> Option<CompactedInput> {
        self.inputs.insert(url, input)
    }

    pub(super) fn remove(&mut self, url: &str) {
        self.inputs.remove(url);
    }
}

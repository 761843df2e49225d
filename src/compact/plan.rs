//! What there is to do, and in which portions. Pure.

use crate::error::Result;
use crate::landing::LandedObject;
use crate::ledger::Snapshot;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;

/// Bounds of one batch, which is one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Landed bytes; an object that is larger is a batch of its own.
    pub bytes: u64,
    /// Objects: each is a line in the commit.
    pub objects: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        BatchLimits { bytes: 1 << 30, objects: 20_000 }
    }
}

/// The objects that a run takes, and why others are left.
#[derive(Debug, Default)]
pub struct Candidates {
    /// To compact, oldest delivery first.
    pub objects: Vec<LandedObject>,
    /// Compacted already.
    pub compacted: usize,
    /// Compacted already, and of another size now: not read again, but somebody should hear of it.
    pub changed: Vec<String>,
    /// Younger than `settle`: the next run takes them.
    pub settling: usize,
}

/// (listed ∪ waiting) − compacted; `listed` holds the waiting ones that still exist. Objects younger than `settle` are
/// left out.
///
/// # Errors
/// Internal: the snapshot does not know of all of them; [`Ledger::look_up`](crate::ledger::Ledger::look_up) comes first.
pub fn candidates(
    listed: Vec<LandedObject>,
    snapshot: &Snapshot,
    settle: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Candidates> {
    let mut found = Candidates::default();
    let mut seen = HashSet::new();
    for object in listed {
        if !seen.insert(object.url.clone()) {
            continue;
        }
        match snapshot.compacted.get(&object.url)? {
            Some(compacted) if compacted.size == object.size => found.compacted += 1,
            Some(_) => found.changed.push(object.url),
            None if !object.is_settled(settle, now) => found.settling += 1,
            None => found.objects.push(object),
        }
    }
    found.objects.sort_by(|a, b| (a.delivered, &a.url).cmp(&(b.delivered, &b.url)));
    Ok(found)
}

/// Portions of whole objects in the given order.
pub fn batches(objects: Vec<LandedObject>, limits: &BatchLimits) -> Vec<Vec<LandedObject>> {
    let mut batches: Vec<Vec<LandedObject>> = Vec::new();
    let mut bytes = 0;
    for object in objects {
        match batches.last_mut() {
            Some(batch) if bytes + object.size <= limits.bytes && batch.len() < limits.objects => {
                bytes += object.size;
                batch.push(object);
            }
            _ => {
                bytes = object.size;
                batches.push(vec![object]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;
    use std::sync::Arc;

    fn object(name: &str, size: u64) -> LandedObject {
        let time = DateTime::from_timestamp(name.len() as i64, 0).unwrap();
        LandedObject {
            store: Arc::new(InMemory::new()),
            local: None,
            url: format!("memory:///{name}"),
            path: name.into(),
            size,
            etag: None,
            last_modified: time,
            delivered: time,
        }
    }

    #[test]
    fn batches_hold_whole_objects_up_to_the_bounds() {
        let sizes = |batches: Vec<Vec<LandedObject>>| -> Vec<Vec<u64>> {
            batches.iter().map(|b| b.iter().map(|o| o.size).collect()).collect()
        };
        let objects = |sizes: &[u64]| sizes.iter().map(|s| object("x", *s)).collect::<Vec<_>>();
        let limits = BatchLimits { bytes: 10, objects: 3 };
        assert_eq!(
            sizes(batches(objects(&[4, 6, 1, 20, 0, 0, 0, 0]), &limits)),
            [vec![4, 6], vec![1], vec![20], vec![0, 0, 0], vec![0]]
        );
        assert!(batches(vec![], &limits).is_empty());
    }
}

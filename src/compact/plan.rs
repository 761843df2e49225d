//! What there is to do, and in which portions. Pure.

use crate::error::Result;
use crate::landing::LandedObject;
use crate::ledger::{CompactedInput, Snapshot};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// One of several equal shares of the landed objects, so that several machines compact one table: `3/8` is the third of eight.
/// Which share an object is in follows from its URL alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// Whether what this names is in the share.
    pub fn takes(self, url: &str) -> bool {
        crc32fast::hash(url.as_bytes()) % self.of == self.number - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Shard { number, of }),
            Some((number, of)) if of > 0 => {
                Err(format!("there is no shard {number} of {of}; they are 1/{of} to {of}/{of}"))
            }
            _ => Err(format!("{text:?} is no shard; write i/N with i from 1 to N, such as 3/8")),
        }
    }
}

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
    /// Compacted already, and changed since: not read again, but somebody should hear of it.
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
            Some(compacted) if is_changed(&object, compacted) => found.changed.push(object.url),
            Some(_) => found.compacted += 1,
            None if !object.is_settled(settle, now) => found.settling += 1,
            None => found.objects.push(object),
        }
    }
    found.objects.sort_by(|a, b| (a.delivered, &a.url).cmp(&(b.delivered, &b.url)));
    Ok(found)
}

/// Another size, or in S3 another etag. Local etags change with `touch`.
fn is_changed(object: &LandedObject, compacted: &CompactedInput) -> bool {
    let other_etag = || match (&object.etag, &compacted.etag) {
        (Some(now), Some(then)) => now != then,
        _ => false,
    };
    object.size != compacted.size || (object.url.starts_with("s3://") && other_etag())
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
    fn each_object_is_in_one_shard_always_the_same() {
        let shards: Vec<Shard> = (1..=8).map(|at| format!("{at}/8").parse().unwrap()).collect();
        assert_eq!(shards[2].to_string(), "3/8");
        let mut counts = [0; 8];
        for at in 0..8000 {
            let url = format!("s3://landing/2026/11/20/09/web-1-{at}.gz");
            let takers: Vec<usize> = (0..8).filter(|shard| shards[*shard].takes(&url)).collect();
            assert_eq!(takers.len(), 1, "{url}");
            counts[takers[0]] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
        let takes = |url| shards.iter().position(|shard| shard.takes(url)).unwrap() + 1;
        assert_eq!((takes("s3://b/x"), takes("s3://b/y")), (7, 1), "the hash is part of the ledger's meaning");
        assert!("1/1".parse::<Shard>().unwrap().takes("anything"));
    }

    #[test]
    fn what_is_no_shard_is_told_with_the_range() {
        for (text, told) in [
            ("0/8", "there is no shard 0 of 8; they are 1/8 to 8/8"),
            ("9/8", "there is no shard 9 of 8; they are 1/8 to 8/8"),
            ("1/0", "\"1/0\" is no shard; write i/N with i from 1 to N, such as 3/8"),
            ("3", "\"3\" is no shard; write i/N with i from 1 to N, such as 3/8"),
            ("-1/8", "\"-1/8\" is no shard; write i/N with i from 1 to N, such as 3/8"),
        ] {
            assert_eq!(text.parse::<Shard>().unwrap_err(), told);
        }
    }

    #[test]
    fn changed_are_other_sizes_and_in_s3_other_etags() {
        let etag = |etag: &str| Some(etag.to_owned());
        for (url, now, size, changed) in [
            ("s3://b/x", etag("a"), 1, false),
            ("s3://b/x", etag("b"), 1, true),
            ("s3://b/x", None, 1, false),
            ("s3://b/x", etag("a"), 2, true),
            ("file:///x", etag("b"), 1, false),
            ("file:///x", etag("a"), 2, true),
        ] {
            let then = CompactedInput {
                etag: etag("a"),
                size: 1,
                delivered: DateTime::UNIX_EPOCH,
                repaired: 0,
                commit: 1,
                opened: false,
            };
            let object = LandedObject { url: url.into(), etag: now.clone(), ..object("x", size) };
            assert_eq!(is_changed(&object, &then), changed, "{url} {now:?} {size}");
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

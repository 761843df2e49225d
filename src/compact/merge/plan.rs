//! Which files are merged. Pure.
//!
//! Small files of a partition become one, or several of the target size. Rewriting must not cost more than it brings: old logs
//! that trickle into a closed partition would otherwise have 100 MB written again for each 10 KB. So the largest of the small
//! files is left out as long as the others together are below a tenth of it, and then the next largest. A byte is thus
//! rewritten some ten times while its partition grows tenfold, and a partition keeps a few small files of very different sizes.

use crate::compact::Shard;
use crate::ledger::{LiveFile, Snapshot};
use crate::table::{FileSet, Partition, PartitionKey};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// The others together must be at least this part of the largest file that is rewritten with them.
const WORTH: u64 = 10;

/// When files are merged, into what size, and how much at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeLimits {
    /// Size of the files that merging makes. Those that have half of it are left alone.
    pub target: u64,
    /// From so many small files on, a partition that may still get rows is merged, too.
    pub open_files: usize,
    /// A partition is closed so long after its time is over. One without a time never is.
    pub closed_after: TimeDelta,
    /// Bytes of the files that one commit replaces.
    pub bytes: u64,
    /// Files that one commit replaces.
    pub files: usize,
}

impl Default for MergeLimits {
    fn default() -> Self {
        MergeLimits {
            target: 256 << 20,
            open_files: 16,
            closed_after: TimeDelta::hours(1),
            bytes: 1 << 30,
            files: 2_000,
        }
    }
}

/// Files of one partition that become fewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// Which of the table's two sets they are of.
    pub set: FileSet,
    /// Their partition.
    pub partition: Partition,
    /// Their paths, oldest attempt first.
    pub files: Vec<String>,
    /// Their size.
    pub bytes: u64,
}

/// What is to be merged at `now`, of the files that commit `up_to` or an earlier one made live, in the order of the partitions.
/// Of a shard, the partitions that it takes: so shards at once do not merge the same files.
pub fn merges(
    snapshot: &Snapshot,
    keys: &[PartitionKey],
    up_to: u64,
    shard: Option<Shard>,
    now: DateTime<Utc>,
    limits: &MergeLimits,
) -> Vec<Merge> {
    let mut small: BTreeMap<(FileSet, &Partition), Vec<(&str, u64)>> = BTreeMap::new();
    let is_small = |file: &LiveFile| file.commit <= up_to && file.bytes < limits.target / 2;
    for (path, file) in snapshot.files.iter().filter(|(_, file)| is_small(file)) {
        small.entry((FileSet::of_path(path), &file.partition)).or_default().push((path, file.bytes));
    }
    let by_day = [PartitionKey::by_day()];
    let mut due = Vec::new();
    for ((set, partition), files) in small {
        if shard.is_some_and(|shard| !shard.takes(&format!("{}/{}", set.folder(), partition.path()))) {
            continue;
        }
        let keys = if set == FileSet::Data { keys } else { &by_day };
        let closed = partition.end(keys).is_some_and(|end| end + limits.closed_after <= now);
        let files = worth_merging(files, if closed { 2 } else { limits.open_files.max(2) });
        due.extend(portions(files, limits).iter().map(|files| Merge::of(set, partition, files)));
    }
    due
}

/// The files without the largest ones that the others are not worth rewriting; none where fewer than `least` are left.
fn worth_merging(mut files: Vec<(&str, u64)>, least: usize) -> Vec<(&str, u64)> {
    files.sort_by_key(|(path, bytes)| (*bytes, *path));
    let mut others: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    while files.len() >= least {
        let largest = files.last().map_or(0, |(_, bytes)| *bytes);
        others -= largest;
        if others.saturating_mul(WORTH) >= largest {
            files.sort_unstable();
            return files;
        }
        files.pop();
    }
    Vec::new()
}

/// Portions of at least two files that one commit can replace.
fn portions<'a>(files: Vec<(&'a str, u64)>, limits: &MergeLimits) -> Vec<Vec<(&'a str, u64)>> {
    let mut portions: Vec<Vec<(&str, u64)>> = Vec::new();
    let mut bytes = 0;
    for file in files {
        match portions.last_mut() {
            Some(portion) if portion.len() < 2 || bytes + file.1 <= limits.bytes && portion.len() < limits.files => {
                bytes += file.1;
                portion.push(file);
            }
            _ => {
                bytes = file.1;
                portions.push(vec![file]);
            }
        }
    }
    portions.retain(|portion| portion.len() > 1);
    portions
}

/// As many of the merges, from the first on, as one commit takes.
pub(super) fn first_batch(mut merges: Vec<Merge>, limits: &MergeLimits) -> Vec<Merge> {
    let (mut bytes, mut files) = (0, 0);
    let fits = |merge: &&Merge| {
        bytes += merge.bytes;
        files += merge.files.len();
        bytes <= limits.bytes && files <= limits.files
    };
    let count = merges.iter().take_while(fits).count().max(1);
    merges.truncate(count);
    merges
}

impl Merge {
    fn of(set: FileSet, partition: &Partition, files: &[(&str, u64)]) -> Self {
        Merge {
            set,
            partition: partition.clone(),
            files: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            bytes: files.iter().map(|(_, bytes)| bytes).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Action, Commit, DataFile, Pins};
    use uuid::Uuid;

    const MB: u64 = 1 << 20;

    /// A table with live files of these partitions and sizes, each of a commit of its own, named by their places.
    fn table(files: &[(&str, u64)]) -> Snapshot {
        let pins =
            Pins { schema_name: "s".into(), schema: String::new(), landing: vec!["l".into()], catalog: "file".into() };
        let create = Commit { pins: Some(pins), ..Commit::new(Action::Create, DateTime::UNIX_EPOCH, "") };
        let mut snapshot = Snapshot::begin(&create).unwrap();
        for (at, (partition, bytes)) in files.iter().enumerate() {
            let (set, partition) = partition.split_once('/').unwrap();
            let file = DataFile {
                path: format!("{set}/{at:03}"),
                partition: partition.into(),
                rows: 1,
                bytes: *bytes,
                inputs: vec![],
                origin: None,
                stats: BTreeMap::new(),
            };
            let commit =
                Commit { number: snapshot.head + 1, attempt: Some(Uuid::nil()), add: vec![file], ..create.clone() };
            snapshot.apply(&Commit { action: Action::Add, pins: None, ..commit }).unwrap();
        }
        snapshot
    }

    fn now() -> DateTime<Utc> {
        "2026-11-21T01:00:00Z".parse().unwrap()
    }

    /// What is planned, a line a merge: its partition and the numbers of its files.
    fn plan(files: &[(&str, u64)], limits: &MergeLimits) -> Vec<String> {
        let snapshot = table(files);
        let plan = merges(&snapshot, &[PartitionKey::by_day()], snapshot.head, None, now(), limits);
        let numbers = |merge: &Merge| -> Vec<String> {
            merge.files.iter().map(|path| path.rsplit('/').next().unwrap().trim_start_matches('0').to_owned()).collect()
        };
        plan.iter().map(|m| format!("{}/{} {}", m.set.folder(), m.partition.path(), numbers(m).join(","))).collect()
    }

    #[test]
    fn closed_partitions_from_two_files_on_open_ones_from_sixteen() {
        let limits = MergeLimits::default();
        let (closed, open) = ("data/dt=2026-11-20", "data/dt=2026-11-21");
        assert_eq!(plan(&[("x/y", 1), (closed, 5), (closed, 6)], &limits), [format!("{closed} 1,2")]);
        assert!(plan(&[(closed, 5), (open, 5), (open, 6)], &limits).is_empty());
        assert!(plan(&[(open, 5); 15], &limits).is_empty());
        assert_eq!(plan(&[(open, 5); 16], &limits).len(), 1);
        assert!(plan(&[("data/", 5); 15], &limits).is_empty(), "a table without keys is open");
        assert_eq!(plan(&[("data/", 5); 16], &limits).len(), 1);
        assert_eq!(plan(&[("rejected/dt=2026-11-20", 5); 2], &limits).len(), 1);
    }

    #[test]
    fn a_partition_is_closed_an_hour_after_its_end() {
        let snapshot = table(&[("data/dt=2026-11-20", 5); 2]);
        let keys = [PartitionKey::by_day()];
        let due = |now| merges(&snapshot, &keys, 2, None, now, &MergeLimits::default()).len();
        assert_eq!((due(now()), due(now() - TimeDelta::milliseconds(1))), (1, 0));
    }

    #[test]
    fn large_files_are_left_alone() {
        let closed = "data/dt=2026-11-20";
        let files = [(closed, 127 * MB), (closed, 128 * MB), (closed, 300 * MB), (closed, 60 * MB)];
        assert_eq!(plan(&files, &MergeLimits::default()), [format!("{closed} ,3")]);
    }

    #[test]
    fn a_trickle_does_not_rewrite_what_is_there() {
        let closed = "data/dt=2026-11-20";
        let sizes =
            |sizes: &[u64]| plan(&sizes.iter().map(|s| (closed, *s)).collect::<Vec<_>>(), &MergeLimits::default());
        assert!(sizes(&[100 * MB, 10 << 10]).is_empty());
        assert_eq!(sizes(&[100 * MB, 10 << 10, 20 << 10]), [format!("{closed} 1,2")]);
        assert_eq!(sizes(&[100 * MB, 10 << 10, 10 * MB]), [format!("{closed} ,1,2")]);
        assert!(sizes(&[100 * MB, MB, 10 << 10]).is_empty());
    }

    /// 10 KB every five minutes for a month into a partition of 100 MB.
    #[test]
    fn a_trickle_costs_a_bounded_multiple_of_what_it_brings() {
        let (mut files, mut rewritten, mut most) = (vec![100 * MB], 0, 0);
        let brought = 30 * 288 * (10 << 10);
        for _ in 0..30 * 288 {
            files.push(10 << 10);
            let named: Vec<(String, u64)> = files.iter().enumerate().map(|(at, b)| (at.to_string(), *b)).collect();
            let merged = worth_merging(named.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect(), 2);
            if !merged.is_empty() {
                let places: Vec<usize> = merged.iter().map(|(name, _)| name.parse().unwrap()).collect();
                let bytes: u64 = merged.iter().map(|(_, bytes)| bytes).sum();
                files = (0..files.len()).filter(|at| !places.contains(at)).map(|at| files[at]).chain([bytes]).collect();
                rewritten += bytes;
            }
            most = most.max(files.len());
        }
        assert!(rewritten < 40 * brought && most <= 6, "{} times, {most} files", rewritten / brought);
    }

    #[test]
    fn commits_are_bounded_and_no_portion_is_of_one_file() {
        let closed = "data/dt=2026-11-20";
        let limits = MergeLimits { bytes: 30, files: 4, target: 100, ..MergeLimits::default() };
        let portions =
            plan(&[("data/dt=2026-11-19", 10), (closed, 10), (closed, 10), (closed, 10), (closed, 10)], &limits);
        assert_eq!(portions, [format!("{closed} 1,2,3")]);
        assert_eq!(plan(&[(closed, 40), (closed, 40), (closed, 1)], &limits), [format!("{closed} ,1")]);
        assert_eq!(plan(&[(closed, 1); 10], &limits).len(), 3);
        let snapshot = table(&[(closed, 1); 10]);
        let all = merges(&snapshot, &[PartitionKey::by_day()], 10, None, now(), &limits);
        assert_eq!(first_batch(all.clone(), &limits), all[..1]);
        assert_eq!(first_batch(all.clone(), &MergeLimits { files: 9, ..limits }), all[..2]);
        assert_eq!(first_batch(Vec::new(), &limits), []);
    }

    #[test]
    fn only_files_up_to_a_commit_and_partitions_of_a_shard() {
        let snapshot = table(&[("data/dt=2026-11-19", 5), ("data/dt=2026-11-20", 5), ("data/dt=2026-11-19", 5)]);
        let keys = [PartitionKey::by_day()];
        let count = |up_to, shard| merges(&snapshot, &keys, up_to, shard, now(), &MergeLimits::default()).len();
        assert_eq!((count(2, None), count(3, None)), (0, 1));
        let shards = (1..=3).map(|at| count(3, Some(format!("{at}/3").parse().unwrap())));
        assert_eq!(shards.sum::<usize>(), 1);
    }
}

//! Where the files of each partition are to be found. Pure.
//!
//! | partition as of commit 7, which last changed it | its folder |
//! |---|---|
//! | exactly the files that commit 7 added | `data/<attempt>/dt=2026-11-20/` |
//! | others | `data/p7/dt=2026-11-20/`, a copy |
//! | none | `data/p7/dt=2026-11-20/`, empty |
//! | a table without keys | `data/<attempt>/` or `data/p7/` |

use crate::ledger::{LiveFile, Snapshot};
use crate::sabotage::{Broken, broken};
use crate::table::{FileSet, Partition};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Where one partition's files are to be found, as of the commit that last changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Relative to the table's folder, with a last slash.
    pub folder: String,
    /// The commit that last changed the partition.
    pub commit: u64,
    /// Whether `folder` is a published copy, to be filled from `files`.
    pub copy: bool,
    /// The partition's live files and their sizes; paths relative to the table's folder.
    pub files: Vec<(String, u64)>,
}

/// Where the files of each partition of a set are to be found, of all that changed after commit `after` (0: of all).
///
/// The answer follows from the first [`Placement::commit`] commits alone: it is the same at any later head.
pub fn desired(snapshot: &Snapshot, set: FileSet, after: u64) -> BTreeMap<Partition, Placement> {
    let open: BTreeMap<&Partition, u64> = changed_after(snapshot, set, after).collect();
    let mut live: BTreeMap<&Partition, Vec<(&str, &LiveFile)>> = BTreeMap::new();
    if !open.is_empty() {
        for (path, file) in snapshot.live(set).filter(|(_, file)| open.contains_key(&file.partition)) {
            live.entry(&file.partition).or_default().push((path, file));
        }
    }
    let placed = open.into_iter().map(|(partition, commit)| {
        let files = live.remove(partition).unwrap_or_default();
        (partition.clone(), place(set, partition, commit, &files))
    });
    placed.collect()
}

/// The partitions of a set that changed after commit `after`, with the commit that did it.
pub(super) fn changed_after(snapshot: &Snapshot, set: FileSet, after: u64) -> impl Iterator<Item = (&Partition, u64)> {
    let changed = snapshot.changed.iter().filter(move |((of, _), commit)| *of == set && **commit > after);
    changed.map(|((_, partition), commit)| (partition, *commit))
}

/// Where an empty partition is to be found that no commit ever changed: only a table without keys has one.
pub(super) fn untouched(set: FileSet) -> Placement {
    place(set, &Partition::default(), 0, &[])
}

fn place(set: FileSet, partition: &Partition, commit: u64, live: &[(&str, &LiveFile)]) -> Placement {
    let files = live.iter().map(|(path, file)| ((*path).to_owned(), file.bytes)).collect();
    match own_folder(set, partition, commit, live) {
        Some(folder) => Placement { folder, commit, copy: false, files },
        None => {
            let name = if broken(Broken::FolderReused) { "p0".into() } else { format!("p{commit}") };
            Placement { folder: folder(set, &name, partition), commit, copy: true, files }
        }
    }
}

/// The attempt's own folder, where it holds exactly the live files.
///
/// Files that the last change itself added are all that it added here: what a later commit took away would have changed the
/// partition later. And an attempt's folder holds no file that its commit does not name: the writer guarantees that.
fn own_folder(set: FileSet, partition: &Partition, commit: u64, live: &[(&str, &LiveFile)]) -> Option<String> {
    let (path, first) = live.first()?;
    let attempt = path.split('/').nth(1).filter(|part| Uuid::parse_str(part) == Ok(first.attempt))?;
    let folder = folder(set, attempt, partition);
    let is_own = |path: &str| path.strip_prefix(&folder).is_some_and(|name| !name.contains('/'));
    let is_new = |file: &LiveFile| file.commit == commit && file.origin == commit;
    live.iter().all(|(path, file)| is_new(file) && is_own(path)).then_some(folder)
}

fn folder(set: FileSet, name: &str, partition: &Partition) -> String {
    let folder = format!("{}/{name}/{}", set.folder(), partition.path());
    format!("{}/", folder.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::suite::{commit, pins};
    use crate::ledger::{Action, Commit};
    use chrono::DateTime;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    fn snapshot(commits: &[(&str, &[&str], &[&str])]) -> Snapshot {
        let first = Commit { pins: Some(pins("file", true)), ..Commit::new(Action::Create, DateTime::UNIX_EPOCH, "") };
        let mut snapshot = Snapshot::begin(&first).unwrap();
        for (attempt, add, remove) in commits {
            let number = snapshot.head + 1;
            snapshot.apply(&Commit { number, ..commit(attempt.parse().unwrap(), add, remove) }).unwrap();
        }
        snapshot
    }

    /// Each line: the commits, then the folder of `dt=1` or of the whole table as of the last one.
    #[test]
    fn placements_by_example() {
        let (a1, a2, b1) = (format!("data/{A}/dt=1/1"), format!("data/{A}/dt=1/2"), format!("data/{B}/dt=1/3"));
        let (a1, a2, b1) = (a1.as_str(), a2.as_str(), b1.as_str());
        let (other, whole) = (format!("data/{B}/dt=2/4"), format!("data/{A}/5"));
        let odd = format!("data/{B}/dt=1/6");
        type Case<'a> = (&'a str, &'a [(&'a str, &'a [&'a str], &'a [&'a str])], &'a str);
        let cases: [Case; 10] = [
            ("one attempt", &[(A, &[a1, a2], &[])], "data/A/dt=1/"),
            ("another partition since", &[(A, &[a1], &[]), (B, &[&other], &[])], "data/A/dt=1/"),
            ("two attempts", &[(A, &[a1], &[]), (B, &[b1], &[])], "data/p2/dt=1/"),
            ("replaced by one attempt", &[(A, &[a1, a2], &[]), (B, &[b1], &[a1, a2])], "data/B/dt=1/"),
            ("replaced in part", &[(A, &[a1, a2], &[]), (B, &[b1], &[a1])], "data/p2/dt=1/"),
            ("taken out in part", &[(A, &[a1, a2], &[]), (B, &[], &[a1])], "data/p2/dt=1/"),
            ("emptied", &[(A, &[a1], &[]), (B, &[], &[a1])], "data/p2/dt=1/"),
            ("brought back by another commit", &[(A, &[a1], &[]), (B, &[], &[a1]), (B, &[a1], &[])], "data/p3/dt=1/"),
            ("files not where their attempt writes", &[(A, &[&odd], &[])], "data/p1/dt=1/"),
            ("without keys", &[(A, &[&whole], &[])], "data/A/"),
        ];
        for (what, commits, folder) in cases {
            let snapshot = snapshot(commits);
            let places = desired(&snapshot, FileSet::Data, 0);
            let place = places.first_key_value().unwrap().1;
            assert_eq!(
                place.folder,
                folder.replace("/A/", &format!("/{A}/")).replace("/B/", &format!("/{B}/")),
                "{what}"
            );
            assert_eq!(place.copy, folder.starts_with("data/p"), "{what}");
            assert!(place.files.iter().all(|(path, _)| snapshot.files.contains_key(path)), "{what}");
        }
    }

    #[test]
    fn only_what_changed_after_the_watermark_is_placed() {
        let (one, two) = (format!("data/{A}/dt=1/1"), format!("data/{B}/dt=2/2"));
        let snapshot = snapshot(&[(A, &[&one], &[]), (B, &[&two], &[])]);
        let days = |after| desired(&snapshot, FileSet::Data, after).into_keys().collect::<Vec<_>>();
        assert_eq!(days(0), [Partition::from("dt=1"), Partition::from("dt=2")]);
        assert_eq!(days(1), [Partition::from("dt=2")]);
        assert_eq!(days(2), []);
        assert_eq!(desired(&snapshot, FileSet::Rejected, 0), BTreeMap::new());
        assert_eq!(untouched(FileSet::Data).folder, "data/p0/");
    }
}

//! What lies below a table's `data/` and `rejected/`: which folder, who wrote it, how old it is. Pure.

use crate::table::{FileSet, Partition, PartitionKey};
use chrono::{DateTime, Utc};
use object_store::path::Path;
use std::collections::BTreeMap;
use uuid::Uuid;

/// An object of a listing.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::jobs) struct Object {
    /// Relative to the table's folder.
    pub(in crate::jobs) path: String,
    /// Its key in the store.
    pub(in crate::jobs) key: Path,
    pub(in crate::jobs) bytes: u64,
    /// By the store's clock.
    pub(in crate::jobs) modified: DateTime<Utc>,
}

/// Who wrote a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::jobs) enum Owner {
    Attempt(Uuid),
    /// Publishing: a copy as of this commit.
    Copy(u64),
}

/// One partition's files of one attempt, or of one published copy.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::jobs) struct Folder {
    pub(in crate::jobs) set: FileSet,
    pub(in crate::jobs) owner: Owner,
    pub(in crate::jobs) partition: Partition,
    pub(in crate::jobs) objects: Vec<Object>,
}

/// All that a listing showed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::jobs) struct Inventory {
    /// What firelake wrote, by folder relative to the table's, each with a last slash.
    pub(in crate::jobs) folders: BTreeMap<String, Folder>,
    /// What it cannot have written: nobody's garbage.
    pub(in crate::jobs) unknown: Vec<Object>,
}

impl Inventory {
    /// Sorts a listing. `keys` are the table's partition keys; rejected records go by day.
    pub(in crate::jobs) fn of(objects: impl IntoIterator<Item = Object>, keys: &[PartitionKey]) -> Self {
        let mut inventory = Inventory::default();
        for object in objects {
            match place(&object.path, keys) {
                Some((folder, empty)) => inventory.folders.entry(folder).or_insert(empty).objects.push(object),
                None => inventory.unknown.push(object),
            }
        }
        inventory
    }

    /// The folders below `folder`, which ends in a slash, and that one itself.
    pub(super) fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a String, &'a Folder)> {
        self.folders.range(folder.to_owned()..).take_while(move |(name, _)| name.starts_with(folder))
    }
}

impl Folder {
    pub(in crate::jobs) fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.bytes).sum()
    }

    pub(super) fn newest(&self) -> Option<DateTime<Utc>> {
        self.objects.iter().map(|object| object.modified).max()
    }
}

/// The folder of a path that firelake writes; `None` for any other.
fn place(path: &str, keys: &[PartitionKey]) -> Option<(String, Folder)> {
    let (folder, name) = path.rsplit_once('/')?;
    let mut parts = folder.split('/');
    let top = parts.next()?;
    let set = FileSet::BOTH.into_iter().find(|set| set.folder() == top)?;
    let owner = owner(parts.next()?)?;
    let values: Vec<&str> = parts.collect();
    let by_day = [PartitionKey::by_day()];
    let keys = if set == FileSet::Data { keys } else { &by_day };
    let is_value =
        |(value, key): (&&str, &PartitionKey)| value.strip_prefix(key.name.as_str()).is_some_and(is_assigned);
    let is_partition = values.len() == keys.len() && values.iter().zip(keys).all(is_value);
    let writer = writer(name)?;
    let is_own = !matches!(owner, Owner::Attempt(attempt) if attempt != writer);
    let partition = Partition::from(values.join("/").as_str());
    (is_partition && is_own).then(|| (format!("{folder}/"), Folder { set, owner, partition, objects: Vec::new() }))
}

fn is_assigned(rest: &str) -> bool {
    rest.len() > 1 && rest.starts_with('=')
}

fn owner(part: &str) -> Option<Owner> {
    let copy = part.strip_prefix('p').and_then(|digits| digits.parse().ok());
    let copy = copy.filter(|number: &u64| format!("p{number}") == part);
    copy.map(Owner::Copy).or_else(|| attempt(part).map(Owner::Attempt))
}

/// An attempt, written as firelake writes it.
fn attempt(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text).ok().filter(|attempt| attempt.to_string() == text)
}

/// The attempt that a file has its name from: `<attempt>-00000.parquet`.
fn writer(name: &str) -> Option<Uuid> {
    let (writer, number) = name.strip_suffix(".parquet")?.rsplit_once('-')?;
    let is_number = number.len() >= 5 && number.bytes().all(|b| b.is_ascii_digit());
    attempt(writer).filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    #[test]
    fn only_what_firelake_writes_is_known() {
        let day = [PartitionKey::by_day()];
        let known = |path: &str, keys: &[PartitionKey]| {
            place(&path.replace("{A}", A).replace("{B}", B), keys).map(|(folder, _)| folder.replace(A, "A"))
        };
        for (path, keys, folder) in [
            ("data/{A}/dt=1/{A}-00000.parquet", &day[..], Some("data/A/dt=1/")),
            ("data/p7/dt=1/{A}-00000.parquet", &day, Some("data/p7/dt=1/")),
            ("rejected/{A}/dt=1/{A}-123456.parquet", &[], Some("rejected/A/dt=1/")),
            ("data/{A}/{A}-00000.parquet", &[], Some("data/A/")),
            ("data/p0/{B}-00000.parquet", &[], Some("data/p0/")),
            // a partition too few, one too many, another key, no value
            ("data/{A}/{A}-00000.parquet", &day, None),
            ("data/{A}/dt=1/{A}-00000.parquet", &[], None),
            ("data/{A}/day=1/{A}-00000.parquet", &day, None),
            ("data/{A}/dt=/{A}-00000.parquet", &day, None),
            // another's file in an attempt's folder, and names that firelake does not give
            ("data/{A}/dt=1/{B}-00000.parquet", &day, None),
            ("data/{A}/dt=1/{A}-0.parquet", &day, None),
            ("data/{A}/dt=1/{A}-00000.csv", &day, None),
            ("data/{A}/dt=1/part-00000.parquet", &day, None),
            ("data/p07/dt=1/{A}-00000.parquet", &day, None),
            ("data/P7/dt=1/{A}-00000.parquet", &day, None),
            ("data/0000000000000000000000000000000a/dt=1/{A}-00000.parquet", &day, None),
            ("data/dt=1/{A}-00000.parquet", &day, None),
            ("data/notes.txt", &day, None),
            ("other/{A}/dt=1/{A}-00000.parquet", &day, None),
        ] {
            assert_eq!(known(path, keys).as_deref(), folder, "{path}");
        }
    }
}

//! Published copies: a partition's live files, copied on the server side into one folder.

use super::Placement;
use crate::catalog::files_at;
use crate::error::{Error, Result};
use crate::storage::Location;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::collections::BTreeMap;

/// Requests at once.
const AT_ONCE: usize = 16;

/// Fills the folders of these copies; gives how many files and bytes were copied. What is there already is left alone (I5).
///
/// # Errors
/// Storage: a file cannot be copied; or a folder holds what does not belong there, which readers would read.
pub(super) async fn copy(table: &Location, places: &[&Placement]) -> Result<(u64, u64)> {
    let lists = stream::iter(places.iter().map(|place| missing(table.clone(), (*place).clone())));
    let missing: Vec<Vec<Copy>> = lists.buffer_unordered(AT_ONCE).try_collect().await?;
    let done = stream::iter(missing.into_iter().flatten().map(|copy| copy.make(table.clone())));
    done.buffer_unordered(AT_ONCE)
        .try_fold((0, 0), |(files, all), bytes| async move { Ok((files + 1, all + bytes)) })
        .await
}

struct Copy {
    from: Path,
    to: Path,
    bytes: u64,
}

impl Copy {
    async fn make(self, table: Location) -> Result<u64> {
        let copied = match table.is_local() {
            // A plain copy over what another publisher has just linked would leave the store's temporary link behind.
            true => table.store().copy_if_not_exists(&self.from, &self.to).await,
            false => table.store().copy(&self.from, &self.to).await,
        };
        let copied = match copied {
            // another publisher's; on S3 also a 409 where nothing landed, and readers would miss the file
            Err(refused @ object_store::Error::AlreadyExists { .. }) => {
                table.holds(&self.to, self.bytes).await.and_then(|there| there.then_some(()).ok_or(refused))
            }
            copied => copied,
        };
        copied.map(|()| self.bytes).map_err(|error| {
            let what = format!("cannot copy {} to {}", table.url_of(&self.from), table.url_of(&self.to));
            Error::from(error).context(what)
        })
    }
}

/// The copies that a folder still lacks.
async fn missing(table: Location, place: Placement) -> Result<Vec<Copy>> {
    let folder = table.join(&place.folder);
    let listed = files_at(&folder, &folder.url()).await?;
    let mut there: BTreeMap<Path, u64> = listed.into_iter().map(|file| (file.location, file.size)).collect();
    let mut copies = Vec::new();
    for copy in targets(&table, &folder, &place)? {
        match there.remove(&copy.to) {
            Some(size) if size == copy.bytes => {}
            Some(size) => {
                return Err(foreign(&folder, &copy.to, &format!("has {size} bytes, not {}", copy.bytes)));
            }
            None => copies.push(copy),
        }
    }
    match there.first_key_value() {
        Some((path, _)) => Err(foreign(&folder, path, "is no file of this partition")),
        None => Ok(copies),
    }
}

/// Names stay as they are: they begin with their attempt, so no two are the same.
fn targets(table: &Location, folder: &Location, place: &Placement) -> Result<Vec<Copy>> {
    let mut targets = BTreeMap::new();
    for (path, bytes) in &place.files {
        let to = folder.path(path.rsplit('/').next().unwrap_or(path));
        let copy = Copy { from: table.path(path), to: to.clone(), bytes: *bytes };
        if let Some(other) = targets.insert(to, copy) {
            let what = format!("two live files have one name: {path} and {}", table.url_of(&other.from));
            return Err(Error::internal(what));
        }
    }
    Ok(targets.into_values().collect())
}

fn foreign(folder: &Location, path: &Path, what: &str) -> Error {
    Error::storage(format!("{} {what}: the published copy cannot be completed", folder.url_of(path)))
        .hint(format!(
            "somebody else wrote into the lake, or its ledger was restored from a backup and this folder is of a commit that is \
             lost: remove {folder} whole, then run again; it holds nothing but copies, and no catalog points at it yet"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn copying_what_another_has_just_copied_leaves_nothing_else_behind() {
        let dir = tempfile::tempdir().unwrap();
        let table = Location::open(&dir.path().display().to_string()).unwrap();
        table.store().put(&table.path("a/x"), "text".into()).await.unwrap();
        for _ in 0..2 {
            let copy = Copy { from: table.path("a/x"), to: table.path("p1/x"), bytes: 4 };
            assert_eq!(copy.make(table.clone()).await.unwrap(), 4);
        }
        assert_eq!(std::fs::read_dir(dir.path().join("p1")).unwrap().count(), 1);
    }

    #[test]
    fn two_files_of_one_name_are_never_made_one() {
        let table = Location::in_store(std::sync::Arc::new(object_store::memory::InMemory::new()), "memory:///", "t");
        let files = vec![("data/a/dt=1/x".into(), 1), ("data/b/dt=1/x".into(), 1)];
        let place = Placement { folder: "data/p2/dt=1/".into(), commit: 2, copy: true, files };
        assert!(targets(&table, &table.join(&place.folder), &place).is_err());
    }
}

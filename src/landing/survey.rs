//! What to list of a landing prefix in a store: found out folder by folder, as far as folders may be skipped or are not a
//! folder's whole content.

use super::folders::Bound;
use crate::storage::Location;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, Result};

/// Listings at once.
const AT_ONCE: usize = 8;

/// A part of a landing prefix that is listed as a whole: a folder, or what sorts after a key in it.
struct Range {
    folder: Path,
    after: Option<Path>,
}

/// What stands right below a folder.
enum Entry {
    Folder(Path),
    Object(ObjectMeta),
}

struct Survey<'a> {
    landing: &'a Location,
    bound: Option<&'a Bound>,
    /// Folders with some date folders to skip.
    divided: Vec<Path>,
    ranges: Vec<Range>,
    objects: Vec<ObjectMeta>,
}

/// Every object of the landing prefix, but for those in folders that `bound` skips.
pub(super) async fn list(landing: &Location, bound: Option<&Bound>) -> Result<Vec<ObjectMeta>> {
    let (divided, ranges, objects) = Default::default();
    let mut survey = Survey { landing, bound, divided, ranges, objects };
    match (landing.begins(), bound) {
        ("", None) => survey.ranges.push(Range { folder: landing.prefix().clone(), after: None }),
        ("", Some(bound)) => survey.folder(landing.prefix().clone(), bound).await?,
        _ => survey.beginnings().await?,
    }
    while let (Some(bound), Some(folder)) = (bound, survey.divided.pop()) {
        survey.folder(folder, bound).await?;
    }
    survey.listed().await
}

impl Survey<'_> {
    /// What begins as the landing prefix does. Each folder is listed for itself: others may stand between them.
    async fn beginnings(&mut self) -> Result<()> {
        let level = self.level(self.landing.prefix()).await?;
        for (_, entry) in level.into_iter().filter(|(name, _)| name.starts_with(self.landing.begins())) {
            self.take(entry);
        }
        Ok(())
    }

    /// What sorts after the last folder that is skipped is one range, whatever it is; before that, each entry is its own.
    async fn folder(&mut self, folder: Path, bound: &Bound) -> Result<()> {
        let (mut after, mut at) = (None, folder.clone());
        loop {
            let mut level = self.level(&at).await?;
            let last = level.iter().rposition(|(_, entry)| self.skips(entry));
            let mut tail = level.split_off(last.map_or(0, |last| last + 1)).into_iter();
            if let Some((_, Entry::Folder(skipped))) = level.last() {
                // Sorts after what has an ASCII character there. What does not is listed too, which does no harm.
                after = Some(skipped.clone().join("~"));
            }
            level.into_iter().for_each(|(_, entry)| self.take(entry));
            match tail.next() {
                Some((_, Entry::Folder(next))) if bound.divides(&self.relative(&next)) => at = next,
                None if at == folder => return Ok(()),
                _ => break,
            }
        }
        self.ranges.push(Range { folder, after });
        Ok(())
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Object(object) => self.objects.push(object),
            entry if self.skips(&entry) => {}
            Entry::Folder(folder) => match self.bound.is_some_and(|bound| bound.divides(&self.relative(&folder))) {
                true => self.divided.push(folder),
                false => self.ranges.push(Range { folder, after: None }),
            },
        }
    }

    fn skips(&self, entry: &Entry) -> bool {
        let Entry::Folder(folder) = entry else { return false };
        self.bound.is_some_and(|bound| bound.skips(&self.relative(folder)))
    }

    fn relative(&self, folder: &Path) -> String {
        format!("{}/", self.landing.relative(folder).unwrap_or_default())
    }

    /// The entries right below a folder, by their names, as their keys sort.
    async fn level(&self, folder: &Path) -> Result<Vec<(String, Entry)>> {
        let level = self.landing.store().list_with_delimiter(Some(folder)).await?;
        let name =
            |path: &Path| path.as_ref().strip_prefix(folder.as_ref()).map(|n| n.trim_start_matches('/').to_owned());
        let folders = level.common_prefixes.into_iter();
        let folders = folders.map(|path| (name(&path).unwrap_or_default() + "/", Entry::Folder(path)));
        let objects = level.objects.into_iter();
        let objects = objects.map(|object| (name(&object.location).unwrap_or_default(), Entry::Object(object)));
        let mut entries: Vec<_> = folders.chain(objects).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    async fn listed(self) -> Result<Vec<ObjectMeta>> {
        let store = self.landing.store();
        let list = |range: Range| match range.after {
            None => store.list(Some(&range.folder)),
            Some(after) => store.list_with_offset(Some(&range.folder), &after),
        };
        let found = stream::iter(self.ranges).map(|range| list(range).try_collect::<Vec<_>>()).buffered(AT_ONCE);
        let found: Vec<Vec<ObjectMeta>> = found.try_collect().await?;
        Ok(self.objects.into_iter().chain(found.into_iter().flatten()).collect())
    }
}

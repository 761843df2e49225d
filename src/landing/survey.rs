//! What to list of a landing prefix in a store: found out folder by folder, as far as folders may be skipped or are not a
//! folder's whole content.

use super::folders::Bound;
use crate::storage::Location;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, Result};

/// Listings at once.
const AT_ONCE: usize = 8;
/// Where more folders are to be listed each for itself, listing everything costs less.
const MOST_RANGES: usize = 200;

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
    let whole = || Range { folder: landing.prefix().clone(), after: None };
    match (landing.begins(), bound) {
        ("", None) => survey.ranges.push(whole()),
        ("", Some(_)) => survey.folder(landing.prefix().clone()).await?,
        _ => survey.beginnings().await?,
    }
    while let Some(folder) = survey.divided.pop() {
        survey.folder(folder).await?;
    }
    if landing.begins().is_empty() && survey.ranges.len() > MOST_RANGES {
        (survey.ranges, survey.objects) = (vec![whole()], Vec::new());
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

    /// Each entry for itself, up to the last that is skipped: what sorts after that is one range, whatever it is.
    async fn folder(&mut self, folder: Path) -> Result<()> {
        let mut level = self.level(&folder).await?;
        let last = level.iter().rposition(|(_, entry)| self.skips(entry) || self.divides(entry));
        let tail = level.split_off(last.map_or(0, |last| last + 1));
        let after = match level.last() {
            // Sorts after what has an ASCII character there. What does not is listed too, which does no harm.
            Some((_, entry @ Entry::Folder(skipped))) if self.skips(entry) => {
                Some(Path::parse(format!("{skipped}/~"))?)
            }
            _ => None,
        };
        match (level.is_empty(), &after) {
            (false, None) => tail.into_iter().for_each(|(_, entry)| self.take(entry)),
            _ if tail.is_empty() => {}
            _ => self.ranges.push(Range { folder, after }),
        }
        level.into_iter().for_each(|(_, entry)| self.take(entry));
        Ok(())
    }

    fn take(&mut self, entry: Entry) {
        let (skips, divides) = (self.skips(&entry), self.divides(&entry));
        match entry {
            Entry::Object(object) => self.objects.push(object),
            Entry::Folder(_) if skips => {}
            Entry::Folder(folder) if divides => self.divided.push(folder),
            Entry::Folder(folder) => self.ranges.push(Range { folder, after: None }),
        }
    }

    fn divides(&self, entry: &Entry) -> bool {
        let Entry::Folder(folder) = entry else { return false };
        self.bound.is_some_and(|bound| bound.divides(&self.relative(folder)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt};
    use proptest::prelude::*;
    use std::sync::Arc;

    /// What is listed of a landing prefix, below it, in order.
    async fn seen(keys: &[String], landing: (&str, &str), bound: Option<&Bound>) -> Vec<String> {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for key in keys {
            store.put(&Path::parse(key).unwrap(), "x".into()).await.unwrap();
        }
        let place = Location::in_store(store, "memory:///", landing.0).beginning(landing.1);
        let mut seen: Vec<String> =
            list(&place, bound).await.unwrap().into_iter().map(|meta| meta.location.to_string()).collect();
        assert!(seen.iter().all(|key| place.relative(&Path::parse(key).unwrap()).is_some()), "{seen:?}");
        seen.sort();
        seen
    }

    fn since_november(layouts: &[&str]) -> Bound {
        let from = "2026-11-18T00:00:00Z".parse().unwrap();
        Bound::new(from, layouts.iter().map(|layout| (*layout).to_owned()).collect()).unwrap()
    }

    #[tokio::test]
    async fn old_folders_are_skipped_and_others_are_not() {
        let old = ["2025/12/31/23/a", "2026/01/01/00/a", "2026/11/16/10/a", "2026/11/17/11/a"];
        let rest = [
            "0",
            "2026/0/a",
            "2026/11/17/12/a",
            "2026/11/20/00/a",
            "2026/11/20/a",
            "2027/01/01/00/a",
            "dt=2025-12-31/a",
            "x/y",
        ];
        let keys: Vec<String> = old.iter().chain(&rest).map(|key| format!("web/{key}")).collect();
        let listed: Vec<String> = rest.iter().map(|key| format!("web/{key}")).collect();
        assert_eq!(seen(&keys, ("web", ""), Some(&since_november(&["%Y/%m/%d/%H/"]))).await, listed);
        assert_eq!(seen(&keys, ("web", "2026"), None).await.len(), 7);
    }

    fn key() -> impl Strategy<Value = String> {
        let hour = (0..24 * 60_i64).prop_map(|hour| {
            "2026-10-15T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap() + chrono::TimeDelta::hours(hour)
        });
        let layouts = [
            "%Y/%m/%d/%H/",
            "%Y/%-m/%-d/%-H/",
            "year=%Y/month=%m/day=%d/hour=%H/",
            "dt=%Y-%m-%d/hour=%H/",
            "dt=%Y-%m-%d-%H/",
            "dt=%Y%m%d/",
            "c=7/%Y/%m/%d/",
            "0/",
            "~/",
            "%Y/x/",
            "",
        ];
        (
            hour,
            proptest::sample::select(layouts.to_vec()),
            "[a-c0-9~]{1,2}",
            proptest::sample::select(vec!["logs/", "logs", "logs-", "log/", "other/"]),
        )
            .prop_map(|(hour, layout, name, before)| format!("{before}{}{name}", hour.format(layout)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// Each key is listed that the bound does not skip, once; no other but where it sorts behind `~`.
        #[test]
        fn all_that_a_bound_does_not_skip(
            keys in proptest::collection::hash_set(key(), 0..60),
            landing in proptest::sample::select(vec![("logs", ""), ("", "logs"), ("", "log"), ("", ""), ("logs", "dt=")]),
        ) {
            let bound = since_november(&["%Y/%m/%d/%H/", "year=%Y/month=%m/day=%d/hour=%H/", "dt=%Y-%m-%d/hour=%H/", "dt=%Y-%m-%d-%H/", "dt=%Y%m%d/"]);
            let keys: Vec<String> = keys.into_iter().collect();
            let begin = format!("{}{}{}", landing.0, if landing.0.is_empty() { "" } else { "/" }, landing.1);
            let below = |key: &String| key.strip_prefix(&begin).map(str::to_owned);
            let mut expected: Vec<String> =
                keys.iter().filter(|key| below(key).is_some_and(|key| !bound.skips(&key))).cloned().collect();
            expected.sort();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut seen = runtime.block_on(seen(&keys, landing, Some(&bound)));
            seen.retain(|key| !bound.skips(&below(key).unwrap()) || !key.contains('~'));
            prop_assert_eq!(seen, expected);
        }
    }
}

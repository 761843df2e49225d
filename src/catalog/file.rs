//! The file catalog: `<lake>/_catalog/<database>/<table>/<n>.json`, whole, as of commit n; the highest n counts.
//!
//! An entry's content follows from the ledger's first n commits, so two publishers that write the same n write the same,
//! and one that comes late with a lower n changes nothing that counts. That is all the compare-and-swap it needs.

use super::{Applied, COMMIT_PARAMETER, Catalog, CatalogColumn, CatalogTable, Changes, PartitionEntry};
use crate::error::{Error, Kind, Result};
use crate::ledger::Commit;
use crate::storage::Location;
use crate::table::Partition;
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The version of the format that this firelake writes; it reads no newer one.
const FORMAT: u32 = 1;

/// A catalog of JSON files in the lake itself.
#[derive(Debug, Clone)]
pub struct FileCatalog {
    folder: Location,
}

/// One entry, as stored. `docs/catalog.md` describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    firelake_catalog: u32,
    commit: u64,
    database: String,
    table: String,
    #[serde(default)]
    description: String,
    location: String,
    columns: Vec<CatalogColumn>,
    partition_keys: Vec<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    partitions: BTreeMap<Partition, PartitionEntry>,
}

impl FileCatalog {
    /// The file catalog of the lake in folder `lake`.
    pub fn new(lake: &Location) -> Self {
        FileCatalog { folder: lake.join("_catalog") }
    }

    fn entries(&self, database: &str, table: &str) -> Location {
        self.folder.join(&format!("{database}/{table}"))
    }

    /// The entry that counts.
    async fn newest(&self, database: &str, table: &str) -> Result<Option<Entry>> {
        let folder = self.entries(database, table);
        let listed = folder.store().list(Some(folder.prefix())).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|e| Error::from(e).context(format!("cannot list the catalog {folder}")))?;
        let numbers = listed.iter().filter_map(|object| object.location.filename().and_then(Commit::number_of));
        match numbers.max() {
            Some(number) => read(&folder, number).await.map(Some),
            None => Ok(None),
        }
    }

    async fn create(&self, entry: &Entry) -> Result<Applied> {
        let folder = self.entries(&entry.database, &entry.table);
        let path = folder.path(&Commit::file_name(entry.commit));
        match folder.store().put_opts(&path, entry.to_bytes()?.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(Applied::Done),
            Err(object_store::Error::AlreadyExists { .. }) => {
                entry.must_equal(&read(&folder, entry.commit).await?, &folder)
            }
            Err(error) => {
                Err(Error::from(error).context(format!("cannot write the catalog entry {}", folder.url_of(&path))))
            }
        }
    }
}

#[async_trait::async_trait]
impl Catalog for FileCatalog {
    fn name(&self) -> &'static str {
        "file"
    }

    fn settles(&self) -> Option<Duration> {
        None
    }

    async fn tables(&self, database: &str) -> Result<BTreeMap<String, CatalogTable>> {
        let folder = self.folder.join(database);
        let listed = folder.store().list_with_delimiter(Some(folder.prefix())).await;
        let listed = listed.map_err(|e| Error::from(e).context(format!("cannot list the catalog {folder}")))?;
        let mut tables = BTreeMap::new();
        for name in listed.common_prefixes.iter().filter_map(|path| path.filename()) {
            if let Some(table) = self.table(database, name).await? {
                tables.insert(name.to_owned(), table);
            }
        }
        Ok(tables)
    }

    async fn table(&self, database: &str, table: &str) -> Result<Option<CatalogTable>> {
        Ok(self.newest(database, table).await?.map(Entry::into_table))
    }

    async fn partitions(
        &self,
        database: &str,
        table: &str,
        wanted: Option<&[Partition]>,
    ) -> Result<BTreeMap<Partition, PartitionEntry>> {
        let mut all = self.newest(database, table).await?.map(|entry| entry.partitions).unwrap_or_default();
        Ok(match wanted {
            None => all,
            Some(wanted) => wanted.iter().filter_map(|partition| all.remove_entry(partition)).collect(),
        })
    }

    /// Writes the entry `changes.commit`: what counted so far, with the changes. Beaten where a later one counts already.
    async fn apply(&self, changes: &Changes) -> Result<Applied> {
        let newest = self.newest(&changes.database, &changes.table).await?;
        let entry = Entry::next(newest.as_ref(), changes)?;
        match newest {
            Some(newest) if newest.commit > entry.commit => Ok(Applied::Beaten),
            Some(newest) if newest.commit == entry.commit => {
                entry.must_equal(&newest, &self.entries(&changes.database, &changes.table))
            }
            _ => self.create(&entry).await,
        }
    }
}

async fn read(folder: &Location, number: u64) -> Result<Entry> {
    let path = folder.path(&Commit::file_name(number));
    let origin = folder.url_of(&path);
    let bytes = match folder.store().get(&path).await {
        Ok(object) => object.bytes().await,
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(|e| Error::from(e).context(format!("cannot read the catalog entry {origin}")))?;
    Entry::from_bytes(&origin, number, &bytes)
}

impl Entry {
    /// The whole table as of `changes.commit`. What counted so far may be newer than what the changes were computed from:
    /// they hold every partition that changed since an earlier state, as of a later one.
    fn next(newest: Option<&Entry>, changes: &Changes) -> Result<Entry> {
        let table = match (&changes.definition, newest) {
            (Some(change), _) => change.to().clone(),
            (None, Some(newest)) => newest.clone().into_table(),
            (None, None) => {
                let what = format!("no table {}.{} to change in the file catalog", changes.database, changes.table);
                return Err(Error::internal(what));
            }
        };
        let table = table.with_watermark(changes.commit);
        let mut partitions = newest.map(|entry| entry.partitions.clone()).unwrap_or_default();
        partitions.extend(changes.partitions.iter().map(|change| (change.partition.clone(), change.to.clone())));
        Ok(Entry {
            firelake_catalog: FORMAT,
            commit: changes.commit,
            database: changes.database.clone(),
            table: changes.table.clone(),
            description: table.description,
            location: table.location,
            columns: table.columns,
            partition_keys: table.partition_keys,
            parameters: table.parameters,
            partitions,
        })
    }

    fn into_table(self) -> CatalogTable {
        CatalogTable {
            description: self.description,
            columns: self.columns,
            partition_keys: self.partition_keys,
            location: self.location,
            parameters: self.parameters,
            ..Default::default()
        }
        .with_watermark(self.commit)
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::internal("cannot write a catalog entry as JSON").caused_by(e))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn from_bytes(origin: &str, number: u64, bytes: &[u8]) -> Result<Self> {
        let damaged = |what: String| {
            Error::new(Kind::Storage, format!("the catalog entry {origin} is damaged: {what}"))
                .hint("remove this file and publish again: the catalog is made of the ledger, nothing is lost")
        };
        let version = serde_json::from_slice::<Version>(bytes).map_err(|e| damaged(e.to_string()))?.firelake_catalog;
        if version > FORMAT {
            let what = format!("the catalog entry {origin} has format {version}, this firelake reads {FORMAT}");
            return Err(Error::new(Kind::Storage, what).hint("use the newer firelake that wrote it"));
        }
        if version != FORMAT {
            return Err(damaged(format!("it says that its format is {version}")));
        }
        let entry: Entry = serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
        let watermark = entry.parameters.get(COMMIT_PARAMETER).cloned();
        if entry.commit != number || watermark != Some(number.to_string()) {
            return Err(damaged(format!("it says that it is as of commit {}", entry.commit)));
        }
        Ok(entry)
    }

    /// Two entries of one number come from the same commits; where they differ, one of them was made from others.
    fn must_equal(&self, there: &Entry, folder: &Location) -> Result<Applied> {
        if self == there {
            return Ok(Applied::Done);
        }
        let path = folder.path(&Commit::file_name(self.commit));
        Err(Error::ledger(format!(
            "the catalog entry {} does not say what the ledger's commit {} says",
            folder.url_of(&path),
            self.commit
        ))
        .hint(
            "the ledger or the catalog was restored, moved or edited; once you know that the ledger is whole, remove the \
             catalog's folder of this table and publish again",
        ))
    }
}

#[derive(Deserialize)]
struct Version {
    firelake_catalog: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::suite::{Faults, Rig, every_catalog};
    use crate::catalog::{PartitionChange, TableChange};
    use std::sync::Arc;

    fn make(lake: &Location, _: &Faults) -> Arc<dyn Catalog> {
        Arc::new(FileCatalog::new(lake))
    }

    every_catalog!(make);

    fn entry(rig: &Rig, number: u64) -> object_store::path::Path {
        rig.lake.path(&format!("_catalog/logs/access/{}", Commit::file_name(number)))
    }

    #[tokio::test]
    async fn entries_stay_and_are_whole() {
        let mut rig = Rig::new(make, true).await;
        for commit in ["+1", "+2", "+r1", "+1"] {
            rig.commit(commit).await;
            rig.publish_all().await;
        }
        let objects = rig.objects().await;
        let entries: Vec<&str> = objects.keys().filter_map(|path| path.strip_prefix("lake/_catalog/logs/")).collect();
        let expected = [("access", 1), ("access", 2), ("access", 4), ("access_rejected", 1), ("access_rejected", 3)];
        assert_eq!(entries, expected.map(|(table, number)| format!("{table}/{}", Commit::file_name(number))));
        let text = rig.store.get(&entry(&rig, 4)).await.unwrap().bytes().await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(json["firelake_catalog"], 1);
        assert_eq!(json["columns"][0]["type"], "timestamp");
        assert_eq!(json["partitions"]["dt=1"]["location"], "memory:///lake/logs/access/data/p4/dt=1/");
        assert_eq!(json["partitions"]["dt=2"]["commit"], 2);
    }

    #[tokio::test]
    async fn an_entry_that_says_otherwise_is_an_error() {
        let mut rig = Rig::new(make, true).await;
        rig.commit("+1").await;
        let [mut changes, _] = rig.plan().await;
        assert_eq!(rig.catalog.apply(&changes).await.unwrap(), Applied::Done);
        assert_eq!(rig.catalog.apply(&changes).await.unwrap(), Applied::Done, "the same again is harmless");
        changes.partitions[0].to.location += "x/";
        let error = rig.catalog.apply(&changes).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Ledger);
        assert!(error.message().contains("_catalog/logs/access/00000000000000000001.json"), "{error:?}");
    }

    #[tokio::test]
    async fn an_entry_that_appears_in_between_is_compared() {
        let mut rig = Rig::new(make, true).await;
        rig.commit("+1").await;
        let [changes, _] = rig.plan().await;
        let catalog = FileCatalog::new(&rig.lake);
        let mine = Entry::next(None, &changes).unwrap();
        assert_eq!(catalog.create(&mine).await.unwrap(), Applied::Done);
        assert_eq!(catalog.create(&mine).await.unwrap(), Applied::Done);
        let other = Entry { partitions: BTreeMap::new(), ..mine };
        assert_eq!(catalog.create(&other).await.unwrap_err().kind(), Kind::Ledger);
    }

    #[tokio::test]
    async fn an_earlier_commit_changes_nothing() {
        let mut rig = Rig::new(make, true).await;
        rig.commit("+1").await;
        let [early, _] = rig.plan().await;
        rig.commit("+1").await;
        rig.publish_all().await;
        let objects = rig.objects().await;
        assert_eq!(rig.catalog.apply(&early).await.unwrap(), Applied::Beaten);
        assert_eq!(rig.objects().await, objects);
    }

    #[tokio::test]
    async fn changes_land_on_what_another_wrote_since() {
        let mut rig = Rig::new(make, true).await;
        rig.publish_all().await;
        rig.commit("+1").await;
        rig.commit("+2").await;
        let [both, _] = rig.plan().await;
        let one: Vec<PartitionChange> = both.partitions[..1].to_vec();
        let between = Changes { commit: 1, partitions: one, ..both.clone() };
        assert_eq!(rig.catalog.apply(&between).await.unwrap(), Applied::Done);
        assert_eq!(rig.catalog.apply(&both).await.unwrap(), Applied::Done);
        rig.check_current().await;
    }

    #[tokio::test]
    async fn a_damaged_entry_says_what_to_do() {
        let mut rig = Rig::new(make, true).await;
        rig.commit("+1").await;
        rig.publish_all().await;
        for (text, expected) in [
            ("{", "damaged"),
            ("{}", "damaged"),
            (r#"{"firelake_catalog": 2}"#, "has format 2"),
            (r#"{"firelake_catalog": 0}"#, "damaged"),
            (r#"{"firelake_catalog": 1}"#, "damaged"),
        ] {
            rig.store.put(&entry(&rig, 1), text.into()).await.unwrap();
            let error = rig.publish().await.unwrap_err();
            assert!(error.message().contains(expected) && error.hint_text().is_some(), "{error:?}");
        }
        // renamed: it is as of another commit
        rig.store.delete(&entry(&rig, 1)).await.unwrap();
        rig.publish_all().await;
        rig.store.rename(&entry(&rig, 1), &entry(&rig, 7)).await.unwrap();
        assert!(rig.publish().await.unwrap_err().message().contains("damaged"));
    }

    #[tokio::test]
    async fn a_catalog_that_was_removed_is_made_again() {
        let mut rig = Rig::new(make, true).await;
        rig.commit("+1 +r1").await;
        rig.commit("+1").await;
        rig.publish_all().await;
        let before = rig.objects().await;
        for path in before.keys().filter(|path| path.contains("/_catalog/")) {
            rig.store.delete(&path.as_str().into()).await.unwrap();
        }
        assert_eq!(rig.publish_all().await.copied_files, 0);
        assert_eq!(rig.objects().await, before);
    }

    #[tokio::test]
    async fn it_is_the_same_on_disk() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Location::open(&format!("{}/my lake", dir.path().display())).unwrap();
        let mut rig = Rig::at(lake, Faults::default(), make, true).await;
        for commit in ["", "+1 +r1", "+1", "-1", "+1 +1 +1", "+1", "+1"] {
            rig.commit(commit).await;
            let (one, two) = tokio::join!(rig.publish(), rig.publish());
            assert_eq!(one.unwrap().commit, two.unwrap().commit);
            assert!(!rig.publish_all().await.changed);
        }
        let copies = std::fs::read_dir(dir.path().join("my lake/logs/access/data/p6/dt=1")).unwrap();
        let names: Vec<String> = copies.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert!(names.len() == 4 && names.iter().all(|name| name.ends_with(".parquet")), "{names:?}");
        assert!(rig.locations().await[&"dt=1".into()].starts_with("file:///"));
    }

    #[test]
    fn a_table_that_is_not_there_cannot_change() {
        let changes = Changes {
            database: "logs".into(),
            table: "access".into(),
            commit: 1,
            token: None,
            decided_at: None,
            definition: None::<TableChange>,
            partitions: Vec::new(),
        };
        assert_eq!(Entry::next(None, &changes).unwrap_err().kind(), Kind::Internal);
    }
}

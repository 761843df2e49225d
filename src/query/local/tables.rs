//! Which tables a statement names, and what each of them is: a reference table, or a table of the lake by its ledger.

use super::lake_table::LakeTable;
use super::readers::Opened;
use super::{LocalConfig, foreign, reference};
use crate::error::{Error, Result};
use crate::ledger::{AsOf, Ledger, Snapshot};
use crate::query::suggest::nearest;
use crate::storage::Location;
use crate::table::FileSet;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStore;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The one catalog, under Athena's name for its own.
pub(super) const CATALOG: &str = "awsdatacatalog";
const INFORMATION_SCHEMA: &str = "information_schema";
const REJECTED: &str = "_rejected";

/// Snapshots of earlier statements by the table's URL: the next statement reads only the commits since (I8).
pub(super) type Known = tokio::sync::Mutex<HashMap<String, Arc<Snapshot>>>;

/// Looks tables up for one statement: each ledger is loaded once, so a table and its rejected records agree.
pub(super) struct Tables<'a> {
    config: &'a LocalConfig,
    store: ObjectStoreUrl,
    known: &'a Known,
    opened: Arc<Opened>,
    snapshots: HashMap<String, Option<Arc<Snapshot>>>,
}

impl<'a> Tables<'a> {
    pub(super) fn new(config: &'a LocalConfig, store: ObjectStoreUrl, known: &'a Known, opened: Arc<Opened>) -> Self {
        Tables { config, store, known, opened, snapshots: HashMap::new() }
    }

    /// A catalog of exactly the tables in `references`; of all tables of the database where the statement asks what there is.
    ///
    /// `generate_series(1, 3)` counts as a reference, too: `is_function` tells it apart.
    ///
    /// # Errors
    /// Query for a table that is not there; the hint lists those that are.
    pub(super) async fn catalog(
        mut self,
        references: &[TableReference],
        is_function: impl Fn(&str) -> bool,
    ) -> Result<Arc<dyn CatalogProvider>> {
        let mut databases: BTreeMap<String, BTreeMap<String, Arc<dyn TableProvider>>> = BTreeMap::new();
        databases.entry(self.config.database.clone()).or_default();
        if references.iter().any(|reference| reference.schema() == Some(INFORMATION_SCHEMA)) {
            let all = self.every_table().await?;
            databases.entry(self.config.database.clone()).or_default().extend(all);
        }
        for wanted in references.iter().filter(|reference| reference.schema() != Some(INFORMATION_SCHEMA)) {
            let database = wanted.schema().unwrap_or(&self.config.database).to_owned();
            let found = match wanted.catalog() {
                None | Some(CATALOG) => self.find(&database, &wanted.table().to_lowercase()).await?,
                Some(_) => None,
            };
            let table = match found {
                Some(table) => table,
                None if wanted.schema().is_none() && is_function(wanted.table()) => continue,
                None => return Err(self.unknown(wanted, &database).await?),
            };
            databases.entry(database).or_default().insert(wanted.table().to_owned(), table);
        }
        catalog_of(databases).map_err(|e| Error::internal("cannot register tables").caused_by(e))
    }

    async fn find(&mut self, database: &str, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let is_default = database == self.config.database;
        let name = &if is_default { self.unaliased(name) } else { name.to_owned() };
        let reference = self.config.references.iter().find(|reference| is_default && reference.name == *name);
        if let Some(table) = self.lake_table(database, name, FileSet::Data).await? {
            return Ok(Some(table)); // the lake's own table wins
        }
        if let Some(reference) = reference {
            return Ok(Some(Arc::new(reference::load(reference).await?)));
        }
        if let Some(base) = name.strip_suffix(REJECTED)
            && let Some(table) = self.lake_table(database, base, FileSet::Rejected).await?
        {
            return Ok(Some(table));
        }
        if let Some(table) = foreign::find(self.config, database, name).await? {
            return self.only_now(name).map(|()| Some(table));
        }
        match self.config.unpublished.iter().find(|reference| is_default && reference.name == *name) {
            Some(reference) => Ok(Some(Arc::new(reference::load(reference).await?))),
            None => Ok(None),
        }
    }

    /// Only a ledger tells what a table was.
    fn only_now(&self, name: &str) -> Result<()> {
        match self.config.as_of {
            None => Ok(()),
            Some(as_of) => Err(Error::usage(format!(
                "the table {name} is none of firelake's, so nothing tells what it was as of {as_of}"
            ))
            .hint("leave --as-of away, or leave that table out of the query")),
        }
    }

    /// The table that a name stands for; its rejected records go along.
    fn unaliased(&self, name: &str) -> String {
        let aliases = &self.config.aliases;
        let rejected = || Some(format!("{}{REJECTED}", aliases.get(name.strip_suffix(REJECTED)?)?));
        aliases.get(name).cloned().or_else(rejected).unwrap_or_else(|| name.to_owned())
    }

    async fn lake_table(&mut self, database: &str, name: &str, set: FileSet) -> Result<Option<Arc<dyn TableProvider>>> {
        if !is_folder_name(database) || !is_folder_name(name) {
            return Ok(None);
        }
        let folder = self.config.lake.join(&format!("{database}/{name}"));
        let Some(snapshot) = self.snapshot(&folder).await? else {
            return Ok(None);
        };
        let table = LakeTable::new(&folder, &snapshot, set, self.store.clone(), self.opened.clone())
            .map_err(|e| e.context(format!("cannot read table {database}.{name}")))?;
        Ok(Some(Arc::new(table)))
    }

    async fn snapshot(&mut self, folder: &Location) -> Result<Option<Arc<Snapshot>>> {
        let url = folder.url();
        if let Some(loaded) = self.snapshots.get(&url) {
            return Ok(loaded.clone());
        }
        let snapshot = match self.config.as_of {
            Some(as_of) => self.earlier(folder, as_of).await?,
            None => self.newest(folder, &url).await?,
        };
        self.snapshots.insert(url, snapshot.clone());
        Ok(snapshot)
    }

    async fn earlier(&self, folder: &Location, as_of: AsOf) -> Result<Option<Arc<Snapshot>>> {
        let snapshot = Ledger::new(folder).load_as_of(as_of).await?;
        let another = self.snapshots.values().flatten().next();
        match (as_of, &snapshot, another) {
            (AsOf::Commit(_), Some(_), Some(_)) => {
                Err(Error::usage(format!("the query reads several tables, and {as_of} is of one"))
                    .hint("each table counts its own commits: pass --as-of with a time"))
            }
            _ => Ok(snapshot.map(Arc::new)),
        }
    }

    async fn newest(&self, folder: &Location, url: &str) -> Result<Option<Arc<Snapshot>>> {
        let ledger = Ledger::new(folder);
        let mut known = self.known.lock().await;
        let snapshot = match known.remove(url) {
            Some(snapshot) => {
                let mut snapshot = Arc::unwrap_or_clone(snapshot);
                ledger.catch_up(&mut snapshot).await?;
                Some(snapshot)
            }
            None => ledger.load_lean().await?,
        };
        let snapshot = snapshot.map(Arc::new);
        known.extend(snapshot.clone().map(|snapshot| (url.to_owned(), snapshot)));
        Ok(snapshot)
    }

    async fn every_table(&mut self) -> Result<BTreeMap<String, Arc<dyn TableProvider>>> {
        let mut all = BTreeMap::new();
        for name in self.own_names(&self.config.database).await? {
            if let Some(table) = self.find(&self.config.database, &name).await? {
                all.insert(name, table);
            }
        }
        if let Some(catalog) = &self.config.catalog {
            let others = catalog.tables(&self.config.database).await?;
            others.into_iter().for_each(|(name, table)| _ = all.entry(name).or_insert_with(|| foreign::listed(&table)));
        }
        Ok(all)
    }

    /// The names that a query of `database` may use. What the catalog has is left out where it may not be asked: they are for a hint.
    async fn names(&self, database: &str) -> Result<Vec<String>> {
        let mut names = self.own_names(database).await?;
        if let Some(catalog) = &self.config.catalog {
            names.extend(catalog.tables(database).await.unwrap_or_default().into_keys());
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The names of the lake's own: the database's folders, their rejected records, and reference tables.
    async fn own_names(&self, database: &str) -> Result<Vec<String>> {
        let folder = self.config.lake.join(database);
        let listed = folder.store().list_with_delimiter(Some(folder.prefix())).await;
        let listed = listed.map_err(|e| Error::from(e).context(format!("cannot list the tables in {folder}")))?;
        let tables = listed.common_prefixes.iter().filter_map(|path| path.filename());
        let references = self.config.references.iter().chain(&self.config.unpublished);
        let copied: Vec<&str> = references.map(|reference| reference.name.as_str()).collect();
        let tables = tables.filter(|name| is_folder_name(name) && !name.starts_with('_') && !copied.contains(name));
        let mut names: Vec<String> = tables.flat_map(|name| [name.to_owned(), format!("{name}{REJECTED}")]).collect();
        if database == self.config.database {
            let references = self.config.references.iter().chain(&self.config.unpublished);
            names.extend(references.map(|reference| reference.name.clone()));
        }
        names.sort();
        Ok(names)
    }

    async fn unknown(&self, wanted: &TableReference, database: &str) -> Result<Error> {
        let names = self.names(database).await?;
        let name = match database == self.config.database {
            true => self.unaliased(wanted.table()),
            false => wanted.table().to_owned(),
        };
        let told = Error::query(format!("there is no table {name} in database {database} of {}", self.config.lake));
        let all = names.join(", ");
        Ok(told.hint(match (names.is_empty(), nearest(&name, names.iter().map(String::as_str))) {
            (true, _) => {
                "the database has no tables: check --lake and --database, or run firelake compact first".into()
            }
            (false, Some(near)) => format!("did you mean {near}? The tables are {all}"),
            (false, None) => format!("the tables are {all}; --table NAME puts another in place of access, --reference {name}=FILE.csv joins a CSV"),
        }))
    }
}

/// Glue's rule for names, so that no quoted name leaves the lake's folder.
fn is_folder_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn catalog_of(
    databases: BTreeMap<String, BTreeMap<String, Arc<dyn TableProvider>>>,
) -> Result<Arc<dyn CatalogProvider>, DataFusionError> {
    let catalog = MemoryCatalogProvider::new();
    for (database, tables) in databases {
        let schema = MemorySchemaProvider::new();
        for (name, table) in tables {
            schema.register_table(name, table)?;
        }
        catalog.register_schema(&database, Arc::new(schema))?;
    }
    Ok(Arc::new(catalog))
}

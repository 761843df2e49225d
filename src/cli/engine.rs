//! Which engine answers, and what it opens: the same options for every command that runs queries.

use super::common::{LakeArgs, catalog};
use crate::config::{CatalogKind, Config, EngineKind, Span};
use crate::error::{Error, Result};
use crate::ledger::AsOf;
use crate::query::athena::{AthenaConfig, AthenaEngine, DEFAULT_WORKGROUP};
use crate::query::local::{LocalConfig, LocalEngine, Reference};
use crate::query::{Engine, Library};
use crate::storage::Stores;
use futures::future::{join_all, try_join_all};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Who answers, and the tables that queries see beside the lake's.
#[derive(clap::Args)]
pub(super) struct EngineArgs {
    /// Who answers: local (DataFusion, in this process) or athena (AWS) [default: local]
    #[arg(long, value_name = "local|athena")]
    engine: Option<EngineKind>,
    /// Where tables are looked up that the lake has no ledger of: file or glue [default: file]
    #[arg(long, value_name = "KIND")]
    catalog: Option<CatalogKind>,
    /// Athena's workgroup [default: primary]
    #[arg(long, value_name = "NAME")]
    workgroup: Option<String>,
    /// Where Athena writes results [default: where the workgroup says]
    #[arg(long, value_name = "URL")]
    output_location: Option<String>,
    /// Give up and cancel a query in Athena that takes longer, such as 10m
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,
    /// The table that stands in for `access`
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// A CSV file to join with, as a table of that name. May be repeated
    #[arg(long = "reference", value_name = "NAME=FILE")]
    references: Vec<String>,
    /// Answer from what the lake's tables were after this commit, or at this time, as RFC 3339 or a date (local engine only)
    #[arg(long, value_name = "COMMIT|TIME")]
    as_of: Option<AsOf>,
    /// A folder of your own named queries [default: `folder` of [query] in firelake.toml]
    #[arg(long, value_name = "DIR")]
    queries: Option<PathBuf>,
}

impl EngineArgs {
    /// The engine that the flag names, else the configuration. `engines` will close it.
    pub(super) async fn open(&self, lake: &LakeArgs, config: &Config, engines: &Engines) -> Result<Arc<dyn Engine>> {
        let engine: Arc<dyn Engine> = match self.engine.unwrap_or(config.query.engine) {
            EngineKind::Local => {
                only_for("athena", "--workgroup", self.workgroup.is_some())?;
                only_for("athena", "--output-location", self.output_location.is_some())?;
                only_for("athena", "--timeout", self.timeout.is_some())?;
                Arc::new(LocalEngine::new(self.local(lake, config).await?)?)
            }
            EngineKind::Athena => {
                only_for("local", "--reference", !self.references.is_empty())?;
                only_for("local", "--as-of", self.as_of.is_some()).map_err(|error| {
                    error.caused_by(Error::usage("Athena reads what the catalog points at, which is the newest state"))
                })?;
                only_for("local", "--catalog file", self.catalog == Some(CatalogKind::File))?;
                Arc::new(AthenaEngine::new(self.athena(lake, config), lake.stores(config)).await?)
            }
        };
        engines.0.lock().unwrap_or_else(PoisonError::into_inner).push(engine.clone());
        Ok(engine)
    }

    /// Where queries are found by name.
    pub(super) fn library(&self, config: &Config) -> Library {
        Library::new(self.queries.clone().or_else(|| config.query.folder.as_ref().map(PathBuf::from)))
    }

    async fn local(&self, lake: &LakeArgs, config: &Config) -> Result<LocalConfig> {
        let stores = lake.stores(config);
        let flags = self.references.iter().map(|text| name_and_file(text)).collect::<Result<Vec<_>>>()?;
        let references = try_join_all(flags.iter().map(|(name, file)| reference(&stores, name, file))).await?;
        let mut unpublished = configured(config, &stores).await?;
        unpublished.retain(|reference| !flags.iter().any(|(name, _)| *name == reference.name));
        let place = lake.lake(config, &stores).await?;
        let catalog = match self.catalog.unwrap_or(config.catalog) {
            CatalogKind::File => None, // it holds firelake's tables only, which are found by their ledgers
            kind => Some(catalog(kind, &place, &stores).await?),
        };
        Ok(LocalConfig {
            lake: place,
            database: lake.database(config),
            references,
            unpublished,
            aliases: self.aliases(),
            as_of: self.as_of,
            catalog,
            stores,
        })
    }

    fn athena(&self, lake: &LakeArgs, config: &Config) -> AthenaConfig {
        let workgroup = self.workgroup.clone().or_else(|| config.query.workgroup.clone());
        AthenaConfig {
            workgroup: workgroup.unwrap_or_else(|| DEFAULT_WORKGROUP.into()),
            output_location: self.output_location.clone().or_else(|| config.query.output_location.clone()),
            timeout: self.timeout.map(|span| span.0),
            aliases: self.aliases(),
            references: config.reference.keys().cloned().collect(),
            ..AthenaConfig::new(lake.database(config))
        }
    }

    fn aliases(&self) -> BTreeMap<String, String> {
        self.table.iter().map(|table| ("access".into(), table.clone())).collect()
    }
}

/// A flag that the chosen engine has no use for is a mistake.
fn only_for(engine: &str, flag: &str, is_given: bool) -> Result<()> {
    match is_given {
        true => Err(Error::usage(format!("{flag} is for the {engine} engine only"))
            .hint(format!("pass --engine {engine}, or leave {flag} away"))),
        false => Ok(()),
    }
}

/// The engines that a command has opened: whatever way it ends, they are closed before the process does.
#[derive(Default)]
pub(super) struct Engines(Mutex<Vec<Arc<dyn Engine>>>);

/// How long closing may take: a call or two.
const CLOSING: Duration = Duration::from_secs(15);

impl Engines {
    /// Ends what the engines still run elsewhere; gives what there is to say about it.
    pub(super) async fn close(&self) -> Vec<String> {
        let opened = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let closing = join_all(opened.iter().map(|engine| engine.close()));
        match tokio::time::timeout(CLOSING, closing).await {
            Ok(notes) => notes.concat(),
            Err(_) => vec!["AWS does not answer: a query may still run there".into()],
        }
    }
}

/// The reference tables of `firelake.toml`.
pub(super) async fn configured(config: &Config, stores: &Stores) -> Result<Vec<Reference>> {
    try_join_all(config.reference.iter().map(|(name, told)| reference(stores, name, &told.file))).await
}

fn name_and_file(text: &str) -> Result<(String, String)> {
    let parts = text.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty());
    let (name, file) = parts.ok_or_else(|| {
        Error::usage(format!("--reference {text} is not NAME=FILE")).hint("write --reference hosts=hosts.csv")
    })?;
    Ok((name.into(), file.into()))
}

/// A reference table by its name and its CSV file.
pub(super) async fn reference(stores: &Stores, name: &str, file: &str) -> Result<Reference> {
    let (folder, key) = file.rsplit_once('/').unwrap_or((".", file));
    let folder = stores.open(if folder.is_empty() { "/" } else { folder }).await?;
    Ok(Reference { name: name.into(), folder, key: key.into() })
}

//! Which engine answers, and what it opens: the same options for every command that runs queries.

use super::common::{LakeArgs, catalog};
use crate::config::{CatalogKind, Config, EngineKind};
use crate::error::{Error, Result};
use crate::query::local::{LocalConfig, LocalEngine, Reference};
use crate::query::{Engine, Library};
use crate::storage::Stores;
use futures::future::try_join_all;
use std::path::PathBuf;

/// Who answers, and the tables that queries see beside the lake's.
#[derive(clap::Args)]
pub(super) struct EngineArgs {
    /// Who answers: local (DataFusion, in this process) [default: local]
    #[arg(long, value_name = "ENGINE")]
    engine: Option<EngineKind>,
    /// Where tables are looked up that the lake has no ledger of: file or glue [default: file]
    #[arg(long, value_name = "KIND")]
    catalog: Option<CatalogKind>,
    /// The table that stands in for `access`
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// A CSV file to join with, as a table of that name. May be repeated
    #[arg(long = "reference", value_name = "NAME=FILE")]
    references: Vec<String>,
    /// A folder of your own named queries [default: `folder` of [query] in firelake.toml]
    #[arg(long, value_name = "DIR")]
    queries: Option<PathBuf>,
}

impl EngineArgs {
    /// The engine that the flag names, else the configuration.
    pub(super) async fn open(&self, lake: &LakeArgs, config: &Config) -> Result<Box<dyn Engine>> {
        match self.engine.unwrap_or(config.query.engine) {
            EngineKind::Local => Ok(Box::new(LocalEngine::new(self.local(lake, config).await?)?)),
        }
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
            aliases: self.table.iter().map(|table| ("access".into(), table.clone())).collect(),
            catalog,
            stores,
        })
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

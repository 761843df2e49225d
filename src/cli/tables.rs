//! Which tables the commands that only look are for: one, all of `firelake.toml`, or all of the database in the lake.

use super::common::{LakeArgs, catalog};
use super::compact::{LOOKBACK, worse};
use crate::catalog::Catalog;
use crate::config::{CatalogKind, Config, TableConfig};
use crate::error::{Error, Result};
use crate::jobs::tables::{pinned_catalog, tables};
use crate::storage::{Location, Stores};
use crate::table::TableId;
use chrono::TimeDelta;
use futures::future::try_join_all;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct TablesArgs {
    #[command(flatten)]
    pub(super) lake: LakeArgs,
    /// The table [default: every table of firelake.toml, or else of the database in the lake]
    #[arg(long, value_name = "NAME")]
    pub(super) table: Option<String>,
}

/// The lake and the tables in it.
pub(super) struct Opened {
    config: Config,
    pub(super) stores: Stores,
    pub(super) lake: Location,
    pub(super) tables: Vec<TableId>,
}

impl TablesArgs {
    pub(super) async fn open(&self) -> Result<Opened> {
        let config = self.lake.config()?;
        let stores = self.lake.stores(&config);
        let lake = self.lake.lake(&config, &stores).await?;
        let database = self.lake.database(&config);
        let tables = match &self.table {
            Some(name) => vec![TableId::new(&database, name)?],
            None if !config.table.is_empty() => {
                config.table.keys().map(|name| TableId::new(&database, name)).collect::<Result<_>>()?
            }
            None => tables(&lake, &database).await?,
        };
        if tables.is_empty() {
            return Err(Error::usage(format!("there is no table in the database {database} of {lake}"))
                .hint("check --lake and --database"));
        }
        Ok(Opened { config, stores, lake, tables })
    }
}

impl Opened {
    /// The one table that the command is for.
    pub(super) fn only(&self) -> Result<&TableId> {
        let [table] = &self.tables[..] else {
            let names: Vec<&str> = self.tables.iter().map(TableId::table).collect();
            return Err(Error::usage("which table?").hint(format!("pass --table with one of {}", names.join(", "))));
        };
        Ok(table)
    }

    pub(super) fn of_table(&self, table: &TableId) -> TableConfig {
        self.config.table.get(table.table()).cloned().unwrap_or_default()
    }

    /// The catalog that the ledger pins; where that cannot be read, the one of `firelake.toml`.
    pub(super) async fn catalog(&self, table: &TableId) -> Result<Arc<dyn Catalog>> {
        let pinned = pinned_catalog(&self.lake, table).await;
        let kind = pinned.and_then(|word| word.parse::<CatalogKind>().ok()).unwrap_or(self.config.catalog);
        catalog(kind, &self.lake, &self.stores).await
    }

    /// The landing prefixes that the configuration names.
    pub(super) async fn landing(&self, table: &TableId) -> Result<Vec<Location>> {
        try_join_all(self.of_table(table).landing.iter().map(|text| self.stores.open_landing(text))).await
    }

    pub(super) fn lookback(&self, table: &TableId) -> Result<TimeDelta> {
        span(self.of_table(table).lookback.map_or(LOOKBACK, |span| span.0))
    }

    pub(super) fn settle(&self, table: &TableId) -> Result<TimeDelta> {
        span(self.of_table(table).settle.map_or(Duration::ZERO, |span| span.0))
    }

    /// Looks at each table; one that fails does not stop the next. Gives the exit code.
    pub(super) async fn each<'a>(&'a self, mut look: impl AsyncFnMut(&'a TableId) -> Result<u8>) -> u8 {
        let mut code = 0;
        for table in &self.tables {
            let this = look(table).await.unwrap_or_else(|error| {
                let several = self.tables.len() > 1;
                let error = if several { error.context(format!("table {} failed", table.table())) } else { error };
                super::tell(&error);
                error.kind().exit_code()
            });
            code = worse(code, this);
        }
        code
    }
}

/// A JSON object of one line that says which table it is about.
pub(super) fn json_line(table: &TableId, rest: &impl Serialize) -> Result<String> {
    #[derive(Serialize)]
    struct Line<'a, T> {
        database: &'a str,
        table: &'a str,
        #[serde(flatten)]
        rest: &'a T,
    }
    let line = Line { database: table.database(), table: table.table(), rest };
    serde_json::to_string(&line).map_err(|e| Error::internal("cannot write JSON").caused_by(e))
}

pub(super) fn span(span: Duration) -> Result<TimeDelta> {
    TimeDelta::from_std(span).map_err(|e| Error::usage(format!("a span of {span:?} is too long")).caused_by(e))
}

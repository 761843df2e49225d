//! What several commands share: finding `firelake.toml`, the lake and the table in it, and printing numbers.

use crate::catalog::{Catalog, FileCatalog, GlueCatalog};
use crate::config::{CatalogKind, Config, DEFAULT_DATABASE, is_schema_file};
use crate::error::{Error, Result};
use crate::storage::{AwsOptions, Location, Stores};
use crate::table::{TableSchema, shipped_schema, shipped_schemas};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the lake is: the same options everywhere.
#[derive(clap::Args, Clone)]
pub(super) struct LakeArgs {
    /// The lake: a folder, or its URL
    #[arg(long, value_name = "URL", global = false)]
    pub(super) lake: Option<String>,
    /// The database of tables that name none [default: logs]
    #[arg(long, value_name = "NAME")]
    pub(super) database: Option<String>,
    /// The configuration [default: firelake.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) aws: AwsArgs,
}

/// How AWS is reached: the same options everywhere.
#[derive(clap::Args, Clone, Default)]
pub(super) struct AwsArgs {
    /// The AWS region [default: as the AWS CLI finds it]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    region: Option<String>,
    /// Where S3, Glue and Athena are, if not at AWS [default: AWS_ENDPOINT_URL, or the one of the profile]
    #[arg(long, value_name = "URL", hide_short_help = true)]
    endpoint_url: Option<String>,
}

impl AwsArgs {
    pub(super) fn stores(&self, config: &Config) -> Stores {
        Stores::new(AwsOptions {
            region: self.region.clone().or_else(|| config.region.clone()),
            endpoint_url: self.endpoint_url.clone().or_else(|| config.endpoint_url.clone()),
            profile: std::env::var("AWS_PROFILE").ok().filter(|profile| !profile.is_empty()),
        })
    }
}

impl LakeArgs {
    pub(super) fn config(&self) -> Result<Config> {
        config(self.config.as_deref())
    }

    /// What opens all that a command reads and writes.
    pub(super) fn stores(&self, config: &Config) -> Stores {
        self.aws.stores(config)
    }

    pub(super) async fn lake(&self, config: &Config, stores: &Stores) -> Result<Location> {
        let text = self.lake.as_ref().or(config.lake.as_ref());
        let text = text.ok_or_else(|| {
            Error::usage("which lake?")
                .hint("pass --lake with a folder or an s3: URL, or write lake = \"…\" into firelake.toml")
        })?;
        stores.open(text).await
    }

    pub(super) fn database(&self, config: &Config) -> String {
        self.database.clone().or_else(|| config.database.clone()).unwrap_or_else(|| DEFAULT_DATABASE.into())
    }
}

/// The configuration that is named, or that lies in the working folder, or none.
pub(super) fn config(named: Option<&Path>) -> Result<Config> {
    let default = Path::new("firelake.toml");
    let path = match named {
        Some(path) => path,
        None if default.exists() => default,
        None => return Ok(Config::default()),
    };
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::usage(format!("cannot read the configuration {}", path.display())).caused_by(e))?;
    Config::parse(path, &text)
}

/// The catalog of this kind for a lake.
pub(super) async fn catalog(kind: CatalogKind, lake: &Location, stores: &Stores) -> Result<Arc<dyn Catalog>> {
    match kind {
        CatalogKind::File => Ok(Arc::new(FileCatalog::new(lake))),
        CatalogKind::Glue if lake.is_local() => {
            Err(Error::usage(format!("the lake {lake} is a folder of this machine, and Glue's readers cannot read it"))
                .hint("choose a lake in S3 (s3://bucket/folder), or --catalog file"))
        }
        CatalogKind::Glue => Ok(Arc::new(GlueCatalog::new(stores.aws().await)?)),
    }
}

/// A shipped schema by its name, or a file.
pub(super) fn schema(text: &str) -> Result<TableSchema> {
    if let Some(shipped) = shipped_schema(text) {
        return TableSchema::parse(text, text, shipped);
    }
    let path = Path::new(text);
    if !is_schema_file(text) && !path.exists() {
        let known: Vec<&str> = shipped_schemas().collect();
        return Err(Error::usage(format!("there is no schema {text}")).hint(format!(
            "the shipped ones are {}; a schema file is named by its path, such as ./{text}.toml",
            known.join(", ")
        )));
    }
    let content = std::fs::read_to_string(path)
        .map_err(|e| Error::usage(format!("cannot read the schema file {text}")).caused_by(e))?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    TableSchema::parse(&stem, text, &content)
}

/// A number with its thousands apart.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// "1 object", "2 objects".
pub(super) fn counted(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(n))
}

/// Bytes as people say them.
pub(super) fn bytes(n: u64) -> String {
    indicatif::HumanBytes(n).to_string()
}

/// The columns of the terminal that stdout goes to, where it does.
pub(super) fn terminal_width() -> Option<usize> {
    let width = || comfy_table::Table::new().width().map(usize::from);
    std::io::stdout().is_terminal().then(width).flatten()
}

/// A line of data on stdout.
pub(super) fn print(line: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").map_err(|e| Error::storage("cannot write to stdout").caused_by(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!([count(0), count(999), count(1000), count(1234567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "object"), counted(2, "object")], ["1 object", "2 objects"]);
    }
}

//! `firelake.toml`, flags and their defaults: what the jobs need, as text. Flags win over the file.

mod moment;

pub use moment::Moment;

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The database of tables that name none.
pub const DEFAULT_DATABASE: &str = "logs";

/// A checked `firelake.toml`. Paths in it are relative to the folder that it is in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The lake's folder or URL.
    pub lake: Option<String>,
    /// The database; `logs` unless told.
    pub database: Option<String>,
    /// The AWS region, where the environment or the profile do not name it.
    pub region: Option<String>,
    /// Where S3, Glue and Athena are, if not at AWS.
    pub endpoint_url: Option<String>,
    /// Which catalog tables are published to.
    #[serde(default)]
    pub catalog: CatalogKind,
    /// The tables, by name.
    #[serde(default)]
    pub table: BTreeMap<String, TableConfig>,
    /// Small CSV files to join with, by the name of their table.
    #[serde(default)]
    pub reference: BTreeMap<String, ReferenceConfig>,
    /// How queries run.
    #[serde(default)]
    pub query: QueryConfig,
}

/// Where a table's definition is kept for readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatalogKind {
    /// In the lake itself, `_catalog/`.
    #[default]
    File,
    /// AWS Glue, for Athena and whatever else asks it.
    Glue,
}

impl std::str::FromStr for CatalogKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "file" => Ok(CatalogKind::File),
            "glue" => Ok(CatalogKind::Glue),
            _ => Err(format!("unknown catalog {word:?}; firelake publishes to: file, glue")),
        }
    }
}

impl CatalogKind {
    /// The word in files and flags.
    pub fn word(self) -> &'static str {
        match self {
            CatalogKind::File => "file",
            CatalogKind::Glue => "glue",
        }
    }
}

/// One `[table.NAME]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// A shipped schema's name, or a file.
    pub schema: Option<String>,
    /// Landing prefixes.
    #[serde(default)]
    pub landing: Vec<String>,
    /// How far back of the newest known delivery hour each run lists.
    pub lookback: Option<Span>,
    /// Minimum age of an object.
    pub settle: Option<Span>,
    /// Share of records that may be rejected before a run exits with 3.
    pub max_rejected: Option<Share>,
    /// Whether each run merges small files after compacting; it does unless told.
    pub merge: Option<bool>,
}

/// One `[reference.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceConfig {
    /// A CSV file with a header.
    pub file: String,
}

/// `[query]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryConfig {
    /// Which engine answers.
    #[serde(default)]
    pub engine: EngineKind,
    /// A folder of the user's own named queries.
    pub folder: Option<String>,
    /// Athena's workgroup.
    pub workgroup: Option<String>,
    /// Where Athena writes results, if not where the workgroup says.
    pub output_location: Option<String>,
}

/// Who answers queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// DataFusion, in this process.
    #[default]
    Local,
    /// Amazon Athena.
    Athena,
}

impl std::str::FromStr for EngineKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "local" => Ok(EngineKind::Local),
            "athena" => Ok(EngineKind::Athena),
            _ => Err(format!("unknown engine {word:?}; queries are answered by: local, athena")),
        }
    }
}

impl Config {
    /// Reads a file's text; `path` is where it is, for errors and for relative paths.
    ///
    /// # Errors
    /// Usage, with the line and what is wrong there.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let mut config: Config = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let at = line.map(|line| format!(", line {line}")).unwrap_or_default();
            Error::usage(format!("{}{at}: {}", path.display(), error.message()))
                .hint("docs/config.md describes every key of firelake.toml")
        })?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn resolve(&mut self, folder: &Path) {
        let place = |text: &mut String| *text = relative_to(folder, text);
        self.lake.iter_mut().for_each(place);
        self.query.folder.iter_mut().for_each(place);
        self.reference.values_mut().for_each(|reference| place(&mut reference.file));
        for table in self.table.values_mut() {
            table.landing.iter_mut().for_each(place);
            table.schema.iter_mut().filter(|schema| is_schema_file(schema)).for_each(place);
        }
    }
}

/// Whether a schema is given as a file and not by the name of a shipped one.
pub fn is_schema_file(schema: &str) -> bool {
    schema.contains(['/', '.', '\\'])
}

/// Whether a text begins as a URL does, with a scheme and `:/`: `s3:/bucket` is a slip of the pen and no folder.
pub fn has_scheme(text: &str) -> bool {
    let scheme = text.split_once(":/").map_or("", |(scheme, _)| scheme);
    scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn relative_to(folder: &Path, text: &str) -> String {
    let path: PathBuf = if text.contains("://") || has_scheme(text) { PathBuf::from(text) } else { folder.join(text) };
    path.to_string_lossy().into_owned()
}

/// A span of time such as `72h`, `15m`, `0s` or `1day 12h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |e| format!("{text:?} is no span of time ({e}); write it as 72h, 15m or 0s");
        humantime::parse_duration(text).map(Span).map_err(wrong)
    }
}

/// A share of a whole: `1%` or `0.01`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

impl std::str::FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().map(|p: f64| p / 100.0),
            None => text.trim().parse(),
        };
        match share {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Share(share)),
            _ => Err(format!("{text:?} is no share; write it as 1% or 0.01, up to 100%")),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file_and_urls_are_left_alone() {
        let text = r#"
lake = "lake"
[table.access]
schema = "combined_apache"
landing = ["landing/web", "file:///x"]
lookback = "72h"
max_rejected = "1%"
[table.own]
schema = "own.toml"
[reference.hosts]
file = "/abs/hosts.csv"
"#;
        let config = Config::parse(Path::new("conf/firelake.toml"), text).unwrap();
        assert_eq!(config.lake.as_deref(), Some("conf/lake"));
        let access = &config.table["access"];
        assert_eq!(
            (access.schema.as_deref(), &access.landing[..]),
            (Some("combined_apache"), &["conf/landing/web".to_owned(), "file:///x".to_owned()][..])
        );
        assert_eq!(
            (access.lookback, access.max_rejected),
            (Some(Span(Duration::from_secs(259_200))), Some(Share(0.01)))
        );
        assert_eq!(config.table["own"].schema.as_deref(), Some("conf/own.toml"));
        assert_eq!(config.reference["hosts"].file, "/abs/hosts.csv");
        let slip = Config::parse(Path::new("conf/firelake.toml"), "lake = \"s3:/bucket\"").unwrap();
        assert_eq!(slip.lake.as_deref(), Some("s3:/bucket"));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, expected) in [
            ("lake = \"x\"\nlandings = 1", "line 2: unknown field `landings`"),
            ("[table.a]\nlookback = \"3 moons\"", "line 2: \"3 moons\" is no span of time"),
            ("[table.a]\nmax_rejected = \"200%\"", "is no share"),
            ("catalog = \"hive\"", "line 1: unknown variant `hive`"),
        ] {
            let error = Config::parse(Path::new("firelake.toml"), text).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        }
    }
}

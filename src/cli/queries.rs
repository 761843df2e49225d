//! `firelake queries`: what can be asked by name.

use super::common::{config, print};
use crate::error::Result;
use crate::query::Library;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Print this query's text
    name: Option<String>,
    /// A folder of your own named queries [default: `folder` of [query] in firelake.toml]
    #[arg(long, value_name = "DIR")]
    queries: Option<PathBuf>,
    /// The configuration [default: firelake.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<u8> {
    let folder = match args.queries {
        Some(folder) => Some(folder),
        None => config(args.config.as_deref())?.query.folder.map(PathBuf::from),
    };
    let library = Library::new(folder);
    if let Some(name) = args.name {
        print(library.find(&name)?.text().trim_end())?;
        return Ok(0);
    }
    let all = library.all()?;
    let widest = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, query) in all {
        print(format_args!("{name:widest$}  {}", query.description))?;
    }
    Ok(0)
}

//! `firelake files`: path, rows and bytes of a table's live files, tab-separated, without a header.

use super::common::{LakeArgs, print};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::jobs::files::files;
use crate::ledger::AsOf;

#[derive(clap::Args)]
#[command(
    after_help = "Programs that read Parquet themselves want exactly these files: a glob over the table's folder would\n\
count files that are superseded. With DuckDB:\n  firelake files --lake lake --table access | cut -f1"
)]
pub(super) struct Args {
    #[command(flatten)]
    lake: LakeArgs,
    /// The table; NAME_rejected is the table of its rejected records [default: the only one of firelake.toml]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// The files that were live after this commit, or at this time [default: those that are live now]
    #[arg(long, value_name = "COMMIT|TIME")]
    as_of: Option<AsOf>,
    /// Print a JSON object a file
    #[arg(long)]
    json: bool,
}

fn which(config: &Config) -> Error {
    let names: Vec<&str> = config.table.keys().map(String::as_str).collect();
    Error::usage("which table?").hint(match names.is_empty() {
        true => "pass --table NAME".into(),
        false => format!("pass --table with one of {}, or one of these followed by _rejected", names.join(", ")),
    })
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let config = args.lake.config()?;
    let only = || (config.table.len() == 1).then(|| config.table.keys().next().cloned()).flatten();
    let table = args.table.or_else(only).ok_or_else(|| which(&config))?;
    let lake = args.lake.lake(&config, &args.lake.stores(&config)).await?;
    for file in files(&lake, &args.lake.database(&config), &table, args.as_of).await? {
        match args.json {
            true => {
                print(serde_json::to_string(&file).map_err(|e| Error::internal("cannot write JSON").caused_by(e))?)?
            }
            false => print(format_args!("{}\t{}\t{}", file.path, file.rows, file.bytes))?,
        }
    }
    Ok(0)
}

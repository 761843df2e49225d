//! `firelake demo`: the whole way on made-up data, and what to try next. Run again, it finds nothing new to do.

use super::common::{count, counted, print};
use super::compact::{sentence, writer};
use super::{generate, query};
use crate::catalog::FileCatalog;
use crate::error::{Error, Result};
use crate::jobs::compact::CompactJob;
use crate::jobs::generate::{Delimiter, GenerateOptions, generate as land};
use crate::output::{Format, Writer};
use crate::query::local::{LocalConfig, LocalEngine};
use crate::query::{Engine, Library};
use crate::storage::Location;
use crate::table::{TableId, TableSchema, shipped_schema};
use chrono::{TimeDelta, Utc};
use futures::TryStreamExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Where the demo's landing zone and lake go
    #[arg(long, value_name = "DIR", default_value = "demo-lake")]
    dir: PathBuf,
}

/// Rows shown of each answer.
const SHOWN: usize = 8;
const SCHEMA: &str = "combined_apache";
const DATABASE: &str = "logs";

pub(super) async fn run(args: Args) -> Result<u8> {
    let dir = args.dir.as_path();
    std::fs::create_dir_all(dir)
        .map_err(|e| Error::storage(format!("cannot make the folder {}", dir.display())).caused_by(e))?;
    let (landing, lake, hosts) = (dir.join("landing"), dir.join("lake"), dir.join("hosts.csv"));
    let open = |path: &Path| Location::open(&path.to_string_lossy());

    let options = GenerateOptions { hours: 6, rate: 2.0, delimiter: Delimiter::None, ..Default::default() };
    let generated = land(&options, &open(&landing)?).await?;
    generate::write_hosts(&hosts)?;
    print(format_args!("1. Firehose delivered {} (made up, without newlines, as it really does):", landing.display()))?;
    print(format_args!("   {}\n", generate::sentence(&generated)))?;

    let started = Instant::now();
    let report = job(open(&landing)?, open(&lake)?)?.run().await?;
    print(format_args!(
        "2. firelake compact --landing {} --schema {SCHEMA} --lake {} --table access",
        landing.display(),
        lake.display()
    ))?;
    print(format_args!("   {}\n", sentence(&report, started.elapsed()).replace("\n  ", "\n   ")))?;

    let engine = LocalEngine::new(LocalConfig {
        lake: open(&lake)?,
        database: DATABASE.into(),
        references: vec![query::reference("hosts", &hosts.to_string_lossy())?],
        aliases: Default::default(),
    })?;
    for (at, (name, query)) in Library::default().all()?.into_iter().enumerate() {
        print(format_args!("{}. {}: firelake query --lake {} {name}", at + 3, query.description, lake.display()))?;
        show(&engine, &query.bind(&[], Utc::now())?).await?;
    }
    print(next_steps(dir, &landing, &lake, &hosts))?;
    Ok(if report.waiting.is_empty() && report.unpublished.is_none() { 0 } else { 1 })
}

fn job(landing: Location, lake: Location) -> Result<CompactJob> {
    let text = shipped_schema(SCHEMA).ok_or_else(|| Error::internal("the demo's schema is not shipped"))?;
    Ok(CompactJob {
        table: TableId::new(DATABASE, "access")?,
        landing: vec![landing],
        schema: Some(TableSchema::parse(SCHEMA, SCHEMA, text)?),
        catalog: Arc::new(FileCatalog::new(&lake)),
        lake,
        settle: TimeDelta::zero(),
        lookback: TimeDelta::hours(72),
        add_landing: false,
        batch: Default::default(),
        work: Default::default(),
        now: Utc::now(),
        writer: writer(),
        watch: Default::default(),
    })
}

/// The first rows of an answer, and how many there are.
async fn show(engine: &LocalEngine, query: &crate::query::Bound) -> Result<()> {
    let mut answer = engine.run(query).await?;
    let mut out = std::io::stdout();
    let mut writer = Writer::begin(Format::Table, answer.schema.clone(), &mut out, Some(100))?;
    let (mut rows, mut left) = (0, SHOWN);
    while let Some(batch) = answer.batches.try_next().await? {
        rows += batch.num_rows();
        let shown = batch.slice(0, left.min(batch.num_rows()));
        left -= shown.num_rows();
        writer.write(&shown)?;
    }
    writer.finish()?;
    match rows > SHOWN {
        true => print(format_args!("   the first {SHOWN} of {} rows\n", count(rows as u64))),
        false => print(format_args!("   {}\n", counted(rows as u64, "row"))),
    }
}

fn next_steps(dir: &Path, landing: &Path, lake: &Path, hosts: &Path) -> String {
    let (dir, landing, lake, hosts) = (dir.display(), landing.display(), lake.display(), hosts.display());
    format!(
        "What to try next:\n  \
         firelake query --lake {lake} \"SELECT reason, count(*) AS n FROM access_rejected GROUP BY reason\"\n  \
         firelake query --lake {lake} --reference hosts={hosts} application_windows --format csv\n  \
         firelake files --lake {lake} --table access\n  \
         firelake generate --landing {landing} --start 2026-11-21T00:00:00Z --hours 1 && firelake compact --lake {lake} --table access\n  \
         rm -r {dir}"
    )
}

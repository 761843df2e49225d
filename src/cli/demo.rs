//! `firelake demo`: the whole way on made-up data, and what to try next. Run again, it finds nothing new to do.

use super::common::{count, counted, print};
use super::compact::{sentence, writer};
use super::engine::reference;
use super::generate;
use crate::catalog::FileCatalog;
use crate::error::{Error, Result};
use crate::jobs::compact::CompactJob;
use crate::jobs::generate::{Delimiter, GenerateOptions, generate as land};
use crate::output::{Format, Writer};
use crate::query::local::{LocalConfig, LocalEngine};
use crate::query::{Engine, Library};
use crate::storage::{Location, Stores};
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
/// The queries whose answers are shown.
const QUERIES: [&str; 3] = ["application_windows", "client_windows", "status_per_minute"];
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
    let config = write_config(dir)?;
    let firelake = program();
    print(format_args!("1. Firehose delivered {} (made up, without newlines, as it really does):", landing.display()))?;
    print(format_args!("   {}\n", generate::sentence(&generated)))?;

    let started = Instant::now();
    let report = job(open(&landing)?, open(&lake)?)?.run().await?;
    print(format_args!("2. {firelake} compact --config {config}"))?;
    print(format_args!("   {}\n", sentence(&report, started.elapsed()).replace("\n  ", "\n   ")))?;

    let engine = LocalEngine::new(LocalConfig {
        lake: open(&lake)?,
        database: DATABASE.into(),
        references: vec![reference(&Stores::default(), "hosts", &hosts.to_string_lossy()).await?],
        unpublished: Vec::new(),
        as_of: None,
        aliases: Default::default(),
        catalog: None,
        stores: Stores::default(),
    })?;
    for (at, name) in QUERIES.into_iter().enumerate() {
        let query = Library::default().find(name)?;
        print(format_args!("{}. {firelake} query --config {config} {name}\n   {}:", at + 3, query.description))?;
        show(&engine, &query.bind(&[], Utc::now())?).await?;
    }
    print(next_steps(&firelake, &config, dir))?;
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
        merge: Some(Default::default()),
        shard: None,
        work: Default::default(),
        now: Utc::now(),
        writer: writer(),
        watch: Default::default(),
        stores: Stores::default(),
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

/// How to call this program again: as it was called, where that is a path.
fn program() -> String {
    let called = std::env::args().next().filter(|called| called.contains('/'));
    called.unwrap_or_else(|| "firelake".into())
}

/// The demo's `firelake.toml`, so that the commands to try next are short.
fn write_config(dir: &Path) -> Result<String> {
    let path = dir.join("firelake.toml");
    let text = format!(
        "lake = \"lake\"\n\n[table.access]\nschema = \"{SCHEMA}\"\nlanding = [\"landing\"]\n\n[reference.hosts]\nfile = \"hosts.csv\"\n"
    );
    std::fs::write(&path, text).map_err(|e| Error::storage(format!("cannot write {}", path.display())).caused_by(e))?;
    Ok(path.display().to_string())
}

fn next_steps(firelake: &str, config: &str, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "What to try next (all of it reads {config}):\n  \
         {firelake} query --config {config} \"SELECT reason, count(*) AS n FROM access_rejected GROUP BY reason\"\n  \
         {firelake} query --config {config} application_windows --format csv\n  \
         {firelake} generate --landing {dir}/landing --start 2026-11-21T00:00:00Z --hours 1\n  \
         {firelake} compact --config {config}\n  \
         {firelake} files --config {config}\n  \
         rm -r {dir}"
    )
}

//! `firelake compact`: one table by flags, or every table of `firelake.toml`.

use super::change::since;
use super::common::{LakeArgs, bytes, catalog, count, counted, print, schema};
use super::engine::configured;
use super::merge::commits;
use super::progress;
use crate::compact::{BatchLimits, MergeLimits, Shard, WorkLimits};
use crate::config::{CatalogKind, Config, Share, Size, Span, TableConfig};
use crate::decode::MAX_RECORD;
use crate::error::{Error, Result};
use crate::jobs::compact::{CompactJob, CompactReport, CompactSummary};
use crate::jobs::references::publish_references;
use crate::storage::Stores;
use crate::table::TableId;
use chrono::{TimeDelta, Utc};
use futures::future::try_join_all;
use std::time::{Duration, Instant};

pub(super) const LOOKBACK: Duration = Duration::from_secs(72 * 3600);

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lake: LakeArgs,
    /// A landing prefix: a folder, or its URL; with a * at its end, all that begins so. May be repeated. Needed once, when the table is made
    #[arg(long, value_name = "URL")]
    landing: Vec<String>,
    /// A shipped schema (combined_apache, aws_waf, …; an unknown name lists them) or a schema file. Needed once, when the table is made, and to change it
    #[arg(long, value_name = "NAME|FILE")]
    schema: Option<String>,
    /// The table [default: the schema's name; without flags, every table of firelake.toml]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Where the table is published: file (in the lake itself) or glue (AWS Glue, for Athena) [default: file]
    #[arg(long, value_name = "KIND")]
    catalog: Option<CatalogKind>,
    /// Leave objects younger than this for a later run [default: 0s]
    #[arg(long, value_name = "SPAN")]
    settle: Option<Span>,
    /// How far back of the newest known delivery hour to list [default: 72h]
    #[arg(long, value_name = "SPAN")]
    lookback: Option<Span>,
    /// Exit with 3 where more than this share of the records is rejected, such as 1%; what was read is committed all the same
    #[arg(long, value_name = "SHARE")]
    max_rejected: Option<Share>,
    /// Reject records of more bytes than this; memory grows with it [default: 16MiB]
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    max_record: Option<Size>,
    /// Leave an object waiting that holds more bytes than this without its compression [default: 4GiB]
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    max_decompressed: Option<Size>,
    /// Take a landing prefix that the table does not have yet into it
    #[arg(long)]
    add_landing: bool,
    /// Leave small files as they are: `firelake merge` makes few of them
    #[arg(long)]
    no_merge: bool,
    /// Take only this share of the landed objects, such as 3/8: for several machines at once
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Print a JSON object a table
    #[arg(long)]
    json: bool,
    /// Threads that decode, and as many that write [default: one a processor]
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Landed bytes of one commit at most, in MiB
    #[arg(long, value_name = "MIB", hide_short_help = true, default_value_t = BatchLimits::default().bytes >> 20,
        value_parser = clap::value_parser!(u64).range(1..))]
    batch_mib: u64,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let config = args.lake.config()?;
    let tables = args.tables(&config)?;
    let (mut code, several) = (0, tables.len() > 1);
    let stores = args.lake.stores(&config);
    for (name, table) in tables {
        let outcome = run_table(&args, &config, &stores, &name, &table).await;
        let this = outcome.unwrap_or_else(|error| {
            let error = if several { error.context(format!("table {name} failed")) } else { error };
            super::tell(&error);
            error.kind().exit_code()
        });
        code = worse(code, this);
    }
    if !config.reference.is_empty()
        && let Err(error) = args.publish_references(&config, &stores).await
    {
        super::tell(&error);
        code = worse(code, error.kind().exit_code());
    }
    Ok(code)
}

/// A failed check (3) is told even where objects wait (1): it is the rarer news. Else the first failure stays.
pub(super) fn worse(a: u8, b: u8) -> u8 {
    match (a, b) {
        (0, b) => b,
        (_, 3) => 3,
        (a, _) => a,
    }
}

impl Args {
    /// The tables to do: the one that flags name, with what the configuration says of it, or all of the configuration.
    fn tables(&self, config: &Config) -> Result<Vec<(String, TableConfig)>> {
        let all = || config.table.iter().map(|(name, table)| (name.clone(), table.clone())).collect();
        match (&self.table, &self.schema) {
            (Some(name), _) => Ok(vec![(name.clone(), config.table.get(name).cloned().unwrap_or_default())]),
            (None, Some(text)) => {
                let name = schema(text)?.name;
                let table = config.table.get(&name).cloned().unwrap_or_default();
                Ok(vec![(name, table)])
            }
            (None, None) if !self.landing.is_empty() => {
                Err(Error::usage("which table?").hint("pass --table, or --schema to make one of that name"))
            }
            (None, None) if config.table.is_empty() => Err(Error::usage("there is no table to compact")
                .hint("name a table that there is with --table, or pass --landing and --schema to make one, or write a [table.NAME] into firelake.toml")),
            (None, None) => Ok(all()),
        }
    }

    async fn publish_references(&self, config: &Config, stores: &Stores) -> Result<()> {
        let lake = self.lake.lake(config, stores).await?;
        let catalog = catalog(self.catalog.unwrap_or(config.catalog), &lake, stores).await?;
        if catalog.wants_references() {
            let references = configured(config, stores).await?;
            for table in publish_references(catalog.as_ref(), &lake, &self.lake.database(config), &references).await? {
                eprintln!("{table}: reference table published");
            }
        }
        Ok(())
    }

    fn work(&self, table: &TableConfig) -> WorkLimits {
        let of_table = work(table, self.threads, self.max_record);
        let max_decompressed = self.max_decompressed.map_or(of_table.max_decompressed, |size| size.0);
        WorkLimits { max_decompressed, ..of_table }
    }

    async fn job(&self, config: &Config, stores: &Stores, name: &str, table: &TableConfig) -> Result<CompactJob> {
        let schema = self.schema.as_ref().or(table.schema.as_ref()).map(|text| schema(text)).transpose()?;
        let landing = if self.landing.is_empty() { &table.landing } else { &self.landing };
        let lake = self.lake.lake(config, stores).await?;
        let span = |flag: Option<Span>, file: Option<Span>, default: Duration| {
            let span = flag.or(file).map_or(default, |span| span.0);
            TimeDelta::from_std(span).map_err(|e| Error::usage(format!("a span of {span:?} is too long")).caused_by(e))
        };
        let catalog = catalog(self.catalog.unwrap_or(config.catalog), &lake, stores).await?;
        Ok(CompactJob {
            table: TableId::new(&self.lake.database(config), name)?,
            landing: try_join_all(landing.iter().map(|text| stores.open_landing(text))).await?,
            schema,
            catalog,
            settle: span(self.settle, table.settle, Duration::ZERO)?,
            lookback: span(self.lookback, table.lookback, LOOKBACK)?,
            add_landing: self.add_landing,
            batch: BatchLimits { bytes: self.batch_mib << 20, ..Default::default() },
            merge: (!self.no_merge && table.merge.unwrap_or(true)).then(MergeLimits::default),
            shard: self.shard,
            work: self.work(table),
            now: Utc::now(),
            writer: writer(),
            watch: Default::default(),
            stores: stores.clone(),
            lake,
        })
    }
}

/// Threads and bounds of a job on a table that exists.
pub(super) fn work(table: &TableConfig, threads: Option<u16>, longest: Option<Size>) -> WorkLimits {
    let default = WorkLimits::default();
    WorkLimits {
        threads: threads.map_or(default.threads, usize::from),
        max_record: max_record(longest.or(table.max_record)),
        max_decompressed: table.max_decompressed.map_or(default.max_decompressed, |size| size.0),
        ..default
    }
}

/// The longest record, as it was told or not.
pub(super) fn max_record(told: Option<Size>) -> usize {
    told.map_or(MAX_RECORD, |size| usize::try_from(size.0).unwrap_or(usize::MAX))
}

/// Who writes, for people who read the ledger.
pub(super) fn writer() -> String {
    let host = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let host =
        host.map(|host| host.trim().to_owned()).filter(|host| !host.is_empty()).unwrap_or_else(|| "unknown".into());
    format!("firelake {} on {host}, process {}", env!("CARGO_PKG_VERSION"), std::process::id())
}

async fn run_table(args: &Args, config: &Config, stores: &Stores, name: &str, table: &TableConfig) -> Result<u8> {
    let mut job = args.job(config, stores, name, table).await?;
    let (bar, watch) = progress::bar();
    job.watch = watch;
    let started = Instant::now();
    let outcome = job.run().await;
    bar.finish_and_clear();
    let report = outcome?;
    match args.json {
        true => print(json(&report.summary)?)?,
        false => eprintln!("{}", sentence(&report, started.elapsed())),
    }
    Ok(verdict(&report, args.max_rejected.or(table.max_rejected)))
}

fn json(summary: &CompactSummary) -> Result<String> {
    serde_json::to_string(summary).map_err(|e| Error::internal("cannot write the summary as JSON").caused_by(e))
}

/// Tells what went less than well, and gives the exit code.
fn verdict(report: &CompactReport, max_rejected: Option<Share>) -> u8 {
    let table = &report.summary.table;
    for warning in &report.warnings {
        eprintln!("warning: {table}: {warning}");
    }
    let mut code = tell_lost(report);
    if let Some(error) = &report.unpublished {
        super::tell(error);
        code = worse(code, error.kind().exit_code());
    }
    if let Some(hold) = &report.hold {
        eprintln!("error: {table}: on hold {}: nothing is compacted", since(hold));
        eprintln!("hint: `firelake resume` when the cause is mended; {} until then", waits(report));
        code = worse(code, 1);
    } else if !report.waiting.is_empty() {
        tell_waiting(report);
        code = worse(code, 1);
    }
    if let Some(Share(limit)) = max_rejected.filter(|limit| report.rejected_share() > limit.0) {
        eprintln!(
            "error: {table}: {:.2} % of the records were rejected, more than --max-rejected {}",
            report.rejected_share() * 100.0,
            percent(limit)
        );
        eprintln!("hint: all of them are kept: SELECT reason, count(*) FROM {table}_rejected GROUP BY reason");
        code = worse(code, 3);
    }
    code
}

/// Objects whose records are not in the table, or not all of them, and that no later run will bring in: 1 where one is gone.
fn tell_lost(report: &CompactReport) -> u8 {
    let table = &report.summary.table;
    tell_changed(report);
    for url in &report.gone {
        eprintln!("error: {table}: {url} was deleted before it could be read: its records are not in the table");
        eprintln!("hint: put it back and the next run takes it; this is told once, the ledger remembers it");
    }
    u8::from(!report.gone.is_empty())
}

fn tell_changed(report: &CompactReport) {
    const SHOWN: usize = 3;
    let (table, changed) = (&report.summary.table, &report.changed);
    for url in changed.iter().take(SHOWN) {
        eprintln!("warning: {table}: {url} was changed after it was compacted; it is not read again");
    }
    if changed.len() > SHOWN {
        let more = counted((changed.len() - SHOWN) as u64, "object");
        eprintln!(
            "warning: {table}: and {more} more that {} changed since",
            if changed.len() == SHOWN + 1 { "was" } else { "were" }
        );
    }
}

fn percent(share: f64) -> String {
    format!("{} %", (share * 1e6).round() / 1e4)
}

fn waits(report: &CompactReport) -> String {
    match report.summary.objects_waiting {
        1 => "1 object waits".into(),
        n => format!("{} wait", counted(n, "object")),
    }
}

fn tell_waiting(report: &CompactReport) {
    const SHOWN: usize = 10;
    eprintln!(
        "error: {}: {} could not be read and wait for a later run",
        report.summary.table,
        counted(report.summary.objects_waiting, "object")
    );
    for waiting in report.waiting.iter().take(SHOWN) {
        eprintln!("  {}: {}", waiting.url, waiting.reason);
    }
    if report.waiting.len() > SHOWN {
        eprintln!("  … and {} more", count((report.waiting.len() - SHOWN) as u64));
    }
    eprintln!(
        "hint: the rest is committed; each run tries these again, and ends with exit code 1 as long as any waits"
    );
}

/// What a run did, in a sentence or two.
pub(super) fn sentence(report: &CompactReport, took: Duration) -> String {
    let s = &report.summary;
    let mut text = format!("{}.{}: ", s.database, s.table);
    if let Some(evolved) = &s.evolved {
        let changes = evolved.changes.join("; ");
        text = format!("schema of {text}{changes} (commit {})\n{text}", evolved.commit);
    }
    match s.commits {
        _ if s.hold.is_some() && s.objects == 0 => text.push_str("on hold, nothing is compacted"),
        _ if s.objects == 0 => text.push_str("nothing new to compact"),
        None => text.push_str("nothing new to compact"),
        Some(numbers) => {
            text += &format!(
                "{} ({}) with {} into {} in {} ({}), {}, {:.1} s",
                counted(s.objects, "object"),
                bytes(s.bytes_read),
                counted(s.records_read, "record"),
                counted(s.files_written, "file"),
                counted(s.partitions, "partition"),
                bytes(s.bytes_written),
                commits(numbers),
                took.as_secs_f64()
            );
            if s.records_rejected > 0 {
                text +=
                    &format!("\n  {} rejected, kept in {}_rejected", counted(s.records_rejected, "record"), s.table);
                text += &failed(s.records_failed, s.records_rejected);
            }
            if s.rows_repaired > 0 {
                text += &format!(
                    "\n  {} repaired: what web servers do to JSON was undone",
                    counted(s.rows_repaired, "row")
                );
            }
            if s.rows_by_delivery > 0 {
                text += &format!(
                    "\n  {} without a usable event time went by the delivery time",
                    counted(s.rows_by_delivery, "row")
                );
            }
        }
    }
    if let Some(numbers) = s.merge_commits {
        let merged = counted(s.files_merged, "file");
        text += &format!("\n  {merged} merged into {}, {}", s.files_after_merge, commits(numbers));
    }
    if s.objects == 0 && s.merge_commits.is_none() && s.tables_made + s.partitions_moved > 0 {
        text += &format!(
            "\n  the catalog was behind, or changed by others: {} made, {} published again",
            counted(s.tables_made, "table"),
            counted(s.partitions_moved, "partition")
        );
    }
    if !s.requests.is_empty() {
        text += &format!("\n  requests: {}", s.requests);
    }
    if s.objects_settling > 0 {
        text += &format!(
            "\n  {} left for a later run: younger than --settle, or named as an upload under way",
            counted(s.objects_settling, "object")
        );
    }
    text
}

/// What Firehose could not deliver, among the rejected records.
fn failed(failed: u64, rejected: u64) -> String {
    match failed {
        0 => String::new(),
        n if n == rejected => ": failed records of Firehose, which firelake redrive opens".into(),
        n => format!(", {} of them failed records of Firehose, which firelake redrive opens", count(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_rejects_are_told_even_where_objects_wait() {
        let summary = CompactSummary { records_read: 100, records_rejected: 2, ..Default::default() };
        let mut report = CompactReport { summary, ..Default::default() };
        assert_eq!(verdict(&report, None), 0);
        assert_eq!(verdict(&report, Some(Share(0.02))), 0);
        assert_eq!(verdict(&report, Some(Share(0.01))), 3);
        report.waiting.push(crate::ledger::Waiting {
            url: "x".into(),
            reason: "y".into(),
            since: chrono::DateTime::UNIX_EPOCH,
        });
        assert_eq!(verdict(&report, None), 1);
        assert_eq!(verdict(&report, Some(Share(0.01))), 3);
    }

    #[test]
    fn failures_keep_the_first_but_for_a_check() {
        assert_eq!(
            [worse(0, 1), worse(1, 0), worse(1, 75), worse(75, 3), worse(3, 1), worse(2, 1)],
            [1, 1, 1, 3, 3, 2]
        );
    }
}

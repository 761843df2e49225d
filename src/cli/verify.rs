//! `firelake verify`: is a table whole?

use super::common::{count, counted, print};
use super::compact::max_record;
use super::tables::{Opened, TablesArgs, json_line};
use crate::compact::WorkLimits;
use crate::config::Size;
use crate::error::Result;
use crate::jobs::verify::{Verdict, VerifyJob, VerifyReport, Watch};
use crate::table::TableId;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::IsTerminal;
use std::sync::Arc;

/// A check failed.
const FAILED: u8 = 3;
/// Something could not be checked.
const UNCHECKED: u8 = 1;

#[derive(clap::Args)]
#[command(
    after_help = "Reads every commit, the end of every live file, all of the landing zone and the catalog; with --deep the landed\n\
objects and the files, whole. Changes nothing. A line a finding: failed, not checked, or a note.\n\n\
Exit code 0 where the table is clean, 3 where a check failed, 1 where something could not be checked.\n\n\
Examples:\n  firelake verify --lake lake --table access\n  firelake verify --lake lake --table access --deep\n  firelake verify --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    tables: TablesArgs,
    /// Read the landed objects again, and compare records and rows with what the files hold
    #[arg(long)]
    deep: bool,
    /// The --max-record that the table was compacted with [default: 16MiB]
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    max_record: Option<Size>,
    /// Print a JSON object a finding, and one a table
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let opened = args.tables.open().await?;
    Ok(opened.each(async |table| one(&args, &opened, table).await).await)
}

async fn one(args: &Args, opened: &Opened, table: &TableId) -> Result<u8> {
    let (bar, watch) = progress();
    let job = VerifyJob {
        lake: opened.lake.clone(),
        table: table.clone(),
        landing: opened.landing(table).await?,
        stores: opened.stores.clone(),
        catalog: opened.catalog(table).await?,
        lookback: opened.lookback(table)?,
        deep: args.deep,
        max_record: max_record(args.max_record.or(opened.of_table(table).max_record)),
        threads: WorkLimits::default().threads,
        watch,
    };
    let outcome = job.run().await;
    bar.finish_and_clear();
    let report = outcome?;
    for finding in &report.findings {
        match args.json {
            true => print(json_line(table, finding)?)?,
            false => print(super::harmless(&format!("{table}: {finding}")))?,
        }
    }
    match args.json {
        true => print(json_line(table, &Summary::from(&report))?)?,
        false => print(format_args!("{table}: {}", verdict(&report)))?,
    }
    Ok(match (report.count(Verdict::Failed), report.count(Verdict::Unchecked)) {
        (0, 0) => 0,
        (0, _) => UNCHECKED,
        _ => FAILED,
    })
}

fn verdict(report: &VerifyReport) -> String {
    let mut parts = Vec::new();
    for (verdict, word) in [(Verdict::Failed, "failed"), (Verdict::Unchecked, "not checked")] {
        let n = report.count(verdict);
        parts.extend((n > 0).then(|| format!("{} {word}", count(n))));
    }
    let verdict = if parts.is_empty() { "clean".into() } else { parts.join(", ") };
    let (commits, files, rows) =
        (counted(report.commits, "commit"), counted(report.files, "file"), counted(report.rows, "row"));
    let deep =
        report.compared.map(|n| format!("; {} read again and compared", counted(n, "record"))).unwrap_or_default();
    format!("{verdict}: {commits}, {files}, {rows}{deep}")
}

/// The line that ends a table's findings in JSON.
#[derive(Serialize)]
struct Summary {
    clean: bool,
    failed: u64,
    unchecked: u64,
    notes: u64,
    commits: u64,
    files: u64,
    rows: u64,
    records_compared: Option<u64>,
}

impl From<&VerifyReport> for Summary {
    fn from(report: &VerifyReport) -> Self {
        Summary {
            clean: report.is_clean(),
            failed: report.count(Verdict::Failed),
            unchecked: report.count(Verdict::Unchecked),
            notes: report.count(Verdict::Note),
            commits: report.commits,
            files: report.files,
            rows: report.rows,
            records_compared: report.compared,
        }
    }
}

/// A bar on a terminal, of whatever is being counted.
fn progress() -> (ProgressBar, Watch) {
    let terminal = std::io::stderr().is_terminal();
    let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta} left") {
        bar.set_style(style);
    }
    let told = bar.clone();
    let watch = move |what: &'static str, done: u64, of: u64| {
        told.set_message(what);
        told.set_length(of);
        told.set_position(done);
    };
    (bar, Arc::new(watch))
}

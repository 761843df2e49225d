//! `firelake merge`: small files become few, without a run of compact.

use super::common::{bytes, counted, print};
use super::compact::{worse, writer};
use super::tables::{Opened, TablesArgs, json_line};
use crate::compact::WorkLimits;
use crate::error::Result;
use crate::jobs::merge::{MergeJob, MergeReport, MergeSummary};
use crate::table::TableId;
use chrono::Utc;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
#[command(
    after_help = "`firelake compact` does the same after compacting, unless told --no-merge. Merged are partitions that are\n\
over for an hour from two small files on, and all others from sixteen on."
)]
pub(super) struct Args {
    #[command(flatten)]
    tables: TablesArgs,
    /// Print a JSON object a table
    #[arg(long)]
    json: bool,
    /// Threads that write [default: one a processor]
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let opened = args.tables.open().await?;
    Ok(opened.each(async |table| args.table(&opened, table).await).await)
}

impl Args {
    async fn table(&self, opened: &Opened, table: &TableId) -> Result<u8> {
        let threads = self.threads.map_or(WorkLimits::default().threads, usize::from);
        let job = MergeJob {
            lake: opened.lake.clone(),
            table: table.clone(),
            catalog: opened.catalog(table).await?,
            limits: Default::default(),
            work: WorkLimits { threads, ..Default::default() },
            stores: opened.stores.clone(),
            now: Utc::now(),
            writer: writer(),
        };
        let started = Instant::now();
        let report = job.run().await?;
        match self.json {
            true => print(json_line(table, &report.summary)?)?,
            false => eprintln!("{table}: {}", sentence(&report.summary, started.elapsed())),
        }
        Ok(tell(&report))
    }
}

fn tell(report: &MergeReport) -> u8 {
    report.failed.iter().for_each(super::tell);
    report.failed.iter().map(|error| error.kind().exit_code()).fold(0, worse)
}

fn sentence(s: &MergeSummary, took: Duration) -> String {
    let mut text = match s.commits {
        None => "nothing to merge".into(),
        Some(numbers) => format!(
            "{} merged into {} in {} ({}), {}, {:.1} s",
            counted(s.files_merged, "file"),
            s.files_written,
            counted(s.partitions, "partition"),
            bytes(s.bytes_written),
            commits(numbers),
            took.as_secs_f64()
        ),
    };
    if !s.requests.is_empty() {
        text += &format!("\n  requests: {}", s.requests);
    }
    text
}

/// "commit 1", "commits 1 to 2".
pub(super) fn commits([first, last]: [u64; 2]) -> String {
    match first == last {
        true => format!("commit {first}"),
        false => format!("commits {first} to {last}"),
    }
}

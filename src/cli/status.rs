//! `firelake status`: how each table stands.

use super::common::{bytes, count, counted, print};
use super::tables::{Opened, TablesArgs};
use crate::error::{Error, Result};
use crate::jobs::status::{Lag, StatusJob, TableStatus};
use crate::table::TableId;
use chrono::{DateTime, Utc};

#[derive(clap::Args)]
#[command(
    after_help = "Exit code 0; 1 where objects wait, or where something could not be found out. Nothing is changed.\n\n\
Examples:\n  firelake status\n  firelake status --lake lake --table access --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    tables: TablesArgs,
    /// Print a JSON object a table
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let opened = args.tables.open().await?;
    Ok(opened.each(async |table| one(&args, &opened, table).await).await)
}

async fn one(args: &Args, opened: &Opened, table: &TableId) -> Result<u8> {
    let job = StatusJob {
        lake: opened.lake.clone(),
        table: table.clone(),
        landing: opened.landing(table).await?,
        stores: opened.stores.clone(),
        catalog: opened.catalog(table).await?,
        settle: opened.settle(table)?,
        lookback: opened.lookback(table)?,
        now: Utc::now(),
    };
    let status = job.run().await?;
    match args.json {
        true => print(serde_json::to_string(&status).map_err(|e| Error::internal("cannot write JSON").caused_by(e))?)?,
        false => lines(&status).iter().try_for_each(print)?,
    }
    Ok(u8::from(status.needs_attention()))
}

fn lines(s: &TableStatus) -> Vec<String> {
    let mut lines = vec![format!("{}.{}", s.database, s.table)];
    let mut line = |title: &str, text: String| lines.push(format!("  {title:<12}{text}"));
    let newest = s.committed_at.map(|at| format!(", the newest at {}", time(at))).unwrap_or_default();
    line("commits", format!("{}{newest}", count(s.commits)));
    if let Some(evolved) = &s.evolved {
        line("schema", format!("since commit {}: {}", evolved.commit, evolved.changes.join("; ")));
    }
    line(
        "live",
        format!(
            "{} in {} ({}) in {}",
            counted(s.rows, "row"),
            counted(s.files, "file"),
            bytes(s.bytes),
            counted(s.partitions, "partition")
        ),
    );
    line("newest", newest_lines(s));
    line("landing", s.lag.as_ref().map_or("could not be listed".into(), lag));
    if let Some(hold) = &s.hold {
        line("on hold", format!("{}: firelake resume when the cause is mended", super::change::since(hold)));
    }
    line("waiting", if s.objects_waiting == 0 { "nothing".into() } else { counted(s.objects_waiting, "object") });
    line("rejected", format!("{} ({:.2} %)", counted(s.records_rejected, "record"), s.rejected_share * 100.0));
    if s.rows_repaired > 0 {
        line("repaired", format!("{}: what web servers do to JSON was undone", counted(s.rows_repaired, "row")));
    }
    let merge = |n| if n == 0 { "nothing to do".into() } else { format!("{} due", counted(n, "partition")) };
    line("merging", merge(s.partitions_to_merge));
    if s.folders_condemned > 0 {
        line(
            "garbage",
            format!("{} condemned: firelake gc deletes them after the grace", counted(s.folders_condemned, "folder")),
        );
    }
    line(
        "catalog",
        match s.publishing_pending {
            Some(false) => "says what the ledger says".into(),
            Some(true) => "behind the ledger: the next run of compact publishes".into(),
            None => "could not be compared".into(),
        },
    );
    line("all listed", s.full_listing_at.map_or("not yet".into(), time));
    lines.extend(s.waiting.iter().map(|waiting| {
        format!("  waits: {} since {}: {}", waiting.url, time(waiting.since), super::harmless(&waiting.reason))
    }));
    let more = s.objects_waiting - s.waiting.len() as u64;
    lines.extend((more > 0).then(|| format!("  … and {} more", count(more))));
    lines.extend(s.problems.iter().map(|problem| format!("  problem: {}", super::harmless(problem))));
    lines
}

fn newest_lines(s: &TableStatus) -> String {
    let event = s.newest_event.as_ref().map(|event| format!("event {}", event.replace('T', " ")));
    let delivery = s.newest_delivery.map(|at| format!("delivery {}", time(at)));
    let parts: Vec<String> = event.into_iter().chain(delivery).collect();
    if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
}

fn lag(lag: &Lag) -> String {
    let settling = match lag.objects_settling {
        0 => String::new(),
        n => format!("; {} too young yet", counted(n, "object")),
    };
    let new = match lag.oldest_delivery {
        None => "nothing to compact".into(),
        Some(oldest) => format!(
            "{} ({}) to compact, the oldest delivered {}",
            counted(lag.objects, "object"),
            bytes(lag.bytes),
            time(oldest)
        ),
    };
    new + &settling
}

/// A time for people, UTC as all of them.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

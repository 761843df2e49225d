//! `firelake gc`: condemns garbage, and deletes what was condemned long enough ago.

use super::common::{bytes, counted, print};
use super::compact::writer;
use super::status::time;
use super::tables::{Opened, TablesArgs, json_line};
use crate::config::Span;
use crate::error::{Error, Result};
use crate::jobs::gc::{Fate, GcJob, GcReport, Judged, LEAST_GRACE, Why};
use crate::table::TableId;
use chrono::{TimeDelta, Utc};
use std::collections::BTreeMap;

#[derive(clap::Args)]
#[command(
    after_help = "Deleting takes two runs: the first condemns, in a commit, and one that runs --grace later or more deletes. Without --yes\n\
nothing at all is changed, and ages are counted to the newest commit, so that it may tell less than is due. Landed objects,\n\
commits, and what firelake did not write are never deleted.\n\n\
WARNING: a grace below 4h takes files away from queries that are running: Athena's may run for 240 minutes. Pass a smaller\n\
one only where nothing reads the table.\n\n\
Exit code 0; 1 where something could not be deleted, 75 where others kept being first: the next run goes on.\n\n\
Examples:\n  firelake gc\n  firelake gc --yes\n  firelake gc --lake lake --table access --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    tables: TablesArgs,
    /// How long what is out of use stays, and what is condemned once more: at least the longest query. See the warning below
    #[arg(long, value_name = "SPAN", default_value = "4h")]
    grace: Span,
    /// Condemn and delete; else only tell what would be
    #[arg(long)]
    yes: bool,
    /// Print a JSON object a table, with every folder
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let grace = TimeDelta::from_std(args.grace.0)
        .map_err(|e| Error::usage(format!("a grace of {:?} is too long", args.grace.0)).caused_by(e))?;
    let opened = args.tables.open().await?;
    if grace < LEAST_GRACE && args.yes {
        eprintln!("warning: a grace below 4h: queries that are still running may lose their files");
    }
    Ok(opened.each(async |table| one(&args, grace, &opened, table).await).await)
}

async fn one(args: &Args, grace: TimeDelta, opened: &Opened, table: &TableId) -> Result<u8> {
    let job = GcJob {
        lake: opened.lake.clone(),
        table: table.clone(),
        catalog: opened.catalog(table).await?,
        grace,
        yes: args.yes,
        now: Utc::now(),
        writer: writer(),
    };
    let report = job.run().await?;
    match args.json {
        true => print(json_line(table, &report)?)?,
        false => lines(table, args.grace, &report).iter().try_for_each(|line| print(super::harmless(line)))?,
    }
    Ok(report.failure.map_or(0, |failure| {
        super::tell(&failure);
        failure.kind().exit_code()
    }))
}

fn lines(table: &TableId, grace: Span, report: &GcReport) -> Vec<String> {
    let grace = humantime::format_duration(grace.0);
    let mut lines = vec![format!("{table}: as of {} by the store's clock, grace {grace}", time(report.as_of))];
    if report.garbage.is_empty() {
        lines.push("  no garbage".into());
    }
    let mut groups: BTreeMap<(Fate, Why), Vec<&Judged>> = BTreeMap::new();
    for judged in &report.garbage {
        groups.entry((judged.fate, judged.why)).or_default().push(judged);
    }
    lines.extend(groups.into_iter().map(|((fate, why), group)| group_line(report, fate, why, &group)));
    if let Some(first) = report.unknown.first() {
        let unknown = counted(report.unknown.len() as u64, "object");
        lines.push(format!("  unknown   {unknown} that firelake did not write, such as {first}: never touched"));
    }
    lines.push(outcome(report));
    lines
}

/// What was done, or would be.
fn outcome(report: &GcReport) -> String {
    let files = |fate| report.garbage.iter().filter(|one| one.fate == fate).map(|one| one.files).sum::<u64>();
    let (condemned, due) = (files(Fate::Condemn), files(Fate::Delete));
    let mut done = Vec::new();
    if let Some(commit) = report.commit.filter(|_| condemned > 0) {
        done.push(format!("{} condemned by commit {commit}", counted(condemned, "file")));
    }
    if report.files_deleted > 0 {
        done.push(format!("{} ({}) deleted", counted(report.files_deleted, "file"), bytes(report.bytes_deleted)));
    }
    match (report.dry_run, done.is_empty()) {
        (true, _) if condemned + due > 0 => "nothing was changed: with --yes it is done".into(),
        (true, _) => "nothing to condemn or to delete as of that time; nothing was changed".into(),
        (false, true) => "nothing to condemn or to delete".into(),
        (false, false) => done.join("; "),
    }
}

fn group_line(report: &GcReport, fate: Fate, why: Why, group: &[&Judged]) -> String {
    let (files, size) = group.iter().fold((0, 0), |(files, size), one| (files + one.files, size + one.bytes));
    let verb = match fate {
        Fate::Delete => "delete",
        Fate::Condemn => "condemn",
        Fate::Keep => "keep",
    };
    let folders = counted(group.len() as u64, "folder");
    format!("  {verb:<10}{} ({}) in {folders}: {why}{}", counted(files, "file"), bytes(size), when(report, fate, group))
}

/// Of what is condemned: since when, or until when it stays.
fn when(report: &GcReport, fate: Fate, group: &[&Judged]) -> String {
    let oldest = group.iter().filter_map(|judged| judged.condemned_at).min();
    let Some(oldest) = oldest else { return String::new() };
    let due = TimeDelta::try_seconds(report.grace).and_then(|grace| oldest.checked_add_signed(grace));
    match (fate, due) {
        (Fate::Keep, Some(due)) => format!(" at {}, to be deleted from {} on", time(oldest), time(due)),
        _ => format!(" at {}", time(oldest)),
    }
}

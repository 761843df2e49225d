//! `firelake history`: a table's commits; where an object's records went, where a file came from.

use super::common::{bytes, count, counted, print};
use super::status::time;
use super::tables::{Opened, TablesArgs, json_line};
use crate::error::Result;
use crate::jobs::history::{FileHistory, HistoryJob, ListedCommit, MadeFile, ObjectHistory, Step, What};
use crate::ledger::Action;
use crate::storage::Location;
use crate::table::TableId;
use serde::Serialize;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  firelake history --lake lake --table access\n  \
firelake history --lake lake --table access --object landing/2026/11/20/09/web-1-2026-11-20-09-00-00-0f8fad5b.gz\n  \
firelake history --lake lake --table access --file 01a1fece-86b5-732b-86b2-2b87c13440ae-00000.parquet")]
pub(super) struct Args {
    #[command(flatten)]
    tables: TablesArgs,
    /// The newest commits to list
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Where did the records of this landed object go?
    #[arg(long, value_name = "URL", conflicts_with_all = ["limit", "file"])]
    object: Option<String>,
    /// Where did this file of the lake come from? A path, a URL, or its name alone
    #[arg(long, value_name = "PATH", conflicts_with = "limit")]
    file: Option<String>,
    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let opened = args.tables.open().await?;
    if args.object.is_none() && args.file.is_none() {
        return Ok(opened.each(async |table| list(&args, &job(&opened, table).await?).await).await);
    }
    let table = opened.only()?;
    let job = job(&opened, table).await?;
    match (&args.object, &args.file) {
        (Some(object), _) => {
            let url = if object.contains("://") { object.clone() } else { Location::open(object)?.url() };
            let (history, way) = job.story(&url).await?;
            let way = if way.len() > 1 { &way[..] } else { &[] };
            let named = Named { object: &url, history: &history, way };
            let lines = || [object_lines(&url, &history), way.iter().map(step_line).collect()].concat();
            tell(&args, table, &named, lines)?;
        }
        (None, Some(file)) => {
            let history = job.file(file).await?;
            tell(&args, table, &history, || file_lines(&history))?;
        }
        (None, None) => {}
    }
    Ok(0)
}

async fn job(opened: &Opened, table: &TableId) -> Result<HistoryJob> {
    Ok(HistoryJob {
        lake: opened.lake.clone(),
        table: table.clone(),
        landing: opened.landing(table).await?,
        stores: opened.stores.clone(),
    })
}

async fn list(args: &Args, job: &HistoryJob) -> Result<u8> {
    let commits = job.commits(args.limit as usize).await?;
    if !args.json {
        print(format_args!("{}", job.table))?;
    }
    for commit in &commits {
        match args.json {
            true => print(json_line(&job.table, commit)?)?,
            false => print(super::harmless(&commit_line(commit)))?,
        }
    }
    Ok(0)
}

/// An object's history with its URL, and its way where that has more than one step.
#[derive(Serialize)]
struct Named<'a> {
    object: &'a str,
    #[serde(flatten)]
    history: &'a ObjectHistory,
    #[serde(skip_serializing_if = "<[Step]>::is_empty")]
    way: &'a [Step],
}

fn tell(args: &Args, table: &TableId, history: &impl Serialize, lines: impl Fn() -> Vec<String>) -> Result<()> {
    match args.json {
        true => print(json_line(table, history)?),
        false => lines().iter().try_for_each(|line| print(super::harmless(line))),
    }
}

fn commit_line(c: &ListedCommit) -> String {
    let what = match c.action {
        Action::Create => "created".into(),
        Action::AddLanding => "one more landing prefix".into(),
        Action::Add => added(c),
        Action::Merge => format!("merged {} into {}", counted(c.removed, "file"), counted(c.files, "file")),
        Action::Rebuild => format!("rebuilt: {}{}", added(c), left_out(c)),
        Action::Redrive => redriven(c),
        Action::Rollback => rolled_back(c),
        Action::Resume => format!("resumed, which ends the hold of commit {}", c.resumes.unwrap_or_default()),
        Action::Expire => {
            let bound = c.expired_before.map(|bound| format!(" that ended by {}", time(bound))).unwrap_or_default();
            format!("expired {} of partitions{bound}", counted(c.removed, "file"))
        }
        Action::Condemn => format!("condemned {}, deleted {}", counted(c.condemned, "folder"), count(c.deleted)),
        Action::Mark => "a mark of the store's clock".into(),
        Action::Evolve => format!("another schema: {}", c.schema_changes.join("; ")),
    };
    format!("  {:>6}  {}  {what}; by {}", c.commit, time(c.at), c.writer)
}

fn left_out(c: &ListedCommit) -> String {
    if c.expired > 0 { format!("; {} expired and left out", count(c.expired)) } else { String::new() }
}

fn redriven(c: &ListedCommit) -> String {
    format!(
        "redrove: {} out of rejected records of {}, {} still rejected{}",
        counted(c.rows, "row"),
        counted(c.objects, "object"),
        count(c.rejected),
        left_out(c)
    )
}

fn rolled_back(c: &ListedCommit) -> String {
    format!(
        "rolled back to commit {}: {} with {} out, {} back; on hold until resumed",
        c.to.unwrap_or_default(),
        counted(c.removed, "file"),
        counted(c.taken_out, "object"),
        counted(c.files, "file")
    )
}

fn step_line(step: &Step) -> String {
    let what = match &step.what {
        What::Compacted { records } => format!("compacted, {}", counted(*records, "record")),
        What::Rebuilt { records } => format!("read again, {}", counted(*records, "record")),
        What::Redriven { records, rejected } => {
            format!("redriven, {} of {} still rejected", count(*rejected), counted(*records, "record"))
        }
        What::TakenOut { to } => format!("taken out by the rollback to commit {}", to.unwrap_or_default()),
        What::BroughtBack { to } => format!("brought back by the rollback to commit {}", to.unwrap_or_default()),
        What::Waits { reason } => format!("could not be read: {reason}"),
        What::Gone => "given up: it was deleted before it could be read".into(),
    };
    format!("  {:>6}  {}  {what}", step.commit, time(step.at))
}

fn added(c: &ListedCommit) -> String {
    if c.gone > 0 && c.objects == 0 {
        return format!("gave up {}: deleted before it could be read", counted(c.gone, "object"));
    }
    if c.objects == 0 && c.waiting == 0 && c.files == 0 {
        return "nothing new".into();
    }
    let mut text = format!(
        "{} with {}: {} and {} rejected, in {}",
        counted(c.objects, "object"),
        counted(c.records, "record"),
        counted(c.rows, "row"),
        count(c.rejected),
        counted(c.files, "file")
    );
    if c.repaired > 0 {
        text += &format!("; {} repaired", count(c.repaired));
    }
    if c.removed > 0 {
        text += &format!(" that replace {}", count(c.removed));
    }
    if c.waiting > 0 {
        text += &format!("; {} could not be read", counted(c.waiting, "object"));
    }
    text
}

fn object_lines(url: &str, history: &ObjectHistory) -> Vec<String> {
    match history {
        ObjectHistory::Compacted { commit, at, input, files } => {
            let first = format!(
                "{url}: compacted by commit {commit} at {}: {} ({}), {} rejected, delivered {}",
                time(*at),
                counted(input.records, "record"),
                bytes(input.size),
                count(input.rejected),
                time(input.delivered)
            );
            [first].into_iter().chain(files.iter().map(made_line)).collect()
        }
        ObjectHistory::Waiting { waiting } => {
            vec![format!("{url}: waits since {}: {}", time(waiting.since), waiting.reason)]
        }
        ObjectHistory::Gone { commit, gone } => {
            vec![format!("{url}: given up by commit {commit} at {}: {}", time(gone.since), gone.reason)]
        }
        ObjectHistory::Landed { delivered, size } => vec![format!(
            "{url}: landed ({}), delivered {}, not yet compacted: a run takes it once it lists that far back",
            bytes(*size),
            time(*delivered)
        )],
        ObjectHistory::Unknown => {
            vec![format!("{url}: never seen: no commit names it, and it is not in the landing zone")]
        }
    }
}

fn made_line(file: &MadeFile) -> String {
    let kind = if file.rejected { "rejected records in" } else { "rows in" };
    let live = if file.live { "live" } else { "replaced since" };
    let others = match file.inputs {
        0 | 1 => String::new(),
        n => format!(", of {}", counted(n, "object")),
    };
    format!("  {kind} {} ({}{others}; {live})", file.path, counted(file.rows, "row"))
}

fn file_lines(file: &FileHistory) -> Vec<String> {
    let state = match (file.live, file.removed_by) {
        (true, _) => "live".into(),
        (false, Some(by)) => format!("replaced by commit {by}"),
        (false, None) => "not live".into(),
    };
    let attempt = file.attempt.map(|attempt| format!(", attempt {attempt}")).unwrap_or_default();
    let back = file.brought_back_by.map(|by| format!(", brought back by commit {by}")).unwrap_or_default();
    let mut lines = vec![
        format!("{}: {state}, added by commit {} at {}{attempt}{back}", file.path, file.commit, time(file.at)),
        format!(
            "  {} ({}) of {}",
            counted(file.rows, "row"),
            bytes(file.bytes),
            counted(file.inputs.len() as u64, "object")
        ),
    ];
    lines.extend(file.inputs.iter().map(|url| format!("  made of {url}")));
    lines
}

//! What rollback, resume, rebuild and expire share: which tables, and telling what changes and what became of it.

use super::common::{bytes, count, counted, print};
use super::compact::writer;
use super::status::time;
use super::tables::{Opened, TablesArgs, json_line};
use crate::error::Result;
use crate::jobs::change::{ChangeJob, Changed, PartitionMove, Tally};
use crate::jobs::resume::Hold;
use crate::table::TableId;
use chrono::Utc;
use serde::Serialize;

/// Partitions that are named.
const NAMED: usize = 20;

#[derive(clap::Args)]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    pub(super) tables: TablesArgs,
    /// Print a JSON object a table
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct Yes {
    /// Do it; else it is only told, and nothing is changed
    #[arg(long)]
    pub(super) yes: bool,
}

impl ChangeArgs {
    pub(super) async fn job(&self, opened: &Opened, table: &TableId, yes: bool) -> Result<ChangeJob> {
        Ok(ChangeJob {
            lake: opened.lake.clone(),
            table: table.clone(),
            catalog: opened.catalog(table).await?,
            landing: opened.landing(table).await?,
            stores: opened.stores.clone(),
            now: Utc::now(),
            writer: writer(),
            yes,
        })
    }

    /// Prints the plan, then what became of it; gives the exit code.
    pub(super) fn tell<P: Serialize>(
        &self,
        job: &ChangeJob,
        changed: &Changed<P>,
        lines: impl FnOnce(&P) -> Vec<String>,
        then: &str,
    ) -> Result<u8> {
        #[derive(Serialize)]
        struct Line<'a, P> {
            #[serde(flatten)]
            plan: &'a P,
            commit: Option<u64>,
            published: bool,
        }
        if self.json {
            let published = job.yes && changed.unpublished.is_none();
            print(json_line(&job.table, &Line { plan: &changed.plan, commit: changed.commit, published })?)?;
        } else {
            lines(&changed.plan).iter().try_for_each(|line| print(super::harmless(line)))?;
            if let Some(commit) = changed.commit {
                print(format_args!("  done        commit {commit}{then}"))?;
            }
        }
        Ok(changed.unpublished.as_ref().map_or(0, |error| {
            super::tell(error);
            error.kind().exit_code()
        }))
    }
}

/// The line after a plan that was only told.
pub(super) fn told_only(job_does: bool, changes: bool) -> Option<String> {
    (changes && !job_does).then(|| "  nothing was changed: the same command with --yes does it".into())
}

/// "since commit 5 (rolled back to commit 2 at …)".
pub(super) fn since(hold: &Hold) -> String {
    let at = hold.at.map(|at| format!(" at {}", time(at))).unwrap_or_default();
    let to = hold.to.map(|to| format!(" (rolled back to commit {to}{at})")).unwrap_or_default();
    format!("since commit {}{to}", hold.commit)
}

/// Files, rows and bytes.
pub(super) fn tally(tally: &Tally) -> String {
    format!("{} with {} ({})", counted(tally.files, "file"), counted(tally.rows, "row"), bytes(tally.bytes))
}

/// A line a partition.
pub(super) fn partitions(table: &TableId, moves: &[PartitionMove]) -> Vec<String> {
    let line = |change: &PartitionMove| {
        let sides = [(&change.out, "out"), (&change.back, "back")];
        let sides =
            sides.iter().filter(|(side, _)| side.files > 0).map(|(side, word)| format!("{word} {}", tally(side)));
        let name = format!("{}{}", table.table(), if change.rejected { "_rejected" } else { "" });
        let partition = if change.partition.is_empty() { "(the whole table)" } else { &change.partition };
        format!("    {name} {partition}: {}", sides.collect::<Vec<_>>().join(", "))
    };
    let more = moves.len().saturating_sub(NAMED);
    let rest = (more > 0).then(|| format!("    … and {} more", count(more as u64)));
    moves.iter().take(NAMED).map(line).chain(rest).collect()
}

/// All of one side.
pub(super) fn sum(moves: &[PartitionMove], side: impl Fn(&PartitionMove) -> &Tally) -> Tally {
    moves.iter().map(side).fold(Tally::default(), |sum, tally| Tally {
        files: sum.files + tally.files,
        rows: sum.rows + tally.rows,
        bytes: sum.bytes + tally.bytes,
    })
}

//! `firelake rollback`: back to the state after an earlier commit.

use super::change::{ChangeArgs, Yes, partitions, sum, tally, told_only};
use super::common::counted;
use super::status::time;
use crate::error::Result;
use crate::jobs::change::ChangeJob;
use crate::jobs::rollback::RollbackPlan;
use crate::ledger::AsOf;

#[derive(clap::Args)]
#[command(
    after_help = "The objects that go out wait, and the table is on hold: compact takes nothing until firelake resume.\n\n\
Examples:\n  firelake history --table access\n  firelake rollback --table access --to 41\n  \
firelake rollback --table access --to 2026-11-20T03:00:00Z --yes"
)]
pub(super) struct Args {
    #[command(flatten)]
    change: ChangeArgs,
    /// The commit whose state comes back; or a time, as RFC 3339 or a date: then the newest commit that the store had by then
    #[arg(long, value_name = "COMMIT|TIME")]
    to: AsOf,
    /// Also where landed objects are gone whose records go out: those records are lost
    #[arg(long)]
    lose_what_is_gone: bool,
    #[command(flatten)]
    yes: Yes,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let opened = args.change.tables.open().await?;
    let job = args.change.job(&opened, opened.only()?, args.yes.yes).await?;
    let changed = match args.lose_what_is_gone {
        true => job.rollback_and_lose(args.to).await?,
        false => job.rollback(args.to).await?,
    };
    let then = "; the table is on hold: compact takes nothing until firelake resume";
    args.change.tell(&job, &changed, |plan| lines(&job, plan), then)
}

fn lines(job: &ChangeJob, plan: &RollbackPlan) -> Vec<String> {
    let at = plan.to_at.map(|at| format!(" of {}", time(at))).unwrap_or_default();
    if !plan.changes {
        let hold = plan.hold.map(|hold| format!("; on hold since commit {hold}")).unwrap_or_default();
        return vec![format!("{}: nothing to do: it holds what it held after commit {}{at}{hold}", job.table, plan.to)];
    }
    let mut lines = vec![
        format!("{}: back to commit {}{at}, from commit {}", job.table, plan.to, plan.head),
        format!(
            "  takes out   {}; {} will wait",
            tally(&sum(&plan.partitions, |change| &change.out)),
            counted(plan.objects_out, "object")
        ),
        format!(
            "  brings back {}; {}",
            tally(&sum(&plan.partitions, |change| &change.back)),
            counted(plan.objects_back, "object")
        ),
    ];
    if plan.objects_gone > 0 {
        lines.push(format!(
            "  loses       {} that are gone from the landing zone",
            counted(plan.objects_gone, "object")
        ));
    }
    lines.extend(partitions(&job.table, &plan.partitions));
    lines.extend(told_only(job.yes, plan.changes));
    lines
}

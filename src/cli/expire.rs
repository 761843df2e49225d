//! `firelake expire`: old partitions out.

use super::change::{ChangeArgs, Yes, partitions, sum, tally, told_only};
use super::common::counted;
use super::status::time;
use super::tables::span;
use crate::config::Span;
use crate::error::Result;
use crate::jobs::change::ChangeJob;
use crate::jobs::expire::ExpirePlan;

#[derive(clap::Args)]
#[command(
    after_help = "A partition goes as a whole, once all of its time is older. The landed objects stay, and are not compacted again.\n\n\
Examples:\n  firelake expire --table access --older-than 400d\n  firelake expire --table access --older-than 400d --yes"
)]
pub(super) struct Args {
    #[command(flatten)]
    change: ChangeArgs,
    /// How long ago a partition must have ended, such as 400d
    #[arg(long, value_name = "SPAN")]
    older_than: Span,
    /// Where an earlier expire had a shorter span: a rebuild may bring in again what that one took out
    #[arg(long)]
    lower: bool,
    #[command(flatten)]
    yes: Yes,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let opened = args.change.tables.open().await?;
    let older_than = span(args.older_than.0)?;
    let one = async |table| {
        let job = args.change.job(&opened, table, args.yes.yes).await?;
        let changed = match args.lower {
            true => job.expire_less(older_than).await?,
            false => job.expire(older_than).await?,
        };
        args.change.tell(&job, &changed, |plan| lines(&job, plan), "; firelake gc deletes the files later")
    };
    Ok(opened.each(one).await)
}

fn lines(job: &ChangeJob, plan: &ExpirePlan) -> Vec<String> {
    let bound = time(plan.expired_before);
    if let Some(before) = plan.moved_back {
        let told = format!("{}: expired is what ended by {bound}, no longer what ended by {}", job.table, time(before));
        return [
            vec![told + "; a rebuild brings in again what has landed"],
            told_only(job.yes, true).into_iter().collect(),
        ]
        .concat();
    }
    if plan.partitions.is_empty() {
        return vec![format!("{}: nothing to expire: no partition ended by {bound}", job.table)];
    }
    let out = sum(&plan.partitions, |change| &change.out);
    let mut lines = vec![
        format!("{}: {} ended by {bound}", job.table, counted(plan.partitions.len() as u64, "partition")),
        format!("  takes out   {}", tally(&out)),
    ];
    lines.extend(partitions(&job.table, &plan.partitions));
    lines.extend(told_only(job.yes, true));
    lines
}

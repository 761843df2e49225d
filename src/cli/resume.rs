//! `firelake resume`: the end of a rollback's hold.

use super::change::{ChangeArgs, since};
use super::common::counted;
use crate::error::Result;
use crate::jobs::change::ChangeJob;
use crate::jobs::resume::ResumePlan;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  firelake resume --table access && firelake compact --table access")]
pub(super) struct Args {
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let opened = args.change.tables.open().await?;
    let one = async |table| {
        let job = args.change.job(&opened, table, true).await?;
        let changed = job.resume().await?;
        args.change.tell(&job, &changed, |plan| lines(&job, plan), "; the next run of compact takes them")
    };
    Ok(opened.each(one).await)
}

fn lines(job: &ChangeJob, plan: &ResumePlan) -> Vec<String> {
    match &plan.hold {
        None => vec![format!("{}: nothing to resume: it is not on hold", job.table)],
        Some(hold) => {
            let waiting = counted(plan.objects_waiting, "object");
            vec![format!("{}: on hold {}; {waiting} waited for its end", job.table, since(hold))]
        }
    }
}

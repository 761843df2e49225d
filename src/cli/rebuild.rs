//! `firelake rebuild`: what landed in some hours is read again.

use super::change::{ChangeArgs, Yes, tally, told_only};
use super::common::{bytes, count, counted};
use super::compact::work;
use super::progress;
use crate::config::Moment;
use crate::error::{Error, Result};
use crate::jobs::change::ChangeJob;
use crate::jobs::rebuild::{Rebuild, RebuildPlan};

#[derive(clap::Args)]
#[command(
    after_help = "Hours are hours of delivery, not of events, in UTC. Files hold records of several objects, so objects that share files \
with these are read again, too.\n\nExamples:\n  \
firelake rebuild --table access --from 2026-11-20T03 --to 2026-11-20T05\n  \
firelake rebuild --table access --from 2026-11-20 --to 2026-11-21 --yes"
)]
pub(super) struct Args {
    #[command(flatten)]
    change: ChangeArgs,
    /// Objects delivered from this time on: 2026-11-20T03, 2026-11-20, or RFC 3339
    #[arg(long, value_name = "HOUR")]
    from: Moment,
    /// … and before this one
    #[arg(long, value_name = "HOUR")]
    to: Moment,
    #[command(flatten)]
    yes: Yes,
    /// Threads that decode, and as many that write [default: one a processor]
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    if args.from.0 >= args.to.0 {
        return Err(Error::usage("--from is not before --to").hint(
            "--to is where the range ends, and no part of it: --from 2026-11-20T03 --to 2026-11-20T04 is one hour",
        ));
    }
    let opened = args.change.tables.open().await?;
    let job = args.change.job(&opened, opened.only()?, args.yes.yes).await?;
    let (bar, watch) = progress::bar();
    let work = work(&opened.of_table(&job.table), args.threads, None);
    let asked = Rebuild { delivered: args.from.0..args.to.0, work, watch };
    let outcome = job.rebuild(&asked).await;
    bar.finish_and_clear();
    args.change.tell(&job, &outcome?, |plan| lines(&job, plan), "")
}

fn lines(job: &ChangeJob, plan: &RebuildPlan) -> Vec<String> {
    if plan.objects == 0 {
        return vec![format!("{}: nothing to rebuild: no compacted object was delivered then", job.table)];
    }
    let others = match plan.objects - plan.objects_asked {
        0 => String::new(),
        more => format!(", {} more than asked for, because they share files", count(more)),
    };
    let mut lines = vec![
        format!("{}: reads {} ({}) again{others}", job.table, counted(plan.objects, "object"), bytes(plan.bytes)),
        format!("  replaces    {}", tally(&plan.files_out)),
        format!("              {} of rejected records", tally(&plan.rejected_out)),
    ];
    let changed = |url: &String| format!("  changed     {url}: what it holds now counts");
    lines.extend(plan.changed.iter().map(changed));
    lines.extend(plan.rebuilt.map(|rebuilt| {
        let expired = match rebuilt.expired {
            0 => String::new(),
            n => format!("; {} left out, because their partitions are expired", count(n)),
        };
        format!(
            "  by          {} with {}: {} and {} rejected{expired}",
            counted(rebuilt.files, "file"),
            counted(rebuilt.records_read, "record"),
            counted(rebuilt.rows_written, "row"),
            count(rebuilt.records_rejected)
        )
    }));
    lines.extend(told_only(job.yes, true));
    lines
}

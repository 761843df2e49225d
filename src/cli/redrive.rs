//! `firelake redrive`: rejected records, and what Firehose could not deliver, are decoded once more.

use super::change::{ChangeArgs, Yes, told_only};
use super::common::{count, counted};
use super::compact::work;
use crate::config::{Moment, Size};
use crate::error::{Error, Result};
use crate::jobs::change::ChangeJob;
use crate::jobs::redrive::{Redrive, RedrivePlan};

#[derive(clap::Args)]
#[command(
    after_help = "Firehose writes records that it could not transform, convert or deliver below an error prefix, in envelopes with \
the record in base64. compact keeps them with the rejected records, wherever they land. redrive opens them. It also decodes the other \
rejected records again: with a schema that has changed, a longer --max-record, or a firelake that reads more, they may be rows now. What \
becomes rows leaves the rejected table in the same commit. The landed objects need not be there any more.\n\nExamples:\n  \
firelake redrive --table access\n  firelake redrive --table access --yes\n  \
firelake redrive --table access --from 2026-11-20 --to 2026-11-21 --yes"
)]
pub(super) struct Args {
    #[command(flatten)]
    change: ChangeArgs,
    /// Only records of objects delivered on this day or later: 2026-11-20
    #[arg(long, value_name = "DAY")]
    from: Option<Moment>,
    /// … and before this one
    #[arg(long, value_name = "DAY")]
    to: Option<Moment>,
    /// The longest record [default: that of firelake.toml, or else 16MiB]
    #[arg(long, value_name = "SIZE")]
    max_record: Option<Size>,
    #[command(flatten)]
    yes: Yes,
    /// Threads that write [default: one a processor]
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from.0 >= to.0
    {
        return Err(Error::usage("--from is not before --to")
            .hint("--to is where the range ends, and no part of it: --from 2026-11-20 --to 2026-11-21 is one day"));
    }
    whole_days(&args)?;
    let opened = args.change.tables.open().await?;
    let one = async |table| {
        let job = args.change.job(&opened, table, args.yes.yes).await?;
        let work = work(&opened.of_table(table), args.threads, args.max_record);
        let asked = Redrive { from: args.from.map(|from| from.0), to: args.to.map(|to| to.0), work };
        args.change.tell(&job, &job.redrive(&asked).await?, |plan| lines(&job, plan), "")
    };
    Ok(opened.each(one).await)
}

/// Rejected records are kept by the day of their object's delivery: nothing shorter can be told apart.
fn whole_days(args: &Args) -> Result<()> {
    let is_day = |moment: &Moment| moment.0.time() == chrono::NaiveTime::MIN;
    match [args.from, args.to].iter().flatten().find(|moment| !is_day(moment)) {
        None => Ok(()),
        Some(moment) => Err(Error::usage(format!("{} is no day", moment.0.format("%Y-%m-%dT%H:%M:%SZ")))
            .hint("redrive takes whole days of delivery, in UTC: --from 2026-11-20 --to 2026-11-21 is one")),
    }
}

fn lines(job: &ChangeJob, plan: &RedrivePlan) -> Vec<String> {
    if plan.records == 0 {
        return vec![format!("{}: nothing to redrive: there is no rejected record", job.table)];
    }
    let mut lines = vec![format!("{}: {} decoded once more", job.table, counted(plan.records, "rejected record"))];
    if plan.decoded > 0 {
        let inside = match plan.rejected_inside {
            0 => String::new(),
            n => format!(", and {} inside that cannot be decoded", counted(n, "record")),
        };
        let expired = match plan.expired {
            0 => String::new(),
            n => format!("; {} left out, because their partitions are expired", count(n)),
        };
        lines.push(format!("  become rows {}: {}{inside}{expired}", count(plan.decoded), counted(plan.rows, "row")));
    }
    if plan.stays > 0 {
        lines.push(format!("  rejected    {}", count(plan.stays)));
    }
    lines.extend(plan.reasons.iter().map(|(reason, n)| format!("              {:>8}  {reason}", count(*n))));
    let told: u64 = plan.reasons.iter().map(|(_, n)| n).sum();
    if told < plan.stays {
        lines.push(format!("              {:>8}  of other reasons", count(plan.stays - told)));
    }
    lines.extend(told_only(job.yes, plan.decoded > 0));
    lines
}

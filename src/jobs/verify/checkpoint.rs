//! The newest checkpoint: it must be the fold of all commits up to its own. A load believes it, so that a wrong one would be
//! believed for good.

use super::books::Books;
use super::{Check, Verdict, VerifyReport, Watch};
use crate::error::{Kind, Result};
use crate::ledger::{Ledger, Snapshot};

const REMOVE: &str = "remove the folder: the commits say all that it says, and a later run writes another";

/// Compares; where commits are missing, which is told already, there is nothing to compare with.
pub(super) async fn check(ledger: &Ledger, books: &Books, watch: &Watch, report: &mut VerifyReport) {
    watch("checkpoints", 0, 1);
    if let Err(error) = compare(ledger, books, report).await {
        match error.kind() {
            Kind::Ledger => {
                let hint = error.hint_text().unwrap_or("restore it from a backup").to_owned();
                report.add(Verdict::Failed, Check::Ledger, ledger.url(), error.chain().join(": "), &hint);
            }
            _ => report.unchecked(Check::Ledger, ledger.checkpoints_url(), &error),
        }
    }
    watch("checkpoints", 1, 1);
}

async fn compare(ledger: &Ledger, books: &Books, report: &mut VerifyReport) -> Result<()> {
    let Some((number, stored)) = ledger.newest_checkpoint().await? else { return Ok(()) };
    let at = ledger.checkpoints_url();
    let Some(stored) = stored else {
        let told = format!("the checkpoint of commit {number} is damaged or of another format, and not used");
        report.add(Verdict::Note, Check::Ledger, at, told, "nothing is lost: a later run writes another");
        return Ok(());
    };
    if !books.whole {
        return Ok(());
    }
    let differ = differences(&stored, &ledger.fold_up_to(number).await?);
    if !differ.is_empty() {
        let told = format!(
            "the checkpoint of commit {number} says otherwise than the commits up to it, of {}",
            differ.join(", ")
        );
        report.add(Verdict::Failed, Check::Ledger, at, told, REMOVE);
    }
    Ok(())
}

/// What two states say otherwise.
fn differences(one: &Snapshot, other: &Snapshot) -> Vec<&'static str> {
    let parts = [
        (one.files != other.files, "live files"),
        (one.compacted != other.compacted, "compacted objects"),
        (one.waiting != other.waiting, "waiting objects"),
        (one.changed != other.changed, "changed partitions"),
        (one.pins != other.pins, "what the table is"),
    ];
    let mut differ: Vec<&str> = parts.into_iter().filter_map(|(differs, what)| differs.then_some(what)).collect();
    if differ.is_empty() && one != other {
        differ.push("listings, holds, bounds or condemned folders");
    }
    differ
}

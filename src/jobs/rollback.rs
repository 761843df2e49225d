//! Back to the state after an earlier commit: one commit takes out what came later and brings back what was replaced. The
//! inputs that it takes out wait, and the table is on hold, until `resume`.

use super::change::{ChangeJob, Changed, PartitionMove, Planned, inputs, missing, moves};
use crate::error::{Error, Result};
use crate::ledger::{Action, AsOf, Commit, DataFile, Ledger, LiveFile, Snapshot};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use serde::Serialize;

/// What a rollback changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollbackPlan {
    /// The commit whose state comes back.
    pub to: u64,
    /// When that was written, by its writer's clock.
    pub to_at: Option<DateTime<Utc>>,
    /// The newest commit that the plan is of.
    pub head: u64,
    /// Whether there is anything to do.
    pub changes: bool,
    /// Compacted objects that will wait.
    pub objects_out: u64,
    /// Of those that will wait, landed objects that are gone: their records are lost.
    pub objects_gone: u64,
    /// Objects that are compacted again: a later rollback had taken them out.
    pub objects_back: u64,
    /// The rollback that the table is on hold by already.
    pub hold: Option<u64>,
    /// The partitions that change.
    pub partitions: Vec<PartitionMove>,
}

/// What becomes of a rollback that takes out records whose landed objects are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Refused,
    Accepted,
}

/// How the state to go back to differs from the newest one.
struct Difference<'a> {
    out: Vec<(&'a str, &'a LiveFile)>,
    back: Vec<(&'a str, &'a LiveFile)>,
    taken_out: Vec<String>,
    /// Compacted then, and not or otherwise now, with the commit that names each.
    again: Vec<(&'a str, u64)>,
    objects_back: u64,
}

impl ChangeJob {
    /// Rolls back.
    ///
    /// # Errors
    /// Usage: there is no such commit; a file that would come back may be deleted, or is; or a landed object is gone whose
    /// records it would take out. Ledger, TryAgain and those of the
    /// store.
    pub async fn rollback(&self, to: AsOf) -> Result<Changed<RollbackPlan>> {
        self.roll_back(to, Gone::Refused).await
    }

    /// The same, also where landed objects are gone whose records it takes out: those are nowhere then.
    ///
    /// # Errors
    /// Those of [`rollback`](Self::rollback), but for that.
    pub async fn rollback_and_lose(&self, to: AsOf) -> Result<Changed<RollbackPlan>> {
        self.roll_back(to, Gone::Accepted).await
    }

    async fn roll_back(&self, to: AsOf, gone: Gone) -> Result<Changed<RollbackPlan>> {
        let (ledger, snapshot) = self.open().await?;
        let number = ledger.number_as_of(to).await?.unwrap_or(0);
        let then = ledger.load_at(number).await?;
        let to_at = ledger.commit(number).await?.map(|commit| commit.at);
        let plan = async |now: &Snapshot| self.plan_rollback(&ledger, &then, to_at, now, gone).await;
        self.change(&ledger, snapshot, plan).await
    }

    async fn plan_rollback(
        &self,
        ledger: &Ledger,
        then: &Snapshot,
        to_at: Option<DateTime<Utc>>,
        now: &Snapshot,
        gone: Gone,
    ) -> Result<Planned<RollbackPlan>> {
        let difference = Difference::new(then, now)?;
        let changes = !difference.is_empty() || then.expired_before != now.expired_before;
        let mut plan = RollbackPlan {
            to: then.head,
            to_at,
            head: now.head,
            changes,
            objects_out: difference.taken_out.len() as u64,
            objects_gone: 0,
            objects_back: difference.objects_back,
            hold: now.hold,
            partitions: moves(difference.out.iter().copied(), difference.back.iter().copied()),
        };
        if !changes {
            return Ok((plan, None));
        }
        self.check_back(ledger, then, now, &difference.back).await?;
        plan.objects_gone = self.check_out(now, &difference.taken_out, gone).await?;
        let commit = Commit {
            to: Some(then.head),
            expired_before: then.expired_before,
            inputs: inputs(ledger, &difference.again).await?,
            taken_out: difference.taken_out,
            add: difference.back.iter().map(|(path, file)| brought_back(path, file)).collect(),
            remove: difference.out.iter().map(|(path, _)| (*path).to_owned()).collect(),
            ..Commit::new(Action::Rollback, self.now, &self.writer)
        };
        Ok((plan, Some(commit)))
    }

    /// How many objects no run could bring in again; refused, if there are any and that is not accepted.
    async fn check_out(&self, now: &Snapshot, taken_out: &[String], accepted: Gone) -> Result<u64> {
        let landed = self.landed(now, taken_out.iter().map(String::as_str)).await?;
        let gone: Vec<&str> = landed.into_iter().filter(|(_, object)| object.is_none()).map(|(url, _)| url).collect();
        let refused = gone.first().filter(|_| accepted == Gone::Refused);
        let Some(first) = refused else { return Ok(gone.len() as u64) };
        let told =
            format!("{} of the objects that would wait are gone from the landing zone, such as {first}", gone.len());
        Err(Error::usage(told).hint(
            "nothing was changed. Their records are only in the lake: put them back, or pass --lose-what-is-gone to take the records out for good",
        ))
    }

    /// Refuses to bring a file back that gc may delete or has deleted.
    async fn check_back(
        &self,
        ledger: &Ledger,
        then: &Snapshot,
        now: &Snapshot,
        back: &[(&str, &LiveFile)],
    ) -> Result<()> {
        if back.is_empty() {
            return Ok(());
        }
        let cannot = || format!("cannot roll {} back to commit {}", self.table, then.head);
        if let Some((commit, path)) = condemned(ledger, then.head + 1..=now.head, back).await? {
            let told = format!("{}: its file {path} was condemned by commit {commit}, and gc may delete it", cannot());
            return Err(Error::usage(told).hint(instead(commit)));
        }
        let folder = self.folder();
        match missing(&folder, back.iter().map(|(path, _)| *path)).await?.first() {
            None => Ok(()),
            Some(path) => {
                let told = format!("{}: its file {} is not there", cannot(), folder.url_of(&folder.path(path)));
                Err(Error::usage(told).hint(
                    "nothing was changed. Restore the file from a backup, or roll back to a later commit: firelake history lists them",
                ))
            }
        }
    }
}

fn instead(commit: u64) -> String {
    format!(
        "nothing was changed. The states from commit {commit} on do not need that file: roll back to one of them, or read \
         what landed again with firelake rebuild (after an expire that took too much: firelake expire --lower with the right span first)"
    )
}

impl<'a> Difference<'a> {
    fn new(then: &'a Snapshot, now: &'a Snapshot) -> Result<Self> {
        let only = |of: &'a Snapshot, other: &Snapshot| -> Vec<(&'a str, &'a LiveFile)> {
            let files = of.files.iter().filter(|(path, _)| !other.files.contains_key(*path));
            files.map(|(path, file)| (path.as_str(), file)).collect()
        };
        let (out, back) = (only(now, then), only(then, now));
        let (were, are) = (then.compacted.all()?, now.compacted.all()?);
        let out_of = are.keys().filter(|url| !were.contains_key(*url));
        let mut taken_out: Vec<String> = out_of.cloned().collect();
        taken_out.sort_unstable();
        let is_same = |url: &str, commit| are.get(url).is_some_and(|input| input.commit == commit);
        let again = were.iter().filter(|(url, input)| !is_same(url, input.commit));
        let mut again: Vec<(&str, u64)> = again.map(|(url, input)| (url.as_str(), input.commit)).collect();
        again.sort_unstable();
        let objects_back = again.iter().filter(|(url, _)| !are.contains_key(*url)).count() as u64;
        Ok(Difference { out, back, taken_out, again, objects_back })
    }

    /// Whether the same files are live, of the same objects. Which commit is named for them is no matter.
    fn is_empty(&self) -> bool {
        self.out.is_empty() && self.back.is_empty() && self.taken_out.is_empty() && self.objects_back == 0
    }
}

fn brought_back(path: &str, file: &LiveFile) -> DataFile {
    DataFile {
        path: path.into(),
        partition: file.partition.clone(),
        rows: file.rows,
        bytes: file.bytes,
        inputs: Vec::new(),
        origin: Some(file.origin),
        stats: file.stats.clone(),
    }
}

/// The last of these commits that condemned one of these files, and the file.
async fn condemned<'a>(
    ledger: &Ledger,
    numbers: std::ops::RangeInclusive<u64>,
    files: &[(&'a str, &LiveFile)],
) -> Result<Option<(u64, &'a str)>> {
    let mut hit = None;
    let mut commits = std::pin::pin!(ledger.each(numbers));
    while let Some((number, commit)) = commits.next().await {
        let folders = commit?.map(|commit| commit.condemned).unwrap_or_default();
        let below = |path: &str| folders.iter().any(|folder| path.starts_with(folder.as_str()));
        hit = files.iter().find(|(path, _)| below(path)).map(|(path, _)| (number, *path)).or(hit);
    }
    Ok(hit)
}

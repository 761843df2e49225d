//! The catalog: does it say what the ledger says, and do the folders that it points at hold the live files?

use super::books::Books;
use super::{Check, Verdict, VerifyJob, VerifyReport};
use crate::catalog::{self, Drift, drift};
use crate::error::{Kind, Result};
use crate::ledger::{Ledger, Snapshot};
use crate::storage::Location;
use crate::table::{FileSet, Partition};
use std::collections::BTreeMap;

const REPAIR: &str = "firelake catalog apply makes the catalog say what the ledger says";
const LOST: &str =
    "the ledger has lost its newest commits: restore the table's _ledger folder from a backup before compact runs";

pub(super) async fn check(
    job: &VerifyJob,
    folder: &Location,
    ledger: &Ledger,
    books: &Books,
    report: &mut VerifyReport,
) {
    let loaded = match books.whole {
        true => ledger.load().await,
        false => Ok(None),
    };
    match loaded {
        Ok(Some(mut snapshot)) => compare(job, folder, ledger, &mut snapshot, report).await,
        Err(error) if error.kind() != Kind::Ledger => report.unchecked(Check::Catalog, at(job), &error),
        Ok(None) | Err(_) => {
            lost_tail(job, books.head, report).await;
            let told = "it cannot be compared with a ledger that is not whole".into();
            report.add(Verdict::Unchecked, Check::Catalog, at(job), told, "repair the ledger, and verify again");
        }
    }
}

fn at(job: &VerifyJob) -> String {
    format!("{} in the {} catalog", job.table, job.catalog.name())
}

async fn compare(
    job: &VerifyJob,
    folder: &Location,
    ledger: &Ledger,
    snapshot: &mut Snapshot,
    report: &mut VerifyReport,
) {
    (job.watch)("catalog", 0, 0);
    match drift(&job.table, folder, ledger, job.catalog.as_ref(), snapshot).await {
        Ok(found) => {
            for finding in &found {
                let (verdict, hint) = match finding.drift {
                    Drift::Pending => (Verdict::Note, "the next run of compact publishes it"),
                    Drift::Unknown => (Verdict::Failed, "drop it in the catalog, if nobody needs it"),
                    Drift::Missing | Drift::Elsewhere | Drift::Definition => (Verdict::Failed, REPAIR),
                };
                let partition = finding.partition.as_ref().map(|p| format!(" {p}")).unwrap_or_default();
                let at = format!("{}{partition} in the {} catalog", finding.table, job.catalog.name());
                report.add(verdict, Check::Catalog, at, finding.told.clone(), hint);
            }
            if found.is_empty() {
                folders(job, snapshot, report).await;
            }
        }
        Err(error) if error.kind() == Kind::Ledger => {
            report.add(Verdict::Failed, Check::Catalog, at(job), error.chain().join(": "), LOST)
        }
        Err(error) => report.unchecked(Check::Catalog, at(job), &error),
    }
}

/// A catalog that knows a later commit than the newest of the ledger.
pub(super) async fn lost_tail(job: &VerifyJob, head: Option<u64>, report: &mut VerifyReport) {
    let known = known(job).await;
    match (known, head) {
        (Ok(None), _) => {}
        (Ok(Some(known)), Some(head)) if known <= head => {}
        (Ok(Some(known)), head) => {
            let ends = head.map_or("there is no ledger".into(), |head| format!("the ledger ends at commit {head}"));
            report.add(Verdict::Failed, Check::Ledger, at(job), format!("it knows commit {known}, and {ends}"), LOST);
        }
        (Err(error), _) => report.unchecked(Check::Catalog, at(job), &error),
    }
}

/// The newest commit that the catalog shows.
async fn known(job: &VerifyJob) -> Result<Option<u64>> {
    let (database, table) = (job.table.database(), job.table.table());
    let Some(found) = job.catalog.table(database, table).await? else { return Ok(None) };
    let Ok(watermark) = found.watermark() else { return Ok(None) };
    let partitions = job.catalog.partitions(database, table, None).await?;
    Ok(partitions.values().map(|entry| entry.commit).chain([watermark]).max())
}

/// Readers of the catalog read whole folders: names and sizes there must be those of the live files.
async fn folders(job: &VerifyJob, snapshot: &Snapshot, report: &mut VerifyReport) {
    for (set, suffix) in [(FileSet::Data, ""), (FileSet::Rejected, "_rejected")] {
        let name = format!("{}{suffix}", job.table.table());
        let listed = match catalog::files(job.catalog.as_ref(), &job.lake, job.table.database(), &name).await {
            Ok(listed) => listed.unwrap_or_default(),
            Err(error) => {
                report.unchecked(Check::Catalog, at(job), &error);
                continue;
            }
        };
        for (partition, objects) in listed {
            let found: BTreeMap<String, u64> = objects
                .iter()
                .map(|object| (object.location.filename().unwrap_or_default().to_owned(), object.size))
                .collect();
            let live = live(snapshot, set, &partition);
            if found != live {
                let at = format!("{}.{name} {partition} in the {} catalog", job.table.database(), job.catalog.name());
                report.add(Verdict::Failed, Check::Catalog, at, difference(&live, &found), OTHER_FILES);
            }
        }
    }
}

const OTHER_FILES: &str = "readers of the catalog count other rows than the ledger has: put the folder right; \
                           a published copy has the live files' names and bytes";

fn live(snapshot: &Snapshot, set: FileSet, partition: &Partition) -> BTreeMap<String, u64> {
    let files = snapshot.live(set).filter(|(_, file)| file.partition == *partition);
    files.map(|(path, file)| (path.rsplit('/').next().unwrap_or(path).to_owned(), file.bytes)).collect()
}

fn difference(live: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> String {
    let lacks = live.keys().find(|name| !found.contains_key(*name));
    let extra = found.keys().find(|name| !live.contains_key(*name));
    let other = live.iter().find(|(name, size)| found.get(*name).is_some_and(|found| found != *size));
    match (lacks, extra, other) {
        (Some(name), ..) => format!("its folder lacks {name}"),
        (_, Some(name), _) => format!("its folder has {name}, which is not live"),
        (.., Some((name, size))) => format!("{name} in its folder has another size than {size}"),
        _ => "its folder has other files".into(),
    }
}

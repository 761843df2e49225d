//! The landing zone, all of it: what is not compacted, what changed since it was, what is no longer there.

use super::books::Books;
use super::{Check, Verdict, VerifyJob, VerifyReport, counted};
use crate::error::{Error, Result};
use crate::landing::{self, Bound, LandedObject, below, layout};
use crate::ledger::Input;
use crate::storage::Location;
use std::collections::{BTreeSet, HashMap};

/// What is in the landing zone, by URL; `None` where not all of it could be listed.
pub(super) type Landed = Option<HashMap<String, LandedObject>>;

pub(super) async fn check(job: &VerifyJob, books: &Books, report: &mut VerifyReport) -> Landed {
    let Some(pins) = &books.pins else {
        let told = "which landing prefixes the table has is in commit 0, which could not be read".into();
        report.add(Verdict::Unchecked, Check::Landing, &job.table, told, "restore that commit, and verify again");
        return None;
    };
    let (mut landed, mut all) = (HashMap::new(), true);
    for url in &pins.landing {
        (job.watch)("landing prefixes", 0, 0);
        match list(job, url).await {
            Ok((prefix, objects)) => {
                compare(job, books, &prefix, &objects, report);
                landed.extend(objects.into_iter().map(|object| (object.url.clone(), object)));
            }
            Err(error) => {
                all = false;
                report.unchecked(Check::Landing, url, &error);
            }
        }
    }
    waiting(books, report);
    all.then(|| gone(job, books, &landed, report));
    all.then_some(landed)
}

async fn list(job: &VerifyJob, url: &str) -> Result<(Location, Vec<LandedObject>)> {
    let prefix = job.stores.open_like(url, &job.landing).await?;
    if prefix.url() != url {
        return Err(Error::usage(format!("the landing folder is now a link to {}", prefix.url()))
            .hint("move the folder back, or mount it there: objects are known by their URLs"));
    }
    if !prefix.exists() {
        return Err(Error::usage("the landing folder does not exist").hint("put it back, or mount it there"));
    }
    let objects = landing::list(&prefix, None).await?;
    Ok((prefix, objects))
}

fn compare(job: &VerifyJob, books: &Books, prefix: &Location, objects: &[LandedObject], report: &mut VerifyReport) {
    let bound = bound(job, books, prefix);
    let skips =
        |o: &LandedObject| prefix.relative(&o.path).is_some_and(|key| bound.as_ref().is_some_and(|b| b.skips(key)));
    let (mut later, mut old) = (Vec::new(), Vec::new());
    for object in objects {
        match books.inputs.get(&object.url) {
            Some(brought) => changed(object, brought.commit, &brought.input, report),
            None if books.waiting.contains_key(&object.url) => {}
            None if skips(object) => old.push(object),
            None => later.push(object),
        }
    }
    if books.whole {
        not_yet(prefix, &later, report);
        overlooked(books, &old, report);
    } else if !later.is_empty() || !old.is_empty() {
        let told = format!("in no commit that could be read: {}", counted(later.len() + old.len(), "object"));
        let hint = "whether they are compacted shows once the ledger is whole";
        report.add(Verdict::Unchecked, Check::Landing, prefix.url(), told, hint);
    }
}

/// What a run would leave out that does not list all.
fn bound(job: &VerifyJob, books: &Books, prefix: &Location) -> Option<Bound> {
    let prefix = prefix.url();
    let inputs = books.inputs.values().map(|brought| &brought.input);
    let (times, layouts): (Vec<_>, BTreeSet<_>) =
        inputs.filter_map(|input| Some((input.delivered, layout(below(&prefix, &input.url)?)?))).unzip();
    Bound::new(times.into_iter().max()?.checked_sub_signed(job.lookback)?, layouts.into_iter().collect())
}

fn changed(object: &LandedObject, commit: u64, input: &Input, report: &mut VerifyReport) {
    if object.size != input.size {
        let told = format!("it has {} bytes, and had {} when commit {commit} compacted it", object.size, input.size);
        let hint = "its new content is in no file: put it under another name, or put the old content back";
        report.add(Verdict::Failed, Check::Landing, &object.url, told, hint);
    } else if let (Some(now), Some(then)) = (&object.etag, &input.etag)
        && now != then
    {
        let told = format!("it was written again after commit {commit} compacted it: its etag is {now}, it was {then}");
        let hint = "a copy onto itself does that, too: verify --deep compares the content";
        report.add(Verdict::Note, Check::Landing, &object.url, told, hint);
    }
}

fn not_yet(prefix: &Location, objects: &[&LandedObject], report: &mut VerifyReport) {
    if let Some(oldest) = objects.iter().map(|object| object.delivered).min() {
        let bytes: u64 = objects.iter().map(|object| object.size).sum();
        let told = format!(
            "not yet compacted: {} ({bytes} bytes), the oldest delivered {}",
            counted(objects.len(), "object"),
            oldest.format("%Y-%m-%d %H:%M:%S")
        );
        report.add(Verdict::Note, Check::Landing, prefix.url(), told, "the next run of compact takes them");
    }
}

/// Objects that runs which begin at the lookback do not list. The daily full listing takes them; one that it should have
/// taken already is a failure.
fn overlooked(books: &Books, objects: &[&LandedObject], report: &mut VerifyReport) {
    for object in objects {
        let delivered = object.delivered.format("%Y-%m-%d %H:%M:%S");
        let (verdict, told) = match books.listed_at(&object.url) {
            Some(at) if object.last_modified < at => (
                Verdict::Failed,
                format!(
                    "not compacted, though it was there (delivered {delivered}) when all was listed at {}",
                    at.to_rfc3339()
                ),
            ),
            _ => (
                Verdict::Note,
                format!(
                    "not compacted, and older (delivered {delivered}) than the lookback, so that only a full listing finds it"
                ),
            ),
        };
        let hint = "the next full listing takes it, at most a day after the last one; compact with a longer --lookback takes it now";
        report.add(verdict, Check::Landing, &object.url, told, hint);
    }
}

fn waiting(books: &Books, report: &mut VerifyReport) {
    if let Some(hold) = books.hold {
        let told = format!("on hold since commit {hold}, a rollback: {} wait", counted(books.waiting.len(), "object"));
        report.add(Verdict::Note, Check::Landing, "waiting", told, "firelake resume, when the cause is mended");
    } else if !books.waiting.is_empty() {
        let told = format!("could not be read yet: {}", counted(books.waiting.len(), "object"));
        let hint = "firelake status names them, and why; each run of compact tries them again";
        report.add(Verdict::Note, Check::Landing, "waiting", told, hint);
    }
}

fn gone(job: &VerifyJob, books: &Books, landed: &HashMap<String, LandedObject>, report: &mut VerifyReport) {
    let gone = books.inputs.keys().filter(|url| !landed.contains_key(*url)).count();
    if gone > 0 {
        let told = format!("no longer in the landing zone: {}", counted(gone, "compacted object"));
        report.add(Verdict::Note, Check::Landing, &job.table, told, "their records are in the lake: nothing to do");
    }
}

//! The ledger: every commit that a listing implies is read, and folded as far as it goes. Unlike a snapshot, which refuses a
//! ledger that is not whole, this goes on with what there is.

use super::{Check, Verdict, VerifyReport, Watch};
use crate::compact::Shard;
use crate::error::{Kind, Result};
use crate::ledger::{Action, Commit, DataFile, Input, Ledger, PinnedSchema, Pins, Waiting, attempt_of};
use crate::table::{Evolution, FileSet, TableSchema};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

const RESTORE: &str = "restore this object from a backup or an older version";
const FORGED: &str =
    "this protocol does not write such a commit: restore the table's _ledger folder from a backup, or report this";

/// What the commits that could be read say, taken together.
#[derive(Default)]
pub(super) struct Books {
    /// The newest commit, also where it could not be read; none where there is no commit at all.
    pub(super) head: Option<u64>,
    /// Commits that could be read.
    pub(super) read: u64,
    /// Whether all could be read.
    pub(super) whole: bool,
    /// What the table is, where commit 0 could be read, with every landing prefix.
    pub(super) pins: Option<Pins>,
    /// Live files by path, with the commit of the attempt that made each.
    pub(super) files: BTreeMap<String, (u64, DataFile)>,
    /// Compacted objects by URL.
    pub(super) inputs: HashMap<String, Brought>,
    /// The schemas that the table had, oldest first.
    pub(super) schemas: Vec<PinnedSchema>,
    /// Objects that wait.
    pub(super) waiting: BTreeMap<String, Waiting>,
    /// The rollback that the table is on hold by.
    pub(super) hold: Option<u64>,
    /// Partitions that end at this time or before are expired.
    pub(super) expired_before: Option<DateTime<Utc>>,
    /// When all was listed last.
    pub(super) full_listing_at: Option<DateTime<Utc>>,
    /// When all of a shard was listed.
    pub(super) shard_listings: Vec<(DateTime<Utc>, Shard)>,
    /// Commits that share files, by adding them and by removing them: pairs.
    pub(super) related: Vec<(u64, u64)>,
    /// Commits with an input that another commit has brought before.
    pub(super) doubled: BTreeSet<u64>,
    /// How objects were brought that were read again since, or taken out: a rollback may go back to it.
    former: HashMap<String, Vec<Brought>>,
    /// Files that were ever added, by path.
    known: HashMap<String, Known>,
    /// Rows of compacted inputs that were expired.
    expired: u64,
    /// The same, after each commit that could be read.
    expired_after: BTreeMap<u64, u64>,
}

/// A compacted object, as a commit brought it.
#[derive(Clone)]
pub(super) struct Brought {
    /// The commit whose attempt read it, or the rollback that brought it back.
    pub(super) commit: u64,
    /// The place in [`Books::schemas`] of the one that it was read with.
    pub(super) schema: usize,
    /// Whether a redrive has read some of its records with another schema than the others were read with.
    pub(super) mixed: bool,
    pub(super) input: Input,
}

impl Brought {
    /// The schema of its rows after a redrive with this one, and whether not all are of it.
    fn redriven(&self, now: &Input, schema: usize) -> (usize, bool) {
        let counts = |input: &Input| (input.records, input.rejected, input.opened);
        match counts(&self.input) == counts(now) {
            true => (self.schema, self.mixed),
            false => (schema, self.mixed || (self.schema != schema && rows_of(&self.input) > 0)),
        }
    }
}

/// A file as it was added first.
struct Known {
    commit: u64,
    rows: u64,
    bytes: u64,
    inputs: Vec<u32>,
}

impl Books {
    pub(super) async fn read(ledger: &Ledger, watch: &Watch, report: &mut VerifyReport) -> Result<Self> {
        let head = ledger.numbers().await?.last().copied();
        let mut books = Books { head, whole: true, ..Default::default() };
        let count = head.map_or(0, |head| head + 1);
        let mut commits = std::pin::pin!(ledger.each(0..count));
        while let Some((number, read)) = commits.next().await {
            match read {
                Ok(Some(commit)) => books.fold(&ledger.url_of(number), commit, report),
                Ok(None) => {
                    let told = format!("this commit is missing, though there are commits up to {}", count - 1);
                    books.lacks(Verdict::Failed, &ledger.url_of(number), told, RESTORE, report);
                }
                Err(error) => {
                    let verdict = if error.kind() == Kind::Ledger { Verdict::Failed } else { Verdict::Unchecked };
                    let hint = if verdict == Verdict::Failed { RESTORE } else { "see to that it can be read" };
                    let (url, told) = (ledger.url_of(number), error.chain().join(": "));
                    let told = told.replace(&format!("commit {url} "), "this commit ");
                    books.lacks(verdict, &url, told, hint, report);
                }
            }
            watch("commits", number + 1, count);
        }
        books.add_up(ledger, report);
        Ok(books)
    }

    fn lacks(&mut self, verdict: Verdict, at: &str, told: String, hint: &str, report: &mut VerifyReport) {
        self.whole = false;
        report.add(verdict, Check::Ledger, at, told, hint);
    }

    /// Every attempt that a commit ever named.
    pub(super) fn attempts(&self) -> HashSet<Uuid> {
        self.known.keys().filter_map(|path| attempt_of(path)).collect()
    }

    /// When everything among which `url` is was listed last.
    pub(super) fn listed_at(&self, url: &str) -> Option<DateTime<Utc>> {
        let of_shards = self.shard_listings.iter().filter(|(_, shard)| shard.takes(url)).map(|(at, _)| *at);
        of_shards.chain(self.full_listing_at).max()
    }

    /// Rows of the table in live files.
    pub(super) fn rows(&self) -> u64 {
        let data = self.files.values().filter(|(_, file)| FileSet::of_path(&file.path) == FileSet::Data);
        data.map(|(_, file)| file.rows).sum()
    }

    fn fold(&mut self, at: &str, commit: Commit, report: &mut VerifyReport) {
        self.read += 1;
        match &commit.shard {
            Some(shard) => self.shard_listings.extend(commit.full_listing_at.zip(shard.parse().ok())),
            None => self.full_listing_at = commit.full_listing_at.or(self.full_listing_at),
        }
        let mut wrong = |told: String| report.add(Verdict::Failed, Check::Ledger, at, told, FORGED);
        if (commit.action == Action::Create) != (commit.number == 0) || (commit.number == 0) != commit.pins.is_some() {
            wrong("a table is created by commit 0, and only by it".into());
        }
        self.fold_action(&commit, &mut wrong);
        self.fold_expired(&commit, &mut wrong);
        self.fold_files(&commit, &mut wrong);
        self.fold_inputs(commit, &mut wrong);
    }

    fn fold_action(&mut self, commit: &Commit, wrong: &mut dyn FnMut(String)) {
        let brings = commit.has_files() || !commit.inputs.is_empty();
        match commit.action {
            Action::Create => {
                self.pins = commit.pins.clone();
                let of = |pins: Pins| PinnedSchema { name: pins.schema_name, text: pins.schema, changes: Vec::new() };
                self.schemas.extend(commit.pins.clone().map(of));
            }
            Action::Add if brings && self.hold.is_some() && self.whole => wrong("the table was on hold".into()),
            Action::Rollback => (self.hold, self.expired_before) = (Some(commit.number), commit.expired_before),
            Action::Resume if self.whole && self.hold != commit.resumes => {
                wrong("there is no hold of the rollback that it names".into());
            }
            Action::Resume => self.hold = None,
            Action::Expire => self.expired_before = self.expired_before.max(commit.expired_before),
            _ => {}
        }
        if let (Some(landing), Some(pins)) = (&commit.landing, &mut self.pins) {
            pins.landing.push(landing.clone());
        }
        if let Some(told) = commit.schema.as_ref().and_then(|schema| self.no_evolution(schema)) {
            wrong(told);
        }
        if let (Some(schema), Some(pins)) = (&commit.schema, &mut self.pins) {
            (pins.schema_name, pins.schema) = (schema.name.clone(), schema.text.clone());
            self.schemas.push(schema.clone());
        }
    }

    /// Why older files may not be readable by a schema; one that this firelake cannot read is told where it is needed.
    fn no_evolution(&self, schema: &PinnedSchema) -> Option<String> {
        let parse = |of: &PinnedSchema| TableSchema::parse(&of.name, "pinned in the ledger", &of.text).ok();
        match parse(self.schemas.last()?)?.evolution_to(&parse(schema)?) {
            Evolution::Refused { reason, .. } => Some(format!("the table could not get its schema: {reason}")),
            _ => None,
        }
    }

    /// Keeps count of the rows of compacted inputs that are in no file, because their partitions are expired.
    fn fold_expired(&mut self, commit: &Commit, wrong: &mut dyn FnMut(String)) {
        let live = |path: &String| self.files.get(path).map_or(0, |(_, file)| data_rows(file));
        let removed: u64 = commit.remove.iter().map(live).sum();
        match commit.action {
            Action::Expire => self.expired += removed,
            Action::Redrive => self.expired += commit.counts.expired,
            Action::Rollback => {
                let then = commit.to.and_then(|to| self.expired_after.range(..=to).next_back());
                self.expired = then.map_or(0, |(_, expired)| *expired);
            }
            Action::Rebuild => {
                let before: u64 = commit
                    .inputs
                    .iter()
                    .filter_map(|input| self.inputs.get(&input.url))
                    .map(|brought| rows_of(&brought.input))
                    .sum();
                let given: u64 = commit.inputs.iter().map(rows_of).sum();
                match before.checked_sub(removed).and_then(|earlier| self.expired.checked_sub(earlier)) {
                    Some(others) => self.expired = others + given.saturating_sub(commit.counts.rows_written),
                    None if self.whole => {
                        wrong(format!("it replaces {removed} rows, and the objects that it reads again gave {before}"));
                    }
                    None => {}
                }
            }
            _ => {}
        }
        self.expired_after.insert(commit.number, self.expired);
    }

    fn fold_files(&mut self, commit: &Commit, wrong: &mut dyn FnMut(String)) {
        for path in &commit.remove {
            match self.files.remove(path) {
                Some((by, _)) => self.related.push((by, commit.number)),
                None if self.whole => wrong(format!("it removes {path}, which is not live")),
                None => {} // a commit that is missing may have added it
            }
        }
        if !commit.add.is_empty() && commit.attempt.is_none() && commit.action != Action::Rollback {
            wrong("it adds files of no attempt".into());
        }
        for file in &commit.add {
            match commit.action {
                Action::Rollback => self.bring_back(commit.number, file, wrong),
                _ => self.add_file(commit, file, wrong),
            }
        }
    }

    fn add_file(&mut self, commit: &Commit, file: &DataFile, wrong: &mut dyn FnMut(String)) {
        let Commit { number, .. } = *commit;
        let known = Known { commit: number, rows: file.rows, bytes: file.bytes, inputs: file.inputs.clone() };
        if let Some(Known { commit: by, .. }) = self.known.insert(file.path.clone(), known) {
            wrong(format!("it adds {} a second time, after commit {by}", file.path));
        }
        let places = if commit.sources.is_empty() { commit.inputs.len() } else { commit.sources.len() };
        if file.inputs.iter().any(|place| *place as usize >= places) {
            wrong(format!("{} is made of more inputs than it names", file.path));
        }
        self.files.insert(file.path.clone(), (number, file.clone()));
    }

    /// A file that was live before, as it was.
    fn bring_back(&mut self, number: u64, file: &DataFile, wrong: &mut dyn FnMut(String)) {
        let (origin, inputs) = match self.known.get(&file.path) {
            Some(known) => {
                if (known.rows, known.bytes, Some(known.commit)) != (file.rows, file.bytes, file.origin) {
                    wrong(format!("it brings {} back otherwise than commit {} added it", file.path, known.commit));
                }
                (known.commit, known.inputs.clone())
            }
            None => {
                if self.whole {
                    wrong(format!("it brings {} back, which never was live", file.path));
                }
                (file.origin.unwrap_or(number), Vec::new())
            }
        };
        let live = DataFile { inputs, ..file.clone() };
        if self.files.insert(file.path.clone(), (origin, live)).is_some() {
            wrong(format!("it brings {} back, which is live", file.path));
        }
        self.related.push((origin, number));
    }

    fn fold_inputs(&mut self, commit: Commit, wrong: &mut dyn FnMut(String)) {
        let (number, action, to) = (commit.number, commit.action, commit.to);
        for input in commit.inputs {
            self.waiting.remove(&input.url);
            match self.inputs.get(&input.url) {
                Some(Brought { commit: by, .. }) if action == Action::Add => {
                    wrong(format!("it brings {} a second time, after commit {by}: its records count twice", input.url));
                    self.doubled.insert(number);
                    continue;
                }
                Some(Brought { commit: by, .. }) => self.related.push((*by, number)),
                None if matches!(action, Action::Rebuild | Action::Redrive) && self.whole => {
                    wrong(format!("it reads {} again, which is not compacted", input.url));
                }
                _ => {}
            }
            let newest = self.schemas.len().saturating_sub(1);
            let (schema, mixed) = match (action, self.inputs.get(&input.url)) {
                (Action::Rollback, _) => self.schema_then(&input.url, to.unwrap_or(0)),
                (Action::Redrive, Some(before)) => before.redriven(&input, newest),
                _ => (newest, false),
            };
            self.bring(Brought { commit: number, schema, mixed, input });
        }
        commit.gone.iter().for_each(|gone| _ = self.waiting.remove(&gone.url));
        for url in commit.taken_out {
            match self.inputs.remove(&url) {
                Some(brought) => self.former.entry(url.clone()).or_default().push(brought),
                None if self.whole => wrong(format!("it takes {url} out, which is not compacted")),
                None => {}
            }
            let waiting =
                Waiting { url: url.clone(), reason: format!("commit {number} took it out"), since: commit.at };
            self.waiting.insert(url, waiting);
        }
        let waits = commit.waiting.into_iter().filter(|waiting| !self.inputs.contains_key(&waiting.url));
        self.waiting.extend(waits.map(|waiting| (waiting.url.clone(), waiting)).collect::<Vec<_>>());
    }

    fn bring(&mut self, brought: Brought) {
        let url = brought.input.url.clone();
        if let Some(before) = self.inputs.insert(url.clone(), brought) {
            self.former.entry(url).or_default().push(before);
        }
    }

    /// The schema with which an object had been read in the state after a commit, and whether not all of it.
    fn schema_then(&self, url: &str, to: u64) -> (usize, bool) {
        let ways = self.former.get(url).into_iter().flatten().chain(self.inputs.get(url));
        let then = ways.filter(|brought| brought.commit <= to).max_by_key(|brought| brought.commit);
        then.map_or((0, false), |brought| (brought.schema, brought.mixed))
    }

    /// Each commit's own counts were checked when it was read. Whatever replaced files since: what the compacted inputs gave is
    /// live, rejected, or expired.
    fn add_up(&self, ledger: &Ledger, report: &mut VerifyReport) {
        let (live, given): (u64, u64) =
            (self.rows(), self.inputs.values().map(|brought| rows_of(&brought.input)).sum());
        if self.whole && live + self.expired != given {
            let expired = if self.expired > 0 { format!(", {} expired", self.expired) } else { String::new() };
            let told =
                format!("all compacted objects together gave {given} rows, and the live files have {live}{expired}");
            let at = format!("commits 0 to {}", self.head.unwrap_or(0));
            report.add(Verdict::Failed, Check::Ledger, format!("{at} of {}", ledger.url()), told, FORGED);
        }
    }
}

fn data_rows(file: &DataFile) -> u64 {
    if FileSet::of_path(&file.path) == FileSet::Data { file.rows } else { 0 }
}

/// The rows that an object gave.
fn rows_of(input: &Input) -> u64 {
    input.records.saturating_sub(input.rejected)
}

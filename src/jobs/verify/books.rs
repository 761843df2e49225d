//! The ledger: every commit that a listing implies is read, and folded as far as it goes. Unlike a snapshot, which refuses a
//! ledger that is not whole, this goes on with what there is.

use super::{Check, Verdict, VerifyReport, Watch};
use crate::error::{Kind, Result};
use crate::ledger::{Action, Commit, DataFile, Input, Ledger, Pins, Waiting, attempt_of};
use crate::table::FileSet;
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
    /// Live files by path, with the commit that added each.
    pub(super) files: BTreeMap<String, (u64, DataFile)>,
    /// Compacted objects by URL, with the commit that brought each first.
    pub(super) inputs: HashMap<String, (u64, Input)>,
    /// Objects that wait.
    pub(super) waiting: BTreeMap<String, Waiting>,
    /// When all was listed last.
    pub(super) full_listing_at: Option<DateTime<Utc>>,
    /// Commits that share files, by adding them and by removing them: pairs.
    pub(super) related: Vec<(u64, u64)>,
    /// Commits with an input that another commit has brought before.
    pub(super) doubled: BTreeSet<u64>,
    /// Paths that were ever added, with the commit.
    known: HashMap<String, u64>,
    rows_written: u64,
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

    /// Rows of the table in live files.
    pub(super) fn rows(&self) -> u64 {
        let data = self.files.values().filter(|(_, file)| FileSet::of_path(&file.path) == FileSet::Data);
        data.map(|(_, file)| file.rows).sum()
    }

    fn fold(&mut self, at: &str, commit: Commit, report: &mut VerifyReport) {
        self.read += 1;
        self.rows_written += commit.counts.rows_written;
        self.full_listing_at = commit.full_listing_at.or(self.full_listing_at);
        let mut wrong = |told: String| report.add(Verdict::Failed, Check::Ledger, at, told, FORGED);
        if (commit.action == Action::Create) != (commit.number == 0) || (commit.number == 0) != commit.pins.is_some() {
            wrong("a table is created by commit 0, and only by it".into());
        }
        if commit.number == 0 {
            self.pins = commit.pins.clone();
        }
        if let (Some(landing), Some(pins)) = (&commit.landing, &mut self.pins) {
            pins.landing.push(landing.clone());
        }
        self.fold_files(&commit, &mut wrong);
        self.fold_inputs(commit, &mut wrong);
    }

    fn fold_files(&mut self, commit: &Commit, wrong: &mut dyn FnMut(String)) {
        for path in &commit.remove {
            match self.files.remove(path) {
                Some((by, _)) => self.related.push((by, commit.number)),
                None if self.whole => wrong(format!("it removes {path}, which is not live")),
                None => {} // a commit that is missing may have added it
            }
        }
        if !commit.add.is_empty() && commit.attempt.is_none() {
            wrong("it adds files of no attempt".into());
        }
        for file in &commit.add {
            if let Some(by) = self.known.insert(file.path.clone(), commit.number) {
                wrong(format!("it adds {} a second time, after commit {by}", file.path));
            }
            let places = commit.inputs.len() as u32;
            if file.inputs.iter().any(|place| *place >= places) {
                wrong(format!("{} is made of more inputs than it names", file.path));
            }
            self.files.insert(file.path.clone(), (commit.number, file.clone()));
        }
    }

    fn fold_inputs(&mut self, commit: Commit, wrong: &mut dyn FnMut(String)) {
        let number = commit.number;
        for input in commit.inputs {
            self.waiting.remove(&input.url);
            match self.inputs.get(&input.url) {
                Some((by, _)) => {
                    wrong(format!("it brings {} a second time, after commit {by}: its records count twice", input.url));
                    self.doubled.insert(number);
                }
                None => _ = self.inputs.insert(input.url.clone(), (number, input)),
            }
        }
        commit.gone.iter().for_each(|gone| _ = self.waiting.remove(&gone.url));
        let waits = commit.waiting.into_iter().filter(|waiting| !self.inputs.contains_key(&waiting.url));
        self.waiting.extend(waits.map(|waiting| (waiting.url.clone(), waiting)).collect::<Vec<_>>());
    }

    /// Each commit's own counts were checked when it was read; a replaced file's rows are in what replaced it.
    fn add_up(&self, ledger: &Ledger, report: &mut VerifyReport) {
        let (live, written) = (self.rows(), self.rows_written);
        if self.whole && live != written {
            let told = format!("all commits together wrote {written} rows, and the live files have {live}");
            let at = format!("commits 0 to {}", self.head.unwrap_or(0));
            report.add(Verdict::Failed, Check::Ledger, format!("{at} of {}", ledger.url()), told, FORGED);
        }
    }
}

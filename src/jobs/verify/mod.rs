//! Whether a table is what its ledger says, and the ledger whole. Reads everything it can reach, changes nothing.
//!
//! 1. `books`: every commit is there, undamaged, and they fit together: each object brought once, no file live twice.
//!    `checkpoint`: the newest checkpoint says what they say.
//! 2. `files`: every live file is there with its size and its rows. `orphans`: what lies beside them is told.
//! 3. `landed`: all that landed is listed and compared with what is compacted.
//! 4. `published`: the catalog says what the ledger says, and its folders hold the live files.
//! 5. `deep`, if asked for: the inputs are read again, and what they give is compared with what the files hold.
//!
//! What one step cannot check is told, and the next one checks what it still can.

mod books;
mod checkpoint;
mod deep;
mod files;
mod landed;
mod orphans;
mod published;

use super::status::no_table;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::storage::{Location, Stores};
use crate::table::TableId;
use books::Books;
use chrono::TimeDelta;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// What a verification of one table is told.
pub struct VerifyJob {
    /// The lake's folder.
    pub lake: Location,
    /// The table.
    pub table: TableId,
    /// Landing prefixes that are open already; the others of the ledger are opened by `stores`.
    pub landing: Vec<Location>,
    /// Opens landing prefixes.
    pub stores: Stores,
    /// Where it is published.
    pub catalog: Arc<dyn Catalog>,
    /// How far back of the newest compacted delivery hour runs list: older objects are found only once a day.
    pub lookback: TimeDelta,
    /// Whether the inputs are read again.
    pub deep: bool,
    /// Commits whose inputs are read at once, if `deep`.
    pub threads: usize,
    /// Told as the work goes on.
    pub watch: Watch,
}

/// Told what is being done, how many of it are done with, and how many there are.
pub type Watch = Arc<dyn Fn(&'static str, u64, u64) + Send + Sync>;

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Something is not as it must be.
    Failed,
    /// It could not be found out.
    Unchecked,
    /// All right, and worth knowing.
    Note,
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// One commit, and how it fits the others.
    Ledger,
    /// A live file.
    File,
    /// The landing zone.
    Landing,
    /// What the catalog says, and the folders that it points at.
    Catalog,
    /// Files compared with what their inputs give.
    Content,
}

/// One thing that was found. Prints as a line: how bad, where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What was checked.
    pub check: Check,
    /// The object, file, partition or commit that it is about.
    pub at: String,
    /// What is the matter.
    pub told: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Failed => "failed",
            Verdict::Unchecked => "not checked",
            Verdict::Note => "note",
        };
        write!(f, "{verdict}: {}: {}; {}", self.at, self.told, self.hint)
    }
}

/// What was checked, and what was found.
#[derive(Debug, Clone, Default)]
pub struct VerifyReport {
    /// Commits that could be read.
    pub commits: u64,
    /// Live files of both sets.
    pub files: u64,
    /// Rows of the table.
    pub rows: u64,
    /// Records that were read again and compared, if `deep`.
    pub compared: Option<u64>,
    /// What was found, in the order of the steps.
    pub findings: Vec<Finding>,
}

impl VerifyReport {
    /// How many findings have this verdict.
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count() as u64
    }

    /// Whether everything was checked and nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict == Verdict::Note)
    }

    fn add(&mut self, verdict: Verdict, check: Check, at: impl fmt::Display, told: String, hint: &str) {
        self.findings.push(Finding { verdict, check, at: at.to_string(), told, hint: hint.into() });
    }

    /// Something that an error kept from being checked.
    fn unchecked(&mut self, check: Check, at: impl fmt::Display, error: &Error) {
        let hint = error.hint_text().unwrap_or("see to that it can be read, and verify again").to_owned();
        self.add(Verdict::Unchecked, check, at, error.chain().join(": "), &hint);
    }
}

impl VerifyJob {
    /// Checks.
    ///
    /// # Errors
    /// Usage: there is no such table. Those of the store where not even the ledger's folder can be listed. All else is found.
    pub async fn run(&self) -> Result<VerifyReport> {
        let folder = self.lake.join(self.table.database()).join(self.table.table());
        let ledger = Ledger::new(&folder);
        let mut report = VerifyReport::default();
        let books = Books::read(&ledger, &self.watch, &mut report).await?;
        if books.head.is_none() {
            return self.no_ledger(report).await;
        }
        (report.commits, report.files) = (books.read, books.files.len() as u64);
        report.rows = books.rows();
        checkpoint::check(&ledger, &books, &self.watch, &mut report).await;
        files::check(&folder, &books, &self.watch, &mut report).await;
        orphans::check(&folder, &books, &self.watch, &mut report).await;
        let landed = landed::check(self, &books, &mut report).await;
        published::check(self, &folder, &ledger, &books, &mut report).await;
        if self.deep {
            deep::check(self, &folder, &books, landed, &mut report).await;
        }
        Ok(report)
    }

    /// A table that only the catalog knows has lost its ledger.
    async fn no_ledger(&self, mut report: VerifyReport) -> Result<VerifyReport> {
        published::lost_tail(self, None, &mut report).await;
        match report.findings.is_empty() {
            false => Ok(report),
            true => Err(no_table(&self.lake, &self.table)),
        }
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

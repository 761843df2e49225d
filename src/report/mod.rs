//! Queries with expectations: run one after the other, checked while their answers stream by, and told in several
//! formats.
//!
//! - [`Expectation`]: one `-- expect:` line; `docs/report.md` is their reference.
//! - [`Question`]: a query that is ready to run, [`run()`] runs it, [`Outcome`] says how it went.
//! - [`text`], [`json`], [`markdown`], [`junit`]: outcomes as people and programs read them.

mod check;
mod decimal;
mod expectation;
pub mod json;
pub mod junit;
pub mod markdown;
mod run;
mod tally;
#[cfg(test)]
mod tests;
pub mod text;
mod values;

use crate::error::{Error, Result};
use crate::output::{Format, Writer, escaped};
use crate::query::{Bound, QueryText};
use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};
use std::time::Duration;

pub use expectation::Expectation;
pub use run::run;

/// A query that is ready to run, and what its answer shall be.
#[derive(Debug)]
pub struct Question {
    /// What a report calls it: the file's path, or the query's name.
    pub name: String,
    /// What its header says first.
    pub description: String,
    /// What is asked.
    pub bound: Bound,
    /// What is expected of the answer, in order.
    pub expectations: Vec<Expectation>,
}

/// How one question went.
#[derive(Debug)]
pub struct Outcome {
    /// What was asked.
    pub question: Question,
    /// Its answer, checked; an error is a query that broke.
    pub result: Result<Answered>,
    /// How long that took.
    pub took: Duration,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub struct Answered {
    /// How many rows it had.
    pub rows: u64,
    /// One for each expectation, in their order.
    pub checked: Vec<Checked>,
    /// What the engine says about the run, such as what it cost.
    pub footer: Option<String>,
}

/// Whether an expectation holds.
#[derive(Debug)]
pub struct Checked {
    /// Whether it does.
    pub holds: bool,
    /// What was found in the place of what was expected; a claim about each row has nothing but offending rows.
    pub found: Option<String>,
    /// The rows that break it; none where it holds.
    pub offending: Offending,
}

/// Rows that break an expectation: how many, and the first of them.
#[derive(Debug, Default)]
pub struct Offending {
    /// How many there are.
    pub total: u64,
    shown: Vec<RecordBatch>,
}

/// How a question went, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was answered, and every expectation holds.
    Ok,
    /// It was answered, and an expectation does not hold.
    Failed,
    /// It could not be answered or checked.
    Broken,
}

/// What a report adds up to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Questions that were asked.
    pub queries: usize,
    /// Those with every expectation met.
    pub ok: usize,
    /// Those with one that is not.
    pub failed: usize,
    /// Those without an answer.
    pub broken: usize,
    /// Expectations, also those of queries that broke.
    pub expectations: usize,
    /// Expectations that do not hold.
    pub unmet: usize,
    /// The time of all queries.
    pub took: Duration,
}

impl Question {
    /// Reads the expectations of a query and gives its parameters their values: those of `given` that it takes.
    ///
    /// # Errors
    /// Usage: an expectation that cannot be read, a parameter without a value or with a wrong one.
    pub fn new(name: &str, query: &QueryText, given: &[(String, String)], now: DateTime<Utc>) -> Result<Self> {
        let expectations = query.expectations.iter().map(|line| Expectation::parse(&query.origin, line, now));
        let taken: Vec<_> = given.iter().filter(|(name, _)| query.takes(name)).cloned().collect();
        let told = |error: Error| match error.message().starts_with(&query.origin) {
            true => error,
            false => error.context(format!("cannot run {}", query.origin)),
        };
        Ok(Question {
            name: name.into(),
            description: query.description.clone(),
            bound: query.bind(&taken, now).map_err(told)?,
            expectations: expectations.collect::<Result<_>>()?,
        })
    }
}

impl Outcome {
    /// How it went, in a word.
    pub fn verdict(&self) -> Verdict {
        match &self.result {
            Err(_) => Verdict::Broken,
            Ok(answered) if answered.checked.iter().all(|checked| checked.holds) => Verdict::Ok,
            Ok(_) => Verdict::Failed,
        }
    }

    /// Each expectation with its verdict; none where the query broke.
    fn checks(&self) -> impl Iterator<Item = (&Expectation, &Checked)> {
        let checked = self.result.as_ref().map(|answered| answered.checked.as_slice()).unwrap_or_default();
        self.question.expectations.iter().zip(checked)
    }

    fn unmet(&self) -> impl Iterator<Item = (&Expectation, &Checked)> {
        self.checks().filter(|(_, checked)| !checked.holds)
    }
}

impl Totals {
    /// Adds the outcomes up.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut totals = Totals { queries: outcomes.len(), ..Default::default() };
        for outcome in outcomes {
            match outcome.verdict() {
                Verdict::Ok => totals.ok += 1,
                Verdict::Failed => totals.failed += 1,
                Verdict::Broken => totals.broken += 1,
            }
            totals.expectations += outcome.question.expectations.len();
            totals.unmet += outcome.unmet().count();
            totals.took += outcome.took;
        }
        totals
    }

    /// What went wrong; `None` where nothing did. A query that broke outweighs an expectation that does not hold.
    pub fn failure(&self) -> Option<Error> {
        use crate::error::Kind;
        let kind = match (self.broken, self.unmet) {
            (0, 0) => return None,
            (0, _) => Kind::Check,
            _ => Kind::Query,
        };
        let broke = (self.broken > 0).then(|| counted(self.broken, "query broke", "queries broke"));
        let unmet =
            (self.unmet > 0).then(|| counted(self.unmet, "expectation does not hold", "expectations do not hold"));
        let told: Vec<String> = broke.into_iter().chain(unmet).collect();
        Some(Error::new(kind, told.join(", ")))
    }
}

impl Offending {
    /// Rows that are shown at most.
    pub const MOST: usize = 10;
    /// How wide a table of them is where there is no terminal: a wider one becomes a line a value.
    const WIDTH: usize = 140;

    /// `12 rows break it; the first 10:`, or nothing.
    fn sentence(&self) -> Option<String> {
        let first = if self.total > Self::MOST as u64 { format!("; the first {}", Self::MOST) } else { String::new() };
        match self.total {
            0 => None,
            1 => Some("1 row breaks it".into()),
            n => Some(format!("{n} rows break it{first}")),
        }
    }

    /// The rows shown, in a format; nothing where there are none.
    fn written(&self, format: Format, width: Option<usize>) -> Result<String> {
        let Some(first) = self.shown.first() else {
            return Ok(String::new());
        };
        let mut out = Vec::new();
        let mut writer = Writer::begin(format, first.schema(), &mut out, width)?;
        for batch in &self.shown {
            writer.write(batch)?;
        }
        writer.finish()?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

impl Checked {
    /// What is wrong, in a line: `found 240; 12 rows break it; the first 10`.
    fn sentence(&self) -> String {
        let cut = |found: &String| found.chars().take(200).collect::<String>();
        let found = self.found.as_ref().map(|found| format!("found {}", escaped(&cut(found))));
        found.into_iter().chain(self.offending.sentence()).collect::<Vec<_>>().join("; ")
    }
}

/// A number and what it counts.
fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// `3 queries: 1 ok, 1 failed, 1 broken; 4 expectations, 2 do not hold`.
fn totals(totals: &Totals) -> String {
    let parts = [("ok", totals.ok), ("failed", totals.failed), ("broken", totals.broken)];
    let parts: Vec<String> = parts.iter().filter(|(_, n)| *n > 0).map(|(word, n)| format!("{n} {word}")).collect();
    let unmet = match totals.unmet {
        0 => String::new(),
        1 => ", 1 does not hold".into(),
        n => format!(", {n} do not hold"),
    };
    format!(
        "{}: {}; {}{unmet}",
        counted(totals.queries, "query", "queries"),
        parts.join(", "),
        counted(totals.expectations, "expectation", "expectations"),
    )
}

//! For people at a terminal: a line a query, and below it what is wrong.

use super::{Offending, Outcome, Totals, Verdict};
use crate::error::{Error, Result};
use crate::output::{Format, escaped};
use std::fmt::Write;

/// How far details are indented.
const INDENT: usize = 8;

/// A query's line, its name in `name_width` columns, and what is wrong with it. `width` is the terminal's,
/// where there is one.
pub fn outcome(outcome: &Outcome, name_width: usize, width: Option<usize>) -> Result<String> {
    let mut text = format!("{:<INDENT$}{:<name_width$}  ", word(outcome.verdict()), outcome.question.name);
    match &outcome.result {
        Ok(answered) => _ = writeln!(text, "{:>9} {}  {}", answered.rows, plural(answered.rows), time(outcome)),
        Err(error) => {
            _ = writeln!(text, "{:>14}  {}", "", time(outcome));
            text.push_str(&indented(&told(error)));
        }
    }
    if outcome.result.is_ok() && outcome.question.expectations.is_empty() {
        text.push_str(&indented("nothing is expected of it"));
    }
    for (expectation, checked) in outcome.unmet() {
        let colon = if checked.offending.total > 0 { ":" } else { "" };
        let wrong = format!("line {}: {}\n  {}{colon}", expectation.line, expectation.text, checked.sentence());
        text.push_str(&indented(&wrong));
        let width = width.map_or(Offending::WIDTH, |width| width.saturating_sub(INDENT + 2));
        let rows = checked.offending.written(Format::Table, Some(width))?;
        text.push_str(&indented(&indent(&rows, 2)));
    }
    if let Some(footer) = outcome.result.as_ref().ok().and_then(|answered| answered.footer.as_ref()) {
        text.push_str(&indented(footer));
    }
    Ok(text)
}

/// The last line.
pub fn totals(totals: &Totals) -> String {
    format!("{}; {:.1} s", super::totals(totals), totals.took.as_secs_f64())
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Failed => "FAILED",
        Verdict::Broken => "BROKEN",
    }
}

fn plural(rows: u64) -> &'static str {
    if rows == 1 { "row " } else { "rows" }
}

fn time(outcome: &Outcome) -> String {
    format!("{:.3} s", outcome.took.as_secs_f64())
}

/// An error with its causes and its hint, a line each; harmless on a terminal.
pub(super) fn told(error: &Error) -> String {
    let hint = error.hint_text().map(|hint| format!("hint: {hint}"));
    let lines: Vec<String> = error.chain().into_iter().chain(hint).collect();
    lines.iter().flat_map(|line| line.lines()).map(escaped).collect::<Vec<_>>().join("\n")
}

fn indented(text: &str) -> String {
    indent(text, INDENT)
}

fn indent(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

//! For programs: an object a query, one a line, and an object with the totals.

use super::{Checked, Expectation, Outcome, Totals, Verdict};
use crate::error::{Error, Result};
use crate::output::Format;
use serde::Serialize;
use serde_json::value::RawValue;
use std::time::Duration;

#[derive(Serialize)]
struct Query<'a> {
    query: &'a str,
    result: &'static str,
    rows: Option<u64>,
    seconds: f64,
    expectations: Vec<Expected<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Broke<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<&'a str>,
}

#[derive(Serialize)]
struct Expected<'a> {
    expectation: &'a str,
    line: usize,
    /// `None` where the query broke
    holds: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
    offending: u64,
    rows: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
struct Broke<'a> {
    message: String,
    causes: Vec<String>,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct Summary {
    queries: usize,
    ok: usize,
    failed: usize,
    broken: usize,
    expectations: usize,
    unmet: usize,
    seconds: f64,
}

/// A query's object.
pub fn outcome(outcome: &Outcome) -> Result<String> {
    let answered = outcome.result.as_ref().ok();
    let checked = |at: usize| answered.and_then(|answered| answered.checked.get(at));
    let expectations = outcome.question.expectations.iter().enumerate();
    written(&Query {
        query: &outcome.question.name,
        result: match outcome.verdict() {
            Verdict::Ok => "ok",
            Verdict::Failed => "failed",
            Verdict::Broken => "broken",
        },
        rows: answered.map(|answered| answered.rows),
        seconds: seconds(outcome.took),
        expectations: expectations
            .map(|(at, expectation)| expected(expectation, checked(at)))
            .collect::<Result<_>>()?,
        error: outcome.result.as_ref().err().map(broke),
        footer: answered.and_then(|answered| answered.footer.as_deref()),
    })
}

/// The last line: `{"summary":{…}}`.
pub fn totals(totals: &Totals) -> Result<String> {
    let Totals { queries, ok, failed, broken, expectations, unmet, took } = *totals;
    let summary = Summary { queries, ok, failed, broken, expectations, unmet, seconds: seconds(took) };
    written(&std::collections::BTreeMap::from([("summary", summary)]))
}

fn expected<'a>(expectation: &'a Expectation, checked: Option<&'a Checked>) -> Result<Expected<'a>> {
    let rows = checked.map(|checked| checked.offending.written(Format::Ndjson, None)).transpose()?.unwrap_or_default();
    let raw = |line: &str| RawValue::from_string(line.to_owned()).map_err(unwritten);
    Ok(Expected {
        expectation: &expectation.text,
        line: expectation.line,
        holds: checked.map(|checked| checked.holds),
        found: checked.and_then(|checked| checked.found.as_deref()),
        offending: checked.map_or(0, |checked| checked.offending.total),
        rows: rows.lines().map(raw).collect::<Result<_>>()?,
    })
}

fn broke(error: &Error) -> Broke<'_> {
    let mut chain = error.chain().into_iter();
    Broke { message: chain.next().unwrap_or_default(), causes: chain.collect(), hint: error.hint_text() }
}

/// Whole milliseconds.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e3).round() / 1e3
}

fn written(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(unwritten)
}

fn unwritten(error: serde_json::Error) -> Error {
    Error::internal("cannot write the report as JSON").caused_by(error)
}

//! For a CI job's page: a table of the queries, then what is wrong. What a log holds stands in code only, where it is
//! neither markup nor HTML.

use super::{Offending, Outcome, Totals, Verdict};
use crate::error::Result;
use crate::output::Format;

/// The whole page.
pub fn page(outcomes: &[Outcome]) -> Result<String> {
    let totals = Totals::of(outcomes);
    let title = match (totals.broken, totals.unmet) {
        (0, 0) => "✅ All expectations hold",
        (0, _) => "❌ Expectations do not hold",
        _ => "💥 Queries broke",
    };
    let mut text = format!("# {title}\n\n{}\n\n", super::totals(&totals));
    text.push_str("| | query | expectations | rows | time |\n|---|---|---:|---:|---:|\n");
    text.extend(outcomes.iter().map(row));
    for outcome in outcomes.iter().filter(|outcome| outcome.verdict() != Verdict::Ok) {
        text.push_str(&details(outcome)?);
    }
    Ok(text)
}

fn row(outcome: &Outcome) -> String {
    let (mark, word) = match outcome.verdict() {
        Verdict::Ok => ("✅", "ok"),
        Verdict::Failed => ("❌", "failed"),
        Verdict::Broken => ("💥", "broken"),
    };
    let question = &outcome.question;
    let description = match question.description.is_empty() {
        true => String::new(),
        false => format!("<br>{}", escaped(&question.description)),
    };
    let held = outcome.checks().filter(|(_, checked)| checked.holds).count();
    let rows = outcome.result.as_ref().map(|answered| answered.rows.to_string()).unwrap_or_default();
    format!(
        "| {mark} {word} | **{}**{description} | {held} of {} | {rows} | {:.3} s |\n",
        escaped(&question.name),
        question.expectations.len(),
        outcome.took.as_secs_f64()
    )
}

fn details(outcome: &Outcome) -> Result<String> {
    let mut text = format!("\n## {}\n", escaped(&outcome.question.name));
    if let Err(error) = &outcome.result {
        text.push_str(&format!("\nIt broke:\n\n{}", fenced(&super::text::told(error))));
    }
    for (expectation, checked) in outcome.unmet() {
        text.push_str(&format!("\nLine {}: {} does not hold", expectation.line, code(&expectation.text)));
        if let Some(found) = &checked.found {
            text.push_str(&format!(": found {}", code(found)));
        }
        match checked.offending.sentence() {
            None => text.push_str(".\n"),
            Some(sentence) => {
                let rows = checked.offending.written(Format::Table, Some(Offending::WIDTH))?;
                text.push_str(&format!(". {sentence}:\n\n{}", fenced(&rows)));
            }
        }
    }
    if let Some(footer) = outcome.result.as_ref().ok().and_then(|answered| answered.footer.as_ref()) {
        text.push_str(&format!("\n{}\n", escaped(footer)));
    }
    Ok(text)
}

/// Plain text: on one line, and nothing in it is markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if c.is_control() => safe.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '!' | '@' => {
                safe.extend(['\\', c])
            }
            c => safe.push(c),
        }
    }
    safe
}

/// A span of code, on one line; its delimiter is longer than any run of backticks inside.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let fence = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A block of code; the same of its fences.
fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}

/// Backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_holds_is_no_markup() {
        assert_eq!(escaped("a|b\n<img> *x* @me"), r"a\|b \<img\> \*x\* \@me");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a\nb"), "`a b`");
        assert_eq!(fenced("```\n# x\n"), "````text\n```\n# x\n````\n");
    }
}

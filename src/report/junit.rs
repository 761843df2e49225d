//! JUnit XML, as CI systems read it: a suite a query, a test case an expectation.

use super::{Checked, Expectation, Offending, Outcome, Totals};
use crate::error::{Error, Result};
use crate::output::Format;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::io;
use std::time::Duration;

type Xml = Writer<Vec<u8>>;

/// The whole file.
pub fn file(outcomes: &[Outcome]) -> Result<String> {
    let mut bodies = Vec::new();
    for outcome in outcomes {
        bodies.push(Suite { outcome, cases: cases(outcome)? });
    }
    let xml = write(outcomes, &bodies).map_err(|e| Error::internal("cannot write JUnit's XML").caused_by(e))?;
    Ok(String::from_utf8_lossy(&xml).into_owned())
}

/// A query as JUnit has it.
struct Suite<'a> {
    outcome: &'a Outcome,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    verdict: CaseVerdict,
}

enum CaseVerdict {
    Passed,
    /// Its message, and the rows.
    Failed(String, String),
    /// Its message, and what led to it.
    Broke(String, String),
    /// Not reached, as the query broke.
    Skipped,
}

/// A case for each expectation, and one for a query without any. A query that breaks is one error, in its first case.
fn cases(outcome: &Outcome) -> Result<Vec<Case>> {
    let expectations = &outcome.question.expectations;
    let mut cases: Vec<Case> = match &outcome.result {
        Ok(_) => outcome.checks().map(|(expectation, checked)| case(expectation, checked)).collect::<Result<_>>()?,
        Err(_) => expectations.iter().map(|e| Case { name: e.text.clone(), verdict: CaseVerdict::Skipped }).collect(),
    };
    if cases.is_empty() {
        cases.push(Case { name: "is answered".into(), verdict: CaseVerdict::Passed });
    }
    if let (Err(error), Some(first)) = (&outcome.result, cases.first_mut()) {
        first.verdict = CaseVerdict::Broke(first_line(error.message()), super::text::told(error));
    }
    Ok(cases)
}

/// A message is an attribute: line ends would not survive.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn case(expectation: &Expectation, checked: &Checked) -> Result<Case> {
    let rows = || checked.offending.written(Format::Table, Some(Offending::WIDTH));
    let verdict = match checked.holds {
        true => CaseVerdict::Passed,
        false => CaseVerdict::Failed(format!("{}: {}", expectation.text, checked.sentence()), rows()?),
    };
    Ok(Case { name: expectation.text.clone(), verdict })
}

fn write(outcomes: &[Outcome], suites: &[Suite<'_>]) -> io::Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&Case> = suites.iter().flat_map(|suite| &suite.cases).collect();
    let attributes = counts("firelake report", &all, Totals::of(outcomes).took);
    xml.create_element("testsuites")
        .with_attributes(pairs(&attributes))
        .write_inner_content(|xml| suites.iter().try_for_each(|suite| suite.write(xml)))?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

impl Suite<'_> {
    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let Outcome { question, took, result } = self.outcome;
        let attributes = counts(&question.name, &self.cases.iter().collect::<Vec<_>>(), *took);
        let footer = result.as_ref().ok().and_then(|answered| answered.footer.as_deref());
        // the query ran once for all of its cases: their times add up to it
        let each = *took / u32::try_from(self.cases.len()).unwrap_or(u32::MAX).max(1);
        xml.create_element("testsuite").with_attributes(pairs(&attributes)).write_inner_content(|xml| {
            self.cases.iter().try_for_each(|case| case.write(xml, &question.name, each))?;
            footer.map_or(Ok(()), |footer| text_element(xml, "system-out", &[], footer))
        })?;
        Ok(())
    }
}

impl Case {
    fn write(&self, xml: &mut Xml, query: &str, took: Duration) -> io::Result<()> {
        let attributes = [("classname", allowed(query)), ("name", allowed(&self.name)), ("time", seconds(took))];
        let element = xml.create_element("testcase").with_attributes(pairs(&attributes));
        let inner = |xml: &mut Xml| match &self.verdict {
            CaseVerdict::Failed(message, rows) => {
                text_element(xml, "failure", &[("message", message), ("type", "expectation")], rows)
            }
            CaseVerdict::Broke(message, told) => {
                text_element(xml, "error", &[("message", message), ("type", "query")], told)
            }
            CaseVerdict::Passed | CaseVerdict::Skipped => {
                text_element(xml, "skipped", &[("message", "the query broke")], "")
            }
        };
        match self.verdict {
            CaseVerdict::Passed => element.write_empty()?,
            _ => element.write_inner_content(inner)?,
        };
        Ok(())
    }
}

fn counts(name: &str, cases: &[&Case], took: Duration) -> Vec<(&'static str, String)> {
    let count = |is: fn(&CaseVerdict) -> bool| cases.iter().filter(|case| is(&case.verdict)).count().to_string();
    vec![
        ("name", allowed(name)),
        ("tests", cases.len().to_string()),
        ("failures", count(|verdict| matches!(verdict, CaseVerdict::Failed(..)))),
        ("errors", count(|verdict| matches!(verdict, CaseVerdict::Broke(..)))),
        ("skipped", count(|verdict| matches!(verdict, CaseVerdict::Skipped))),
        ("time", seconds(took)),
    ]
}

fn text_element(xml: &mut Xml, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
    let attributes: Vec<(&str, String)> = attributes.iter().map(|(key, value)| (*key, allowed(value))).collect();
    let element = xml.create_element(name).with_attributes(pairs(&attributes));
    match text.is_empty() {
        true => element.write_empty()?,
        false => element.write_text_content(BytesText::new(&allowed(text)))?,
    };
    Ok(())
}

fn pairs<'a>(attributes: &'a [(&'a str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    attributes.iter().map(|(key, value)| (*key, value.as_str()))
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// XML 1.0 has no place for most control characters, not even escaped: they become `\u{1b}` and the like.
fn allowed(text: &str) -> String {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{7e}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_allowed(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_forbids_are_told() {
        assert_eq!(allowed("a\u{1b}[31m\0\u{fffe}\té😀"), "a\\u{1b}[31m\\u{0}\\u{fffe}\té😀");
    }
}

//! A query's text: SQL with a comment header, and its parameters. `docs/query-file.md` is its reference.
//!
//! Parameters (`:name`) become typed values that an engine binds: they are never spliced into the SQL.

use super::suggest::nearest;
use super::value::{ParamType, Value};
use crate::error::{Error, Result};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::ops::Range;

/// A query as it was written: what its header says, and where its parameters stand.
#[derive(Debug, Clone)]
pub struct QueryText {
    /// What errors call it: `query client_windows`, or `the query`.
    pub origin: String,
    /// The first comment line, if the text begins with one.
    pub description: String,
    /// Declared parameters in order.
    pub params: Vec<Param>,
    /// What follows `-- chart:`, as it stands.
    pub charts: Vec<HeaderLine>,
    /// What follows `-- expect:`, as it stands.
    pub expectations: Vec<HeaderLine>,
    text: String,
    uses: Vec<Use>,
}

/// A header line whose meaning belongs to another module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderLine {
    /// What follows the key, trimmed.
    pub text: String,
    /// Its line in the query's text, from 1.
    pub line: usize,
}

/// A declared parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Lower case; `:name` in SQL.
    pub name: String,
    /// How its value is read and bound.
    pub param_type: ParamType,
    /// What it is when `--param` does not say, as written.
    pub default: Option<String>,
}

/// One place where a parameter stands in the text.
#[derive(Debug, Clone)]
struct Use {
    name: String,
    range: Range<usize>,
}

/// A query with a value for every parameter: what an engine runs.
#[derive(Debug, Clone)]
pub struct Bound {
    /// What errors call it.
    pub origin: String,
    /// The values by parameter name: declared ones in order, then undeclared ones.
    pub values: Vec<(String, Value)>,
    text: String,
    uses: Vec<Use>,
}

impl QueryText {
    /// Reads a query's text. `origin` names it in errors.
    ///
    /// # Errors
    /// Usage for a `-- param:` line that is none, with its line.
    pub fn parse(origin: &str, text: &str) -> Result<Self> {
        let mut query = QueryText {
            origin: origin.into(),
            description: String::new(),
            params: Vec::new(),
            charts: Vec::new(),
            expectations: Vec::new(),
            text: text.into(),
            uses: uses(text),
        };
        for (line, comment) in header(text) {
            query.take_header_line(line, comment)?;
        }
        if let Some(at) = nested_comment(text) {
            let line = text[..at].matches('\n').count() + 1;
            return Err(query
                .wrong(line, "a comment begins inside of a comment")
                .hint("write */ first: here comments would nest, in Athena they do not"));
        }
        Ok(query)
    }

    fn take_header_line(&mut self, line: usize, comment: &str) -> Result<()> {
        let keyed = comment.split_once(':').map(|(key, rest)| (key.trim(), rest.trim()));
        let raw = |rest: &str| HeaderLine { text: rest.to_owned(), line };
        match keyed {
            Some(("param", rest)) => {
                let param = self.param(rest).map_err(|what| self.wrong(line, &what))?;
                self.params.push(param);
            }
            Some(("chart", rest)) => self.charts.push(raw(rest)),
            Some(("expect", rest)) => self.expectations.push(raw(rest)),
            _ if line == 1 => self.description = comment.to_owned(),
            _ => {}
        }
        Ok(())
    }

    /// `name type` or `name type = default`.
    fn param(&self, declaration: &str) -> std::result::Result<Param, String> {
        let (left, default) = match declaration.split_once('=') {
            Some((left, default)) => (left, Some(default.trim().to_owned())),
            None => (declaration, None),
        };
        let mut words = left.split_whitespace();
        let (Some(name), Some(word), None) = (words.next(), words.next(), words.next()) else {
            return Err("a parameter is declared as -- param: name type = default".into());
        };
        let name = name.to_lowercase();
        if !is_name(&name) {
            return Err(format!("{name:?} cannot name a parameter: use letters, digits and _"));
        }
        if self.params.iter().any(|param| param.name == name) {
            return Err(format!("a second parameter named {name}"));
        }
        let param = Param { name, param_type: word.parse()?, default };
        param.default_value(DateTime::UNIX_EPOCH).transpose()?;
        Ok(param)
    }

    fn wrong(&self, line: usize, what: &str) -> Error {
        Error::usage(format!("{}, line {line}: {what}", self.origin))
            .hint("docs/query-file.md describes the header of a query")
    }

    /// The text as it was written, header and all.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Gives every parameter its value: from `given` (`--param name=value`), else its default as of `now`.
    ///
    /// # Errors
    /// Usage: a value that its type refuses, a parameter without a value, or one that the query does not have.
    pub fn bind(&self, given: &[(String, String)], now: DateTime<Utc>) -> Result<Bound> {
        let mut values = Vec::new();
        let mut rest = self.known_only(given)?;
        for param in &self.params {
            let value = match rest.remove(param.name.as_str()) {
                Some(text) => param.param_type.parse(text, now).map(Some),
                None => param.default_value(now).transpose(),
            };
            let wrong = |what: String| Error::usage(format!("parameter {}: {what}", param.name));
            let value = value.map_err(wrong)?.ok_or_else(|| self.missing(&param.name, param.param_type))?;
            values.push((param.name.clone(), value));
        }
        for used in &self.uses {
            if values.iter().any(|(name, _)| *name == used.name) {
                continue;
            }
            let text = rest.remove(used.name.as_str()).ok_or_else(|| self.missing(&used.name, ParamType::String))?;
            values.push((used.name.clone(), Value::String(text.to_owned())));
        }
        Ok(Bound { origin: self.origin.clone(), values, text: self.text.clone(), uses: self.uses.clone() })
    }

    /// The given values by lower-case name; one that the query does not have is an error.
    fn known_only<'a>(&self, given: &'a [(String, String)]) -> Result<BTreeMap<String, &'a str>> {
        let mut values = BTreeMap::new();
        for (name, value) in given {
            let name = name.to_lowercase();
            if !self.param_names().any(|known| known == name) {
                return Err(self.unknown(&name));
            }
            if values.insert(name.clone(), value.as_str()).is_some() {
                return Err(Error::usage(format!("--param {name} is given twice")));
            }
        }
        Ok(values)
    }

    /// Whether it has a parameter of that name.
    pub fn takes(&self, name: &str) -> bool {
        self.param_names().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn param_names(&self) -> impl Iterator<Item = &str> {
        self.params.iter().map(|param| param.name.as_str()).chain(self.uses.iter().map(|used| used.name.as_str()))
    }

    fn unknown(&self, name: &str) -> Error {
        let mut known: Vec<&str> = self.param_names().collect();
        known.sort_unstable();
        known.dedup();
        let hint = match (known.is_empty(), nearest(name, known.iter().copied())) {
            (true, _) => "it has no parameters".to_owned(),
            (false, Some(near)) => format!("did you mean {near}? Its parameters are {}", known.join(", ")),
            (false, None) => format!("its parameters are {}", known.join(", ")),
        };
        Error::usage(format!("{} has no parameter {name}", self.origin)).hint(hint)
    }

    fn missing(&self, name: &str, param_type: ParamType) -> Error {
        Error::usage(format!("{} needs a value for its parameter {name} ({param_type})", self.origin))
            .hint(format!("pass --param {name}=VALUE"))
    }
}

impl Param {
    fn default_value(&self, now: DateTime<Utc>) -> Option<std::result::Result<Value, String>> {
        let text = self.default.as_deref()?;
        if text.eq_ignore_ascii_case("null") {
            return Some(Ok(Value::Null(self.param_type)));
        }
        Some(self.param_type.parse(&unquoted(text), now))
    }
}

impl Bound {
    /// The SQL with `place` called for each use of a parameter, in order.
    pub fn render(&self, mut place: impl FnMut(&str) -> String) -> String {
        let mut sql = String::with_capacity(self.text.len());
        let mut done = 0;
        for used in &self.uses {
            sql.push_str(&self.text[done..used.range.start]);
            sql.push_str(&place(&used.name));
            done = used.range.end;
        }
        sql.push_str(&self.text[done..]);
        sql
    }

    /// Where parameters stand in the text, in order, by name.
    pub(super) fn uses(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.uses.iter().map(|used| (used.name.as_str(), used.range.clone()))
    }

    /// The value of a parameter that is used.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The text as it was written: what errors quote.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Reads `name=value` as `--param` takes it.
///
/// # Errors
/// Usage where there is no `=`.
pub fn assignment(text: &str) -> Result<(String, String)> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| Error::usage(format!("--param {text}: no = in it")).hint("write --param name=value"))?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// `'it''s'` as SQL quotes it, or the bare text.
fn unquoted(text: &str) -> String {
    match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner.replace("''", "'"),
        None => text.to_owned(),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(begins_name) && text.chars().all(continues_name)
}

pub(super) fn begins_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

pub(super) fn continues_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The comment lines that the text begins with, numbered from 1, without their dashes.
fn header(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let above = lines.take_while(|(_, line)| line.is_empty() || line.starts_with("--"));
    above.filter_map(|(number, line)| Some((number, line.strip_prefix("--")?.trim())))
}

/// Where parameters stand: not in strings, quoted names, comments or `::` casts.
fn uses(text: &str) -> Vec<Use> {
    let mut uses = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match c {
            '\'' | '"' | '`' => quoted_length(rest, c),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment_length(rest),
            ':' if rest.starts_with("::") => 2,
            ':' if rest[1..].starts_with(begins_name) => {
                let end = rest[1..].find(|c| !continues_name(c)).map_or(rest.len(), |end| end + 1);
                uses.push(Use { name: rest[1..end].to_lowercase(), range: at..at + end });
                end
            }
            c => c.len_utf8(),
        };
    }
    uses
}

/// Where a block comment begins inside of another one: its end is another one on each engine.
fn nested_comment(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match c {
            '\'' | '"' | '`' => quoted_length(rest, c),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => {
                let length = comment_length(rest);
                if let Some(inner) = rest[2..length].find("/*") {
                    return Some(at + 2 + inner);
                }
                length
            }
            c => c.len_utf8(),
        };
    }
    None
}

/// How long a quoted piece is; a doubled quote is read as two pieces, which comes to the same.
pub(super) fn quoted_length(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |end| end + 2)
}

/// How long a block comment is. None begins inside of another one: such a text is refused.
pub(super) fn comment_length(text: &str) -> usize {
    text[2..].find("*/").map_or(text.len(), |end| end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const TEXT: &str = "-- Requests per client: the busiest\n\
        -- param: from timestamp = now - 1h\n\
        -- param: host string = 'it''s'\n\
        -- param: top int\n\
        -- chart: bar(client_ip, requests)\n\
        --expect: max(requests) <= 1000\n\
        -- parm: typo int\n\
        SELECT ':a', \":b\", x::int /* :c */ /* :d :e */ -- :f\n\
        FROM t WHERE ts >= :from AND h = :HOST AND é=:host LIMIT :top";

    fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-11-20T04:00:00Z").unwrap().to_utc()
    }

    #[test]
    fn a_header_is_read_and_kept() {
        let query = QueryText::parse("query q", TEXT).unwrap();
        assert_eq!(query.description, "Requests per client: the busiest");
        let names: Vec<_> = query.params.iter().map(|p| (p.name.as_str(), p.param_type.word())).collect();
        assert_eq!(names, [("from", "timestamp"), ("host", "string"), ("top", "int")]);
        assert_eq!(query.charts, [HeaderLine { text: "bar(client_ip, requests)".into(), line: 5 }]);
        assert_eq!(query.expectations, [HeaderLine { text: "max(requests) <= 1000".into(), line: 6 }]);
    }

    #[test]
    fn parameters_stand_only_in_the_sql_itself() {
        let bound = QueryText::parse("q", TEXT).unwrap().bind(&given(&[("top", "5")]), now()).unwrap();
        let sql = bound.render(|name| format!("<{name}>"));
        assert!(sql.ends_with("ts >= <from> AND h = <host> AND é=<host> LIMIT <top>"), "{sql}");
        assert!(sql.contains("SELECT ':a', \":b\", x::int /* :c */ /* :d :e */ -- :f\n"), "{sql}");
        let from = DateTime::parse_from_rfc3339("2026-11-20T03:00:00Z").unwrap().naive_utc();
        let expected =
            [("from", Value::Timestamp(from)), ("host", Value::String("it's".into())), ("top", Value::Int(5))];
        assert_eq!(bound.values, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn values_are_checked_against_the_query() {
        let query = QueryText::parse("query q", TEXT).unwrap();
        let cases: [(&[(&str, &str)], &str); 4] = [
            (&[], "query q needs a value for its parameter top (int)"),
            (&[("top", "x")], "parameter top: \"x\" is no int"),
            (&[("top", "1"), ("hots", "h")], "query q has no parameter hots"),
            (&[("top", "1"), ("TOP", "2")], "--param top is given twice"),
        ];
        for (values, expected) in cases {
            let error = query.bind(&given(values), now()).unwrap_err();
            assert_eq!((error.kind(), error.message()), (Kind::Usage, expected));
        }
        let error = query.bind(&given(&[("hots", "h")]), now()).unwrap_err();
        assert_eq!(error.hint_text(), Some("did you mean host? Its parameters are from, host, top"));
    }

    #[test]
    fn what_nobody_declared_is_a_string() {
        let query = QueryText::parse("the query", "SELECT :x, :X").unwrap();
        let bound = query.bind(&given(&[("x", " a'b ")]), now()).unwrap();
        assert_eq!(bound.values, [("x".to_owned(), Value::String(" a'b ".into()))]);
        assert!(query.bind(&[], now()).unwrap_err().message().ends_with("parameter x (string)"));
    }

    #[test]
    fn a_wrong_declaration_is_told_with_its_line() {
        for (declaration, expected) in [
            ("from", "a parameter is declared as"),
            ("from integer", "unknown type \"integer\""),
            ("9 int", "cannot name a parameter"),
            ("from int = soon", "\"soon\" is no int"),
        ] {
            let error = QueryText::parse("query q", &format!("-- d\n-- param: {declaration}\nSELECT 1")).unwrap_err();
            assert!(error.message().starts_with("query q, line 2: "), "{error}");
            assert!(error.message().contains(expected), "{error}");
        }
        assert!(QueryText::parse("q", "-- param: a int = null\n-- param: a int\nSELECT 1").is_err());
    }

    #[test]
    fn no_text_breaks_the_scanner() {
        for text in ["", "'", "\"é", "/*", "/* é */:", ":é", "--", "a:::b", "/*/", "/* */ /* */", ":a:b"] {
            QueryText::parse("q", text).unwrap();
        }
        let nested = QueryText::parse("q", "SELECT 1\n/* a /* b */ + 1 -- */").unwrap_err();
        assert_eq!(nested.message(), "q, line 2: a comment begins inside of a comment");
        assert_eq!(uses("a:::b").len(), 1);
        assert_eq!(uses("'x''y :z'").len(), 0);
    }

    #[test]
    fn assignments_split_at_the_first_equals_sign() {
        assert_eq!(assignment("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert_eq!(assignment("a").unwrap_err().kind(), Kind::Usage);
    }
}

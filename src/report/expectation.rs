//! `-- expect:` lines: what they say. `docs/report.md` is their reference; [`check`](super::check) decides whether it
//! holds.

use super::decimal::Decimal;
use crate::error::{Error, Result};
use crate::query::HeaderLine;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use std::cmp::Ordering;

/// What a query's answer shall be.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// As it was written.
    pub text: String,
    /// Its line in the query's text, from 1.
    pub line: usize,
    pub(super) claim: Claim,
}

/// The closed set of things that can be claimed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Claim {
    /// `rows = 0`
    Rows(Op, u64),
    /// `max(x) <= 100`
    Whole(Function, Name, Op, Literal),
    /// `x <= 100`, of every row
    Each(Name, Op, Literal),
    /// `x is null`, `x is not null`, of every row
    EachNull(Name, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Min,
    Max,
    Sum,
    Avg,
    Count,
    CountDistinct,
    Nulls,
}

/// A column's name: in quotes it is exact, else its case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) is_exact: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    /// With its text, which a column of floats reads its own way.
    Number(Decimal, String),
    Text(String),
    Boolean(bool),
    Timestamp(NaiveDateTime),
    Date(NaiveDate),
}

type Parsed<T> = std::result::Result<T, String>;

const FORMS: &str = "write rows <= 10, max(column) <= 100 (also min, sum, avg, count, count_distinct, nulls), \
column <= 100 or column is not null; docs/report.md describes all of it";

impl Expectation {
    /// Reads a header line of the query that errors call `origin`; `now` is what relative times count from.
    ///
    /// # Errors
    /// Usage, with the line and what is wrong there.
    pub fn parse(origin: &str, header: &HeaderLine, now: DateTime<Utc>) -> Result<Self> {
        let wrong = |what| {
            Error::usage(format!(
                "{origin}, line {}: cannot read the expectation {:?}: {what}",
                header.line, header.text
            ))
            .hint(FORMS)
        };
        let claim =
            tokens(&header.text).and_then(|tokens| Parser { tokens: tokens.into_iter().peekable(), now }.claim());
        Ok(Expectation { text: header.text.clone(), line: header.line, claim: claim.map_err(wrong)? })
    }
}

impl Op {
    /// Whether a value that stands to the literal in this order satisfies it. NaN has no order: only `!=` holds of it.
    pub(super) fn holds(self, order: Option<Ordering>) -> bool {
        match (self, order) {
            (Op::NotEqual, order) => order != Some(Ordering::Equal),
            (_, None) => false,
            (Op::Equal, Some(order)) => order.is_eq(),
            (Op::Less, Some(order)) => order.is_lt(),
            (Op::LessOrEqual, Some(order)) => order.is_le(),
            (Op::Greater, Some(order)) => order.is_gt(),
            (Op::GreaterOrEqual, Some(order)) => order.is_ge(),
        }
    }
}

impl Function {
    fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "min" => Function::Min,
            "max" => Function::Max,
            "sum" => Function::Sum,
            "avg" => Function::Avg,
            "count" => Function::Count,
            "count_distinct" => Function::CountDistinct,
            "nulls" => Function::Nulls,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Number(String),
    /// `'it''s'`
    Text(String),
    /// `"Requests"`
    Quoted(String),
    Op(Op),
    Open,
    Close,
}

const OPS: [(&str, Op); 7] = [
    ("<=", Op::LessOrEqual),
    (">=", Op::GreaterOrEqual),
    ("<>", Op::NotEqual),
    ("!=", Op::NotEqual),
    ("=", Op::Equal),
    ("<", Op::Less),
    (">", Op::Greater),
];

fn tokens(text: &str) -> Parsed<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(rest, first)?;
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// The token that `rest` begins with, and how many bytes it has.
fn token(rest: &str, first: char) -> Parsed<(Token, usize)> {
    let while_in = |within: fn(char) -> bool| rest.find(|c| !within(c)).unwrap_or(rest.len());
    if let Some((text, op)) = OPS.into_iter().find(|(text, _)| rest.starts_with(text)) {
        return Ok((Token::Op(op), text.len()));
    }
    match first {
        '(' => Ok((Token::Open, 1)),
        ')' => Ok((Token::Close, 1)),
        '\'' => quoted(rest, first).map(|(text, length)| (Token::Text(text), length)),
        '"' => quoted(rest, first).map(|(text, length)| (Token::Quoted(text), length)),
        '0'..='9' | '.' | '+' | '-' => {
            let length = number_length(rest);
            Ok((Token::Number(rest[..length].to_owned()), length))
        }
        c if c.is_alphabetic() || c == '_' => {
            let length = while_in(|c| c.is_alphanumeric() || c == '_');
            Ok((Token::Word(rest[..length].to_owned()), length))
        }
        c => Err(format!("{c:?} has no meaning here")),
    }
}

/// Digits, letters, points, and signs that begin the number or its exponent.
fn number_length(text: &str) -> usize {
    let mut before = 'e';
    let ends = |c: char| {
        let continues = c.is_alphanumeric() || c == '.' || (matches!(c, '+' | '-') && matches!(before, 'e' | 'E'));
        before = c;
        !continues
    };
    text.find(ends).unwrap_or(text.len())
}

/// What stands between quotes, doubled ones undone, and its length with them.
fn quoted(text: &str, quote: char) -> Parsed<(String, usize)> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c == quote {
            true if chars.next_if(|(_, next)| *next == quote).is_none() => return Ok((content, at + 1)),
            _ => content.push(c),
        }
    }
    Err(format!("{quote} without an end"))
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    now: DateTime<Utc>,
}

impl Parser {
    fn claim(mut self) -> Parsed<Claim> {
        let claim = match self.tokens.next() {
            Some(Token::Word(word)) => match (self.tokens.peek(), word.eq_ignore_ascii_case("rows")) {
                (Some(Token::Open), _) => self.whole(&word)?,
                (_, true) => self.rows()?,
                _ => self.each(Name { text: word, is_exact: false })?,
            },
            Some(Token::Quoted(name)) => self.each(Name { text: name, is_exact: true })?,
            None => return Err("there is nothing after expect:".into()),
            Some(_) => return Err("it begins with neither rows, a function nor a column".into()),
        };
        match self.tokens.next() {
            None => Ok(claim),
            Some(_) => Err("it goes on after its end; write a second -- expect: line for a second one".into()),
        }
    }

    fn rows(&mut self) -> Parsed<Claim> {
        let op = self.op()?;
        match self.tokens.next() {
            Some(Token::Number(text)) => {
                let wrong = |_| format!("rows are counted: {text} is no whole number from 0");
                text.parse().map(|n| Claim::Rows(op, n)).map_err(wrong)
            }
            _ => Err("rows are compared with a whole number".into()),
        }
    }

    fn whole(&mut self, word: &str) -> Parsed<Claim> {
        let function = Function::named(word).ok_or_else(|| format!("{word} is no function here"))?;
        self.tokens.next();
        let column = match self.tokens.next() {
            Some(Token::Word(text)) => Name { text, is_exact: false },
            Some(Token::Quoted(text)) => Name { text, is_exact: true },
            _ => return Err(format!("{word} takes the name of a column")),
        };
        if self.tokens.next() != Some(Token::Close) {
            return Err(format!("{word} takes one column, and then )"));
        }
        let (op, literal) = (self.op()?, self.literal()?);
        match (function, &literal) {
            (Function::Min | Function::Max, _) | (_, Literal::Number(..)) => {
                Ok(Claim::Whole(function, column, op, literal))
            }
            _ => Err(format!("{word} is compared with a number")),
        }
    }

    fn each(&mut self, column: Name) -> Parsed<Claim> {
        if !self.next_word_is("is") {
            return Ok(Claim::Each(column, self.op()?, self.literal()?));
        }
        let is_null = !self.next_word_is("not");
        match self.next_word_is("null") {
            true => Ok(Claim::EachNull(column, is_null)),
            false => Err("after is comes null or not null".into()),
        }
    }

    fn next_word_is(&mut self, expected: &str) -> bool {
        let is_it = |token: &Token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(expected));
        self.tokens.next_if(is_it).is_some()
    }

    fn op(&mut self) -> Parsed<Op> {
        match self.tokens.next() {
            Some(Token::Op(op)) => Ok(op),
            _ => Err("one of = != <> < <= > >= is missing".into()),
        }
    }

    fn literal(&mut self) -> Parsed<Literal> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Number(text)) => match Decimal::parse(&text) {
                Some(number) => Ok(Literal::Number(number, text)),
                None => Err(format!("{text} is no number of at most {} digits", Decimal::DIGITS)),
            },
            Some(Token::Word(word)) => self.word_literal(&word.to_ascii_lowercase()),
            _ => Err("a number, a 'text', true, false, timestamp '…' or date '…' is missing".into()),
        }
    }

    fn word_literal(&mut self, word: &str) -> Parsed<Literal> {
        match (word, self.tokens.next()) {
            ("true" | "false", None) => Ok(Literal::Boolean(word == "true")),
            ("null", _) => Err("nothing equals null; write is null or is not null".into()),
            ("timestamp" | "date", Some(Token::Text(text))) => self.moment(word, &text),
            ("timestamp" | "date", _) => Err(format!("{word} is followed by a text, such as {word} '2015-05-20'")),
            _ => Err(format!("{word} is no literal; a text stands in single quotes")),
        }
    }

    /// As parameters of that type are read: `2015-05-20 21:05:00`, `now - 1h`.
    fn moment(&self, word: &str, text: &str) -> Parsed<Literal> {
        use crate::query::{ParamType, Value};
        match word.parse::<ParamType>()?.parse(text, self.now)? {
            Value::Timestamp(time) => Ok(Literal::Timestamp(time)),
            Value::Date(day) => Ok(Literal::Date(day)),
            _ => Err(format!("{text:?} is no {word}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in crate::report) fn parse(text: &str) -> Result<Expectation> {
        let now = DateTime::parse_from_rfc3339("2026-11-20T12:00:00Z").unwrap().to_utc();
        Expectation::parse("checks/a.sql", &HeaderLine { text: text.into(), line: 2 }, now)
    }

    fn claim(text: &str) -> Claim {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).claim
    }

    fn name(text: &str) -> Name {
        Name { text: text.into(), is_exact: false }
    }

    fn number(text: &str) -> Literal {
        Literal::Number(Decimal::parse(text).unwrap(), text.into())
    }

    #[test]
    fn each_form() {
        assert_eq!(claim("rows = 0"), Claim::Rows(Op::Equal, 0));
        assert_eq!(claim("ROWS<>18446744073709551615"), Claim::Rows(Op::NotEqual, u64::MAX));
        let whole = |function, op, text| Claim::Whole(function, name("x"), op, number(text));
        assert_eq!(claim("max(x) <= 100"), whole(Function::Max, Op::LessOrEqual, "100"));
        assert_eq!(claim("Count_Distinct ( x )>-1.5e-3"), whole(Function::CountDistinct, Op::Greater, "-1.5e-3"));
        assert_eq!(claim("nulls(x) < 1"), whole(Function::Nulls, Op::Less, "1"));
        assert_eq!(claim("x >= +5"), Claim::Each(name("x"), Op::GreaterOrEqual, number("+5")));
        assert_eq!(claim("x != 'it''s'"), Claim::Each(name("x"), Op::NotEqual, Literal::Text("it's".into())));
        assert_eq!(claim("x = false"), Claim::Each(name("x"), Op::Equal, Literal::Boolean(false)));
        assert_eq!(claim("x is null"), Claim::EachNull(name("x"), true));
        assert_eq!(claim("x IS NOT NULL"), Claim::EachNull(name("x"), false));
        let exact = Name { text: "a \"b\"".into(), is_exact: true };
        assert_eq!(claim("\"a \"\"b\"\"\" is null"), Claim::EachNull(exact, true));
        let rows = Name { text: "rows".into(), is_exact: true };
        assert_eq!(claim("\"rows\" = 1"), Claim::Each(rows, Op::Equal, number("1")));
    }

    #[test]
    fn times_are_those_of_parameters() {
        let time = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
        let literal = |text: &str| match claim(&format!("max(ts) >= {text}")) {
            Claim::Whole(.., literal) => literal,
            other => panic!("{other:?}"),
        };
        assert_eq!(literal("timestamp '2015-05-20 21:05:00'"), Literal::Timestamp(time("2015-05-20 21:05:00")));
        assert_eq!(literal("TIMESTAMP 'now - 1h'"), Literal::Timestamp(time("2026-11-20 11:00:00")));
        assert_eq!(literal("date 'now - 7d'"), Literal::Date(time("2026-11-13 00:00:00").date()));
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        let cases = [
            ("", "there is nothing"),
            ("= 3", "it begins with neither"),
            ("rows", "one of = != "),
            ("rows = many", "compared with a whole number"),
            ("rows = -1", "no whole number from 0"),
            ("rows = 1.5", "no whole number from 0"),
            ("rows = 0 and x = 1", "it goes on after its end"),
            ("median(x) < 3", "median is no function here"),
            ("max() < 3", "takes the name of a column"),
            ("max(x, y) < 3", "',' has no meaning here"),
            ("max(x y) < 3", "takes one column"),
            ("max(x < 3", "takes one column"),
            ("count(*) = 3", "'*' has no meaning here"),
            ("sum(x) = 'a'", "sum is compared with a number"),
            ("x == 3", "a number, a 'text'"),
            ("x = y", "y is no literal"),
            ("x = null", "is null or is not null"),
            ("x = 'a", "' without an end"),
            ("x = 1h", "1h is no number"),
            ("x = 1-2", "it goes on after its end"),
            ("x is 3", "after is comes null"),
            ("x > timestamp 'yesterday'", "\"yesterday\" is no timestamp"),
            ("x > date 5", "date is followed by a text"),
            ("x; drop", "';' has no meaning here"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.message().starts_with("checks/a.sql, line 2: cannot read the expectation "), "{error}");
            assert!(error.message().contains(expected), "{text}: {error}");
            assert_eq!(error.kind().exit_code(), 2);
        }
    }

    #[test]
    fn each_operator_by_its_order() {
        use Ordering::{Equal, Greater, Less};
        let cases = [
            (Op::Equal, [false, true, false, false]),
            (Op::NotEqual, [true, false, true, true]),
            (Op::Less, [true, false, false, false]),
            (Op::LessOrEqual, [true, true, false, false]),
            (Op::Greater, [false, false, true, false]),
            (Op::GreaterOrEqual, [false, true, true, false]),
        ];
        for (op, expected) in cases {
            assert_eq!([Some(Less), Some(Equal), Some(Greater), None].map(|order| op.holds(order)), expected, "{op:?}");
        }
    }
}

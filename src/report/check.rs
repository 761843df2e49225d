//! Whether an expectation holds, decided while the answer streams by: no more than a few rows are kept.

use super::expectation::{Claim, Expectation, Function, Literal, Name, Op};
use super::tally::{Tally, Value};
use super::values::{Key, Kind, Values};
use super::{Checked, Offending};
use crate::error::{Error, Result};
use arrow::array::{Array, RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Field, Schema};

/// An expectation on its way through an answer.
pub(super) struct Check<'a> {
    expectation: &'a Expectation,
    column: usize,
    /// Which rows break it by themselves, where there are such.
    rule: Option<Rule>,
    /// What a claim about the whole column gathers, and the literal that it is compared with.
    tally: Option<(Tally, Key<'static>)>,
    offending: Offending,
}

/// What a row must be to break nothing.
enum Rule {
    /// NULL breaks no comparison, as in SQL.
    Compare(Op, Key<'static>),
    Null(bool),
    /// Before this place in the answer.
    Before(u64),
}

impl<'a> Check<'a> {
    /// # Errors
    /// Query: a column that the answer does not have, or whose type the claim does not fit.
    pub(super) fn begin(expectation: &'a Expectation, schema: &Schema) -> Result<Self> {
        let mut check = Check { expectation, column: 0, rule: None, tally: None, offending: Offending::default() };
        match &expectation.claim {
            Claim::Rows(op, n) => check.rule = last_row(*op, *n).map(Rule::Before),
            Claim::EachNull(name, is_null) => {
                check.column = find(schema, name)?;
                check.rule = Some(Rule::Null(*is_null));
            }
            Claim::Each(name, op, literal) => {
                check.column = find(schema, name)?;
                check.rule = Some(Rule::Compare(*op, key(schema.field(check.column), literal)?));
            }
            Claim::Whole(function, name, op, literal) => {
                check.column = find(schema, name)?;
                let field = schema.field(check.column);
                let literal = function_key(*function, field, literal)?;
                check.rule = row_rule(*function, *op, &literal);
                check.tally = Some((Tally::new(*function, field.data_type())?, literal));
            }
        }
        Ok(check)
    }

    /// Takes the next rows; `before` came already.
    pub(super) fn read(&mut self, batch: &RecordBatch, before: u64) -> Result<()> {
        if let Some((tally, _)) = &mut self.tally {
            tally.add(batch.column(self.column))?;
        }
        match &self.rule {
            Some(rule) => self.offending.add(batch, &rule.broken(batch, self.column, before)?),
            None => Ok(()),
        }
    }

    /// The verdict over an answer of so many rows.
    pub(super) fn finish(self, rows: u64) -> Result<Checked> {
        let (holds, found) = match (&self.expectation.claim, self.tally) {
            (Claim::Rows(op, n), _) => (op.holds(Some(rows.cmp(n))), Some(rows.to_string())),
            (Claim::Whole(_, _, op, _), Some((tally, literal))) => match tally.finish(&literal)? {
                Some(Value { order, text }) => (op.holds(order), Some(text)),
                // a bound on every row holds over no rows; anything else is about a value, and there is none
                None => (self.rule.is_some() && *op != Op::Equal, Some("no value".into())),
            },
            _ => (self.offending.total == 0, None),
        };
        let offending = if holds { Offending::default() } else { self.offending };
        Ok(Checked { holds, found, offending })
    }
}

/// How many rows there may be, where there is a bound from above.
fn last_row(op: Op, n: u64) -> Option<u64> {
    match op {
        Op::Equal | Op::LessOrEqual => Some(n),
        Op::Less => Some(n.saturating_sub(1)),
        Op::NotEqual | Op::Greater | Op::GreaterOrEqual => None,
    }
}

/// A claim about the whole column that single rows break: those beyond a bound.
fn row_rule(function: Function, op: Op, literal: &Key<'static>) -> Option<Rule> {
    let each = match (function, op) {
        (Function::Max, Op::Less) | (Function::Min, Op::Greater) => op,
        (Function::Max, Op::LessOrEqual | Op::Equal) => Op::LessOrEqual,
        (Function::Min, Op::GreaterOrEqual | Op::Equal) => Op::GreaterOrEqual,
        (Function::Nulls, Op::Less | Op::LessOrEqual | Op::Equal) => return Some(Rule::Null(false)),
        _ => return None,
    };
    Some(Rule::Compare(each, literal.clone()))
}

impl Rule {
    /// The rows of a batch that break it.
    fn broken(&self, batch: &RecordBatch, column: usize, before: u64) -> Result<Vec<u64>> {
        let rows = 0..batch.num_rows();
        let broken: Vec<usize> = match self {
            Rule::Before(end) => rows.skip(usize::try_from(end.saturating_sub(before)).unwrap_or(usize::MAX)).collect(),
            Rule::Null(is_null) => {
                let nulls = batch.column(column).logical_nulls();
                rows.filter(|row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(*row)) != *is_null).collect()
            }
            Rule::Compare(op, literal) => {
                let values = Values::new(batch.column(column))?;
                rows.filter(|row| values.key(*row).is_some_and(|key| !op.holds(key.order(literal)))).collect()
            }
        };
        Ok(broken.into_iter().map(|row| row as u64).collect())
    }
}

impl Offending {
    fn add(&mut self, batch: &RecordBatch, rows: &[u64]) -> Result<()> {
        let kept: usize = self.shown.iter().map(RecordBatch::num_rows).sum();
        let room = Self::MOST.saturating_sub(kept).min(rows.len());
        self.total += rows.len() as u64;
        if room > 0 {
            // copied: a slice would keep the whole batch in memory
            let taken = take_record_batch(batch, &UInt64Array::from(rows[..room].to_vec()));
            self.shown.push(taken.map_err(|e| Error::internal("cannot copy rows of the answer").caused_by(e))?);
        }
        Ok(())
    }
}

/// The column that a name means: exactly so written, else the only one that differs in case.
fn find(schema: &Schema, name: &Name) -> Result<usize> {
    let named = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..schema.fields().len()).filter(|at| same(schema.field(*at).name())).collect()
    };
    let exact = named(&|column| column == name.text);
    let found = match exact.is_empty() && !name.is_exact {
        true => named(&|column| column.to_lowercase() == name.text.to_lowercase()),
        false => exact,
    };
    match found[..] {
        [at] => Ok(at),
        [] => Err(Error::query(format!("the answer has no column {}", name.text)).hint(columns(schema))),
        _ => Err(Error::query(format!("the answer has several columns {}", name.text))
            .hint("give each a name of its own with AS")),
    }
}

fn columns(schema: &Schema) -> String {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    format!("its columns are {}", names.join(", "))
}

fn key(field: &Field, literal: &Literal) -> Result<Key<'static>> {
    let kind = Kind::of(field.data_type()).ok_or_else(|| no_order(field))?;
    kind.key(literal).ok_or_else(|| unfit(field, kind))
}

/// What the function's value is compared with; counts are numbers whatever is counted.
fn function_key(function: Function, field: &Field, literal: &Literal) -> Result<Key<'static>> {
    match (function, Kind::of(field.data_type())) {
        (Function::Count | Function::CountDistinct | Function::Nulls, _) => {
            Kind::Exact.key(literal).ok_or_else(|| unfit(field, Kind::Exact))
        }
        (Function::Sum | Function::Avg, Some(Kind::Text | Kind::Time | Kind::Boolean)) => {
            Err(Error::query(format!("column {} holds no numbers to sum up", field.name())))
        }
        _ => key(field, literal),
    }
}

fn unfit(field: &Field, kind: Kind) -> Error {
    Error::query(format!("column {} {}", field.name(), kind.told()))
}

fn no_order(field: &Field) -> Error {
    Error::query(format!("column {} is of type {}, which nothing is compared with", field.name(), field.data_type()))
        .hint("is null, is not null, count and nulls work with every type")
}

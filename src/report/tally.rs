//! What a function of a whole column comes to, batch by batch.

use super::decimal::Decimal;
use super::expectation::Function;
use super::values::{Key, Kind, Values};
use crate::error::{Error, Result};
use crate::output;
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use std::cmp::Ordering;
use std::collections::HashSet;

/// A function under way.
pub(super) enum Tally {
    Count(u64),
    Nulls(u64),
    Distinct(Distinct),
    Extreme { wanted: Ordering, best: Option<(Key<'static>, String)> },
    Sum { sum: Key<'static>, count: u64, is_avg: bool },
}

/// A function's value and how it stands to the literal.
pub(super) struct Value {
    /// `None` with NaN.
    pub(super) order: Option<Ordering>,
    pub(super) text: String,
}

impl Tally {
    pub(super) fn new(function: Function, data_type: &DataType) -> Result<Self> {
        let zero = match Kind::of(data_type) {
            Some(Kind::Double) => Key::Double(0.0),
            _ => Key::Exact(Decimal::whole(0)),
        };
        Ok(match function {
            Function::Count => Tally::Count(0),
            Function::Nulls => Tally::Nulls(0),
            Function::CountDistinct => Tally::Distinct(Distinct::new(data_type)?),
            Function::Min => Tally::Extreme { wanted: Ordering::Less, best: None },
            Function::Max => Tally::Extreme { wanted: Ordering::Greater, best: None },
            Function::Sum => Tally::Sum { sum: zero, count: 0, is_avg: false },
            Function::Avg => Tally::Sum { sum: zero, count: 0, is_avg: true },
        })
    }

    pub(super) fn add(&mut self, column: &ArrayRef) -> Result<()> {
        let nulls = column.logical_null_count() as u64;
        match self {
            Tally::Nulls(n) => *n += nulls,
            Tally::Count(n) => *n += column.len() as u64 - nulls,
            Tally::Distinct(distinct) => distinct.add(column)?,
            Tally::Extreme { wanted, best } => {
                let values = Values::new(column)?;
                if let Some((row, key)) = extreme(&values, column.len(), *wanted)
                    && best.as_ref().is_none_or(|(best, _)| is_beyond(&key, best, *wanted))
                {
                    *best = Some((key.into_owned(), output::text(column, row).unwrap_or_default()));
                }
            }
            Tally::Sum { sum, count, .. } => {
                let values = Values::new(column)?;
                for key in (0..column.len()).filter_map(|row| values.key(row)) {
                    *sum = plus(sum, &key)?;
                    *count += 1;
                }
            }
        }
        Ok(())
    }

    /// The value against the literal; `None` where there was nothing but NULLs to take it from.
    pub(super) fn finish(self, literal: &Key<'_>) -> Result<Option<Value>> {
        match self {
            Tally::Count(n) | Tally::Nulls(n) => Ok(Some(Value::counted(n, literal))),
            Tally::Distinct(distinct) => Ok(Some(Value::counted(distinct.seen.len() as u64, literal))),
            Tally::Extreme { best, .. } => Ok(best.map(|(key, text)| Value { order: key.order(literal), text })),
            Tally::Sum { count: 0, .. } => Ok(None),
            Tally::Sum { sum, is_avg: false, .. } => Ok(Some(Value { order: sum.order(literal), text: shown(&sum) })),
            Tally::Sum { sum, count, is_avg: true } => average(sum, count, literal).map(Some),
        }
    }
}

impl Value {
    fn counted(n: u64, literal: &Key<'_>) -> Self {
        Value { order: Key::Exact(Decimal::whole(n)).order(literal), text: n.to_string() }
    }
}

/// The first of a batch's most extreme values, and NaN before all of them.
fn extreme(values: &Values, rows: usize, wanted: Ordering) -> Option<(usize, Key<'_>)> {
    let keys = (0..rows).filter_map(|row| Some((row, values.key(row)?)));
    keys.reduce(|best, next| if is_beyond(&next.1, &best.1, wanted) { next } else { best })
}

/// NaN is beyond everything: a column that holds one has no other least or greatest value.
fn is_beyond(key: &Key<'_>, best: &Key<'_>, wanted: Ordering) -> bool {
    let is_nan = |key: &Key<'_>| matches!(key, Key::Double(number) if number.is_nan());
    key.order(best).map_or(is_nan(key) && !is_nan(best), |order| order == wanted)
}

fn plus(sum: &Key<'_>, key: &Key<'_>) -> Result<Key<'static>> {
    match (sum, key) {
        (Key::Double(a), Key::Double(b)) => Ok(Key::Double(a + b)),
        (Key::Exact(a), Key::Exact(b)) => a.plus(*b).map(Key::Exact).ok_or_else(too_long),
        _ => Err(Error::internal("a sum of what is no number")),
    }
}

/// The sum is compared with the literal times the count: nothing is rounded.
fn average(sum: Key<'_>, count: u64, literal: &Key<'_>) -> Result<Value> {
    let (order, mean) = match (&sum, literal) {
        (Key::Exact(sum), Key::Exact(literal)) => {
            let order = sum.cmp(&literal.times(count).ok_or_else(too_long)?);
            (Some(order), Key::Exact(sum.over(count).ok_or_else(too_long)?))
        }
        (Key::Double(sum), literal) => {
            let mean = Key::Double(sum / count as f64);
            (mean.order(literal), mean)
        }
        _ => return Err(Error::internal("an average of what is no number")),
    };
    Ok(Value { order, text: shown(&mean) })
}

fn too_long() -> Error {
    Error::query(format!("the sum has more than {} digits", Decimal::DIGITS)).hint("compute it in the query itself")
}

fn shown(key: &Key<'_>) -> String {
    match key {
        Key::Exact(number) => number.to_string(),
        Key::Double(number) => number.to_string(),
        Key::Text(text) => text.to_string(),
    }
}

/// The distinct values of a column, kept up to a limit: the one claim whose memory grows with the answer.
pub(super) struct Distinct {
    converter: RowConverter,
    seen: HashSet<Box<[u8]>>,
    bytes: usize,
}

impl Distinct {
    const MOST_BYTES: usize = 64 << 20;

    fn new(data_type: &DataType) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new(data_type.clone())]);
        let failed = |error| Error::query(format!("cannot count distinct values of {data_type}")).caused_by(error);
        Ok(Distinct { converter: converter.map_err(failed)?, seen: HashSet::new(), bytes: 0 })
    }

    fn add(&mut self, column: &ArrayRef) -> Result<()> {
        let failed = |error| Error::query("cannot count distinct values").caused_by(error);
        let rows = self.converter.convert_columns(std::slice::from_ref(column)).map_err(failed)?;
        let nulls = column.logical_nulls();
        let valid = |row: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row));
        for row in (0..column.len()).filter(valid) {
            let row = rows.row(row);
            if !self.seen.contains(row.as_ref()) {
                self.seen.insert(row.as_ref().into());
                self.bytes += row.as_ref().len() + size_of::<Box<[u8]>>();
            }
        }
        match self.bytes > Self::MOST_BYTES {
            true => Err(Error::query("there are too many distinct values to count them here")
                .hint("count them in the query itself: count(DISTINCT column)")),
            false => Ok(()),
        }
    }
}

//! Which shipped schema fits as well: some of the records are decoded with each, as `compact` would.

use crate::decode::{Decoded, Decoder};
use crate::error::Result;
use crate::table::{Format, TableSchema, shipped_schema, shipped_schemas};
use arrow::array::{Array, AsArray};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeSet;

/// Records and their bytes that are kept.
const MOST_RECORDS: usize = 400;
const MOST_BYTES: usize = 2 << 20;

/// Some records, spread over all that were shown, in bounded memory.
#[derive(Debug, Default)]
pub(super) struct Kept {
    records: Vec<Vec<u8>>,
    bytes: usize,
    every: u64,
    seen: u64,
}

impl Kept {
    pub(super) fn offer(&mut self, record: &[u8]) {
        self.every = self.every.max(1);
        if self.seen.is_multiple_of(self.every) && record.len() <= MOST_BYTES / 8 {
            self.bytes += record.len();
            self.records.push(record.to_vec());
            if self.records.len() > MOST_RECORDS || self.bytes > MOST_BYTES {
                let mut at = 0_usize;
                self.records.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.bytes = self.records.iter().map(Vec::len).sum();
                self.every *= 2;
            }
        }
        self.seen += 1;
    }
}

/// A shipped schema, and how much of the records it has columns for.
#[derive(Debug, Clone, Serialize)]
pub struct Fit {
    /// Its name.
    pub schema: &'static str,
    /// Fields that it takes whole.
    pub fields: usize,
    /// Fields that the records have.
    pub of: usize,
}

/// Of the columns of a schema that fits, this share has values.
const LEAST_COLUMNS: f64 = 0.5;
/// Of the records' fields, this share is taken.
const LEAST_FIELDS: f64 = 0.75;
/// Of the rows, this share has an event time.
const LEAST_EVENTS: f64 = 0.99;

/// The shipped schema that takes most of the records' fields, if one fits. `fields` are their names in lower case.
pub(super) fn best(
    kept: &Kept,
    format: Format,
    fields: &BTreeSet<String>,
    delivered: DateTime<Utc>,
) -> Result<Option<Fit>> {
    let mut best: Option<Fit> = None;
    for name in shipped_schemas() {
        let Some(text) = shipped_schema(name) else { continue };
        let schema = TableSchema::parse(name, name, text)?;
        let fit = if schema.format == format { fit(kept, name, &schema, fields, delivered)? } else { None };
        if fit.as_ref().is_some_and(|fit| best.as_ref().is_none_or(|best| fit.fields > best.fields)) {
            best = fit;
        }
    }
    Ok(best)
}

fn fit(
    kept: &Kept,
    name: &'static str,
    schema: &TableSchema,
    fields: &BTreeSet<String>,
    delivered: DateTime<Utc>,
) -> Result<Option<Fit>> {
    let (mut rows, mut events, mut left) = (0, 0, BTreeSet::new());
    let mut filled = vec![false; schema.columns.len()];
    let text = kept.records.join(&b'\n');
    Decoder::new(schema)?.decode(&mut &text[..], delivered, &mut |decoded| {
        let Decoded::Rows(decoded) = decoded else { return Ok(()) };
        let batch = decoded.batch;
        rows += batch.num_rows();
        events += schema.event_time.map_or(0, |at| batch.num_rows() - batch.column(at).null_count());
        for (filled, column) in filled.iter_mut().zip(batch.columns()) {
            *filled |= column.null_count() < column.len();
        }
        for extra in batch.column(schema.columns.len()).as_string::<i32>().iter().flatten() {
            left.extend(names(extra));
        }
        Ok(())
    })?;
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let taken = fields.difference(&left).count();
    let fits = rows > 0
        && share(events, rows) >= LEAST_EVENTS
        && share(taken, fields.len()) >= LEAST_FIELDS
        && share(filled.iter().filter(|filled| **filled).count(), filled.len()) >= LEAST_COLUMNS;
    Ok(fits.then_some(Fit { schema: name, fields: taken, of: fields.len() }))
}

/// The names of an object's members, in lower case.
fn names(object: &str) -> impl Iterator<Item = String> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object).unwrap_or_default();
    object.into_iter().map(|(name, _)| name.to_lowercase())
}

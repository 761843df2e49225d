//! JSON: one object a row, as one array or one a line. Duplicate column names stay, as SQL gave them.

use super::value;
use arrow::array::RecordBatch;
use std::io::{Result, Write};

/// Rows inside the array whose bracket is written already.
pub(super) fn rows(out: &mut dyn Write, batch: &RecordBatch, first: bool) -> Result<()> {
    let names = names(batch);
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        text.push_str(if first && row == 0 { "\n" } else { ",\n" });
        push_object(&mut text, &names, batch, row);
        flush_full(out, &mut text)?;
    }
    out.write_all(text.as_bytes())
}

/// Rows of ndjson.
pub(super) fn lines(out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
    let names = names(batch);
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        push_object(&mut text, &names, batch, row);
        text.push('\n');
        flush_full(out, &mut text)?;
    }
    out.write_all(text.as_bytes())
}

fn flush_full(out: &mut dyn Write, text: &mut String) -> Result<()> {
    if text.len() > 1 << 16 {
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    Ok(())
}

fn names(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    schema.fields().iter().map(|field| value::quoted(field.name())).collect()
}

fn push_object(text: &mut String, names: &[String], batch: &RecordBatch, row: usize) {
    text.push('{');
    for (at, (name, column)) in names.iter().zip(batch.columns()).enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(name);
        text.push(':');
        value::push_json(text, column, row);
    }
    text.push('}');
}

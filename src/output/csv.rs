//! CSV: a header, comma, LF. NULL is an empty field, the empty string is `""`; quotes only where a reader needs them.

use super::value;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use std::io::{Result, Write};

pub(super) fn header(out: &mut dyn Write, schema: &Schema) -> Result<()> {
    let mut line = String::new();
    for (at, field) in schema.fields().iter().enumerate() {
        separate(&mut line, at);
        push_field(&mut line, field.name());
    }
    line.push('\n');
    out.write_all(line.as_bytes())
}

pub(super) fn rows(out: &mut dyn Write, batch: &RecordBatch) -> Result<()> {
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        for (at, column) in batch.columns().iter().enumerate() {
            separate(&mut text, at);
            if let Some(value) = value::text(column, row) {
                push_field(&mut text, &value);
            }
        }
        text.push('\n');
        if text.len() > 1 << 16 {
            out.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    out.write_all(text.as_bytes())
}

fn separate(line: &mut String, at: usize) {
    if at > 0 {
        line.push(',');
    }
}

fn push_field(line: &mut String, value: &str) {
    if !needs_quotes(value) {
        return line.push_str(value);
    }
    line.push('"');
    line.push_str(&value.replace('"', "\"\""));
    line.push('"');
}

fn needs_quotes(value: &str) -> bool {
    value.is_empty()
        || value.starts_with(' ')
        || value.ends_with(' ')
        || value.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'))
}

//! For people at a terminal: aligned, cut to its width, and harmless whatever bytes a log holds.

use super::value;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, Table, presets};
use std::fmt::Write as _;
use std::io::{Result, Write};

/// A character that no escaped cell holds: comfy-table breaks lines there, that is, nowhere.
const NOWHERE: char = '\u{1}';

pub(super) fn rows(batch: &RecordBatch) -> impl Iterator<Item = Vec<String>> {
    (0..batch.num_rows()).map(|row| batch.columns().iter().map(|column| cell(value::text(column, row))).collect())
}

fn cell(value: Option<std::borrow::Cow<'_, str>>) -> String {
    value.map_or_else(|| "NULL".into(), |text| escaped(&text))
}

pub(super) fn print(out: &mut dyn Write, schema: &Schema, rows: Vec<Vec<String>>, width: Option<usize>) -> Result<()> {
    let right: Vec<bool> = schema.fields().iter().map(|field| is_number(field.data_type())).collect();
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_truncation_indicator("…").set_delimiter(NOWHERE);
    match width {
        Some(width) => {
            let width = u16::try_from(width).unwrap_or(u16::MAX);
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width)
        }
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(line(schema.fields().iter().map(|field| escaped(field.name())), &right));
    table.add_rows(rows.into_iter().map(|row| line(row.into_iter(), &right)));
    for text in table.lines() {
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

fn line(cells: impl Iterator<Item = String>, right: &[bool]) -> Row {
    let cells = cells.zip(right).map(|(text, right)| match right {
        true => Cell::new(text).set_alignment(CellAlignment::Right),
        false => Cell::new(text),
    });
    let mut row = Row::from(cells.collect::<Vec<_>>());
    row.max_height(1);
    row
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Control characters, and those that turn the direction of text, as escapes.
fn escaped(text: &str) -> String {
    if !text.chars().any(drives_terminal) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if c.is_ascii_control() => drop(write!(safe, "\\x{:02x}", u32::from(c))),
            c if drives_terminal(c) => drop(write!(safe, "\\u{{{:x}}}", u32::from(c))),
            c => safe.push(c),
        }
    }
    safe
}

fn drives_terminal(c: char) -> bool {
    let turns_text = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c.is_control() || turns_text
}

//! For people at a terminal: aligned, cut to its width, and harmless whatever bytes a log holds.

use super::value;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, presets};
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

/// Prints one page; `shown` rows came before it.
pub(super) fn print(
    out: &mut dyn Write,
    schema: &Schema,
    rows: Vec<Vec<String>>,
    shown: usize,
    width: Option<usize>,
) -> Result<()> {
    if width.is_some_and(|width| is_too_wide(schema, &rows, width)) {
        return records(out, schema, &rows, shown, width.unwrap_or(usize::MAX));
    }
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
    // A cut number or time would be a wrong one: only text gives way.
    let whole = schema.fields().iter().map(|field| !is_text(field.data_type()));
    for (column, _) in table.column_iter_mut().zip(whole).filter(|(_, whole)| *whole) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    for text in table.lines() {
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Columns that would have to be cut below this are no longer worth reading side by side.
const NARROWEST: usize = 12;

/// Whether a table of this width would cut its wide columns below [`NARROWEST`].
fn is_too_wide(schema: &Schema, rows: &[Vec<String>], width: usize) -> bool {
    let longest =
        |at: usize, name: &str| rows.iter().map(|row| row[at].chars().count()).fold(name.chars().count(), usize::max);
    let least = schema.fields().iter().enumerate().map(|(at, field)| match is_text(field.data_type()) {
        true => longest(at, field.name()).min(NARROWEST),
        false => longest(at, field.name()),
    });
    let borders = 3 * schema.fields().len() + 1;
    least.sum::<usize>() + borders > width
}

/// A line a value, as psql's expanded display: for rows of many columns.
fn records(out: &mut dyn Write, schema: &Schema, rows: &[Vec<String>], shown: usize, width: usize) -> Result<()> {
    let names: Vec<String> = schema.fields().iter().map(|field| escaped(field.name())).collect();
    let name_width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (number, row) in (shown + 1..).zip(rows) {
        let title = format!("── row {number} ");
        writeln!(out, "{title}{}", "─".repeat(width.min(80).saturating_sub(title.chars().count())))?;
        for (name, value) in names.iter().zip(row) {
            writeln!(out, "{name:name_width$} │ {}", cut(value, width.saturating_sub(name_width + 3)))?;
        }
    }
    Ok(())
}

fn cut(text: &str, width: usize) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(width) {
        None => text.into(),
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect::<String>().into(),
    }
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

/// Whether values may be cut where there is no room.
fn is_text(data_type: &DataType) -> bool {
    let fixed = is_number(data_type) || data_type.is_temporal() || *data_type == DataType::Boolean;
    !fixed
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Control characters, and those that turn the direction of text, as escapes.
pub fn escaped(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use crate::output::Format;
    use crate::output::tests::print;
    use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
    use std::sync::Arc;

    #[test]
    fn rows_too_wide_for_the_terminal_are_a_line_a_value() {
        let column =
            |at: usize| (format!("column_{at}"), Arc::new(StringArray::from(vec!["value\n".repeat(9)])) as ArrayRef);
        let batch = RecordBatch::try_from_iter((0..5).map(column)).unwrap();
        let narrow = print(Format::Table, std::slice::from_ref(&batch), Some(60));
        assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
        let second = narrow.lines().nth(1).unwrap();
        let shown = r"value\n".repeat(7);
        assert_eq!(second, format!("column_0 │ {}…", &shown[..shown.len() - 1]));
        let times = Arc::new(TimestampMillisecondArray::from(vec![1_432_155_900_123])) as ArrayRef;
        let text = batch.column(0).clone();
        let mixed = RecordBatch::try_from_iter([("ts", times), ("a", text.clone()), ("b", text)]).unwrap();
        let mixed = print(Format::Table, &[mixed], Some(60));
        assert!(mixed.contains(" 2015-05-20 21:05:00.123 ") && mixed.contains('…'), "{mixed}");
        let wide = print(Format::Table, &[batch], Some(120));
        assert!(wide.starts_with('┌') && wide.lines().all(|line| line.chars().count() <= 120), "{wide}");
    }
}

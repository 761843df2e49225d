//! A proposal as a schema file: TOML that a person may go on with.

use super::propose::{Column, Proposal};
use crate::table::{Format, HiveType};
use std::fmt::Write;

/// Columns of text that a line of comment has.
const WIDTH: usize = 116;

impl Proposal {
    /// The schema file's text. `above` are comments about where it comes from; without `examples` no value of the data is in it.
    pub fn text(&self, description: &str, above: &[String], examples: bool) -> String {
        let mut text = String::new();
        above.iter().chain(&self.notes).for_each(|note| comment(&mut text, note));
        let _ =
            write!(text, "\ndescription = {}\n\n[source]\nformat = \"{}\"\n", quoted(description), word(self.format));
        for column in &self.columns {
            push_column(&mut text, column, examples);
        }
        self.push_layout(&mut text);
        text
    }

    fn push_layout(&self, text: &mut String) {
        text.push('\n');
        if let Some(bytes) = self.parquet_a_day {
            let why = if self.hourly { ", so hours are worth their folders" } else { ": days do up to about 5 GB" };
            comment(text, &format!("very roughly {} of Parquet a day{why}", size(bytes)));
        }
        text.push_str("[[partition]]\nname = \"dt\"\ntransform = \"day\"\n");
        if self.hourly {
            text.push_str("\n[[partition]]\nname = \"hour\"\ntransform = \"hour\"\n");
        }
        if let Some(event) = self.event_time() {
            let _ = write!(text, "\n[parquet]\nsort = [{}]\n", quoted(&event.name));
        }
    }
}

/// The columns alone, as they are added to the end of a schema file.
pub(super) fn columns(columns: &[Column], examples: bool) -> String {
    let mut text = String::new();
    columns.iter().for_each(|column| push_column(&mut text, column, examples));
    text
}

fn push_column(text: &mut String, column: &Column, examples: bool) {
    text.push('\n');
    column.notes.iter().for_each(|note| comment(text, note));
    let [shown, hidden] = &column.about;
    comment(text, if examples { shown } else { hidden });
    let _ = write!(text, "[[column]]\nname = {}\ntype = \"{}\"\n", quoted(&column.name), column.of);
    if let Some(from) = &column.from {
        let _ = writeln!(text, "from = [{}]", quoted(from));
    }
    if let Some(expr) = &column.expr {
        let _ = writeln!(text, "expr = {}", quoted(expr));
    }
    if !column.null.is_empty() {
        let _ = writeln!(text, "null = [{}]", list(&column.null));
    }
    let by_default = column.of == HiveType::Date && column.formats == ["%Y-%m-%d"];
    if !column.formats.is_empty() && !by_default {
        let _ = writeln!(text, "formats = [{}]", list(&column.formats));
    }
    if column.local {
        text.push_str("zone = \"UTC\"\n");
    }
    if column.event_time {
        text.push_str("event_time = true\n");
    }
}

fn list(texts: &[&str]) -> String {
    texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
}

fn word(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::CloudwatchLogs => "cloudwatch-logs",
    }
}

/// Lines of comment; nothing for nothing.
fn comment(text: &mut String, note: &str) {
    let mut line = String::new();
    for word in note.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.chars().count() + word.chars().count() >= WIDTH {
            let _ = writeln!(text, "#{line}");
            line.clear();
        }
        let _ = write!(line, " {word}");
    }
    if !line.is_empty() {
        let _ = writeln!(text, "#{line}");
    }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if super::scalars::visible(c.encode_utf8(&mut [0; 4])).len() > c.len_utf8() => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn size(bytes: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = UNITS.iter().find(|(unit, _)| bytes >= *unit);
    unit.map_or_else(|| format!("{bytes:.0} bytes"), |(unit, name)| format!("{:.0} {name}", bytes / unit))
}

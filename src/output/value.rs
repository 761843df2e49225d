//! One value as text and as JSON: the one place that knows how each type is written.

use arrow::array::{Array, ArrayRef, AsArray, timezone::Tz};
use arrow::datatypes::*;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeZone};
use std::borrow::Cow;
use std::fmt::Write;

/// The text of csv and table; `None` is NULL. Lists, maps and structs are JSON.
pub(super) fn text(array: &ArrayRef, row: usize) -> Option<Cow<'_, str>> {
    if is_null(array, row) {
        return None;
    }
    if let Some(text) = string(array, row) {
        return Some(Cow::Borrowed(text));
    }
    if let DataType::Dictionary(..) = array.data_type() {
        let (values, at) = dictionary(array, row)?;
        return text(values, at);
    }
    let mut out = String::new();
    match is_nested(array.data_type()) {
        true => push_json(&mut out, array, row),
        false => push_plain(&mut out, array, row, ' '),
    }
    Some(Cow::Owned(out))
}

/// The JSON value. Whatever the type, it is valid JSON.
pub(super) fn push_json(out: &mut String, array: &ArrayRef, row: usize) {
    if is_null(array, row) {
        return out.push_str("null");
    }
    if let Some(text) = string(array, row) {
        return out.push_str(&quoted(text));
    }
    match array.data_type() {
        DataType::Dictionary(..) => match dictionary(array, row) {
            Some((values, at)) => push_json(out, values, at),
            None => out.push_str("null"),
        },
        DataType::List(_) => push_list(out, &array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => push_list(out, &array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => push_list(out, &array.as_fixed_size_list().value(row)),
        DataType::ListView(_) => push_list(out, &array.as_list_view::<i32>().value(row)),
        DataType::LargeListView(_) => push_list(out, &array.as_list_view::<i64>().value(row)),
        DataType::Struct(fields) => push_struct(out, fields, array, row),
        DataType::Map(..) => push_map(out, array, row),
        _ => push_scalar(out, array, row),
    }
}

/// A string as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn is_null(array: &ArrayRef, row: usize) -> bool {
    matches!(array.data_type(), DataType::Null) || array.is_null(row)
}

fn is_nested(data_type: &DataType) -> bool {
    data_type.is_nested() && !matches!(data_type, DataType::Dictionary(..) | DataType::RunEndEncoded(..))
}

fn string(array: &ArrayRef, row: usize) -> Option<&str> {
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Some(array.as_string_view().value(row)),
        _ => None,
    }
}

fn dictionary(array: &ArrayRef, row: usize) -> Option<(&ArrayRef, usize)> {
    let dictionary = array.as_any_dictionary_opt()?;
    Some((dictionary.values(), *dictionary.normalized_keys().get(row)?))
}

fn push_list(out: &mut String, items: &ArrayRef) {
    out.push('[');
    for at in 0..items.len() {
        push_comma(out, at);
        push_json(out, items, at);
    }
    out.push(']');
}

fn push_struct(out: &mut String, fields: &Fields, array: &ArrayRef, row: usize) {
    out.push('{');
    for (at, (field, column)) in fields.iter().zip(array.as_struct().columns()).enumerate() {
        push_comma(out, at);
        out.push_str(&quoted(field.name()));
        out.push(':');
        push_json(out, column, row);
    }
    out.push('}');
}

fn push_map(out: &mut String, array: &ArrayRef, row: usize) {
    let entries = array.as_map().value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    out.push('{');
    for at in 0..entries.len() {
        push_comma(out, at);
        out.push_str(&quoted(&text(keys, at).unwrap_or_default()));
        out.push(':');
        push_json(out, values, at);
    }
    out.push('}');
}

fn push_comma(out: &mut String, at: usize) {
    if at > 0 {
        out.push(',');
    }
}

/// Numbers and booleans bare, everything else as a string.
fn push_scalar(out: &mut String, array: &ArrayRef, row: usize) {
    let begin = out.len();
    push_plain(out, array, row, 'T');
    let is_bare = match array.data_type() {
        DataType::Boolean => true,
        // NaN and the infinities are no JSON numbers
        number if number.is_numeric() => out.ends_with(|last: char| last.is_ascii_digit()),
        _ => false,
    };
    if !is_bare {
        let text = quoted(&out[begin..]);
        out.truncate(begin);
        out.push_str(&text);
    }
}

/// A value that is neither NULL, string nor nested; `between` stands between a timestamp's day and time.
fn push_plain(out: &mut String, array: &ArrayRef, row: usize, between: char) {
    match array.data_type() {
        DataType::Float64 => push_double(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Float32 => push_float(out, array.as_primitive::<Float32Type>().value(row)),
        DataType::Int64 => push_display(out, array.as_primitive::<Int64Type>().value(row)),
        DataType::Int32 => push_display(out, array.as_primitive::<Int32Type>().value(row)),
        DataType::Date32 => push_with_arrow(out, array, row),
        DataType::Timestamp(unit, zone) => push_timestamp(out, array, row, *unit, zone.as_deref(), between),
        DataType::Time32(_) | DataType::Time64(_) => push_time(out, array, row),
        DataType::Binary => push_hex(out, array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => push_hex(out, array.as_binary::<i64>().value(row)),
        DataType::BinaryView => push_hex(out, array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => push_hex(out, array.as_fixed_size_binary().value(row)),
        _ => push_with_arrow(out, array, row),
    }
}

fn push_display(out: &mut String, value: impl std::fmt::Display) {
    // writing to a String cannot fail
    let _ = write!(out, "{value}");
}

/// Arrow's own text: integers, decimals, dates, intervals.
fn push_with_arrow(out: &mut String, array: &ArrayRef, row: usize) {
    let options = FormatOptions::new().with_display_error(true);
    match ArrayFormatter::try_new(array, &options) {
        Ok(formatter) => push_display(out, formatter.value(row)),
        Err(error) => push_display(out, error),
    }
}

/// The shortest text that reads back as the same number; one for csv, table and json.
fn push_double(out: &mut String, value: f64) {
    match serde_json::Number::from_f64(value) {
        Some(number) => push_display(out, number),
        None => out.push_str(not_finite(value)),
    }
}

fn push_float(out: &mut String, value: f32) {
    match value.is_finite() {
        true => out.push_str(&serde_json::to_string(&value).unwrap_or_default()),
        false => out.push_str(not_finite(value.into())),
    }
}

fn not_finite(value: f64) -> &'static str {
    match (value.is_nan(), value > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    }
}

/// As Athena prints `varbinary`: pairs of hexadecimal digits with a space between.
fn push_hex(out: &mut String, bytes: &[u8]) {
    for (at, byte) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{byte:02x}", if at > 0 { " " } else { "" });
    }
}

/// Milliseconds always, more digits only where the type has them.
fn push_timestamp(out: &mut String, array: &ArrayRef, row: usize, unit: TimeUnit, zone: Option<&str>, between: char) {
    let (number, digits, time) = match unit {
        TimeUnit::Second => {
            let n = array.as_primitive::<TimestampSecondType>().value(row);
            (n, 3, DateTime::from_timestamp(n, 0))
        }
        TimeUnit::Millisecond => {
            let n = array.as_primitive::<TimestampMillisecondType>().value(row);
            (n, 3, DateTime::from_timestamp_millis(n))
        }
        TimeUnit::Microsecond => {
            let n = array.as_primitive::<TimestampMicrosecondType>().value(row);
            (n, 6, DateTime::from_timestamp_micros(n))
        }
        TimeUnit::Nanosecond => {
            let n = array.as_primitive::<TimestampNanosecondType>().value(row);
            (n, 9, Some(DateTime::from_timestamp_nanos(n)))
        }
    };
    let Some(time) = time.map(|time| time.naive_utc()) else {
        return push_display(out, number);
    };
    match zone {
        None => push_moment(out, time, digits, between),
        Some("UTC" | "+00:00" | "Z") => {
            push_moment(out, time, digits, between);
            out.push_str(if between == 'T' { "Z" } else { " UTC" });
        }
        Some(zone) => push_zoned(out, time, digits, between, zone),
    }
}

fn push_moment(out: &mut String, time: NaiveDateTime, digits: usize, between: char) {
    let _ = write!(out, "{}{between}", time.date());
    push_clock(out, time.time(), digits);
}

fn push_zoned(out: &mut String, time: NaiveDateTime, digits: usize, between: char, zone: &str) {
    match zone.parse::<Tz>() {
        Ok(tz) => {
            let local = tz.from_utc_datetime(&time);
            push_moment(out, local.naive_local(), digits, between);
            let _ = match between {
                'T' => write!(out, "{}", local.format("%:z")),
                _ => write!(out, " {zone}"),
            };
        }
        Err(_) => {
            push_moment(out, time, digits, between);
            out.push_str(" UTC");
        }
    }
}

fn push_clock(out: &mut String, time: NaiveTime, digits: usize) {
    let _ = match digits {
        3 => write!(out, "{}", time.format("%H:%M:%S%.3f")),
        6 => write!(out, "{}", time.format("%H:%M:%S%.6f")),
        _ => write!(out, "{}", time.format("%H:%M:%S%.9f")),
    };
}

fn push_time(out: &mut String, array: &ArrayRef, row: usize) {
    let (nanos, digits) = match array.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            (i64::from(array.as_primitive::<Time32SecondType>().value(row)) * 1_000_000_000, 3)
        }
        DataType::Time32(_) => (i64::from(array.as_primitive::<Time32MillisecondType>().value(row)) * 1_000_000, 3),
        DataType::Time64(TimeUnit::Microsecond) => (array.as_primitive::<Time64MicrosecondType>().value(row) * 1000, 6),
        _ => (array.as_primitive::<Time64NanosecondType>().value(row), 9),
    };
    let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let time = u32::try_from(seconds).ok().and_then(|s| NaiveTime::from_num_seconds_from_midnight_opt(s, rest as u32));
    match time {
        Some(time) => push_clock(out, time, digits),
        None => push_display(out, nanos),
    }
}

//! Athena's types and their Arrow columns: text to values, and never a guess.

use crate::error::{Error, Result};
use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, NullArray, PrimitiveArray, RecordBatch,
    RecordBatchOptions, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Schema, SchemaRef, Time32MillisecondType, TimeUnit, TimestampMillisecondType,
};
use aws_sdk_athena::types::ColumnInfo;
use chrono::{DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike};
use std::sync::Arc;

/// Instants are all told in UTC, whatever zone each of them was written with.
const UTC: &str = "UTC";

/// The Arrow schema of Athena's columns.
///
/// # Errors
/// Query for a type whose text firelake does not read.
pub(super) fn schema(columns: &[ColumnInfo]) -> Result<SchemaRef> {
    let field = |column: &ColumnInfo| Ok(Field::new(&column.name, data_type(column)?, true));
    Ok(Arc::new(Schema::new(columns.iter().map(field).collect::<Result<Vec<_>>>()?)))
}

fn data_type(column: &ColumnInfo) -> Result<DataType> {
    let name = column.r#type().to_ascii_lowercase();
    let bare = name.split('(').next().unwrap_or_default().trim();
    Ok(match bare {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "integer" | "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "real" | "float" => DataType::Float32,
        "double" => DataType::Float64,
        "decimal" => decimal(column)?,
        "varchar" | "char" | "string" | "json" | "ipaddress" | "uuid" => DataType::Utf8,
        "varbinary" | "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "time" => DataType::Time32(TimeUnit::Millisecond),
        "timestamp" => DataType::Timestamp(TimeUnit::Millisecond, None),
        "timestamp with time zone" => DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into())),
        "unknown" => DataType::Null,
        // Athena's own text: what is in it cannot be told apart.
        "array" | "map" | "row" | "struct" => DataType::Utf8,
        "time with time zone" => DataType::Utf8,
        interval if interval.starts_with("interval") => DataType::Utf8,
        _ => {
            return Err(Error::query(format!(
                "column {} has the type {name}, which firelake does not read",
                column.name
            ))
            .hint(format!("cast it: CAST({} AS varchar)", column.name)));
        }
    })
}

fn decimal(column: &ColumnInfo) -> Result<DataType> {
    let (precision, scale) = (u8::try_from(column.precision()), i8::try_from(column.scale()));
    match (precision, scale) {
        (Ok(precision @ 1..=38), Ok(scale)) if (0..=38).contains(&scale) => Ok(DataType::Decimal128(precision, scale)),
        _ => Err(Error::query(format!(
            "column {} is a decimal({}, {}), which there is not",
            column.name,
            column.precision(),
            column.scale()
        ))),
    }
}

/// Rows of text as rows of their types; `first` is the number of the first one, from 1.
///
/// # Errors
/// Query for a value that is none of its type, with its column and row.
pub(super) fn typed(schema: &SchemaRef, text: &[StringArray], rows: usize, first: u64) -> Result<RecordBatch> {
    let columns = schema.fields().iter().zip(text).map(|(field, text)| {
        array(field.data_type(), text).map_err(|at| {
            let shown: String = text.value(at).chars().take(80).collect();
            Error::query(format!(
                "column {}, row {}: {shown:?} is no {}",
                field.name(),
                first + at as u64,
                word(field.data_type())
            ))
            .hint(way_out(field))
        })
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|e| Error::internal("the result does not fit its own columns").caused_by(e))
}

fn way_out(field: &Field) -> String {
    let name = field.name();
    match field.data_type() {
        DataType::Timestamp(_, None) => format!("finer times must be rounded: CAST({name} AS timestamp(3))"),
        DataType::Timestamp(_, Some(_)) => {
            format!("tell it in UTC, in milliseconds: CAST({name} AT TIME ZONE 'UTC' AS timestamp(3))")
        }
        _ => format!("cast the column to see its text: CAST({name} AS varchar)"),
    }
}

fn word(data_type: &DataType) -> String {
    match data_type {
        DataType::Int8 => "tinyint".into(),
        DataType::Int16 => "smallint".into(),
        DataType::Int32 => "integer".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float32 => "real".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision}, {scale})"),
        DataType::Binary => "varbinary".into(),
        DataType::Date32 => "date".into(),
        DataType::Time32(_) => "time".into(),
        DataType::Timestamp(_, None) => "timestamp".into(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".into(),
        DataType::Null => "NULL".into(),
        other => other.to_string().to_lowercase(),
    }
}

/// The row of a value that is not of its type.
type Misfit = usize;

fn array(data_type: &DataType, text: &StringArray) -> Result<ArrayRef, Misfit> {
    Ok(match data_type {
        DataType::Boolean => Arc::new(parsed(text, boolean)?.into_iter().collect::<BooleanArray>()),
        DataType::Int8 => primitive::<Int8Type>(text, |t| t.parse().ok())?,
        DataType::Int16 => primitive::<Int16Type>(text, |t| t.parse().ok())?,
        DataType::Int32 => primitive::<Int32Type>(text, |t| t.parse().ok())?,
        DataType::Int64 => primitive::<Int64Type>(text, |t| t.parse().ok())?,
        DataType::Float32 => primitive::<Float32Type>(text, |t| t.parse().ok())?,
        DataType::Float64 => primitive::<Float64Type>(text, |t| t.parse().ok())?,
        DataType::Decimal128(precision, scale) => {
            let numbers = parsed(text, |t| digits(t, *precision, *scale))?;
            let typed = numbers.into_iter().collect::<Decimal128Array>().with_precision_and_scale(*precision, *scale);
            Arc::new(typed.map_err(|_| 0_usize)?)
        }
        DataType::Binary => {
            let values = parsed(text, bytes)?;
            Arc::new(values.iter().map(|value| value.as_deref()).collect::<BinaryArray>())
        }
        DataType::Date32 => primitive::<Date32Type>(text, days)?,
        DataType::Time32(_) => primitive::<Time32MillisecondType>(text, clock)?,
        DataType::Timestamp(_, None) => primitive::<TimestampMillisecondType>(text, |t| millis(moment(t)?))?,
        DataType::Timestamp(_, Some(zone)) => {
            let times = parsed(text, instant)?.into_iter().collect::<TimestampMillisecondArray>();
            Arc::new(times.with_timezone(zone.clone()))
        }
        DataType::Null => match (0..text.len()).find(|row| !text.is_null(*row)) {
            Some(row) => return Err(row),
            None => Arc::new(NullArray::new(text.len())),
        },
        _ => Arc::new(text.clone()),
    })
}

fn parsed<T>(text: &StringArray, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<Option<T>>, Misfit> {
    let value = |(row, text): (usize, Option<&str>)| text.map(|text| parse(text).ok_or(row)).transpose();
    text.iter().enumerate().map(value).collect()
}

fn primitive<T: ArrowPrimitiveType>(
    text: &StringArray,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef, Misfit> {
    let value = |(row, text): (usize, Option<&str>)| text.map(|text| parse(text).ok_or(row)).transpose();
    let values: Result<PrimitiveArray<T>, Misfit> = text.iter().enumerate().map(value).collect();
    Ok(Arc::new(values?))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A decimal as its digits without the point; `None` where it has more digits than the type.
fn digits(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (sign, bare) = match text.strip_prefix('-') {
        Some(bare) => (-1, bare),
        None => (1, text),
    };
    let (whole, fraction) = bare.split_once('.').unwrap_or((bare, ""));
    let scale = usize::try_from(scale).ok()?;
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > scale || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let number: i128 = format!("{whole}{fraction:0<scale$}").parse().ok()?;
    (number < 10_i128.pow(precision.into())).then_some(sign * number)
}

/// `de ad be ef`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &str| match pair.len() {
        2 if pair.bytes().all(|byte| byte.is_ascii_hexdigit()) => u8::from_str_radix(pair, 16).ok(),
        _ => None,
    };
    if text.is_empty() { Some(Vec::new()) } else { text.split(' ').map(pair).collect() }
}

fn days(text: &str) -> Option<i32> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

fn clock(text: &str) -> Option<i32> {
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok()?;
    let millis = whole_millis(time.nanosecond())? + i64::from(time.num_seconds_from_midnight()) * 1000;
    i32::try_from(millis).ok()
}

fn moment(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()
}

/// `None` for what is finer than a millisecond: Athena's own types are not.
fn millis(time: NaiveDateTime) -> Option<i64> {
    whole_millis(time.nanosecond())?;
    Some(time.and_utc().timestamp_millis())
}

fn whole_millis(nanos: u32) -> Option<i64> {
    (nanos.is_multiple_of(1_000_000) && nanos < 1_000_000_000).then_some(i64::from(nanos / 1_000_000))
}

/// A time and its zone: `UTC`, an offset, or a name of the time zone database. An hour that a clock showed twice is no instant.
fn instant(text: &str) -> Option<i64> {
    let (time, zone) = text.rsplit_once(' ')?;
    let time = moment(time)?;
    whole_millis(time.nanosecond())?;
    if matches!(zone, UTC | "Z") {
        return millis(time);
    }
    let single = |found: LocalResult<i64>| found.single();
    if zone.starts_with(['+', '-']) {
        let written = DateTime::parse_from_str(&format!("2000-01-01 00:00:00 {zone}"), "%Y-%m-%d %H:%M:%S %:z").ok()?;
        let offset: FixedOffset = *written.offset();
        return single(offset.from_local_datetime(&time).map(|time| time.timestamp_millis()));
    }
    let zone: chrono_tz::Tz = zone.parse().ok()?;
    single(zone.from_local_datetime(&time).map(|time| time.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::util::display::{ArrayFormatter, FormatOptions};

    fn column(name: &str, precision: i32, scale: i32) -> ColumnInfo {
        ColumnInfo::builder().name("c").r#type(name).precision(precision).scale(scale).build().unwrap()
    }

    fn read(column: ColumnInfo, text: &[Option<&str>]) -> Result<(DataType, Vec<Option<String>>)> {
        let schema = schema(&[column])?;
        let batch = typed(&schema, &[StringArray::from(text.to_vec())], text.len(), 1)?;
        let column = batch.column(0);
        let options = FormatOptions::new();
        let shown = ArrayFormatter::try_new(column, &options).unwrap();
        let cell =
            |row| (!column.is_null(row) && column.data_type() != &DataType::Null).then(|| shown.value(row).to_string());
        Ok((column.data_type().clone(), (0..column.len()).map(cell).collect()))
    }

    #[test]
    fn every_type_by_example() {
        let ms = || DataType::Timestamp(TimeUnit::Millisecond, None);
        let utc = || DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        for (name, data_type, text, expected) in [
            ("boolean", DataType::Boolean, "true", "true"),
            ("tinyint", DataType::Int8, "-128", "-128"),
            ("smallint", DataType::Int16, "32767", "32767"),
            ("integer", DataType::Int32, "-7", "-7"),
            ("bigint", DataType::Int64, "9223372036854775807", "9223372036854775807"),
            ("float", DataType::Float32, "1.5", "1.5"),
            ("real", DataType::Float32, "NaN", "NaN"),
            ("double", DataType::Float64, "1.0E10", "10000000000.0"),
            ("double", DataType::Float64, "-Infinity", "-inf"),
            ("varchar", DataType::Utf8, "", ""),
            ("char(3)", DataType::Utf8, "ab ", "ab "),
            ("json", DataType::Utf8, "{\"a\":1}", "{\"a\":1}"),
            ("varbinary", DataType::Binary, "de ad be ef", "deadbeef"),
            ("varbinary", DataType::Binary, "", ""),
            ("date", DataType::Date32, "1969-12-31", "1969-12-31"),
            ("time", DataType::Time32(TimeUnit::Millisecond), "21:05:00.250", "21:05:00.250"),
            ("timestamp", ms(), "2015-05-20 21:05:00.250", "2015-05-20T21:05:00.250"),
            ("timestamp", ms(), "1969-12-31 23:59:59.999", "1969-12-31T23:59:59.999"),
            ("timestamp with time zone", utc(), "2015-05-20 21:05:00.000 UTC", "2015-05-20T21:05:00Z"),
            ("timestamp with time zone", utc(), "2015-05-20 21:05:00.000 +02:00", "2015-05-20T19:05:00Z"),
            ("timestamp with time zone", utc(), "2015-05-20 21:05:00.000 Europe/Berlin", "2015-05-20T19:05:00Z"),
            ("interval day to second", DataType::Utf8, "1 00:00:00.000", "1 00:00:00.000"),
            ("array", DataType::Utf8, "[a, b]", "[a, b]"),
            ("row", DataType::Utf8, "{k=v}", "{k=v}"),
        ] {
            let (found, values) = read(column(name, 0, 0), &[Some(text), None]).unwrap();
            assert_eq!((found, values[0].as_deref(), &values[1]), (data_type, Some(expected), &None), "{name}");
        }
        let (found, values) = read(column("decimal", 10, 2), &[Some("-12.5"), Some("7"), None]).unwrap();
        assert_eq!(found, DataType::Decimal128(10, 2));
        assert_eq!(values, [Some("-12.50".to_owned()), Some("7.00".to_owned()), None]);
        assert_eq!(read(column("unknown", 0, 0), &[None]).unwrap().0, DataType::Null);
    }

    #[test]
    fn what_is_not_of_its_type_is_told_with_column_and_row() {
        for (name, text) in [
            ("boolean", "1"),
            ("tinyint", "128"),
            ("integer", "1.0"),
            ("integer", ""),
            ("double", "1,5"),
            ("varbinary", "d ea"),
            ("varbinary", "+f"),
            ("date", "2015-02-30"),
            ("time", "25:00:00"),
            ("timestamp", "2015-05-20 21:05:00.0001"),
            ("timestamp", "2015-05-20T21:05:00"),
            ("timestamp with time zone", "2015-05-20 21:05:00.000"),
            ("timestamp with time zone", "2015-10-25 02:30:00.000 Europe/Berlin"),
            ("unknown", "x"),
        ] {
            let error = read(column(name, 0, 0), &[None, Some(text)]).unwrap_err();
            assert!(error.message().starts_with(&format!("column c, row 2: {text:?} is no ")), "{name} {error}");
        }
        for text in ["1.234", "123456789", ".5", "1e3", "", "-", "+1"] {
            assert!(read(column("decimal", 8, 2), &[Some(text)]).is_err(), "{text}");
        }
        assert!(read(column("hyperloglog", 0, 0), &[]).unwrap_err().message().contains("type hyperloglog"));
        assert!(read(column("decimal", 0, 0), &[]).is_err());
    }
}

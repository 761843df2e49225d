//! Fields to columns: which field feeds which column, conversion to the column's type, and `extra` for all the rest.
//!
//! A value that does not fit its column costs that value, not the record: the column is NULL and the value is in `extra`
//! under its own name, with whatever no column takes. A field that comes twice counts once; the second is in `extra`.

use super::parse::{FieldSpan, Fields, Kind, unescape};
use super::time::TimeFormat;
use crate::error::{Error, Result};
use crate::table::{Column, ColumnSource, HiveType, TableSchema};
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int32Builder, Int64Builder, StringArray, StringBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::Decimal128Type;
use arrow::error::ArrowError;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::collections::HashMap;
use std::sync::Arc;

/// 2000-01-01: an event time before it is a clock that was never set.
const EARLIEST_EVENT: i64 = 946_684_800_000;
/// How far after its delivery an event may claim to be.
const LATEST_AFTER_DELIVERY: TimeDelta = TimeDelta::days(1);

/// Columns of a batch that are built from fields; computed ones are `None` at their places.
pub(super) struct Built {
    pub(super) columns: Vec<Option<ArrayRef>>,
    pub(super) extra: ArrayRef,
}

/// Collects rows.
pub(super) struct RowBuilder {
    columns: Vec<Option<FieldColumn>>,
    event_time: Option<usize>,
    sources: Sources,
    plan: Plan,
    extra: StringBuilder,
    extra_text: Vec<u8>,
    scratch: Vec<u8>,
    leftover: Vec<bool>,
    times: Vec<i64>,
    delivered: i64,
    latest: i64,
    by_delivery: u64,
    bytes: usize,
}

impl RowBuilder {
    pub(super) fn new(schema: &TableSchema) -> Result<Self> {
        let mut sources = Sources::default();
        let columns =
            schema.columns.iter().map(|column| FieldColumn::new(column, &mut sources)).collect::<Result<_>>()?;
        Ok(RowBuilder {
            columns,
            event_time: schema.event_time,
            sources,
            plan: Plan::default(),
            extra: StringBuilder::new(),
            extra_text: Vec::new(),
            scratch: Vec::new(),
            leftover: Vec::new(),
            times: Vec::new(),
            delivered: 0,
            latest: 0,
            by_delivery: 0,
            bytes: 0,
        })
    }

    /// The rows that follow are of an object that was delivered then.
    pub(super) fn start_object(&mut self, delivered: DateTime<Utc>) {
        self.delivered = delivered.timestamp_millis();
        self.latest = self.delivered + LATEST_AFTER_DELIVERY.num_milliseconds();
        self.by_delivery = 0;
        if !self.times.is_empty() {
            drop(self.finish()); // an object before this one failed half-way: its rows must not count
        }
    }

    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// Bytes of record text so far.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Rows of this object that had no usable event time.
    pub(super) fn by_delivery(&self) -> u64 {
        self.by_delivery
    }

    /// One record as a row.
    pub(super) fn append(&mut self, buffer: &[u8], fields: &Fields) {
        if !self.plan.fits(fields) {
            self.plan.make(&self.columns, &mut self.sources, buffer, fields, &mut self.scratch);
        }
        self.leftover.clone_from(&self.plan.leftover);
        let mut event_time = None;
        for (at, column) in self.columns.iter_mut().enumerate() {
            let Some(column) = column else { continue };
            column.last_time = None;
            match self.plan.items[at] {
                Some(item) => {
                    let fits = column.append(buffer, &fields.items[item], &mut self.scratch);
                    self.leftover[item] |= !fits;
                }
                None => column.values.append_null(),
            }
            if self.event_time == Some(at) {
                event_time = column.last_time;
            }
        }
        self.append_extra(buffer, fields);
        self.append_time(event_time);
        self.bytes += fields.items.last().map_or(0, |last| last.value.end - fields.items[0].key.start);
    }

    fn append_time(&mut self, event_time: Option<i64>) {
        let usable = event_time.filter(|time| (EARLIEST_EVENT..=self.latest).contains(time));
        self.by_delivery += u64::from(usable.is_none());
        self.times.push(usable.unwrap_or(self.delivered));
    }

    fn append_extra(&mut self, buffer: &[u8], fields: &Fields) {
        self.extra_text.clear();
        for (field, _) in fields.items.iter().zip(&self.leftover).filter(|(_, leftover)| **leftover) {
            self.extra_text.push(if self.extra_text.is_empty() { b'{' } else { b',' });
            self.extra_text.extend_from_slice(&buffer[field.key.start - 1..field.key.end + 1]);
            self.extra_text.push(b':');
            self.extra_text.extend_from_slice(&buffer[field.value.clone()]);
        }
        if self.extra_text.is_empty() {
            return self.extra.append_null();
        }
        self.extra_text.push(b'}');
        self.extra.append_value(String::from_utf8_lossy(&self.extra_text));
    }

    /// The rows so far, and each row's time for partitioning. Begins a new batch.
    pub(super) fn finish(&mut self) -> Result<(Built, Vec<i64>)> {
        let (extra, times) = (Arc::new(self.extra.finish()), std::mem::take(&mut self.times));
        self.bytes = 0;
        // Every column is finished, also where one fails: what follows is a new batch.
        let columns: Vec<_> =
            self.columns.iter_mut().map(|column| column.as_mut().map(|column| column.values.finish())).collect();
        let columns = columns.into_iter().map(Option::transpose).collect::<Result<_, _>>();
        let columns = columns.map_err(|e| Error::internal("a column of text is not UTF-8").caused_by(e))?;
        Ok((Built { columns, extra }, times))
    }
}

/// Which field each column takes, and which are left over: the names alone decide, so it is found once a shape.
#[derive(Default)]
struct Plan {
    shape: Option<u64>,
    /// By column.
    items: Vec<Option<usize>>,
    /// By field.
    leftover: Vec<bool>,
}

impl Plan {
    #[inline]
    fn fits(&self, fields: &Fields) -> bool {
        self.shape.is_some() && self.shape == fields.shape() && self.leftover.len() == fields.items.len()
    }

    fn make(
        &mut self,
        columns: &[Option<FieldColumn>],
        sources: &mut Sources,
        buffer: &[u8],
        fields: &Fields,
        scratch: &mut Vec<u8>,
    ) {
        self.shape = fields.shape();
        self.leftover.clear();
        self.leftover.resize(fields.items.len(), false);
        sources.assign(buffer, fields, &mut self.leftover, scratch);
        let item = |column: &Option<FieldColumn>| sources.first_present(&column.as_ref()?.from);
        self.items.clear();
        self.items.extend(columns.iter().map(item));
        sources.release(&mut self.leftover);
    }
}

/// The record's fields that columns ask for. A field is found by the name that stood at its place in the record before:
/// producers write one shape over and over.
#[derive(Default)]
struct Sources {
    by_name: HashMap<Vec<u8>, usize>,
    /// By place in the record: the name as it stood there, and its source.
    predicted: Vec<(Vec<u8>, Option<usize>)>,
    /// By source: the item that has it in this record, and whether a column took it.
    present: Vec<Option<(usize, bool)>>,
}

impl Sources {
    /// The source for a field's name, without case.
    fn source(&mut self, name: &str) -> usize {
        let next = self.present.len();
        let source = *self.by_name.entry(name.to_lowercase().into_bytes()).or_insert(next);
        if source == next {
            self.present.push(None);
        }
        source
    }

    /// Finds each field's source; what has none, or comes a second time, is left over.
    fn assign(&mut self, buffer: &[u8], fields: &Fields, leftover: &mut [bool], scratch: &mut Vec<u8>) {
        self.present.fill(None);
        for (at, field) in fields.items.iter().enumerate() {
            match self.source_of(buffer, at, field, scratch) {
                Some(source) if self.present[source].is_none() => self.present[source] = Some((at, false)),
                _ => leftover[at] = true,
            }
        }
    }

    #[inline]
    fn source_of(&mut self, buffer: &[u8], at: usize, field: &FieldSpan, scratch: &mut Vec<u8>) -> Option<usize> {
        let name = &buffer[field.key.clone()];
        match self.predicted.get(at) {
            Some((predicted, source)) if predicted == name => *source,
            _ => self.learn(at, name, field.key_escaped, scratch),
        }
    }

    #[cold]
    fn learn(&mut self, at: usize, name: &[u8], escaped: bool, scratch: &mut Vec<u8>) -> Option<usize> {
        scratch.clear();
        match escaped {
            true => unescape(name, scratch),
            false => scratch.extend_from_slice(name),
        }
        let lower = String::from_utf8_lossy(scratch).to_lowercase();
        let source = self.by_name.get(lower.as_bytes()).copied();
        const REMEMBERED: usize = 256; // records with more fields than any log format has are looked up one by one
        if at < REMEMBERED {
            if self.predicted.len() <= at {
                self.predicted.resize_with(at + 1, Default::default);
            }
            self.predicted[at] = (name.to_vec(), source);
        }
        source
    }

    /// The first of a column's sources that the record has.
    #[inline]
    fn first_present(&mut self, from: &[usize]) -> Option<usize> {
        let (item, taken) = from
            .iter()
            .find_map(|source| self.present[*source].is_some().then_some(*source))
            .and_then(|s| self.present[s].as_mut())?;
        *taken = true;
        Some(*item)
    }

    /// What no column took is left over.
    fn release(&self, leftover: &mut [bool]) {
        for (item, _) in self.present.iter().flatten().filter(|(_, taken)| !taken) {
            leftover[*item] = true;
        }
    }
}

/// A column that comes from fields.
struct FieldColumn {
    from: Vec<usize>,
    null: Vec<String>,
    formats: Vec<TimeFormat>,
    zone: Tz,
    values: Values,
    /// Times repeat from record to record: the text that was read last, and its value.
    last_text: Vec<u8>,
    last_value: Option<i64>,
    /// The time of the row appended last, for the event-time column.
    last_time: Option<i64>,
}

impl FieldColumn {
    fn new(column: &Column, sources: &mut Sources) -> Result<Option<Self>> {
        let ColumnSource::Fields { from, null, formats, zone } = &column.source else {
            return Ok(None);
        };
        let default = match column.hive_type {
            HiveType::Timestamp => "iso8601",
            _ => "%Y-%m-%d",
        };
        let formats: Vec<&str> =
            if formats.is_empty() { vec![default] } else { formats.iter().map(String::as_str).collect() };
        let wrong = |what: String| Error::usage(format!("column {}: {what}", column.name));
        Ok(Some(FieldColumn {
            from: from.iter().map(|name| sources.source(name)).collect(),
            null: null.clone(),
            formats: formats.into_iter().map(TimeFormat::compile).collect::<Result<_, _>>().map_err(wrong)?,
            zone: *zone,
            values: Values::new(column.hive_type),
            last_text: Vec::new(),
            last_value: None,
            last_time: None,
        }))
    }

    /// Appends one value; false where it did not fit, and NULL was appended.
    fn append(&mut self, buffer: &[u8], field: &FieldSpan, scratch: &mut Vec<u8>) -> bool {
        let raw = &buffer[field.value.clone()];
        let text = match field.kind {
            Kind::Null => {
                self.values.append_null();
                return true;
            }
            Kind::Plain => &raw[1..raw.len() - 1],
            Kind::Escaped => {
                scratch.clear();
                unescape(&raw[1..raw.len() - 1], scratch);
                scratch.as_slice()
            }
            Kind::Number | Kind::True | Kind::False | Kind::Nested => raw,
        };
        if self.null.iter().any(|null| null.as_bytes() == text) {
            self.values.append_null();
            return true;
        }
        let fits = match &mut self.values {
            Values::Timestamp(values) => {
                let time = cached(&mut self.last_text, &mut self.last_value, text, |text| {
                    self.formats.iter().find_map(|format| format.millis(text, self.zone))
                });
                self.last_time = time;
                time.map(|time| values.append_value(time))
            }
            Values::Date(values) => self
                .formats
                .iter()
                .find_map(|format| format.days(text, self.zone))
                .map(|days| values.append_value(days)),
            values => values.append(text, field.kind),
        };
        if fits.is_none() {
            self.values.append_null();
        }
        fits.is_some()
    }
}

fn cached(
    last: &mut Vec<u8>,
    value: &mut Option<i64>,
    text: &[u8],
    read: impl FnOnce(&[u8]) -> Option<i64>,
) -> Option<i64> {
    if last != text {
        *value = read(text);
        last.clear();
        last.extend_from_slice(text);
    }
    *value
}

/// A column's values so far, by type.
enum Values {
    /// Checked to be UTF-8 as a whole, which costs far less than value by value.
    String(BinaryBuilder),
    Bigint(Int64Builder),
    Int(Int32Builder),
    Double(Float64Builder),
    Float(Float32Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMillisecondBuilder),
    Decimal(Decimal128Builder, u8, i8),
    Binary(BinaryBuilder),
}

/// Runs the same code on whichever builder there is.
macro_rules! each {
    ($values:expr, $builder:ident => $do:expr) => {
        match $values {
            Values::String($builder) => $do,
            Values::Bigint($builder) => $do,
            Values::Int($builder) => $do,
            Values::Double($builder) => $do,
            Values::Float($builder) => $do,
            Values::Boolean($builder) => $do,
            Values::Date($builder) => $do,
            Values::Timestamp($builder) => $do,
            Values::Decimal($builder, ..) => $do,
            Values::Binary($builder) => $do,
        }
    };
}

impl Values {
    fn new(hive_type: HiveType) -> Self {
        match hive_type {
            HiveType::String => Values::String(BinaryBuilder::new()),
            HiveType::Bigint => Values::Bigint(Int64Builder::new()),
            HiveType::Int => Values::Int(Int32Builder::new()),
            HiveType::Double => Values::Double(Float64Builder::new()),
            HiveType::Float => Values::Float(Float32Builder::new()),
            HiveType::Boolean => Values::Boolean(BooleanBuilder::new()),
            HiveType::Date => Values::Date(Date32Builder::new()),
            HiveType::Timestamp => Values::Timestamp(TimestampMillisecondBuilder::new()),
            HiveType::Decimal(precision, scale) => {
                let builder =
                    Decimal128Builder::new().with_data_type(arrow::datatypes::DataType::Decimal128(precision, scale));
                Values::Decimal(builder, precision, scale)
            }
            HiveType::Binary => Values::Binary(BinaryBuilder::new()),
        }
    }

    fn append_null(&mut self) {
        each!(self, builder => builder.append_null());
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        match self {
            Values::String(builder) => Ok(Arc::new(StringArray::try_from_binary(builder.finish())?)),
            values => Ok(each!(values, builder => Arc::new(builder.finish()))),
        }
    }

    /// Appends `text`; `None` where it does not fit, and nothing was appended. Times and dates are the caller's: they need
    /// the column's formats.
    #[inline]
    fn append(&mut self, text: &[u8], kind: Kind) -> Option<()> {
        if kind == Kind::Nested && !matches!(self, Values::String(_)) {
            return None;
        }
        // A record is UTF-8 as a whole, so this cannot fail.
        let checked = || std::str::from_utf8(text).ok();
        match self {
            Values::String(values) | Values::Binary(values) => values.append_value(text),
            Values::Bigint(values) => values.append_value(digits(text).or_else(|| integer(checked()?))?),
            Values::Int(values) => values.append_value(digits(text).or_else(|| integer(checked()?))?.try_into().ok()?),
            Values::Double(values) => values.append_value(double(checked()?)?),
            Values::Float(values) => {
                values.append_value(checked()?.trim().parse().ok().filter(|v: &f32| v.is_finite())?)
            }
            Values::Boolean(values) => values.append_value(boolean(checked()?)?),
            Values::Decimal(values, precision, scale) => values.append_value(decimal(checked()?, *precision, *scale)?),
            Values::Date(_) | Values::Timestamp(_) => return None,
        }
        Some(())
    }
}

/// The usual number: some digits, too few to overflow.
#[inline]
fn digits(text: &[u8]) -> Option<i64> {
    let digit = |b: &u8| b.is_ascii_digit();
    let value = |sum: i64, b: &u8| sum * 10 + i64::from(b - b'0');
    ((1..=18).contains(&text.len()) && text.iter().all(digit)).then(|| text.iter().fold(0, value))
}

/// `200`, `+5`, ` 7 `, and `200.0` or `2e2`, which are whole numbers all the same; never one that is rounded.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        let value = double(text)?;
        (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64)
    })
}

fn double(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "TRUE" | "True" => Some(true),
        "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Exact: digits beyond the scale must be zeros.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = text.trim();
    if text.contains(['e', 'E']) {
        return None;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let kept = fraction.trim_end_matches('0');
    if kept.len() > scale as usize || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    arrow::compute::kernels::cast_utils::parse_decimal::<Decimal128Type>(&format!("{whole}.{kept}0"), precision, scale)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_fit_and_that_do_not() {
        assert_eq!(
            [integer("200"), integer("+5"), integer(" -7 "), integer("200.0"), integer("2e2")],
            [Some(200), Some(5), Some(-7), Some(200), Some(200)]
        );
        assert_eq!(
            [digits(b"0"), digits(b"042"), digits(b"999999999999999999")],
            [Some(0), Some(42), Some(999_999_999_999_999_999)]
        );
        assert_eq!([digits(b""), digits(b"-1"), digits(b"1.0"), digits(b"9223372036854775807")], [None; 4]);
        for wrong in ["", "-", "abc", "1.5", "99999999999999999999", "9007199254740993.0", "0x10", "NaN", "1e400"] {
            assert_eq!(integer(wrong), None, "{wrong}");
        }
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(
            [decimal("1.50", 10, 2), decimal("-3", 10, 2), decimal("1.500", 10, 2)],
            [Some(150), Some(-300), Some(150)]
        );
        assert_eq!(
            [decimal("1.505", 10, 2), decimal("123456789", 10, 2), decimal("x", 10, 2), decimal("1e2", 10, 2)],
            [None; 4]
        );
    }
}

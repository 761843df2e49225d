//! A column's values so far, by type; and how a value of a record becomes one of them.
//!
//! At every depth the same rule: a value that does not fit is NULL there, and stays behind in the record as left over.
//! Of an object, that is what does not fit and what no field takes; of an array, which has no names inside, the whole.

use super::parse::{Kind, unescape};
use super::record::{Place, Record};
use super::scalar::{boolean, decimal, digits, double, integer};
use super::time::TimeFormat;
use crate::error::{Error, Result};
use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, ListArray, MapArray, StringArray,
    StructArray, TimestampMillisecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::error::ArrowError;
use chrono_tz::Tz;
use std::collections::HashSet;
use std::sync::Arc;

/// How the texts of a column are read.
pub(super) struct Reading {
    null: Vec<String>,
    times: Vec<TimeFormat>,
    dates: Vec<TimeFormat>,
    zone: Tz,
    /// Times repeat from record to record: the text that was read last, and its value.
    last_text: Vec<u8>,
    last_value: Option<i64>,
    scratch: Vec<u8>,
}

impl Reading {
    /// # Errors
    /// What is wrong with a format, in words.
    pub(super) fn new(null: &[String], formats: &[String], zone: Tz) -> Result<Self, String> {
        let formats = |default: &str| match formats {
            [] => Ok(vec![TimeFormat::compile(default)?]),
            told => told.iter().map(|format| TimeFormat::compile(format)).collect(),
        };
        Ok(Reading {
            null: null.to_vec(),
            times: formats("iso8601")?,
            dates: formats("%Y-%m-%d")?,
            zone,
            last_text: Vec::new(),
            last_value: None,
            scratch: Vec::new(),
        })
    }

    fn time(&mut self, text: &[u8]) -> Option<i64> {
        if self.last_text != text {
            self.last_value = self.times.iter().find_map(|format| format.millis(text, self.zone));
            self.last_text.clear();
            self.last_text.extend_from_slice(text);
        }
        self.last_value
    }

    fn days(&self, text: &[u8]) -> Option<i32> {
        self.dates.iter().find_map(|format| format.days(text, self.zone))
    }

    fn is_null(&self, text: &[u8]) -> bool {
        self.null.iter().any(|null| null.as_bytes() == text)
    }
}

/// A column's values so far, by type.
pub(super) enum Values {
    /// Checked to be UTF-8 as a whole, which costs far less than value by value.
    String(BinaryBuilder),
    Bigint(Int64Builder),
    Int(Int32Builder),
    Smallint(Int16Builder),
    Tinyint(Int8Builder),
    Double(Float64Builder),
    Float(Float32Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMillisecondBuilder),
    Decimal(Decimal128Builder, u8, i8),
    Binary(BinaryBuilder),
    Nested(Box<Nested>),
}

/// Runs the same code on whichever builder there is.
macro_rules! each {
    ($values:expr, $builder:ident => $do:expr, $nested:ident => $do_nested:expr) => {
        match $values {
            Values::String($builder) => $do,
            Values::Bigint($builder) => $do,
            Values::Int($builder) => $do,
            Values::Smallint($builder) => $do,
            Values::Tinyint($builder) => $do,
            Values::Double($builder) => $do,
            Values::Float($builder) => $do,
            Values::Boolean($builder) => $do,
            Values::Date($builder) => $do,
            Values::Timestamp($builder) => $do,
            Values::Decimal($builder, ..) => $do,
            Values::Binary($builder) => $do,
            Values::Nested($nested) => $do_nested,
        }
    };
}

impl Values {
    /// No values yet, for a type as schema files have it.
    pub(super) fn new(data_type: &DataType) -> Result<Self> {
        Ok(match data_type {
            DataType::Utf8 => Values::String(BinaryBuilder::new()),
            DataType::Int64 => Values::Bigint(Int64Builder::new()),
            DataType::Int32 => Values::Int(Int32Builder::new()),
            DataType::Int16 => Values::Smallint(Int16Builder::new()),
            DataType::Int8 => Values::Tinyint(Int8Builder::new()),
            DataType::Float64 => Values::Double(Float64Builder::new()),
            DataType::Float32 => Values::Float(Float32Builder::new()),
            DataType::Boolean => Values::Boolean(BooleanBuilder::new()),
            DataType::Date32 => Values::Date(Date32Builder::new()),
            DataType::Timestamp(..) => Values::Timestamp(TimestampMillisecondBuilder::new()),
            DataType::Decimal128(precision, scale) => {
                let builder = Decimal128Builder::new().with_data_type(data_type.clone());
                Values::Decimal(builder, *precision, *scale)
            }
            DataType::Binary => Values::Binary(BinaryBuilder::new()),
            nested => Values::Nested(Box::new(Nested::new(nested)?)),
        })
    }

    fn len(&self) -> usize {
        each!(self, builder => builder.len(), nested => nested.len())
    }

    pub(super) fn append_null(&mut self) {
        each!(self, builder => builder.append_null(), nested => nested.append_null());
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        match self {
            Values::String(builder) => Ok(Arc::new(StringArray::try_from_binary(builder.finish())?)),
            values => each!(values, builder => Ok(Arc::new(builder.finish())), nested => nested.finish()),
        }
    }

    /// Appends the record's value at `place`, or NULL where that does not fit.
    #[inline]
    pub(super) fn append(&mut self, reading: &mut Reading, record: &mut Record<'_>, place: Place) {
        match self {
            Values::Nested(nested) => nested.append(reading, record, place),
            scalar => {
                let fits = scalar.append_scalar(reading, record, place);
                if fits.is_none() {
                    scalar.append_null();
                }
                record.mark(place, fits.is_some());
            }
        }
    }

    /// `None` where the value does not fit, and nothing was appended.
    #[inline]
    fn append_scalar(&mut self, reading: &mut Reading, record: &Record<'_>, place: Place) -> Option<()> {
        let span = record.span(place);
        let raw = &record.buffer[span.value.clone()];
        match span.kind {
            Kind::Plain => self.append_unless_null(reading, &raw[1..raw.len() - 1], span.kind),
            Kind::Escaped => {
                let mut scratch = std::mem::take(&mut reading.scratch);
                scratch.clear();
                unescape(&raw[1..raw.len() - 1], &mut scratch);
                let fits = self.append_unless_null(reading, &scratch, span.kind);
                reading.scratch = scratch;
                fits
            }
            Kind::Null => {
                self.append_null();
                Some(())
            }
            Kind::Number | Kind::True | Kind::False | Kind::Nested => self.append_unless_null(reading, raw, span.kind),
        }
    }

    #[inline]
    fn append_unless_null(&mut self, reading: &mut Reading, text: &[u8], kind: Kind) -> Option<()> {
        if reading.is_null(text) {
            self.append_null();
            return Some(());
        }
        self.append_text(reading, text, kind)
    }

    #[inline]
    fn append_text(&mut self, reading: &mut Reading, text: &[u8], kind: Kind) -> Option<()> {
        if kind == Kind::Nested && !matches!(self, Values::String(_)) {
            return None;
        }
        // A record is UTF-8 as a whole, so this cannot fail.
        let checked = || std::str::from_utf8(text).ok();
        let whole = || digits(text).or_else(|| integer(checked()?));
        match self {
            Values::String(values) | Values::Binary(values) => values.append_value(text),
            Values::Bigint(values) => values.append_value(whole()?),
            Values::Int(values) => values.append_value(whole()?.try_into().ok()?),
            Values::Smallint(values) => values.append_value(whole()?.try_into().ok()?),
            Values::Tinyint(values) => values.append_value(whole()?.try_into().ok()?),
            Values::Double(values) => values.append_value(double(checked()?)?),
            Values::Float(values) => {
                values.append_value(checked()?.trim().parse().ok().filter(|v: &f32| v.is_finite())?)
            }
            Values::Boolean(values) => values.append_value(boolean(checked()?)?),
            Values::Decimal(values, precision, scale) => values.append_value(decimal(checked()?, *precision, *scale)?),
            Values::Date(values) => values.append_value(reading.days(text)?),
            Values::Timestamp(values) => values.append_value(reading.time(text)?),
            Values::Nested(_) => return None,
        }
        Some(())
    }
}

/// Values with values inside. `valid` says of each whether it is there.
pub(super) enum Nested {
    Array { field: FieldRef, element: Values, offsets: Vec<i32>, valid: Vec<bool> },
    Map { entry: FieldRef, keys: BinaryBuilder, values: Values, offsets: Vec<i32>, valid: Vec<bool> },
    Struct { fields: Fields, values: Vec<Values>, valid: Vec<bool> },
}

impl Nested {
    fn new(data_type: &DataType) -> Result<Self> {
        let (offsets, valid) = (vec![0], Vec::new());
        let unknown = || Error::internal(format!("no column of a schema is {data_type}"));
        Ok(match data_type {
            DataType::List(field) => {
                Nested::Array { field: field.clone(), element: Values::new(field.data_type())?, offsets, valid }
            }
            DataType::Map(entry, _) => {
                let DataType::Struct(fields) = entry.data_type() else { return Err(unknown()) };
                let values = Values::new(fields.last().ok_or_else(unknown)?.data_type())?;
                Nested::Map { entry: entry.clone(), keys: BinaryBuilder::new(), values, offsets, valid }
            }
            DataType::Struct(fields) => {
                let values = fields.iter().map(|field| Values::new(field.data_type())).collect::<Result<_>>()?;
                Nested::Struct { fields: fields.clone(), values, valid }
            }
            _ => return Err(unknown()),
        })
    }

    fn append_null(&mut self) {
        self.end(false);
        if let Nested::Struct { values, .. } = self {
            values.iter_mut().for_each(Values::append_null);
        }
    }

    fn len(&self) -> usize {
        match self {
            Nested::Array { valid, .. } | Nested::Map { valid, .. } | Nested::Struct { valid, .. } => valid.len(),
        }
    }

    /// One more value, whose inside is appended already.
    fn end(&mut self, is_valid: bool) {
        let (valid, offsets, end) = match self {
            Nested::Array { element, offsets, valid, .. } => (valid, Some(offsets), element.len()),
            Nested::Map { keys, offsets, valid, .. } => (valid, Some(offsets), keys.len()),
            Nested::Struct { valid, .. } => (valid, None, 0),
        };
        valid.push(is_valid);
        if let Some(offsets) = offsets {
            offsets.push(end as i32); // a batch is at most some MB of text
        }
    }

    fn append(&mut self, reading: &mut Reading, record: &mut Record<'_>, place: Place) {
        let span = record.span(place);
        let text = &record.buffer[span.value.clone()];
        let inside = if matches!(span.kind, Kind::Plain | Kind::Escaped) { &text[1..text.len() - 1] } else { text };
        if span.kind == Kind::Null || reading.is_null(inside) {
            self.append_null();
            return record.mark(place, true);
        }
        match self.append_inside(reading, record, place) {
            Some(()) => self.end(true),
            None => {
                self.append_null();
                record.mark(place, false);
            }
        }
    }

    /// `None` where the value is neither the array nor the object that the type wants, and nothing was appended.
    fn append_inside(&mut self, reading: &mut Reading, record: &mut Record<'_>, place: Place) -> Option<()> {
        match self {
            Nested::Array { element, .. } => {
                let used_up = record.each_element(place, |record, at| element.append(reading, record, at))?;
                record.mark(place, used_up);
            }
            Nested::Map { keys, values, .. } => {
                let members = record.members(place)?;
                if members.is_empty() {
                    record.mark(place, true);
                }
                let mut seen = HashSet::new();
                for member in members {
                    if seen.insert(record.unescaped(member).to_vec()) {
                        keys.append_value(record.unescaped(member));
                        values.append(reading, record, member);
                    }
                }
            }
            Nested::Struct { fields, values, .. } => {
                let members = record.members(place)?;
                if members.is_empty() {
                    record.mark(place, true);
                }
                let mut places = vec![None; fields.len()];
                for (at, member) in members.enumerate() {
                    if let Some(found) = field_of(fields, at, record, member) {
                        places[found].get_or_insert(member);
                    }
                }
                for (values, place) in values.iter_mut().zip(places) {
                    match place {
                        Some(member) => values.append(reading, record, member),
                        None => values.append_null(),
                    }
                }
            }
        }
        Some(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = |valid: &mut Vec<bool>| Some(NullBuffer::from(std::mem::take(valid)));
        let ends = |offsets: &mut Vec<i32>| OffsetBuffer::new(std::mem::replace(offsets, vec![0]).into());
        Ok(match self {
            Nested::Array { field, element, offsets, valid } => {
                let values = element.finish();
                let (offsets, nulls) = (ends(offsets), nulls(valid));
                Arc::new(ListArray::try_new(field.clone(), offsets, values?, nulls)?)
            }
            Nested::Map { entry, keys, values, offsets, valid } => {
                let (keys, values) = (keys.finish(), values.finish());
                let (offsets, nulls) = (ends(offsets), nulls(valid));
                let DataType::Struct(fields) = entry.data_type() else {
                    return Err(ArrowError::SchemaError("a map without entries".into()));
                };
                let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::try_from_binary(keys)?), values?];
                let entries = StructArray::try_new(fields.clone(), columns, None)?;
                Arc::new(MapArray::try_new(entry.clone(), offsets, entries, nulls, false)?)
            }
            Nested::Struct { fields, values, valid } => {
                let columns: Vec<_> = values.iter_mut().map(Values::finish).collect();
                let nulls = nulls(valid);
                let columns = columns.into_iter().collect::<Result<_, _>>()?;
                Arc::new(StructArray::try_new(fields.clone(), columns, nulls)?)
            }
        })
    }
}

/// The field that a member is named like; producers write them in the type's order as a rule.
fn field_of(fields: &Fields, at: usize, record: &mut Record<'_>, member: Place) -> Option<usize> {
    let is = |field: &usize, record: &mut Record<'_>| record.is_named(member, fields[*field].name());
    let expected = Some(at).filter(|at| *at < fields.len() && is(at, record));
    expected.or_else(|| (0..fields.len()).find(|field| is(field, record)))
}

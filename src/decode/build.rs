//! Records to rows: each column's value, and `extra` for all the rest.
//!
//! A value that does not fit its column costs that value, not the record: the column is NULL and the value is in `extra`
//! under its own name, with whatever no column takes. A field that comes twice counts once; the second is in `extra`.

use super::parse::Fields;
use super::plan::{Plan, Source, Sources};
use super::record::{Record, Room};
use super::values::{Reading, Values};
use crate::error::{Error, Result};
use crate::table::{Column, ColumnSource, TableSchema};
use arrow::array::{Array, ArrayBuilder, ArrayRef, AsArray, RecordBatch, StringBuilder};
use arrow::datatypes::TimestampMillisecondType;
use chrono::{DateTime, TimeDelta, Utc};
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
    room: Room,
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
            room: Room::default(),
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
        if self.len() > 0 {
            drop(self.finish()); // an object before this one failed half-way: its rows must not count
        }
    }

    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.extra.len()
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
            let sources = self.columns.iter().map(|column| column.as_ref().map_or(&[][..], |column| &column.from));
            self.plan.make(sources, &mut self.sources, buffer, fields);
        }
        let mut record = Record::new(buffer, &fields.items, &mut self.room);
        for (at, column) in self.columns.iter_mut().enumerate() {
            let Some(FieldColumn { values, reading, .. }) = column else { continue };
            match self.plan.place(at, &mut record) {
                Some(place) => values.append(reading, &mut record, place),
                None => values.append_null(),
            }
        }
        self.extra_text.clear();
        record.push_rest(&mut self.extra_text);
        match &self.extra_text[..] {
            [] => self.extra.append_null(),
            text => self.extra.append_value(String::from_utf8_lossy(text)),
        }
        self.bytes += fields.items.last().map_or(0, |last| last.value.end - fields.items[0].key.start);
    }

    /// Each row's time for partitioning, in a batch of rows of this object.
    pub(super) fn times(&mut self, batch: &RecordBatch) -> Vec<i64> {
        let events = self.event_time.and_then(|at| batch.column(at).as_primitive_opt::<TimestampMillisecondType>());
        let usable = |time: &i64| (EARLIEST_EVENT..=self.latest).contains(time);
        let event = |row: usize| events.filter(|events| events.is_valid(row)).map(|events| events.value(row));
        let events: Vec<Option<i64>> = (0..batch.num_rows()).map(|row| event(row).filter(usable)).collect();
        self.by_delivery += events.iter().filter(|time| time.is_none()).count() as u64;
        events.into_iter().map(|time| time.unwrap_or(self.delivered)).collect()
    }

    /// The rows so far. Begins a new batch.
    pub(super) fn finish(&mut self) -> Result<Built> {
        let extra = Arc::new(self.extra.finish());
        self.bytes = 0;
        // Every column is finished, also where one fails: what follows is a new batch.
        let columns: Vec<_> =
            self.columns.iter_mut().map(|column| column.as_mut().map(|column| column.values.finish())).collect();
        let columns = columns.into_iter().map(Option::transpose).collect::<Result<_, _>>();
        let columns = columns.map_err(|e| Error::internal("a column of text is not UTF-8").caused_by(e))?;
        Ok(Built { columns, extra })
    }
}

/// A column that comes from fields.
struct FieldColumn {
    from: Vec<Source>,
    reading: Reading,
    values: Values,
}

impl FieldColumn {
    fn new(column: &Column, sources: &mut Sources) -> Result<Option<Self>> {
        let ColumnSource::Fields { from, null, formats, zone } = &column.source else {
            return Ok(None);
        };
        let reading = Reading::new(null, formats, *zone)
            .map_err(|what| Error::usage(format!("column {}: {what}", column.name)))?;
        let values = Values::new(&column.hive_type.to_arrow())?;
        Ok(Some(FieldColumn { from: from.iter().flat_map(|name| sources.named(name)).collect(), reading, values }))
    }
}

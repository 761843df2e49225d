//! What reading one landed object costs, stage by stage: `cargo bench --bench decode`.
//!
//! Throughput counts raw JSON bytes, also for gzip, so that stages can be subtracted from each other.

#![allow(clippy::unwrap_used)]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use firelake::decode::parse::Fields;
use firelake::decode::{Decoder, Frame, Framer, MAX_RECORD};
use firelake::jobs::generate::{Compression, Delimiter, GenerateOptions, Object, objects};
use firelake::landing::compression::{MAX_DECOMPRESSED, Told, plain};
use firelake::table::{ColumnSource, TableSchema, shipped_schema};
use std::io::Read;

fn main() {
    divan::main();
}

const TOLD: Told<'_> = Told { name: "x", encoding: None, limit: MAX_DECOMPRESSED };

const DELIMITERS: [Delimiter; 2] = [Delimiter::Newline, Delimiter::None];

/// An object of 5 MB before compression.
fn object(compression: Compression, delimiter: Delimiter) -> Object {
    let options = GenerateOptions {
        hours: 1,
        rate: 20.0,
        buffer_seconds: 900,
        broken: 0.0,
        compression,
        delimiter,
        ..Default::default()
    };
    objects(&options).unwrap().next().unwrap().unwrap()
}

fn schema() -> TableSchema {
    TableSchema::parse("combined_apache", "shipped", shipped_schema("combined_apache").unwrap()).unwrap()
}

#[divan::bench]
fn gunzip(bencher: Bencher) {
    let object = object(Compression::Gzip, Delimiter::Newline);
    let mut out = Vec::with_capacity(object.raw_bytes as usize);
    bencher.counter(BytesCount::new(object.raw_bytes)).bench_local(|| {
        out.clear();
        plain(&object.body[..], &TOLD).unwrap().read_to_end(&mut out).unwrap()
    });
}

/// Finds records and the spans of their fields; no column is built.
#[divan::bench(args = DELIMITERS)]
fn frame_and_parse(bencher: Bencher, delimiter: Delimiter) {
    let object = object(Compression::None, delimiter);
    let mut fields = Fields::default();
    bencher.counter(BytesCount::new(object.raw_bytes)).bench_local(|| {
        let (mut framer, mut at, mut records) = (Framer::new(MAX_RECORD), 0, 0);
        while let Frame::Record { end, .. } = framer.next(&object.body, at, true, &mut fields) {
            black_box(&fields);
            (at, records) = (end, records + 1);
        }
        assert_eq!(records, object.records);
    });
}

/// All of it, to the batches that a compactor writes.
#[divan::bench(args = DELIMITERS, consts = [false, true])]
fn decode<const GZIP: bool>(bencher: Bencher, delimiter: Delimiter) {
    let compression = if GZIP { Compression::Gzip } else { Compression::None };
    decode_all(bencher, &object(compression, delimiter), &schema());
}

/// The same without the columns that are computed by SQL.
#[divan::bench]
fn decode_fields_only(bencher: Bencher) {
    let mut schema = schema();
    schema.columns.retain(|column| matches!(column.source, ColumnSource::Fields { .. }));
    decode_all(bencher, &object(Compression::None, Delimiter::Newline), &schema);
}

fn decode_all(bencher: Bencher, object: &Object, schema: &TableSchema) {
    let mut decoder = Decoder::new(schema).unwrap();
    bencher.counter(BytesCount::new(object.raw_bytes)).bench_local(|| {
        let mut body = plain(&object.body[..], &TOLD).unwrap();
        let counts = decoder.decode(&mut *body, object.delivered, &mut |decoded| {
            black_box(decoded);
            Ok(())
        });
        assert_eq!(counts.unwrap().records, object.records);
    });
}

//! A whole run of compact, into memory: `cargo bench --bench compact`. For 2 GB and peak memory see `benches/baseline.sh`.

#![allow(clippy::unwrap_used)]

use chrono::{TimeDelta, Utc};
use divan::Bencher;
use divan::counter::BytesCount;
use firelake::catalog::FileCatalog;
use firelake::compact::{BatchLimits, WorkLimits};
use firelake::jobs::compact::CompactJob;
use firelake::jobs::generate::{Compression, GenerateOptions, Generated, generate};
use firelake::storage::Location;
use firelake::table::{TableId, TableSchema, shipped_schema};
use object_store::memory::InMemory;
use std::sync::Arc;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// 12 hours in 16 MB of raw JSON.
fn options(compression: Compression) -> GenerateOptions {
    GenerateOptions { hours: 12, rate: 1.3, buffer_seconds: 900, compression, ..Default::default() }
}

/// The shipped schema, partitioned by day and hour.
fn schema() -> TableSchema {
    let by_day = shipped_schema("combined_apache").unwrap();
    let text = format!("{by_day}\n[[partition]]\nname = \"hour\"\ntransform = \"hour\"\n");
    TableSchema::parse("access", "access.toml", &text).unwrap()
}

fn folder(name: &str) -> Location {
    Location::in_store(Arc::new(InMemory::new()), "memory:///", name)
}

fn job(landing: &Location) -> CompactJob {
    let lake = folder("lake");
    CompactJob {
        table: TableId::new("logs", "access").unwrap(),
        landing: vec![landing.clone()],
        schema: Some(schema()),
        catalog: Arc::new(FileCatalog::new(&lake)),
        settle: TimeDelta::zero(),
        lookback: TimeDelta::hours(72),
        add_landing: false,
        batch: BatchLimits::default(),
        merge: None,
        shard: None,
        work: WorkLimits::default(),
        now: Utc::now(),
        writer: "bench".into(),
        watch: Default::default(),
        stores: Default::default(),
        lake,
    }
}

#[divan::bench(sample_count = 10, sample_size = 1, args = [Compression::None, Compression::Gzip])]
fn compact(bencher: Bencher, compression: Compression) {
    let runtime = Runtime::new().unwrap();
    let landing = folder("landing");
    let landed: Generated = runtime.block_on(generate(&options(compression), &landing)).unwrap();
    bencher.counter(BytesCount::new(landed.raw_bytes)).with_inputs(|| job(&landing)).bench_local_values(|job| {
        let report = runtime.block_on(job.run()).unwrap();
        assert_eq!(report.summary.records_read, landed.records);
    });
}

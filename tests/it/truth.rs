//! What queries answer against what the generator drew, over every way in which it writes: plain Rust on the other side.

pub mod windows;

use crate::support::lake::{Lake, made};
use crate::support::rows::{Row, cell};
use crate::support::truth::Truth;
use firelake::jobs::compact::CompactReport;
use firelake::jobs::generate::{Compression, Delimiter, Event, GenerateFormat, GenerateOptions, hosts_csv};
use std::collections::BTreeMap;

/// Half an hour on each side of midnight; late and broken records among them.
fn options(format: GenerateFormat, compression: Compression, delimiter: Delimiter) -> GenerateOptions {
    GenerateOptions {
        start: "2026-11-19T23:30:00Z".parse().unwrap(),
        hours: 1,
        rate: 0.4,
        format,
        compression,
        delimiter,
        late: 0.03,
        broken: 0.02,
        ..GenerateOptions::default()
    }
}

/// A compacted lake of these options, and the truth about it.
async fn compacted(options: &GenerateOptions) -> (Lake, Truth) {
    let (lake, truth) = (Lake::new(options.format.word()), Truth::of(options));
    assert!(truth.events.len() > 1000 && truth.broken() > 10 && truth.events.iter().any(|event| event.late));
    lake.put("reference/hosts.csv", hosts_csv()).await;
    lake.land(&made(options)).await;
    accounted(&lake.compact().await.unwrap(), &truth);
    lake.is_clean().await;
    (lake, truth)
}

/// I2.
fn accounted(report: &CompactReport, truth: &Truth) {
    let summary = &report.summary;
    assert_eq!(summary.records_read, truth.events.len() as u64);
    assert_eq!(summary.records_read, summary.rows_written + summary.records_rejected);
    assert_eq!(summary.records_rejected, truth.broken());
    assert_eq!((summary.rows_by_delivery, summary.partitions, summary.published), (0, 2, true));
}

/// Rows of a key and a number, in the order of the key.
fn grouped<K: Ord + ToString>(truth: &Truth, key: impl Fn(&Event) -> K, value: impl Fn(&Event) -> i64) -> Vec<Row> {
    let mut groups: BTreeMap<K, i64> = BTreeMap::new();
    truth.whole().for_each(|event| *groups.entry(key(event)).or_default() += value(event));
    groups.into_iter().map(|(key, value)| vec![cell(key), cell(value)]).collect()
}

async fn every_answer_is_true(format: GenerateFormat, compression: Compression) {
    for delimiter in [Delimiter::Newline, Delimiter::None] {
        let (lake, truth) = compacted(&options(format, compression, delimiter)).await;
        for (name, expected) in windows::named(&truth) {
            assert_eq!(lake.ask(name).await, expected, "{name}, {delimiter}");
        }
        counts(&lake, &truth).await;
        rejected(&lake, &truth).await;
    }
}

async fn counts(lake: &Lake, truth: &Truth) {
    let hour = |event: &Event| event.ts.timestamp() / 3600 * 3_600_000;
    for (sql, expected) in [
        ("SELECT status, count(*) FROM access GROUP BY 1 ORDER BY 1", grouped(truth, |event| event.status, |_| 1)),
        ("SELECT date_trunc('hour', ts), count(*) FROM access GROUP BY 1 ORDER BY 1", grouped(truth, hour, |_| 1)),
        ("SELECT dt, count(*) FROM access GROUP BY 1 ORDER BY 1", grouped(truth, |e| e.ts.date_naive(), |_| 1)),
        ("SELECT 'bytes', sum(bytes) FROM access", grouped(truth, |_| "bytes", |event| event.bytes.unwrap_or(0))),
        (
            "SELECT 'sent', count(bytes) FROM access",
            grouped(truth, |_| "sent", |event| i64::from(event.bytes.is_some())),
        ),
    ] {
        assert_eq!(lake.ask(sql).await, expected, "{sql}");
    }
}

/// Each object has as many rejected records as it has broken ones, each with its reason.
async fn rejected(lake: &Lake, truth: &Truth) {
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for ((_, object), count) in truth.rejected() {
        *expected.entry(format!("{}/{object}", lake.landing.url())).or_default() += count;
    }
    let expected: Vec<Row> = expected.into_iter().map(|(url, count)| vec![cell(url), cell(count)]).collect();
    let sql = "SELECT object, count(*) FROM access_rejected WHERE length(reason) > 0 GROUP BY 1 ORDER BY 1";
    assert_eq!(lake.ask(sql).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn combined_gzip() {
    every_answer_is_true(GenerateFormat::CombinedApache, Compression::Gzip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn combined_plain() {
    every_answer_is_true(GenerateFormat::CombinedApache, Compression::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_gzip() {
    every_answer_is_true(GenerateFormat::ApacheJson, Compression::Gzip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_plain() {
    every_answer_is_true(GenerateFormat::ApacheJson, Compression::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_of_every_row_is_the_events() {
    for &format in GenerateFormat::ALL {
        let (lake, truth) = compacted(&options(format, Compression::Gzip, Delimiter::None)).await;
        let columns = "ts, client_ip, status, bytes, method, path, query_string, protocol, referer, agent, extra, dt";
        let mut found = lake.ask(&format!("SELECT {columns} FROM access")).await;
        let mut expected: Vec<Row> = truth.whole().map(values).collect();
        found.sort();
        expected.sort();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{format}");
        }
    }
}

fn values(event: &Event) -> Row {
    vec![
        cell(event.ts.timestamp_millis()),
        cell(&event.client_ip),
        cell(event.status),
        event.bytes.map(|bytes| bytes.to_string()),
        event.method.clone(),
        event.path.clone(),
        event.query_string.clone(),
        event.protocol.clone(),
        event.referer.clone(),
        event.agent.clone(),
        None,
        cell(event.ts.date_naive()),
    ]
}

/// I2: a rejected record is kept byte for byte, with its place in its object.
#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_stand_at_their_offsets() {
    for delimiter in [Delimiter::Newline, Delimiter::None] {
        let options = options(GenerateFormat::CombinedApache, Compression::None, delimiter);
        let (lake, truth) = compacted(&options).await;
        let rows =
            lake.ask("SELECT object, byte_offset, byte_length, chunk, encode(raw, 'hex') FROM access_rejected").await;
        assert_eq!(rows.len() as u64, truth.broken());
        let objects = made(&options);
        for row in rows {
            let [url, offset, length, chunk, raw] = [0, 1, 2, 3, 4].map(|at| row[at].clone().unwrap());
            let object = objects.iter().find(|object| url == format!("{}/{}", lake.landing.url(), object.key)).unwrap();
            let (offset, length): (usize, usize) = (offset.parse().unwrap(), length.parse().unwrap());
            let hex: String = object.body[offset..offset + length].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((chunk.as_str(), raw), ("0", hex), "{url} at {offset}");
        }
    }
}

//! What becomes of odd objects in a lake: rows, rejected records, or waiting; and each of them counted.

use crate::support::lake::Lake;
use crate::support::pack::{PACKS, gzip, hadoop};
use crate::support::rows::cell;
use firelake::compact::WorkLimits;
use firelake::jobs::compact::{CompactJob, CompactReport};
use firelake::ledger::Ledger;
use std::collections::BTreeSet;

const FOLDER: &str = "landing/2026/11/20/03";

fn record(host: &str) -> String {
    format!("{{\"host\":\"{host}\",\"datetime\":\"20/Nov/2026:03:00:00 +0000\"}}\n")
}

async fn compact(lake: &Lake, work: WorkLimits) -> CompactReport {
    CompactJob { work, ..lake.job() }.run().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_compression_beside_one_another_and_objects_without_records() {
    let lake = Lake::new("combined_apache");
    for (at, (name, pack)) in PACKS.iter().enumerate() {
        lake.put(&format!("{FOLDER}/{at}.snappy"), pack(record(name).as_bytes())).await;
    }
    // no magic, no suffix: only the Content-Encoding tells
    lake.put_encoded(&format!("{FOLDER}/told"), "hadoop-snappy", hadoop(record("told").as_bytes())).await;
    lake.put(&format!("{FOLDER}/empty"), "").await;
    lake.put(FOLDER, "").await; // as the store library names the marker `2026/11/20/03/`
    lake.put(&format!("{FOLDER}/nothing.gz"), gzip(b"")).await;
    lake.put(&format!("{FOLDER}/blank"), " \r\n\0\0\u{feff}[]").await;
    let report = lake.compact().await.unwrap();
    let summary = &report.summary;
    assert_eq!((summary.objects, summary.objects_waiting), (PACKS.len() as u64 + 5, 0), "{report:?}");
    assert_eq!((summary.records_read, summary.rows_written), (PACKS.len() as u64 + 1, PACKS.len() as u64 + 1));
    let hosts = lake.ask("SELECT client_ip FROM access").await;
    let hosts: BTreeSet<_> = hosts.into_iter().map(|mut row| row.remove(0).unwrap()).collect();
    assert!(hosts.contains("told") && PACKS.iter().all(|(name, _)| hosts.contains(*name)), "{hosts:?}");
    assert_eq!(lake.compact().await.unwrap().summary.objects, 0);
    lake.is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_without_its_compression_than_is_allowed_waits_whole() {
    let lake = Lake::new("combined_apache");
    lake.put(&format!("{FOLDER}/bomb.gz"), gzip(record("bomb").repeat(1000).as_bytes())).await;
    lake.put(&format!("{FOLDER}/small.gz"), gzip(record("small").as_bytes())).await;
    let small = WorkLimits { max_decompressed: 4096, ..lake.job().work };
    for _ in 0..2 {
        let report = compact(&lake, small).await;
        assert_eq!(
            report.waiting[0].reason,
            "without its compression it is larger than 4096 bytes, which is max_decompressed"
        );
        assert_eq!(lake.ask("SELECT client_ip, count(*) FROM access GROUP BY 1").await, [[cell("small"), cell(1)]]);
    }
    let report = lake.compact().await.unwrap();
    assert_eq!((report.waiting.len(), report.summary.rows_written), (0, 1000));
    lake.is_clean().await;
}

/// A record beyond the limit is one rejected record in chunks, and its neighbours are rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_long_is_one_rejected_record_in_chunks() {
    let lake = Lake::new("combined_apache");
    let long = format!("{{\"host\":\"long\",\"agent\":\"{}\"}}", "0123456789".repeat(450_000));
    let object = format!("{}{long}\n{}", record("a"), record("b"));
    lake.put(&format!("{FOLDER}/x"), object).await;
    lake.put(&format!("{FOLDER}/repaired"), r#"{"host":"\x41","bytes":-}{"host":"x\v"}"#).await;
    let report = compact(&lake, WorkLimits { max_record: 1 << 20, ..lake.job().work }).await;
    let s = report.summary;
    assert_eq!((s.records_read, s.rows_written, s.records_rejected, s.rows_repaired), (5, 4, 1, 2));
    let chunks = lake
        .ask("SELECT byte_offset, byte_length, chunk, reason, length(raw) FROM access_rejected ORDER BY chunk")
        .await;
    let expected = |chunk: usize| {
        let told = (chunk == 0).then(|| long.len().to_string());
        let length = (1 << 20).min(long.len() - (chunk << 20));
        vec![cell(record("a").len()), told, cell(chunk), cell("the record is longer than 1 MiB"), cell(length)]
    };
    assert_eq!(chunks, (0..5).map(expected).collect::<Vec<_>>());
    let raw = lake.ask("SELECT from_utf8(raw) FROM access_rejected ORDER BY chunk").await;
    assert!(raw.concat().into_iter().flatten().collect::<String>() == long);
    assert_eq!(lake.status(crate::support::lake::now()).await.records_rejected, 1);
    let folder = lake.lake.join("logs").join("access");
    let commit = Ledger::new(&folder).commit(1).await.unwrap().unwrap();
    assert_eq!((commit.counts.records_rejected, commit.counts.repaired), (1, 2));
    // with the limit that it was compacted with, the same comes out again
    let report = lake.verify_with(true, 1 << 20).await;
    assert!(report.findings.is_empty() && report.compared == Some(5), "{report:#?}");
}

/// One object whose records span 2,000 days: each day gets its rows, and few files are open at once.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_two_thousand_days() {
    let lake = Lake::new("combined_apache");
    let first: chrono::NaiveDate = "2020-01-01".parse().unwrap();
    let day = |at: u64| (first + chrono::Days::new(at)).format("%d/%b/%Y").to_string();
    let text: String = (0..3 * 2000)
        .map(|at| format!("{{\"host\":\"{at}\",\"datetime\":\"{}:12:00:00 +0000\"}}", day(at * 7 % 2000)))
        .collect();
    lake.put(&format!("{FOLDER}/all"), text).await;
    let report = compact(&lake, WorkLimits { open_files: 8, memory: 1 << 20, ..lake.job().work }).await;
    let s = report.summary;
    assert_eq!((s.rows_written, s.partitions, s.rows_by_delivery), (6000, 2000, 0));
    let counted = "SELECT count(*), count(DISTINCT client_ip), count(DISTINCT dt) FROM access";
    assert_eq!(lake.ask(counted).await, [[cell(6000), cell(6000), cell(2000)]]);
}

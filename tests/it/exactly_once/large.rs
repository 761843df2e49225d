//! An object that breaks off after rows of it were decoded, and one after rows of it were handed on to be written: neither
//! leaves a row, and each lands once when it is whole.

use super::small;
use crate::support::check::snapshot;
use crate::support::lake::{Lake, made};
use crate::support::rows::cell;
use crate::support::truth::Truth;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

const KEY: &str = "landing/2026/11/20/00/large.gz";

/// Gzip of `records` records with an agent of `width` bytes each.
fn large(records: usize, width: usize) -> Vec<u8> {
    let agent = "x".repeat(width);
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    for at in 0..records {
        let time = format!("20/Nov/2026:00:{:02}:{:02} +0000", at / 60 % 60, at % 60);
        let record =
            format!("{{\"host\":\"large\",\"datetime\":\"{time}\",\"response\":\"200\",\"agent\":\"{agent}\"}}\n");
        out.write_all(record.as_bytes()).unwrap();
    }
    out.finish().unwrap()
}

async fn lands_whole_or_not_at_all(records: usize, width: usize) {
    let (lake, truth, whole) = (Lake::new("combined_apache"), Truth::of(&small()), large(records, width));
    lake.land(&made(&small())).await;
    lake.put(KEY, &whole[..whole.len() - 1]).await;
    let sql = "SELECT client_ip = 'large', count(*) FROM access GROUP BY 1 ORDER BY 1";
    let others = vec![cell("false"), cell(truth.whole().count())];

    let report = lake.compact().await.unwrap();
    assert_eq!((report.waiting.len(), report.summary.records_read), (1, truth.events.len() as u64));
    assert!(report.waiting[0].url.ends_with("large.gz") && report.summary.published, "{report:?}");
    assert_eq!(lake.ask(sql).await, std::slice::from_ref(&others));

    lake.put(KEY, whole).await;
    let report = lake.compact().await.unwrap();
    assert_eq!((report.summary.objects, report.summary.rows_written), (1, records as u64));
    assert_eq!(lake.ask(sql).await, [others, vec![cell("true"), cell(records)]]);
    assert!(snapshot(&lake.lake).await.unwrap().waiting.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_batch_of_rows() {
    lands_whole_or_not_at_all(40_000, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_rows_were_handed_on() {
    lands_whole_or_not_at_all(1_200, 64 << 10).await;
}

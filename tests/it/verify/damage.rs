//! Commits, files and the catalog that are damaged.

use super::{bad, commit, data_file, finds, lake};
use crate::support::faulty::{Fault, Lasts, When};
use crate::support::lake::Lake;
use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use firelake::jobs::verify::{Check, Verdict};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::sync::Arc;

#[tokio::test]
async fn a_commit_that_is_cut_edited_or_removed() {
    for number in [0, 1, 2] {
        let (lake, _) = lake().await;
        let whole = lake.get(&commit(number)).await;
        let edited = String::from_utf8(whole.clone()).unwrap().replace("a test", "a tost");
        for (damaged, told) in
            [(&whole[..whole.len() / 2], "is damaged"), (&[], "is damaged"), (edited.as_bytes(), "its checksum is")]
        {
            lake.put(&commit(number), damaged).await;
            let report = lake.verify(true).await;
            finds(&report, Verdict::Failed, Check::Ledger, &commit(number), told);
            assert_eq!((report.commits, report.files > 0), (2, true));
        }
        lake.delete(&commit(number)).await;
        let report = lake.verify(true).await;
        match number {
            2 => finds(&report, Verdict::Failed, Check::Catalog, "logs.access", "commit 2"), // a lost tail
            _ => finds(&report, Verdict::Failed, Check::Ledger, &commit(number), "is missing"),
        }
        lake.put(&commit(number), whole).await;
        lake.is_clean().await;
    }
}

/// What can still be checked is checked.
#[tokio::test]
async fn a_missing_commit_hides_no_other_damage() {
    let (lake, objects) = lake().await;
    let file = data_file(&lake).await; // of commit 1: attempts are named in order
    lake.delete(&file).await;
    lake.put(&format!("landing/{}", objects[0].key), "other").await;
    lake.delete(&commit(2)).await;
    lake.put(&commit(3), lake.get(&commit(1)).await).await; // under another's name
    let report = lake.verify(false).await;
    finds(&report, Verdict::Failed, Check::Ledger, &commit(2), "is missing, though there are commits up to 3");
    finds(&report, Verdict::Failed, Check::Ledger, &commit(3), "it says that it is commit 1");
    finds(&report, Verdict::Failed, Check::File, &file, "it is not there");
    finds(&report, Verdict::Failed, Check::Landing, &objects[0].key, "it has 5 bytes");
    finds(&report, Verdict::Unchecked, Check::Catalog, "logs.access", "not whole");
}

/// Nothing but the catalog remembers a ledger that is gone.
#[tokio::test]
async fn a_ledger_that_is_lost() {
    let (lake, _) = lake().await;
    for number in [0, 1, 2] {
        lake.delete(&commit(number)).await;
    }
    finds(
        &lake.verify(false).await,
        Verdict::Failed,
        Check::Ledger,
        "logs.access",
        "it knows commit 2, and there is no ledger",
    );
}

#[tokio::test]
async fn a_file_that_is_removed_or_cut_or_no_parquet() {
    let (lake, _) = lake().await;
    let file = data_file(&lake).await;
    let whole = lake.get(&file).await;
    lake.delete(&file).await;
    finds(&lake.verify(false).await, Verdict::Failed, Check::File, &file, "it is live, and it is not there");
    for length in [0, 10, whole.len() - 1] {
        lake.put(&file, &whole[..length]).await;
        let told = format!("it has {length} bytes, it should have {}", whole.len());
        finds(&lake.verify(false).await, Verdict::Failed, Check::File, &file, &told);
    }
    lake.put(&file, [&whole[..], &whole].concat()).await;
    finds(&lake.verify(false).await, Verdict::Failed, Check::File, &file, "bytes, it should have");
    lake.put(&file, vec![b'x'; whole.len()]).await;
    finds(&lake.verify(false).await, Verdict::Failed, Check::File, &file, "it is no Parquet file");
    lake.put(&file, whole).await;
    lake.is_clean().await;
}

fn batch_of(file: Vec<u8>) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

/// Rows as a Parquet file of exactly this size: its metadata is padded.
fn parquet_of(batch: &RecordBatch, size: usize) -> Vec<u8> {
    let write = |padding: usize| {
        let padding = vec![KeyValue::new("padding".into(), Some("x".repeat(padding)))];
        let level = Compression::ZSTD(ZstdLevel::try_new(19).unwrap());
        let properties = WriterProperties::builder().set_compression(level).set_key_value_metadata(Some(padding));
        let statistics = parquet::file::properties::EnabledStatistics::None;
        let properties = properties.set_statistics_enabled(statistics).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(batch).unwrap();
        writer.into_inner().unwrap()
    };
    let bare = write(0).len();
    assert!(bare < size, "{bare} bytes are not less than {size}");
    let found = (0..=size - bare).rev().map(write).find(|file| file.len() <= size).unwrap();
    assert_eq!(found.len(), size);
    found
}

/// The same rows but for one value of one of them.
fn with_another_value(batch: &RecordBatch) -> RecordBatch {
    let at = batch.schema().index_of("client_ip").unwrap();
    let column = batch.column(at).as_string::<i32>();
    let other = |row| if row == 0 { Some("10.9.8.7") } else { column.is_valid(row).then(|| column.value(row)) };
    let mut columns = batch.columns().to_vec();
    columns[at] = Arc::new((0..column.len()).map(other).collect::<StringArray>());
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// Only reading the inputs again finds it; the same rows in another file are the same.
#[tokio::test]
async fn a_file_of_the_same_size_with_other_rows() {
    let (lake, _) = lake().await;
    let file = data_file(&lake).await;
    let whole = lake.get(&file).await;
    let batch = batch_of(whole.clone());
    let same = parquet_of(&batch, whole.len());
    assert_ne!(same, whole);
    lake.put(&file, same).await;
    lake.is_clean().await;
    lake.put(&file, parquet_of(&with_another_value(&batch), whole.len())).await;
    let report = lake.verify(false).await;
    assert!(report.is_clean(), "{:?}", bad(&report));
    let report = lake.verify(true).await;
    let told = format!("its {} rows are not those that its inputs give", batch.num_rows());
    finds(&report, Verdict::Failed, Check::Content, "commit 1, data/ dt=2026-11-19", &told);
    assert_eq!(bad(&report).len(), 1);
    // one row twice in the place of another one: as many rows, each of them true
    let rows = arrow::array::UInt32Array::from_iter_values((0..batch.num_rows() as u32).map(|row| row.max(1)));
    let doubled = arrow::compute::take_record_batch(&batch, &rows).unwrap();
    lake.put(&file, parquet_of(&doubled, whole.len())).await;
    finds(&lake.verify(true).await, Verdict::Failed, Check::Content, "commit 1, data/ dt=2026-11-19", &told);
    let fewer = batch.slice(1, batch.num_rows() - 1);
    lake.put(&file, parquet_of(&fewer, whole.len())).await;
    let told = format!("it has {} rows, it should have {}", fewer.num_rows(), batch.num_rows());
    finds(&lake.verify(false).await, Verdict::Failed, Check::File, &file, &told);
}

const CATALOG: &str = "lake/_catalog/logs/access";

async fn newest_entry(lake: &Lake) -> String {
    lake.paths(CATALOG).await.pop().unwrap()
}

#[tokio::test]
async fn a_catalog_that_points_elsewhere_or_was_removed() {
    let (lake, _) = lake().await;
    let entry = newest_entry(&lake).await;
    let text = String::from_utf8(lake.get(&entry).await).unwrap();
    assert!(text.contains("/data/p2/"), "{text}");
    lake.put(&entry, text.replace("/data/p2/", "/data/p1/")).await;
    finds(
        &lake.verify(false).await,
        Verdict::Failed,
        Check::Catalog,
        "logs.access dt=2026-11-20",
        "the ledger is right",
    );
    lake.put(&entry, text.clone()).await;
    lake.is_clean().await;
    for entry in lake.paths(CATALOG).await {
        lake.delete(&entry).await;
    }
    finds(
        &lake.verify(false).await,
        Verdict::Failed,
        Check::Catalog,
        "logs.access in the file",
        "is not in the catalog",
    );
}

/// The catalog points where it should, and readers of it find other files there.
#[tokio::test]
async fn a_published_folder_with_other_files() {
    let (lake, _) = lake().await;
    let copies = lake.paths("lake/logs/access/data/p2").await;
    let whole = lake.get(&copies[0]).await;
    let published = |report, told| finds(&report, Verdict::Failed, Check::Catalog, "logs.access dt=", told);
    lake.delete(&copies[0]).await;
    published(lake.verify(false).await, "its folder lacks");
    lake.put(&copies[0], &whole[1..]).await;
    published(lake.verify(false).await, "has another size");
    lake.put(&copies[0], whole.clone()).await;
    lake.put(&copies[0].replace(".parquet", "-copy.parquet"), whole).await;
    published(lake.verify(false).await, "which is not live");
}

/// Whatever request fails, once or from then on: what could not be read is not called wrong, and not called clean.
#[tokio::test]
async fn a_store_that_fails() {
    let (lake, _) = lake().await;
    for (when, lasts) in [(When::Before, Lasts::Once), (When::After, Lasts::Once), (When::Before, Lasts::ForGood)] {
        for at in 0.. {
            lake.faults.arm(Fault { at, when, lasts });
            let outcome = lake.try_verify(true).await;
            let fired = lake.faults.disarm();
            if fired.is_empty() {
                assert!(at > 20, "{at} requests");
                break;
            }
            let Ok(report) = outcome else { continue };
            let failed = report.findings.iter().filter(|finding| finding.verdict == Verdict::Failed).count();
            assert_eq!(failed, 0, "{fired:?} {:#?}", report.findings);
            // an object that is not there has no answer that could be cut
            let harmless = when == When::After && fired[0].ends_with(&commit(3));
            assert!(harmless || !report.is_clean(), "{fired:?}");
        }
    }
    lake.is_clean().await;
}

//! What is found in the landing zone, and read again from it.

use super::{bad, finds, lake, small};
use crate::support::lake::{Lake, made};
use firelake::jobs::compact::CompactJob;
use firelake::jobs::verify::{Check, Verdict};

#[tokio::test]
async fn an_object_that_changed() {
    let (lake, objects) = lake().await;
    let path = format!("landing/{}", objects[0].key);
    lake.put(&path, objects[0].body.clone()).await; // the same content: the etag alone is another
    let report = lake.verify(true).await;
    finds(&report, Verdict::Note, Check::Landing, &path, "it was written again after commit 1");
    assert!(report.is_clean(), "{:?}", bad(&report));
    let mut other = objects[0].body.clone();
    let at = other.len() - 5; // in gzip's checksum
    other[at] ^= 1;
    lake.put(&path, other).await;
    finds(&lake.verify(true).await, Verdict::Unchecked, Check::Content, &path, "it cannot be read again");
    lake.put(&path, "{}").await;
    let report = lake.verify(true).await;
    finds(&report, Verdict::Failed, Check::Landing, &path, "it has 2 bytes, and had");
    finds(&report, Verdict::Note, Check::Content, "commit 1", "gone or changed are 1 of its");
}

/// The same number of bytes, and other records.
#[tokio::test]
async fn an_object_of_the_same_size_with_other_records() {
    let (lake, objects) = lake().await;
    let path = format!("landing/{}", objects[0].key);
    lake.put(&path, vec![b'x'; objects[0].body.len()]).await;
    assert!(lake.verify(false).await.is_clean());
    finds(
        &lake.verify(true).await,
        Verdict::Failed,
        Check::Content,
        &path,
        "it holds 1 records and 1 of them rejected",
    );
}

#[tokio::test]
async fn objects_that_expired() {
    let (lake, objects) = lake().await;
    for object in objects.iter().step_by(2) {
        lake.delete(&format!("landing/{}", object.key)).await;
    }
    let report = lake.verify(true).await;
    assert!(report.is_clean(), "{:?}", bad(&report));
    let told = format!("no longer in the landing zone: {} compacted objects", objects.len().div_ceil(2));
    finds(&report, Verdict::Note, Check::Landing, "logs.access", &told);
    finds(&report, Verdict::Note, Check::Content, "commit 1", "not all of its rows can be compared");
    let told = report.compared.unwrap();
    assert!(told > 0 && told < report.rows, "commit 2 is compared: {told}");
}

/// New ones: nothing is wrong.
#[tokio::test]
async fn objects_that_are_not_compacted() {
    let (lake, _) = lake().await;
    lake.put("landing/2026/11/20/05/new", "{}").await;
    let report = lake.verify(false).await;
    finds(&report, Verdict::Note, Check::Landing, "memory:///landing", "not yet compacted: 1 object (2 bytes)");
    assert!(report.is_clean());
}

/// Older than the lookback: only a listing of everything finds them, and if that was after they landed, it should have.
#[tokio::test]
async fn objects_that_bounded_listings_pass_over() {
    let at = "landing/2026/01/01/00/old";
    for (listed_at, verdict, told) in [
        ("2000-01-01T00:00:00Z", Verdict::Note, "older (delivered 2026-01-01 00:00:00) than the lookback"),
        ("2100-01-01T00:00:00Z", Verdict::Failed, "when all was listed at 2100-01-01"),
    ] {
        let lake = Lake::new("combined_apache");
        lake.land(&made(&small())).await;
        CompactJob { now: listed_at.parse().unwrap(), ..lake.job() }.run().await.unwrap();
        lake.is_clean().await;
        lake.put(at, "{}").await;
        finds(&lake.verify(false).await, verdict, Check::Landing, at, told);
    }
}

#[tokio::test]
async fn objects_that_wait() {
    let (lake, _) = lake().await;
    lake.put("landing/2026/11/20/05/x.zip", "PK\x03\x04").await;
    lake.compact().await.unwrap();
    let report = lake.verify(true).await;
    finds(&report, Verdict::Note, Check::Landing, "waiting", "could not be read yet: 1 object");
    assert!(report.is_clean() && report.findings.len() == 1);
}

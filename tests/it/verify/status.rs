//! How a table stands.

use super::lake;
use crate::support::lake::now;
use chrono::TimeDelta;
use firelake::compact::WorkLimits;
use firelake::jobs::rebuild::Rebuild;
use firelake::jobs::status::Lag;
use firelake::ledger::AsOf;

#[tokio::test]
async fn of_a_table_with_nothing_to_do_and_with_everything() {
    let (lake, objects) = lake().await;
    let status = lake.status(now()).await;
    assert_eq!((status.commits, status.files, status.partitions), (3, 4, 2));
    assert_eq!((status.lag.clone(), status.objects_waiting), (Some(Lag::default()), 0));
    assert_eq!((status.publishing_pending, status.problems.len(), status.needs_attention()), (Some(false), 0, false));
    assert_eq!(
        status.newest_event,
        lake.ask("SELECT max(ts) FROM access").await[0][0].as_ref().map(|millis| {
            chrono::DateTime::from_timestamp_millis(millis.parse().unwrap())
                .unwrap()
                .format("%Y-%m-%dT%H:%M:%S%.3f")
                .to_string()
        })
    );
    let rejected: u64 =
        lake.ask("SELECT count(*) FROM access_rejected WHERE chunk = 0").await[0][0].clone().unwrap().parse().unwrap();
    assert!(rejected > 0 && status.records_rejected == rejected);
    assert_eq!(status.rejected_share, rejected as f64 / (rejected + status.rows) as f64);
    assert_eq!(status.full_listing_at, Some(now()));

    lake.put("landing/2026/11/20/05/new", "{}").await;
    lake.put("landing/2026/11/20/04/x.zip", "PK\x03\x04").await;
    lake.put("landing/2026/01/01/00/passed-over-until-all-is-listed", "{}").await;
    let status = lake.status(now()).await;
    let lag = status.lag.unwrap();
    assert_eq!((lag.objects, lag.bytes, lag.oldest_delivery), (2, 6, Some("2026-11-20T04:00:00Z".parse().unwrap())));
    assert_eq!(lake.status(now() + TimeDelta::days(1)).await.lag.unwrap().objects, 3);

    lake.compact().await.unwrap();
    let status = lake.status(now()).await;
    assert_eq!((&status.lag, status.objects_waiting), (&Some(Lag::default()), 1));
    assert!(status.needs_attention() && status.waiting[0].reason.contains("zip"), "{:?}", status.waiting);
    assert!(objects.len() > 2);
}

/// Closed ones from two files, open ones from sixteen.
#[tokio::test]
async fn partitions_that_are_due_for_merging() {
    let (lake, _) = lake().await; // two files in each of two days, of both sets
    let due = async |time: &str| lake.status(time.parse().unwrap()).await.partitions_to_merge;
    assert_eq!(due("2026-11-20T00:59:59Z").await, 0);
    let closed = due("2026-11-20T01:00:00Z").await;
    assert!(closed > 0);
    assert!(due("2026-11-21T01:00:00Z").await > closed);
    for at in 0..14 {
        lake.put(&format!("landing/2026/11/20/00/more-{at:02}"), r#"{"time":"x"}"#).await;
        lake.compact().await.unwrap();
        let expected = if at < 13 { closed } else { closed + 1 };
        assert_eq!(due("2026-11-20T01:00:00Z").await, expected, "{at}");
    }
}

#[tokio::test]
async fn publishing_that_is_pending() {
    let (lake, _) = lake().await;
    for entry in lake.paths("lake/_catalog/logs/access").await.iter().skip(1) {
        lake.delete(entry).await;
    }
    let status = lake.status(now()).await;
    assert_eq!((status.publishing_pending, status.needs_attention()), (Some(true), false));
}

/// Of what is compacted now: a rollback takes its rows out of the count, a rebuild counts them once.
#[tokio::test]
async fn repaired_rows_are_counted_by_what_is_compacted() {
    let (lake, _) = lake().await;
    let repaired = async || lake.status(now()).await.rows_repaired;
    assert_eq!(repaired().await, 0);
    let key = "landing/2026/11/20/05/nginx";
    lake.put(key, "{\"host\":\"a\",\"agent\":\"\\x41\"}{\"host\":\"b\",\"bytes\":-}{\"host\":\"c\"}").await;
    lake.compact().await.unwrap();
    assert_eq!(repaired().await, 2);
    let (from, to) = ("2026-11-20T05:00:00Z".parse().unwrap(), "2026-11-20T06:00:00Z".parse().unwrap());
    let rebuild = Rebuild {
        delivered: from..to,
        work: WorkLimits { threads: 1, ..Default::default() },
        watch: Default::default(),
    };
    lake.change(true).rebuild(&rebuild).await.unwrap();
    assert_eq!(repaired().await, 2);
    lake.change(true).rollback(AsOf::Commit(2)).await.unwrap();
    assert_eq!(repaired().await, 0);
}

/// A long rejected record is several rows and one record.
#[tokio::test]
async fn rejected_records_are_counted_not_their_chunks() {
    let (lake, _) = lake().await;
    let before = lake.status(now()).await.records_rejected;
    lake.put("landing/2026/11/20/05/long", vec![b'x'; 3 << 20]).await;
    lake.compact().await.unwrap();
    assert_eq!(lake.status(now()).await.records_rejected, before + 1);
    lake.is_clean().await;
}

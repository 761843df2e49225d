//! Each object is taken by the first run after it landed, whatever its key looks like, and what is old is not listed again.

use crate::support::lake::{Lake, now};
use crate::support::rows::cell;
use chrono::{DateTime, TimeDelta, Utc};
use firelake::jobs::compact::{CompactJob, CompactReport};
use proptest::prelude::*;

const LAYOUTS: [&str; 12] = [
    "%Y/%m/%d/%H/",
    "year=%Y/month=%m/day=%d/hour=%H/",
    "dt=%Y-%m-%d/hour=%H/",
    "dt=%Y-%m-%d-%H/",
    "date=%Y%m%d/",
    "%Y/%m/%d/",
    "%Y/%m/",
    "%Y/%-m/%-d/%-H/",
    "customer=7/%Y/%m/%d/%H/",
    "2024/%Y/%m/%d/%H/",
    "%d/%m/%Y/%H/",
    "",
];

const RECORD: &str = "{\"host\":\"a\"}";

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn run(lake: &Lake, now: DateTime<Utc>, lookback: TimeDelta) -> CompactReport {
    CompactJob { now, lookback, ..lake.job() }.run().await.unwrap()
}

/// A stream: how it writes keys, and what its time zone adds to UTC.
#[derive(Debug, Clone)]
struct Stream {
    layout: &'static str,
    /// Whether names are those of Firehose, and not of something that copies.
    named: bool,
    offset: i64,
}

impl Stream {
    fn key(&self, delivered: DateTime<Utc>, number: usize) -> String {
        let local = delivered + TimeDelta::hours(self.offset);
        let name = match self.named {
            true => format!("web-1-{}-{number:08x}-0000-4000-8000-000000000000", local.format("%Y-%m-%d-%H-%M-%S")),
            false => format!("{number}.json"),
        };
        format!("landing/{}{name}", local.format(self.layout))
    }
}

/// Mostly one that a listing can be bounded by, mostly at an end of the world.
fn stream() -> impl Strategy<Value = Stream> {
    let layout = prop_oneof![2 => proptest::sample::select(LAYOUTS[..5].to_vec()), 1 => proptest::sample::select(LAYOUTS.to_vec())];
    let offset = prop_oneof![Just(-12), Just(14), -12..=14_i64];
    (layout, any::<bool>(), offset).prop_map(|(layout, named, offset)| Stream { layout, named, offset })
}

/// Two settings of a stream; often they differ by the zone alone.
fn streams() -> impl Strategy<Value = (Stream, Stream)> {
    (stream(), stream(), any::<bool>()).prop_map(|(one, other, alike)| {
        let layout = if alike { one.layout } else { other.layout };
        (one, Stream { layout, ..other })
    })
}

/// Hours until the next object is delivered, and by how much of the lookback it then is late.
fn arrivals() -> impl Strategy<Value = Vec<(i64, i64)>> {
    proptest::collection::vec((0..9_i64, prop_oneof![3 => Just(0), 2 => 0..=100_i64, 1 => Just(100)]), 8..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// The stream's settings change on the way: its prefix, its zone, as a clock that is put back does. Up to the lookback,
    /// no object is late for the next run, and none ever is taken twice.
    #[test]
    fn no_object_within_the_lookback_is_missed(
        (before, after) in streams(),
        clock_change in -1..=1_i64,
        lookback in prop_oneof![Just(0), Just(5), Just(72)],
        arrivals in arrivals(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (lake, lookback) = (Lake::new("combined_apache"), TimeDelta::hours(lookback));
            let (half, mut delivered) = (arrivals.len() / 2, time("2026-02-27T00:00:00Z"));
            let mut landed: Vec<(DateTime<Utc>, String)> = Vec::new();
            for (number, (hours, late)) in arrivals.into_iter().enumerate() {
                delivered += TimeDelta::hours(hours);
                let stream = match number {
                    at if at < half / 2 => before.clone(),
                    at if at < half => Stream { offset: (before.offset + clock_change).clamp(-12, 14), ..before.clone() },
                    _ => after.clone(),
                };
                landed.push((delivered + lookback * late as i32 / 100, stream.key(delivered, number)));
            }
            landed.sort();
            let (mut at, last) = (time("2026-02-27T00:00:00Z"), landed.last().unwrap().0);
            let mut landed = landed.into_iter().peekable();
            loop {
                at += TimeDelta::hours(7);
                let mut new = 0;
                while let Some((when, key)) = landed.next_if(|(when, _)| *when <= at) {
                    lake.clock.set(when);
                    lake.put_at_clock(&key, RECORD).await;
                    new += 1;
                }
                lake.clock.set(at);
                let report = run(&lake, at, lookback).await;
                assert_eq!(report.summary.objects, new, "{before:?} {after:?} at {at}");
                if at >= last {
                    break;
                }
            }
            let count = lake.ask("SELECT count(*) FROM access").await;
            assert_eq!(count, [vec![cell(lake.paths("landing").await.len())]]);
        });
    }
}

/// I8: what lies in date folders before the lookback is not listed, however they are written; a dynamic key before them, or none,
/// and all is.
#[tokio::test]
async fn old_date_folders_are_not_listed() {
    let old = "2026-10-01T05:00:00Z";
    for (layout, bounded) in LAYOUTS.into_iter().zip([true, true, true, true, true, true].into_iter().chain([false; 6]))
    {
        let bounded = bounded || layout == "%Y/%-m/%-d/%-H/";
        let (lake, stream) = (Lake::new("combined_apache"), Stream { layout, named: true, offset: 0 });
        for (number, at) in ["2026-09-30T05:00:00Z", "2026-11-20T05:00:00Z", "2026-11-21T05:00:00Z"].iter().enumerate()
        {
            lake.put(&stream.key(time(at), number), RECORD).await;
        }
        assert_eq!(lake.compact().await.unwrap().summary.objects, 3, "{layout}");
        lake.put(&stream.key(time(old), 9), RECORD).await;
        let missed =
            lake.verify(false).await.findings.iter().any(|found| found.told.contains("older (delivered 2026-10-01"));
        assert_eq!(missed, bounded, "{layout}: verify knows");
        let lag = lake.status(now()).await.lag.unwrap();
        let report = lake.compact().await.unwrap();
        let expected = u64::from(!bounded);
        assert_eq!((lag.objects, report.summary.objects), (expected, expected), "{layout}");
        let all = run(&lake, now() + TimeDelta::days(1), TimeDelta::hours(72)).await;
        assert_eq!(all.summary.objects, u64::from(bounded), "{layout}: once a day all is listed");
    }
}

/// In Tokyo it is the 20th, nine hours before it is in UTC: a record without event time goes by when it was delivered, and
/// an event time is not measured by a clock that is ahead.
#[tokio::test]
async fn a_zone_ahead_of_utc_moves_no_record() {
    let (lake, delivered) = (Lake::new("combined_apache"), time("2026-11-19T18:00:00Z"));
    let stream = Stream { layout: "dt=%Y-%m-%d/hour=%H/", named: true, offset: 9 };
    lake.clock.set(delivered + TimeDelta::minutes(5));
    let record = |time: &str| format!("{{\"host\":\"a\",\"datetime\":\"{time}\"}}\n");
    let body = record("-") + &record("20/Nov/2026:17:00:00 +0000") + &record("21/Nov/2026:02:00:00 +0000");
    lake.put_at_clock(&stream.key(delivered, 1), &body).await;
    let report = lake.compact().await.unwrap();
    assert_eq!((report.summary.rows_written, report.summary.rows_by_delivery), (3, 2));
    let days = lake.ask("SELECT dt, count(*) FROM access GROUP BY dt ORDER BY dt").await;
    assert_eq!(days, [vec![cell("2026-11-19"), cell(2)], vec![cell("2026-11-20"), cell(1)]]);
    lake.is_clean().await;
}

/// Folders of days alone: an event of the evening is no event more than a day after its delivery.
#[tokio::test]
async fn a_day_without_hours_is_not_its_midnight() {
    let lake = Lake::new("combined_apache");
    lake.clock.set(time("2026-11-21T11:00:00Z"));
    let body = "{\"host\":\"a\",\"datetime\":\"21/Nov/2026:10:59:00 +0000\"}"; // in Honolulu it is the 20th
    lake.put_at_clock("landing/dt=2026-11-20/x", body).await;
    lake.put_at_clock("landing/2026/11/x", body).await;
    let report = lake.compact().await.unwrap();
    assert_eq!((report.summary.rows_written, report.summary.rows_by_delivery), (2, 0));
    lake.is_clean().await;
}

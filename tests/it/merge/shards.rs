//! `--shard i/N`: N runs take each object once, one after the other or at once, and each lists all of its own once a day.

use super::small;
use crate::support::check::{check, snapshot};
use crate::support::lake::{Lake, made, now};
use crate::support::truth::Truth;
use chrono::TimeDelta;
use firelake::compact::Shard;
use firelake::error::Result;
use firelake::jobs::compact::{CompactJob, CompactReport};
use firelake::jobs::generate::GenerateOptions;
use futures::future::join_all;

fn shards(of: u32) -> Vec<Shard> {
    (1..=of).map(|at| format!("{at}/{of}").parse().unwrap()).collect()
}

async fn run(lake: &Lake, shard: Shard, days: i64) -> Result<CompactReport> {
    CompactJob { shard: Some(shard), now: now() + TimeDelta::days(days), ..lake.job() }.run().await
}

fn many() -> GenerateOptions {
    GenerateOptions { buffer_seconds: 60, ..small() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_after_the_other_and_at_once() {
    let (objects, truth) = (made(&many()), Truth::of(&many()));
    for at_once in [false, true] {
        let lake = Lake::new("combined_apache");
        lake.land(&objects).await;
        let reports = match at_once {
            true => join_all(shards(4).into_iter().map(|shard| run(&lake, shard, 0))).await,
            false => {
                let mut reports = Vec::new();
                for shard in shards(4) {
                    reports.push(run(&lake, shard, 0).await);
                }
                reports
            }
        };
        let taken: Vec<u64> = reports.into_iter().map(|report| report.unwrap().summary.objects).collect();
        assert!(taken.iter().all(|taken| *taken > 0), "{taken:?}");
        assert_eq!(taken.iter().sum::<u64>(), objects.len() as u64, "{taken:?}");
        for shard in shards(4) {
            let again = run(&lake, shard, 0).await.unwrap();
            assert_eq!(again.summary.objects, 0);
        }
        check(&lake.lake, &lake.landing, &truth).await;
        lake.is_clean().await;
        let state = snapshot(&lake.lake).await.unwrap();
        assert_eq!(state.shard_listings.keys().collect::<Vec<_>>(), ["1/4", "2/4", "3/4", "4/4"]);
        assert_eq!(state.full_listing_at, None);
    }
}

/// Objects that wait are those of a shard; another's are not its failure.
#[tokio::test]
async fn what_waits_waits_for_its_own_shard() {
    let lake = Lake::new("combined_apache");
    lake.land(&made(&many())).await;
    let key = "landing/2026/11/20/00/cut.gz";
    lake.put(key, [0x1f, 0x8b, 8]).await;
    let url = format!("{}/2026/11/20/00/cut.gz", lake.landing.url());
    for _ in 0..2 {
        for shard in shards(2) {
            let report = run(&lake, shard, 0).await.unwrap();
            assert_eq!(report.waiting.len(), usize::from(shard.takes(&url)), "{shard}");
        }
    }
    lake.delete(key).await;
    for shard in shards(2) {
        assert_eq!(run(&lake, shard, 0).await.unwrap().gone.len(), usize::from(shard.takes(&url)), "{shard}");
    }
    assert!(snapshot(&lake.lake).await.unwrap().waiting.is_empty());
}

/// Older than the lookback: no run lists it, until its shard's daily full listing. The other shard's does not take it, nor count
/// for it.
#[tokio::test]
async fn a_backfill_is_seen_by_its_own_shards_full_listing() {
    let lake = Lake::new("combined_apache");
    lake.land(&made(&many())).await;
    for shard in shards(2) {
        run(&lake, shard, 0).await.unwrap();
    }
    let key = "2026/10/01/00/web-1-2026-10-01-00-00-00-old.gz";
    lake.put(&format!("landing/{key}"), made(&small())[0].body.clone()).await;
    let url = format!("{}/{key}", lake.landing.url());
    let (own, other): (Vec<Shard>, Vec<Shard>) = shards(2).into_iter().partition(|shard| shard.takes(&url));
    for shard in [own[0], other[0]] {
        assert_eq!(run(&lake, shard, 0).await.unwrap().summary.objects, 0, "a day has not passed");
    }
    assert_eq!(run(&lake, other[0], 1).await.unwrap().summary.objects, 0);
    assert_eq!(run(&lake, own[0], 1).await.unwrap().summary.objects, 1, "another shard's listing is none of its own");
    assert!(snapshot(&lake.lake).await.unwrap().compacted.contains(&url).unwrap());
}

//! Each job on its own, and one after the other.

use super::{Two, commit, head, hours, merge, rebuild_all, two};
use crate::support::check::{check, holds, snapshot};
use chrono::TimeDelta;
use firelake::error::Kind;
use firelake::ledger::{Action, AsOf};

/// Nothing is wrong, also when all inputs are read again.
async fn is_sound(lake: &crate::support::lake::Lake) {
    let report = lake.verify(true).await;
    assert!(report.is_clean(), "{:#?}", report.findings);
}

#[tokio::test]
async fn back_resumed_and_compacted_again_each_record_is_there_once() {
    let Two { lake, halves, truths } = two().await;
    let told = lake.change(false).rollback(AsOf::Commit(1)).await.unwrap();
    assert_eq!((told.commit, told.plan.objects_out, head(&lake).await), (None, halves[1].len() as u64, 2));
    let done = lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    assert_eq!((done.commit, done.plan), (Some(3), told.plan));
    holds(&lake.lake, &lake.landing, &truths[0]).await;
    is_sound(&lake).await;

    for _ in 0..2 {
        let held = lake.compact().await.unwrap();
        assert_eq!((held.summary.commits, held.summary.hold, held.summary.objects), (None, Some(3), 0));
        assert_eq!((held.hold.unwrap().to, held.waiting.len()), (Some(1), halves[1].len()));
        assert!(held.summary.published);
    }
    let status = lake.status(crate::support::lake::now()).await;
    assert!(status.needs_attention() && status.hold.unwrap().commit == 3);
    holds(&lake.lake, &lake.landing, &truths[0]).await;

    let resumed = lake.change(true).resume().await.unwrap();
    assert_eq!((resumed.commit, resumed.plan.objects_waiting), (Some(4), halves[1].len() as u64));
    assert_eq!(lake.change(true).resume().await.unwrap().commit, None);
    assert_eq!(lake.compact().await.unwrap().summary.objects, halves[1].len() as u64);
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    is_sound(&lake).await;
    assert_eq!(lake.compact().await.unwrap().summary.commits, None);
}

/// Back before the rollback: what it took out is there again, as it was.
#[tokio::test]
async fn a_rollback_is_itself_rolled_back() {
    let Two { lake, halves, truths } = two().await;
    let before = snapshot(&lake.lake).await.unwrap();
    lake.change(true).rollback(AsOf::Commit(0)).await.unwrap();
    assert!(snapshot(&lake.lake).await.unwrap().files.is_empty());
    is_sound(&lake).await;
    let back = lake.change(true).rollback(AsOf::Commit(2)).await.unwrap();
    assert_eq!((back.commit, back.plan.objects_back), (Some(4), (halves[0].len() + halves[1].len()) as u64));
    let after = snapshot(&lake.lake).await.unwrap();
    assert_eq!(before.files.keys().collect::<Vec<_>>(), after.files.keys().collect::<Vec<_>>());
    assert!(after.waiting.is_empty() && after.hold == Some(4));
    assert!(after.files.iter().all(|(path, file)| file.origin == before.files[path].commit && file.commit == 4));
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    is_sound(&lake).await;
    let again = lake.change(true).rollback(AsOf::Commit(2)).await.unwrap();
    assert_eq!((again.commit, again.plan.changes), (None, false));
    lake.change(true).resume().await.unwrap();
    assert_eq!(lake.compact().await.unwrap().summary.objects, 0);
    is_sound(&lake).await;
}

#[tokio::test]
async fn back_over_a_merge_a_rebuild_and_an_expire() {
    let Two { lake, truths, .. } = two().await;
    merge(&lake, "dt=2026-11-20").await;
    holds_after_publishing(&lake, &truths[1]).await;
    is_sound(&lake).await;
    assert_eq!(rebuild_all(&lake).await.unwrap().commit, Some(4));
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    is_sound(&lake).await;
    assert_eq!(lake.change(true).expire(TimeDelta::days(2)).await.unwrap().commit, Some(5));
    holds(&lake.lake, &lake.landing, &truths[1].since_day("2026-11-20")).await;
    is_sound(&lake).await;
    // the state after each of them, newest first, then on to and fro
    for to in [4, 3, 2, 5, 1, 4, 3] {
        lake.change(true).rollback(AsOf::Commit(to)).await.unwrap();
        let truth = match to {
            1 => truths[0].clone(),
            5 => truths[1].since_day("2026-11-20"),
            _ => truths[1].clone(),
        };
        holds(&lake.lake, &lake.landing, &truth).await;
        is_sound(&lake).await;
    }
    assert_eq!(snapshot(&lake.lake).await.unwrap().expired_before, None);
    lake.change(true).resume().await.unwrap();
    lake.compact().await.unwrap();
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    is_sound(&lake).await;
}

async fn holds_after_publishing(lake: &crate::support::lake::Lake, truth: &crate::support::truth::Truth) {
    assert_eq!(lake.compact().await.unwrap().summary.objects, 0);
    holds(&lake.lake, &lake.landing, truth).await;
}

#[tokio::test]
async fn a_rebuild_takes_along_what_shares_files() {
    let Two { lake, halves, truths } = two().await;
    // an object that shares a file of the first commit with others
    let first = commit(&lake, 1).await;
    let shared = first.add.iter().find(|file| file.path.starts_with("data/") && file.inputs.len() > 1).unwrap();
    let one = first.inputs[shared.inputs[0] as usize].delivered;
    let mut asked = hours("19T00", "20T00");
    asked.delivered = one..one + TimeDelta::seconds(1);
    let told = lake.change(false).rebuild(&asked).await.unwrap();
    assert_eq!((told.plan.objects_asked, head(&lake).await), (1, 2));
    assert!((shared.inputs.len() as u64..=halves[0].len() as u64).contains(&told.plan.objects), "{told:?}");
    let done = lake.change(true).rebuild(&asked).await.unwrap();
    assert_eq!((done.commit, done.plan.objects), (Some(3), told.plan.objects));
    let made = commit(&lake, 3).await;
    assert_eq!((made.action, made.counts.expired, made.inputs.len() as u64), (Action::Rebuild, 0, told.plan.objects));
    assert!(made.inputs.iter().all(|input| first.inputs.contains(input)), "they give what they gave");
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    is_sound(&lake).await;
    // a merged file ties both commits together
    merge(&lake, "dt=2026-11-20").await;
    let done = lake.change(true).rebuild(&asked).await.unwrap();
    assert!(done.plan.objects > told.plan.objects, "{done:?}");
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    is_sound(&lake).await;
    let none = lake.change(true).rebuild(&hours("01T00", "02T00")).await.unwrap();
    assert_eq!((none.commit, none.plan.objects), (None, 0));
}

#[tokio::test]
async fn what_is_gone_or_cut_is_not_rebuilt() {
    let Two { lake, halves, truths } = two().await;
    let key = format!("landing/{}", halves[1][0].key);
    let whole = lake.get(&key).await;
    for cut in [true, false] {
        match cut {
            true => lake.put(&key, "PK\x03\x04").await,
            false => lake.delete(&key).await,
        }
        let error = rebuild_all(&lake).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unreadable);
        assert!(error.message().contains(&halves[1][0].key), "{error}");
        assert_eq!(head(&lake).await, 2);
        holds(&lake.lake, &lake.landing, &truths[1]).await;
    }
    lake.put(&key, whole.clone()).await;
    assert!(rebuild_all(&lake).await.unwrap().plan.changed.len() <= 1);
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    // another content under the same name: it is told, and counts
    lake.put(&key, [whole.clone(), whole].concat()).await;
    let told = rebuild_all(&lake).await.unwrap();
    assert!(told.plan.changed[0].ends_with(&halves[1][0].key), "{:?}", told.plan.changed);
    let records = told.plan.rebuilt.unwrap().records_read;
    assert!(records > truths[1].events.len() as u64, "{records}");
    is_sound(&lake).await;
}

#[tokio::test]
async fn what_is_expired_stays_out_of_a_rebuild_and_is_counted() {
    let Two { lake, truths, .. } = two().await;
    let left = truths[1].since_day("2026-11-20");
    let told = lake.change(false).expire(TimeDelta::days(2)).await.unwrap();
    assert!(told.commit.is_none() && told.plan.partitions.iter().all(|p| p.partition == "dt=2026-11-19"));
    assert_eq!(told.plan.partitions.iter().map(|p| p.rejected).collect::<Vec<_>>(), [false, true]);
    assert_eq!(lake.change(true).expire(TimeDelta::days(2)).await.unwrap().commit, Some(3));
    holds(&lake.lake, &lake.landing, &left).await;
    assert_eq!(lake.change(true).expire(TimeDelta::days(2)).await.unwrap().commit, None);
    assert_eq!(lake.compact().await.unwrap().summary.objects, 0, "the inputs stay compacted");
    is_sound(&lake).await;
    for number in [4, 5] {
        let rebuilt = rebuild_all(&lake).await.unwrap();
        assert_eq!(rebuilt.commit, Some(number));
        let counts = commit(&lake, number).await.counts;
        assert_eq!(counts.expired as usize, truths[1].events.len() - left.events.len());
        assert_eq!((counts.rows_written, counts.records_rejected), (left.whole().count() as u64, left.broken()));
        holds(&lake.lake, &lake.landing, &left).await;
        is_sound(&lake).await;
    }
    // the bound goes back with the state, and a rebuild then brings all
    lake.change(true).rollback(AsOf::Commit(2)).await.unwrap();
    rebuild_all(&lake).await.unwrap();
    holds(&lake.lake, &lake.landing, &truths[1]).await;
    is_sound(&lake).await;
    // everything
    lake.change(true).expire(TimeDelta::zero()).await.unwrap();
    assert!(snapshot(&lake.lake).await.unwrap().files.is_empty());
    is_sound(&lake).await;
    rebuild_all(&lake).await.unwrap();
    assert!(snapshot(&lake.lake).await.unwrap().files.is_empty());
    is_sound(&lake).await;
}

/// Ordinary runs go on as ever after each.
#[tokio::test]
async fn late_objects_land_after_a_rebuild_and_an_expire() {
    let Two { lake, halves, truths } = two().await;
    let fresh = crate::support::lake::Lake::new("combined_apache");
    fresh.land(&halves[0]).await;
    fresh.compact().await.unwrap();
    rebuild_all(&fresh).await.unwrap();
    fresh.land(&halves[1]).await;
    fresh.compact().await.unwrap();
    holds(&fresh.lake, &fresh.landing, &truths[1]).await;
    fresh.is_clean().await;
    check(&lake.lake, &lake.landing, &truths[1]).await;
}

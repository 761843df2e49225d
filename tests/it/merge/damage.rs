//! A live file that is missing or damaged: it is named, and nothing is merged with it.

use super::{merge, merge_job, small, unmerged};
use crate::support::check::{check, snapshot};
use crate::support::lake::{Lake, made};
use crate::support::truth::Truth;
use firelake::error::Kind;

async fn is_refused(lake: &Lake, path: &str, told: &str) {
    let head = snapshot(&lake.lake).await.unwrap().head;
    let report = merge_job(lake).run().await.unwrap();
    assert_eq!(snapshot(&lake.lake).await.unwrap().head, head, "{told}");
    let [error] = &report.failed[..] else { panic!("{told}: {report:?}") };
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.message().contains(path) && error.message().contains(told), "{told}: {error:?}");
    assert!(error.hint_text().unwrap().contains("firelake verify"), "{error:?}");
}

#[tokio::test]
async fn it_is_named_and_nothing_is_committed() {
    let (objects, truth) = (made(&small()), Truth::of(&small()));
    let mut lake = unmerged(&objects, 3).await;
    let state = snapshot(&lake.lake).await.unwrap();
    let path = state.files.keys().nth(1).unwrap().clone();
    let stored = format!("lake/logs/access/{path}");
    let whole = lake.get(&stored).await;
    let mut changed = whole.clone();
    changed[whole.len() / 3..whole.len() / 2].fill(0xff);
    let cut = whole[..whole.len() - 9].to_vec();
    let other = lake.get(&format!("lake/logs/access/{}", state.files.keys().next().unwrap())).await;
    for damage in [changed, cut, other] {
        lake.put(&stored, damage).await;
        is_refused(&lake, &path, "the live file").await;
    }
    lake.delete(&stored).await;
    is_refused(&lake, &path, "is missing").await;

    // the scheduled run warns, and what it compacted stands
    lake.merge = true;
    let report = lake.compact().await.unwrap();
    let [warning] = &report.warnings[..] else { panic!("{report:?}") };
    assert!(warning.contains("not merged") && warning.contains(&path), "{warning}");
    lake.put(&stored, whole).await;
    merge(&lake).await;
    check(&lake.lake, &lake.landing, &truth).await;
}

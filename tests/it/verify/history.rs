//! Commits, and where objects went and files came from.

use super::lake;
use crate::support::lake::now;
use firelake::jobs::history::ObjectHistory;
use firelake::ledger::Action;

#[tokio::test]
async fn the_newest_commits_first() {
    let (lake, objects) = lake().await;
    let commits = lake.history().commits(10).await.unwrap();
    let told: Vec<_> = commits.iter().map(|c| (c.commit, c.action, c.objects)).collect();
    let half = objects.len() as u64 / 2;
    assert_eq!(told, [(2, Action::Add, half), (1, Action::Add, objects.len() as u64 - half), (0, Action::Create, 0)]);
    assert!(commits.iter().all(|c| c.records == c.rows + c.rejected && c.at == now() && c.writer == "a test"));
    assert_eq!(lake.history().commits(1).await.unwrap(), commits[..1]);
}

/// What is not asked for is not read: a damaged commit further back does no harm.
#[tokio::test]
async fn a_damaged_commit_stops_only_who_asks_for_it() {
    let (lake, _) = lake().await;
    lake.put(&super::commit(1), "x").await;
    assert_eq!(lake.history().commits(1).await.unwrap().len(), 1);
    assert!(lake.history().commits(2).await.unwrap_err().message().contains("is damaged"));
}

#[tokio::test]
async fn every_object_and_every_file_know_each_other() {
    let (lake, objects) = lake().await;
    let mut seen = 0;
    for (at, object) in objects.iter().enumerate() {
        let url = format!("{}/{}", lake.landing.url(), object.key);
        let ObjectHistory::Compacted { commit, input, files, .. } = lake.history().object(&url).await.unwrap() else {
            panic!("{url}")
        };
        assert_eq!((commit, &input.url, files.is_empty()), (at as u64 % 2 + 1, &url, input.records == 0));
        for made in files {
            let file = lake.history().file(&made.path).await.unwrap();
            assert!(made.live && file.live && file.inputs.contains(&url), "{file:?}");
            assert_eq!(
                (file.commit, file.rows, made.rejected),
                (commit, made.rows, made.path.starts_with("rejected/"))
            );
            seen += 1;
        }
    }
    assert!(seen > objects.len());
}

/// A published copy has its file's name, and any way to name it does.
#[tokio::test]
async fn a_copy_leads_to_its_file() {
    let (lake, _) = lake().await;
    let copy = lake.paths("lake/logs/access/data/p2").await.remove(0);
    let file = lake.history().file(&copy).await.unwrap();
    let name = file.path.rsplit('/').next().unwrap();
    assert!(file.live && copy.ends_with(name) && !file.path.contains("/p2/"));
    assert_eq!(lake.history().file(name).await.unwrap(), file);
    let error = lake.history().file("nobody.parquet").await.unwrap_err();
    assert!(error.message().contains("no commit of logs.access names a file nobody.parquet"), "{error}");
}

#[tokio::test]
async fn objects_that_are_not_compacted() {
    let (lake, _) = lake().await;
    let state = async |key: &str| lake.history().object(&format!("memory:///landing/{key}")).await.unwrap();
    assert_eq!(state("2026/11/20/05/x.zip").await, ObjectHistory::Unknown);
    lake.put("landing/2026/11/20/05/x.zip", "PK\x03\x04").await;
    assert!(matches!(state("2026/11/20/05/x.zip").await, ObjectHistory::Landed { size: 4, .. }));
    lake.compact().await.unwrap();
    let ObjectHistory::Waiting { waiting } = state("2026/11/20/05/x.zip").await else { panic!() };
    assert!(waiting.reason.contains("zip") && waiting.since == now());
    lake.delete("landing/2026/11/20/05/x.zip").await;
    lake.compact().await.unwrap();
    let ObjectHistory::Gone { commit, gone } = state("2026/11/20/05/x.zip").await else { panic!() };
    assert!(commit == 4 && gone.reason.contains("deleted"), "{commit} {gone:?}");
}

//! History: a line a commit, an object's way, a file's origin.

use super::{Two, merge, rebuild_all, two};
use crate::support::check::snapshot;
use firelake::jobs::history::{ObjectHistory, What};
use firelake::ledger::{Action, AsOf};
use firelake::table::FileSet;

#[tokio::test]
async fn an_objects_way_is_told_newest_first() {
    let Two { lake, halves, .. } = two().await;
    let url = format!("{}/{}", lake.landing.url(), halves[1][0].key);
    rebuild_all(&lake).await.unwrap();
    lake.change(true).rollback(AsOf::Commit(1)).await.unwrap();
    let (state, _) = lake.history().story(&url).await.unwrap();
    assert!(matches!(state, ObjectHistory::Waiting { .. }), "{state:?}");
    lake.change(true).rollback(AsOf::Commit(2)).await.unwrap();
    let (state, way) = lake.history().story(&url).await.unwrap();
    let told: Vec<(u64, &str)> = way.iter().map(|step| (step.commit, word(&step.what))).collect();
    assert_eq!(told, [(5, "brought back"), (4, "taken out"), (3, "rebuilt"), (2, "compacted")]);
    // the files are those of commit 2, and none of the rebuild's
    let ObjectHistory::Compacted { commit, files, .. } = state else { panic!("{state:?}") };
    assert!(commit == 2 && !files.is_empty() && files.iter().all(|file| file.live), "{files:?}");
    for made in files {
        let file = lake.history().file(&made.path).await.unwrap();
        assert_eq!((file.commit, file.brought_back_by, file.live), (2, Some(5), true));
        assert!(file.inputs.contains(&url));
    }
}

fn word(what: &What) -> &'static str {
    match what {
        What::Compacted { .. } => "compacted",
        What::Rebuilt { .. } => "rebuilt",
        What::Redriven { .. } => "redriven",
        What::TakenOut { .. } => "taken out",
        What::BroughtBack { .. } => "brought back",
        What::Waits { .. } => "waits",
        What::Gone => "gone",
    }
}

#[tokio::test]
async fn a_merged_file_knows_its_objects_and_they_know_it() {
    let Two { lake, .. } = two().await;
    merge(&lake, "dt=2026-11-20").await;
    let state = snapshot(&lake.lake).await.unwrap();
    let (path, _) = state.live(FileSet::Data).find(|(_, file)| file.commit == 3).unwrap();
    let file = lake.history().file(path).await.unwrap();
    assert!(file.commit == 3 && file.inputs.len() > 2, "{file:?}");
    for url in &file.inputs {
        let ObjectHistory::Compacted { files, .. } = lake.history().object(url).await.unwrap() else { panic!() };
        assert!(files.iter().any(|made| made.live && made.path == *path), "{files:?}");
    }
    let listed = lake.history().commits(1).await.unwrap();
    assert_eq!((listed[0].action, listed[0].files, listed[0].removed), (Action::Merge, 1, 2));
}

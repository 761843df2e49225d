//! Checkpoints that say otherwise than the commits. A load believes them.

use super::{finds, lake};
use crate::support::check::snapshot;
use crate::support::lake::Lake;
use firelake::jobs::verify::{Check, Verdict};
use firelake::ledger::{Action, Appended, Commit, Ledger};

const ROOT: &str = "lake/logs/access/_ledger/checkpoint/00000000000000000002.json";

/// The two commits of the lake, in a checkpoint; its root's content.
async fn checkpointed() -> (Lake, String) {
    let (lake, _) = lake().await;
    let mut state = snapshot(&lake.lake).await.unwrap();
    Ledger::new(&lake.lake.join("logs/access")).checkpoint(&mut state).await.unwrap();
    lake.is_clean().await;
    let root = String::from_utf8(lake.get(ROOT).await).unwrap();
    let at = root.find("\"checkpoint\":").unwrap() + "\"checkpoint\":".len();
    let content = root.trim_end()[at..].strip_suffix('}').unwrap().to_owned();
    (lake, content)
}

/// Stores a root with that content, whose checksum is right.
async fn forge(lake: &Lake, content: &str) {
    let crc32 = crc32fast::hash(content.as_bytes());
    lake.put(ROOT, format!("{{\"firelake\":1,\"crc32\":\"{crc32:08x}\",\"checkpoint\":{content}}}\n")).await;
}

#[tokio::test]
async fn inputs_and_files_that_a_checkpoint_forgets() {
    let (lake, content) = checkpointed().await;
    let without = |list: &str| {
        let from = content.find(&format!("\"{list}\":[")).unwrap() + list.len() + 4;
        let to = from + content[from..].find(']').unwrap();
        format!("{}{}", &content[..from], &content[to..])
    };
    for (list, told) in [("compacted", "of compacted objects"), ("partitions", "of live files, changed partitions")] {
        forge(&lake, &without(list)).await;
        let report = lake.verify(false).await;
        finds(&report, Verdict::Failed, Check::Ledger, "_ledger/checkpoint", told);
        assert!(
            report.findings.iter().any(|finding| finding.told.contains("the checkpoint of commit 2 says otherwise"))
        );
    }
    forge(&lake, &content).await;
    lake.is_clean().await;
}

/// Nobody believes it, so nothing is wrong.
#[tokio::test]
async fn a_damaged_checkpoint_is_a_note() {
    let (lake, content) = checkpointed().await;
    lake.put(ROOT, &content.as_bytes()[..100]).await;
    let report = lake.verify(false).await;
    finds(&report, Verdict::Note, Check::Ledger, "_ledger/checkpoint", "the checkpoint of commit 2 is damaged");
    assert!(report.is_clean(), "{:#?}", report.findings);
}

/// No listing of commits shows that one is missing at the end.
#[tokio::test]
async fn a_commit_that_only_its_checkpoint_remembers() {
    let (lake, _) = lake().await;
    let (ledger, mut state) = (Ledger::new(&lake.lake.join("logs/access")), snapshot(&lake.lake).await.unwrap());
    let appended =
        ledger.append(&mut state, Commit::new(Action::Mark, crate::support::lake::now(), "a test")).await.unwrap();
    assert!(matches!(appended, Appended::Committed(_)));
    ledger.checkpoint(&mut state).await.unwrap();
    lake.delete(&super::commit(3)).await;
    finds(
        &lake.verify(false).await,
        Verdict::Failed,
        Check::Ledger,
        "_ledger",
        "is missing, though there is a checkpoint",
    );
}

//! A ledger that is damaged is never written on: exit code 1, and the object is named.

use super::{compacted, unharmed};
use crate::support::process::Sandbox;
use crate::support::truth::Truth;
use firelake::ledger::Commit;
use std::path::PathBuf;

const READERS: [&str; 3] = [
    "compact --lake lake --table access",
    "files --lake lake --table access",
    "query --lake lake \"SELECT count(*) FROM access\"",
];

fn commit(sandbox: &Sandbox, number: u64) -> PathBuf {
    sandbox.path(&format!("lake/logs/access/_ledger/{}", Commit::file_name(number)))
}

/// Every reader fails, names the object, and changes nothing; once it is restored, all is well.
fn refused_until_restored(sandbox: &Sandbox, truth: &Truth, number: u64, whole: &[u8], expected: &[&str]) {
    let path = commit(sandbox, number);
    let before = sandbox.files("lake");
    for line in READERS {
        sandbox.run(line).fails(1, &[&[path.to_str().unwrap()][..], expected].concat());
    }
    assert_eq!(sandbox.files("lake"), before);
    std::fs::write(path, whole).unwrap();
    sandbox.ok("compact --lake lake --table access").says(&["nothing new"]);
    unharmed(sandbox, truth, 2);
}

#[test]
fn a_flipped_bit_anywhere() {
    let (sandbox, truth) = compacted();
    for number in [0, 1] {
        let whole = std::fs::read(commit(&sandbox, number)).unwrap();
        for at in [3, whole.len() / 2, whole.len() - 4] {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(commit(&sandbox, number), flipped).unwrap();
            refused_until_restored(
                &sandbox,
                &truth,
                number,
                &whole,
                &["is damaged", "restore this object from a backup"],
            );
        }
    }
}

#[test]
fn a_commit_that_is_cut_or_empty() {
    let (sandbox, truth) = compacted();
    let whole = std::fs::read(commit(&sandbox, 1)).unwrap();
    for length in [0, whole.len() / 2] {
        std::fs::write(commit(&sandbox, 1), &whole[..length]).unwrap();
        refused_until_restored(&sandbox, &truth, 1, &whole, &["is damaged", "restore this object from a backup"]);
    }
}

#[test]
fn a_missing_commit() {
    let (sandbox, truth) = compacted();
    let whole = std::fs::read(commit(&sandbox, 0)).unwrap();
    std::fs::remove_file(commit(&sandbox, 0)).unwrap();
    refused_until_restored(&sandbox, &truth, 0, &whole, &["is missing, though there are commits up to 1"]);
}

/// The newest commit is lost and what it compacted looks new: the catalog knows better, and nothing is written.
#[test]
fn a_lost_tail() {
    let (sandbox, truth) = compacted();
    let whole = std::fs::read(commit(&sandbox, 1)).unwrap();
    std::fs::remove_file(commit(&sandbox, 1)).unwrap();
    let before = sandbox.files("lake");
    let expected = ["the catalog knows commit 1 of logs.access, but its ledger ends at commit 0", "from a backup"];
    sandbox.run(READERS[0]).fails(1, &expected);
    assert_eq!(sandbox.files("lake"), before);
    std::fs::write(commit(&sandbox, 1), whole).unwrap();
    sandbox.ok(READERS[0]).says(&["nothing new"]);
    unharmed(&sandbox, &truth, 2);
}

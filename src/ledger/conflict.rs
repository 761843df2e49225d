//! The conflict rules: which winner of a commit number makes my commit wrong. Pure; the table is in DESIGN's commit protocol.

use super::commit::{Action, Commit};
use std::collections::HashSet;

/// Why `mine` must not land on a ledger that `winner` is in; `None` where both can stand.
///
/// Two commits that bring one input would count its records twice (I1). Two that remove one file would each
/// replace it. A second `create` is another table's.
pub fn conflict(mine: &Commit, winner: &Commit) -> Option<String> {
    if mine.action == Action::Create || winner.action == Action::Create {
        return Some("the table was created by another run".into());
    }
    if mine.action == Action::AddLanding && mine.landing == winner.landing {
        return Some("the landing prefix was added by another run".into());
    }
    let theirs: HashSet<&str> = winner.inputs.iter().map(|input| input.url.as_str()).collect();
    if let Some(both) = mine.inputs.iter().find(|input| theirs.contains(input.url.as_str())) {
        return Some(format!("commit {} compacted {}", winner.number, both.url));
    }
    let removed: HashSet<&str> = winner.remove.iter().map(String::as_str).collect();
    let both = mine.remove.iter().find(|path| removed.contains(path.as_str()))?;
    Some(format!("commit {} replaced {both}", winner.number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Input;
    use chrono::DateTime;

    fn commit(action: Action, inputs: &[&str], remove: &[&str]) -> Commit {
        let input = |url: &&str| Input {
            url: url.to_string(),
            etag: None,
            size: 1,
            delivered: DateTime::UNIX_EPOCH,
            records: 0,
            rejected: 0,
        };
        Commit {
            inputs: inputs.iter().map(input).collect(),
            remove: remove.iter().map(|path| path.to_string()).collect(),
            ..Commit::new(action, DateTime::UNIX_EPOCH, "test")
        }
    }

    #[test]
    fn the_rules_by_example() {
        use Action::{Add, AddLanding, Create};
        let landing = |url: &str| Commit { landing: Some(url.into()), ..commit(AddLanding, &[], &[]) };
        let cases = [
            ("two adds of other inputs", commit(Add, &["a"], &[]), commit(Add, &["b"], &[]), false),
            ("two adds of one input", commit(Add, &["a", "c"], &[]), commit(Add, &["b", "c"], &[]), true),
            ("two that replace one file", commit(Add, &[], &["x"]), commit(Add, &[], &["x", "y"]), true),
            ("two that replace others", commit(Add, &[], &["x"]), commit(Add, &[], &["y"]), false),
            ("an add and a landing prefix", commit(Add, &["a"], &[]), landing("l"), false),
            ("a landing prefix twice", landing("l"), landing("l"), true),
            ("two landing prefixes", landing("l"), landing("m"), false),
            ("a table twice", commit(Create, &[], &[]), commit(Create, &[], &[]), true),
        ];
        for (what, mine, winner, expected) in cases {
            assert_eq!(conflict(&mine, &winner).is_some(), expected, "{what}");
            assert_eq!(conflict(&winner, &mine).is_some(), expected, "{what}, the other way");
        }
    }
}

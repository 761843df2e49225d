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

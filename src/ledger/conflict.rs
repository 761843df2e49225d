//! The conflict rules: which winner of a commit number makes my commit wrong. Pure.
//!
//! | my commit | conflicts with a winner that | else |
//! |---|---|---|
//! | `create` | is there | two tables in one folder |
//! | `add-landing` | added the same prefix | its objects are listed twice |
//! | brings inputs | brings one of the same inputs | its records count twice |
//! | removes files | removed one of them | both replace it: its rows count twice |
//! | `rollback` | has files or inputs, or is a rollback | what it adds stays, though it came after the state brought back |
//! | has files or inputs | is a rollback | what was taken out comes back during the hold |
//! | has files | condemned its attempt or a folder with one of its files | a live file is deleted |
//! | has files | evolved the schema | files without the new columns, by a schema that is gone |
//! | `rebuild`, `redrive` | expired files | what was expired comes back |
//! | `condemn` | made files live below what it condemns | a live file is deleted |
//! | `resume` | is a rollback, or a resume | a hold ends that its planner did not see; there is no hold any more |
//! | `evolve` | evolved the schema | a change that was not checked against the schema it changes |

use super::commit::{Action, Commit, attempt_of};
use crate::sabotage::{Broken, broken};
use std::collections::HashSet;

/// Why `mine` must not land on a ledger that `winner` is in; `None` where both can stand.
///
/// The commits between are no matter: each winner is compared on its own, one by one.
pub fn conflict(mine: &Commit, winner: &Commit) -> Option<String> {
    made(mine, winner)
        .or_else(|| inputs(mine, winner))
        .or_else(|| removed(mine, winner))
        .or_else(|| rolled_back(mine, winner))
        .or_else(|| condemned(mine, winner))
        .or_else(|| changed(mine, winner))
}

fn made(mine: &Commit, winner: &Commit) -> Option<String> {
    if mine.action == Action::Create || winner.action == Action::Create {
        return Some("the table was created by another run".into());
    }
    (mine.action == Action::AddLanding && mine.landing == winner.landing)
        .then(|| "the landing prefix was added by another run".into())
}

fn inputs(mine: &Commit, winner: &Commit) -> Option<String> {
    if broken(Broken::OverlapUnchecked) {
        return None;
    }
    let theirs: HashSet<&str> = winner.inputs.iter().map(|input| input.url.as_str()).collect();
    let both = mine.inputs.iter().find(|input| theirs.contains(input.url.as_str()))?;
    Some(format!("commit {} compacted {}", winner.number, both.url))
}

fn removed(mine: &Commit, winner: &Commit) -> Option<String> {
    let theirs: HashSet<&str> = winner.remove.iter().map(String::as_str).collect();
    let both = mine.remove.iter().find(|path| theirs.contains(path.as_str()))?;
    Some(format!("commit {} replaced {both}", winner.number))
}

fn rolled_back(mine: &Commit, winner: &Commit) -> Option<String> {
    let changes = |commit: &Commit| commit.has_files() || !commit.inputs.is_empty();
    let (mine_is, theirs_is) = (mine.action == Action::Rollback, winner.action == Action::Rollback);
    match () {
        () if mine_is && theirs_is => Some(format!("commit {} is another rollback", winner.number)),
        () if mine_is && changes(winner) && !broken(Broken::RollbackRebases) => {
            Some(format!("commit {} changed the table", winner.number))
        }
        () if theirs_is && changes(mine) => Some(format!("commit {} rolled the table back", winner.number)),
        () if theirs_is && mine.action == Action::Resume => {
            Some(format!("commit {} rolled the table back once more", winner.number))
        }
        () if mine.action == Action::Resume && winner.action == Action::Resume => {
            Some(format!("commit {} resumed the table", winner.number))
        }
        () => None,
    }
}

fn condemned(mine: &Commit, winner: &Commit) -> Option<String> {
    let hit = match mine.action {
        Action::Condemn if broken(Broken::CondemnUnchecked) => None,
        Action::Condemn => below(&mine.condemned, winner),
        _ => None,
    };
    let hit = hit.map(|folder| format!("commit {} made files of {folder} live", winner.number));
    hit.or_else(|| below(&winner.condemned, mine).map(|folder| format!("commit {} condemned {folder}", winner.number)))
}

/// The folder, of those, that a file which the commit makes live is in, or that is its attempt's.
fn below<'a>(folders: &'a [String], commit: &Commit) -> Option<&'a str> {
    let attempt = commit.attempt.filter(|_| !commit.add.is_empty());
    let of_attempt =
        |folder: &str| attempt.is_some_and(|attempt| is_whole(folder) && attempt_of(folder) == Some(attempt));
    let hit =
        |folder: &&String| of_attempt(folder) || commit.add.iter().any(|file| file.path.starts_with(folder.as_str()));
    folders.iter().find(hit).map(String::as_str)
}

/// Whether it is all that an attempt wrote of one set.
fn is_whole(folder: &str) -> bool {
    folder.trim_end_matches('/').split('/').count() == 2
}

fn changed(mine: &Commit, winner: &Commit) -> Option<String> {
    let evolves = |commit: &Commit| commit.action == Action::Evolve;
    let by_schema = evolves(mine) || mine.has_files() || !mine.inputs.is_empty();
    if evolves(winner) && by_schema && !broken(Broken::EvolveUnchecked) {
        return Some(format!("commit {} changed the schema", winner.number));
    }
    (matches!(mine.action, Action::Rebuild | Action::Redrive) && winner.action == Action::Expire)
        .then(|| format!("commit {} expired files", winner.number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{DataFile, Input};
    use chrono::DateTime;
    use uuid::Uuid;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    fn commit(action: Action, inputs: &[&str], add: &[&str], remove: &[&str]) -> Commit {
        let input = |url: &&str| Input {
            url: url.to_string(),
            etag: None,
            size: 1,
            delivered: DateTime::UNIX_EPOCH,
            records: 0,
            rejected: 0,
            opened: false,
            repaired: 0,
        };
        let file = |path: &&str| DataFile {
            path: path.to_string(),
            partition: "dt=1".into(),
            rows: 0,
            bytes: 1,
            inputs: vec![],
            origin: None,
            stats: Default::default(),
        };
        Commit {
            attempt: add.first().and_then(|path| attempt_of(path)),
            inputs: inputs.iter().map(input).collect(),
            add: add.iter().map(file).collect(),
            remove: remove.iter().map(|path| path.to_string()).collect(),
            ..Commit::new(action, DateTime::UNIX_EPOCH, "test")
        }
    }

    /// Each line: my commit, the winner, and whether I conflict with it, and it with me where it had lost.
    #[test]
    fn the_rules_by_example() {
        use Action::{
            Add, AddLanding, Condemn, Create, Evolve, Expire, Mark, Merge, Rebuild, Redrive, Resume, Rollback,
        };
        let none: &[&str] = &[];
        let (a, b) = (format!("data/{A}/dt=1/{A}-0"), format!("data/{B}/dt=1/{B}-0"));
        let (a, b) = (a.as_str(), b.as_str());
        let plain = |action| commit(action, none, none, none);
        let landing = |url: &str| Commit { landing: Some(url.into()), ..plain(AddLanding) };
        let condemn = |folder: String| Commit { condemned: vec![folder], ..plain(Condemn) };
        let waits = Commit { waiting: vec![], ..plain(Add) };
        let add_a = commit(Add, &["1"], &[a], none);
        let merge = |add, remove| commit(Merge, none, &[add], &[remove]);
        let back = commit(Rollback, none, &[a], &[b]);
        let cases = [
            ("two adds of other inputs", add_a.clone(), commit(Add, &["2"], &[b], none), (false, false)),
            (
                "two adds of one input",
                commit(Add, &["1", "3"], none, none),
                commit(Add, &["2", "3"], none, none),
                (true, true),
            ),
            ("an add and a rebuild of one input", add_a.clone(), commit(Rebuild, &["1"], &[b], none), (true, true)),
            ("two that replace one file", merge(a, "x"), merge(b, "x"), (true, true)),
            ("two that replace others", merge(a, "x"), merge(b, "y"), (false, false)),
            ("an expire and a merge of one file", commit(Expire, none, none, &["x"]), merge(a, "x"), (true, true)),
            ("an add and a merge", add_a.clone(), merge(b, "x"), (false, false)),
            (
                "a rebuild and an expire of others",
                commit(Rebuild, &["1"], &[a], &["x"]),
                commit(Expire, none, none, &["y"]),
                (true, false),
            ),
            (
                "two redrives of one file",
                commit(Redrive, &["1"], &[a], &["x"]),
                commit(Redrive, &["1"], &[b], &["x"]),
                (true, true),
            ),
            ("a redrive and a merge of its file", commit(Redrive, &["1"], &[a], &["x"]), merge(b, "x"), (true, true)),
            (
                "a redrive and a rebuild of its object",
                commit(Redrive, &["1"], &[a], &["x"]),
                commit(Rebuild, &["1"], &[b], &["y"]),
                (true, true),
            ),
            (
                "a redrive and an expire of others",
                commit(Redrive, &["1"], &[a], &["x"]),
                commit(Expire, none, none, &["y"]),
                (true, false),
            ),
            (
                "a redrive and an add",
                commit(Redrive, &["1"], &[a], &["x"]),
                commit(Add, &["2"], &[b], none),
                (false, false),
            ),
            ("a rollback and an add", back.clone(), commit(Add, &["1"], &["data/x/y"], none), (true, true)),
            ("a rollback and an add of an empty object", back.clone(), commit(Add, &["1"], none, none), (true, true)),
            ("a rollback and what waits", back.clone(), waits.clone(), (false, false)),
            ("a rollback and a merge", back.clone(), merge("data/x/y", "z"), (true, true)),
            ("two rollbacks", back.clone(), plain(Rollback), (true, true)),
            ("a resume and a rollback", plain(Resume), back.clone(), (true, false)),
            ("two resumes", plain(Resume), plain(Resume), (true, true)),
            ("a resume and an add", plain(Resume), add_a.clone(), (false, false)),
            ("a condemned folder that comes back", condemn(format!("data/{A}/dt=1/")), back.clone(), (true, true)),
            ("a condemned folder beside it", condemn(format!("data/{A}/dt=11/")), back.clone(), (false, false)),
            ("an attempt condemned whole", condemn(format!("data/{A}/")), add_a.clone(), (true, true)),
            ("the rejected records of an attempt", condemn(format!("rejected/{A}/")), add_a.clone(), (true, true)),
            ("another partition of an attempt", condemn(format!("data/{A}/dt=2/")), add_a.clone(), (false, false)),
            ("a copy condemned, and an add", condemn("data/p7/dt=1/".into()), add_a.clone(), (false, false)),
            (
                "two condemns of one folder",
                condemn(format!("data/{A}/")),
                condemn(format!("data/{A}/")),
                (false, false),
            ),
            ("an add and another schema", add_a.clone(), plain(Evolve), (true, false)),
            ("what waits and another schema", waits, plain(Evolve), (false, false)),
            ("two other schemas", plain(Evolve), plain(Evolve), (true, true)),
            ("a mark", plain(Mark), add_a.clone(), (false, false)),
            ("an add and a landing prefix", add_a, landing("l"), (false, false)),
            ("a landing prefix twice", landing("l"), landing("l"), (true, true)),
            ("two landing prefixes", landing("l"), landing("m"), (false, false)),
            ("a table twice", plain(Create), plain(Create), (true, true)),
        ];
        for (what, mine, winner, (mine_conflicts, other_way)) in cases {
            assert_eq!(conflict(&mine, &winner).is_some(), mine_conflicts, "{what}");
            assert_eq!(conflict(&winner, &mine).is_some(), other_way, "{what}, the other way");
        }
        assert_eq!(attempt_of(a), Uuid::parse_str(A).ok());
    }
}

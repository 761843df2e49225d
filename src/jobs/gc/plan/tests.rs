use super::*;
use crate::catalog::suite::{commit, pins};
use crate::ledger::{Action, Commit};
use crate::table::PartitionKey;
use chrono::TimeDelta;

const A: &str = "00000000-0000-0000-0000-00000000000a";
const B: &str = "00000000-0000-0000-0000-00000000000b";

fn hour(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
}

/// `data/A/1/0`: file 0 of attempt A in `dt=1`.
fn path(short: &str) -> String {
    let parts: Vec<&str> = short.split('/').collect();
    let [set, owner, day, number] = parts[..] else { panic!("{short}") };
    let (owner, writer) = match owner {
        "A" => (A, A),
        "B" => (B, B),
        copy => (copy, A),
    };
    format!("{set}/{owner}/dt={day}/{writer}-{number:0>5}.parquet")
}

/// A case. The grace is 4 hours and now is hour 10: the bound is hour 6. Commit n is written in hour `at[n]`, commit 0 in hour 0.
#[derive(Clone, Copy, Default)]
struct Case<'a> {
    /// Each commit: `+` and `-` files, or `!` a folder that it condemns; and the hour that it is written in.
    commits: &'a [(&'a str, i64)],
    /// What is listed, and the hour that each was written in.
    listed: &'a [(&'a str, i64)],
    /// Folders that the catalog names.
    named: &'a [&'a str],
    /// The table is created in this hour.
    created: i64,
}

fn long(short: &str) -> String {
    short.replace("/A/", &format!("/{A}/")).replace("/B/", &format!("/{B}/"))
}

fn judge(case: Case) -> (Plan, Vec<String>) {
    let first = Commit { pins: Some(pins("file", true)), ..Commit::new(Action::Create, DateTime::UNIX_EPOCH, "") };
    let mut states = vec![(Snapshot::begin(&first).unwrap(), case.created)];
    let mut removed = BTreeSet::new();
    let mut condemned_at = BTreeMap::new();
    for (tokens, at) in case.commits {
        let number = states.len() as u64;
        let of = |sign: char| tokens.split(' ').filter_map(|t| t.strip_prefix(sign)).collect::<Vec<_>>();
        let (add, remove): (Vec<_>, Vec<_>) =
            (of('+').into_iter().map(path).collect(), of('-').into_iter().map(path).collect());
        let strs = |paths: &'_ [String]| paths.iter().map(|p| p.clone().leak() as &str).collect::<Vec<_>>();
        let attempt = add.first().and_then(|p| crate::ledger::attempt_of(p)).unwrap_or_default();
        let condemned: Vec<String> = of('!').into_iter().map(long).collect();
        let action = if condemned.is_empty() { Action::Add } else { Action::Condemn };
        if !condemned.is_empty() {
            condemned_at.insert(number, hour(*at));
        }
        if *at > 6 {
            removed.extend(remove.clone());
        }
        let mut next = states.last().unwrap().0.clone();
        let commit = Commit { number, condemned, action, ..commit(attempt, &strs(&add), &strs(&remove)) };
        next.apply(&commit).unwrap();
        states.push((next, *at));
    }
    let past = states.iter().rev().find(|(_, at)| *at <= 6);
    let past = past.map(|(state, _)| Past { removed, changed: state.changed.clone() });
    let objects = case.listed.iter().map(|(short, at)| {
        let path = path(short);
        Object { key: path.as_str().into(), path, bytes: 1, modified: hour(*at) }
    });
    let inventory = Inventory::of(objects, &[PartitionKey::by_day()]);
    assert!(inventory.unknown.is_empty());
    let locations = case.named.iter().map(|folder| format!("s3://b/t/{}", long(folder))).collect();
    let named = Named { table: "s3://b/t/".into(), locations };
    let facts = Facts { snapshot: &states.last().unwrap().0, past, condemned_at, named, bound: hour(6) };
    let plan = plan(&inventory, &facts);
    let short = |text: &str| text.replace(A, "A").replace(B, "B");
    let told =
        plan.judged.iter().map(|j| short(&format!("{:?} {} {:?} {}", j.fate, j.folder, j.why, j.files))).collect();
    (plan, told)
}

#[test]
fn by_example() {
    let all: Case = Case::default();
    let (a1, a2, r1) = ("data/A/1/0", "data/A/2/1", "rejected/A/1/2");
    let (b1, p2) = ("data/B/1/0", "data/p2/1/0");
    let cases: &[(&str, Case, &[&str])] = &[
        ("live files", Case { commits: &[("+data/A/1/0", 1)], listed: &[(a1, 1)], ..all }, &[]),
        (
            "an old attempt of no commit, in both sets",
            Case { listed: &[(a1, 1), (a2, 6), (r1, 2)], ..all },
            &["Condemn data/A/ DeadAttempt 2", "Condemn rejected/A/ DeadAttempt 1"],
        ),
        (
            "one that is still written, be it in the other set",
            Case { listed: &[(a1, 1), (r1, 7)], ..all },
            &["Keep data/A/ Recent 1", "Keep rejected/A/ Recent 1"],
        ),
        (
            "a table that is younger than the grace",
            Case { created: 7, listed: &[(a1, 1)], ..all },
            &["Keep data/A/ Recent 1"],
        ),
        (
            "replaced long ago",
            Case {
                commits: &[("+data/A/1/0 +data/A/2/1", 1), ("+data/B/1/0 -data/A/1/0", 6)],
                listed: &[(a1, 1), (a2, 1), (b1, 6)],
                ..all
            },
            &["Condemn data/A/dt=1/ DeadFolder 1"],
        ),
        (
            "replaced just now",
            Case {
                commits: &[("+data/A/1/0 +data/A/2/1", 1), ("+data/B/1/0 -data/A/1/0", 7)],
                listed: &[(a1, 1), (a2, 1), (b1, 7)],
                ..all
            },
            &["Keep data/A/dt=1/ Recent 1"],
        ),
        (
            "replaced whole just now: one folder at a time",
            Case {
                commits: &[("+data/A/1/0 +data/A/2/1", 1), ("+data/B/1/0 -data/A/1/0", 6), ("-data/A/2/1", 7)],
                listed: &[(a1, 1), (a2, 1), (b1, 6)],
                ..all
            },
            &["Condemn data/A/dt=1/ DeadFolder 1", "Keep data/A/dt=2/ Recent 1"],
        ),
        (
            "replaced whole long ago",
            Case {
                commits: &[("+data/A/1/0 +data/A/2/1", 1), ("-data/A/1/0 -data/A/2/1", 6)],
                listed: &[(a1, 1), (a2, 1)],
                ..all
            },
            &["Condemn data/A/ DeadAttempt 2"],
        ),
        (
            "only rejected records are left of it",
            Case {
                commits: &[("+data/A/1/0 +rejected/A/1/2", 1), ("-data/A/1/0", 2)],
                listed: &[(a1, 1), (r1, 1)],
                ..all
            },
            &["Condemn data/A/dt=1/ DeadFolder 1"],
        ),
        (
            "came and went within the grace",
            Case { commits: &[("+data/A/1/0", 7), ("-data/A/1/0", 8)], listed: &[(a1, 5)], ..all },
            &["Keep data/A/dt=1/ Recent 1"],
        ),
        (
            "the copy that publishing may point at",
            Case { commits: &[("+data/A/1/0", 1), ("+data/B/1/0", 2)], listed: &[(a1, 1), (b1, 2), (p2, 2)], ..all },
            &[],
        ),
        (
            "a copy of an earlier state",
            Case {
                commits: &[("+data/A/1/0", 1), ("+data/B/1/0", 2), ("-data/A/1/0", 6)],
                listed: &[(b1, 2), (p2, 2)],
                ..all
            },
            &["Condemn data/p2/dt=1/ OldCopy 1"],
        ),
        (
            "one that was current within the grace",
            Case {
                commits: &[("+data/A/1/0", 1), ("+data/B/1/0", 2), ("-data/A/1/0", 7)],
                listed: &[(b1, 2), (p2, 2)],
                ..all
            },
            &["Keep data/p2/dt=1/ Recent 1"],
        ),
        (
            "a copy of a commit or of a partition that is not known",
            Case { commits: &[("+data/A/1/0", 1)], listed: &[("data/p9/1/0", 1), ("data/p0/5/0", 1)], ..all },
            &[],
        ),
        (
            "what the catalog names",
            Case { listed: &[(a1, 1)], named: &["data/A/dt=1/"], ..all },
            &["Keep data/A/ InCatalog 1"],
        ),
        (
            "what lies below a location",
            Case { listed: &[(a1, 1)], named: &["data/"], ..all },
            &["Keep data/A/ InCatalog 1"],
        ),
        (
            "the catalog names its neighbour",
            Case { listed: &[(a1, 1)], named: &["data/B/dt=1/", "rejected/A/dt=1/"], ..all },
            &["Condemn data/A/ DeadAttempt 1"],
        ),
        (
            "condemned long ago",
            Case { commits: &[("!data/A/", 6)], listed: &[(a1, 1), (a2, 9)], ..all },
            &["Delete data/A/ Condemned 2"],
        ),
        (
            "condemned just now",
            Case { commits: &[("!data/A/", 7)], listed: &[(a1, 1)], ..all },
            &["Keep data/A/ Condemned 1"],
        ),
        (
            "condemned, and the catalog names it",
            Case { commits: &[("!data/A/", 1)], listed: &[(a1, 1)], named: &["data/A/dt=1/"], ..all },
            &["Keep data/A/ InCatalog 1"],
        ),
        (
            "condemned, the rest of its attempt is not",
            Case { commits: &[("!data/A/dt=1/", 1)], listed: &[(a1, 1), (a2, 1)], ..all },
            &["Delete data/A/dt=1/ Condemned 1", "Condemn data/A/ DeadAttempt 1"],
        ),
    ];
    for (what, case, expected) in cases {
        let (plan, told) = judge(*case);
        assert_eq!(told, *expected, "{what}");
        let deleted: u64 = plan.judged.iter().filter(|j| j.fate == Fate::Delete).map(|j| j.files).sum();
        assert_eq!(plan.doomed.len() as u64, deleted, "{what}");
        assert!(plan.forgotten.is_empty(), "{what}");
    }
}

#[test]
fn what_nothing_is_left_of_is_forgotten_and_not_condemned_again() {
    let case = Case { commits: &[("!data/A/ !data/B/dt=1/", 1)], listed: &[("data/B/1/0", 1)], ..Case::default() };
    let (plan, told) = judge(case);
    assert_eq!((plan.forgotten, told), (vec![format!("data/{A}/")], vec!["Delete data/B/dt=1/ Condemned 1".into()]));
}

#[test]
fn an_object_below_two_condemned_folders_is_deleted_once() {
    let commits = &[("!data/A/dt=1/", 1), ("!data/A/", 2)];
    let (plan, _) = judge(Case { commits, listed: &[("data/A/1/0", 1), ("data/A/2/1", 1)], ..Case::default() });
    assert_eq!(plan.doomed.len(), 2);
}

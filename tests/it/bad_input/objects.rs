//! Objects that cannot be read, prefixes that hold none, and lakes that cannot be written.

use super::{COMPACT, MORE, landed, unharmed};
use crate::support::block_on;
use crate::support::check::snapshot;
use crate::support::process::Sandbox;
use crate::support::truth::Truth;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// Cuts the first landed object to half; gives its path and its whole content.
fn cut_first(sandbox: &Sandbox) -> (PathBuf, Vec<u8>) {
    let path = sandbox.files("landing").swap_remove(0);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    (path, whole)
}

/// What the other objects hold.
fn without(truth: &Truth, path: &std::path::Path) -> Truth {
    let rest = truth.only(|key| !path.ends_with(key));
    assert!(rest.events.len() < truth.events.len() && !rest.events.is_empty());
    rest
}

/// The ledger's live rows, and how many objects wait.
fn live(sandbox: &Sandbox) -> (u64, usize) {
    let state = block_on(snapshot(&sandbox.location("lake"))).unwrap();
    (state.files.values().map(|file| file.rows).sum(), state.waiting.len())
}

#[test]
fn a_truncated_object_waits_and_is_taken_once_it_is_whole() {
    let (sandbox, truth) = landed();
    let (path, whole) = cut_first(&sandbox);
    let name = path.to_str().unwrap();
    let rest = without(&truth, &path).events.len() as u64;

    sandbox.run(COMPACT).exits(1).says(&[
        "error: access: 1 object could not be read",
        name,
        "deflate",
        "hint: the rest is",
    ]);
    assert_eq!((live(&sandbox), sandbox.commits("lake", "access")), ((rest, 1), 2));
    let again = sandbox.run(&format!("{MORE} --json")).exits(1).says(&[name]);
    assert!(again.stdout.contains("\"commits\":null,\"objects\":0,\"objects_waiting\":1,"), "{again:?}");
    assert_eq!((live(&sandbox), sandbox.commits("lake", "access")), ((rest, 1), 2));

    std::fs::write(&path, whole).unwrap();
    sandbox.ok(MORE);
    unharmed(&sandbox, &truth, 3);
    sandbox.ok(MORE).says(&["nothing new to compact"]);
    unharmed(&sandbox, &truth, 3);
}

#[test]
fn only_a_truncated_object_makes_no_commit_a_run() {
    let (sandbox, _) = landed();
    let (path, _) = cut_first(&sandbox);
    sandbox
        .files("landing")
        .iter()
        .filter(|other| **other != path)
        .for_each(|other| std::fs::remove_file(other).unwrap());
    for _ in 0..3 {
        sandbox.run(COMPACT).exits(1).says(&["1 object could not be read"]);
        assert_eq!((live(&sandbox), sandbox.commits("lake", "access")), ((0, 1), 2));
    }
}

#[test]
fn a_waiting_object_that_is_deleted_is_told_once() {
    let (sandbox, truth) = landed();
    let place = "landing/2026/11/20/00/zipped.gz";
    sandbox.write(place, b"PK\x03\x04 and so");
    sandbox.run(COMPACT).exits(1).says(&["zipped.gz", "the zip archive is cut"]);
    assert_eq!(live(&sandbox), (truth.events.len() as u64, 1));
    std::fs::remove_file(sandbox.path(place)).unwrap();
    sandbox.run(COMPACT).exits(1).says(&["zipped.gz was deleted before it could be read", "hint: put it back"]);
    sandbox.ok(COMPACT).says(&["nothing new to compact"]);
    assert_eq!((live(&sandbox), sandbox.commits("lake", "access")), ((truth.events.len() as u64, 0), 3));
}

#[test]
fn an_object_that_grew_after_it_was_compacted_is_told_and_not_read_again() {
    let (sandbox, truth) = landed();
    sandbox.ok(COMPACT);
    let path = sandbox.files("landing").swap_remove(0);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [whole.clone(), whole].concat()).unwrap();
    sandbox.ok(COMPACT).says(&["was changed after it was compacted; it is not read again", path.to_str().unwrap()]);
    unharmed(&sandbox, &truth, 2);
}

#[test]
fn a_link_in_the_landing_folder_counts_nothing_twice() {
    let (sandbox, truth) = landed();
    symlink(sandbox.path("landing/2026"), sandbox.path("landing/latest")).unwrap();
    symlink(sandbox.path("landing"), sandbox.path("landing/loop")).unwrap();
    sandbox.ok(COMPACT);
    unharmed(&sandbox, &truth, 2);
}

#[test]
fn a_landing_folder_that_moved_behind_a_link_is_refused() {
    let (sandbox, truth) = landed();
    sandbox.ok(COMPACT);
    std::fs::rename(sandbox.path("landing"), sandbox.path("elsewhere")).unwrap();
    symlink(sandbox.path("elsewhere"), sandbox.path("landing")).unwrap();
    sandbox.run(MORE).fails(2, &["is now a link to", "move the folder back"]);
    assert_eq!((live(&sandbox), sandbox.commits("lake", "access")), ((truth.events.len() as u64, 0), 2));
}

#[test]
fn landing_prefixes_inside_one_another_are_refused() {
    let (sandbox, _) = landed();
    sandbox
        .run("compact --lake lake --landing landing --landing landing/2026 --schema combined_apache --table access")
        .fails(2, &["is inside the landing prefix", "name only the outer one"]);
    assert!(!sandbox.path("lake").exists());
}

#[test]
fn a_file_that_looks_like_an_upload_under_way_is_left_alone_at_first() {
    let (sandbox, truth) = landed();
    sandbox.write("landing/2026/11/20/00/half.gz#17", "half");
    sandbox.ok(COMPACT).says(&["1 object left for a later run"]);
    std::fs::remove_file(sandbox.path("landing/2026/11/20/00/half.gz#17")).unwrap();
    let after = sandbox.ok(&format!("{MORE} --json"));
    assert!(after.stdout.contains("\"commits\":null,\"objects\":0,"), "{after:?}");
    unharmed(&sandbox, &truth, 3); // the third notes that every landed object was listed
}

#[test]
fn an_empty_landing_prefix_is_told_and_nothing_is_made() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("landing")).unwrap();
    let told = sandbox.ok(COMPACT).says(&["warning: access: there is no object below the landing prefix"]);
    assert!(told.stderr.contains(sandbox.path("landing").to_str().unwrap()), "{told:?}");
    assert!(!sandbox.path("lake").exists());
}

#[test]
fn a_lake_that_cannot_be_written() {
    let (sandbox, truth) = landed();
    sandbox.write("file", "");
    let line = "compact --lake file/lake --landing landing --schema combined_apache --table access";
    sandbox.run(line).fails(1, &["file/lake", "Not a directory", "is a file"]);
    sandbox.write("lake/logs/access", "in the way");
    let told = sandbox.run(COMPACT).exits(1);
    assert!(told.stderr.starts_with("error: ") && told.stderr.contains("lake/logs/access"), "{told:?}");
    assert_eq!(sandbox.files("lake"), [sandbox.path("lake/logs/access")]);
    std::fs::remove_file(sandbox.path("lake/logs/access")).unwrap();
    sandbox.ok(COMPACT);
    unharmed(&sandbox, &truth, 2);
}

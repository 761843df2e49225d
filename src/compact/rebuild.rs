//! Compacted inputs, read again: which files and which other inputs go with them, and the commit that replaces them all.

use super::{Run, work};
use crate::error::{Error, Result};
use crate::landing::LandedObject;
use crate::ledger::{Action, Commit, Ledger, Snapshot, Waiting};
use futures::StreamExt;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How many objects an error names.
const NAMED: usize = 10;

/// Inputs and live files that share no record with any other: they can be replaced together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Together {
    /// URLs.
    pub inputs: BTreeSet<String>,
    /// Paths.
    pub files: BTreeSet<String>,
}

/// The inputs of each live file.
type MadeOf = HashMap<String, Vec<Arc<str>>>;

/// Everything that must be read again where `asked` are: all inputs of the files that have records of theirs, all files of those
/// inputs, and so on.
///
/// # Errors
/// Ledger: a commit that made a live file is missing or does not name it.
pub async fn together(ledger: &Ledger, snapshot: &Snapshot, asked: BTreeSet<String>) -> Result<Together> {
    let mut origins: BTreeSet<u64> = snapshot.files.values().map(|file| file.origin).collect();
    let mut made_of = MadeOf::new();
    let mut found = Together { inputs: asked, files: BTreeSet::new() };
    // No file has records of an input that was brought after it, so older ones matter only once an older input goes with them.
    while let Some(oldest) = oldest(ledger, snapshot, &found.inputs).await? {
        let older = origins.split_off(&oldest);
        if older.is_empty() {
            break;
        }
        load(ledger, snapshot, older, &mut made_of).await?;
        found = closure(&made_of, found.inputs);
    }
    Ok(found)
}

/// The oldest commit that can have made a file with records of these. An input that a
/// rollback brought back, or whose rejected records a redrive read, is in files of any age.
async fn oldest(ledger: &Ledger, snapshot: &Snapshot, inputs: &BTreeSet<String>) -> Result<Option<u64>> {
    let all = snapshot.compacted.all()?;
    let commits = inputs.iter().filter_map(|url| Some(all.get(url)?.commit));
    let commits: BTreeSet<u64> = commits.collect();
    let oldest = commits.first().copied();
    let mut read = std::pin::pin!(ledger.each(commits));
    while let Some((_, commit)) = read.next().await {
        if commit?.is_some_and(|commit| matches!(commit.action, Action::Rollback | Action::Redrive)) {
            return Ok(Some(0));
        }
    }
    Ok(oldest)
}

async fn load(ledger: &Ledger, snapshot: &Snapshot, origins: BTreeSet<u64>, made_of: &mut MadeOf) -> Result<()> {
    let mut urls: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut commits = std::pin::pin!(ledger.each(origins));
    while let Some((number, commit)) = commits.next().await {
        let commit = commit?.ok_or_else(|| unnamed(number))?;
        let of_commit =
            |file: &&crate::ledger::DataFile| snapshot.files.get(&file.path).is_some_and(|live| live.origin == number);
        for file in commit.add.iter().filter(of_commit) {
            let inputs = commit.inputs_of(file).into_iter().map(|url| match urls.get(url) {
                Some(known) => known.clone(),
                None => {
                    let url: Arc<str> = url.into();
                    urls.insert(url.clone());
                    url
                }
            });
            made_of.insert(file.path.clone(), inputs.collect());
        }
    }
    Ok(())
}

fn unnamed(number: u64) -> Error {
    Error::ledger(format!("commit {number}, which made live files, is missing"))
        .hint("firelake verify says what is wrong with the ledger")
}

/// The smallest set that holds `asked`, every file that is made of an input in it, and every input of a file in it.
fn closure(made_of: &MadeOf, asked: BTreeSet<String>) -> Together {
    let mut files_of: HashMap<&str, Vec<&str>> = HashMap::new();
    for (path, inputs) in made_of {
        inputs.iter().for_each(|url| files_of.entry(url).or_default().push(path));
    }
    let mut open: Vec<&str> = asked.iter().map(String::as_str).collect();
    let (mut inputs, mut files) = (asked.clone(), BTreeSet::new());
    while let Some(url) = open.pop() {
        for path in files_of.get(url).into_iter().flatten() {
            if files.insert((*path).to_owned()) {
                let others = made_of.get(*path).into_iter().flatten();
                open.extend(others.filter(|url| inputs.insert(url.to_string())).map(|url| &**url));
            }
        }
    }
    Together { inputs, files }
}

impl Run<'_> {
    /// Reads the objects again, under a fresh attempt; gives the commit that replaces `files` by what came out.
    ///
    /// # Errors
    /// Unreadable: objects that cannot be read now. Nothing of the attempt counts then.
    pub async fn rebuild(&self, objects: &[LandedObject], files: &BTreeSet<String>) -> Result<Commit> {
        let attempt = work::attempt(self, objects).await?;
        if !attempt.waiting.is_empty() {
            return Err(unreadable(&attempt.waiting));
        }
        Ok(Commit {
            attempt: (!attempt.files.is_empty()).then_some(attempt.id),
            inputs: attempt.inputs,
            add: attempt.files,
            remove: files.iter().cloned().collect(),
            counts: attempt.counts,
            ..Commit::new(Action::Rebuild, self.now, self.writer)
        })
    }
}

/// Why a rebuild cannot be: objects whose records are only in the lake.
pub fn unreadable(objects: &[Waiting]) -> Error {
    let named = objects.iter().take(NAMED).map(|object| format!("\n  {}: {}", object.url, object.reason));
    let more = objects.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!("\n  … and {more} more") } else { String::new() };
    let (count, s) = (objects.len(), if objects.len() == 1 { "" } else { "s" });
    Error::unreadable(format!("{count} object{s} cannot be read again:{}{rest}", named.collect::<String>())).hint(
        "nothing was changed: what these held is only in the lake now. Put them back, or rebuild hours that do not share files with them",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made_of(files: &[(&str, &[&str])]) -> MadeOf {
        files.iter().map(|(path, inputs)| ((*path).into(), inputs.iter().map(|url| (*url).into()).collect())).collect()
    }

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_shares_a_file_goes_together() {
        let files = made_of(&[("1", &["a", "b"]), ("2", &["b", "c"]), ("3", &["d"]), ("4", &["c"])]);
        let found = closure(&files, set(&["a"]));
        assert_eq!((found.inputs, found.files), (set(&["a", "b", "c"]), set(&["1", "2", "4"])));
        let found = closure(&files, set(&["d", "no records"]));
        assert_eq!((found.inputs, found.files), (set(&["d", "no records"]), set(&["3"])));
    }

    proptest! {
        /// Closed, and nothing in it that need not be: from each input of it a chain of files leads to one that was asked for.
        #[test]
        fn the_closure_shares_nothing_with_the_rest(
            files in prop::collection::vec(prop::collection::btree_set(0..12_u8, 1..4), 0..10),
            asked in prop::collection::btree_set(0..12_u8, 0..3),
        ) {
            let name = |n: &u8| n.to_string();
            let made_of: MadeOf = files.iter().enumerate()
                .map(|(at, inputs)| (at.to_string(), inputs.iter().map(|n| name(n).into()).collect())).collect();
            let found = closure(&made_of, asked.iter().map(name).collect());
            for (path, inputs) in &made_of {
                let inside = inputs.iter().filter(|url| found.inputs.contains(&***url)).count();
                prop_assert_eq!(inside, if found.files.contains(path) { inputs.len() } else { 0 });
            }
            for url in &found.inputs {
                let alone = closure(&made_of, BTreeSet::from([url.clone()]));
                prop_assert!(asked.iter().any(|n| alone.inputs.contains(&name(n))));
            }
        }
    }
}

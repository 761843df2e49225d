//! The ledger on storage: reading commits, and appending by conditional create with read-back and rebase.

use super::commit::Commit;
use super::conflict::conflict;
use super::snapshot::Snapshot;
use crate::error::{Error, Kind, Result};
use crate::sabotage::{Broken, broken};
use crate::storage::{Fault, Location};
use chrono::{DateTime, Utc};
use object_store::{ObjectStore, ObjectStoreExt, PutMode};

/// How often one PUT is sent again where it failed and nothing is at its place.
const PUT_TRIES: usize = 4;

/// The ledger of one table.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(super) folder: Location,
}

/// What became of an append. Both are normal outcomes.
#[derive(Debug)]
pub enum Appended {
    /// The commit is in the ledger, under the number that it has now.
    Committed(Box<Commit>),
    /// A commit that won meanwhile makes mine wrong: abandon the attempt and plan again.
    Conflict {
        /// What the winner did, for people.
        why: String,
    },
}

impl Ledger {
    /// The ledger of the table in folder `table`.
    pub fn new(table: &Location) -> Self {
        Ledger { folder: table.join("_ledger") }
    }

    /// Reads on from `snapshot` to the first number that is not there; gives the commits that it read.
    pub async fn catch_up(&self, snapshot: &mut Snapshot) -> Result<Vec<Commit>> {
        let mut read = Vec::new();
        while let Some(commit) = self.commit(snapshot.head + 1).await? {
            self.advance(snapshot, &commit).await?;
            read.push(commit);
        }
        Ok(read)
    }

    /// One commit; `None` where there is none of that number.
    pub async fn commit(&self, number: u64) -> Result<Option<Commit>> {
        let path = self.folder.path(&Commit::file_name(number));
        let origin = self.folder.url_of(&path);
        let bytes = match self.folder.store().get(&path).await {
            Ok(object) => object.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => Err(error),
        };
        let bytes = bytes.map_err(|e| Error::from(e).context(format!("cannot read commit {origin}")))?;
        Commit::from_bytes(&origin, number, &bytes).map(Some)
    }

    /// When the store wrote a commit, by the store's own clock (S3: whole seconds); `None` where there is none of that number.
    pub async fn stored_at(&self, number: u64) -> Result<Option<DateTime<Utc>>> {
        let path = self.folder.path(&Commit::file_name(number));
        match self.folder.store().head(&path).await {
            Ok(object) => Ok(Some(object.last_modified)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => {
                Err(Error::from(error).context(format!("cannot look at commit {}", self.folder.url_of(&path))))
            }
        }
    }

    /// Creates the table by commit 0. `None` means that another run was first: load and compare what it pinned.
    pub async fn create(&self, commit: Commit) -> Result<Option<Snapshot>> {
        let first = Commit { number: 0, ..commit };
        let snapshot = Snapshot::begin(&first)?;
        Ok(self.put(&first).await?.then_some(snapshot))
    }

    /// Appends `commit`, which was planned on `state`: takes the next free number, past every winner that it can stand with.
    /// `state` is the newest state afterwards, whether the commit is in it or not.
    ///
    /// # Errors
    /// TryAgain where the outcome of the write is unknown; the next run finds out. Nothing may be deleted then.
    pub async fn append(&self, state: &mut Snapshot, mut commit: Commit) -> Result<Appended> {
        loop {
            let winners = self.catch_up(state).await?;
            if let Some(why) = winners.iter().find_map(|winner| conflict(&commit, winner)) {
                return Ok(Appended::Conflict { why });
            }
            commit.number = state.head + 1;
            self.prepare(state, &commit).await?;
            state.check(&commit)?;
            if self.put(&commit).await? {
                state.apply(&commit)?;
                return Ok(Appended::Committed(Box::new(commit)));
            }
        }
    }

    /// One conditional create, with read-back: true, it is ours; false, the number is another's.
    ///
    /// "Already exists" is no proof that another writer won: a lost answer to our own PUT, retried by the store's client,
    /// looks the same. So only who wrote what is there now decides.
    async fn put(&self, commit: &Commit) -> Result<bool> {
        let path = self.folder.path(&Commit::file_name(commit.number));
        let bytes = bytes::Bytes::from(commit.to_bytes()?);
        let mut failure = None;
        for _ in 0..PUT_TRIES {
            let error = match self.folder.store().put_opts(&path, bytes.clone().into(), PutMode::Create.into()).await {
                Ok(_) => return Ok(true),
                Err(error) => error,
            };
            match self.commit(commit.number).await {
                Ok(Some(_)) if broken(Broken::ExistsIsSuccess) => return Ok(true),
                Ok(Some(there)) => return Ok(there.id == commit.id),
                // Of an earlier try it is still unknown.
                Ok(None) if is_final(&error) && failure.is_none() => return Err(self.refused(&path, error)),
                Ok(None) => failure = Some(Error::from(error)),
                Err(unreadable) if unreadable.kind() == Kind::Ledger => return Err(unreadable),
                Err(unreadable) => failure = Some(unreadable.caused_by(error)),
            }
        }
        let told = Error::new(
            Kind::TryAgain,
            format!("it is unknown whether commit {} was stored", self.folder.url_of(&path)),
        )
        .hint("run the same command again: it finds out, and counts nothing twice");
        Err(match failure {
            Some(failure) => told.caused_by(failure),
            None => told,
        })
    }

    fn refused(&self, path: &object_store::path::Path, error: object_store::Error) -> Error {
        Error::from(error).context(format!("cannot write commit {}", self.folder.url_of(path)))
    }
}

/// Errors that another try of the same PUT cannot cure, and after which nothing can have landed.
fn is_final(error: &object_store::Error) -> bool {
    use object_store::Error::*;
    match error {
        Generic { .. } if Fault::find(error).is_some_and(|fault| fault.meaning.is_refusal()) => true,
        PermissionDenied { .. }
        | Unauthenticated { .. }
        | InvalidPath { .. }
        | NotImplemented { .. }
        | NotSupported { .. }
        | NotFound { .. } => true,
        Generic { store, .. } => *store == "local files",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Action, Input, Pins};
    use chrono::DateTime;
    use object_store::memory::InMemory;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn ledger() -> Ledger {
        Ledger::new(&Location::in_store(Arc::new(InMemory::new()), "memory:///", "lake/logs/t"))
    }

    fn create() -> Commit {
        let pins = Pins { schema_name: "s".into(), schema: String::new(), landing: vec![], catalog: "file".into() };
        Commit { pins: Some(pins), ..Commit::new(Action::Create, DateTime::UNIX_EPOCH, "test") }
    }

    fn add(url: &str) -> Commit {
        let input = Input {
            url: url.into(),
            etag: None,
            size: 1,
            delivered: DateTime::UNIX_EPOCH,
            records: 0,
            rejected: 0,
            opened: false,
            repaired: 0,
        };
        Commit { inputs: vec![input], ..Commit::new(Action::Add, DateTime::UNIX_EPOCH, "test") }
    }

    async fn created(ledger: &Ledger) -> Snapshot {
        ledger.create(create()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn appends_rebase_over_what_they_can_stand_with_and_conflict_with_the_rest() {
        let ledger = ledger();
        assert!(ledger.load().await.unwrap().is_none());
        let base = created(&ledger).await;
        assert!(ledger.create(create()).await.unwrap().is_none());
        let outcomes = [("a", true), ("b", true), ("a", false), ("c", true)];
        for (url, stands) in outcomes {
            // each is planned on the first state
            let outcome = ledger.append(&mut base.clone(), add(url)).await.unwrap();
            assert_eq!(matches!(outcome, Appended::Committed(_)), stands, "{url}");
        }
        let loaded = ledger.load().await.unwrap().unwrap();
        assert_eq!((loaded.head, loaded.compacted.all().unwrap().len()), (3, 3));
    }

    #[tokio::test]
    async fn a_commit_that_is_there_already_with_my_id_is_mine() {
        let ledger = ledger();
        let base = created(&ledger).await;
        let mine = Commit { number: 1, ..add("a") };
        assert!(ledger.put(&mine).await.unwrap());
        assert!(ledger.put(&mine).await.unwrap(), "the answer to the first PUT was lost");
        assert!(!ledger.put(&Commit { number: 1, ..add("b") }).await.unwrap());
        assert_eq!(ledger.load().await.unwrap().unwrap().head, base.head + 1);
    }

    #[tokio::test]
    async fn what_else_lies_in_the_folder_does_not_count() {
        let ledger = ledger();
        created(&ledger).await;
        for name in ["bak/00000000000000000007.json", "checkpoint/00000000000000000009.json", "notes.txt"] {
            ledger.folder.store().put(&ledger.folder.path(name), "x".into()).await.unwrap();
        }
        assert_eq!(ledger.load().await.unwrap().unwrap().head, 0);
    }

    #[tokio::test]
    async fn a_missing_commit_stops_everything_and_is_named() {
        let ledger = ledger();
        let base = created(&ledger).await;
        for url in ["a", "b", "c"] {
            ledger.append(&mut base.clone(), add(url)).await.unwrap();
        }
        let path = ledger.folder.path(&Commit::file_name(2));
        ledger.folder.store().delete(&path).await.unwrap();
        let error = ledger.load().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Ledger);
        assert!(error.message().contains("00000000000000000002.json is missing"), "{error}");
    }

    /// Writers that each plan on a state of their own age, and try to bring inputs of a few.
    async fn race(steps: &[(usize, u8, bool)]) {
        let ledger = ledger();
        let first = created(&ledger).await;
        let mut bases = vec![first; 3];
        let mut brought = std::collections::BTreeSet::new();
        for (writer, input, refresh) in steps {
            let url = input.to_string();
            // A planner keeps its state while it works.
            let mut planned = bases[*writer].clone();
            let outcome = ledger.append(&mut planned, add(&url)).await;
            match outcome {
                Ok(Appended::Committed(_)) => {
                    assert!(brought.insert(url), "an input was brought twice");
                    bases[*writer] = planned;
                }
                Ok(Appended::Conflict { .. }) => assert!(brought.contains(&url), "a conflict without a winner"),
                // planned on a state that has it: no planner does that, and it is refused before it is written
                Err(error) => assert!(bases[*writer].compacted.contains(&url).unwrap(), "{error:?}"),
            }
            if *refresh {
                ledger.catch_up(&mut bases[*writer]).await.unwrap();
            }
        }
        let state = ledger.load().await.unwrap().unwrap();
        assert_eq!(state.compacted.all().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>(), brought);
        assert_eq!(state.head as usize, brought.len());
        for mut base in bases {
            ledger.catch_up(&mut base).await.unwrap();
            assert_eq!(base, state, "reading on gives what loading gives");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn whoever_races_each_input_is_brought_once(steps in prop::collection::vec((0..3_usize, 0..8_u8, any::<bool>()), 1..40)) {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(race(&steps));
        }
    }
}

//! Loading the head: the newest checkpoint that is whole, then the commits after it; and writing checkpoints.

use super::checkpoint::{Base, Encoded, Part, Root, encode};
use super::commit::Commit;
use super::compacted::place;
use super::snapshot::Snapshot;
use super::store::Ledger;
use crate::error::{Error, Result};
use crate::landing::said_time;
use crate::sabotage::{Broken, broken};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Commits, or parts, that are fetched or stored at once.
const AT_ONCE: usize = 16;
/// How often an object of a checkpoint is put that the store says is there, and is not.
const CREATES: usize = 3;
/// A checkpoint is due after so many commits without one: what a load reads one by one at most.
const CHECKPOINT_EVERY: u64 = 100;
/// It is due earlier where these commits name so many inputs and files, which are some 16 MB.
const CHECKPOINT_ENTRIES: usize = 50_000;

/// Whether all compacted inputs are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inputs {
    All,
    /// Those that are asked for, and those that are not found by their URL.
    Asked,
}

impl Snapshot {
    /// Whether so many commits, or such large ones, lie after the checkpoint that this state was loaded from that a new one pays.
    pub fn checkpoint_is_due(&self) -> bool {
        let since = self.base.root.as_ref().map_or(0, |root| root.number);
        self.head - since >= CHECKPOINT_EVERY || self.base.entries >= CHECKPOINT_ENTRIES
    }
}

impl Ledger {
    /// The newest state, whole; `None` where there is no table.
    ///
    /// A checkpoint that is damaged, incomplete, or not of this history is passed over, for an older one or for all commits.
    ///
    /// # Errors
    /// Ledger: a commit is missing, damaged or does not fit; the message names the object. Commits before the checkpoint are
    /// not read.
    pub async fn load(&self) -> Result<Option<Snapshot>> {
        self.load_with(Inputs::All).await
    }

    /// The newest state, in which compacted inputs are loaded as they are asked for: by [`look_up`](Self::look_up), by
    /// [`complete`](Self::complete), and by the commits that are read and appended. What has nothing to ask loads none (I8).
    ///
    /// # Errors
    /// As of [`load`](Self::load).
    pub async fn load_lean(&self) -> Result<Option<Snapshot>> {
        self.load_with(Inputs::Asked).await
    }

    async fn load_with(&self, inputs: Inputs) -> Result<Option<Snapshot>> {
        for number in self.checkpoints().await? {
            if let Some(state) = self.restore(number, inputs).await? {
                return self.read_on(Some(state)).await;
            }
        }
        self.read_on(None).await
    }

    /// Loads what tells whether these objects are compacted.
    ///
    /// # Errors
    /// As of [`load`](Self::load).
    pub async fn look_up<'a>(&self, state: &mut Snapshot, urls: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let known = &state.compacted;
        let parts = urls.into_iter().filter_map(|url| known.part_of(said_time(url), url)).collect();
        self.load_parts(state, parts).await
    }

    /// Loads all compacted inputs.
    ///
    /// # Errors
    /// As of [`load`](Self::load).
    pub async fn complete(&self, state: &mut Snapshot) -> Result<()> {
        let parts = state.compacted.all_absent();
        self.load_parts(state, parts).await
    }

    /// Loads what the commit must be checked against. A part may be gone or damaged by now: then another checkpoint tells.
    pub(super) async fn prepare(&self, state: &mut Snapshot, commit: &Commit) -> Result<()> {
        let known = &state.compacted;
        // An input without a time in its key goes by another: the part that it will be in must be whole to be written again.
        let new = commit
            .inputs
            .iter()
            .filter_map(|input| known.part_of(Some(place(&input.url, input.delivered)), &input.url));
        let inputs = commit.inputs.iter().map(|input| &input.url);
        let urls = inputs.chain(&commit.taken_out).chain(commit.waiting.iter().map(|waiting| &waiting.url));
        let parts = urls.filter_map(|url| known.part_of(said_time(url), url)).chain(new).collect();
        self.load_parts(state, parts).await
    }

    async fn load_parts(&self, state: &mut Snapshot, places: BTreeSet<usize>) -> Result<()> {
        let parts: Vec<Part> = places.iter().filter_map(|at| state.compacted.part(*at).cloned()).collect();
        if self.fill(state, &parts, Part::add_compacted).await? {
            places.into_iter().for_each(|at| state.compacted.is_loaded(at));
            return Ok(());
        }
        let whole = self.load_at(state.head).await?;
        (state.compacted, state.base) = (whole.compacted, whole.base);
        Ok(())
    }

    /// Applies the next commit.
    pub(super) async fn advance(&self, state: &mut Snapshot, commit: &Commit) -> Result<()> {
        self.prepare(state, commit).await?;
        state.apply(commit)
    }

    /// The state after commit `number`, also where later ones changed it.
    ///
    /// # Errors
    /// Usage: the ledger does not reach so far. Ledger: as of [`load`](Self::load).
    pub async fn load_at(&self, number: u64) -> Result<Snapshot> {
        for checkpoint in self.checkpoints().await?.into_iter().filter(|checkpoint| *checkpoint <= number) {
            if let Some(state) = self.restore(checkpoint, Inputs::All).await? {
                return self.read_up_to(state, number).await;
            }
        }
        self.fold_up_to(number).await
    }

    /// The same from the commits alone, whatever checkpoints there are.
    pub(crate) async fn fold_up_to(&self, number: u64) -> Result<Snapshot> {
        let first = self.commit(0).await?.ok_or_else(|| self.not_yet(number))?;
        self.read_up_to(Snapshot::begin(&first)?, number).await
    }

    async fn read_up_to(&self, mut state: Snapshot, number: u64) -> Result<Snapshot> {
        let mut commits = std::pin::pin!(self.each(state.head + 1..=number));
        while let Some((_, commit)) = commits.next().await {
            state.apply(&commit?.ok_or_else(|| self.not_yet(number))?)?;
        }
        Ok(state)
    }

    fn not_yet(&self, number: u64) -> Error {
        Error::usage(format!("there is no commit {number} in {}", self.folder.url()))
            .hint("`firelake history` lists the commits")
    }

    /// The newest commit that the store had written at `time`, by the store's clock; `None` where the table is younger.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn number_at(&self, time: DateTime<Utc>) -> Result<Option<u64>> {
        let (mut before, mut after) = (0, self.numbers().await?.last().map_or(0, |head| head + 1));
        while before < after {
            let middle = before + (after - before) / 2;
            match self.stored_at(middle).await?.is_some_and(|stored| stored <= time) {
                true => before = middle + 1,
                false => after = middle,
            }
        }
        Ok(before.checked_sub(1))
    }

    /// Stores a checkpoint of `snapshot`, which becomes what a later one builds on. Where another writer stored one of the
    /// same number first, that one counts: both say the same.
    ///
    /// # Errors
    /// Those of the store. Nothing is lost then: what was stored is not read before the root is there, which comes last.
    pub async fn checkpoint(&self, snapshot: &mut Snapshot) -> Result<()> {
        let Encoded { mut root, parts } = encode(snapshot)?;
        if broken(Broken::CheckpointLabel)
            && let Some(next) = self.commit(root.number + 1).await?
        {
            (root.number, root.id) = (next.number, next.id);
        }
        let stored = futures::stream::iter(parts).map(|(name, bytes)| self.store_new(name, bytes));
        stored.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await?;
        if self.store_new(Commit::file_name(root.number), root.to_bytes()?).await? {
            let absent: HashSet<String> = snapshot.compacted.absent().map(|(_, part)| part.name.clone()).collect();
            let rebased = snapshot.compacted.rebase(&root.compacted, |part| absent.contains(&part.name));
            rebased.ok_or_else(|| Error::internal("a checkpoint was written whose ranges are none"))?;
            snapshot.base = Base { root: Some(Arc::new(root)), entries: 0 };
        }
        Ok(())
    }

    /// False where something is there already.
    async fn store_new(&self, name: String, bytes: Vec<u8>) -> Result<bool> {
        let path = self.checkpoint_path(&name);
        self.put_new(&path, bytes.into()).await.map_err(|error| {
            Error::from(error).context(format!("cannot write the checkpoint object {}", self.folder.url_of(&path)))
        })
    }

    /// S3 says that something is there also where two writes met and neither landed: so it is looked at.
    async fn put_new(&self, path: &Path, bytes: Bytes) -> object_store::Result<bool> {
        let store = self.folder.store();
        let mut tries = CREATES;
        loop {
            tries -= 1;
            let refused = match store.put_opts(path, bytes.clone().into(), PutMode::Create.into()).await {
                Ok(_) => return Ok(true),
                Err(refused @ object_store::Error::AlreadyExists { .. }) => refused,
                Err(error) => return Err(error),
            };
            match store.head(path).await {
                Ok(_) => return Ok(false),
                Err(object_store::Error::NotFound { .. }) if tries > 0 => {}
                Err(object_store::Error::NotFound { .. }) => return Err(refused),
                Err(error) => return Err(error),
            }
        }
    }

    fn checkpoint_path(&self, name: &str) -> Path {
        self.folder.path(&format!("checkpoint/{name}"))
    }

    /// The numbers of all checkpoints, newest first.
    pub(super) async fn checkpoints(&self) -> Result<Vec<u64>> {
        let folder = self.folder.join("checkpoint");
        let listed = folder.store().list_with_delimiter(Some(folder.prefix())).await;
        let listed = listed.map_err(|e| Error::from(e).context(format!("cannot list the checkpoints {folder}")))?;
        let names = listed.objects.iter().filter_map(|object| object.location.filename());
        let mut numbers: Vec<u64> = names.filter_map(Commit::number_of).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers)
    }

    /// The state of a checkpoint; `None` where it is not whole, or not of the commit that is there under its number.
    pub(super) async fn restore(&self, number: u64, inputs: Inputs) -> Result<Option<Snapshot>> {
        let Some(bytes) = self.checkpoint_object(Commit::file_name(number)).await? else { return Ok(None) };
        let Some(root) = Root::from_bytes(number, &bytes) else { return Ok(None) };
        let commit = self.commit(number).await?.ok_or_else(|| self.missing(number, "there is a checkpoint of it"))?;
        if commit.id != root.id {
            return Ok(None);
        }
        let root = Arc::new(root);
        let Some(mut state) = root.clone().begin() else { return Ok(None) };
        let wanted = |part: &Part| inputs == Inputs::All || !part.dated;
        let (places, parts): (Vec<usize>, Vec<Part>) =
            root.compacted.iter().cloned().enumerate().filter(|(_, part)| wanted(part)).unzip();
        let whole = self.fill(&mut state, &root.partitions, Part::add_partitions).await?
            && self.fill(&mut state, &parts, Part::add_compacted).await?;
        places.into_iter().for_each(|at| state.compacted.is_loaded(at));
        Ok(whole.then_some(state))
    }

    /// Adds what the parts hold; false where one is missing or not what the root says.
    async fn fill(
        &self,
        state: &mut Snapshot,
        parts: &[Part],
        add: fn(&Part, &[u8], &mut Snapshot) -> Option<()>,
    ) -> Result<bool> {
        let names: Vec<String> = parts.iter().map(|part| part.name.clone()).collect();
        let mut objects = futures::stream::iter(names).map(|name| self.checkpoint_object(name)).buffered(AT_ONCE);
        for part in parts {
            let added = objects.try_next().await?.flatten().and_then(|bytes| add(part, &bytes, state));
            if added.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn checkpoint_object(&self, name: String) -> Result<Option<Bytes>> {
        let path = self.checkpoint_path(&name);
        let bytes = match self.folder.store().get(&path).await {
            Ok(object) => object.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => Err(error),
        };
        let told =
            |e| Error::from(e).context(format!("cannot read the checkpoint object {}", self.folder.url_of(&path)));
        bytes.map(Some).map_err(told)
    }

    /// Reads the commits after `state`, or all, as far as a listing shows any, and on to the first number that is not there.
    async fn read_on(&self, mut state: Option<Snapshot>) -> Result<Option<Snapshot>> {
        let next = state.as_ref().map_or(0, |state| state.head + 1);
        let highest = self.highest(next).await?;
        let numbers = next..highest.map_or(next, |highest| highest + 1);
        let mut commits =
            futures::stream::iter(numbers).map(|n| async move { (n, self.commit(n).await) }).buffered(AT_ONCE);
        while let Some((number, commit)) = commits.next().await {
            let told = || format!("there are commits up to {}", highest.unwrap_or(number));
            let commit = commit?.ok_or_else(|| self.missing(number, &told()))?;
            match &mut state {
                Some(state) => self.advance(state, &commit).await?,
                None => state = Some(Snapshot::begin(&commit)?),
            }
        }
        if let Some(state) = &mut state {
            self.catch_up(state).await?;
        }
        Ok(state)
    }

    /// The highest number from `next` on that a listing shows. Whether each before it is there, its GET tells: a listing of a
    /// folder that is written to meanwhile may leave out what was there all the time.
    async fn highest(&self, next: u64) -> Result<Option<u64>> {
        let (store, prefix) = (self.folder.store(), Some(self.folder.prefix()));
        let number = |path: &Path| self.folder.relative(path).and_then(Commit::number_of);
        let told = |e| Error::from(e).context(format!("cannot list the ledger {}", self.folder));
        let Some(before) = next.checked_sub(1) else {
            let listed = store.list_with_delimiter(prefix).await.map_err(told)?;
            return Ok(listed.objects.iter().filter_map(|object| number(&object.location)).max());
        };
        let mut listed = store.list_with_offset(prefix, &self.folder.path(&Commit::file_name(before)));
        let mut highest = None;
        while let Some(object) = listed.try_next().await.map_err(told)? {
            let number = number(&object.location);
            if number.is_none() && !self.folder.is_local() {
                break; // services list in order, and digits come before all other names that we write
            }
            highest = highest.max(number);
        }
        Ok(highest)
    }

    fn missing(&self, number: u64, though: &str) -> Error {
        let path = self.folder.path(&Commit::file_name(number));
        Error::ledger(format!("commit {} is missing, though {though}", self.folder.url_of(&path)))
            .hint("restore this object from a backup; nothing was changed and nothing is written on top of it")
    }
}

#[cfg(test)]
mod tests;

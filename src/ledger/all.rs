//! Reading every commit, also of a ledger that is damaged: for checks, and for telling what happened.

use super::commit::Commit;
use super::load::Inputs;
use super::snapshot::Snapshot;
use super::store::Ledger;
use crate::error::{Error, Result};
use futures::{Stream, StreamExt};
use object_store::ObjectStore;
use std::collections::BTreeSet;

/// Commits that are fetched at once.
const FETCHES: usize = 16;

impl Ledger {
    /// The numbers of the commits that a listing shows, of a whole ledger all from 0 on.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn numbers(&self) -> Result<BTreeSet<u64>> {
        let listed = self.folder.store().list_with_delimiter(Some(self.folder.prefix())).await;
        let listed = listed.map_err(|e| Error::from(e).context(format!("cannot list the ledger {}", self.folder)))?;
        Ok(listed.objects.iter().filter_map(|object| Commit::number_of(object.location.filename()?)).collect())
    }

    /// Reads commits in the given order; what is wrong with one is no reason not to read the next.
    pub fn each(&self, numbers: impl IntoIterator<Item = u64>) -> impl Stream<Item = (u64, Result<Option<Commit>>)> {
        futures::stream::iter(numbers)
            .map(move |number| async move { (number, self.commit(number).await) })
            .buffered(FETCHES)
    }

    /// The number of the newest checkpoint, and the state that it says; no state where it is damaged.
    ///
    /// # Errors
    /// Ledger: its commit is missing. Those of the store.
    pub async fn newest_checkpoint(&self) -> Result<Option<(u64, Option<Snapshot>)>> {
        let Some(number) = self.checkpoints().await?.first().copied() else { return Ok(None) };
        Ok(Some((number, self.restore(number, Inputs::All).await?)))
    }

    /// The folder of the checkpoints.
    pub fn checkpoints_url(&self) -> String {
        self.folder.join("checkpoint").url()
    }

    /// The folder of the commits.
    pub fn url(&self) -> String {
        self.folder.url()
    }

    /// Where a commit is, or would be.
    pub fn url_of(&self, number: u64) -> String {
        self.folder.url_of(&self.folder.path(&Commit::file_name(number)))
    }
}

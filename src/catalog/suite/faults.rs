//! A store in memory whose writing calls can fail before or after they took effect, that gives way to others between calls,
//! and whose clock goes ten minutes a commit.

use chrono::{DateTime, TimeDelta};
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::{Arc, Mutex};

/// Whether the call that fails took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// What is to go wrong next. Shared by the store and by catalogs of tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    fail: Option<(usize, When)>,
    fired: bool,
    yields: u64,
}

impl Faults {
    /// The call after `calls` more fails, and all after it until [`disarm`](Self::disarm): the process is gone.
    pub(crate) fn arm(&self, calls: usize, when: When) {
        let mut state = self.0.lock().unwrap();
        (state.fail, state.fired) = (Some((calls, when)), false);
    }

    /// Whether anything failed.
    pub(crate) fn disarm(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        state.fail = None;
        std::mem::take(&mut state.fired)
    }

    /// From now on calls give way to other tasks in an order that follows from `seed`; 0: never.
    pub(crate) fn interleave(&self, seed: u64) {
        self.0.lock().unwrap().yields = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    /// Before a call that reads.
    pub(crate) async fn pause(&self) {
        let turns = {
            let mut state = self.0.lock().unwrap();
            state.yields ^= state.yields << 13;
            state.yields ^= state.yields >> 7;
            state.yields ^= state.yields << 17;
            state.yields % 5
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    /// Around a call that writes: whether it happens, and whether its caller hears of it.
    pub(crate) async fn around<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.pause().await;
        let failed = || Error::Generic { store: "faults", source: "the process is gone".into() };
        let when = {
            let mut state = self.0.lock().unwrap();
            match state.fail {
                None => None,
                _ if state.fired => return Err(failed()),
                Some((0, when)) => {
                    state.fired = true;
                    Some(when)
                }
                Some((calls, when)) => {
                    state.fail = Some((calls - 1, when));
                    None
                }
            }
        };
        match when {
            None => call.await,
            Some(When::Before) => Err(failed()),
            Some(When::After) => call.await.and(Err(failed())),
        }
    }
}

/// The store. Only copies and what is written below `_catalog` can fail: the ledger's own faults are tested there.
#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: InMemory,
    pub(crate) faults: Faults,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty memory")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        match location.as_ref().contains("/_catalog/") {
            true => self.faults.around(self.inner.put_opts(location, payload, opts)).await,
            false => self.inner.put_opts(location, payload, opts).await,
        }
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.faults.pause().await;
        let mut got = self.inner.get_opts(location, options).await?;
        if let Some(commit) = location.filename().and_then(crate::ledger::Commit::number_of) {
            got.meta.last_modified = DateTime::UNIX_EPOCH + TimeDelta::minutes(10 * commit as i64);
        }
        Ok(got)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.faults.around(self.inner.copy_opts(from, to, options)).await
    }
}

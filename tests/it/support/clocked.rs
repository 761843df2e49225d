//! A store whose clock stands still until a test moves it, and whose calls give way to others where a test wants that.
//!
//! The unit tests in `src/` take this file by its path.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// The clock of a store. What is written gets its time; what was written before a test set it keeps its own.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Option<DateTime<Utc>>,
    written: HashMap<Path, DateTime<Utc>>,
    yields: u64,
}

#[allow(dead_code, reason = "who takes this file by its path uses a part of it")]
impl Clock {
    pub fn set(&self, now: DateTime<Utc>) {
        self.0.lock().unwrap().now = Some(now);
    }

    pub fn advance(&self, span: TimeDelta) {
        let mut state = self.0.lock().unwrap();
        state.now = state.now.map(|now| now + span);
    }

    /// From now on calls give way to other tasks in an order that follows from `seed`; 0: never.
    pub fn interleave(&self, seed: u64) {
        self.0.lock().unwrap().yields = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    async fn pause(&self) {
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

    fn wrote(&self, path: &Path) {
        let mut state = self.0.lock().unwrap();
        if let Some(now) = state.now {
            state.written.insert(path.clone(), now);
        }
    }

    fn told(&self, mut meta: ObjectMeta) -> ObjectMeta {
        if let Some(written) = self.0.lock().unwrap().written.get(&meta.location) {
            meta.last_modified = *written;
        }
        meta
    }

    fn told_all(&self, metas: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        let clock = self.clone();
        metas.map(move |meta| meta.map(|meta| clock.told(meta))).boxed()
    }
}

/// The store. Each method is forwarded to the same method.
#[derive(Debug, Clone)]
pub struct Clocked {
    pub inner: Arc<dyn ObjectStore>,
    pub clock: Clock,
}

impl fmt::Display for Clocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clocked {}", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Clocked {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.clock.pause().await;
        let put = self.inner.put_opts(location, payload, opts).await?;
        self.clock.wrote(location);
        Ok(put)
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.inner.put_multipart_opts(location, opts).await?;
        self.clock.wrote(location);
        Ok(begun)
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.clock.pause().await;
        let mut got = self.inner.get_opts(location, options).await?;
        got.meta = self.clock.told(got.meta);
        Ok(got)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.clock.told_all(self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.clock.told_all(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.clock.pause().await;
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        listed.objects = listed.objects.into_iter().map(|meta| self.clock.told(meta)).collect();
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.clock.pause().await;
        self.inner.copy_opts(from, to, options).await?;
        self.clock.wrote(to);
        Ok(())
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await?;
        self.clock.wrote(to);
        Ok(())
    }
}

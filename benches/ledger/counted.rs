//! A folder as an object store that counts, and lists in order, as services do.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What S3 gives a listing at once.
const PAGE: u64 = 1000;

/// Requests by kind.
pub type Counts = Arc<Mutex<BTreeMap<&'static str, u64>>>;

#[derive(Debug)]
pub struct Counted {
    pub inner: LocalFileSystem,
    pub counts: Counts,
}

impl Counted {
    fn count(&self, kind: &'static str) -> &LocalFileSystem {
        add(&self.counts, kind, 1);
        &self.inner
    }

    /// In order, and counted in pages.
    fn pages(&self, listed: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        let counts = self.counts.clone();
        let all = async move {
            let mut all: Vec<ObjectMeta> = listed.try_collect().await?;
            all.sort_by(|a, b| a.location.cmp(&b.location));
            add(&counts, "list", (all.len() as u64).div_ceil(PAGE).max(1));
            Ok::<_, object_store::Error>(futures::stream::iter(all.into_iter().map(Ok)))
        };
        futures::stream::once(all).try_flatten().boxed()
    }
}

fn add(counts: &Counts, kind: &'static str, more: u64) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += more;
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "counted {}", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Counted {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.count("put").put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.count("put").put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.count(if options.head { "head" } else { "get" }).get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.count("delete").delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.inner.list_with_delimiter(prefix).await?;
        let names = listed.objects.len() + listed.common_prefixes.len();
        add(&self.counts, "list", (names as u64).div_ceil(PAGE).max(1));
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.count("copy").copy_opts(from, to, options).await
    }
}

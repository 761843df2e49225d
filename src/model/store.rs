//! The model's store: objects in memory under a clock of the model's own, operations that stop at a gate, and writes that
//! land late.

use super::gate::{End, Gate};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What is shared by all processes.
#[derive(Debug)]
pub(super) struct Disk {
    inner: InMemory,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: DateTime<Utc>,
    written: HashMap<Path, DateTime<Utc>>,
    unreadable: BTreeSet<Path>,
    /// Whether a create of a data file overwrites what is there: what a store without conditions would do.
    overwrites: bool,
}

/// A write under way whose sender has gone on.
#[derive(Debug, Clone)]
pub(super) enum Late {
    Put(Path, PutPayload, PutMode),
    Copy(Path, Path),
    Delete(Path),
}

impl Disk {
    pub(super) fn new(now: DateTime<Utc>, overwrites: bool) -> Self {
        let (written, unreadable) = Default::default();
        Disk { inner: InMemory::new(), state: Mutex::new(State { now, written, unreadable, overwrites }) }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.state.lock().unwrap().now
    }

    pub(super) fn pass(&self, time: TimeDelta) {
        self.state.lock().unwrap().now += time;
    }

    /// From now on nobody may read this object, or all may read everything again.
    pub(super) fn forbid(&self, path: Option<Path>) {
        let unreadable = &mut self.state.lock().unwrap().unreadable;
        match path {
            Some(path) => _ = unreadable.insert(path),
            None => unreadable.clear(),
        }
    }

    pub(super) async fn put(&self, path: &Path, bytes: PutPayload, mode: PutMode) -> Result<PutResult> {
        let data = path.as_ref().contains("/data/") || path.as_ref().contains("/rejected/");
        let mode = if data && self.state.lock().unwrap().overwrites { PutMode::Overwrite } else { mode };
        let done = self.inner.put_opts(path, bytes, mode.into()).await?;
        self.stamp(path);
        Ok(done)
    }

    /// As S3 copies: over what is there.
    async fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        self.inner.copy(from, to).await?;
        self.stamp(to);
        Ok(())
    }

    pub(super) async fn land(&self, late: Late) {
        // What it ends with, nobody hears.
        _ = match late {
            Late::Put(path, bytes, mode) => self.put(&path, bytes, mode).await.map(drop),
            Late::Copy(from, to) => self.copy(&from, &to).await,
            Late::Delete(path) => self.inner.delete(&path).await,
        };
    }

    /// An object's bytes, past everything; `None` where it is not there.
    pub(super) async fn read(&self, path: &Path) -> Option<Bytes> {
        self.inner.get(path).await.ok()?.bytes().await.ok()
    }

    pub(super) async fn all(&self, prefix: &str) -> Vec<ObjectMeta> {
        let listed = self.inner.list(Some(&Path::from(prefix)));
        listed.filter_map(|meta| async { meta.ok() }).collect().await
    }

    fn stamp(&self, path: &Path) {
        let mut state = self.state.lock().unwrap();
        // S3 counts whole seconds.
        let now = state.now;
        state.written.insert(path.clone(), DateTime::from_timestamp(now.timestamp(), 0).unwrap());
    }

    fn stamped(&self, meta: ObjectMeta) -> ObjectMeta {
        let written = self.state.lock().unwrap().written.get(&meta.location).copied();
        ObjectMeta { last_modified: written.unwrap_or(meta.last_modified), ..meta }
    }

    fn is_forbidden(&self, path: &Path) -> bool {
        self.state.lock().unwrap().unreadable.contains(path)
    }
}

/// The store as one process sees it.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) disk: Arc<Disk>,
    pub(super) gate: Gate,
    /// Where late writes wait.
    pub(super) late: Arc<Mutex<Vec<Late>>>,
    /// Whether it stops before every operation, also before those that nobody sees.
    pub(super) at_each: bool,
}

fn timeout() -> Error {
    Error::Generic { store: "model", source: "the connection timed out".into() }
}

impl Store {
    /// A write by the script's word.
    async fn write<T>(&self, told: String, late: Late, done: impl Future<Output = Result<T>>) -> Result<T> {
        match self.gate.pass(told).await {
            End::Done => done.await,
            End::Refused => Err(timeout()),
            End::Lost => done.await.and(Err(timeout())),
            End::Late => {
                self.late.lock().unwrap().push(late);
                Err(timeout())
            }
            End::Conflict => match late {
                Late::Put(path, ..) | Late::Copy(_, path) => {
                    Err(Error::AlreadyExists { path: path.to_string(), source: "409 Conflict".into() })
                }
                Late::Delete(_) => Err(timeout()),
            },
        }
    }

    async fn seen(&self, told: String) -> Result<()> {
        match self.gate.pass(told).await {
            End::Done | End::Conflict => Ok(()),
            _ => Err(timeout()),
        }
    }

    /// A reading, at which a process stops only where it stops at each operation.
    async fn read(&self, verb: &str, path: &Path) -> Result<()> {
        if self.at_each { self.seen(format!("{verb} {path}")).await } else { Ok(()) }
    }
}

/// Whether others could see a write of this object: what an attempt writes, nobody reads before its commit.
fn is_seen(path: &Path) -> bool {
    path.as_ref().contains("/_ledger/")
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the model's store")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Store {
    async fn put_opts(&self, path: &Path, bytes: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let put = self.disk.put(path, bytes.clone(), opts.mode.clone());
        match is_seen(path) || self.at_each {
            true => self.write(format!("put {path}"), Late::Put(path.clone(), bytes, opts.mode), put).await,
            false => put.await,
        }
    }

    async fn put_multipart_opts(&self, path: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotSupported { source: format!("{path} is no large file").into() })
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.read("get", path).await?;
        if self.disk.is_forbidden(path) {
            return Err(Error::PermissionDenied { path: path.to_string(), source: "forbidden".into() });
        }
        let found = self.disk.inner.get_opts(path, options).await?;
        Ok(GetResult { meta: self.disk.stamped(found.meta.clone()), ..found })
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.read("get ranges of", path).await?;
        self.disk.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |path: Result<Path>| {
            let store = store.clone();
            async move {
                let path = path?;
                let done = async { store.disk.inner.delete(&path).await };
                store.write(format!("delete {path}"), Late::Delete(path.clone()), done).await?;
                Ok(path)
            }
        };
        paths.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            if let Err(error) = store.seen(format!("list {}", prefix.clone().unwrap_or_default())).await {
                return stream::iter([Err(error)]).boxed();
            }
            let disk = store.disk.clone();
            store.disk.inner.list(prefix.as_ref()).map(move |meta| Ok(disk.stamped(meta?))).boxed()
        };
        stream::once(listed).flatten().boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix, offset) = (self.clone(), prefix.cloned(), offset.clone());
        let listed = async move {
            if let Err(error) = store.read("list from", &offset).await {
                return stream::iter([Err(error)]).boxed();
            }
            let disk = store.disk.clone();
            let listed = store.disk.inner.list_with_offset(prefix.as_ref(), &offset);
            listed.map(move |meta| Ok(disk.stamped(meta?))).boxed()
        };
        stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.read("list folder", &prefix.cloned().unwrap_or_default()).await?;
        let found = self.disk.inner.list_with_delimiter(prefix).await?;
        let objects = found.objects.into_iter().map(|meta| self.disk.stamped(meta)).collect();
        Ok(ListResult { objects, ..found })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if options.mode != CopyMode::Overwrite {
            return Err(Error::NotSupported { source: "a copy on a condition".into() });
        }
        self.write(format!("copy {to}"), Late::Copy(from.clone(), to.clone()), self.disk.copy(from, to)).await
    }
}

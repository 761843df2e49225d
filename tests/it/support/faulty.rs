//! A store whose operations are counted and can fail: before they take effect, or after, with the answer lost.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What became of the operation that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It did not happen.
    Before,
    /// It happened, and the answer got lost: of a write all of it, of a read its second half.
    After,
    /// A write is refused as if something were there, and nothing landed: S3's 409. All else goes well.
    Conflict,
}

/// How many operations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// The one: the store had a bad moment.
    Once,
    /// And all after it: the process is gone.
    ForGood,
}

/// What is to go wrong with operation `at`, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub at: usize,
    pub when: When,
    pub lasts: Lasts,
}

/// Counts operations, and holds what is to go wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    meanwhile: Option<Box<dyn FnOnce() + Send>>,
    fault: Option<Fault>,
    calls: usize,
    fired: Vec<String>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} calls, {:?}", self.fault, self.calls, self.fired)
    }
}

impl Faults {
    /// Happens right before the next commit is stored: the one that wins its number. On a thread and a runtime of its own.
    pub fn meanwhile<F: Future<Output = ()>>(&self, winner: impl FnOnce() -> F + Send + 'static) {
        let run = move || {
            let thread = std::thread::spawn(move || {
                tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(winner())
            });
            thread.join().unwrap();
        };
        self.0.lock().unwrap().meanwhile = Some(Box::new(run));
    }

    fn before_put(&self, path: &Path) {
        if path.as_ref().contains("/_ledger/0") {
            let winner = self.0.lock().unwrap().meanwhile.take();
            if let Some(winner) = winner {
                winner();
            }
        }
    }

    /// From now on operations count from 0, and this goes wrong.
    pub fn arm(&self, fault: Fault) {
        *self.0.lock().unwrap() = State { fault: Some(fault), ..State::default() };
    }

    /// Nothing goes wrong any more; gives the operations that did.
    pub fn disarm(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap()).fired
    }

    /// Operations since the last [`arm`](Self::arm) or [`disarm`](Self::disarm).
    pub fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// Counts an operation; whether it fails, and when.
    fn next(&self, operation: &str, path: &str) -> Option<When> {
        let mut state = self.0.lock().unwrap();
        let call = state.calls;
        state.calls += 1;
        let Fault { at, when, lasts } = state.fault?;
        let when = match call {
            _ if call == at => when,
            _ if call > at && lasts == Lasts::ForGood && when == When::Conflict => When::Conflict,
            _ if call > at && lasts == Lasts::ForGood => When::Before,
            _ => return None,
        };
        state.fired.push(format!("{operation} {path}"));
        Some(when).filter(|when| *when != When::Conflict || ["put", "copy"].contains(&operation))
    }

    async fn around<T>(&self, operation: &str, path: &Path, call: impl Future<Output = Result<T>>) -> Result<T> {
        match self.next(operation, path.as_ref()) {
            None => call.await,
            Some(When::Before) => Err(failure()),
            Some(When::After) => call.await.and(Err(failure())),
            Some(When::Conflict) => Err(conflict(path)),
        }
    }

    /// A listing that fails does so at its beginning or at its end.
    fn around_stream<T: Send + 'static>(
        &self,
        operation: &str,
        path: &str,
        whole: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        let failed = || stream::iter([Err(failure())]);
        match self.next(operation, path) {
            None => whole,
            Some(When::Before) => failed().boxed(),
            Some(When::After | When::Conflict) => whole.chain(failed()).boxed(),
        }
    }
}

fn conflict(path: &Path) -> Error {
    Error::AlreadyExists { path: path.to_string(), source: "409 Conflict".into() }
}

fn failure() -> Error {
    Error::Generic { store: "faulty store", source: "the connection was lost".into() }
}

/// The store. Each method is forwarded to the same method: a default of the trait would be another operation.
#[derive(Debug, Clone)]
pub struct Faulty {
    pub inner: Arc<dyn ObjectStore>,
    pub faults: Faults,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

fn text(prefix: Option<&Path>) -> String {
    prefix.map(Path::to_string).unwrap_or_default()
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.faults.before_put(location);
        self.faults.around("put", location, self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.inner.put_multipart_opts(location, opts);
        let inner = self.faults.around("begin upload", location, begun).await?;
        Ok(Box::new(Upload { inner, path: location.clone(), faults: self.faults.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.faults.next("get", location.as_ref()) {
            None => self.inner.get_opts(location, options).await,
            Some(When::Before) => Err(failure()),
            Some(When::After | When::Conflict) => cut(self.inner.get_opts(location, options).await?).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.faults.around("get ranges", location, self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.faults.next("delete", "") {
            None => self.inner.delete_stream(locations),
            Some(When::Before) => stream::iter([Err(failure())]).boxed(),
            Some(When::After | When::Conflict) => {
                self.inner.delete_stream(locations).map(|deleted| deleted.and(Err(failure()))).boxed()
            }
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.faults.around_stream("list", &text(prefix), self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.faults.around_stream("list from", offset.as_ref(), self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let at = prefix.cloned().unwrap_or_default();
        self.faults.around("list folder", &at, self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.faults.around("copy", to, self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.faults.around("rename", to, self.inner.rename_opts(from, to, options)).await
    }
}

/// An answer that breaks off half-way.
async fn cut(whole: GetResult) -> Result<GetResult> {
    let (meta, range, attributes) = (whole.meta.clone(), whole.range.clone(), whole.attributes.clone());
    let bytes = whole.bytes().await?;
    let half = bytes.slice(..bytes.len() / 2);
    let payload = GetResultPayload::Stream(stream::iter([Ok(half), Err(failure())]).boxed());
    Ok(GetResult { payload, meta, range, attributes })
}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    path: Path,
    faults: Faults,
}

#[async_trait::async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (faults, path, part) = (self.faults.clone(), self.path.clone(), self.inner.put_part(data));
        Box::pin(async move { faults.around("upload part", &path, part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.faults.around("complete upload", &self.path, self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.faults.around("abort upload", &self.path, self.inner.abort()).await
    }
}

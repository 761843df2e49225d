//! The local file system as a store that survives a power cut: what is written is on disk before it has its name.

use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// [`LocalFileSystem`], which never calls fsync, with fsync of data before it gets its name, and of the name.
///
/// A conditional create writes a temporary file beside the target (`name#0192…`: a name that listings leave out), syncs it
/// and links it to the target: the link fails where the target exists, and no reader ever sees half a file.
#[derive(Debug, Clone)]
pub(super) struct DurableLocal {
    inner: Arc<LocalFileSystem>,
}

impl DurableLocal {
    pub(super) fn new() -> Self {
        // Only gc deletes: a folder that it empties goes as well, as it does on S3.
        DurableLocal { inner: Arc::new(LocalFileSystem::new().with_automatic_cleanup(true)) }
    }

    async fn with_folders(&self, target: &std::path::Path, location: &Path) -> Result<()> {
        let (target, path) = (target.to_owned(), location.to_string());
        blocking(move || make_folders(&target).map_err(|error| told(&path, error))).await
    }
}

impl fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("local files")
    }
}

#[async_trait::async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let target = self.inner.path_to_filesystem(location)?;
        let create = match opts.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => {
                return Err(Error::NotImplemented {
                    operation: "put with PutMode::Update".into(),
                    implementer: self.to_string(),
                });
            }
        };
        let path = location.to_string();
        blocking(move || put(&target, &payload, create).map_err(|error| told(&path, error))).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let target = self.inner.path_to_filesystem(location)?;
        self.with_folders(&target, location).await?;
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(DurableUpload { inner, target, path: location.to_string() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let target = self.inner.path_to_filesystem(to)?;
        self.with_folders(&target, to).await?;
        self.inner.copy_opts(from, to, options).await?;
        let path = to.to_string();
        blocking(move || sync_name(&target).map_err(|error| told(&path, error))).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

/// The first digits of the temporary names of this program, by which one that a killed run left behind is known.
const STAGED: &str = "00700";

/// Whether this program wrote a file of this name and was killed before it could give it its own: never anybody's data.
pub(crate) fn is_left_behind(name: &str) -> bool {
    let digits = name.rsplit_once('#').map_or("", |(_, digits)| digits);
    digits.len() == STAGED.len() + 39 && digits.starts_with(STAGED) && digits.bytes().all(|b| b.is_ascii_digit())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|source| Error::JoinError { source })?
}

fn put(target: &std::path::Path, payload: &PutPayload, create: bool) -> std::io::Result<PutResult> {
    make_folders(target)?;
    let mut staged = target.as_os_str().to_owned();
    // Listings leave out `#` and digits: see the regular expression in object_store's documentation of LocalFileSystem.
    staged.push(format!("#{STAGED}{:039}", uuid::Uuid::new_v4().as_u128()));
    let staged = PathBuf::from(staged);
    let result = write_synced(&staged, payload).and_then(|()| match create {
        true => std::fs::hard_link(&staged, target),
        false => std::fs::rename(&staged, target),
    });
    if create || result.is_err() {
        let _ = std::fs::remove_file(&staged);
    }
    result?;
    sync_name(target)?;
    Ok(PutResult { e_tag: None, version: None })
}

fn write_synced(path: &std::path::Path, payload: &PutPayload) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    for chunk in payload.iter() {
        file.write_all(chunk)?;
    }
    file.sync_all()
}

/// Makes the folders above `target` and syncs each new one's own name, so that they survive as what is in them does.
fn make_folders(target: &std::path::Path) -> std::io::Result<()> {
    let missing: Vec<&std::path::Path> = target.ancestors().skip(1).take_while(|folder| !folder.exists()).collect();
    let Some(parent) = target.parent().filter(|_| !missing.is_empty()) else { return Ok(()) };
    std::fs::create_dir_all(parent)?;
    missing.into_iter().try_for_each(sync_name)
}

/// Syncs the folder that holds `path`: its name is then on disk.
fn sync_name(path: &std::path::Path) -> std::io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems cannot sync a folder, and one that we may not open is not one that we made.
        Err(e)
            if !matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported) =>
        {
            Err(e)
        }
        _ => Ok(()),
    }
}

fn told(path: &str, error: std::io::Error) -> Error {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::AlreadyExists => Error::AlreadyExists { path, source: error.into() },
        ErrorKind::PermissionDenied => Error::PermissionDenied { path, source: error.into() },
        // an I/O error with its kind: by that the disk is known to be full
        kind => {
            let source = std::io::Error::new(kind, format!("cannot write /{path}: {error}"));
            Error::Generic { store: "local files", source: source.into() }
        }
    }
}

#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    target: PathBuf,
    path: String,
}

#[async_trait::async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let (target, path) = (self.target.clone(), self.path.clone());
        blocking(move || {
            File::open(&target)
                .and_then(|file| file.sync_all())
                .and_then(|()| sync_name(&target))
                .map_err(|error| told(&path, error))
        })
        .await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt;

    #[test]
    fn a_full_disk_is_told_with_what_to_do() {
        for (code, hint) in [(28, "free some disk space"), (122, "quota"), (27, "ulimit -f"), (30, "mounted read-only")]
        {
            let error = told("lake/x", std::io::Error::from_raw_os_error(code));
            let error = crate::error::Error::from(error).context("cannot write x");
            assert!(error.hint_text().is_some_and(|text| text.contains(hint)), "{code}: {:?}", error.hint_text());
            assert!(error.chain().iter().any(|line| line.contains("cannot write /lake/x: ")), "{error:?}");
        }
    }

    #[tokio::test]
    async fn one_of_many_creates_wins_and_nothing_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = DurableLocal::new();
        let path = Path::from_absolute_path(dir.path().join("a/b/commit.json")).unwrap();
        let creates = (0..32u8).map(|n| {
            let (store, path) = (store.clone(), path.clone());
            async move { store.put_opts(&path, vec![n; 1000].into(), PutMode::Create.into()).await }
        });
        let results = futures::future::join_all(creates).await;
        let winner = results.iter().position(Result::is_ok).unwrap();
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
        assert!(results.iter().filter_map(|r| r.as_ref().err()).all(|e| matches!(e, Error::AlreadyExists { .. })));
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), vec![winner as u8; 1000]);
        assert_eq!(std::fs::read_dir(dir.path().join("a/b")).unwrap().count(), 1);
    }
}

//! From a URL or a path to an object store and a place in it. The one file that opens stores.

mod aws;
mod fault;
mod local;
mod requests;
mod s3;

#[cfg(test)]
pub(crate) use aws::TestConnections;
pub use aws::{Aws, AwsOptions};
pub use fault::{Fault, Meaning};
pub(crate) use requests::CountingCalls;
pub use requests::{Request, RequestCounts, Requests};

use crate::config::has_scheme;
use crate::error::{Error, Kind, Result, causes};
use local::DurableLocal;
pub(crate) use local::is_left_behind;
use object_store::path::{Path, PathPart};
use object_store::{ObjectStore, ObjectStoreExt};
use s3::S3;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Opens places, each bucket once. AWS's configuration is read when something of AWS is asked for first.
#[derive(Debug, Clone, Default)]
pub struct Stores(Arc<Opened>);

#[derive(Debug, Default)]
struct Opened {
    options: AwsOptions,
    aws: OnceCell<Aws>,
    buckets: Mutex<BTreeMap<String, S3>>,
}

impl Stores {
    /// With what flags and `firelake.toml` say.
    pub fn new(options: AwsOptions) -> Self {
        Stores(Arc::new(Opened { options, ..Default::default() }))
    }

    /// With a configuration that was made elsewhere.
    pub fn with_aws(aws: Aws) -> Self {
        Stores(Arc::new(Opened { aws: OnceCell::new_with(Some(aws)), ..Default::default() }))
    }

    /// The one AWS configuration.
    pub async fn aws(&self) -> &Aws {
        self.0.aws.get_or_init(|| Aws::load(&self.0.options)).await
    }

    /// The requests that were sent so far, to AWS or what stands in for it.
    pub fn requests(&self) -> RequestCounts {
        self.0.aws.get().map(|aws| aws.requests().counts()).unwrap_or_default()
    }

    /// Opens a path, a `file:` URL or an `s3:` URL. The folder need not exist yet; nothing is asked of S3.
    ///
    /// # Errors
    /// Usage for a scheme that firelake does not read, for a key that cannot be a folder's, or without a region;
    /// storage where a local path cannot be resolved.
    pub async fn open(&self, text: &str) -> Result<Location> {
        match text.split_once("://") {
            Some(("s3", rest)) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                let store = self.bucket(text, bucket).await?;
                let prefix = Path::parse(key).map_err(|e| {
                    Error::usage(format!("{text} cannot be a folder of a lake"))
                        .caused_by(e)
                        .hint("write s3://bucket/folder, without empty, . or .. parts")
                })?;
                Ok(Location { store, root: format!("s3://{bucket}/"), prefix, begins: String::new() })
            }
            Some(("s3a" | "s3n", rest)) => {
                Err(Error::usage(format!("cannot open {text}"))
                    .hint(format!("write s3://{rest}: one object has one URL")))
            }
            _ => Location::open(text),
        }
    }

    /// Opens a landing prefix: a folder, or, where the text ends in `*`, all keys that begin with what stands before that.
    ///
    /// # Errors
    /// Usage: a `*` elsewhere; else as of [`open`](Self::open).
    pub async fn open_landing(&self, text: &str) -> Result<Location> {
        let Some(begin) = text.strip_suffix('*') else {
            return if text.contains('*') { Err(star(text)) } else { self.open(text).await };
        };
        let at = begin.rfind('/').map_or(0, |at| at + 1);
        let (folder, begins) = begin.split_at(at);
        let local = !text.starts_with("s3");
        if begins.contains('*') || folder.contains('*') || local && begins.contains(['%', ':']) {
            return Err(star(text));
        }
        Ok(self.open(if folder.is_empty() { "." } else { folder }).await?.beginning(begins))
    }

    /// Opens a landing prefix that a ledger remembers; one that is among `known` is that one, with the store it was opened with.
    pub async fn open_like(&self, url: &str, known: &[Location]) -> Result<Location> {
        match known.iter().find(|location| location.url() == url) {
            Some(location) => Ok(location.clone()),
            None => self.open_landing(url).await,
        }
    }

    async fn bucket(&self, text: &str, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
        if bucket.is_empty() {
            return Err(Error::usage(format!("{text} names no bucket")).hint("write s3://bucket/folder"));
        }
        let aws = self.aws().await;
        let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = buckets.get(bucket) {
            return Ok(Arc::new(store.clone()));
        }
        let store = S3::open(bucket, aws)?;
        buckets.insert(bucket.into(), store.clone());
        Ok(Arc::new(store))
    }
}

fn star(text: &str) -> Error {
    Error::usage(format!("{text} cannot be a landing prefix")).hint(
        "a * stands at the end, for all keys that begin with what is before it: s3://bucket/logs*; without one it is a folder",
    )
}

/// A folder in an object store, known by its canonical absolute URL (no slash at its end); or, of landing prefixes, what in a
/// folder begins with some text, known by that URL and a `*`.
///
/// URLs are the identity of landed objects (I1), so one folder has one URL: symbolic links and `..` are resolved for
/// local folders, and the text after the scheme is the store's own key, not percent-encoded a second time.
#[derive(Clone)]
pub struct Location {
    store: Arc<dyn ObjectStore>,
    root: String,
    prefix: Path,
    /// With what the keys below `prefix` begin; empty: whatever they begin with.
    begins: String,
}

impl Location {
    /// Opens a path or a `file:` URL of this machine; [`Stores::open`] opens the rest. The folder need not exist yet; its
    /// existing part is resolved.
    ///
    /// # Errors
    /// Usage for a scheme that firelake does not read; storage where the path cannot be resolved.
    pub fn open(text: &str) -> Result<Self> {
        match text.split_once("://") {
            None => Self::open_folder(text, std::path::Path::new(text.strip_prefix("file:").unwrap_or(text))),
            Some(("file", path)) if path.starts_with('/') => Self::open_folder(text, std::path::Path::new(path)),
            Some(("file", _)) => Err(Error::usage(format!("{text} names a file of another machine"))
                .hint("write file:///folder or a plain path")),
            Some((scheme, _)) => {
                Err(Error::usage(format!("cannot open {text}: firelake does not read {scheme}: URLs"))
                    .hint("use an s3: URL or a folder, as a plain path or a file: URL"))
            }
        }
    }

    fn open_folder(text: &str, path: &std::path::Path) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::usage("an empty path is no folder"));
        }
        if has_scheme(text) && !text.starts_with("file:") {
            return Err(Error::usage(format!("{text} is neither a folder nor a URL"))
                .hint(format!("write {}; a folder of that name is ./{text}", text.replacen(":/", "://", 1))));
        }
        let absolute = canonical(path).map_err(|e| unresolved(text, e))?;
        let prefix = Path::from_absolute_path(&absolute)
            .map_err(|e| Error::usage(format!("{} cannot be a folder of a lake", absolute.display())).caused_by(e))?;
        let (store, begins) = (Arc::new(DurableLocal::new()), String::new());
        Ok(Location { store, root: "file:///".into(), prefix, begins })
    }

    /// A place in a store that the caller opened; `root` is the URL of the store's own root, with its last slash.
    pub fn in_store(store: Arc<dyn ObjectStore>, root: &str, prefix: &str) -> Self {
        Location { store, root: root.into(), prefix: Path::from(prefix), begins: String::new() }
    }

    /// The store that this place is in.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The URL of the store's root, with its last slash.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The folder's key in the store.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Of this folder, all that begins so.
    pub fn beginning(self, begins: &str) -> Self {
        Location { begins: begins.into(), ..self }
    }

    /// With what a name right below the folder begins, to be in this place; mostly empty.
    pub fn begins(&self) -> &str {
        &self.begins
    }

    /// The canonical URL, without a slash at its end, or with a `*`.
    pub fn url(&self) -> String {
        match self.begins.is_empty() {
            true => self.url_of(&self.prefix),
            false => format!("{}{}*", self.root, self.all_begin_with()),
        }
    }

    /// What the keys of all that is here begin with.
    fn all_begin_with(&self) -> String {
        let slash = if self.prefix.as_ref().is_empty() { "" } else { "/" };
        format!("{}{slash}{}", self.prefix, self.begins)
    }

    /// The canonical URL of any key of the store.
    pub fn url_of(&self, path: &Path) -> String {
        format!("{}{}", self.root, path)
    }

    /// The key that [`url_of`](Self::url_of) gave a URL for; `None` for a URL of another store.
    pub fn path_of(&self, url: &str) -> Option<Path> {
        Path::parse(url.strip_prefix(&self.root)?).ok()
    }

    /// A folder below this one; `relative` may hold slashes.
    pub fn join(&self, relative: &str) -> Location {
        Location { prefix: self.path(relative), ..self.clone() }
    }

    /// The key of a file below this folder: `relative` as it stands, but for what no key can hold.
    pub fn path(&self, relative: &str) -> Path {
        let parts = relative.split('/').filter(|part| !part.is_empty());
        parts.fold(self.prefix.clone(), |path, part| match PathPart::parse(part) {
            Ok(part) => path.join(part),
            Err(_) => path.join(part),
        })
    }

    /// What stands after this folder, or this beginning, in `path`; `None` where it is not below it.
    pub fn relative<'a>(&self, path: &'a Path) -> Option<&'a str> {
        path.as_ref().strip_prefix(&self.all_begin_with())
    }

    /// Whether all that is in `other` is also here.
    pub fn contains(&self, other: &Location) -> bool {
        self.root == other.root && other.all_begin_with().starts_with(&self.all_begin_with())
    }

    /// Whether an object of this size is there. To be asked after a store said that one is: on S3 a 409 says so as well, where
    /// nothing landed.
    pub async fn holds(&self, path: &Path, bytes: u64) -> object_store::Result<bool> {
        match self.store.head(path).await {
            Ok(there) => Ok(there.size == bytes),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether this is a folder of this machine's disk.
    pub fn is_local(&self) -> bool {
        self.root == "file:///"
    }

    /// Whether a local folder exists; object stores have no folders, so there the answer is always yes.
    pub fn exists(&self) -> bool {
        !self.is_local() || std::path::Path::new(&format!("/{}", self.prefix)).is_dir()
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_local() {
            true => f.write_str(self.url().trim_start_matches("file://")),
            false => f.write_str(&self.url()),
        }
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        let error = match into_fault(error) {
            Ok(fault) => return (*fault).into(),
            Err(error) => error,
        };
        let io = root_io_error(&error);
        let hint = match (&error, io.map(std::io::Error::kind)) {
            (object_store::Error::PermissionDenied { .. }, _) | (_, Some(std::io::ErrorKind::PermissionDenied)) => {
                Some("check who owns it, and who may read it and write to it")
            }
            (_, Some(std::io::ErrorKind::StorageFull)) => {
                Some("free some disk space and run the same command again: nothing is lost")
            }
            (_, Some(std::io::ErrorKind::QuotaExceeded)) => Some(
                "this user's disk quota is used up: free some space and run the same command again, nothing is lost",
            ),
            (_, Some(std::io::ErrorKind::FileTooLarge)) => {
                Some("the file system, or a limit of this process (ulimit -f), allows no file of this size")
            }
            (_, Some(std::io::ErrorKind::ReadOnlyFilesystem)) => Some("the file system is mounted read-only"),
            (_, Some(std::io::ErrorKind::NotADirectory)) => Some(NO_FOLDER),
            _ => None,
        };
        let told = Error::new(Kind::Storage, error.to_string()).caused_by(error);
        match hint {
            Some(hint) => told.hint(hint),
            None => told,
        }
    }
}

/// What S3 meant, where that is known.
fn into_fault(error: object_store::Error) -> std::result::Result<Box<Fault>, object_store::Error> {
    match error {
        object_store::Error::Generic { store, source } => {
            source.downcast().map_err(|source| object_store::Error::Generic { store, source })
        }
        error => Err(error),
    }
}

const NO_FOLDER: &str = "a part of the path is a file, not a folder";

fn unresolved(text: &str, error: std::io::Error) -> Error {
    let hint = match error.kind() {
        std::io::ErrorKind::NotADirectory => NO_FOLDER,
        std::io::ErrorKind::PermissionDenied => "check who owns the folders above it and who may enter them",
        _ => "check the path",
    };
    Error::storage(format!("cannot resolve the path {text}")).caused_by(error).hint(hint)
}

fn root_io_error(error: &object_store::Error) -> Option<&std::io::Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<std::io::Error>())
}

/// The absolute path with the part of it that exists resolved: a lake is named before its folder is made.
fn canonical(path: &std::path::Path) -> std::io::Result<std::path::PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        match existing.canonicalize() {
            Ok(resolved) => return Ok(missing.iter().rev().fold(resolved, |path, part| path.join(part))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                match (existing.parent(), existing.file_name()) {
                    (Some(parent), Some(name)) => {
                        missing.push(name.to_owned());
                        existing = parent;
                    }
                    _ => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_has_one_url() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("a")).unwrap();
        std::os::unix::fs::symlink(root.join("a"), root.join("link")).unwrap();
        let expected = format!("file://{}/a/new", root.display());
        for text in ["a/new", "link/new", "a/../a/./new/"] {
            // `..` after a link is resolved as the system does it
            let text = format!("{}/{text}", root.display());
            assert_eq!(Location::open(&text).unwrap().url(), expected, "{text}");
            assert_eq!(Location::open(&format!("file://{text}")).unwrap().url(), expected, "{text}");
        }
    }

    #[test]
    fn below_is_by_whole_parts() {
        let (a, ab, a_b) =
            (Location::open("/x/a").unwrap(), Location::open("/x/ab").unwrap(), Location::open("/x/a/b").unwrap());
        assert!(a.contains(&a) && a.contains(&a_b) && !a.contains(&ab) && !a_b.contains(&a));
        assert_eq!(a.relative(a_b.prefix()), Some("b"));
    }

    #[tokio::test]
    async fn a_star_stands_for_all_that_begins_so() {
        let stores = Stores::default();
        let open = async |text: &str| stores.open_landing(text).await.unwrap();
        let (logs, web) = (open("/x/logs*").await, open("file:///x/logs/web-*").await);
        assert_eq!((logs.url().as_str(), logs.to_string().as_str()), ("file:///x/logs*", "/x/logs*"));
        assert_eq!(open("/x/logs/*").await.url(), "file:///x/logs");
        assert_eq!(open("/logs*").await.url(), "file:///logs*");
        assert_eq!(open(&web.url()).await.url(), "file:///x/logs/web-*");
        assert!(open("web*").await.url().ends_with("/web*"));
        let folder = |path: &str| Location::open(path).unwrap();
        for inside in [folder("/x/logs"), folder("/x/logs-errors"), folder("/x/logs/y"), web.clone()] {
            assert!(logs.contains(&inside) && !inside.contains(&logs), "{inside}");
        }
        for apart in [folder("/x/log"), folder("/x/other"), folder("/y/logs")] {
            assert!(!logs.contains(&apart) && !apart.contains(&logs), "{apart}");
        }
        assert!(folder("/x").contains(&logs) && !logs.contains(&folder("/x")));
        assert_eq!(logs.relative(&Path::from("x/logs2026/11")), Some("2026/11"));
        assert_eq!(logs.relative(&Path::from("x/log/logs")), None);
        for text in ["/x/*/logs", "/x*/logs*", "/x/lo*gs", "s3://b/l*gs", "s3://b/**", "/x/100%*", "file:web*"] {
            let error = stores.open_landing(text).await.unwrap_err();
            assert!(error.kind() == Kind::Usage && error.to_string().contains("cannot be a landing prefix"), "{text}");
        }
    }

    #[test]
    fn other_schemes_are_refused_with_what_to_use() {
        let error = Location::open("gs://bucket/x").unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
    }
}

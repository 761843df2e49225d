//! Listing a landing prefix: every object below it is an input, whatever its name. A listing is complete or an error (I7).

use super::folders::Bound;
use super::key::delivered;
use super::local::{self, LocalFile, Names};
use super::survey;
use crate::error::{Error, Result};
use crate::storage::Location;
use chrono::{DateTime, TimeDelta, Utc};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use std::path::PathBuf;
use std::sync::Arc;

/// An object that Firehose, or anybody, put below a landing prefix.
#[derive(Debug, Clone)]
pub struct LandedObject {
    /// The store that it is in.
    pub store: Arc<dyn ObjectStore>,
    /// Where it is on this machine's disk, if it is.
    pub local: Option<PathBuf>,
    /// Canonical URL: its identity.
    pub url: String,
    /// Its key in the store.
    pub path: Path,
    /// Bytes as landed.
    pub size: u64,
    /// For `If-Match` and for reporting a later change.
    pub etag: Option<String>,
    /// The store's time of its last change.
    pub last_modified: DateTime<Utc>,
    /// When it was delivered, by its key, as far as that says it; else `last_modified`.
    pub delivered: DateTime<Utc>,
}

impl LandedObject {
    /// Whether the object is old enough to be read at `now`. Names of uploads under way get a quarter of an hour.
    pub fn is_settled(&self, settle: TimeDelta, now: DateTime<Utc>) -> bool {
        const STAGED: TimeDelta = TimeDelta::minutes(15);
        let staged = self.local.as_deref().is_some_and(local::looks_staged);
        let age = if staged { settle.max(STAGED) } else { settle };
        age <= TimeDelta::zero() || self.last_modified <= now - age
    }
}

/// Every object below `landing`, oldest delivery first; with a bound, but for those in folders that it skips.
pub async fn list(landing: &Location, bound: Option<&Bound>) -> Result<Vec<LandedObject>> {
    let mut objects = match landing.is_local() {
        true => list_local(landing, bound.cloned()).await?,
        false => list_store(landing, bound).await?,
    };
    objects.sort_by(|a, b| (a.delivered, &a.url).cmp(&(b.delivered, &b.url)));
    Ok(objects)
}

async fn list_store(landing: &Location, bound: Option<&Bound>) -> Result<Vec<LandedObject>> {
    let metas = survey::list(landing, bound).await.map_err(|e| unlisted(landing, e))?;
    one_a_url(metas.into_iter().map(|meta| landed(landing, meta)).collect())
}

fn unlisted(landing: &Location, error: object_store::Error) -> Error {
    let cannot = format!("cannot list the landing prefix {landing}");
    match &error {
        object_store::Error::InvalidPath { source } => {
            let told = format!("{cannot}: it holds a key that cannot be read: {source}");
            Error::storage(told).hint(
                "a listing must be complete, so nothing was compacted: move or delete that key, which has an empty, . or .. part",
            )
        }
        _ => Error::from(error).context(cannot),
    }
}

/// The store library leaves out a slash at a key's beginning and end, so two keys may look the same. A folder's marker is
/// empty, and gives way.
///
/// # Errors
/// Storage: two such keys that both hold something. Only one of them would be read.
fn one_a_url(mut objects: Vec<LandedObject>) -> Result<Vec<LandedObject>> {
    objects.sort_by(|a, b| (&a.url, b.size).cmp(&(&b.url, a.size)));
    if let Some([one, _]) = objects.array_windows().find(|[one, other]| one.url == other.url && other.size > 0) {
        return Err(Error::storage(format!(
            "two keys differ only by a slash at the end or the beginning: {}",
            one.url
        ))
        .hint("only one of them can be read, so nothing was compacted: move or delete the one with the slash"));
    }
    objects.dedup_by(|later, first| later.url == first.url);
    Ok(objects)
}

async fn list_local(landing: &Location, bound: Option<Bound>) -> Result<Vec<LandedObject>> {
    let (root, begins) = (Names::new(landing.prefix()).root(), landing.begins().to_owned());
    let files = tokio::task::spawn_blocking(move || local::walk(&root, &begins, bound.as_ref())).await;
    let files = files.map_err(|e| Error::internal("listing a local folder failed").caused_by(e))?;
    let files = files.map_err(|e| {
        Error::storage(format!("cannot list the landing prefix {landing}"))
            .caused_by(e)
            .hint("a listing must be complete: make every folder and file below the prefix readable for this user")
    })?;
    Ok(files.into_iter().map(|file| landed_locally(landing, file)).collect())
}

/// What begins with the name of this folder, and is not in it: a prefix `logs` without a slash gives `logs2026/…`.
pub async fn like_named(landing: &Location) -> Result<Option<String>> {
    let (parent, name) = match landing.prefix().as_ref().rsplit_once('/') {
        Some((parent, name)) => (Path::parse(parent).unwrap_or_default(), name),
        None => (Path::default(), landing.prefix().as_ref()),
    };
    let level = landing.store().list_with_delimiter(Some(&parent)).await?;
    let objects = level.objects.into_iter().map(|object| object.location);
    let named = |path: &Path| {
        let begins = path.filename().is_some_and(|other| other.len() > name.len() && other.starts_with(name));
        begins && !name.is_empty() && landing.begins().is_empty()
    };
    Ok(level.common_prefixes.into_iter().chain(objects).find(named).map(|path| landing.url_of(&path)))
}

/// One object by its URL, as `list` would give it; `None` where it is gone.
pub async fn head(landing: &Location, url: &str) -> Result<Option<LandedObject>> {
    let cannot = || format!("cannot look at {url}");
    let Some(path) = landing.path_of(url) else {
        return Err(Error::storage(cannot()));
    };
    if landing.is_local() {
        let file = local::look(&Names::new(landing.prefix()).path(&path))
            .map_err(|e| Error::storage(cannot()).caused_by(e))?;
        return Ok(file.map(|file| landed_locally(landing, file)));
    }
    match landing.store().head(&path).await {
        Ok(meta) => Ok(Some(landed(landing, meta))),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(Error::from(error).context(cannot())),
    }
}

fn landed(landing: &Location, meta: ObjectMeta) -> LandedObject {
    let key = landing.relative(&meta.location).unwrap_or(meta.location.as_ref());
    LandedObject {
        store: landing.store().clone(),
        local: None,
        url: landing.url_of(&meta.location),
        delivered: delivered(key, meta.last_modified),
        path: meta.location,
        size: meta.size,
        etag: meta.e_tag,
        last_modified: meta.last_modified,
    }
}

fn landed_locally(landing: &Location, file: LocalFile) -> LandedObject {
    let location = Names::new(landing.prefix()).key(&file.path);
    let meta = ObjectMeta { location, last_modified: file.modified, size: file.size, e_tag: None, version: None };
    LandedObject { local: Some(file.path), ..landed(landing, meta) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(url: &str, size: u64) -> LandedObject {
        let path = Path::from(url);
        let meta = ObjectMeta { location: path, last_modified: DateTime::UNIX_EPOCH, size, e_tag: None, version: None };
        let store = Arc::new(object_store::memory::InMemory::new());
        landed(&Location::in_store(store, "memory:///", ""), meta)
    }

    #[test]
    fn a_folders_marker_gives_way_to_an_object_of_its_name() {
        for sizes in [[0, 5], [5, 0]] {
            let objects = vec![object("a", sizes[0]), object("b", 0), object("a", sizes[1])];
            let seen: Vec<_> = one_a_url(objects).unwrap().into_iter().map(|o| (o.path.to_string(), o.size)).collect();
            assert_eq!(seen, [("a".into(), 5), ("b".into(), 0)]);
        }
        let error = one_a_url(vec![object("a", 1), object("a", 2)]).unwrap_err();
        assert!(error.message().contains("memory:///a"), "{error}");
    }
}

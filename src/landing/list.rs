//! Listing a landing prefix: every object below it is an input, whatever its name. A listing is complete or an error (I7).

use super::key::delivery_time;
use crate::error::{Error, Result};
use crate::storage::Location;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use std::sync::Arc;

/// An object that Firehose, or anybody, put below a landing prefix.
#[derive(Debug, Clone)]
pub struct LandedObject {
    /// The store that it is in.
    pub store: Arc<dyn ObjectStore>,
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
    /// Delivery time, of the key; else `last_modified`.
    pub delivered: DateTime<Utc>,
}

/// Every object below `landing`, oldest delivery first. With `from`, only keys from that delivery hour's folder on: for
/// landing prefixes whose date folders stand right below them, where that skips nothing newer.
pub async fn list(landing: &Location, from: Option<DateTime<Utc>>) -> Result<Vec<LandedObject>> {
    let store = landing.store();
    let listing = match from {
        None => store.list(Some(landing.prefix())),
        Some(hour) => {
            let offset = landing.path(&hour.format("%Y/%m/%d/%H").to_string());
            store.list_with_offset(Some(landing.prefix()), &offset)
        }
    };
    let mut objects: Vec<LandedObject> = listing
        .map_ok(|meta| landed(landing, meta))
        .try_collect()
        .await
        .map_err(|e| Error::from(e).context(format!("cannot list the landing prefix {landing}")))?;
    if landing.is_local() {
        objects.extend(unlisted(landing).await?);
    }
    objects.sort_by(|a, b| (a.delivered, &a.url).cmp(&(b.delivered, &b.url)));
    Ok(objects)
}

/// Files that the store's listing of local folders leaves out in silence: names that end in `#` and digits, which it takes
/// for uploads under way. It cannot read them either, so they are waiting objects, with that as the reason.
async fn unlisted(landing: &Location) -> Result<Vec<LandedObject>> {
    let root = std::path::PathBuf::from(format!("/{}", landing.prefix()));
    let found = tokio::task::spawn_blocking(move || walk(&root)).await;
    let found = found.map_err(|e| Error::internal("listing a local folder failed").caused_by(e))?;
    let found = found.map_err(|e| Error::storage(format!("cannot list the landing prefix {landing}")).caused_by(e))?;
    let named = found.into_iter().filter_map(|(path, meta)| {
        let last_modified = meta.modified().map(DateTime::<Utc>::from).unwrap_or_default();
        let location = Path::from_absolute_path(&path).ok()?;
        Some(landed(landing, ObjectMeta { location, last_modified, size: meta.len(), e_tag: None, version: None }))
    });
    Ok(named.collect())
}

type Found = Vec<(std::path::PathBuf, std::fs::Metadata)>;

fn walk(folder: &std::path::Path) -> std::io::Result<Found> {
    let mut found = Found::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => found.extend(walk(&entry.path())?),
            false if looks_staged(&entry.file_name().to_string_lossy()) => {
                found.push((entry.path(), entry.metadata()?))
            }
            false => {}
        }
    }
    Ok(found)
}

fn looks_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// One object by its URL, as `list` would give it; `None` where it is gone.
pub async fn head(landing: &Location, url: &str) -> Result<Option<LandedObject>> {
    let Some(path) = landing.path_of(url) else {
        return Err(Error::storage(format!("{url} is not in the store of {landing}")));
    };
    match landing.store().head(&path).await {
        Ok(meta) => Ok(Some(landed(landing, meta))),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(Error::from(error).context(format!("cannot look at {url}"))),
    }
}

fn landed(landing: &Location, meta: ObjectMeta) -> LandedObject {
    let key = landing.relative(&meta.location).unwrap_or(meta.location.as_ref());
    LandedObject {
        store: landing.store().clone(),
        url: landing.url_of(&meta.location),
        delivered: delivery_time(key).unwrap_or(meta.last_modified),
        path: meta.location,
        size: meta.size,
        etag: meta.e_tag,
        last_modified: meta.last_modified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_file_below_a_folder_is_listed_whatever_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["2026/11/20/03/a.gz", "b", "c#1", "d/e f%20g.json", "Ü"];
        for name in names {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let listed = list(&Location::open(&dir.path().to_string_lossy()).unwrap(), None).await.unwrap();
        assert_eq!(listed.len(), names.len(), "{listed:?}");
        let unreadable: Vec<bool> =
            futures::future::join_all(listed.iter().map(|o| async { o.store.get(&o.path).await.is_err() })).await;
        let bad: Vec<&str> =
            listed.iter().zip(unreadable).filter(|(_, bad)| *bad).map(|(o, _)| o.url.as_str()).collect();
        assert!(matches!(bad[..], [url] if url.ends_with("c#1")), "{bad:?}");
    }
}

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
    objects.sort_by(|a, b| (a.delivered, &a.url).cmp(&(b.delivered, &b.url)));
    Ok(objects)
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

//! What a run lists of the landing zone: from the lookback on, or all of it.

use crate::compact::{Shard, full_listing_is_due};
use crate::error::Result;
use crate::landing::{self, Bound, LandedObject, below, layout};
use crate::ledger::{Snapshot, Waiting};
use crate::storage::Location;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use std::collections::{BTreeSet, HashSet};

/// Objects that wait and are looked at at once.
const LOOKS: usize = 16;
/// Where more objects wait, listing everything costs less than looking at each.
const MOST_LOOKS: usize = 1_000;

/// Why nothing waits for an object any more.
const GONE: &str = "it was deleted before it could be read";

/// Lists as the scheduled run does.
pub(super) struct Lister {
    /// How far back of the newest known delivery hour is listed.
    pub(super) lookback: TimeDelta,
    /// The share of the objects that is asked for; none: all. A store lists all the same.
    pub(super) shard: Option<Shard>,
    /// The clock: at least once a day all is listed.
    pub(super) now: DateTime<Utc>,
}

/// What was listed.
#[derive(Default)]
pub(super) struct Listing {
    /// Objects below all prefixes, and those that wait.
    pub(super) objects: Vec<LandedObject>,
    /// Objects that waited and were deleted.
    pub(super) gone: Vec<Waiting>,
    /// Landing prefixes with nothing listed below them.
    pub(super) empty: BTreeSet<String>,
    /// Every prefix was listed from its beginning.
    pub(super) full: bool,
    /// Date folders stand right below a prefix, so that the next listing may be bounded.
    pub(super) bounded_is_possible: bool,
}

impl Lister {
    /// Lists what may be new; objects that wait are looked at wherever they are.
    pub(super) async fn list(&self, landing: &[Location], snapshot: Option<&Snapshot>) -> Result<Listing> {
        let mut listing = Listing { full: true, ..Default::default() };
        let waiting: Vec<&str> = snapshot.iter().flat_map(|s| s.waiting.keys()).map(String::as_str).collect();
        let waiting: Vec<&str> = waiting.into_iter().filter(|url| self.takes(url)).collect();
        for prefix in landing {
            let bounded = snapshot.filter(|_| waiting.len() <= MOST_LOOKS);
            let bound = bounded.and_then(|snapshot| self.bound(prefix, snapshot));
            listing.full &= bound.is_none();
            let objects = landing::list(prefix, bound.as_ref()).await?;
            let dated = |o: &LandedObject| prefix.relative(&o.path).and_then(layout).is_some();
            listing.bounded_is_possible |= objects.iter().any(dated);
            if objects.is_empty() {
                listing.empty.insert(prefix.url());
            }
            listing.objects.extend(objects.into_iter().filter(|object| self.takes(&object.url)));
        }
        self.list_waiting(landing, waiting, &mut listing).await;
        Ok(listing)
    }

    fn takes(&self, url: &str) -> bool {
        self.shard.is_none_or(|shard| shard.takes(url))
    }

    /// Of those that were not listed, what is still there. A listing of everything has told that already.
    async fn list_waiting(&self, landing: &[Location], waiting: Vec<&str>, listing: &mut Listing) {
        let listed: HashSet<String> = listing.objects.iter().map(|object| object.url.clone()).collect();
        let full = listing.full;
        let look = |url: &str| {
            let (url, prefix) = (url.to_owned(), landing.iter().find(|prefix| below(&prefix.url(), url).is_some()));
            async move {
                let found = match prefix {
                    Some(_) if full => Ok(None),
                    Some(prefix) => landing::head(prefix, &url).await,
                    None => return None,
                };
                Some((url, found))
            }
        };
        let unlisted: Vec<_> = waiting.into_iter().filter(|url| !listed.contains(*url)).map(look).collect();
        let mut looked = futures::stream::iter(unlisted).buffered(LOOKS);
        while let Some(looked) = looked.next().await {
            match looked {
                Some((_, Ok(Some(object)))) => listing.objects.push(object),
                Some((url, Ok(None))) => {
                    listing.gone.push(Waiting { url, reason: GONE.into(), since: self.now });
                }
                Some((_, Err(_))) | None => {} // it goes on waiting: one object must not block the rest
            }
        }
    }

    /// What is left out; `None` where all must be listed.
    fn bound(&self, prefix: &Location, snapshot: &Snapshot) -> Option<Bound> {
        let shard = self.shard.map(|shard| shard.to_string());
        let newest = snapshot.newest_below(&prefix.url(), shard.as_deref())?;
        if full_listing_is_due(snapshot, self.shard, self.now) {
            return None;
        }
        Bound::new(newest.checked_sub_signed(self.lookback)?, snapshot.layouts_below(&prefix.url()))
    }
}

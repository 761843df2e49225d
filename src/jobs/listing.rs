//! What a run lists of the landing zone: from the lookback on, or all of it.

use crate::compact::full_listing_is_due;
use crate::error::Result;
use crate::landing::{self, LandedObject, has_date_folders};
use crate::ledger::{Snapshot, Waiting};
use crate::storage::Location;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeSet, HashSet};

/// Why nothing waits for an object any more.
const GONE: &str = "it was deleted before it could be read";

/// Lists as the scheduled run does.
pub(super) struct Lister {
    /// How far back of the newest known delivery hour is listed.
    pub(super) lookback: TimeDelta,
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
    /// Date folders stand right below every prefix, so that the next listing may be bounded.
    pub(super) bounded_is_possible: bool,
}

impl Lister {
    /// Lists what may be new; objects that wait are looked at wherever they are.
    pub(super) async fn list(&self, landing: &[Location], snapshot: Option<&Snapshot>) -> Result<Listing> {
        let mut listing = Listing { full: true, bounded_is_possible: true, ..Default::default() };
        for prefix in landing {
            let from = snapshot.and_then(|snapshot| self.bound(prefix, snapshot));
            listing.full &= from.is_none();
            let objects = landing::list(prefix, from).await?;
            let below = |o: &LandedObject| prefix.relative(&o.path).is_some_and(has_date_folders);
            listing.bounded_is_possible &= objects.iter().all(below);
            if objects.is_empty() {
                listing.empty.insert(prefix.url());
            }
            listing.objects.extend(objects);
        }
        self.list_waiting(landing, snapshot, &mut listing).await?;
        Ok(listing)
    }

    async fn list_waiting(
        &self,
        landing: &[Location],
        snapshot: Option<&Snapshot>,
        listing: &mut Listing,
    ) -> Result<()> {
        let listed: HashSet<String> = listing.objects.iter().map(|object| object.url.clone()).collect();
        for url in snapshot.iter().flat_map(|snapshot| snapshot.waiting.keys()).filter(|url| !listed.contains(*url)) {
            let prefix = landing.iter().find(|prefix| prefix.path_of(url).is_some());
            let Some(prefix) = prefix else { continue };
            match landing::head(prefix, url).await {
                Ok(Some(object)) => listing.objects.push(object),
                Ok(None) => listing.gone.push(Waiting { url: url.clone(), reason: GONE.into(), since: self.now }),
                Err(_) => {} // it goes on waiting: one object must not block the rest
            }
        }
        Ok(())
    }

    /// The delivery hour to list from; `None` where all must be listed.
    fn bound(&self, prefix: &Location, snapshot: &Snapshot) -> Option<DateTime<Utc>> {
        let newest = snapshot.newest_below(&prefix.url(), None)?;
        (!full_listing_is_due(snapshot, self.now)).then(|| newest - self.lookback)
    }
}

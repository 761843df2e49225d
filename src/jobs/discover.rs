//! What landed, read to propose a schema for it, or to say what a schema does not know of it. Reads; writes nothing.

use super::compact::Watch;
use crate::compact::{Fetched, fetch};
use crate::discover::{Discovery, Landed};
use crate::error::{Error, Kind, Result};
use crate::landing::{self, LandedObject};
use crate::ledger::Ledger;
use crate::storage::{Fault, Location};
use crate::table::{TableId, TableSchema};
use futures::StreamExt;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Objects that a sample is of, at most: each costs a request.
const MOST_OBJECTS: u64 = 1_000;
/// What is read of an object at least.
const LEAST: u64 = 64 << 10;
/// Objects that are fetched ahead.
const AHEAD: usize = 8;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// Every record.
    All,
    /// So many bytes of records without their compression, spread over the objects from the oldest to the newest.
    Bytes(u64),
}

/// What to read.
pub struct DiscoverJob {
    /// Landing prefixes.
    pub landing: Vec<Location>,
    /// How much of it.
    pub sample: Sample,
    /// What to compare with.
    pub against: Option<TableSchema>,
    /// A longer record is damaged.
    pub max_record: usize,
    /// An object that holds more without its compression cannot be read.
    pub max_decompressed: u64,
    /// Told of progress.
    pub watch: Watch,
}

/// What was read.
pub struct Discovered {
    /// How much of how much.
    pub landed: Landed,
    /// What was in it.
    pub discovery: Discovery,
    /// URLs of objects that could not be read, or not to their end, and why.
    pub unreadable: Vec<(String, String)>,
}

/// The schema and the landing prefixes that a table is pinned to.
///
/// # Errors
/// Usage: there is no such table. Those of reading its ledger.
pub async fn of_table(lake: &Location, id: &TableId) -> Result<(TableSchema, Vec<String>)> {
    let folder = lake.join(id.database()).join(id.table());
    let snapshot = Ledger::new(&folder).load_lean().await?;
    let snapshot = snapshot.ok_or_else(|| {
        Error::usage(format!("there is no table {id} in {lake}"))
            .hint("without --table, discover proposes a schema for what lies below --landing")
    })?;
    Ok((snapshot.schema()?, snapshot.pins.landing))
}

impl DiscoverJob {
    /// Lists what landed, and reads some of it or all.
    ///
    /// # Errors
    /// Storage: a listing failed. Unreadable: no object could be read. Credentials and the like: none can be.
    pub async fn run(self) -> Result<Discovered> {
        let objects = self.list().await?;
        let mut landed = Landed {
            objects: objects.len() as u64,
            bytes: objects.iter().map(|object| object.size).sum(),
            first: objects.first().map(|object| object.delivered),
            last: objects.last().map(|object| object.delivered),
            ..Landed::default()
        };
        let chosen = spread(objects, self.sample);
        (self.watch.planned)(chosen.iter().map(|object| object.size).sum(), chosen.len() as u64);
        let mut left = match self.sample {
            Sample::All => u64::MAX,
            Sample::Bytes(bytes) => bytes,
        };
        let mut discovery = Discovery::new(self.max_record, self.against.clone())?;
        let (mut unreadable, mut to_come) = (Vec::new(), chosen.len() as u64);
        let fetched = futures::stream::iter(chosen).map(|object| async move {
            let body = fetch(&object).await;
            (object, body)
        });
        let mut fetched = std::pin::pin!(fetched.buffered(AHEAD));
        while let Some((object, body)) = fetched.next().await {
            let most = (left / to_come).max(LEAST);
            let (read, outcome);
            (discovery, read, outcome) = self.read(discovery, &object, body, most).await?;
            (self.watch.progress)(object.size);
            count(&mut landed, &read);
            left = left.saturating_sub(read.json_bytes);
            to_come -= 1;
            unreadable.extend(outcome.err().map(told).transpose()?.map(|reason| (object.url, reason)));
        }
        Ok(Discovered { landed, discovery, unreadable })
    }

    /// Every object below the landing prefixes, oldest delivery first.
    async fn list(&self) -> Result<Vec<LandedObject>> {
        let (mut objects, mut urls) = (Vec::new(), HashSet::new());
        for prefix in &self.landing {
            if prefix.is_local() && !prefix.exists() {
                return Err(Error::usage(format!("the landing folder {prefix} does not exist"))
                    .hint("pass --landing with a folder or a URL that objects lie below"));
            }
            let listed = landing::list(prefix, None).await?;
            objects.extend(listed.into_iter().filter(|object| urls.insert(object.url.clone())));
        }
        match objects.is_empty() {
            true => Err(Error::usage("nothing has landed below the landing prefix")
                .hint("pass --landing with a folder or a URL that objects lie below")),
            false => {
                objects.sort_by(|a, b| (a.delivered, &a.url).cmp(&(b.delivered, &b.url)));
                Ok(objects)
            }
        }
    }

    /// Reads one object on a thread for that; what was counted before it failed counts.
    async fn read(
        &self,
        mut discovery: Discovery,
        object: &LandedObject,
        body: Result<Fetched>,
        most: u64,
    ) -> Result<(Discovery, Landed, Result<()>)> {
        let body = match body {
            Ok(body) => body,
            Err(error) => return Ok((discovery, Landed::default(), Err(error))),
        };
        let (object, limit) = (object.clone(), self.max_decompressed);
        let work = move || {
            let raw = Arc::new(AtomicU64::new(0));
            let told = object.delivered != object.last_modified;
            let looked = body
                .plain_counted(&object, limit, raw.clone())
                .and_then(|mut plain| discovery.object(&object.url, &mut *plain, object.delivered, told, most));
            let mut read = Landed { objects_read: 1, bytes_read: raw.load(Ordering::Relaxed), ..Landed::default() };
            if let Ok(looked) = &looked {
                read.objects_cut = u64::from(!looked.whole);
                read.json_bytes = looked.bytes;
                read.whole = if looked.whole { (object.size, looked.bytes) } else { (0, 0) };
            }
            (discovery, read, looked.map(drop))
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|e| Error::internal("reading an object failed").caused_by(e))
    }
}

/// Why an object was left out; an error where none could be read.
fn told(error: Error) -> Result<String> {
    match Fault::carried_by(&error).filter(|told| matches!(told.kind(), Kind::Credentials | Kind::TryAgain)) {
        Some(told) => Err(told),
        None if error.kind() == Kind::Unreadable => Ok(error.message().to_owned()),
        None => Err(error),
    }
}

fn count(landed: &mut Landed, read: &Landed) {
    landed.objects_read += read.objects_read;
    landed.objects_cut += read.objects_cut;
    landed.bytes_read += read.bytes_read;
    landed.json_bytes += read.json_bytes;
    landed.whole = (landed.whole.0 + read.whole.0, landed.whole.1 + read.whole.1);
}

/// The objects of a sample: evenly from the oldest to the newest.
fn spread(objects: Vec<LandedObject>, sample: Sample) -> Vec<LandedObject> {
    let Sample::Bytes(bytes) = sample else { return objects };
    let all = objects.len();
    let landed: u64 = objects.iter().map(|object| object.size).sum();
    let of_each = LEAST.min(landed / (all as u64).max(1)).max(1); // small objects are read whole
    let wanted = (bytes / of_each).clamp(1, MOST_OBJECTS) as usize;
    if all <= wanted {
        return objects;
    }
    let places: HashSet<usize> = (0..wanted).map(|at| at * (all - 1) / (wanted - 1).max(1)).collect();
    objects.into_iter().enumerate().filter(|(at, _)| places.contains(at)).map(|(_, object)| object).collect()
}

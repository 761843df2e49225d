//! A checkpoint: the state after one commit in a few objects, so that loading need not read every commit (I8). Pure.
//!
//! A [`Root`] under the commit's number names the parts that hold the rest, and is written after them. `docs/ledger.md`
//! describes the JSON. What is read of a checkpoint is the whole state or `None`: nothing of a damaged one is used.

use super::brought::Brought;
use super::commit::{ColumnStats, FORMAT, Pins, Waiting, checksum};
use super::compacted::{Compacted, Key, place};
use super::snapshot::{CompactedInput, LiveFile, Snapshot};
use crate::error::{Error, Result};
use crate::landing::said_time;
use crate::table::{FileSet, Partition};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// One key of so many ends its part. Cuts depend on the keys alone, so a change moves no cut but its own.
const PARTITIONS_A_PART: u32 = 1024;
const COMPACTED_A_PART: u32 = if cfg!(test) { 4 } else { 4096 };
/// The kind of the parts with compacted inputs.
const COMPACTED: &str = "compacted";
/// A part ends from this size on, whatever its keys.
const PART_BYTES: usize = 8 << 20;

/// The object that names the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Root {
    /// Of the last commit in it, and the object's name.
    pub(super) number: u64,
    /// The id of that commit: a checkpoint of another history is none of this ledger.
    pub(super) id: Uuid,
    pins: Pins,
    /// 0 where the table was never evolved.
    #[serde(default, skip_serializing_if = "super::commit::is_zero")]
    schema_commit: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<Waiting>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    full_listing_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    shard_listings: BTreeMap<String, DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expired_before: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    condemned: BTreeMap<String, u64>,
    /// Not left out where it is empty: without it no listing could begin at what is new.
    brought: Vec<Brought>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) partitions: Vec<Part>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) compacted: Vec<Part>,
}

/// An object with a range of partitions, or of compacted inputs by delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Below `_ledger/checkpoint/`. A later checkpoint names it too where its content stays.
    pub(super) name: String,
    crc32: String,
    bytes: u64,
    count: u64,
    first: String,
    last: String,
    /// Of compacted inputs: the URL of each says a time, and so tells that it is here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) dated: bool,
}

/// What a state was loaded from; no part of what it says, so all are equal.
#[derive(Debug, Clone, Default)]
pub(super) struct Base {
    /// The checkpoint.
    pub(super) root: Option<Arc<Root>>,
    /// Entries of the commits since.
    pub(super) entries: usize,
}

impl PartialEq for Base {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What is to be stored: the new parts with their names, then the root.
pub(super) struct Encoded {
    pub(super) root: Root,
    pub(super) parts: Vec<(String, Vec<u8>)>,
}

/// One partition of one set, also where none of its files is left.
#[derive(Serialize, Deserialize)]
struct PartitionState {
    /// The set's folder, `data` or `rejected`.
    set: String,
    partition: Partition,
    changed: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileState>,
}

#[derive(Serialize, Deserialize)]
struct FileState {
    path: String,
    rows: u64,
    bytes: u64,
    commit: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<u64>,
    attempt: Uuid,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    stats: BTreeMap<String, ColumnStats>,
}

#[derive(Serialize, Deserialize)]
struct InputState {
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    size: u64,
    delivered: DateTime<Utc>,
    commit: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    opened: bool,
    #[serde(default, skip_serializing_if = "super::commit::is_zero")]
    repaired: u64,
}

/// As of commits: the checksum is of the bytes of `checkpoint`'s value.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    firelake: u32,
    crc32: String,
    #[serde(borrow)]
    checkpoint: &'a RawValue,
}

fn seal(content: &RawValue) -> Result<Vec<u8>> {
    let envelope = Envelope { firelake: FORMAT, crc32: checksum(content.get()), checkpoint: content };
    let mut bytes = serde_json::to_vec(&envelope).map_err(unwritable)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The content and its checksum; `None` where it is damaged or of another format.
fn unseal(bytes: &[u8]) -> Option<(&RawValue, String)> {
    let envelope: Envelope = serde_json::from_slice(bytes).ok()?;
    let right = envelope.firelake == FORMAT && checksum(envelope.checkpoint.get()) == envelope.crc32;
    right.then_some((envelope.checkpoint, envelope.crc32))
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::internal("cannot write a checkpoint as JSON").caused_by(error)
}

impl Root {
    /// The root's bytes.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        seal(&serde_json::value::to_raw_value(self).map_err(unwritable)?)
    }

    /// What is stored under `number`; `None` where it is damaged, of another format, or of another number.
    pub(super) fn from_bytes(number: u64, bytes: &[u8]) -> Option<Root> {
        let root: Root = serde_json::from_str(unseal(bytes)?.0.get()).ok()?;
        (root.number == number).then_some(root)
    }

    /// The state without what the parts hold.
    ///
    /// `None` where the ranges of its parts are none.
    pub(super) fn begin(self: Arc<Self>) -> Option<Snapshot> {
        let mut compacted = Compacted::default();
        compacted.rebase(&self.compacted, |_| true)?;
        Some(Snapshot {
            head: self.number,
            id: self.id,
            pins: self.pins.clone(),
            schema_commit: self.schema_commit,
            files: BTreeMap::new(),
            compacted,
            brought: self.brought.clone(),
            waiting: self.waiting.iter().map(|waiting| (waiting.url.clone(), waiting.clone())).collect(),
            changed: BTreeMap::new(),
            full_listing_at: self.full_listing_at,
            shard_listings: self.shard_listings.clone(),
            hold: self.hold,
            expired_before: self.expired_before,
            condemned: self.condemned.clone(),
            base: Base { root: Some(self), entries: 0 },
        })
    }
}

impl Part {
    /// The items of the part's stored bytes; `None` where these are not what the root says.
    fn items<'de, T: Deserialize<'de>>(&self, bytes: &'de [u8]) -> Option<Vec<T>> {
        let (content, crc32) = unseal(bytes)?;
        let items: Vec<T> = serde_json::from_str(content.get()).ok()?;
        let is = (crc32.as_str(), bytes.len() as u64, items.len() as u64);
        (is == (self.crc32.as_str(), self.bytes, self.count)).then_some(items)
    }

    /// Adds the partitions of a part to the state of its root.
    pub(super) fn add_partitions(&self, bytes: &[u8], state: &mut Snapshot) -> Option<()> {
        for item in self.items::<PartitionState>(bytes)? {
            let set = FileSet::BOTH.into_iter().find(|set| set.folder() == item.set)?;
            for file in item.files {
                let (path, live) = file.of(&item.partition);
                let fits = FileSet::of_path(&path) == set && live.commit <= item.changed;
                (fits && state.files.insert(path, live).is_none()).then_some(())?;
            }
            let is_new = state.changed.insert((set, item.partition), item.changed).is_none();
            (is_new && item.changed <= state.head).then_some(())?;
        }
        Some(())
    }

    /// Adds the compacted inputs of a part to the state of its root, or to a later one in which none of them changed.
    pub(super) fn add_compacted(&self, bytes: &[u8], state: &mut Snapshot) -> Option<()> {
        let written = state.base.root.as_ref().map(|root| root.number);
        for InputState { url, etag, size, delivered, commit, repaired, opened } in self.items(bytes)? {
            let found = !self.dated || said_time(&url).is_some();
            let fits = Some(commit) <= written && !state.waiting.contains_key(&url);
            let input = CompactedInput { etag, size, delivered, repaired, commit, opened };
            (found && fits && state.compacted.insert(url, input).is_none()).then_some(())?;
        }
        Some(())
    }

    /// The last key of a part of compacted inputs; `None` where there is none such.
    pub(super) fn last_input(&self) -> Option<Key> {
        let (time, url) = self.last.split_once(' ')?;
        Some((time.parse().ok()?, url.to_owned()))
    }
}

impl FileState {
    fn of(self, partition: &Partition) -> (String, LiveFile) {
        let FileState { path, rows, bytes, commit, origin, attempt, stats } = self;
        let origin = origin.unwrap_or(commit);
        (path, LiveFile { partition: partition.clone(), rows, bytes, stats, commit, origin, attempt })
    }
}

/// The checkpoint of a state: its number and id are the state's own. Parts that the state was loaded from are named again
/// where nothing in their range changed since.
///
/// # Errors
/// Internal, where the state is none that commits fold to.
pub(super) fn encode(state: &Snapshot) -> Result<Encoded> {
    let base = state.base.root.as_deref();
    let mut parts = Vec::new();
    let partitions = Packer::new("partitions", state.head, base.map(|root| (root.number, &*root.partitions)));
    let partitions = pack_partitions(state, partitions, &mut parts)?;
    let compacted = Packer::new(COMPACTED, state.head, base.map(|root| (root.number, &*root.compacted)));
    let compacted = pack_compacted(state, compacted, &mut parts)?;
    let root = Root {
        number: state.head,
        id: state.id,
        pins: state.pins.clone(),
        schema_commit: state.schema_commit,
        waiting: state.waiting.values().cloned().collect(),
        full_listing_at: state.full_listing_at,
        shard_listings: state.shard_listings.clone(),
        hold: state.hold,
        expired_before: state.expired_before,
        condemned: state.condemned.clone(),
        brought: state.brought.clone(),
        partitions,
        compacted,
    };
    Ok(Encoded { root, parts })
}

fn pack_partitions(state: &Snapshot, mut packer: Packer<'_>, new: &mut Vec<(String, Vec<u8>)>) -> Result<Vec<Part>> {
    let mut files: BTreeMap<(FileSet, &Partition), Vec<FileState>> = BTreeMap::new();
    for (path, file) in &state.files {
        let LiveFile { partition, rows, bytes, stats, commit, origin, attempt } = file.clone();
        let origin = (origin != commit).then_some(origin);
        let file = FileState { path: path.clone(), rows, bytes, commit, origin, attempt, stats };
        if !state.changed.contains_key(&(FileSet::of_path(path), partition)) {
            return Err(Error::internal(format!("no commit changed the partition of {path}")));
        }
        files.entry((FileSet::of_path(path), &state.files[path].partition)).or_default().push(file);
    }
    for ((set, partition), changed) in &state.changed {
        let key = format!("{}/{}", set.folder(), partition.path());
        let files = files.remove(&(*set, partition)).unwrap_or_default();
        let item = PartitionState { set: set.folder().into(), partition: partition.clone(), changed: *changed, files };
        let ends = crc32fast::hash(key.as_bytes()).is_multiple_of(PARTITIONS_A_PART);
        packer.push(key, *changed, &item)?;
        packer.cut_if(ends, new)?;
    }
    packer.finish(new)
}

fn pack_compacted(state: &Snapshot, mut packer: Packer<'_>, new: &mut Vec<(String, Vec<u8>)>) -> Result<Vec<Part>> {
    let mut inputs: Vec<(&String, &CompactedInput)> = state.compacted.loaded().collect();
    inputs.sort_by_cached_key(|(url, input)| (place(url, input.delivered), *url));
    let mut absent = state.compacted.absent().peekable();
    for (url, input) in inputs {
        let said = said_time(url);
        let time = said.unwrap_or(input.delivered);
        let before = |(other, last): &Key| (*other, last) < (time, url);
        while let Some((_, part)) = absent.next_if(|(last, _)| before(last)) {
            packer.keep(part, new)?;
        }
        packer.dated &= said.is_some();
        let CompactedInput { etag, size, delivered, repaired, commit, opened } = input.clone();
        let key = format!("{} {url}", time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        packer.push(key, commit, &InputState { url: url.clone(), etag, size, delivered, commit, repaired, opened })?;
        packer.cut_if(crc32fast::hash(url.as_bytes()).is_multiple_of(COMPACTED_A_PART), new)?;
    }
    absent.try_for_each(|(_, part)| packer.keep(part, new))?;
    packer.finish(new)
}

/// Packs items, which come in the order of their keys, into parts.
struct Packer<'a> {
    kind: &'static str,
    number: u64,
    /// Of an earlier checkpoint: its number, and its parts of this kind.
    base: Option<(u64, &'a [Part])>,
    body: String,
    count: u64,
    first: String,
    last: String,
    /// The newest commit that changed any of the items.
    changed: u64,
    /// Whether the URLs of all items say a time, if they are inputs.
    dated: bool,
    parts: Vec<Part>,
}

impl<'a> Packer<'a> {
    fn new(kind: &'static str, number: u64, base: Option<(u64, &'a [Part])>) -> Self {
        let (body, first, last) = Default::default();
        Packer { kind, number, base, body, count: 0, first, last, changed: 0, dated: true, parts: Vec::new() }
    }

    fn push(&mut self, key: String, changed: u64, item: &impl Serialize) -> Result<()> {
        self.body.push(if self.count == 0 { '[' } else { ',' });
        self.body.push_str(&serde_json::to_string(item).map_err(unwritable)?);
        if self.count == 0 {
            self.first.clone_from(&key);
        }
        self.last = key;
        self.count += 1;
        self.changed = self.changed.max(changed);
        Ok(())
    }

    fn cut_if(&mut self, ends: bool, new: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        if !ends && self.body.len() < PART_BYTES {
            return Ok(());
        }
        self.body.push(']');
        let content = RawValue::from_string(std::mem::take(&mut self.body)).map_err(unwritable)?;
        let (crc32, bytes) = (checksum(content.get()), seal(&content)?);
        let part = Part {
            name: format!("{:020}/{}-{}-{crc32}.json", self.number, self.kind, self.parts.len()),
            crc32,
            bytes: bytes.len() as u64,
            count: std::mem::take(&mut self.count),
            first: std::mem::take(&mut self.first),
            last: std::mem::take(&mut self.last),
            dated: std::mem::replace(&mut self.dated, true) && self.kind == COMPACTED,
        };
        let part = self.known(&part).unwrap_or_else(|| {
            new.push((part.name.clone(), bytes));
            part
        });
        self.changed = 0;
        self.parts.push(part);
        Ok(())
    }

    /// The base's part with the same content. A checksum alone would not prove it. But where no item changed since the base,
    /// all were in it; and as many as it has between the same first and last are the same.
    fn known(&self, part: &Part) -> Option<Part> {
        let (_, parts) = self.base.filter(|(number, _)| self.changed <= *number)?;
        parts.iter().find(|known| Part { name: known.name.clone(), ..part.clone() } == **known).cloned()
    }

    /// A part that comes next and was not loaded, so that nothing in its range changed.
    fn keep(&mut self, part: &Part, new: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        if self.count > 0 {
            self.cut_if(true, new)?;
        }
        self.parts.push(part.clone());
        Ok(())
    }

    fn finish(mut self, new: &mut Vec<(String, Vec<u8>)>) -> Result<Vec<Part>> {
        if self.count > 0 {
            self.cut_if(true, new)?;
        }
        Ok(self.parts)
    }
}

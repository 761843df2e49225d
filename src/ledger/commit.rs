//! One commit: its content, its JSON, its checksum.

use crate::error::{Error, Result};
use crate::table::Partition;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The version of the format that this firelake writes; it reads no newer one.
pub(crate) const FORMAT: u32 = 1;

/// What a commit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Commit 0: pins the table's schema, landing prefixes and catalog.
    Create,
    /// Adds files made of inputs; may be empty but for waiting objects or `full_listing_at`.
    Add,
    /// Takes one more landing prefix into the table.
    AddLanding,
    /// Files of a partition are replaced by fewer that hold the same rows.
    Merge,
    /// Compacted inputs are read again: all files with records of theirs are replaced.
    Rebuild,
    /// Rejected records are decoded once more: what became rows leaves the rejected table.
    Redrive,
    /// The live files and the compacted inputs are again those of an earlier commit, and the table is on hold.
    Rollback,
    /// Ends the hold of a rollback.
    Resume,
    /// Takes out the files of partitions that are older than a bound.
    Expire,
    /// Names what a later gc may delete, and what was deleted.
    Condemn,
    /// Changes nothing: its time of writing is the store's clock.
    Mark,
    /// Another schema, which the files of the one before can be read with.
    Evolve,
}

/// One change of a table. Fields that are empty are left out of its JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// Dense, from 0. Also the object's name.
    pub number: u64,
    /// Drawn by the writer: how it recognises its own commit after a lost answer.
    pub id: Uuid,
    /// What it does.
    pub action: Action,
    /// The writer's clock, for people; nothing is decided by it.
    pub at: DateTime<Utc>,
    /// Who wrote it, for people.
    pub writer: String,
    /// `create`: what the table is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pins: Option<Pins>,
    /// `add-landing`: the new prefix's canonical URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landing: Option<String>,
    /// The attempt whose files this commit makes live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Uuid>,
    /// `evolve`: the schema from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<PinnedSchema>,
    /// Landed objects whose records are in `add`; of a rollback, those that are compacted again, or as another commit brought them;
    /// of a redrive, those whose rejected records it read, with what they hold in all since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// `merge`: URLs of the inputs, brought by earlier commits, whose records are in `add`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// `rollback`: the commit whose state this brings back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// `rollback`: URLs of inputs that are no longer compacted. They wait until the table is resumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_out: Vec<String>,
    /// `resume`: the rollback whose hold ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<u64>,
    /// `expire`: partitions that end at this time or before are taken out, and stay out until a later expire says otherwise. `rollback`: the bound of the state that it brings back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_before: Option<DateTime<Utc>>,
    /// `condemn`: folders, relative to the table's, each with a last slash. Whatever is below them may be deleted after the grace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub condemned: Vec<String>,
    /// `condemn`: condemned folders that nothing is left of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// Objects that could not be read, to be tried again. Void where the object is compacted in the state this lands on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// Objects that waited and were deleted before they could be read: nothing waits for them any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Waiting>,
    /// Files that become live, of both sets: the path tells which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<DataFile>,
    /// Paths of files that are no longer live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// I2: `records_read = rows_written + records_rejected`, checked when written and when read.
    #[serde(default)]
    pub counts: Counts,
    /// When the run that wrote this had listed every landed object, by the writer's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_listing_at: Option<DateTime<Utc>>,
    /// The share of the landed objects that the run took, such as `3/8`: its listing says nothing of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
}

/// What a table is; only evolution commits and `add-landing` change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// The schema's name.
    pub schema_name: String,
    /// The schema file's text, whole.
    pub schema: String,
    /// Canonical URLs of the landing prefixes, without a last slash.
    pub landing: Vec<String>,
    /// `file` or `glue`.
    pub catalog: String,
}

/// A schema that a table has from one commit on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedSchema {
    /// Its name.
    pub name: String,
    /// The schema file's text, whole.
    pub text: String,
    /// What it changed of the one before, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

/// A landed object whose records are in this commit's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Canonical URL: the object's identity.
    pub url: String,
    /// For reporting a later change; never identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Bytes as landed.
    pub size: u64,
    /// Delivery time, of the key; else the object's LastModified.
    pub delivered: DateTime<Utc>,
    /// Records found in it.
    pub records: u64,
    /// How many of them could not be decoded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rejected: u64,
    /// Whether failed records of Firehose in it were opened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opened: bool,
    /// How many rows of them were no strict JSON and could be repaired.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repaired: u64,
}

/// A landed object that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Canonical URL.
    pub url: String,
    /// What stood in the way, for people.
    pub reason: String,
    /// When it was first seen so, by the writer's clock.
    pub since: DateTime<Utc>,
}

/// A Parquet file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataFile {
    /// Relative to the table's folder; begins with `data/` or `rejected/`.
    pub path: String,
    /// Its Hive path.
    pub partition: Partition,
    /// Rows in the file (in a rejected file a long record is several rows).
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Which inputs have records in it: places in the commit's `inputs`, of a merge in its `sources`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<u32>,
    /// Of a file that a rollback brings back: the commit that its attempt made, which names its inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<u64>,
    /// What is known of its columns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stats: BTreeMap<String, ColumnStats>,
}

/// Bounds of one column in one file. Timestamps are `2015-05-20T21:05:00.000`, dates `2015-05-20`, numbers numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ColumnStats {
    /// The smallest value; absent where unknown or where all are NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Value>,
    /// The largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Value>,
    /// How many values are NULL.
    pub nulls: u64,
}

/// A commit's counts, of all its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Records after framing.
    pub records_read: u64,
    /// Rows in its data files.
    pub rows_written: u64,
    /// Records in its rejected files.
    pub records_rejected: u64,
    /// Of those, failed records of Firehose, which a redrive can open.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Rows that had no usable event time and went by their delivery time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub by_delivery: u64,
    /// Rows of records that were no strict JSON and could be repaired.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repaired: u64,
    /// Rows and rejected records that a rebuild or a redrive left out, because their partitions are expired.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expired: u64,
}

pub(super) fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The object as stored: the checksum is of the bytes of `commit`'s value, as they stand.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    firelake: u32,
    crc32: String,
    #[serde(borrow)]
    commit: &'a RawValue,
}

impl Commit {
    /// A commit that does nothing yet. `number` is given by [`Ledger::append`](super::Ledger::append).
    pub fn new(action: Action, at: DateTime<Utc>, writer: &str) -> Self {
        Commit {
            number: 0,
            id: Uuid::now_v7(),
            action,
            at,
            writer: writer.into(),
            pins: None,
            landing: None,
            attempt: None,
            schema: None,
            inputs: Vec::new(),
            sources: Vec::new(),
            to: None,
            taken_out: Vec::new(),
            resumes: None,
            expired_before: None,
            condemned: Vec::new(),
            deleted: Vec::new(),
            waiting: Vec::new(),
            gone: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            counts: Counts::default(),
            full_listing_at: None,
            shard: None,
        }
    }

    /// Whether it makes files live, or takes any out.
    pub fn has_files(&self) -> bool {
        !self.add.is_empty() || !self.remove.is_empty()
    }

    /// How many things it names: what its size and the time of reading it follow.
    pub(super) fn entries(&self) -> usize {
        let urls = self.inputs.len() + self.sources.len() + self.taken_out.len() + self.waiting.len() + self.gone.len();
        urls + self.add.len() + self.remove.len() + self.condemned.len() + self.deleted.len()
    }

    /// The URLs of the inputs that have records in one of its files.
    pub fn inputs_of(&self, file: &DataFile) -> Vec<&str> {
        let url = |place: &u32| match self.sources.is_empty() {
            true => self.inputs.get(*place as usize).map(|input| input.url.as_str()),
            false => self.sources.get(*place as usize).map(String::as_str),
        };
        file.inputs.iter().filter_map(url).collect()
    }

    /// The object's name in `_ledger/`.
    pub fn file_name(number: u64) -> String {
        format!("{number:020}.json")
    }

    /// The number that a name in `_ledger/` stands for.
    pub fn number_of(file_name: &str) -> Option<u64> {
        let digits = file_name.strip_suffix(".json")?;
        (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// Internal where the counts do not add up (I2): such a commit must never be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check_counts().map_err(Error::internal)?;
        let failed = |e: serde_json::Error| Error::internal("cannot write a commit as JSON").caused_by(e);
        let body = serde_json::value::to_raw_value(self).map_err(failed)?;
        let envelope = Envelope { firelake: FORMAT, crc32: checksum(body.get()), commit: &body };
        let mut bytes = serde_json::to_vec(&envelope).map_err(failed)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a stored commit. `origin` names the object in errors.
    ///
    /// # Errors
    /// Ledger: damaged, of a newer format, under another number's name, or with counts that do not add up.
    pub fn from_bytes(origin: &str, number: u64, bytes: &[u8]) -> Result<Self> {
        let damaged = |what: String| {
            Error::ledger(format!("commit {origin} is damaged: {what}"))
                .hint("restore this object from a backup or an older version; nothing was changed and nothing is written on top of it")
        };
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
        if envelope.firelake > FORMAT {
            return Err(Error::ledger(format!(
                "commit {origin} has format {}, this firelake reads {FORMAT}",
                envelope.firelake
            ))
            .hint("use the newer firelake that wrote it"));
        }
        if envelope.firelake != FORMAT {
            return Err(damaged(format!("it says that its format is {}", envelope.firelake)));
        }
        let actual = checksum(envelope.commit.get());
        if actual != envelope.crc32 {
            return Err(damaged(format!("its checksum is {actual}, it should be {}", envelope.crc32)));
        }
        let commit: Commit = serde_json::from_str(envelope.commit.get()).map_err(|e| damaged(e.to_string()))?;
        if commit.number != number {
            return Err(damaged(format!("it says that it is commit {}", commit.number)));
        }
        commit.check_counts().map_err(damaged)?;
        Ok(commit)
    }

    fn check_counts(&self) -> std::result::Result<(), String> {
        let Counts { records_read, rows_written, records_rejected, expired, .. } = self.counts;
        let rows: u64 = self.add.iter().filter(|file| file.path.starts_with("data/")).map(|file| file.rows).sum();
        let records: u64 = self.inputs.iter().map(|input| input.records).sum();
        let rejected: u64 = self.inputs.iter().map(|input| input.rejected).sum();
        let reads = matches!(self.action, Action::Add | Action::Rebuild);
        let holds = records_read == rows_written + records_rejected + expired
            && (expired == 0 || matches!(self.action, Action::Rebuild | Action::Redrive))
            && (self.action != Action::Redrive || rows == rows_written)
            && (!reads || (rows, records) == (rows_written, records_read))
            && (!reads || rejected == records_rejected || (expired > 0 && rejected > records_rejected));
        match holds {
            true => Ok(()),
            false => Err(format!(
                "counts do not add up: {records_read} records read, {rows_written} rows written, {records_rejected} rejected, \
                 {expired} expired; its files hold {rows} rows, its inputs {records} records and {rejected} rejected"
            )),
        }
    }
}

/// The attempt that wrote a file or a folder: the part after the set's folder, in a path relative to the table's. `None` for a
/// published copy.
pub fn attempt_of(path: &str) -> Option<Uuid> {
    path.split('/').nth(1).and_then(|part| Uuid::parse_str(part).ok())
}

/// CRC-32 in eight lower-case hex digits.
pub(super) fn checksum(body: &str) -> String {
    format!("{:08x}", crc32fast::hash(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit() -> Commit {
        Commit { number: 7, ..Commit::new(Action::Add, DateTime::UNIX_EPOCH, "test") }
    }

    #[test]
    fn any_changed_byte_is_seen() {
        let bytes = commit().to_bytes().unwrap();
        assert_eq!(Commit::from_bytes("x", 7, &bytes).unwrap().number, 7);
        for at in 0..bytes.len() - 1 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let read = Commit::from_bytes("x", 7, &damaged);
            assert!(read.is_err(), "byte {at} of {}", String::from_utf8_lossy(&bytes));
        }
        for length in 0..bytes.len() - 1 {
            assert!(Commit::from_bytes("x", 7, &bytes[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_commit_under_another_name_is_damage() {
        assert!(Commit::from_bytes("x", 8, &commit().to_bytes().unwrap()).is_err());
    }

    #[test]
    fn counts_that_do_not_add_up_are_never_written() {
        let mut wrong = commit();
        wrong.counts.records_read = 1;
        assert!(wrong.to_bytes().is_err());
    }

    #[test]
    fn names_are_numbers_of_twenty_digits() {
        assert_eq!(Commit::number_of(&Commit::file_name(42)), Some(42));
        for name in ["42.json", "checkpoint", "0000000000000000004x.json", "00000000000000000042.json.tmp"] {
            assert_eq!(Commit::number_of(name), None);
        }
    }
}

//! What landed, read to propose a schema for it: what a person would write who had read all of it.
//!
//! One pass in bounded memory: `profile` counts what every field holds, `infer` makes a type of it, `event` chooses the
//! event time, `names` gives columns their names, `render` writes the file. `compare` says what a schema does not know of the
//! same records: they are decoded with it, and what is left over in `extra` is profiled in turn. Formats of times and
//! numbers are those of the decoder, tried by its own readers. Pure: objects come as readers, text goes out.

mod compare;
mod event;
mod fits;
mod infer;
mod names;
mod profile;
mod propose;
mod render;
mod scalars;
mod times;
mod told;

pub use compare::{ColumnSeen, Difference, Misfit, NewField};
pub use fits::Fit;
pub use propose::{Proposal, ProposedColumn};

use crate::decode::{Looked, Looker, Seen};
use crate::error::{Error, Result};
use crate::table::{Format, TableSchema};
use chrono::{DateTime, Utc};
use compare::Against;
use fits::Kept;
use profile::{DEEPEST, Look, Object};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Read;

/// What landed as a whole, and how much of it was read.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Landed {
    /// Objects below the landing prefixes.
    pub objects: u64,
    /// Their bytes as they landed.
    pub bytes: u64,
    /// Objects that were read.
    pub objects_read: u64,
    /// Of these, some only in part.
    pub objects_cut: u64,
    /// Bytes that were fetched of them, as they landed.
    pub bytes_read: u64,
    /// The same without compression.
    pub json_bytes: u64,
    /// Of objects that were read whole: bytes as they landed, and without compression.
    #[serde(skip)]
    pub whole: (u64, u64),
    /// The oldest delivery.
    pub first: Option<DateTime<Utc>>,
    /// The newest.
    pub last: Option<DateTime<Utc>>,
}

impl Landed {
    /// Bytes of JSON a day, if all is as what was read; an hour is the least that says anything.
    fn json_a_day(&self) -> Option<f64> {
        let hours = (self.last? - self.first?).num_minutes() as f64 / 60.0;
        // Of an object that was cut, some more was fetched than was read.
        let (landed, json) = if self.whole.0 > 0 { self.whole } else { (self.bytes_read, self.json_bytes) };
        let json = self.bytes as f64 * json as f64 / landed.max(1) as f64;
        (landed > 0).then(|| json / hours.max(1.0) * 24.0)
    }

    /// Whether every record was read.
    pub fn is_all(&self) -> bool {
        self.objects == self.objects_read && self.objects_cut == 0
    }
}

/// Counts of what was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counts {
    /// Records that are the table's.
    pub records: u64,
    /// Envelopes of CloudWatch Logs.
    pub envelopes: u64,
    /// Records of the kind that fewer are of, in envelopes or outside of them: no table takes both.
    pub other_records: u64,
    /// What Firehose wrote about records that it could not deliver; left out.
    pub failed_records: u64,
    /// Pieces that are no record.
    pub damaged: u64,
    /// Why, and the first place of each: object, and byte in it without compression.
    pub reasons: BTreeMap<String, (u64, String, u64)>,
}

/// Reasons that are told apart.
const MOST_REASONS: usize = 20;

/// Reads objects, and knows what was in them.
pub struct Discovery {
    looker: Looker,
    look: Look,
    plain: Object,
    events: Object,
    kept_plain: Kept,
    kept_envelopes: Kept,
    counts: Counts,
    against: Option<Against>,
    delivered: DateTime<Utc>,
}

impl Discovery {
    /// Nothing read yet. With a schema, what it does not know of the records is found out, too.
    ///
    /// # Errors
    /// Usage: the schema's formats or expressions are wrong.
    pub fn new(max_record: usize, against: Option<TableSchema>) -> Result<Self> {
        Ok(Discovery {
            looker: Looker::new(max_record, against.as_ref()),
            look: Look::new()?,
            plain: Object::default(),
            events: Object::default(),
            kept_plain: Kept::default(),
            kept_envelopes: Kept::default(),
            counts: Counts::default(),
            against: against.map(Against::new).transpose()?,
            delivered: DateTime::UNIX_EPOCH,
        })
    }

    /// Reads an object, which `name` stands for, until so many bytes of it; `plain` are its bytes without compression. Times
    /// are compared with its delivery where `told` says that its key tells that.
    ///
    /// # Errors
    /// Unreadable: `plain` failed; what was read so far counts.
    pub fn object(
        &mut self,
        name: &str,
        plain: &mut dyn Read,
        delivered: DateTime<Utc>,
        told: bool,
        most: u64,
    ) -> Result<Looked> {
        let Discovery { looker, look, plain: records, events, kept_plain, kept_envelopes, counts, against, .. } = self;
        self.delivered = delivered;
        look.delivered = told.then(|| delivered.timestamp_millis());
        let mut failed = None;
        let mut keep = |record: &[u8]| {
            if let Some(against) = against {
                failed = against.push(record, delivered).err().or(failed.take());
            }
        };
        let looked = looker.look(plain, most, &mut |seen| match seen {
            Seen::Record(record) => {
                records.observe(look, record.bytes, &record.fields.items, DEEPEST);
                kept_plain.offer(record.text());
                keep(record.text());
            }
            Seen::Envelope(text) => {
                counts.envelopes += 1;
                kept_envelopes.offer(text);
                keep(text);
            }
            Seen::Event(event) => events.observe(look, event.bytes, &event.fields.items, DEEPEST),
            Seen::Failed => counts.failed_records += 1,
            Seen::Damaged(at, reason) => counts.damage(name, at, reason),
        })?;
        failed.map_or(Ok(looked), Err)
    }

    /// How the records land: as most of them do.
    fn format(&self) -> Format {
        if self.events.seen > self.plain.seen { Format::CloudwatchLogs } else { Format::Json }
    }

    fn records(&self) -> (Format, &Object, &Kept) {
        match self.format() {
            Format::Json => (Format::Json, &self.plain, &self.kept_plain),
            Format::CloudwatchLogs => (Format::CloudwatchLogs, &self.events, &self.kept_envelopes),
        }
    }

    /// What was found so far.
    pub fn counts(&self) -> Counts {
        let (records, other_records) = match self.format() {
            Format::Json => (self.plain.seen, self.events.seen),
            Format::CloudwatchLogs => (self.events.seen, self.plain.seen),
        };
        Counts { records, other_records, ..self.counts.clone() }
    }

    /// A schema for the records.
    ///
    /// # Errors
    /// Unreadable: there are no records, or no field is in any.
    pub fn propose(&self, landed: &Landed) -> Result<Proposal> {
        let (format, root, _) = self.records();
        if root.seen == 0 {
            return Err(Error::unreadable("no record was found")
                .hint("discover reads JSON objects, one a record; what was found in their place is told above"));
        }
        let proposal = Proposal::new(format, root, landed);
        match proposal.columns.is_empty() {
            true => Err(Error::unreadable("no record has a field that a column can take")
                .hint("a schema needs one column at least")),
            false => Ok(proposal),
        }
    }

    /// The shipped schema that fits the records best, if one does.
    ///
    /// # Errors
    /// Internal.
    pub fn shipped(&self) -> Result<Option<Fit>> {
        let (format, root, kept) = self.records();
        let fields = root.fields.iter().map(|field| field.lower.clone()).collect();
        fits::best(kept, format, &fields, self.delivered)
    }

    /// What the schema does not know of the records; without `examples` no value of the data is in it.
    ///
    /// # Errors
    /// Usage, where there is no schema; Internal.
    pub fn compare(&mut self, examples: bool) -> Result<Difference> {
        let against = self.against.as_mut().ok_or_else(|| Error::internal("nothing to compare with"))?;
        let root = if against.schema().format == Format::Json { &self.plain } else { &self.events };
        against.finish(root, examples)
    }
}

impl Counts {
    fn damage(&mut self, object: &str, at: u64, reason: &str) {
        self.damaged += 1;
        if let Some((count, ..)) = self.reasons.get_mut(reason) {
            *count += 1;
        } else if self.reasons.len() < MOST_REASONS {
            self.reasons.insert(reason.to_owned(), (1, object.to_owned(), at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(records: &str, landed: &Landed) -> String {
        let mut discovery = Discovery::new(1 << 20, None).unwrap();
        let delivered = "2026-11-20T09:00:00Z".parse().unwrap();
        discovery.object("x", &mut records.as_bytes(), delivered, true, u64::MAX).unwrap();
        discovery.propose(landed).unwrap().text("t", &[], true)
    }

    #[test]
    fn hours_are_for_what_is_large() {
        let landed = |gigabytes: u64| Landed {
            bytes: gigabytes * 1_000_000_000,
            whole: (1, 10),
            first: "2026-11-19T00:00:00Z".parse().ok(),
            last: "2026-11-21T00:00:00Z".parse().ok(),
            ..Landed::default()
        };
        let hourly = |gigabytes| proposed("{\"a\":1}", &landed(gigabytes)).contains("transform = \"hour\"");
        assert_eq!([hourly(12), hourly(13)], [false, true]);
    }

    /// A time that is none, where CloudWatch has its own: no schema has an event time of numbers.
    #[test]
    fn an_event_time_is_a_time() {
        let envelope = r#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","timestamp":5,"message":"a"}]}"#;
        let text = proposed(envelope, &Landed::default());
        let schema = TableSchema::parse("t", "t", &text).unwrap();
        assert_eq!((schema.format, schema.event_time), (Format::CloudwatchLogs, None), "{text}");
        let dotted = r#"{"a.time":"2026-11-20T09:00:00Z","a":{"time":1}}"#;
        TableSchema::parse("t", "t", &proposed(dotted, &Landed::default())).unwrap();
    }

    /// A name says what a time is, where all are as close to the delivery.
    #[test]
    fn the_event_time_is_chosen() {
        let time = |name: &str| format!("\"{name}\":\"2026-11-20T09:00:00Z\"");
        for (names, expected) in [
            (&["expires", "timestamp"][..], Some("timestamp")),
            (&["updated_at", "created_at"], Some("created_at")),
            (&["requestTime", "endTime"], Some("requestTime")),
            (&["startTime"], Some("startTime")),
        ] {
            let record = names.iter().map(|name| time(name)).collect::<Vec<_>>().join(",");
            let text = proposed(&format!("{{{record}}}"), &Landed::default());
            let event = text.split("[[column]]").find(|column| column.contains("event_time = true"));
            let from = event.and_then(|column| column.split("from = [\"").nth(1)?.split('"').next());
            assert_eq!(from, expected, "{text}");
        }
        let later = "{\"due\":\"2027-11-20T09:00:00Z\"}";
        assert!(!proposed(later, &Landed::default()).contains("event_time"), "rows of such times go by their delivery");
    }
}

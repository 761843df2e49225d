//! What must be in the lake, from the generator's events: nothing here reads what was written.

use super::rows::{Row, cell};
use firelake::jobs::generate::{Event, GenerateOptions, events};
use std::collections::BTreeMap;

/// The events of some landed objects.
#[derive(Debug, Clone)]
pub struct Truth {
    pub events: Vec<Event>,
}

impl Truth {
    pub fn of(options: &GenerateOptions) -> Truth {
        Truth { events: events(options).unwrap().collect() }
    }

    /// Those that were landed in objects that `landed` holds for.
    pub fn only(&self, landed: impl Fn(&str) -> bool) -> Truth {
        Truth { events: self.events.iter().filter(|event| landed(&event.object)).cloned().collect() }
    }

    /// Those that are left once the partitions before this day are expired.
    pub fn since_day(&self, day: &str) -> Truth {
        let kept = |event: &&Event| {
            let time = if event.broken { event.delivered } else { event.ts };
            time.format("%Y-%m-%d").to_string().as_str() >= day
        };
        Truth { events: self.events.iter().filter(kept).cloned().collect() }
    }

    /// The events that become rows.
    pub fn whole(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| !event.broken)
    }

    pub fn broken(&self) -> u64 {
        self.events.iter().filter(|event| event.broken).count() as u64
    }

    /// The rows of each partition of a `combined_apache` table, every column of them, sorted.
    pub fn partitions(&self) -> BTreeMap<String, Vec<Row>> {
        let mut partitions: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for event in self.whole() {
            partitions.entry(format!("dt={}", event.ts.format("%Y-%m-%d"))).or_default().push(combined_row(event));
        }
        partitions.values_mut().for_each(|rows| rows.sort());
        partitions
    }

    /// How many rejected records each object (its key) has, by the day of its delivery.
    pub fn rejected(&self) -> BTreeMap<(String, String), u64> {
        let mut counts = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.broken) {
            let dt = format!("dt={}", event.delivered.format("%Y-%m-%d"));
            *counts.entry((dt, event.object.to_string())).or_default() += 1;
        }
        counts
    }
}

/// Every column of `schemas/combined_apache.toml`, and `extra`.
fn combined_row(event: &Event) -> Row {
    vec![
        cell(event.ts.timestamp_millis()),
        cell(&event.client_ip),
        None,
        event.user_name.clone(),
        request(event),
        event.method.clone(),
        event.path.clone(),
        event.query_string.clone(),
        event.protocol.clone(),
        cell(event.status),
        event.bytes.map(|bytes| bytes.to_string()),
        event.referer.clone(),
        event.agent.clone(),
        None,
    ]
}

fn request(event: &Event) -> Option<String> {
    let query = event.query_string.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{} {}{query} {}", event.method.as_ref()?, event.path.as_ref()?, event.protocol.as_ref()?))
}

//! Which of the times is the event's: by its name, by how many records have it, and by how close it is to the delivery.

use super::infer::{Inferred, infer};
use super::names::snake;
use super::profile::{Object, Values};
use crate::table::HiveType;

/// A time that may be the event's.
pub(super) struct Candidate<'v> {
    /// Names from the record on.
    pub(super) path: Vec<String>,
    pub(super) values: &'v Values,
    pub(super) inferred: Inferred,
}

const A_DAY: i32 = 24 * 60;
/// A column that fewer records have is no event time.
const LEAST_SHARE: f64 = 0.5;

impl<'v> Candidate<'v> {
    /// Every time of the records and of the objects in them.
    pub(super) fn all(root: &'v Object) -> Vec<Self> {
        let mut found = Vec::new();
        inside(root, &mut Vec::new(), &mut found);
        found
    }

    fn share(&self, records: u64) -> f64 {
        self.values.scalars.count as f64 / records.max(1) as f64
    }

    /// What speaks for it; none where it cannot be.
    fn score(&self, records: u64) -> Option<f64> {
        let share = self.share(records);
        if share < LEAST_SHARE {
            return None;
        }
        let near = match self.values.times.lags.middle() {
            Some((median, _)) if median < -A_DAY => return None, // rows of such times go by their delivery
            Some((median, _)) if (-30..=A_DAY).contains(&median) => 10.0,
            Some((median, _)) if (-A_DAY..=30 * A_DAY).contains(&median) => 5.0,
            _ => 0.0,
        };
        let varies = self.values.times.range.is_some_and(|(low, high)| low < high);
        let depth = 8.0 * (self.path.len() - 1) as f64;
        Some(share * 20.0 + near + by_name(self.path.last()?) + if varies { 3.0 } else { 0.0 } - depth)
    }

    /// Why it was chosen, for people.
    fn why(&self, records: u64) -> String {
        let share = match self.share(records) {
            share if share >= 1.0 => "in all records".to_owned(),
            share => format!("in {:.1} % of the records", share * 100.0),
        };
        let near = match self.values.times.lags.middle() {
            Some((median, _)) if (-30..=60).contains(&median) => ", within an hour of the delivery".to_owned(),
            Some((median, _)) if median > 0 => format!(", {} before the delivery", span(median)),
            Some((median, _)) => format!(", {} after the delivery", span(-median)),
            None => String::new(),
        };
        format!("the event time: {share}{near}")
    }
}

/// Minutes as people say them.
fn span(minutes: i32) -> String {
    match minutes {
        0..=119 => format!("{minutes} minutes"),
        120..=2_879 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / A_DAY),
    }
}

fn inside<'v>(object: &'v Object, path: &mut Vec<String>, found: &mut Vec<Candidate<'v>>) {
    for field in &object.fields {
        path.push(field.name.clone());
        let reachable = path.len() == 1 || path.iter().all(|name| !name.contains('.'));
        if reachable && field.values.times.range.is_some() {
            let (inferred, _) = infer(path, &field.values);
            if inferred.of == HiveType::Timestamp || inferred.computed.is_some() {
                found.push(Candidate { path: path.clone(), values: &field.values, inferred });
            }
        }
        if let Some(objects) = field.values.objects.as_ref().filter(|_| path.len() < 6) {
            inside(objects, path, found);
        }
        path.pop();
    }
}

/// Names of the time at which something happened, the surest first.
const EVENT: [&str; 20] = [
    "ts",
    "timestamp",
    "time",
    "datetime",
    "time_stamp",
    "date_time",
    "event_time",
    "eventtime",
    "event_timestamp",
    "eventtimestamp",
    "occurred_at",
    "logged_at",
    "log_time",
    "request_time",
    "request_timestamp",
    "time_local",
    "time_iso8601",
    "access_time",
    "start_time",
    "start",
];
/// Words in the names of other times.
const OTHER: [&str; 21] = [
    "expires",
    "expire",
    "expiry",
    "expiration",
    "exp",
    "modified",
    "updated",
    "end",
    "ended",
    "finished",
    "due",
    "birth",
    "birthday",
    "valid",
    "last",
    "previous",
    "next",
    "until",
    "nbf",
    "scheduled",
    "ingestion",
];

/// What a name says of a time.
fn by_name(name: &str) -> f64 {
    let name = snake(name);
    match EVENT.iter().position(|known| *known == name) {
        Some(place) => 15.0 - place as f64 * 0.25,
        None if name.split('_').any(|word| OTHER.contains(&word)) => -15.0,
        None => 0.0,
    }
}

/// The best of them, and why; the first where several are as good.
pub(super) fn choose<'v>(candidates: Vec<Candidate<'v>>, records: u64) -> Option<(Candidate<'v>, String)> {
    let scored = candidates.into_iter().filter_map(|candidate| Some((candidate.score(records)?, candidate)));
    let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best })?.1;
    let why = best.why(records);
    Some((best, why))
}

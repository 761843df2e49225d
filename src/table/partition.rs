//! Partition keys, their values from event time, and their Hive paths.
//!
//! | event time (UTC) | keys | path |
//! |---|---|---|
//! | 2026-11-20 03:59:59.999 | `dt = day` | `dt=2026-11-20` |
//! | 2026-11-20 03:59:59.999 | `dt = day, hour = hour` | `dt=2026-11-20/hour=03` |
//! | 2026-11-20 03:59:59.999 | `month = month` | `month=2026-11` |
//! | any | none | (empty) |

use chrono::{DateTime, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a partition key takes of the event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// `2026`
    Year,
    /// `2026-11`
    Month,
    /// `2026-11-20`
    Day,
    /// `03`: the hour of the day, so it needs a `day` key above it.
    Hour,
}

/// One partition key. Its values are strings in the catalog, so that every client prunes by them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionKey {
    /// The key's name in SQL and in paths.
    pub name: String,
    /// What it takes of the event time.
    pub transform: Transform,
}

impl PartitionKey {
    /// The key `dt` by day: the default, and that of every rejected table.
    pub fn by_day() -> Self {
        PartitionKey { name: "dt".into(), transform: Transform::Day }
    }

    /// This key's value for an event time.
    pub fn value(&self, time: DateTime<Utc>) -> String {
        let format = match self.transform {
            Transform::Year => "%Y",
            Transform::Month => "%Y-%m",
            Transform::Day => "%Y-%m-%d",
            Transform::Hour => "%H",
        };
        time.format(format).to_string()
    }
}

/// One partition of a table, known by its Hive path (`dt=2026-11-20/hour=03`); empty for a table without keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Partition(String);

impl Partition {
    /// The partition that an event at `time` belongs to.
    pub fn of(keys: &[PartitionKey], time: DateTime<Utc>) -> Self {
        let path: Vec<String> = keys.iter().map(|key| format!("{}={}", key.name, key.value(time))).collect();
        Partition(path.join("/"))
    }

    /// When the newest event that belongs to it can have happened: the beginning of what comes after it. `None` for a table
    /// without keys, and for values that these keys did not make.
    pub fn end(&self, keys: &[PartitionKey]) -> Option<DateTime<Utc>> {
        let values = self.values();
        let value =
            |transform| keys.iter().zip(&values).find(|(key, _)| key.transform == transform).map(|(_, value)| *value);
        let date = |text: String| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
        let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
        let next = |months| move |date: NaiveDate| date.checked_add_months(Months::new(months)).map(midnight);
        match (value(Transform::Day), value(Transform::Hour), value(Transform::Month), value(Transform::Year)) {
            (Some(day), Some(hour), ..) => midnight(date(day.into())?)
                .checked_add_signed(TimeDelta::hours(hour.parse::<u8>().ok()?.into()) + TimeDelta::hours(1)),
            (Some(day), ..) => midnight(date(day.into())?).checked_add_signed(TimeDelta::days(1)),
            (_, _, Some(month), _) => date(format!("{month}-01")).and_then(next(1)),
            (.., Some(year)) => date(format!("{year}-01-01")).and_then(next(12)),
            _ => None,
        }
    }

    /// The Hive path, without slashes at its ends.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The values in the order of the keys.
    pub fn values(&self) -> Vec<&str> {
        self.0.split('/').filter_map(|part| Some(part.split_once('=')?.1)).collect()
    }
}

impl From<&str> for Partition {
    fn from(path: &str) -> Self {
        Partition(path.trim_matches('/').to_owned())
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(the whole table)" } else { &self.0 })
    }
}

/// Which of a table's two sets of files: its rows, or what could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileSet {
    /// `<table>`: folder `data/`.
    Data,
    /// `<table>_rejected`: folder `rejected/`.
    Rejected,
}

impl FileSet {
    /// Both, rows first.
    pub const BOTH: [FileSet; 2] = [FileSet::Data, FileSet::Rejected];

    /// The folder below the table's own.
    pub fn folder(self) -> &'static str {
        match self {
            FileSet::Data => "data",
            FileSet::Rejected => "rejected",
        }
    }

    /// The set that a path relative to the table's folder belongs to.
    pub fn of_path(path: &str) -> Self {
        if path.starts_with("rejected/") { FileSet::Rejected } else { FileSet::Data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_by_example() {
        let time = DateTime::parse_from_rfc3339("2026-11-20T03:59:59.999Z").unwrap().to_utc();
        let key = |name: &str, transform| PartitionKey { name: name.into(), transform };
        let cases: [(&[PartitionKey], &str); 4] = [
            (&[PartitionKey::by_day()], "dt=2026-11-20"),
            (&[PartitionKey::by_day(), key("hour", Transform::Hour)], "dt=2026-11-20/hour=03"),
            (&[key("y", Transform::Year), key("m", Transform::Month)], "y=2026/m=2026-11"),
            (&[], ""),
        ];
        for (keys, path) in cases {
            let partition = Partition::of(keys, time);
            assert_eq!(partition.path(), path);
            assert_eq!(partition.values().len(), keys.len());
        }
    }

    #[test]
    fn ends_by_example() {
        let time = DateTime::parse_from_rfc3339("2026-12-31T23:59:59.999Z").unwrap().to_utc();
        let key = |transform| PartitionKey { name: format!("{transform:?}"), transform };
        for (transforms, end) in [
            (&[Transform::Day][..], Some("2027-01-01T00:00:00Z")),
            (&[Transform::Day, Transform::Hour], Some("2027-01-01T00:00:00Z")),
            (&[Transform::Month], Some("2027-01-01T00:00:00Z")),
            (&[Transform::Year], Some("2027-01-01T00:00:00Z")),
            (&[], None),
        ] {
            let keys: Vec<PartitionKey> = transforms.iter().map(|transform| key(*transform)).collect();
            let ends = |time| Partition::of(&keys, time).end(&keys);
            assert_eq!(ends(time), end.map(|end| end.parse().unwrap()), "{transforms:?}");
            assert!(ends(time - TimeDelta::days(400)) < ends(time) || keys.is_empty());
        }
        let keys = [key(Transform::Day), key(Transform::Hour)];
        let end = Partition::of(&keys, "2026-11-20T03:59:00Z".parse().unwrap()).end(&keys);
        assert_eq!(end, Some("2026-11-20T04:00:00Z".parse().unwrap()));
        assert_eq!(Partition("Day=soon".into()).end(&[key(Transform::Day)]), None);
    }
}

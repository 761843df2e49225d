//! Partition keys, their values from event time or from a column, and their Hive paths.
//!
//! | event time (UTC) | keys | path |
//! |---|---|---|
//! | 2026-11-20 03:59:59.999 | `dt = day` | `dt=2026-11-20` |
//! | 2026-11-20 03:59:59.999 | `dt = day, hour = hour` | `dt=2026-11-20/hour=03` |
//! | 2026-11-20 03:59:59.999 | `month = month` | `month=2026-11` |
//! | any | none | (empty) |
//!
//! | value of the column | path |
//! |---|---|
//! | `eu-west-1` | `region=eu-west-1` |
//! | `a/b=c d` | `region=a%2Fb%3Dc%20d` |
//! | `café` | `region=café` |
//! | NULL, empty, or too long for a folder's name | `region=__HIVE_DEFAULT_PARTITION__` |

use super::types::HiveType;
use chrono::{DateTime, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// How Hive, and whoever reads its tables, writes a key that is NULL.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// A folder's name longer than this does not fit some disks, and S3 has 1,024 bytes for the whole key.
const LONGEST: usize = 200;

/// What a partition key takes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transform {
    /// Of the event time: `2026`
    Year,
    /// `2026-11`
    Month,
    /// `2026-11-20`
    Day,
    /// `03`: the hour of the day, so it needs a `day` key above it.
    Hour,
    /// The value of this column, as text.
    Identity(String),
}

impl Transform {
    /// Whether a column of this type can be a key: its values have one text each.
    pub(super) fn takes(of: &HiveType) -> bool {
        use HiveType::*;
        matches!(of, String | Bigint | Int | Smallint | Tinyint | Boolean | Date)
    }
}

/// One partition key. Its values are strings in the catalog, so that every client prunes by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionKey {
    /// The key's name in SQL and in paths.
    pub name: String,
    /// What it takes of a row.
    pub transform: Transform,
}

impl PartitionKey {
    /// The key `dt` by day: the default, and that of every rejected table.
    pub fn by_day() -> Self {
        PartitionKey { name: "dt".into(), transform: Transform::Day }
    }

    /// The column whose value it takes; `None` where it takes the event time.
    pub fn column(&self) -> Option<&str> {
        match &self.transform {
            Transform::Identity(column) => Some(column),
            _ => None,
        }
    }
}

/// One partition of a table, known by its Hive path (`dt=2026-11-20/hour=03`); empty for a table without keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Partition(String);

impl Partition {
    /// The partition of rows with this event time, whose keys are all of the event time.
    pub fn of(keys: &[PartitionKey], time: DateTime<Utc>) -> Self {
        Self::of_row(keys, time, |_| None)
    }

    /// The partition of a row with this event time; `column` gives the text of a key's column, `None` for NULL.
    pub fn of_row<'a>(
        keys: &[PartitionKey],
        time: DateTime<Utc>,
        mut column: impl FnMut(&str) -> Option<&'a str>,
    ) -> Self {
        Self::from_values(keys.iter().map(|key| {
            let format = match &key.transform {
                Transform::Year => "%Y",
                Transform::Month => "%Y-%m",
                Transform::Day => "%Y-%m-%d",
                Transform::Hour => "%H",
                Transform::Identity(of) => return (key.name.as_str(), column(of).unwrap_or_default().to_owned()),
            };
            (key.name.as_str(), time.format(format).to_string())
        }))
    }

    /// The partition with these keys and values.
    pub fn from_values<'a>(values: impl Iterator<Item = (&'a str, String)>) -> Self {
        let path: Vec<String> = values.map(|(key, value)| format!("{key}={}", escaped(&value))).collect();
        Partition(path.join("/"))
    }

    /// When the newest event that belongs to it can have happened: the beginning of what comes after it. `None` for a table
    /// without keys, and for values that these keys did not make.
    pub fn end(&self, keys: &[PartitionKey]) -> Option<DateTime<Utc>> {
        let values = self.values();
        let value = |transform| {
            keys.iter().zip(&values).find(|(key, _)| key.transform == transform).map(|(_, value)| value.as_str())
        };
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

    /// The values in the order of the keys, as catalogs have them; a key that is NULL is [`NULL_PARTITION`].
    pub fn values(&self) -> Vec<String> {
        self.0.split('/').filter_map(|part| Some(unescaped(part.split_once('=')?.1))).collect()
    }
}

/// Hive's escapes, `%2F` for `/`, of every ASCII character that a path, a URL or a shell takes for something else.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c.is_ascii_alphanumeric() || !c.is_ascii() || matches!(c, '-' | '_' | '.') {
            true => out.push(c),
            false => _ = write!(out, "%{:02X}", u32::from(c)), // writing to a String cannot fail
        }
    }
    if out.is_empty() || out.len() > LONGEST { NULL_PARTITION.into() } else { out }
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok()).filter(u8::is_ascii) {
            Some(code) => out.extend([char::from(code)].into_iter().chain(part[2..].chars())),
            None => out.extend(['%'].into_iter().chain(part.chars())),
        }
    }
    out
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
        let key = |transform: Transform| PartitionKey { name: format!("{transform:?}"), transform };
        for (transforms, end) in [
            (&[Transform::Day][..], Some("2027-01-01T00:00:00Z")),
            (&[Transform::Day, Transform::Hour], Some("2027-01-01T00:00:00Z")),
            (&[Transform::Month], Some("2027-01-01T00:00:00Z")),
            (&[Transform::Year], Some("2027-01-01T00:00:00Z")),
            (&[], None),
        ] {
            let keys: Vec<PartitionKey> = transforms.iter().map(|transform| key(transform.clone())).collect();
            let ends = |time| Partition::of(&keys, time).end(&keys);
            assert_eq!(ends(time), end.map(|end| end.parse().unwrap()), "{transforms:?}");
            assert!(ends(time - TimeDelta::days(400)) < ends(time) || keys.is_empty());
        }
        let keys = [key(Transform::Day), key(Transform::Hour)];
        let end = Partition::of(&keys, "2026-11-20T03:59:00Z".parse().unwrap()).end(&keys);
        assert_eq!(end, Some("2026-11-20T04:00:00Z".parse().unwrap()));
        assert_eq!(Partition("Day=soon".into()).end(&[key(Transform::Day)]), None);
    }

    #[test]
    fn values_of_columns_by_example() {
        let keys = [
            PartitionKey { name: "region".into(), transform: Transform::Identity("from".into()) },
            PartitionKey::by_day(),
        ];
        let of = |value: Option<&'static str>| Partition::of_row(&keys, DateTime::UNIX_EPOCH, |_| value);
        for (value, folder) in [
            ("eu-west-1", "eu-west-1"),
            ("a/b=c d", "a%2Fb%3Dc%20d"),
            ("100%", "100%25"),
            ("caf\u{e9} \u{1f600}\n", "caf\u{e9}%20\u{1f600}%0A"),
            ("..", ".."),
            ("%41%zz%", "%2541%25zz%25"),
        ] {
            assert_eq!(of(Some(value)).path(), format!("region={folder}/dt=1970-01-01"));
            assert_eq!(of(Some(value)).values(), [value, "1970-01-01"]);
        }
        let long: &'static str = "x".repeat(201).leak();
        for value in [None, Some(""), Some(long)] {
            assert_eq!(of(value).values(), [NULL_PARTITION, "1970-01-01"]);
        }
        assert_eq!(of(None).end(&keys), Some("1970-01-02T00:00:00Z".parse().unwrap()));
        assert_eq!(Partition::from("a=%é/b=%2").values(), ["%é", "%2"]);
    }
}

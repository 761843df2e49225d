//! What a Firehose key says: when the object was delivered.
//!
//! | key below the landing prefix | delivery time |
//! |---|---|
//! | `…/web-1-2026-11-20-03-15-42-0f8fad5b-….gz` | 03:15:42, of the name, which Firehose always ends so |
//! | `2026/11/20/03/x`, `dt=2026-11-20/hour=03/x`, … | 03:00:00, of the [date folders](super::folders) |
//! | `dt=2026-11-20/x`, `2026/11/x`, … | LastModified, and at the latest the last second of that day or month |
//! | `x` | LastModified |
//!
//! It is the arrival of the *oldest* record in the object; event time is another thing. A stream may have a time zone of its
//! own, which its keys do not tell: what they say is up to 14 hours ahead of UTC, or 12 behind. Nothing is delivered
//! after it was last modified, so a time that a zone puts after that gives way to it.
//!
//! The places of objects in the ledger's checkpoints follow from [`said_time`]: what it says of a URL must stay so in every
//! version.

use super::folders::{Said, of_folders};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// How far a time zone can put a key's time after UTC.
pub(super) const AHEAD: TimeDelta = TimeDelta::hours(14);

/// What stands in an object's URL after the URL of a landing prefix; `None` where it is not below that.
pub fn below<'a>(landing: &str, url: &'a str) -> Option<&'a str> {
    match landing.strip_suffix('*') {
        Some(beginning) => url.strip_prefix(beginning),
        None => url.strip_prefix(landing.trim_end_matches('/'))?.strip_prefix('/'),
    }
}

/// The time that a key or a URL says by itself; `None` where it says none. Of a day or a month, its beginning.
pub fn said_time(key: &str) -> Option<DateTime<Utc>> {
    said(key).map(|said| said.from)
}

/// When an object was delivered: by its key, as far as that says it, else when it was last modified.
pub fn delivered(key: &str, last_modified: DateTime<Utc>) -> DateTime<Utc> {
    let Some(said) = said(key) else { return last_modified };
    // Further ahead than by any zone: the object's time is none of a delivery, or the clocks disagree.
    let explained = said.from - last_modified <= AHEAD;
    match said.is_exact() {
        true if explained => said.from.min(last_modified),
        false if explained => last_modified.min(said.to - TimeDelta::seconds(1)),
        _ => said.from,
    }
}

/// The span of time that a key says, as exact as it can be had.
pub(super) fn said(key: &str) -> Option<Said> {
    let (folders, name) = key.rsplit_once('/').unwrap_or(("", key));
    of_name(name).or_else(|| of_folders(folders))
}

/// `<stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid>…`: the uuid begins with eight hex digits and a dash.
fn of_name(name: &str) -> Option<Said> {
    let parts: Vec<&str> = name.split('-').collect();
    let from = parts.windows(7).rev().find_map(|window| {
        let uuid = window[6].len() == 8 && window[6].bytes().all(|b| b.is_ascii_hexdigit());
        uuid.then(|| of_parts(&window[..6])).flatten()
    })?;
    Some(Said { from, to: from + TimeDelta::seconds(1) })
}

/// Four digits, then pairs: year, month, day, hour, minute, second.
fn of_parts(parts: &[&str]) -> Option<DateTime<Utc>> {
    let number = |at: usize, digits: usize| -> Option<u32> {
        let part = parts[at];
        (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let date = NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(1, 2)?, number(2, 2)?)?;
    Some(date.and_hms_opt(number(3, 2)?, number(4, 2)?, number(5, 2)?)?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    fn time(text: &str) -> DateTime<Utc> {
        format!("{text}Z").parse().unwrap()
    }

    /// What a key says, and when an object of that key was delivered that was last modified an hour after.
    #[test]
    fn keys_by_example() {
        let name = format!("web-access-12-2026-11-20-03-15-42-{UUID}.gz");
        let cases = [
            // the name that Firehose gives, whatever the folders
            (name.clone(), Some("2026-11-20T03:15:42")),
            (format!("2026/11/20/03/{name}"), Some("2026-11-20T03:15:42")),
            (format!("2026/11/{name}"), Some("2026-11-20T03:15:42")),
            (format!("customer=7/{name}"), Some("2026-11-20T03:15:42")),
            (format!("customer=20240115/{name}"), Some("2026-11-20T03:15:42")),
            // folders with the hour
            ("2026/11/20/03/part.gz".into(), Some("2026-11-20T03:00:00")),
            ("2026/1/5/3/part.gz".into(), Some("2026-01-05T03:00:00")),
            ("year=2026/month=11/day=20/hour=03/x".into(), Some("2026-11-20T03:00:00")),
            ("y=2026/mm=11/d=20/hr=03/x".into(), Some("2026-11-20T03:00:00")),
            ("dt=2026-11-20/hour=03/x".into(), Some("2026-11-20T03:00:00")),
            ("dt=2026-11-20/03/x".into(), Some("2026-11-20T03:00:00")),
            ("dt=2026-11-20-03/x".into(), Some("2026-11-20T03:00:00")),
            ("2026-11-20-03/x".into(), Some("2026-11-20T03:00:00")),
            ("2026112003/x".into(), Some("2026-11-20T03:00:00")),
            ("date=2026_11_20/h=3/x".into(), Some("2026-11-20T03:00:00")),
            ("2026-11/20/03/x".into(), Some("2026-11-20T03:00:00")),
            // others before and after them
            ("eu/2026/11/20/03/deep/part.gz".into(), Some("2026-11-20T03:00:00")),
            ("customer=7/2026/11/20/03/x".into(), Some("2026-11-20T03:00:00")),
            ("customer=2024/2026/11/20/03/x".into(), Some("2026-11-20T03:00:00")),
            ("logs2026/11/20/03/x".into(), Some("2026-11-20T03:00:00")),
            ("web/access-2026/11/20/03/x".into(), Some("2026-11-20T03:00:00")),
            ("s3://bucket/web/2026/11/20/03/x".into(), Some("2026-11-20T03:00:00")),
            ("2026/11/20/03/v=2021-05/x".into(), Some("2026-11-20T03:00:00")),
            // days and months
            ("dt=2026-11-20/x".into(), Some("2026-11-20T00:00:00")),
            ("date=20261120/x".into(), Some("2026-11-20T00:00:00")),
            ("20261120/x".into(), Some("2026-11-20T00:00:00")),
            ("logs-2026-11-20/x".into(), Some("2026-11-20T00:00:00")),
            ("2026/11/20/part.gz".into(), Some("2026-11-20T00:00:00")),
            ("dt=2026-11-20/region=03/x".into(), Some("2026-11-20T00:00:00")),
            ("2026/11/20/24/x".into(), Some("2026-11-20T00:00:00")),
            ("year=2026/month=11/x".into(), Some("2026-11-01T00:00:00")),
            ("month=2026-11/x".into(), Some("2026-11-01T00:00:00")),
            ("2026/11/31/03/x".into(), Some("2026-11-01T00:00:00")),
            // no time
            ("part.gz".into(), None),
            ("2026/part.gz".into(), None),
            ("year=2026/x".into(), None),
            ("2026/13/20/03/part.gz".into(), None),
            ("1999/11/20/03/x".into(), None),
            ("12026/11/20/x".into(), None),
            ("202611/x".into(), None),
            ("customer=20240115/x".into(), None),
            ("20/11/2026/x".into(), None),
            ("dt=2026-11-20".into(), None),
            ("year=2026/customer=7/month=11/day=20/x".into(), None),
        ];
        for (key, expected) in cases {
            assert_eq!(said_time(&key), expected.map(time), "{key}");
        }
    }

    #[test]
    fn delivery_times_by_example() {
        let tokyo = format!("2026/11/20/12/web-1-2026-11-20-12-15-42-{UUID}");
        let cases = [
            ("2026/11/20/03/x", "2026-11-20T03:16:00", "2026-11-20T03:00:00"),
            ("2026/11/20/03/x", "2027-01-01T00:00:00", "2026-11-20T03:00:00"), // a copy
            (&tokyo, "2026-11-20T03:20:00", "2026-11-20T03:20:00"),
            (&tokyo, "2026-11-19T03:20:00", "2026-11-20T12:15:42"), // no zone is a day ahead
            ("dt=2026-11-20/x", "2026-11-20T15:00:00", "2026-11-20T15:00:00"),
            ("dt=2026-11-20/x", "2026-12-24T15:00:00", "2026-11-20T23:59:59"),
            ("dt=2026-11-20/x", "2026-11-19T16:00:00", "2026-11-19T16:00:00"), // in Tokyo it is the 20th
            ("dt=2026-11-20/x", "2026-11-01T00:00:00", "2026-11-20T00:00:00"),
            ("2026/11/x", "2027-01-01T00:00:00", "2026-11-30T23:59:59"),
            ("x", "2027-01-01T00:00:00", "2027-01-01T00:00:00"),
        ];
        for (key, last_modified, expected) in cases {
            assert_eq!(delivered(key, time(last_modified)), time(expected), "{key} {last_modified}");
        }
    }
}

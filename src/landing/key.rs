//! What a Firehose key says: when the object was delivered.
//!
//! | key below the landing prefix | delivery time |
//! |---|---|
//! | `2026/11/20/03/web-1-2026-11-20-03-15-42-0f8fad5b-….gz` | 03:15:42, of the name |
//! | `2026/11/20/03/anything` | 03:00:00, of the folders |
//! | `anything` | none: LastModified is used instead |
//!
//! What a key says must stay what it says in every version: checkpoints of the ledger are searched by it.
//!
//! It is the arrival of the *oldest* record in the object, UTC; event time is another thing.

use chrono::{DateTime, NaiveDate, Utc};

/// The delivery time that a key says; `None` where it says none.
pub fn delivery_time(key: &str) -> Option<DateTime<Utc>> {
    let (folders, name) = key.rsplit_once('/').unwrap_or(("", key));
    of_name(name).or_else(|| of_folders(folders))
}

/// Whether the date folders `yyyy/MM/dd/HH/` stand right below the landing prefix: then keys sort by delivery hour, and
/// a listing can begin at one.
pub fn has_date_folders(relative_key: &str) -> bool {
    let parts: Vec<&str> = relative_key.splitn(5, '/').collect();
    parts.len() == 5 && of_parts(&parts[..4]).is_some()
}

/// `<stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid>…`: the uuid begins with eight hex digits and a dash.
fn of_name(name: &str) -> Option<DateTime<Utc>> {
    let parts: Vec<&str> = name.split('-').collect();
    parts.windows(7).rev().find_map(|window| {
        let uuid = window[6].len() == 8 && window[6].bytes().all(|b| b.is_ascii_hexdigit());
        uuid.then(|| of_parts(&window[..6])).flatten()
    })
}

/// The last run of four folders that is a date and an hour.
fn of_folders(folders: &str) -> Option<DateTime<Utc>> {
    let parts: Vec<&str> = folders.split('/').collect();
    parts.windows(4).rev().find_map(of_parts)
}

/// Four digits, then pairs: year, month, day, hour and, where they are there, minute and second.
fn of_parts(parts: &[&str]) -> Option<DateTime<Utc>> {
    let number = |at: usize, digits: usize| -> Option<u32> {
        let part = parts.get(at).copied().unwrap_or("00");
        (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let date = NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(1, 2)?, number(2, 2)?)?;
    Some(date.and_hms_opt(number(3, 2)?, number(4, 2)?, number(5, 2)?)?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_by_example() {
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let cases = [
            (format!("2026/11/20/03/web-1-2026-11-20-03-15-42-{uuid}.gz"), Some("2026-11-20T03:15:42")),
            (format!("web-access-12-2026-11-20-03-15-42-{uuid}"), Some("2026-11-20T03:15:42")),
            ("2026/11/20/03/part.gz".into(), Some("2026-11-20T03:00:00")),
            ("eu/2026/11/20/03/deep/part.gz".into(), Some("2026-11-20T03:00:00")),
            ("2026/13/20/03/part.gz".into(), None),
            ("2026/11/20/part.gz".into(), None),
            ("part.gz".into(), None),
        ];
        for (key, expected) in cases {
            let time = delivery_time(&key).map(|t| t.format("%Y-%m-%dT%H:%M:%S").to_string());
            assert_eq!(time.as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn date_folders_only_count_right_below_the_prefix() {
        assert!(has_date_folders("2026/11/20/03/x"));
        assert!(!has_date_folders("eu/2026/11/20/03/x") && !has_date_folders("2026/11/20/x"));
    }
}

//! Folders that say a date, in the ways in which prefixes of Firehose streams write it, and which of them a listing may skip.
//!
//! Year, month, day and hour follow each other, each in a folder of its own or several in one: `2026/11/20/03/`,
//! `year=2026/month=11/day=20/hour=03/`, `dt=2026-11-20/hour=03/`, `date=20261120/`, `dt=2026-11-20-03/`. What stands before a
//! `=` must fit: an id is no date, however it looks.

use super::key::{AHEAD, said};
use chrono::{DateTime, Months, NaiveDate, TimeDelta, Utc};

/// What keys say of the time of an object: somewhere in this span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) from: DateTime<Utc>,
    /// The first moment after it.
    pub(super) to: DateTime<Utc>,
}

impl Said {
    /// To the hour, or better: the rest is less than what an unknown time zone makes.
    pub(super) fn is_exact(self) -> bool {
        self.to - self.from <= TimeDelta::hours(1)
    }

    /// Whether both may say the same moment, be it in different time zones.
    fn agrees(self, other: Said) -> bool {
        self.from < other.to + AHEAD && other.from < self.to + AHEAD
    }
}

/// Date folders that follow each other.
#[derive(Debug, Clone, Default)]
struct Dates {
    /// Year, month, day and hour, as far as they are known.
    fields: Vec<u32>,
    /// The folders with `%Y`, `%m`, `%d` and `%H` in place of the numbers.
    pattern: String,
}

/// Each field's sign, and with what the word before a `=` begins that may stand for it alone.
const FIELDS: [(&str, char); 4] = [("%Y", 'y'), ("%m", 'm'), ("%d", 'd'), ("%H", 'h')];
/// Years that are believed to be some.
const YEARS: std::ops::Range<u32> = 2000..2200;
const SEPARATORS: [char; 3] = ['-', '_', '.'];

impl Dates {
    /// The date folders from the first of these on, as far as they are some.
    fn read<'a>(folders: impl Iterator<Item = &'a str>) -> Self {
        let mut dates = Dates::default();
        folders.into_iter().all(|folder| dates.push(folder));
        dates
    }

    /// Takes one more folder in; false where it does not go on with the date.
    fn push(&mut self, folder: &str) -> bool {
        let (word, value) = folder.rsplit_once('=').map_or((None, folder), |(word, value)| (Some(word), value));
        let Some((numbers, separator)) = self.numbers(value) else { return false };
        let joined = numbers.len() > 1 && separator.is_none();
        let before = self.fields.len();
        if word.is_some_and(|word| !fits(word, before, numbers.len(), joined)) {
            return false;
        }
        self.fields.extend(&numbers);
        let valid = self.said().is_some();
        if !valid {
            self.fields.truncate(before);
            return false;
        }
        let signs: Vec<&str> = FIELDS[before..self.fields.len()].iter().map(|(sign, _)| *sign).collect();
        let signs = signs.join(&separator.map(String::from).unwrap_or_default());
        self.pattern += &word.map(|word| format!("{word}=")).unwrap_or_default();
        self.pattern += &format!("{signs}/");
        true
    }

    /// The numbers in a folder's name that come next, and what separates them: `20261120`, or of fields apart.
    fn numbers(&self, value: &str) -> Option<(Vec<u32>, Option<char>)> {
        let first = self.fields.len();
        let joined = first == 0 && matches!(value.len(), 8 | 10) && value.bytes().all(|b| b.is_ascii_digit());
        if joined {
            let ends = [(0, 4), (4, 6), (6, 8), (8, 10)].into_iter().take_while(|(_, to)| *to <= value.len());
            return Some((ends.map(|(from, to)| value[from..to].parse().ok()).collect::<Option<_>>()?, None));
        }
        let separator = value.chars().find(|c| SEPARATORS.contains(c));
        let parts = value.split(|c| Some(c) == separator).enumerate();
        let numbers: Vec<u32> = parts.map(|(at, part)| number(part, first + at)).collect::<Option<_>>()?;
        (first + numbers.len() <= FIELDS.len()).then_some((numbers, separator))
    }

    fn said(&self) -> Option<Said> {
        let field = |at: usize, missing: u32| self.fields.get(at).copied().unwrap_or(missing);
        let year = self.fields.first().copied().filter(|year| YEARS.contains(year))?;
        let date = NaiveDate::from_ymd_opt(year as i32, field(1, 1), field(2, 1))?;
        let from = date.and_hms_opt(field(3, 0), 0, 0)?.and_utc();
        let to = match self.fields.len() {
            1 => from.checked_add_months(Months::new(12))?,
            2 => from.checked_add_months(Months::new(1))?,
            3 => from + TimeDelta::days(1),
            _ => from + TimeDelta::hours(1),
        };
        Some(Said { from, to })
    }
}

/// A number of so many digits as the field has: a year four, others two, or one.
fn number(part: &str, field: usize) -> Option<u32> {
    let fits = if field == 0 { part.len() == 4 } else { matches!(part.len(), 1 | 2) };
    (fits && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
}

/// Whether a `word=` may stand before these fields: `year=2026`, but not `customer=2026`. What is written as a date is
/// one under any name; eight digits are one where the name says so.
fn fits(word: &str, first: usize, fields: usize, joined: bool) -> bool {
    let word = word.to_ascii_lowercase();
    match fields {
        1 => word.starts_with(FIELDS[first].1),
        _ if joined => word.contains("date") || ["d", "dt", "ds", "day", "dh", "ymd", "ymdh"].contains(&&*word),
        _ => true,
    }
}

/// What the folders of a key say, wherever in it: the run of date folders that says most, of several the last. A year alone is
/// none: it may be any number. Text may stand before the year, such as in `logs2026/11/20/`.
pub(super) fn of_folders(folders: &str) -> Option<Said> {
    let folders: Vec<&str> = folders.split('/').collect();
    let runs = (0..folders.len()).filter_map(|from| {
        let plain = Dates::read(folders[from..].iter().copied());
        let begins = std::iter::once(without_text(folders[from])).chain(folders[from + 1..].iter().copied());
        let run = if plain.fields.is_empty() { Dates::read(begins) } else { plain };
        (run.fields.len() > 1).then_some(run)
    });
    runs.max_by_key(|run| run.fields.len())?.said()
}

/// A folder's name from the date on, where text ends before it. Digits joined may be anything then.
fn without_text(folder: &str) -> &str {
    let text = |c: char| !c.is_ascii_digit() && !SEPARATORS.contains(&c);
    let date = folder.rsplit(text).next().unwrap_or_default().trim_start_matches(SEPARATORS);
    match folder.contains('=') || date.len() > 4 && !date.contains(SEPARATORS) {
        true => "",
        false => date,
    }
}

/// How the date folders that stand right below a landing prefix are written, such as `dt=%Y-%m-%d/hour=%H/`; `None` where none
/// do, to the day at least, or what they say is not when the key says that the object was delivered.
pub fn layout(relative_key: &str) -> Option<String> {
    let (folders, _) = relative_key.rsplit_once('/')?;
    let dates = Dates::read(folders.split('/'));
    let agrees = dates.said()?.agrees(said(relative_key)?);
    (agrees && dates.fields.len() > 2).then_some(dates.pattern)
}

/// What a listing leaves out: the date folders right below the landing prefix that end before a time, where they are written
/// as those of objects that were compacted. Whatever else there is, it lists.
///
/// So nothing hangs on how folders sort, and a prefix whose stream writes other folders from some day on loses none.
#[derive(Debug, Clone)]
pub struct Bound {
    before: DateTime<Utc>,
    layouts: Vec<String>,
}

/// How far an hour in a key can be behind the delivery, in the time zone that the stream has at that moment.
const BEHIND: TimeDelta = TimeDelta::hours(12);

impl Bound {
    /// Of date folders written in one of these layouts, those are left out that hold nothing which was delivered since `from`,
    /// in whatever time zone. `None` where no layout is known: then all must be listed.
    pub fn new(from: DateTime<Utc>, layouts: Vec<String>) -> Option<Self> {
        let before = from.checked_sub_signed(BEHIND)?;
        (!layouts.is_empty()).then_some(Bound { before, layouts })
    }

    /// Whether the key, or folder with its last slash, is in a folder that is left out. A year alone is not enough for that:
    /// any number looks like one.
    pub fn skips(&self, relative: &str) -> bool {
        let is_old = |dates: &Dates| {
            dates.fields.len() > 1 && self.knows(dates) && dates.said().is_some_and(|said| said.to <= self.before)
        };
        self.levels(relative).any(|(dates, _)| is_old(&dates))
    }

    /// Whether the folder (with its last slash) has date folders in it of which some may be left out.
    pub(super) fn divides(&self, folder: &str) -> bool {
        let divides = |dates: Dates| {
            let finer = |layout: &String| layout.len() > dates.pattern.len() && layout.starts_with(&dates.pattern);
            self.layouts.iter().any(finer) && dates.said().is_some_and(|said| said.from < self.before)
        };
        let last = self.levels(folder).last();
        last.is_some_and(|(dates, length)| length == folder.len() && divides(dates)) && !self.skips(folder)
    }

    /// The date folders that a key begins with, each with those before it, and their length.
    fn levels(&self, relative: &str) -> impl Iterator<Item = (Dates, usize)> {
        let mut dates = Dates::default();
        let ends = relative.match_indices('/').map(|(at, _)| at);
        ends.scan(0, move |from, at| {
            let folder = &relative[std::mem::replace(from, at + 1)..at];
            dates.push(folder).then(|| (dates.clone(), at + 1))
        })
    }

    fn knows(&self, dates: &Dates) -> bool {
        self.layouts.iter().any(|layout| layout.starts_with(&dates.pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(before: &str, layouts: &[&str]) -> Bound {
        let from = before.parse::<DateTime<Utc>>().unwrap() + BEHIND;
        Bound::new(from, layouts.iter().map(|layout| (*layout).to_owned()).collect()).unwrap()
    }

    #[test]
    fn layouts_by_example() {
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let cases = [
            ("2026/11/20/03/x".to_owned(), Some("%Y/%m/%d/%H/")),
            (format!("2026/11/20/03/web-1-2026-11-20-03-15-42-{uuid}"), Some("%Y/%m/%d/%H/")),
            ("2026/1/5/3/x".into(), Some("%Y/%m/%d/%H/")),
            ("2026/11/20/eu/x".into(), Some("%Y/%m/%d/")),
            ("year=2026/month=11/day=20/hour=03/x".into(), Some("year=%Y/month=%m/day=%d/hour=%H/")),
            ("dt=2026-11-20/hour=03/x".into(), Some("dt=%Y-%m-%d/hour=%H/")),
            ("dt=2026-11-20-03/x".into(), Some("dt=%Y-%m-%d-%H/")),
            ("date=20261120/x".into(), Some("date=%Y%m%d/")),
            ("eu/2026/11/20/03/x".into(), None),
            ("customer=7/2026/11/20/03/x".into(), None),
            ("2026/11/x".into(), None),
            ("x".into(), None),
            // ids that look like a date, where the key knows better
            (format!("20240115/web-1-2026-11-20-03-15-42-{uuid}"), None),
            ("20240115/2026/11/20/03/x".into(), None),
        ];
        for (key, expected) in cases {
            assert_eq!(layout(&key).as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn what_a_bound_skips() {
        let hours = bound("2026-11-17T09:00:00Z", &["%Y/%m/%d/%H/", "dt=%Y-%m-%d/"]);
        for key in ["2026/11/17/08/x", "2026/11/16/", "2026/2/x", "2025/12/31/23/x", "dt=2026-11-16/hour=23/x"] {
            assert!(hours.skips(key), "{key}");
        }
        let listed = [
            "2026/11/17/09/x",
            "2026/11/17/x",
            "2026/11/18/00/x",
            "2027/01/01/00/x",
            "dt=2026-11-17/x",
            "day=2026-11-01/x", // a layout of which nothing was compacted
            "2026-11-01/x",
            "eu/2026/11/01/00/x",
            "2024/2026/11/20/03/x",
            "2024/x",
            "x",
        ];
        for key in listed {
            assert!(!hours.skips(key), "{key}");
        }
        let divided = ["2026/", "2026/11/", "2026/11/17/", "2025/"];
        assert!(divided.iter().all(|folder| hours.divides(folder)));
        let whole = ["2027/", "2026/10/", "2026/11/18/", "2026/11/17/08/", "2026/11/17/09/", "2026/11/17/eu/", "eu/"];
        assert!(!hours.divides("dt=2026-11-17/"));
        assert!(!whole.iter().any(|folder| hours.divides(folder)));
    }
}

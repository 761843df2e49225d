//! What is known of a field's values as times. Each format is one that a schema file may have, compiled by the decoder.

use crate::decode::TimeFormat;
use crate::error::{Error, Result};
use chrono_tz::Tz;

/// A way of writing a time that is looked for.
#[derive(Debug)]
pub(super) struct Known {
    /// As schema files have it.
    pub(super) format: &'static str,
    /// A day without a time of it.
    pub(super) day: bool,
    /// Whether it carries an offset; `None`: some values do.
    pub(super) offset: Option<bool>,
    /// Only where the field's name says that it is a time: other numbers look the same.
    pub(super) by_name: bool,
}

const fn time(format: &'static str, offset: bool) -> Known {
    Known { format, day: false, offset: Some(offset), by_name: false }
}

const fn day(format: &'static str) -> Known {
    Known { format, day: true, offset: Some(false), by_name: false }
}

/// In the order in which they are tried, and in which a schema has several.
pub(super) const KNOWN: [Known; 29] = [
    Known { format: "iso8601", day: false, offset: None, by_name: false },
    time("%d/%b/%Y:%H:%M:%S %z", true),
    time("[%d/%b/%Y:%H:%M:%S %z]", true),
    time("%d/%b/%Y:%H:%M:%S", false),
    time("[%d/%b/%Y:%H:%M:%S]", false),
    time("%Y-%m-%d %H:%M:%S%.f %z", true),
    time("%Y-%m-%d %H:%M:%S%.f UTC", true),
    time("%Y-%m-%d %H:%M:%S,%f", false),
    time("%Y-%m-%dT%H:%M%z", true),
    time("%Y-%m-%dT%H:%M", false),
    time("%Y-%m-%d %H:%M", false),
    time("%Y/%m/%d %H:%M:%S%.f", false),
    time("%Y/%m/%d %H:%M:%S%.f %z", true),
    time("%d %b %Y %H:%M:%S %z", true),
    time("%d %b %Y %H:%M:%S", false),
    time("%d-%b-%Y %H:%M:%S", false),
    time("%d.%m.%Y %H:%M:%S", false),
    time("%d/%m/%Y %H:%M:%S", false),
    time("%m/%d/%Y %H:%M:%S", false),
    time("%Y%m%dT%H%M%S%.f%z", true),
    Known { format: "%Y%m%d%H%M%S", day: false, offset: Some(false), by_name: true },
    day("%Y-%m-%d"),
    day("%Y/%m/%d"),
    day("%d.%m.%Y"),
    day("%d/%b/%Y"),
    day("%d/%m/%Y"),
    day("%m/%d/%Y"),
    Known { format: "%Y%m%d", day: true, offset: Some(false), by_name: true },
    Known { format: "%b %d %Y %H:%M:%S", day: false, offset: Some(false), by_name: false },
];

/// Pairs of places in [`KNOWN`] that differ in which of two numbers is the day.
const DAY_OR_MONTH: [(usize, usize); 2] = [(17, 18), (25, 26)];

/// Units of an epoch, each with what one of it is of a millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Epoch {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl Epoch {
    pub(super) const ALL: [Epoch; 4] = [Epoch::Seconds, Epoch::Millis, Epoch::Micros, Epoch::Nanos];

    pub(super) fn word(self) -> &'static str {
        ["seconds", "milliseconds", "microseconds", "nanoseconds"][self as usize]
    }

    /// The value in milliseconds, where it is a time of the years 2000 to 2099.
    fn millis(self, value: f64) -> Option<i64> {
        let millis = value * [1e3, 1.0, 1e-3, 1e-6][self as usize];
        (946_684_800_000.0..4_102_444_800_000.0).contains(&millis).then_some(millis as i64)
    }
}

/// Every known format, compiled.
#[derive(Debug)]
pub(super) struct Formats(Vec<TimeFormat>);

impl Formats {
    pub(super) fn compile() -> Result<Self> {
        let compile = |known: &Known| TimeFormat::compile(known.format).map_err(Error::internal);
        KNOWN.iter().map(compile).collect::<Result<_>>().map(Formats)
    }

    fn millis(&self, at: usize, text: &str) -> Option<i64> {
        self.0[at].millis(text.as_bytes(), Tz::UTC)
    }
}

/// How many of a field's values are times, and which.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// Values that were looked at.
    tried: u64,
    /// By place in [`KNOWN`]: values that it is the first to read.
    pub(super) first: Vec<u64>,
    /// By pair of [`DAY_OR_MONTH`]: values that either reads.
    either: [u64; DAY_OR_MONTH.len()],
    /// Of what `iso8601` reads: values without an offset.
    pub(super) local: u64,
    /// Numbers that are a time since 1970, by unit.
    pub(super) epochs: [u64; 4],
    /// Times that people read and no format does: with the day of the week, or without a year.
    pub(super) unread: u64,
    /// Milliseconds UTC, of all that are times.
    pub(super) range: Option<(i64, i64)>,
    pub(super) lags: Lags,
}

/// Values of one field that are tried before it is given up: none of them is a time.
const PATIENCE: u64 = 200;

impl Times {
    /// Counts one value of an object that was delivered then, milliseconds UTC.
    pub(super) fn observe(&mut self, formats: &Formats, text: &str, delivered: Option<i64>) {
        self.tried += 1;
        if self.tried > PATIENCE && self.range.is_none() && self.unread == 0 {
            return;
        }
        let found = self.written(formats, text).or_else(|| self.counted(text));
        match found {
            Some(millis) => {
                let (low, high) = self.range.unwrap_or((millis, millis));
                self.range = Some((low.min(millis), high.max(millis)));
                self.lags.observe(millis, delivered);
            }
            None => self.unread += u64::from(looks_like_a_time(text)),
        }
    }

    fn written(&mut self, formats: &Formats, text: &str) -> Option<i64> {
        let begins = text.starts_with(|c: char| c.is_ascii_digit() || c == '[' || c.is_ascii_uppercase());
        if !begins || !(8..=40).contains(&text.len()) {
            return None;
        }
        let (at, millis) = (0..KNOWN.len()).find_map(|at| Some((at, formats.millis(at, text)?)))?;
        self.first.resize(KNOWN.len(), 0);
        self.first[at] += 1;
        self.local += u64::from(at == 0 && !text[10..].contains(['Z', 'z', '+', '-']));
        if let Some(pair) = DAY_OR_MONTH.iter().position(|(first, _)| *first == at) {
            self.either[pair] += u64::from(formats.millis(DAY_OR_MONTH[pair].1, text).is_some());
        }
        Some(millis)
    }

    fn counted(&mut self, text: &str) -> Option<i64> {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let value: f64 = text.parse().ok().filter(|_| plain && (9..=20).contains(&text.len()))?;
        Epoch::ALL.into_iter().find_map(|unit| {
            let millis = unit.millis(value).filter(|_| unit == Epoch::Seconds || !text.contains('.'))?;
            self.epochs[unit as usize] += 1;
            Some(millis)
        })
    }

    /// The formats that read at least `wanted` values together, as places in [`KNOWN`]; none where they do not.
    pub(super) fn formats(&self, wanted: u64, by_name: bool) -> Vec<usize> {
        let Some(first) = self.first.get(..KNOWN.len()) else { return Vec::new() };
        let usable = |at: &usize| first[*at] > 0 && (by_name || !KNOWN[*at].by_name);
        let mut found: Vec<usize> = (0..KNOWN.len()).filter(usable).collect();
        if found.iter().map(|at| first[*at]).sum::<u64>() < wanted {
            return Vec::new();
        }
        for (pair, (day, month)) in DAY_OR_MONTH.into_iter().enumerate() {
            let every = self.either[pair] == first[day];
            if first[month] > 0 && first[day] > 0 && every {
                found.retain(|at| *at != day); // read as the second means it, all of them are times
            }
        }
        found
    }

    /// Whether nothing tells which of two numbers is the day.
    pub(super) fn is_ambiguous(&self, formats: &[usize]) -> bool {
        let open = |(pair, (day, _)): (usize, &(usize, usize))| {
            formats.contains(day) && self.either[pair] == self.first.get(*day).copied().unwrap_or(0)
        };
        DAY_OR_MONTH.iter().enumerate().any(open)
    }

    /// The unit of an epoch that at least `wanted` values have.
    pub(super) fn epoch(&self, wanted: u64) -> Option<Epoch> {
        Epoch::ALL.into_iter().find(|unit| self.epochs[*unit as usize] >= wanted)
    }
}

fn looks_like_a_time(text: &str) -> bool {
    const NAMES: [&str; 19] = [
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
        "Oct", "Nov", "Dec",
    ];
    (12..=40).contains(&text.len()) && text.matches(':').count() >= 2 && NAMES.iter().any(|name| text.starts_with(name))
}

/// How long before their object's delivery some of the times are, in minutes.
#[derive(Debug, Default)]
pub(super) struct Lags {
    minutes: Vec<i32>,
    seen: u64,
    /// Every so many are kept.
    every: u64,
}

const MOST_LAGS: usize = 256;

impl Lags {
    fn observe(&mut self, millis: i64, delivered: Option<i64>) {
        let Some(delivered) = delivered else { return };
        self.every = self.every.max(1);
        if self.seen.is_multiple_of(self.every) {
            let minutes = delivered.saturating_sub(millis).div_euclid(60_000);
            self.minutes.push(minutes.clamp(i32::MIN.into(), i32::MAX.into()) as i32);
            if self.minutes.len() == MOST_LAGS {
                let mut at = 0_usize;
                self.minutes.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.every *= 2;
            }
        }
        self.seen += 1;
    }

    /// The median and the middle half's width, in minutes.
    pub(super) fn middle(&self) -> Option<(i32, i32)> {
        let mut sorted = self.minutes.clone();
        sorted.sort_unstable();
        let at = |share: usize| sorted.get(sorted.len() * share / 4).copied();
        Some((at(2)?, at(3)?.saturating_sub(at(1)?)))
    }

    /// Half hours by which the times seem to be ahead of UTC: they say so much more, or less, than their delivery, all alike.
    pub(super) fn half_hours_ahead(&self) -> Option<i32> {
        let (median, width) = self.middle()?;
        let ahead = -f64::from(median) / 30.0;
        let rounded = ahead.round() as i32;
        (width <= 20 && rounded != 0 && (-24..=28).contains(&rounded) && (ahead - f64::from(rounded)).abs() < 0.5)
            .then_some(rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(texts: &[&str]) -> Times {
        let (formats, mut times) = (Formats::compile().unwrap(), Times::default());
        texts.iter().for_each(|text| times.observe(&formats, text, None));
        times
    }

    #[test]
    fn formats_by_example() {
        for (texts, expected) in [
            (&["2026-11-20T10:00:00.123456", "2026-11-20 10:00:00"][..], &["iso8601"][..]),
            (&["2026-11-20T10:00:00Z", "2026-11-20T10:00:00.5+01:00"], &["iso8601"]),
            (&["20/May/2015:21:05:00 +0000"], &["%d/%b/%Y:%H:%M:%S %z"]),
            (&["[10/Oct/2000:13:55:36 -0700]"], &["[%d/%b/%Y:%H:%M:%S %z]"]),
            (&["02/Dec/2016:13:58:47"], &["%d/%b/%Y:%H:%M:%S"]),
            (&["2026-11-20 10:00:00,123"], &["%Y-%m-%d %H:%M:%S,%f"]),
            (&["2026-11-20 10:00:00 +0100"], &["%Y-%m-%d %H:%M:%S%.f %z"]),
            (&["2026-11-20 10:00:00.5 UTC"], &["%Y-%m-%d %H:%M:%S%.f UTC"]),
            (&["2026/11/20 10:00:00"], &["%Y/%m/%d %H:%M:%S%.f"]),
            (&["20 Nov 2026 10:00:00 +0000"], &["%d %b %Y %H:%M:%S %z"]),
            (&["20261120T100000Z"], &["%Y%m%dT%H%M%S%.f%z"]),
            (&["2026-11-20", "2026-11-21"], &["%Y-%m-%d"]),
            (&["2026-11-20T10:00:00", "20.11.2026 10:00:05"], &["iso8601", "%d.%m.%Y %H:%M:%S"]),
            (&["01/02/2026", "13/02/2026"], &["%d/%m/%Y"]),
            (&["01/02/2026", "02/13/2026"], &["%m/%d/%Y"]),
            (&["13/01/2026", "02/13/2026"], &["%d/%m/%Y", "%m/%d/%Y"]),
            (&["Fri, 20 Nov 2026 10:00:00 GMT"], &[]),
            (&["2026-11-20", "soon"], &[]),
            (&["20261120"], &[]),
        ] {
            let found = times(texts).formats(texts.len() as u64, false);
            let found: Vec<&str> = found.into_iter().map(|at| KNOWN[at].format).collect();
            assert_eq!(found, expected, "{texts:?}");
        }
        assert_eq!(times(&["20261120"]).formats(1, true).len(), 1);
        assert_eq!(times(&["Fri, 20 Nov 2026 10:00:00 GMT", "Nov 20 10:00:00"]).unread, 2);
        let open = times(&["01/02/2026"]);
        assert!(open.is_ambiguous(&open.formats(1, false)));
    }

    #[test]
    fn epochs_by_their_size() {
        for (text, unit) in [
            ("1795165230", Some(Epoch::Seconds)),
            ("1795165230.25", Some(Epoch::Seconds)),
            ("1795165230123", Some(Epoch::Millis)),
            ("1795165230123456", Some(Epoch::Micros)),
            ("1795165230123456789", Some(Epoch::Nanos)),
            ("17951652", None),
            ("123456789012", None),
        ] {
            assert_eq!(times(&[text]).epoch(1), unit, "{text}");
        }
    }

    #[test]
    fn a_local_clock_shows_in_what_lies_between_event_and_delivery() {
        let hour = 3_600_000;
        let ahead = |minutes: &[i64]| {
            let mut lags = Lags::default();
            minutes.iter().for_each(|minutes| lags.observe(100 * hour + minutes * 60_000, Some(100 * hour)));
            lags.half_hours_ahead()
        };
        assert_eq!(ahead(&[120, 121, 124]), Some(4));
        assert_eq!(ahead(&[-300, -299, -297]), Some(-10));
        assert_eq!(ahead(&[0, 1, 4]), None);
        assert_eq!(ahead(&[0, 120, 500]), None);
        assert_eq!(ahead(&[50_000, 50_001]), None);
        let many: Vec<i64> = (0..10_000).map(|n| 330 + n % 5).collect();
        assert_eq!(ahead(&many), Some(11));
    }
}

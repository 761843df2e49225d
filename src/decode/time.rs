//! Times and dates out of text, by strftime formats that are compiled once.
//!
//! Known directives: `%Y %m %d %b %H %M %S %f %.f %z %T %F %%`, and the whole formats `iso8601`, `epoch_s`, `epoch_ms`.
//! `%b` is English, in any case; `%z` is `+0130`, `+01:30` or `Z`; `%f` and `%.f` are one to nine digits of a second,
//! `%.f` with its dot and optional; second 60 is the next minute's first. Finer than a millisecond is cut off.

use chrono::offset::LocalResult;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// Directives and literal text.
    Pattern(Vec<Part>),
    /// Seconds since 1970, with or without a fraction.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(u8),
    Year,
    Month,
    MonthName,
    Day,
    Hour,
    Minute,
    Second,
    /// Digits of a second; with a dot before them, which may be missing together with them.
    Fraction {
        dot: bool,
    },
    Offset,
    /// An offset that may be missing.
    MaybeOffset,
    /// `T` or a space.
    DateTimeSeparator,
}

impl TimeFormat {
    pub(crate) fn compile(format: &str) -> Result<Self, String> {
        use Part::*;
        const ISO: [Part; 13] = [
            Year,
            Literal(b'-'),
            Month,
            Literal(b'-'),
            Day,
            DateTimeSeparator,
            Hour,
            Literal(b':'),
            Minute,
            Literal(b':'),
            Second,
            Fraction { dot: true },
            MaybeOffset,
        ];
        match format {
            "iso8601" => return Ok(TimeFormat::Pattern(ISO.into())),
            "epoch_s" => return Ok(TimeFormat::EpochSeconds),
            "epoch_ms" => return Ok(TimeFormat::EpochMillis),
            _ => {}
        }
        let (mut parts, mut bytes) = (Vec::new(), format.bytes());
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                parts.push(Literal(byte));
                continue;
            }
            match bytes.next() {
                Some(b'Y') => parts.push(Year),
                Some(b'm') => parts.push(Month),
                Some(b'd') => parts.push(Day),
                Some(b'b') => parts.push(MonthName),
                Some(b'H') => parts.push(Hour),
                Some(b'M') => parts.push(Minute),
                Some(b'S') => parts.push(Second),
                Some(b'f') => parts.push(Fraction { dot: false }),
                Some(b'.') if bytes.next() == Some(b'f') => parts.push(Fraction { dot: true }),
                Some(b'z') => parts.push(Offset),
                Some(b'T') => parts.extend([Hour, Literal(b':'), Minute, Literal(b':'), Second]),
                Some(b'F') => parts.extend([Year, Literal(b'-'), Month, Literal(b'-'), Day]),
                Some(b'%') => parts.push(Literal(b'%')),
                other => {
                    let directive = other.map(char::from).map(String::from).unwrap_or_default();
                    return Err(format!(
                        "the time format {format:?} has %{directive}, which firelake does not read; \
                        it reads %Y %m %d %b %H %M %S %f %.f %z %T %F %%, iso8601, epoch_s and epoch_ms"
                    ));
                }
            }
        }
        Ok(TimeFormat::Pattern(parts))
    }

    /// Milliseconds since 1970, UTC; `None` where `text` does not fit, or is no time of the years 1 to 9999, which is what
    /// every reader of the lake can show.
    pub(crate) fn millis(&self, text: &[u8], zone: Tz) -> Option<i64> {
        const YEARS_1_TO_9999: std::ops::Range<i64> = -62_135_596_800_000..253_402_300_800_000;
        let millis = match self {
            TimeFormat::EpochMillis => std::str::from_utf8(text).ok()?.parse().ok(),
            TimeFormat::EpochSeconds => epoch_seconds(std::str::from_utf8(text).ok()?),
            TimeFormat::Pattern(parts) => Fields::read(parts, text)?.millis(zone),
        };
        millis.filter(|millis| YEARS_1_TO_9999.contains(millis))
    }

    /// Days since 1970; the time of day, where the format has one, is dropped.
    pub(crate) fn days(&self, text: &[u8], zone: Tz) -> Option<i32> {
        match self {
            TimeFormat::Pattern(parts) => Fields::read(parts, text).filter(|fields| fields.year >= 1)?.days(),
            _ => i32::try_from(self.millis(text, zone)?.div_euclid(86_400_000)).ok(),
        }
    }
}

fn epoch_seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let millis: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let signed = if whole.starts_with('-') { -millis } else { millis };
    seconds.checked_mul(1000)?.checked_add(signed)
}

#[derive(Debug)]
struct Fields {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    millis: u32,
    offset_seconds: Option<i64>,
}

impl Fields {
    fn read(parts: &[Part], text: &[u8]) -> Option<Self> {
        let mut fields =
            Fields { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, millis: 0, offset_seconds: None };
        let mut rest = text;
        for part in parts {
            rest = fields.take(*part, rest)?;
        }
        rest.is_empty().then_some(fields)
    }

    #[inline]
    fn take<'a>(&mut self, part: Part, text: &'a [u8]) -> Option<&'a [u8]> {
        match part {
            Part::Literal(byte) => text.strip_prefix(&[byte]),
            Part::DateTimeSeparator => text.strip_prefix(b"T").or_else(|| text.strip_prefix(b" ")),
            Part::Year => digits(text, 4, |n| self.year = n as i32),
            Part::Month => digits(text, 2, |n| self.month = n),
            Part::MonthName => month_name(text, |n| self.month = n),
            Part::Day => digits(text, 2, |n| self.day = n),
            Part::Hour => digits(text, 2, |n| self.hour = n),
            Part::Minute => digits(text, 2, |n| self.minute = n),
            Part::Second => digits(text, 2, |n| self.second = n),
            Part::Fraction { dot: true } => match text.strip_prefix(b".") {
                Some(rest) => self.fraction(rest),
                None => Some(text),
            },
            Part::Fraction { dot: false } => self.fraction(text),
            Part::Offset => self.offset(text),
            Part::MaybeOffset => {
                if text.is_empty() {
                    Some(text)
                } else {
                    self.offset(text)
                }
            }
        }
    }

    fn fraction<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        let digit = |at: usize| text[..count].get(at).map_or(0, |b| u32::from(b - b'0'));
        self.millis = digit(0) * 100 + digit(1) * 10 + digit(2);
        Some(&text[count..])
    }

    fn offset<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(rest) = text.strip_prefix(b"Z").or_else(|| text.strip_prefix(b"z")) {
            self.offset_seconds = Some(0);
            return Some(rest);
        }
        let sign = match text.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (mut hours, mut minutes) = (0, 0);
        let rest = digits(&text[1..], 2, |n| hours = i64::from(n))?;
        let rest = digits(rest.strip_prefix(b":").unwrap_or(rest), 2, |n| minutes = i64::from(n))?;
        self.offset_seconds = (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60));
        self.offset_seconds.map(|_| rest)
    }

    fn days(&self) -> Option<i32> {
        days_from_civil(self.year, self.month, self.day)
    }

    fn millis(&self, zone: Tz) -> Option<i64> {
        if self.hour > 23 || self.minute > 59 || self.second > 60 {
            return None;
        }
        let of_day = i64::from(self.hour * 3600 + self.minute * 60 + self.second) * 1000 + i64::from(self.millis);
        let local = i64::from(self.days()?) * 86_400_000 + of_day;
        match self.offset_seconds {
            Some(offset) => Some(local - offset * 1000),
            None if zone == Tz::UTC => Some(local),
            None => in_zone(local, zone),
        }
    }
}

/// A local time's instant. Twice in the year it is not one: where clocks go back, the first of the two is meant; where
/// they go forward, the time that does not exist is read by the offset before the change.
fn in_zone(local_millis: i64, zone: Tz) -> Option<i64> {
    let local: NaiveDateTime = DateTime::from_timestamp_millis(local_millis)?.naive_utc();
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Some(time.timestamp_millis()),
        LocalResult::None => {
            let before = local.checked_sub_signed(TimeDelta::hours(3))?;
            let offset =
                zone.from_local_datetime(&before).earliest()?.timestamp_millis() - before.and_utc().timestamp_millis();
            Some(local_millis + offset)
        }
    }
}

#[inline]
fn digits(text: &[u8], count: usize, set: impl FnOnce(u32)) -> Option<&[u8]> {
    let (number, rest) = text.split_at_checked(count)?;
    let mut value = 0;
    for byte in number {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u32::from(byte - b'0');
    }
    set(value);
    Some(rest)
}

fn month_name(text: &[u8], set: impl FnOnce(u32)) -> Option<&[u8]> {
    const NAMES: &[u8; 36] = b"janfebmaraprmayjunjulaugsepoctnovdec";
    let (name, rest) = text.split_at_checked(3)?;
    let at = NAMES.chunks(3).position(|known| known.eq_ignore_ascii_case(name))?;
    set(at as u32 + 1);
    Some(rest)
}

/// Days since 1970-01-01 of a day of the Gregorian calendar.
fn days_from_civil(year: i32, month: u32, day: u32) -> Option<i32> {
    let date = NaiveDate::from_ymd_opt(year, month, day)?;
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::SecondsFormat;

    fn read(format: &str, text: &str, zone: &str) -> Option<String> {
        let millis = TimeFormat::compile(format).unwrap().millis(text.as_bytes(), zone.parse().unwrap())?;
        Some(DateTime::from_timestamp_millis(millis)?.to_rfc3339_opts(SecondsFormat::Millis, true))
    }

    #[test]
    fn times_by_example() {
        let apache = "%d/%b/%Y:%H:%M:%S %z";
        let cases = [
            (apache, "20/May/2015:21:05:00 +0000", "UTC", "2015-05-20T21:05:00.000Z"),
            (apache, "10/Oct/2000:13:55:36 -0700", "UTC", "2000-10-10T20:55:36.000Z"),
            (apache, "10/Oct/2000:13:55:36 +05:30", "UTC", "2000-10-10T08:25:36.000Z"),
            ("[%d/%b/%Y:%T %z]", "[29/Feb/2016:23:59:60 +0000]", "UTC", "2016-03-01T00:00:00.000Z"),
            ("%d/%b/%Y:%H:%M:%S", "02/Dec/2016:13:58:47", "Europe/Berlin", "2016-12-02T12:58:47.000Z"),
            ("iso8601", "2024-05-20T21:05:00.123999", "America/New_York", "2024-05-21T01:05:00.123Z"),
            ("iso8601", "2024-05-20 21:05:00", "UTC", "2024-05-20T21:05:00.000Z"),
            ("iso8601", "2024-05-20T21:05:00.5Z", "Asia/Tokyo", "2024-05-20T21:05:00.500Z"),
            ("epoch_ms", "1432155900123", "UTC", "2015-05-20T21:05:00.123Z"),
            ("epoch_s", "1432155900", "UTC", "2015-05-20T21:05:00.000Z"),
            ("epoch_s", "1432155900.25", "UTC", "2015-05-20T21:05:00.250Z"),
            // clocks go back: the first of the two; forward: by the offset before
            ("iso8601", "2024-10-27T02:30:00", "Europe/Berlin", "2024-10-27T00:30:00.000Z"),
            ("iso8601", "2024-03-31T02:30:00", "Europe/Berlin", "2024-03-31T01:30:00.000Z"),
        ];
        for (format, text, zone, expected) in cases {
            assert_eq!(read(format, text, zone).as_deref(), Some(expected), "{text} by {format} in {zone}");
        }
    }

    #[test]
    fn what_is_no_time_does_not_fit() {
        let apache = "%d/%b/%Y:%H:%M:%S %z";
        for text in [
            "",
            "5/May/2015:21:05:00 +0000",
            "20/September/2015:21:05:00 +0000",
            "31/Feb/2015:21:05:00 +0000",
            "20/May/2015:24:05:00 +0000",
            "20/May/2015:21:60:00 +0000",
            "20/May/2015:21:05:61 +0000",
            "20/May/2015:21:05:00",
            "20/May/2015:21:05:00 +0000 ",
            "20/May/2015:21:05:00 +9900",
            "２０/May/2015:21:05:00 +0000",
        ] {
            assert_eq!(read(apache, text, "UTC"), None, "{text}");
        }
        assert_eq!(read("epoch_ms", "9223372036854775807", "UTC"), None);
        assert_eq!(read("epoch_ms", "253402300799999", "UTC").as_deref(), Some("9999-12-31T23:59:59.999Z"));
        for text in ["1.", "x", "", "1.x", "99999999999999999999"] {
            assert_eq!(read("epoch_s", text, "UTC"), None, "{text}");
        }
    }

    #[test]
    fn an_unknown_directive_names_the_known_ones() {
        for format in ["%A", "%", "%.3f", "%e"] {
            assert!(TimeFormat::compile(format).unwrap_err().contains("iso8601"), "{format}");
        }
    }
}

//! A moment as people and programs write it.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

/// A moment: RFC 3339, or UTC to the hour or to the day, which mean the beginning of that hour or day.
///
/// | text | |
/// |---|---|
/// | `2026-11-20T03:15:00+01:00` | 02:15 UTC |
/// | `2026-11-20T03` | 03:00 UTC |
/// | `2026-11-20` | midnight UTC, at the beginning of the day |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub DateTime<Utc>);

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
        whole.or_else(|| to_the_hour(text)).map(Moment).ok_or_else(|| {
            format!("{text:?} is no moment; write it as 2026-11-20T03:15:00Z, 2026-11-20T03 or 2026-11-20")
        })
    }
}

fn to_the_hour(text: &str) -> Option<DateTime<Utc>> {
    let (day, hour) = text.split_once('T').unwrap_or((text, "00"));
    let hour: u8 = Some(hour)
        .filter(|hour| hour.len() == 2 && hour.bytes().all(|b| b.is_ascii_digit()))?
        .parse()
        .ok()
        .filter(|hour| *hour < 24)?;
    let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN).and_utc();
    day.checked_add_signed(TimeDelta::hours(hour.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_example() {
        for (text, moment) in [
            ("2026-11-20T03:15:00+01:00", "2026-11-20T02:15:00Z"),
            ("2026-11-20T03", "2026-11-20T03:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
        ] {
            assert_eq!(text.parse(), Ok(Moment(moment.parse().unwrap())), "{text}");
        }
        for wrong in ["", "3", "2026-11-20T24", "2026-11-20T3", "2026-11-31", "2026-11-20T03:15", "2026-11-20T+3"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}

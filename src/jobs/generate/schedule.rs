//! How many records fall into each minute, and when the servers fail. The pattern of the first day repeats every day.

use super::options::GenerateOptions;
use chrono::Timelike;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;
use std::ops::Range;

const DAY: u64 = 24 * 60;
const SURGE_MINUTES: u64 = 12;
const SURGE: f64 = 3.0;
const FAILURE_MINUTES: u64 = 8;

/// The records due by each minute from the start: a daily curve, quiet at 04:00 and busy at 16:00 UTC, with one surge.
pub(super) struct Schedule {
    records: u64,
    minutes: u64,
    /// What share of a day's weight lies before each of its minutes, not normalised; the last is the whole day's.
    before: Vec<f64>,
    failure: Range<u64>,
}

impl Schedule {
    pub(super) fn new(options: &GenerateOptions, rng: &mut ChaCha8Rng) -> Self {
        let minutes = u64::from(options.hours) * 60;
        let surge = window(rng, minutes, SURGE_MINUTES);
        let failure = window(rng, minutes, FAILURE_MINUTES);
        let first = u64::from(options.start.num_seconds_from_midnight() / 60);
        let mut sum = 0.0;
        let mut before = vec![sum];
        for minute in 0..DAY {
            sum += curve(first + minute) * if surge.contains(&minute) { SURGE } else { 1.0 };
            before.push(sum);
        }
        Schedule { records: options.records(), minutes, before, failure }
    }

    pub(super) fn minutes(&self) -> u64 {
        self.minutes
    }

    /// How many records have an event time in this minute.
    pub(super) fn records_in(&self, minute: u64) -> u64 {
        self.due(minute + 1) - self.due(minute)
    }

    /// Whether the servers answer badly in this minute.
    pub(super) fn failing(&self, minute: u64) -> bool {
        self.failure.contains(&(minute % DAY))
    }

    /// How many records come before this minute; all of them before the end.
    fn due(&self, minute: u64) -> u64 {
        (self.records as f64 * (self.weight(minute) / self.weight(self.minutes))).round() as u64
    }

    fn weight(&self, minute: u64) -> f64 {
        let day = self.before[DAY as usize];
        (minute / DAY) as f64 * day + self.before[(minute % DAY) as usize]
    }
}

fn curve(minute_of_day: u64) -> f64 {
    let quietest = 4.0 * 60.0;
    1.0 - 0.6 * (TAU * (minute_of_day as f64 - quietest) / DAY as f64).cos()
}

/// A stretch of minutes within the first day of the run.
fn window(rng: &mut ChaCha8Rng, minutes: u64, length: u64) -> Range<u64> {
    let start = rng.random_range(0..minutes.min(DAY) - length);
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn schedule(hours: u32, rate: f64) -> Schedule {
        let options = GenerateOptions { hours, rate, ..Default::default() };
        Schedule::new(&options, &mut ChaCha8Rng::seed_from_u64(7))
    }

    #[test]
    fn the_minutes_add_up_to_the_average_rate() {
        for (hours, rate) in [(1, 0.5), (1, 100.0), (24, 3.0), (31, 0.01), (700, 0.25)] {
            let schedule = schedule(hours, rate);
            let sum: u64 = (0..schedule.minutes()).map(|minute| schedule.records_in(minute)).sum();
            assert_eq!(sum, (rate * f64::from(hours) * 3600.0).round() as u64, "{hours} h at {rate}");
        }
    }

    #[test]
    fn afternoons_are_busier_than_nights_and_each_day_fails_once() {
        let schedule = schedule(48, 10.0);
        let hour = |hour: u64| (hour * 60..hour * 60 + 60).map(|m| schedule.records_in(m)).sum::<u64>();
        assert!(hour(16) > 2 * hour(4) && hour(40) > 2 * hour(28));
        assert_eq!((0..schedule.minutes()).filter(|&minute| schedule.failing(minute)).count(), 16);
    }
}

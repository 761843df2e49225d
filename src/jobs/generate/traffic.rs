//! Hits over time, in the order of their arrival at Firehose.

use super::options::GenerateOptions;
use super::schedule::Schedule;
use super::session::{Session, Visit};
use super::site::Agent;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// For so long an agent is cut off and then catches up in one go, where it is cut off at all.
const OUTAGE_SECONDS: i64 = 1800;

/// One record, before it has a form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    /// Event time, in seconds since 1970.
    pub(super) ts: i64,
    /// When it reaches Firehose.
    pub(super) arrival: i64,
    /// Whether that is in a later delivery hour for sure.
    pub(super) late: bool,
    pub(super) client: u32,
    pub(super) agent: Option<&'static Agent>,
    pub(super) user: Option<&'static str>,
    pub(super) visit: Visit,
}

/// The hits in the order of their arrival. It holds some seconds of traffic, and the late records of at most four hours.
pub(super) struct Traffic {
    schedule: Schedule,
    start: i64,
    /// Seconds from the start whose hits are drawn.
    drawn: i64,
    /// How many hits of the current minute come by the end of each of its seconds.
    minute: [u64; 60],
    sessions: Vec<Session>,
    /// The session of the last hit: sessions come in bursts.
    last: usize,
    arriving: BTreeMap<i64, Vec<Hit>>,
    arrived: std::vec::IntoIter<Hit>,
    late: f64,
    buffer_seconds: i64,
    seed: u64,
    rng: ChaCha8Rng,
    arrival_rng: ChaCha8Rng,
}

impl Traffic {
    pub(super) fn new(options: &GenerateOptions) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let mut arrival_rng = rng.clone();
        arrival_rng.set_stream(1); // so that another share of late records leaves the traffic as it is
        let at_once = (options.rate * 20.0).clamp(4.0, 512.0) as usize;
        Traffic {
            schedule: Schedule::new(options, &mut rng),
            start: options.start.timestamp(),
            drawn: 0,
            minute: [0; 60],
            sessions: (0..at_once).map(|_| Session::begin(&mut rng)).collect(),
            last: 0,
            arriving: BTreeMap::new(),
            arrived: Vec::new().into_iter(),
            late: options.late,
            buffer_seconds: i64::from(options.buffer_seconds),
            seed: options.seed,
            rng,
            arrival_rng,
        }
    }

    /// The next hit, which stays.
    pub(super) fn peek(&mut self) -> Option<&Hit> {
        while self.arrived.as_slice().is_empty() {
            self.arrived = self.next_second()?.into_iter();
        }
        self.arrived.as_slice().first()
    }

    /// The next hit, if it arrives before this time.
    pub(super) fn next_before(&mut self, time: i64) -> Option<Hit> {
        if self.peek()?.arrival < time { self.arrived.next() } else { None }
    }

    /// How many records are on their way.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.arrived.len() + self.arriving.values().map(Vec::len).sum::<usize>()
    }

    /// Whatever arrives in the next second in which anything does. A hit arrives after its event time, so once a second is
    /// drawn, no more will arrive in it.
    fn next_second(&mut self) -> Option<Vec<Hit>> {
        let end = self.schedule.minutes() as i64 * 60;
        while self.drawn < end {
            if let Some(next) = self.arriving.first_entry()
                && *next.key() <= self.start + self.drawn
            {
                return Some(next.remove());
            }
            self.draw_second();
        }
        self.arriving.pop_first().map(|(_, hits)| hits)
    }

    fn draw_second(&mut self) {
        let (minute, second) = (self.drawn as u64 / 60, self.drawn as usize % 60);
        if second == 0 {
            self.minute = spread(self.schedule.records_in(minute), &mut self.rng);
        }
        let before = if second == 0 { 0 } else { self.minute[second - 1] };
        let failing = self.schedule.failing(minute);
        for _ in before..self.minute[second] {
            let hit = self.draw(self.start + self.drawn, failing);
            self.arriving.entry(hit.arrival).or_default().push(hit);
        }
        self.drawn += 1;
    }

    fn draw(&mut self, ts: i64, failing: bool) -> Hit {
        if self.rng.random_bool(0.45) {
            self.last = self.rng.random_range(0..self.sessions.len());
        }
        let session = &mut self.sessions[self.last];
        if session.is_over() {
            *session = Session::begin(&mut self.rng);
        }
        let visit = session.visit(failing, &mut self.rng);
        let (client, agent, user) = (session.client, session.agent, session.user);
        let late = self.arrival_rng.random_bool(self.late);
        Hit { ts, arrival: self.arrival(ts, late), late, client, agent, user, visit }
    }

    /// An agent hands records on within seconds, batches overtaking each other; after an outage, hours later.
    fn arrival(&mut self, ts: i64, late: bool) -> i64 {
        if late {
            return self.caught_up(ts) + self.arrival_rng.random_range(0..60);
        }
        ts + 1 + self.arrival_rng.random_range(0..8).min(self.arrival_rng.random_range(0..8))
    }

    /// When the agent that was cut off at `ts` is back: more than an hour and a buffer later, so that no object that was
    /// opened in the hour of `ts` can still be open.
    fn caught_up(&self, ts: i64) -> i64 {
        let outage = ts.div_euclid(OUTAGE_SECONDS);
        let scattered = (outage as u64 ^ self.seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        (outage + 1) * OUTAGE_SECONDS + 3600 + self.buffer_seconds + (scattered % 7200) as i64
    }
}

impl Iterator for Traffic {
    type Item = Hit;

    fn next(&mut self) -> Option<Hit> {
        self.next_before(i64::MAX)
    }
}

/// How many of a minute's records come by the end of each second: unevenly, and all of them by the last.
fn spread(records: u64, rng: &mut ChaCha8Rng) -> [u64; 60] {
    let mut sum = 0.0;
    let sums = [(); 60].map(|()| {
        sum += 0.2 - (1.0 - rng.random::<f64>()).ln();
        sum
    });
    sums.map(|by_then| (records as f64 * (by_then / sum)).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(options: &GenerateOptions) -> Vec<Hit> {
        Traffic::new(options).collect()
    }

    #[test]
    fn hits_come_in_the_order_of_arrival_and_not_of_event_time() {
        let hits = hits(&GenerateOptions { hours: 2, late: 0.0, ..Default::default() });
        assert_eq!(hits.len(), 7200);
        assert!(hits.is_sorted_by_key(|hit| hit.arrival));
        assert!(!hits.is_sorted_by_key(|hit| hit.ts));
        assert!(hits.iter().all(|hit| (1..=8).contains(&(hit.arrival - hit.ts))));
    }

    #[test]
    fn late_hits_arrive_an_hour_and_a_buffer_later_and_leave_the_traffic_as_it_is() {
        let on_time = hits(&GenerateOptions { hours: 3, late: 0.0, ..Default::default() });
        let some_late = hits(&GenerateOptions { hours: 3, late: 0.1, ..Default::default() });
        assert!(some_late.is_sorted_by_key(|hit| hit.arrival));
        let late: Vec<_> = some_late.iter().filter(|hit| hit.late).collect();
        assert!((900..1300).contains(&late.len()), "{}", late.len());
        assert!(late.iter().all(|hit| (3900..=4 * 3600).contains(&(hit.arrival - hit.ts))));
        let mut counts = [on_time, some_late].map(|hits| {
            let mut keys: Vec<_> = hits.iter().map(|hit| (hit.ts, hit.client, hit.visit.bytes)).collect();
            keys.sort_unstable();
            keys
        });
        let [first, second] = &mut counts;
        assert_eq!(first, second);
    }

    #[test]
    fn a_minute_is_spread_whole() {
        let seconds = spread(1000, &mut ChaCha8Rng::seed_from_u64(3));
        assert!(seconds.is_sorted() && seconds[59] == 1000);
    }
}

//! `kill -9` at a hundred moments of a run, and every record is there once.
//!
//! Ten tables are made, and on each ten runs are killed, each going on from what the last one left: two about the time at which
//! the table is made, five somewhere in the work, three about its end. A run is killed once it has made so many commits, and
//! then some time later: drawn from a seed, below what that part of a run took when nothing ended it.

use crate::support::numbered::{Numbered, SCHEMA_FILE};
use crate::support::process::Sandbox;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

const TABLES: usize = 10;
const KILLS: usize = 10;
const POLL: Duration = Duration::from_micros(500);

/// Where in its work a run was when it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Before the table was there.
    BeforeTheTable,
    /// Before it made a commit of its own.
    BeforeItsFirst,
    /// After one of its own, and before the last.
    Between,
    /// After the last: it was publishing, or about to end.
    AfterTheLast,
    /// It had ended.
    TooLate,
}

/// How long the parts of a run took that nothing ended, and how many commits it made.
struct Measured {
    to_the_table: Duration,
    a_commit: Duration,
    to_the_end: Duration,
    commits: usize,
}

#[test]
fn a_hundred_killed_runs_lose_nothing_and_count_nothing_twice() {
    let records = Numbered::new(0, 40, 200, 1_000);
    let sandbox = Sandbox::new();
    records.write(&sandbox, "landing");
    sandbox.ok(&line(TABLES)); // the first start is slower than all others
    let measured = Measured::of(&sandbox, TABLES + 1);
    assert!(measured.commits > 7, "{} commits", measured.commits);

    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut moments: BTreeMap<Moment, usize> = BTreeMap::new();
    for table in 0..TABLES {
        for kill in 0..KILLS {
            let left = measured.commits - commits(&sandbox, table);
            let share: f64 = random.random_range(0.0..1.0);
            let (more, after) = match kill {
                0 | 1 => (0, measured.to_the_table.mul_f64(share * share)), // what runs beside it makes the measured one long
                2..7 => (random.random_range(0..2).min(left), measured.a_commit.mul_f64(share)),
                _ => (left, measured.to_the_end.mul_f64(share)),
            };
            let moment = measured.killed(&sandbox, table, more, after);
            *moments.entry(moment).or_default() += 1;
        }
        sandbox.ok(&line(table));
        sandbox.ok(&line(table)).says(&["nothing new to compact"]);
        records.check_table(&sandbox, &lake(table), "t");
    }
    for moment in [Moment::BeforeTheTable, Moment::BeforeItsFirst, Moment::Between, Moment::AfterTheLast] {
        assert!(moments.get(&moment).is_some_and(|times| *times >= 5), "{moments:?}");
    }
}

fn lake(table: usize) -> String {
    format!("lake-{table}")
}

fn line(table: usize) -> String {
    let lake = lake(table);
    format!("compact --lake {lake} --landing landing --schema {SCHEMA_FILE} --table t --threads 1 --batch-mib 1")
}

fn commits(sandbox: &Sandbox, table: usize) -> usize {
    // a killed run may leave the file behind that was to become a commit
    let files = sandbox.files(&format!("{}/logs/t/_ledger", lake(table)));
    files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")).count()
}

impl Measured {
    fn of(sandbox: &Sandbox, table: usize) -> Measured {
        let started = Instant::now();
        let mut run = sandbox.start(&line(table));
        let mut seen: Vec<Duration> = Vec::new();
        while !ended(&mut run) {
            if commits(sandbox, table) > seen.len() {
                seen.push(started.elapsed());
            }
            std::thread::sleep(POLL);
        }
        let (whole, first, last) = (started.elapsed(), seen[0], seen[seen.len() - 1]);
        let a_commit = (last - first) / (seen.len() - 1) as u32;
        Measured { to_the_table: first, a_commit, to_the_end: whole - last, commits: seen.len() }
    }

    /// Starts a run and kills it `after` it has made so many commits `more` than there were.
    fn killed(&self, sandbox: &Sandbox, table: usize, more: usize, after: Duration) -> Moment {
        let before = commits(sandbox, table);
        let mut run = sandbox.start(&line(table));
        while commits(sandbox, table) < before + more && !ended(&mut run) {
            std::thread::sleep(POLL);
        }
        std::thread::sleep(after);
        let too_late = ended(&mut run);
        run.kill().unwrap(); // SIGKILL
        run.wait().unwrap();
        match commits(sandbox, table) {
            _ if too_late => Moment::TooLate,
            0 => Moment::BeforeTheTable,
            there if there == self.commits => Moment::AfterTheLast,
            there if there == before => Moment::BeforeItsFirst,
            _ => Moment::Between,
        }
    }
}

fn ended(run: &mut Child) -> bool {
    run.try_wait().unwrap().is_some()
}

//! The test itself: random sequences, which the product stands; and one for each rule of the protocol, which it does not stand
//! without that rule.

use super::process::jobs;
use super::script::{Step, steps};
use super::world::World;
use crate::sabotage::{Broken, take_out};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::Cell;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// Steps of a sequence at most.
const STEPS: usize = 60;

/// Plays a sequence; what it breaks, and what happened until then.
fn play(script: &[Step]) -> Result<(), (String, Vec<String>)> {
    let runtime = Builder::new_current_thread().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let mut world = World::new();
        for step in script {
            if let Err(what) = world.step(step).await {
                return Err((what, std::mem::take(&mut world.log)));
            }
        }
        let ended = world.end().await;
        ended.map_err(|what| (what, std::mem::take(&mut world.log)))
    })
}

/// A search for a sequence that breaks something.
struct Search {
    seed: u64,
    sequences: u32,
    broken: Option<Broken>,
    /// Sequences that are tried to make the one that was found shorter.
    shrinks: u32,
}

/// What a search found.
#[derive(Default)]
struct Found {
    what: String,
    script: Vec<Step>,
    log: Vec<String>,
    /// Sequences played until then.
    played: u32,
}

impl Search {
    fn run(&self) -> Option<Found> {
        take_out(self.broken);
        let found = self.sequences();
        take_out(None);
        found
    }

    fn sequences(&self) -> Option<Found> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config {
            cases: self.sequences,
            failure_persistence: None,
            max_shrink_iters: self.shrinks,
            ..Config::default()
        };
        let played = Cell::new(0);
        let result = TestRunner::new_with_rng(config, rng).run(&steps(jobs(), STEPS), |script| {
            let ended = play(&script);
            played.set(played.get() + u32::from(ended.is_ok()));
            ended.map_err(|(what, _)| TestCaseError::fail(what))
        });
        let Err(TestError::Fail(_, script)) = result else { return None };
        let (what, log) = play(&script).err().unwrap_or_default();
        Some(Found { what, script, log, played: played.get() })
    }
}

fn stands(seed: u64, sequences: u32) {
    let search = Search { seed, sequences, broken: None, shrinks: 400 };
    if let Some(Found { what, script, log, .. }) = search.run() {
        panic!("seed {seed}: {what}\n{}\n{script:#?}", log.join("\n"));
    }
}

#[test]
fn whatever_happens_each_record_is_there_once() {
    stands(1, 200);
}

/// The rules, each with a seed of sequences that show what it prevents.
const RULES: [(Broken, u64); 8] = [
    (Broken::AttemptReused, 1),
    (Broken::ExistsIsSuccess, 1),
    (Broken::OverlapUnchecked, 1),
    (Broken::WaitingBeatsCompacted, 1),
    (Broken::PublishStale, 1),
    (Broken::WatermarkAtOnce, 1),
    (Broken::FolderReused, 1),
    (Broken::CheckpointLabel, 1),
];

#[test]
fn without_any_one_rule_something_breaks() {
    for (rule, seed) in RULES {
        let search = Search { seed, sequences: 300, broken: Some(rule), shrinks: 0 };
        assert!(search.run().is_some(), "nothing breaks without {rule:?}, with seed {seed}");
    }
}

/// The long run, and the search for seeds.
#[test]
#[ignore = "takes an hour"]
fn many_sequences() {
    let count = |name: &str, default: u32| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (sequences, first) = (count("FIRELAKE_SEQUENCES", 10_000), count("FIRELAKE_SEED", 1));
    let tries = count("FIRELAKE_TRIES", 5);
    for (rule, _) in RULES {
        for seed in first..first + tries {
            let search = Search { seed: seed.into(), sequences: 200, broken: Some(rule), shrinks: 200 };
            if let Some(Found { what, played, script, .. }) = search.run() {
                println!("{rule:?}: seed {seed}, after {played} sequences, {} steps: {what}", script.len());
                break;
            }
        }
    }
    for part in 0..sequences.div_ceil(500) {
        stands(u64::from(first * 1000 + part), 500);
        println!("{} sequences", (part + 1) * 500);
    }
}

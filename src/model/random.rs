//! The test itself: random sequences, which the product stands; and one for each rule of the protocol, which it does not stand
//! without that rule.

use super::process::jobs;
use super::script::{Step, steps};
use super::world::World;
use crate::sabotage::{Broken, take_out};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
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

/// Plays so many sequences of a seed; the shortest that shrinking finds of one that breaks something.
fn search(seed: u64, sequences: u32, broken: Option<Broken>) -> Option<(String, Vec<Step>, Vec<String>)> {
    take_out(broken);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: sequences, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let result =
        runner.run(&steps(jobs(), STEPS), |script| play(&script).map_err(|(what, _)| TestCaseError::fail(what)));
    let found = match result {
        Err(TestError::Fail(_, script)) => {
            let (what, log) = play(&script).err().unwrap_or_default();
            Some((what, script, log))
        }
        _ => None,
    };
    take_out(None);
    found
}

fn stands(seed: u64, sequences: u32) {
    if let Some((what, script, log)) = search(seed, sequences, None) {
        panic!("seed {seed}: {what}\n{}\n{script:#?}", log.join("\n"));
    }
}

#[test]
fn whatever_happens_each_record_is_there_once() {
    stands(1, 100);
}

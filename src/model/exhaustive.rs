//! Every operation of every job fails once, in each way: then the job runs again, and nothing is lost, doubled or half-visible,
//! neither in the end nor at any moment on the way.

use super::gate::End;
use super::process::Job;
use super::script::Step;
use super::world::World;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// What becomes of the process whose operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It hears of it, and goes on as it does then.
    Hears,
    /// It dies.
    Dies,
}

/// A table with data in several partitions that came late, and what else the job needs to have something to do.
fn before(job: &Job) -> Vec<Step> {
    let deliver = |days, hours_late| Step::Deliver { days, hours_late };
    let first = vec![deliver(0b011, 0), deliver(0b110, 0), deliver(0b111, 2)];
    let more = vec![Step::Pass(20), deliver(0b011, 3), deliver(0b101, 0), deliver(0b001, 30), deliver(0b111, 0)];
    let compact = || Step::Run(Job::Compact);
    let orphan = || vec![Step::Start(Job::Compact), Step::Go { process: 0, gates: 1, end: End::Done }, Step::Kill(0)];
    let several = [first.clone(), vec![compact()], more.clone(), orphan(), vec![compact()]].concat();
    let unpublished = [first.clone(), vec![compact()], more.clone(), vec![Step::Start(Job::Compact)]].concat();
    match job {
        Job::Compact | Job::Evolve => [first, vec![compact()], more].concat(),
        Job::Publish => [unpublished, vec![Step::Go { process: 0, gates: 4, end: End::Done }, Step::Kill(0)]].concat(),
        Job::Gc => {
            [several, vec![Step::Run(Job::Merge), Step::Pass(600), Step::Run(Job::Gc), Step::Pass(300)]].concat()
        }
        Job::Resume => [several, vec![Step::Run(Job::Rollback(2))]].concat(),
        Job::Rollback(_) => [several, vec![Step::Run(Job::Merge)]].concat(),
        Job::Rebuild(_) => [several, vec![Step::Run(Job::Redrive)]].concat(),
        _ => several,
    }
}

/// Plays: the job's operation `at` ends so. Whether the job has so many operations.
async fn play(world: &mut World, job: &Job, at: usize, end: End, then: Then) -> Result<bool, String> {
    for step in before(job) {
        world.step(&step).await?;
    }
    world.stop_at_each(true);
    world.step(&Step::Start(job.clone())).await?;
    if at > 0 {
        world.step(&Step::Go { process: 0, gates: at, end: End::Done }).await?;
    }
    if world.running() == 0 {
        return Ok(false);
    }
    world.step(&Step::Go { process: 0, gates: 1, end }).await?;
    world.step(if then == Then::Dies { &Step::Kill(0) } else { &Step::Finish(0) }).await?;
    world.stop_at_each(false);
    world.step(&Step::Run(job.clone())).await?;
    world.end().await?;
    Ok(true)
}

/// Fails each operation of the job; how many it has.
fn each_operation(job: &Job, end: End, then: Then) -> usize {
    let runtime = Builder::new_current_thread().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let mut at = 0;
        loop {
            let mut world = World::new();
            match play(&mut world, job, at, end, then).await {
                Ok(true) => at += 1,
                Ok(false) => return at,
                Err(what) => panic!("{job:?}, operation {at} {end:?}, {then:?}: {what}\n{}", world.log.join("\n")),
            }
        }
    })
}

fn every_way(job: &Job, operations: usize) {
    for (end, then) in [
        (End::Refused, Then::Hears),
        (End::Refused, Then::Dies),
        (End::Lost, Then::Hears),
        (End::Lost, Then::Dies),
        (End::Late, Then::Hears),
        (End::Conflict, Then::Hears),
    ] {
        let found = each_operation(job, end, then);
        assert!(found >= operations, "{job:?} has {found} operations only: it did not do what it was to do");
    }
}

/// A test a job, so that they run side by side.
macro_rules! jobs {
    ($($name:ident: $job:expr, $operations:literal;)*) => {
        $(#[test]
        fn $name() {
            every_way(&$job, $operations);
        })*
    };
}

jobs! {
    compact: Job::Compact, 30;
    evolve: Job::Evolve, 30;
    publish: Job::Publish, 10;
    checkpoint: Job::Checkpoint, 5;
    merge: Job::Merge, 20;
    gc: Job::Gc, 20;
    rollback: Job::Rollback(2), 15;
    resume: Job::Resume, 4;
    rebuild: Job::Rebuild(6), 20;
    redrive: Job::Redrive, 15;
    expire: Job::Expire(36), 10;
}

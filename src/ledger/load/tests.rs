use super::*;
use crate::error::Kind;
use crate::ledger::{Action, Appended, ColumnStats, DataFile, Input, PinnedSchema, Pins, Waiting};
use crate::storage::Location;
use chrono::{DateTime, TimeDelta};
use object_store::memory::InMemory;
use proptest::prelude::*;
use uuid::Uuid;

fn ledger() -> Ledger {
    Ledger::new(&Location::in_store(Arc::new(InMemory::new()), "memory:///", "lake/logs/t"))
}

fn commit(action: Action) -> Commit {
    Commit::new(action, DateTime::UNIX_EPOCH, "test")
}

async fn created(ledger: &Ledger) -> Snapshot {
    let pins = Pins { schema_name: "s".into(), schema: "text".into(), landing: vec![], catalog: "file".into() };
    ledger.create(Commit { pins: Some(pins), ..commit(Action::Create) }).await.unwrap().unwrap()
}

/// The state with one more commit.
async fn append(ledger: &Ledger, state: &Snapshot, commit: Commit) -> Snapshot {
    let mut state = state.clone();
    match ledger.append(&mut state, commit).await.unwrap() {
        Appended::Committed(_) => state,
        Appended::Conflict { why } => panic!("{why}"),
    }
}

fn waiting(url: String) -> Waiting {
    Waiting { url, reason: "cut".into(), since: DateTime::UNIX_EPOCH }
}

fn input(url: String, hour: u8) -> Input {
    let delivered = DateTime::UNIX_EPOCH + TimeDelta::hours(hour.into()) + TimeDelta::nanoseconds(1);
    Input { url, etag: Some("\"e\"".into()), size: 1, delivered, records: 0, rejected: 0 }
}

fn file(path: String, partition: &str) -> DataFile {
    let partition = serde_json::from_value(partition.into()).unwrap();
    let stats = ColumnStats { min: Some((-1).into()), max: Some("2026-11-20T09:00:00.000".into()), nulls: 2 };
    DataFile {
        path,
        partition,
        rows: 0,
        bytes: 9,
        inputs: vec![0],
        origin: None,
        stats: [("ts".to_owned(), stats)].into(),
    }
}

/// What a commit of a random history does.
#[derive(Debug, Clone)]
enum Step {
    /// Brings an input, and a file to a partition of each set.
    Add { hour: u8, partition: u8 },
    /// Takes out the first live file, if there is one.
    Remove,
    /// An object waits; it is gone two such steps later.
    Wait,
    /// One more landing prefix.
    Landing,
    /// A full listing, and nothing else; every other one of a share.
    Listed,
    /// Condemns a folder, or finds the first condemned one deleted.
    Condemn,
    /// A bound, and the first live file taken out.
    Expire,
    /// Takes out the first live file and its inputs, and puts the table on hold; or ends the hold.
    Hold,
    /// Another schema.
    Evolve,
    /// No commit: a checkpoint of what was last loaded.
    Checkpoint,
    /// No commit: the writer loads the state anew.
    Load,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..5_u8, 0..4_u8).prop_map(|(hour, partition)| Step::Add { hour, partition }),
        2 => Just(Step::Remove),
        2 => Just(Step::Wait),
        1 => Just(Step::Landing),
        1 => Just(Step::Listed),
        1 => Just(Step::Condemn),
        1 => Just(Step::Expire),
        1 => Just(Step::Hold),
        1 => Just(Step::Evolve),
        4 => Just(Step::Checkpoint),
        2 => Just(Step::Load),
    ]
}

fn commit_of(step: &Step, state: &Snapshot) -> Option<Commit> {
    let next = state.head + 1;
    let add = commit(Action::Add);
    Some(match step {
        Step::Add { .. } | Step::Remove if state.hold.is_some() => return None,
        Step::Add { hour, partition } => {
            let attempt = Uuid::now_v7();
            let add_to = |set: &str| file(format!("{set}/{attempt}/{next}"), &format!("dt={partition}"));
            let inputs = vec![input(format!("in/{next}"), *hour)];
            Commit { attempt: Some(attempt), inputs, add: vec![add_to("data"), add_to("rejected")], ..add }
        }
        Step::Remove => Commit { remove: vec![state.files.keys().next()?.clone()], ..add },
        Step::Wait if state.waiting.len() > 1 => {
            Commit { gone: state.waiting.values().take(1).cloned().collect(), ..add }
        }
        Step::Wait => Commit { waiting: vec![waiting(format!("waits/{next}"))], ..add },
        Step::Landing => Commit { landing: Some(format!("landing/{next}")), ..commit(Action::AddLanding) },
        Step::Listed => {
            let shard = next.is_multiple_of(2).then(|| format!("{}/8", next % 8 + 1));
            Commit { full_listing_at: Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(next as i64)), shard, ..add }
        }
        Step::Condemn if state.condemned.len() > 1 => {
            Commit { deleted: state.condemned.keys().take(1).cloned().collect(), ..commit(Action::Condemn) }
        }
        Step::Condemn => Commit { condemned: vec![format!("data/p{next}/dt=1/")], ..commit(Action::Condemn) },
        Step::Expire => {
            let expired_before = Some(DateTime::UNIX_EPOCH + TimeDelta::days(next as i64));
            let remove = state.files.keys().take(1).cloned().collect();
            Commit { expired_before, remove, ..commit(Action::Expire) }
        }
        Step::Hold if state.hold.is_some() => Commit { resumes: state.hold, ..commit(Action::Resume) },
        Step::Hold => {
            let remove = state.files.keys().take(1).cloned().collect();
            let taken_out = state.compacted.keys().min().cloned().into_iter().collect();
            Commit { to: Some(0), remove, taken_out, ..commit(Action::Rollback) }
        }
        Step::Evolve => {
            let schema = Some(PinnedSchema { name: "s".into(), text: format!("text {next}") });
            Commit { schema, ..commit(Action::Evolve) }
        }
        Step::Checkpoint | Step::Load => return None,
    })
}

/// Makes the history, with its checkpoints; the fold of all its commits.
async fn history(ledger: &Ledger, steps: &[Step]) -> Snapshot {
    let mut state = created(ledger).await;
    for step in steps {
        match (step, commit_of(step, &state)) {
            (_, Some(commit)) => state = append(ledger, &state, commit).await,
            (Step::Checkpoint, _) => ledger.checkpoint(&mut state).await.unwrap(),
            _ => state = ledger.load().await.unwrap().unwrap(),
        }
    }
    fold(ledger).await
}

async fn fold(ledger: &Ledger) -> Snapshot {
    let mut state = Snapshot::begin(&ledger.commit(0).await.unwrap().unwrap()).unwrap();
    ledger.catch_up(&mut state).await.unwrap();
    state
}

/// Every object of every checkpoint.
async fn objects(ledger: &Ledger) -> Vec<Path> {
    let folder = ledger.folder.join("checkpoint");
    let listed = folder.store().list(Some(folder.prefix())).map_ok(|object| object.location);
    listed.try_collect().await.unwrap()
}

/// What becomes of one object of a checkpoint.
#[derive(Debug, Clone)]
enum Harm {
    Lost,
    Cut(usize),
    Flipped(usize),
    /// Another object's bytes.
    Swapped(prop::sample::Index),
}

fn harm() -> impl Strategy<Value = (prop::sample::Index, Harm)> {
    let harm = prop_oneof![
        Just(Harm::Lost),
        (0..4000_usize).prop_map(Harm::Cut),
        (0..4000_usize).prop_map(Harm::Flipped),
        any::<prop::sample::Index>().prop_map(Harm::Swapped),
    ];
    (any::<prop::sample::Index>(), harm)
}

async fn do_harm(ledger: &Ledger, at: &Path, harm: &Harm, all: &[Path]) {
    let store = ledger.folder.store();
    let Ok(stored) = store.get(at).await else { return }; // lost before
    let mut bytes = stored.bytes().await.unwrap().to_vec();
    match harm {
        Harm::Lost => return store.delete(at).await.unwrap(),
        Harm::Cut(length) => bytes.truncate(*length),
        Harm::Flipped(byte) => match bytes.get_mut(*byte) {
            Some(byte) => *byte ^= 1,
            None => return,
        },
        Harm::Swapped(other) => match store.get(other.get(all)).await {
            Ok(other) => bytes = other.bytes().await.unwrap().to_vec(),
            Err(_) => return,
        },
    }
    store.put(at, bytes.into()).await.unwrap();
}

async fn loads_the_fold(steps: &[Step], harms: &[(prop::sample::Index, Harm)]) {
    let ledger = ledger();
    let truth = history(&ledger, steps).await;
    assert_eq!(ledger.load().await.unwrap().unwrap(), truth);
    let all = objects(&ledger).await;
    for (at, harm) in harms.iter().filter(|_| !all.is_empty()) {
        do_harm(&ledger, at.get(&all), harm, &all).await;
        assert_eq!(ledger.load().await.unwrap().unwrap(), truth, "after {harm:?} of {}", at.get(&all));
    }
    // Whatever is left of them, the next one is whole, and counts.
    let mut state = append(&ledger, &truth, commit(Action::Add)).await;
    state.base = ledger.load().await.unwrap().unwrap().base;
    ledger.checkpoint(&mut state).await.unwrap();
    let loaded = ledger.load().await.unwrap().unwrap();
    assert_eq!((loaded.base.0.as_ref().unwrap().number, &loaded), (state.head, &state));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn whatever_checkpoints_there_are_a_load_is_the_fold_of_all_commits(
        steps in prop::collection::vec(step(), 1..40),
        harms in prop::collection::vec(harm(), 0..6),
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(loads_the_fold(&steps, &harms));
    }
}

fn adds(count: usize) -> Vec<Step> {
    (0..count).map(|n| Step::Add { hour: n as u8, partition: n as u8 }).collect()
}

async fn delete(ledger: &Ledger, number: u64) {
    ledger.folder.store().delete(&ledger.folder.path(&Commit::file_name(number))).await.unwrap();
}

#[tokio::test]
async fn commits_before_the_checkpoint_are_not_read() {
    let ledger = ledger();
    let truth = history(&ledger, &[adds(5), vec![Step::Checkpoint], adds(2)].concat()).await;
    for number in 0..5 {
        delete(&ledger, number).await;
    }
    assert_eq!(ledger.load().await.unwrap().unwrap(), truth);
}

#[tokio::test]
async fn a_commit_that_is_missing_from_the_checkpoint_on_is_named() {
    for missing in [5, 6, 7] {
        let ledger = ledger();
        history(&ledger, &[adds(5), vec![Step::Checkpoint], adds(3)].concat()).await;
        delete(&ledger, missing).await;
        let error = ledger.load().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Ledger);
        assert!(error.message().contains(&format!("{} is missing", Commit::file_name(missing))), "{error}");
    }
}

#[tokio::test]
async fn a_lost_tail_is_noticed_by_its_checkpoint() {
    let ledger = ledger();
    history(&ledger, &[adds(5), vec![Step::Checkpoint]].concat()).await;
    delete(&ledger, 4).await;
    delete(&ledger, 5).await;
    let error = ledger.load().await.unwrap_err();
    assert!(error.message().contains("though there is a checkpoint of it"), "{error}");
}

#[tokio::test]
async fn a_checkpoint_of_another_view_than_its_number_is_passed_over() {
    let ledger = ledger();
    let truth = history(&ledger, &adds(6)).await;
    let mut early = Snapshot::begin(&ledger.commit(0).await.unwrap().unwrap()).unwrap();
    for number in 1..=3 {
        early.apply(&ledger.commit(number).await.unwrap().unwrap()).unwrap();
    }
    // Labelled later than its view, and earlier; the second with that commit's id, too.
    let earlier_id = ledger.commit(4).await.unwrap().unwrap().id;
    let wrong = [Snapshot { head: 5, ..early.clone() }, Snapshot { head: 4, id: earlier_id, ..truth.clone() }];
    for mut state in wrong {
        ledger.checkpoint(&mut state).await.unwrap();
        let loaded = ledger.load().await.unwrap().unwrap();
        assert_eq!((loaded.base.0.is_none(), &loaded), (true, &truth));
    }
}

#[tokio::test]
async fn two_writers_of_one_checkpoint_do_no_harm() {
    let ledger = ledger();
    let truth = history(&ledger, &adds(4)).await;
    let (mut one, mut two) = (truth.clone(), ledger.load().await.unwrap().unwrap());
    let (first, second) = tokio::join!(ledger.checkpoint(&mut one), ledger.checkpoint(&mut two));
    first.and(second).unwrap();
    assert_eq!(objects(&ledger).await.len(), 3, "one root, one part of partitions, one of inputs");
    let loaded = ledger.load().await.unwrap().unwrap();
    assert_eq!((loaded.base.0.is_some(), loaded), (true, truth));
}

#[tokio::test]
async fn a_checkpoint_is_due_after_a_hundred_commits() {
    let ledger = ledger();
    let mut state = created(&ledger).await;
    for due in [false, true, false, true] {
        while !state.checkpoint_is_due() && due {
            state.apply(&Commit { number: state.head + 1, ..commit(Action::Add) }).unwrap();
        }
        assert_eq!((state.checkpoint_is_due(), state.head.is_multiple_of(100)), (due, true));
        if due {
            ledger.checkpoint(&mut state).await.unwrap();
        }
    }
    assert_eq!(state.head, 200);
}

/// I8: what a checkpoint stores anew is what changed.
#[tokio::test]
async fn parts_that_did_not_change_are_named_again() {
    let ledger = ledger();
    let (base, attempt) = (created(&ledger).await, Some(Uuid::now_v7()));
    let inputs = (0..20_000).map(|n| input(format!("in/{n:06}"), (n / 100) as u8)).collect();
    let add = (0..8_000).map(|n| file(format!("data/{n}"), &format!("dt={n:06}"))).collect();
    let mut state = append(&ledger, &base, Commit { attempt, inputs, add, ..commit(Action::Add) }).await;
    ledger.checkpoint(&mut state).await.unwrap();
    let all = objects(&ledger).await.len();
    assert!(all > 8, "{all}");
    for (partition, parts) in [("dt=000000", 2), ("dt=007999", 2), ("dt=004000", 2)] {
        let before = objects(&ledger).await.len();
        let change =
            Commit { attempt, add: vec![file(format!("data/new-{partition}"), partition)], ..commit(Action::Add) };
        let mut next = append(&ledger, &ledger.load().await.unwrap().unwrap(), change).await;
        ledger.checkpoint(&mut next).await.unwrap();
        assert_eq!(objects(&ledger).await.len() - before, parts, "{partition}: one part and the root");
        assert_eq!(ledger.load().await.unwrap().unwrap(), next);
    }
    assert_eq!(ledger.load().await.unwrap().unwrap(), fold(&ledger).await);
}

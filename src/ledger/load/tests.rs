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

/// How the delivery of an input goes with its key.
#[derive(Debug, Clone, Copy)]
enum Key {
    /// The key says it.
    Says,
    /// The key says none: it is when the object was last modified.
    Silent,
    /// The key says another, of the stream's time zone.
    Zoned,
}

fn url(key: Key, hour: u8, name: u64) -> String {
    match key {
        Key::Says => format!("in/2026/01/01/{hour:02}/{name}"),
        Key::Silent => format!("in/{name}"),
        Key::Zoned => format!("in/2026/01/01/{:02}/zoned/{name}", 9 - hour),
    }
}

fn input(key: Key, hour: u8, name: u64) -> Input {
    let late = TimeDelta::nanoseconds(if matches!(key, Key::Says) { 0 } else { 1 });
    let midnight = DateTime::UNIX_EPOCH + TimeDelta::days(20_454); // 2026-01-01
    let (url, delivered) = (url(key, hour, name), midnight + TimeDelta::hours(hour.into()) + late);
    Input {
        url,
        etag: Some("\"e\"".into()),
        size: 1,
        delivered,
        records: 0,
        rejected: 0,
        repaired: name % 3,
        opened: false,
    }
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
    /// Brings inputs, and a file to a partition of each set.
    Add { hour: u8, partition: u8, key: Key, inputs: u8 },
    /// Takes out the first live file, if there is one.
    Remove,
    /// An object waits; it is gone two such steps later.
    Wait,
    /// The oldest compacted object is said to wait, which is void.
    WaitInVain,
    /// The oldest compacted object is compacted again.
    Rebuild,
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
    /// No commit: the writer loads the state anew, with all compacted inputs or none.
    Load { lean: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..5_u8, 0..4_u8, key(), 1..4_u8)
            .prop_map(|(hour, partition, key, inputs)| Step::Add { hour, partition, key, inputs }),
        1 => Just(Step::WaitInVain),
        1 => Just(Step::Rebuild),
        2 => Just(Step::Remove),
        2 => Just(Step::Wait),
        1 => Just(Step::Landing),
        1 => Just(Step::Listed),
        1 => Just(Step::Condemn),
        1 => Just(Step::Expire),
        1 => Just(Step::Hold),
        1 => Just(Step::Evolve),
        4 => Just(Step::Checkpoint),
        3 => any::<bool>().prop_map(|lean| Step::Load { lean }),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![8 => Just(Key::Says), 1 => Just(Key::Silent), 1 => Just(Key::Zoned)]
}

fn commit_of(step: &Step, state: &Snapshot) -> Option<Commit> {
    let next = state.head + 1;
    let add = commit(Action::Add);
    Some(match step {
        Step::Add { .. } | Step::Remove | Step::Rebuild if state.hold.is_some() => return None,
        Step::Add { hour, partition, key, inputs } => {
            let attempt = Uuid::now_v7();
            let add_to = |set: &str| file(format!("{set}/{attempt}/{next}"), &format!("dt={partition}"));
            let inputs = (0..*inputs).map(|nth| input(*key, *hour, next * 10 + u64::from(nth))).collect();
            Commit { attempt: Some(attempt), inputs, add: vec![add_to("data"), add_to("rejected")], ..add }
        }
        Step::Remove => Commit { remove: vec![state.files.keys().next()?.clone()], ..add },
        Step::Wait if state.waiting.len() > 1 => {
            Commit { gone: state.waiting.values().take(1).cloned().collect(), ..add }
        }
        Step::Wait => Commit { waiting: vec![waiting(format!("waits/{next}"))], ..add },
        Step::WaitInVain => Commit { waiting: vec![waiting(oldest(state)?.url)], ..add },
        Step::Rebuild => Commit { inputs: vec![oldest(state)?], ..commit(Action::Rebuild) },
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
            let taken_out = oldest(state).map(|input| input.url).into_iter().collect();
            Commit { to: Some(0), remove, taken_out, ..commit(Action::Rollback) }
        }
        Step::Evolve => {
            let schema = Some(PinnedSchema { name: "s".into(), text: format!("text {next}"), changes: Vec::new() });
            Commit { schema, ..commit(Action::Evolve) }
        }
        Step::Checkpoint | Step::Load { .. } => return None,
    })
}

/// The compacted input that was delivered first.
fn oldest(state: &Snapshot) -> Option<Input> {
    let all = state.compacted.all().unwrap();
    let (url, input) = all.iter().min_by_key(|(url, input)| (input.delivered, *url))?;
    let (url, delivered) = (url.clone(), input.delivered);
    Some(Input { url, etag: None, size: 1, delivered, records: 0, rejected: 0, repaired: 0, opened: false })
}

/// Makes the history, with its checkpoints; the fold of all its commits. What the writer has loaded of the state is right at
/// every step.
async fn history(ledger: &Ledger, steps: &[Step]) -> Snapshot {
    let mut state = created(ledger).await;
    let mut truth = state.clone();
    for step in steps {
        match (step, commit_of(step, &truth)) {
            (_, Some(commit)) => {
                state = append(ledger, &state, commit).await;
                ledger.catch_up(&mut truth).await.unwrap();
            }
            (Step::Checkpoint, _) => ledger.checkpoint(&mut state).await.unwrap(),
            (Step::Load { lean: true }, _) => state = ledger.load_lean().await.unwrap().unwrap(),
            _ => state = ledger.load().await.unwrap().unwrap(),
        }
        agrees(&state, &truth);
    }
    assert_eq!(truth, fold(ledger).await);
    truth
}

/// URLs of every kind: all that are compacted, and some that never were.
fn urls(truth: &Snapshot) -> Vec<String> {
    let strangers = (0..5_u8).flat_map(|hour| [Key::Says, Key::Silent, Key::Zoned].map(|key| url(key, hour, 7)));
    truth.compacted.all().unwrap().keys().cloned().chain(strangers).collect()
}

/// Whatever a state says of an object is what the whole truth says, or that it does not know.
fn agrees(state: &Snapshot, truth: &Snapshot) {
    for url in urls(truth) {
        if let Ok(known) = state.compacted.get(&url) {
            assert_eq!(known, truth.compacted.get(&url).unwrap(), "{url}");
        }
    }
    let (compacted, base) = (truth.compacted.clone(), truth.base.clone());
    assert_eq!(Snapshot { compacted, base, ..state.clone() }, *truth, "all but compacted inputs is loaded at once");
}

/// A lean load knows of what was asked for, and completed it is the truth. `between` is done after loading.
async fn asked(ledger: &Ledger, truth: &Snapshot, asks: &[prop::sample::Index], between: impl AsyncFnOnce()) {
    let mut lean = ledger.load_lean().await.unwrap().unwrap();
    agrees(&lean, truth);
    between().await;
    let all = urls(truth);
    let asked: Vec<&str> = asks.iter().map(|ask| ask.get(&all).as_str()).collect();
    ledger.look_up(&mut lean, asked.iter().copied()).await.unwrap();
    agrees(&lean, truth);
    for url in asked {
        assert_eq!(lean.compacted.get(url).unwrap(), truth.compacted.get(url).unwrap(), "{url}");
    }
    ledger.complete(&mut lean).await.unwrap();
    assert_eq!(lean, *truth);
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

async fn loads_the_fold(steps: &[Step], harms: &[(prop::sample::Index, Harm)], asks: &[prop::sample::Index]) {
    let ledger = ledger();
    let truth = history(&ledger, steps).await;
    assert_eq!(ledger.load().await.unwrap().unwrap(), truth);
    asked(&ledger, &truth, asks, async || {}).await;
    let all = objects(&ledger).await;
    for (at, harm) in harms.iter().filter(|_| !all.is_empty()) {
        asked(&ledger, &truth, asks, async || do_harm(&ledger, at.get(&all), harm, &all).await).await;
        assert_eq!(ledger.load().await.unwrap().unwrap(), truth, "after {harm:?} of {}", at.get(&all));
    }
    // Whatever is left of them, the next one is whole, and counts.
    let mut state = append(&ledger, &truth, commit(Action::Add)).await;
    state.base = ledger.load().await.unwrap().unwrap().base;
    ledger.checkpoint(&mut state).await.unwrap();
    let loaded = ledger.load().await.unwrap().unwrap();
    assert_eq!((loaded.base.root.as_ref().unwrap().number, &loaded), (state.head, &state));
    // And one of a state that has not loaded all, with one input more, among the old ones.
    let late = commit_of(&Step::Add { hour: 2, partition: 2, key: Key::Says, inputs: 1 }, &state);
    let late = late.unwrap_or_else(|| commit(Action::Mark));
    let mut lean = append(&ledger, &ledger.load_lean().await.unwrap().unwrap(), late).await;
    ledger.checkpoint(&mut lean).await.unwrap();
    let loaded = ledger.load().await.unwrap().unwrap();
    assert_eq!((loaded.base.root.as_ref().unwrap().number, &loaded), (lean.head, &fold(&ledger).await));
    ledger.complete(&mut lean).await.unwrap();
    assert_eq!(lean, loaded);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn whatever_checkpoints_there_are_a_load_is_the_fold_of_all_commits(
        steps in prop::collection::vec(step(), 1..40),
        harms in prop::collection::vec(harm(), 0..6),
        asks in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(loads_the_fold(&steps, &harms, &asks));
    }
}

fn adds(count: usize) -> Vec<Step> {
    let add = |n: usize| Step::Add { hour: n as u8, partition: n as u8, key: Key::Says, inputs: 1 };
    (0..count).map(add).collect()
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
        assert_eq!((loaded.base.root.is_none(), &loaded), (true, &truth));
    }
}

#[tokio::test]
async fn two_writers_of_one_checkpoint_do_no_harm() {
    let ledger = ledger();
    let truth = history(&ledger, &adds(4)).await;
    let (mut one, mut two) = (truth.clone(), ledger.load().await.unwrap().unwrap());
    let (first, second) = tokio::join!(ledger.checkpoint(&mut one), ledger.checkpoint(&mut two));
    first.and(second).unwrap();
    let loaded = ledger.load().await.unwrap().unwrap();
    let parts = loaded.base.root.as_ref().map_or(0, |root| root.partitions.len() + root.compacted.len());
    assert_eq!(objects(&ledger).await.len(), 1 + parts, "one root, and its parts once");
    assert_eq!((loaded.base.root.is_some(), loaded), (true, truth));
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
    let inputs = (0..60).map(|n| input(Key::Says, (n / 10) as u8, n)).collect();
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

/// I8: a lean load takes the parts that it is asked for, and the checkpoint that follows names the others again.
#[tokio::test]
async fn of_old_inputs_only_those_are_loaded_that_are_asked_for() {
    let ledger = ledger();
    let base = created(&ledger).await;
    let key = |n: u64| if n.is_multiple_of(2) { Key::Says } else { Key::Zoned };
    let inputs: Vec<Input> = (0..200).map(|n| input(key(n), (n / 20) as u8, n)).collect();
    let mut state = append(&ledger, &base, Commit { inputs, ..commit(Action::Add) }).await;
    ledger.checkpoint(&mut state).await.unwrap();
    let mut lean = ledger.load_lean().await.unwrap().unwrap();
    let all = lean.compacted.absent().count();
    assert!(all > 20, "{all}");
    assert!(lean.compacted.all().is_err() && lean.newest_delivery().is_err());
    let (old, new) = (url(Key::Says, 4, 80), url(Key::Says, 9, 777));
    assert!(lean.compacted.get(&old).is_err() && lean.compacted.get(&new).is_err());
    assert!(!lean.compacted.contains(&url(Key::Silent, 4, 80)).unwrap(), "no part holds such keys");
    ledger.look_up(&mut lean, [old.as_str(), new.as_str()]).await.unwrap();
    assert_eq!(lean.compacted.absent().count(), all - 2);
    assert!(lean.compacted.contains(&old).unwrap() && !lean.compacted.contains(&new).unwrap());
    let parts = |state: &Snapshot| state.base.root.as_ref().unwrap().compacted.clone();
    let before = parts(&lean);
    let mut next =
        append(&ledger, &lean, Commit { inputs: vec![input(Key::Says, 9, 777)], ..commit(Action::Add) }).await;
    ledger.checkpoint(&mut next).await.unwrap();
    let kept = parts(&next).iter().filter(|part| before.contains(part)).count();
    assert!(kept >= all - 1, "{kept} of {all}");
    assert_eq!(next.compacted.absent().count(), all - 2);
    ledger.complete(&mut next).await.unwrap();
    assert_eq!(next, fold(&ledger).await);
}

/// A commit that cannot be checked against what is loaded is refused; the ledger loads what it needs before.
#[tokio::test]
async fn an_old_object_is_never_compacted_again() {
    let ledger = ledger();
    let base = created(&ledger).await;
    let old = || Commit { inputs: vec![input(Key::Says, 1, 1)], ..commit(Action::Add) };
    let mut state = append(&ledger, &base, old()).await;
    ledger.checkpoint(&mut state).await.unwrap();
    let lean = ledger.load_lean().await.unwrap().unwrap();
    assert_eq!(lean.check(&Commit { number: 2, ..old() }).unwrap_err().kind(), Kind::Internal);
    let error = ledger.append(&mut lean.clone(), old()).await.unwrap_err();
    assert!(error.message().contains("is compacted already, by commit 1"), "{error}");
    assert_eq!(ledger.load().await.unwrap().unwrap().head, 1);
}
